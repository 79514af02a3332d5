//! Refusals as RFC 9457 problems. The one place where an error becomes a status and a stable code (API.md); internal
//! detail has no path through here.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::operation::FailureCode;
use domain::requirement::Missing;
use domain::{Money, OperationId};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::Error;

/// An answer that says what was wrong and what to do.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A URI that names the sort of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The sort of problem in words.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: &'static str,
    /// What was wrong this time and what to do.
    pub detail: String,
    /// The operation that failed, or that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub operation_id: Option<OperationId>,
    /// Fields that cannot be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// With `insufficient_balance`: what it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<Money>,
    /// With `insufficient_balance`: what there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available: Option<Money>,
}

/// A field that cannot be.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Which.
    pub field: String,
    /// Stable code.
    pub code: &'static str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:trunkline:problem:{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: detail.into(),
            operation_id: None,
            errors: Vec::new(),
            required: None,
            available: None,
        }
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Not signed in",
            "Send a valid token as `Authorization: Bearer …`.",
        )
    }

    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut problem =
            Self::new(StatusCode::BAD_REQUEST, "invalid_request", "The request cannot be understood", detail);
        problem.errors.push(FieldError { field: field.into(), code: "invalid" });
        problem
    }

    pub(crate) fn too_large() -> Self {
        let detail = format!("A request body has at most {} bytes.", domain::limits::BODY_BYTES_MAX);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The request is too large", detail)
    }

    pub(crate) fn bad_signature() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_signature",
            "The signature is not good",
            "Nothing is believed without a good signature over the bytes that came.",
        )
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The request is not JSON",
            "Send JSON with `Content-Type: application/json`.",
        )
    }
}

pub(super) fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Not with this method",
        "The path exists, but not with this method; see /v1/openapi.json.",
    )
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code, title) = parts(&error);
        let mut problem = Self::new(status, code, title, detail(&error));
        match error {
            Error::Invalid { field, .. } => problem.errors.push(FieldError { field: field.into(), code: "invalid" }),
            Error::InsufficientBalance { required, available } => {
                (problem.required, problem.available) = (Some(required), Some(available));
            }
            Error::OperationInProgress(id) => problem.operation_id = id,
            Error::Operation(id, _) => problem.operation_id = Some(id),
            Error::Store(error) => tracing::error!(%error, "the store did not answer a request"),
            Error::Carrier(error) => tracing::warn!(%error, "a carrier did not answer a request"),
            Error::Platform(error) => tracing::warn!(%error, "a voice platform did not answer a request"),
            Error::Payments(error) => tracing::warn!(%error, "the payment provider did not answer a request"),
            _ => {}
        }
        problem
    }
}

/// Status, code and title of each reason.
fn parts(error: &Error) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    match error {
        Error::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
        Error::Invalid { .. } => (S::BAD_REQUEST, "invalid_request", "The request cannot be understood"),
        Error::IdempotencyKeyRequired => (S::BAD_REQUEST, "idempotency_key_required", "An idempotency key is missing"),
        Error::IdempotencyKeyReused => {
            (S::UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The idempotency key is taken")
        }
        Error::InsufficientBalance { .. } => (S::PAYMENT_REQUIRED, "insufficient_balance", "Not enough money"),
        Error::PlanForbidsNumbers => (S::FORBIDDEN, "plan_forbids_numbers", "The plan holds no numbers"),
        Error::NumberLimitReached(_) => (S::FORBIDDEN, "number_limit_reached", "The plan holds no more numbers"),
        Error::NumberUnavailable => (S::CONFLICT, "number_unavailable", "The number cannot be had"),
        Error::PoolExhausted => (S::CONFLICT, "pool_exhausted", "The carrier has no more numbers for us"),
        Error::NotAtCarrier => (S::NOT_FOUND, "not_found", "Not found"),
        Error::CarrierUnsupported => {
            (S::UNPROCESSABLE_ENTITY, "carrier_unsupported", "No numbers are imported from this carrier")
        }
        Error::UnsupportedCountry => (S::UNPROCESSABLE_ENTITY, "unsupported_country", "No numbers of this country"),
        Error::UnsupportedType => (S::UNPROCESSABLE_ENTITY, "unsupported_type", "No numbers of this type"),
        Error::NotOnFile(missing) => match missing.first() {
            Some(Missing::Address(_)) | None => {
                (S::UNPROCESSABLE_ENTITY, "address_required", "An address is needed first")
            }
            Some(Missing::Bundle(_)) => {
                (S::UNPROCESSABLE_ENTITY, "bundle_required", "A regulatory bundle is needed first")
            }
        },
        Error::OperationInProgress(_) => (S::CONFLICT, "operation_in_progress", "Another operation is running"),
        Error::NumberNotLinked => (S::CONFLICT, "number_not_linked", "No agent answers the number"),
        Error::NumberNotActive => (S::CONFLICT, "number_not_active", "The number is not in service"),
        Error::PrimaryNumber => (S::CONFLICT, "primary_number", "The number is the primary number"),
        Error::NumberLocked => (S::CONFLICT, "number_locked", "The number is locked"),
        Error::NumberParked => (S::CONFLICT, "number_parked", "The number is parked"),
        Error::NumberNotParked => (S::CONFLICT, "number_not_parked", "The number is not parked"),
        Error::ReleaseStarted => (S::CONFLICT, "release_started", "The release has started"),
        Error::NothingToUndo => (S::CONFLICT, "nothing_to_undo", "There is nothing to undo"),
        Error::AgentInUse => (S::CONFLICT, "agent_in_use", "The agent is in use"),
        Error::AgentHasNumber => (S::CONFLICT, "agent_has_number", "The agent has a number"),
        Error::ProjectInUse => (S::CONFLICT, "project_in_use", "The project is in use"),
        Error::PlatformUnsupported => {
            (S::UNPROCESSABLE_ENTITY, "platform_unsupported", "The voice platform is not supported")
        }
        Error::UnknownPlan(_) => (S::UNPROCESSABLE_ENTITY, "unknown_plan", "No such plan"),
        Error::NotStuck(_) => (S::CONFLICT, "operation_not_stuck", "The operation is not stuck"),
        Error::NotWaiting => (S::CONFLICT, "operation_not_waiting", "The operation waits for nobody"),
        Error::Forbidden => (S::FORBIDDEN, "forbidden", "Not allowed"),
        Error::Operation(_, failure) => match failure.code {
            FailureCode::NumberUnavailable => (S::CONFLICT, "number_unavailable", "The number cannot be had"),
            FailureCode::NotFound => (S::NOT_FOUND, "not_found", "Not found"),
            FailureCode::AddressRequired => (S::UNPROCESSABLE_ENTITY, "address_required", "An address is needed first"),
            FailureCode::BundleRequired => {
                (S::UNPROCESSABLE_ENTITY, "bundle_required", "A regulatory bundle is needed first")
            }
            FailureCode::CarrierUnavailable => {
                (S::SERVICE_UNAVAILABLE, "carrier_unavailable", "The carrier cannot do it now")
            }
            FailureCode::CarrierNotConfigured => {
                (S::SERVICE_UNAVAILABLE, "carrier_not_configured", "The carrier is not set up")
            }
            FailureCode::NotNeeded => (S::CONFLICT, "not_needed", "What it was for is gone"),
            FailureCode::PlatformUnavailable => {
                (S::SERVICE_UNAVAILABLE, "platform_unavailable", "The voice platform cannot do it now")
            }
            FailureCode::NeedsOperator => (S::SERVICE_UNAVAILABLE, "needs_operator", "An operator has to look at it"),
        },
        Error::Carrier(error) if Error::misconfigured(error) => {
            (S::SERVICE_UNAVAILABLE, "carrier_not_configured", "The carrier is not set up")
        }
        Error::Carrier(_) => (S::SERVICE_UNAVAILABLE, "carrier_unavailable", "The carrier cannot do it now"),
        Error::Platform(_) => (S::SERVICE_UNAVAILABLE, "platform_unavailable", "The voice platform cannot do it now"),
        Error::AmountOutOfRange { .. } => {
            (S::UNPROCESSABLE_ENTITY, "amount_out_of_range", "Too little or too much for one top-up")
        }
        Error::NoSavedCard => (S::CONFLICT, "no_saved_card", "No card is saved"),
        Error::TopUpFailed(_) => (S::CONFLICT, "top_up_failed", "The top-up came to nothing"),
        Error::Payments(error) if Error::misconfigured(error) => {
            (S::SERVICE_UNAVAILABLE, "payments_not_configured", "Payments are not set up")
        }
        Error::Payments(_) => (S::SERVICE_UNAVAILABLE, "payments_unavailable", "The payment provider cannot do it now"),
        Error::Store(_) => (S::SERVICE_UNAVAILABLE, "service_unavailable", "The service cannot do it now"),
    }
}

/// What was wrong this time and what to do.
fn detail(error: &Error) -> String {
    let fixed = match error {
        Error::NotFound => "There is nothing here for you.",
        Error::Invalid { field, why } => return format!("`{field}`: {why}"),
        Error::IdempotencyKeyRequired => "Send an `Idempotency-Key` of your own, so that a repeat buys nothing twice.",
        Error::IdempotencyKeyReused => "This `Idempotency-Key` came with a different request before; use a fresh one.",
        Error::InsufficientBalance { required, available } => {
            return format!("It takes {required}, and {available} is available. Top up and send the request again.");
        }
        Error::PlanForbidsNumbers => "Move to a plan that holds numbers.",
        Error::NumberLimitReached(limit) => {
            return format!("The plan holds {limit} numbers. Release one, or move to a larger plan.");
        }
        Error::NumberUnavailable => "It is taken or not on offer. Search again.",
        Error::PoolExhausted => {
            "All numbers of its own that the carrier lets us have are in use. Buy one of another carrier (leave `carrier` out), or \
             try again when one was released."
        }
        Error::NotAtCarrier => "The carrier's account has no such number; buy it there first, or check the digits.",
        Error::CarrierUnsupported => {
            "This deployment takes no numbers that a tenant brings from a carrier of its own, and imports from Twilio and Vapi only."
        }
        Error::UnsupportedCountry => "See GET /v1/countries for what is sold.",
        Error::UnsupportedType => "This country has no such type; see GET /v1/countries.",
        Error::NotOnFile(missing) => {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let missing = missing.join(" and ");
            return format!("It is sold only with {missing} on file at the carrier. Ask the operator to file it.");
        }
        Error::OperationInProgress(_) => "Wait for the running operation, then send the request again.",
        Error::NumberNotLinked => "Link an agent first: PUT /v1/numbers/{id}/agent.",
        Error::NumberNotActive => "Only a number in service can do this.",
        Error::PrimaryNumber => "Make another number primary first, or set `primary` to false.",
        Error::NumberLocked => "Unlock it first (`locked: false`).",
        Error::ReleaseStarted => "A release that has started cannot be undone; it can be bought again for a while.",
        Error::NothingToUndo => "It is not going to be released at the end of its period.",
        Error::NumberParked => "It does not agree with the carrier; the operator is asked to resolve that first.",
        Error::NumberNotParked => {
            "There is nothing to resolve: it was never parked, or somebody has resolved it already."
        }
        Error::AgentInUse => "Unlink its numbers first.",
        Error::AgentHasNumber => "It answers one, or is being given one, and is left as it is.",
        Error::ProjectInUse => "Move or release its numbers and agents first.",
        Error::PlatformUnsupported => {
            "Platforms are `vapi`, `retell` and `elevenlabs`, and not each takes calls of every carrier by every `method`: choose \
             another one of these."
        }
        Error::UnknownPlan(names) => return format!("Plans: {}.", names.join(", ")),
        Error::NotStuck(status) => return format!("It is {}; only a stuck operation is resumed.", status.as_str()),
        Error::NotWaiting => "Nothing of it is done by hand, or somebody has completed it already.",
        Error::Forbidden => "Your role does not allow this.",
        Error::Operation(_, failure) => return failure.detail.clone(),
        Error::Carrier(error) if Error::misconfigured(error) => "The operator has no working account at the carrier.",
        Error::Carrier(_) => "The carrier did not answer as it should. Try again in a minute.",
        Error::Platform(error) => return format!("The voice platform said: {}", error.detail),
        Error::AmountOutOfRange { min, max } => {
            return format!("One top-up is from {min} to {max}, in whole hundredths.");
        }
        Error::NoSavedCard => "Top up once by hand and let the card be saved.",
        Error::TopUpFailed(why) => return format!("{why} Start another one, with an `Idempotency-Key` of its own."),
        Error::Payments(error) if Error::misconfigured(error) => "The operator takes no payments here.",
        Error::Payments(_) => "Try again in a minute, with the same `Idempotency-Key`.",
        Error::Store(_) => "Try again in a moment, with the same `Idempotency-Key`.",
    };
    fixed.to_owned()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
