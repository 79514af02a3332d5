//! An agent's number: bought for an agent that is there already, and given back by naming the agent.

use domain::number::Number;
use domain::{AgentId, limits};

use super::purchase::{self, Mode, Outcome};
use super::{agents, routing};
use crate::api::NumberAndOperation;
use crate::http::auth::Caller;
use crate::{App, Error};

/// Buys a number for an agent and links it.
///
/// # Errors
/// [`Error::NotFound`], and what a purchase answers.
pub async fn add(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    id: &AgentId,
    request: &purchase::Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    if request.agent_id.is_some() {
        return Err(Error::invalid("agent_id", "the path names the agent: leave it out"));
    }
    let agent = agents::get(app, caller, id).await?;
    let project_id = request.project_id.clone().or_else(|| agent.project_id.as_ref().map(ToString::to_string));
    let request = purchase::Request { agent_id: Some(id.to_string()), project_id, ..request.clone() };
    purchase::run(app, caller, key_hash, &request, mode).await
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
