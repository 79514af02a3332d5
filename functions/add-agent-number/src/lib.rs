//! Buy an agent that is there already a number: a tenant for its own, the operator for a tenant's that has none.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::App;
use shared::domain::AgentId;
use shared::domain::tenant::Role;
use shared::http::routes::operator_or_tenant;
use shared::http::{Body, IdempotencyKey, PathId, Problem, Query, RespondAsync, Routes, Who};
use shared::use_cases::agent_numbers::{self, AddOptions};
use shared::use_cases::purchase::{self, Mode};

/// POST /v1/agents/{id}/number
pub fn routes() -> Routes {
    operator_or_tenant("/v1/agents/{id}/number", Role::Admin, handle)
}

async fn handle(
    State(app): State<App>,
    who: Who,
    PathId(id): PathId<AgentId>,
    IdempotencyKey(key): IdempotencyKey,
    RespondAsync(respond_async): RespondAsync,
    Query(AddOptions { dry_run, tenant_id }): Query<AddOptions>,
    Body(request): Body<purchase::Request>,
) -> Result<Response, Problem> {
    let (key, tenant, mode) = (key.as_deref(), tenant_id.as_deref(), Mode { dry_run, respond_async });
    let outcome = match &who {
        Who::Tenant(caller) => agent_numbers::add(&app, caller, key, &id, tenant, &request, mode).await,
        Who::Operator(operator) => {
            agent_numbers::add_for_tenant(&app, operator, key, &id, tenant, &request, mode).await
        }
    };
    Ok(outcome?.into_response())
}
