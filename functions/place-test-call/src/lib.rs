//! Let a number's agent call somebody, to hear who answers.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use shared::App;
use shared::domain::NumberId;
use shared::domain::tenant::Role;
use shared::http::routes::post;
use shared::http::{Body, Caller, PathId, Problem, Routes};
use shared::use_cases::test_calls::{self, TestCall};

/// POST /v1/numbers/{id}/test-call
pub fn routes() -> Routes {
    post("/v1/numbers/{id}/test-call", Role::Member, handle)
}

async fn handle(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<NumberId>,
    Body(request): Body<test_calls::Request>,
) -> Result<(StatusCode, Json<TestCall>), Problem> {
    Ok((StatusCode::CREATED, Json(test_calls::run(&app, &caller, &id, &request).await?)))
}
