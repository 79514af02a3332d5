//! Buy a number: exactly one, or any of a country, type and area code.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::App;
use shared::api::NumberAndOperation;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, IdempotencyKey, Problem, Query, RespondAsync, Routes};
use shared::use_cases::purchase::{self, Mode, Outcome};

/// POST /v1/numbers
pub fn routes() -> Routes {
    post("/v1/numbers", Role::Admin, handle)
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    dry_run: bool,
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Query(Options { dry_run }): Query<Options>,
    Body(request): Body<purchase::Request>,
) -> Result<Response, Problem> {
    let mode = Mode { dry_run, respond_async };
    Ok(match purchase::run(&app, &caller, key.as_deref(), &request, mode).await? {
        Outcome::Bought(number, op) => {
            let body = NumberAndOperation { number: Some((*number).into()), operation: Some(op.into()) };
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Outcome::Running(op) => {
            let location: [(HeaderName, String); 1] = [(header::LOCATION, format!("/v1/operations/{}", op.id))];
            let body = NumberAndOperation { number: None, operation: Some(op.into()) };
            (StatusCode::ACCEPTED, location, Json(body)).into_response()
        }
        Outcome::Previewed(preview) => Json(preview).into_response(),
    })
}
