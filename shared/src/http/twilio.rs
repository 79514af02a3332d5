//! Twilio's webhooks: nothing is believed before the signature over the configured public address is good (I8).
//!
//! The signed URL is rebuilt from configuration, the route's own path and the raw query; never from what a gateway made
//! of host, scheme, port or stage.

use axum::extract::{FromRequest, MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use domain::{E164, TenantId, limits};
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use providers::twilio::signature::form_pairs;
use providers::twilio::twiml;

use crate::App;

/// A webhook whose signature is good.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The tenant the configured URL names.
    pub tenant: TenantId,
    /// What came in the body, decoded, in its order.
    pub parameters: Vec<(String, String)>,
    /// What the configured URL's query says, decoded.
    pub query: Vec<(String, String)>,
}

impl Signed {
    /// A parameter of the body; the first of its name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        first(&self.parameters, name)
    }

    /// A parameter of the configured URL.
    #[must_use]
    pub fn configured(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }

    /// Whether we called.
    #[must_use]
    pub fn outgoing(&self) -> bool {
        self.parameter("Direction").is_some_and(|direction| direction.starts_with("outbound"))
    }

    /// The number on our side, if it is one: the one called, unless we called.
    #[must_use]
    pub fn called(&self) -> Option<E164> {
        self.parameter(if self.outgoing() { "From" } else { "To" })?.parse().ok()
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl FromRequest<App> for Signed {
    type Rejection = Response;
    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let path = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
        let raw_query = request.uri().query().unwrap_or_default().to_owned();
        let signature = request.headers().get("x-twilio-signature").and_then(|value| value.to_str().ok());
        let Some(signature) = signature.map(str::to_owned) else { return Err(forbidden()) };
        let limited = http_body_util::Limited::new(request.into_body(), limits::BODY_BYTES_MAX);
        let Ok(body) = limited.collect().await else { return Err(forbidden()) };
        let parameters = form_pairs(&body.to_bytes());
        let query = form_pairs(raw_query.as_bytes());
        let good = app.providers.signature_is_good(&urls(app, &path, &raw_query), &parameters, &signature).await;
        match good {
            Ok(true) => {}
            Ok(false) => return Err(forbidden()),
            Err(error) => {
                tracing::error!(%error, "a webhook's signature could not be checked");
                return Err(StatusCode::SERVICE_UNAVAILABLE.into_response());
            }
        }
        let tenant = first(&query, "tenant").and_then(|tenant| tenant.parse().ok());
        let Some(tenant) = tenant else { return Err(forbidden()) };
        Ok(Self { tenant, parameters, query })
    }
}

/// The addresses this webhook may have been configured with.
fn urls(app: &App, path: &str, raw_query: &str) -> Vec<String> {
    let query = if raw_query.is_empty() { String::new() } else { format!("?{raw_query}") };
    let bases = std::iter::once(&app.settings.public_base_url).chain(&app.settings.former_base_urls);
    bases.map(|base| format!("{base}{path}{query}")).collect()
}

fn forbidden() -> Response {
    StatusCode::FORBIDDEN.into_response()
}

/// A TwiML answer.
#[derive(Debug)]
pub struct TwiML(pub twiml::Response);

impl TwiML {
    /// The answer that asks for nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self(twiml::Response::new())
    }
}

impl IntoResponse for TwiML {
    fn into_response(self) -> Response {
        let mut response = self.0.render().into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
        response
    }
}
