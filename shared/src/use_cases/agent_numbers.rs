//! An agent's number: bought for an agent that is there already, and given back by naming the agent. The operator buys in a
//! tenant's place, at the tenant's cost, and only for an agent that has no number, so that a list of agents may be worked
//! through again and again.

use domain::agent::Agent;
use domain::number::Number;
use domain::tenant::Role;
use domain::{AgentId, TenantId, limits};
use serde::Deserialize;

use super::purchase::{self, Mode, Outcome};
use super::{agents, routing};
use crate::api::NumberAndOperation;
use crate::http::auth::{Caller, Operator};
use crate::http::extract::{hash, hash_request};
use crate::{App, Error};

/// What goes along with the wish for a number.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct AddOptions {
    /// Check everything and move nothing. For the operator, under a key that was used before: what became of that request.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(default = false))]
    pub dry_run: bool,
    /// Whose agent it is; the operator says so, a tenant buys for its own.
    pub tenant_id: Option<String>,
}

/// Buys a number for an agent of the caller's and links it.
///
/// # Errors
/// [`Error::NotFound`], and what a purchase answers.
pub async fn add(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    id: &AgentId,
    tenant_id: Option<&str>,
    request: &purchase::Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    if tenant_id.is_some_and(|tenant| tenant != caller.tenant.as_str()) {
        return Err(Error::invalid("tenant_id", "a tenant buys for its own agents"));
    }
    unnamed(request)?;
    let agent = agents::get(app, caller, id).await?;
    purchase::run(app, caller, key_hash, &such(&agent, request), mode).await
}

/// Buys a tenant's agent its first number and links it, for the operator. Whoever wishes for nothing in particular has a
/// local number of the deployment's country.
///
/// # Errors
/// [`Error::AgentHasNumber`], and as for [`add`]. A refusal leaves nothing behind; [`Error::Operation`] means that it was
/// begun and undone.
pub async fn add_for_tenant(
    app: &App,
    operator: &Operator,
    key_hash: Option<&str>,
    id: &AgentId,
    tenant_id: Option<&str>,
    request: &purchase::Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    let tenant = tenant_id.ok_or_else(|| Error::invalid("tenant_id", "whose agent it is"))?;
    let tenant: TenantId = tenant.parse().map_err(|_| Error::invalid("tenant_id", "not an id of a tenant"))?;
    unnamed(request)?;
    let caller = Caller { tenant, role: Role::Admin, project: None };
    // As it was asked for: the deployment's default may be another one when it is asked for again.
    let request_hash = hash_request(&format!("POST /v1/agents/{id}/number"), request);
    // The operator's keys are its own: one that the tenant used as well is another key.
    let key = key_hash.map(|key| hash(format!("operator {key}").as_bytes()));
    let key = key.as_deref().map(|key| (key, request_hash.as_str()));
    let by = operator.actor();
    let attempt = async {
        let agent = without(app, &caller, id).await?;
        let wish = such(&agent, &or_default(app, request));
        purchase::attempt(app, &caller, Some(&by), key, &wish, mode).await
    };
    match key {
        Some(key) => purchase::once(app, &caller, key, attempt).await,
        None if mode.dry_run => attempt.await,
        None => Err(Error::IdempotencyKeyRequired),
    }
}

/// An agent that neither answers a number nor is being given one.
pub(crate) async fn without(app: &App, caller: &Caller, id: &AgentId) -> Result<Agent, Error> {
    let agent = agents::get(app, caller, id).await?;
    if agent.links > 0 { Err(Error::AgentHasNumber) } else { Ok(agent) }
}

fn unnamed(request: &purchase::Request) -> Result<(), Error> {
    match request.agent_id {
        Some(_) => Err(Error::invalid("agent_id", "the path names the agent: leave it out")),
        None => Ok(()),
    }
}

/// The purchase of such a number for this agent, in its project unless another one is named.
fn such(agent: &Agent, request: &purchase::Request) -> purchase::Request {
    let project_id = request.project_id.clone().or_else(|| agent.project_id.as_ref().map(ToString::to_string));
    purchase::Request { agent_id: Some(agent.id.to_string()), project_id, ..request.clone() }
}

/// The wish, or where it says nothing of the number what the deployment gives.
fn or_default(app: &App, request: &purchase::Request) -> purchase::Request {
    let said = [&request.e164, &request.country, &request.kind, &request.area_code];
    if said.iter().any(|part| part.is_some()) {
        return request.clone();
    }
    let country = Some(app.settings.default_country.to_string());
    let area_code = app.settings.default_area_code.clone();
    purchase::Request { country, area_code, ..request.clone() }
}

/// Gives the agent's one number back.
///
/// # Errors
/// [`Error::NotFound`] (no such agent, or it has no number), [`Error::Invalid`] when it has several, and what a release
/// answers.
pub async fn drop(
    app: &App,
    caller: &Caller,
    id: &AgentId,
    request: &routing::ReleaseRequest,
    respond_async: bool,
) -> Result<NumberAndOperation, Error> {
    if agents::get(app, caller, id).await?.links == 0 {
        return Err(Error::NotFound);
    }
    let its = |number: &Number| {
        number.status.held() && number.agent_id.as_ref() == Some(id) && caller.sees(number.project_id.as_ref())
    };
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = app.store.number_list(&caller.tenant, after, limits::PAGE_MAX, its).await?;
        numbers.extend(page.items);
        after = page.next;
        if after.is_none() || numbers.len() > 1 {
            break;
        }
    }
    match numbers.as_slice() {
        [] => Err(Error::NotFound),
        [number] => routing::release(app, caller, &number.id, request, respond_async).await,
        [..] => {
            Err(Error::invalid("id", "the agent has several numbers: DELETE /v1/numbers/{id} gives one of them back"))
        }
    }
}
