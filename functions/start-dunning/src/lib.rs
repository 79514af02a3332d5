//! Go on with overdue numbers today, or only say what that would be.

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use shared::App;
use shared::api::RunView;
use shared::http::routes::operator;
use shared::http::{Body, Problem, Routes};
use shared::serve::Schedule;
use shared::use_cases::statements::{self, RunRequest};

/// POST /v1/operator/dun
pub fn routes() -> Routes {
    operator(Method::POST, "/v1/operator/dun", handle)
}

async fn handle(State(app): State<App>, Body(request): Body<RunRequest>) -> Result<Json<RunView>, Problem> {
    Ok(Json(statements::start(&app, Schedule::Dunning, &request).await?))
}
