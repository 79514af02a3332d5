//! Stripe says what became of payments.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::App;
use shared::http::Routes;
use shared::http::paths::STRIPE;
use shared::http::routes::webhook;
use shared::http::stripe::Notified;
use shared::use_cases::payments;

/// POST /webhooks/stripe
pub fn routes() -> Routes {
    webhook(STRIPE, handle)
}

async fn handle(State(app): State<App>, Notified(notification): Notified) -> Result<Json<Value>, StatusCode> {
    match payments::delivered(&app, &notification).await {
        Ok(()) => Ok(Json(json!({}))),
        Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}
