//! Agents: made at their platform, or registered when they are there already; listed, read, deleted.
//!
//! A platform's "create" has no idempotency key. The agent's record is written first and its id goes to the platform as
//! a reference, so that a repeat under the same `Idempotency-Key` finds what a lost answer left there.

use domain::agent::{Agent, AgentStatus, Platform};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::tenant::Role;
use domain::{AgentId, limits};
use serde::{Deserialize, Serialize};
use store::idempotency::{Idempotency, Made};
use store::{Guard, TransactError, keys};

use super::purchase::{Mode, Outcome};
use super::{Paging, check_name, purchase};
use crate::api::{AgentCreated, AgentView, Listed};
use crate::http::auth::Caller;
use crate::http::extract::{hash, hash_request};
use crate::{App, Error};

/// The agent to make or register.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AgentRequest))]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    name: String,
    /// `vapi`, `retell` or `elevenlabs`.
    platform: String,
    /// An agent that is there already; without it one is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_agent_id: Option<String>,
    /// BCP 47 tag, such as `en-US`.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// Kept with the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// In which project.
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<String>,
    /// Buys it a number: what to buy, as for `POST /v1/numbers`, or false for none. Left out, an agent that is made at
    /// `elevenlabs` under an `Idempotency-Key` by an admin gets a local number of the deployment's country, if one can be had;
    /// any other gets none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<purchase::Request>))]
    number: Option<NumberWish>,
}

/// Which number to buy an agent, or none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum NumberWish {
    /// False: none; true: any of the deployment's country.
    Any(bool),
    /// This one.
    Such(Box<purchase::Request>),
}

/// Makes or registers an agent, and buys it a number if one is wished for. A number that cannot be bought for a reason that
/// is known before any money is set aside leaves no agent behind either.
///
/// # Errors
/// [`Error::Invalid`], [`Error::PlatformUnsupported`], [`Error::NotFound`] (project, or the platform has no such agent),
/// [`Error::Platform`]: with the same `Idempotency-Key` the request may be repeated. With a number, what a purchase answers.
pub async fn create(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &CreateRequest,
    mode: Mode,
) -> Result<AgentCreated, Error> {
    let Some(number) = number_wish(app, caller, key_hash, request)? else {
        return make(app, caller, key_hash, request, false).await.map(|made| made.created);
    };
    // The agent's key is the purchase's too, as another key: repeated, both answer what they answered.
    let key = key_hash.map(|key| hash(format!("number of an agent {key}").as_bytes()));
    let known = |key: Option<String>| async move {
        match key {
            Some(key) => app.store.idempotency_get(&caller.tenant, &key).await.map(|record| record.is_some()),
            None => Ok(false),
        }
    };
    // Whoever asked for no number in so many words still gets an agent where none can be had.
    let asked_for = request.number.is_some();
    let agents_key = || known(key_hash.map(str::to_owned));
    let mut can_be_had = true;
    if !agents_key().await? {
        // An agent whose number is refused anyway is not made first.
        let dry = Mode { dry_run: true, respond_async: false };
        let checked = purchase::run(app, caller, None, &number, dry).await;
        // The same request twice at once: what refused this one may be the other one's number.
        if let Err(refusal) = checked
            && !agents_key().await?
        {
            if asked_for {
                return Err(refusal);
            }
            can_be_had = false;
        }
    }
    let MadeAgent { mut created, now: made_now, with_number } =
        make(app, caller, key_hash, request, can_be_had).await?;
    // What was decided when the agent was made holds, also while its number is not begun yet.
    if !asked_for && !with_number && !known(key.clone()).await? {
        return Ok(created);
    }
    let agent = created.agent.id().parse().map_err(|_| Error::NotFound)?;
    let number = purchase::Request { agent_id: Some(created.agent.id().to_owned()), ..number };
    let op = match purchase::run(app, caller, key.as_deref(), &number, mode).await {
        Ok(Outcome::Bought(_, op) | Outcome::Running(op)) => op,
        Ok(Outcome::Previewed(_)) => return Ok(created),
        // The agent is there, and its token is shown this once: what became of the number is told by its operation.
        Err(Error::Operation(id, _)) => app.store.operation_get(&caller.tenant, &id).await?.ok_or(Error::NotFound)?,
        Err(_) if !asked_for => {
            alone(app, caller, &agent, key_hash).await;
            return Ok(created);
        }
        Err(refusal) => {
            if made_now {
                take_back(app, caller, &agent, key_hash).await?;
            }
            return Err(refusal);
        }
    };
    created.operation = Some(op.into());
    Ok(created)
}

/// The number to buy with an agent, if any.
fn number_wish(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &CreateRequest,
) -> Result<Option<purchase::Request>, Error> {
    let made_here = request.platform_agent_id.is_none() && request.platform == Platform::ElevenLabs.as_str();
    let wish = match &request.number {
        Some(NumberWish::Any(false)) => return Ok(None),
        None if !made_here || key_hash.is_none() || caller.role < Role::Admin => return Ok(None),
        None | Some(NumberWish::Any(true)) => {
            let country = Some(app.settings.default_country.to_string());
            let area_code = app.settings.default_area_code.clone();
            purchase::Request { country, area_code, ..purchase::Request::default() }
        }
        Some(NumberWish::Such(wish)) => (**wish).clone(),
    };
    if caller.role < Role::Admin {
        return Err(Error::Forbidden);
    }
    if wish.agent_id.is_some() {
        return Err(Error::invalid("number", "it is this agent's: leave `agent_id` out"));
    }
    if key_hash.is_none() {
        return Err(Error::IdempotencyKeyRequired);
    }
    let project_id = wish.project_id.or_else(|| request.project_id.clone());
    Ok(Some(purchase::Request { project_id, ..wish }))
}

/// An agent that got no number after all is what its key stands for from now on.
async fn alone(app: &App, caller: &Caller, id: &AgentId, key_hash: Option<&str>) {
    let Some(key) = key_hash else { return };
    let settled = async {
        let write = store::idempotency::settle(&caller.tenant, key, &Made::Agent(id.clone()))?;
        app.store.transact(vec![write]).await
    };
    if let Err(error) = settled.await {
        // Its token is shown this once; sent again, the request asks for the number again.
        tracing::warn!(agent.id = %id, %error, "that an agent got no number could not be noted");
    }
}

/// An agent whose number was refused was not wished for without it.
async fn take_back(app: &App, caller: &Caller, id: &AgentId, key_hash: Option<&str>) -> Result<(), Error> {
    let agent = get(app, caller, id).await?;
    if agent.made_by_us {
        remove(app, &agent).await.map_err(|error| refused(app, error))?;
    }
    forget(app, &agent, key_hash).await
}

/// An agent that was made or registered.
struct MadeAgent {
    created: AgentCreated,
    /// It was not there before.
    now: bool,
    /// It is to have a number, as was decided when it was made.
    with_number: bool,
}

/// Makes or registers the agent.
async fn make(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &CreateRequest,
    with_number: bool,
) -> Result<MadeAgent, Error> {
    let request_hash = hash_request("POST /v1/agents", request);
    if let Some(before) = repeated(app, caller, key_hash, &request_hash).await? {
        return Ok(before);
    }
    let (agent, token) = understand(app, caller, request)?;
    if let Some(id) = &request.platform_agent_id {
        registered(app, agent.platform, id).await?;
    }
    let mut writes = vec![store::agent::insert(&agent)?];
    writes.extend(agent.project_id.as_ref().map(|project| store::project::join(&caller.tenant, project)));
    if let Some(key) = key_hash {
        let id = agent.id.clone();
        let made = if with_number { Made::AgentWithNumber(id) } else { Made::Agent(id) };
        let record = Idempotency { request_hash: request_hash.clone(), made, created_at: agent.created_at };
        writes.push(store::idempotency::insert(&caller.tenant, key, &record)?);
    }
    match app.store.transact(writes).await {
        Ok(()) => {}
        Err(error) if error.lost(Guard::Project) => return Err(Error::NotFound),
        // The same request twice at once: the other one made it.
        Err(TransactError::Lost(_)) => {
            let before = repeated(app, caller, key_hash, &request_hash).await?;
            return before.ok_or(Error::OperationInProgress(None));
        }
        Err(TransactError::Store(error)) => return Err(error.into()),
    }
    let agent = if agent.status == AgentStatus::Creating { finish(app, agent, key_hash, true).await? } else { agent };
    let created = AgentCreated { agent: agent.into(), api_token: Some(token), operation: None };
    Ok(MadeAgent { created, now: true, with_number })
}

/// What this key made already. An agent whose making was cut short is finished, once nobody can be at it any more.
async fn repeated(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request_hash: &str,
) -> Result<Option<MadeAgent>, Error> {
    let Some(key) = key_hash else { return Ok(None) };
    let Some(record) = app.store.idempotency_get(&caller.tenant, key).await? else { return Ok(None) };
    let (id, with_number) = match &record.made {
        Made::Agent(id) => (id, false),
        Made::AgentWithNumber(id) => (id, true),
        Made::Operation(_) | Made::Project(_) | Made::Adjustment(_) | Made::TopUp(_) => {
            return Err(Error::IdempotencyKeyReused);
        }
    };
    if record.request_hash != request_hash {
        return Err(Error::IdempotencyKeyReused);
    }
    // Deleted since: the key stays taken, and there is nothing to show for it.
    let agent = app.store.agent_get(&caller.tenant, id).await?.ok_or(Error::NotFound)?;
    let agent = match agent.status {
        AgentStatus::Active => agent,
        AgentStatus::Creating if app.clock.now().duration_since(agent.created_at) < limits::LEASE => {
            return Err(Error::OperationInProgress(None));
        }
        AgentStatus::Creating => finish(app, agent, key_hash, false).await?,
    };
    let created = AgentCreated { agent: agent.into(), api_token: None, operation: None };
    Ok(Some(MadeAgent { created, now: false, with_number }))
}

fn understand(app: &App, caller: &Caller, request: &CreateRequest) -> Result<(Agent, String), Error> {
    let platform = Platform::from_name(&request.platform).ok_or(Error::PlatformUnsupported)?;
    if request.platform_agent_id.as_ref().is_some_and(|id| !is_platform_id(id)) {
        return Err(Error::invalid("platform_agent_id", "1 to 100 letters, digits, `-` and `_`"));
    }
    let language = |tag: &String| tag.len() <= 35 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if request.language.as_ref().is_some_and(|tag| tag.is_empty() || !language(tag)) {
        return Err(Error::invalid("language", "a BCP 47 tag, such as `en-US`"));
    }
    let settings = serde_json::Value::Object(request.settings.clone().unwrap_or_default());
    if settings.to_string().len() > limits::SETTINGS_BYTES_MAX {
        return Err(Error::invalid("settings", format!("at most {} bytes of JSON", limits::SETTINGS_BYTES_MAX)));
    }
    let now = app.clock.now();
    let token = token(app);
    let agent = Agent {
        id: AgentId::fresh(&*app.ids, now),
        tenant_id: caller.tenant.clone(),
        project_id: purchase::project(caller, request.project_id.as_deref())?,
        name: check_name("name", &request.name)?,
        platform,
        platform_agent_id: request.platform_agent_id.clone(),
        made_by_us: request.platform_agent_id.is_none(),
        language: request.language.clone(),
        settings,
        status: if request.platform_agent_id.is_some() { AgentStatus::Active } else { AgentStatus::Creating },
        token_hash: hash(token.as_bytes()),
        links: 0,
        created_at: now,
    };
    Ok((agent, token))
}

fn is_platform_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// An agent's own token: 256 random bits. Only its SHA-256 is kept.
fn token(app: &App) -> String {
    use base64::Engine;
    let random = app.ids.random();
    format!("tlk_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random))
}

async fn registered(app: &App, platform: Platform, id: &str) -> Result<(), Error> {
    let there = async { app.providers.platform(platform).await?.agent_exists(id).await };
    match there.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::invalid("platform_agent_id", "the voice platform has no such agent")),
        Err(error) => Err(refused(app, error)),
    }
}

/// Makes the agent at its platform and notes its id there. A platform that refuses leaves nothing behind.
async fn finish(app: &App, agent: Agent, key_hash: Option<&str>, fresh: bool) -> Result<Agent, Error> {
    let reference = agent.id.as_str();
    let made = async {
        let platform = app.providers.platform(agent.platform).await?;
        if !fresh && let Some(known) = platform.agent_find(reference).await? {
            return Ok(known);
        }
        match platform.agent_create(&agent.name, agent.language.as_deref(), reference).await {
            Err(error) if error.kind == ProviderErrorKind::Unknown => {
                platform.agent_find(reference).await?.ok_or(error)
            }
            other => other,
        }
    };
    match made.await {
        Ok(id) => {
            match app.store.agent_created(&agent, &id).await {
                Ok(()) | Err(TransactError::Lost(_)) => {}
                Err(TransactError::Store(error)) => return Err(error.into()),
            }
            app.store.agent_get(&agent.tenant_id, &agent.id).await?.ok_or(Error::NotFound)
        }
        Err(error) => {
            if error.did_not_happen() && fresh {
                forget(app, &agent, key_hash).await?;
            }
            Err(refused(app, error))
        }
    }
}

async fn forget(app: &App, agent: &Agent, key_hash: Option<&str>) -> Result<(), Error> {
    let tenant = &agent.tenant_id;
    let mut writes = vec![store::agent::delete_unlinked(tenant, &agent.id)];
    writes.extend(agent.project_id.as_ref().map(|project| store::project::leave(tenant, project)));
    writes.extend(key_hash.map(|key| store::idempotency::delete(tenant, key)));
    Ok(app.store.transact(writes).await?)
}

fn refused(app: &App, error: ProviderError) -> Error {
    if error.kind == ProviderErrorKind::Misconfigured {
        app.providers.credentials_refused();
    }
    Error::Platform(error)
}

/// Agents the caller sees, oldest first.
///
/// # Errors
/// [`Error::Invalid`] for a bad limit or cursor.
pub async fn list(app: &App, caller: &Caller, request: &ListRequest) -> Result<Listed<AgentView>, Error> {
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let project: Option<Option<domain::ProjectId>> = request.project_id.as_deref().map(|id| id.parse().ok());
    let keep = |agent: &Agent| {
        caller.sees(agent.project_id.as_ref())
            && project.as_ref().is_none_or(|project| project.is_some() && agent.project_id == *project)
    };
    let page = app.store.agent_list(&caller.tenant, paging.cursor(keys::AGENTS)?, paging.limit()?, keep).await?;
    Ok(Listed::show(page, AgentView::from))
}

/// Which agents to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ListRequest {
    /// Those in this project.
    project_id: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// An agent the caller sees.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &AgentId) -> Result<Agent, Error> {
    let agent = app.store.agent_get(&caller.tenant, id).await?;
    agent.filter(|agent| caller.sees(agent.project_id.as_ref())).ok_or(Error::NotFound)
}

/// Deletes an agent nothing is linked to; one that we made is removed at its platform first.
///
/// # Errors
/// [`Error::NotFound`], [`Error::AgentInUse`], [`Error::Platform`] (nothing is deleted then; it may be repeated).
pub async fn delete(app: &App, caller: &Caller, id: &AgentId) -> Result<(), Error> {
    let agent = get(app, caller, id).await?;
    if agent.links > 0 {
        return Err(Error::AgentInUse);
    }
    if agent.made_by_us {
        remove(app, &agent).await.map_err(|error| refused(app, error))?;
    }
    let mut writes = vec![store::agent::delete_unlinked(&caller.tenant, id)];
    writes.extend(agent.project_id.as_ref().map(|project| store::project::leave(&caller.tenant, project)));
    match app.store.transact(writes).await {
        Ok(()) => Ok(()),
        Err(error) if error.lost(Guard::Agent) => match app.store.agent_get(&caller.tenant, id).await? {
            Some(_) => Err(Error::AgentInUse),
            None => Ok(()),
        },
        Err(error) => Err(error.into()),
    }
}

async fn remove(app: &App, agent: &Agent) -> Result<(), ProviderError> {
    let platform = app.providers.platform(agent.platform).await?;
    let id = match &agent.platform_agent_id {
        Some(id) => Some(id.clone()),
        None => platform.agent_find(agent.id.as_str()).await?,
    };
    let Some(id) = id else { return Ok(()) };
    match platform.agent_delete(&id).await {
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(()),
        other => other,
    }
}
