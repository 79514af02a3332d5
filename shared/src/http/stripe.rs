//! Stripe's webhook: nothing is believed before the signature over the very bytes that came is good (I8).

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use domain::limits;
use domain::payment::Notification;
use http::StatusCode;
use http_body_util::BodyExt;
use providers::stripe::notification;

use super::problem::Problem;
use crate::App;

/// A notification whose signature is good.
#[derive(Debug, Clone)]
pub struct Notified(pub Notification);

impl FromRequest<App> for Notified {
    type Rejection = Response;
    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let bad = || Problem::bad_signature().into_response();
        let header = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok());
        let Some(header) = header.map(str::to_owned) else { return Err(bad()) };
        let limited = http_body_util::Limited::new(request.into_body(), limits::NOTIFICATION_BYTES_MAX);
        let Ok(body) = limited.collect().await else { return Err(Problem::too_large().into_response()) };
        let body = body.to_bytes();
        match app.providers.notification_is_good(&header, &body, app.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return Err(bad()),
            Err(error) => {
                tracing::error!(%error, "a notification's signature could not be checked");
                return Err(StatusCode::SERVICE_UNAVAILABLE.into_response());
            }
        }
        notification::parse(&body).map(Self).map_err(|error| {
            // Theirs and not understood: it comes again for days, and a person should look at it meanwhile.
            tracing::error!(alarm = "misconfigured", %error, "a notification was not understood");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        })
    }
}
