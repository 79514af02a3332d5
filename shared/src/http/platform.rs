//! The voice platforms' webhooks: nothing is believed before the signature over the very bytes that came is good (I8). What
//! does not concern us is answered like what was dealt with, since a platform stops telling those that refuse too often.

use axum::extract::Request;
use domain::agent::Platform;
use domain::limits;
use http::StatusCode;
use http_body_util::BodyExt;

use crate::App;
use crate::app::Told;
use crate::use_cases::platform_calls;

/// Answers a webhook of this platform.
pub async fn webhook(app: &App, platform: Platform, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    let limited = http_body_util::Limited::new(body, limits::NOTIFICATION_BYTES_MAX);
    let Ok(body) = limited.collect().await else { return StatusCode::PAYLOAD_TOO_LARGE };
    let told = app.providers.told(platform, &head.headers, &body.to_bytes(), app.clock.now()).await;
    match told {
        Ok(Told::Forged) => StatusCode::FORBIDDEN,
        Ok(Told::Nothing) => StatusCode::OK,
        Ok(Told::Unreadable(why)) => {
            // Theirs, and sent again it would be no clearer; the platform's own list of calls has what it says.
            tracing::error!(alarm = "misconfigured", platform = platform.as_str(), why, "a webhook was not understood");
            StatusCode::OK
        }
        Ok(Told::Call(report)) => match platform_calls::take(app, platform, &report).await {
            Ok(()) => StatusCode::OK,
            Err(error) => {
                tracing::warn!(platform = platform.as_str(), %error, "what a platform told of a call was not noted");
                StatusCode::SERVICE_UNAVAILABLE
            }
        },
        Err(error) => {
            tracing::error!(platform = platform.as_str(), %error, "a webhook's signature could not be checked");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
