//! What is read from a request: body, query, path ids, idempotency key. Anything malformed is a 4xx problem that names the
//! field, and is refused before anything happens.

use std::str::FromStr;

use aws_lc_rs::digest;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use domain::limits;
use http::request::Parts;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::Error;

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// A JSON body that may be `null`.
#[derive(Debug)]
pub struct NullableBody<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(object(&json_bytes(request).await?).map_err(|problem| *problem)?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for NullableBody<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request).await?;
        if bytes.trim_ascii() == b"null" {
            return Ok(Self(None));
        }
        Ok(Self(Some(object(&bytes).map_err(|problem| *problem)?)))
    }
}

/// A body that says it is JSON, and is not too large.
async fn json_bytes(request: Request) -> Result<Bytes, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::unsupported_media_type());
    }
    let limited = http_body_util::Limited::new(request.into_body(), limits::BODY_BYTES_MAX);
    match limited.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::too_large()),
        Err(_) => Err(Problem::invalid("body", "The body could not be read to its end.")),
    }
}

fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Box<Problem>> {
    // Serde would read an array as the fields of a struct in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Box::new(Problem::invalid("body", "`body`: a JSON object is expected.")));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { path };
        Box::new(Problem::invalid(field.clone(), format!("`{field}`: {}", error.inner())))
    })?;
    json.end().map_err(|error| Box::new(Problem::invalid("body", format!("`body`: {error}"))))?;
    Ok(value)
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    essence.is_some_and(|essence| essence == "application/json" || essence.ends_with("+json"))
}

/// A query string. Fields it does not have are ignored.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let parsed = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        let axum::extract::Query(value) = parsed.map_err(|error| Problem::invalid("query", error.body_text()))?;
        Ok(Self(value))
    }
}

/// The `{id}` of a path. One that is no id names nothing: 404.
#[derive(Debug)]
pub struct PathId<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
        let id = parameters.iter().next().and_then(|(_, value)| value.parse().ok());
        Ok(Self(id.ok_or(Error::NotFound)?))
    }
}

/// `Idempotency-Key`, if sent: kept only as its SHA-256.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let bad = |why: String| Problem::invalid("Idempotency-Key", why);
        let Some(key) = keys.next() else { return Ok(Self(None)) };
        if keys.next().is_some() {
            return Err(bad("`Idempotency-Key` was sent twice.".into()));
        }
        let max = limits::IDEMPOTENCY_KEY_CHARS_MAX;
        match key.to_str() {
            Ok(key) if !key.is_empty() && key.len() <= max => Ok(Self(Some(hash(key.as_bytes())))),
            Ok(_) | Err(_) => Err(bad(format!("`Idempotency-Key` has 1 to {max} printable ASCII characters."))),
        }
    }
}

/// Whether the client asked not to wait (`Prefer: respond-async`).
#[derive(Debug, Clone, Copy)]
pub struct RespondAsync(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for RespondAsync {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let preferences = parts.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let wants = |value: &str| value.split(',').any(|part| part.trim().eq_ignore_ascii_case("respond-async"));
        Ok(Self(preferences.into_iter().any(wants)))
    }
}

/// SHA-256 in hex.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a key is bound to: the route and the request as it was understood.
pub fn hash_request(route: &str, request: &impl Serialize) -> String {
    let body = serde_json::to_string(request).unwrap_or_default();
    hash(format!("{route}\n{body}").as_bytes())
}
