//! Numbers a tenant has: list, read, edit.

use domain::ids::EventId;
use domain::number::{Number, NumberStatus};
use domain::{AgentId, E164, NumberId, ProjectId, limits};
use serde::Deserialize;
use store::number::NumberEdit;
use store::outbox::Event;
use store::{Guard, TransactError, Write, keys};

use super::{Paging, check_name, present};
use crate::api::{Listed, NumberView};
use crate::http::auth::Caller;
use crate::{App, Error};

/// Which numbers to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct ListRequest {
    /// Those with this status.
    status: Option<String>,
    /// Those this agent answers.
    agent_id: Option<String>,
    /// Those in this project.
    project_id: Option<String>,
    /// Those with this tag.
    tag: Option<String>,
    /// 1 to 100, 50 by default.
    limit: Option<u16>,
    /// From `next_cursor`.
    cursor: Option<String>,
}

/// Numbers the caller sees, oldest first.
///
/// # Errors
/// [`Error::Invalid`] for a status that is none, a bad limit or cursor.
pub async fn list(app: &App, caller: &Caller, request: &ListRequest) -> Result<Listed<NumberView>, Error> {
    let paging = Paging { limit: request.limit, cursor: request.cursor.clone() };
    let statuses = NumberStatus::ALL;
    let status = request.status.as_deref().map(|wanted| {
        let found = statuses.into_iter().find(|status| status.as_str() == wanted);
        let names: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        found.ok_or_else(|| Error::invalid("status", format!("one of {}", names.join(", "))))
    });
    let status = status.transpose()?;
    // An id that is none belongs to nothing, exactly as an unknown one.
    let agent: Option<Option<AgentId>> = request.agent_id.as_deref().map(|id| id.parse().ok());
    let project: Option<Option<ProjectId>> = request.project_id.as_deref().map(|id| id.parse().ok());
    let keep = |number: &Number| {
        caller.sees(number.project_id.as_ref())
            && status.is_none_or(|status| number.status == status)
            && agent.as_ref().is_none_or(|agent| agent.is_some() && number.agent_id == *agent)
            && project.as_ref().is_none_or(|project| project.is_some() && number.project_id == *project)
            && request.tag.as_ref().is_none_or(|tag| number.tags.contains(tag))
    };
    let (after, limit) = (paging.cursor(keys::NUMBERS)?, paging.limit()?);
    let page = app.store.number_list(&caller.tenant, after, limit, keep).await?;
    Ok(Listed::show(page, NumberView::from))
}

/// A number the caller sees.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &NumberId) -> Result<Number, Error> {
    let number = app.store.number_get(&caller.tenant, id).await?;
    number.filter(|number| caller.sees(number.project_id.as_ref())).ok_or(Error::NotFound)
}

/// What to change; a field that is absent stays, one that is null is cleared.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NumberUpdate))]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    notes: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<String>>, nullable = false))]
    tags: Option<Vec<String>>,
    /// Cannot be released while it is the primary number; a tenant has one at most.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    primary: Option<bool>,
    /// Cannot be released while it is locked.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    locked: Option<bool>,
    /// Where callers go when the agent cannot answer (E.164).
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    fallback: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    project_id: Option<Option<String>>,
}

/// Changes a number. The tenant's names and notes live here only, so no third party is asked.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`], [`Error::NumberNotActive`], [`Error::OperationInProgress`].
pub async fn update(app: &App, caller: &Caller, id: &NumberId, request: &UpdateRequest) -> Result<Number, Error> {
    let number = get(app, caller, id).await?;
    let edit = understand(caller, request)?;
    if let Some(Some(project)) = &edit.project_id {
        app.store.project_get(&caller.tenant, project).await?.ok_or(Error::NotFound)?;
    }
    let moves = edit.project_id.as_ref().is_some_and(|project| *project != number.project_id);
    if moves && number.open_operation_id.is_some() {
        return Err(Error::OperationInProgress(number.open_operation_id));
    }
    if let Some(primary) = request.primary
        && primary != number.primary
    {
        set_primary(app, &number, primary).await?;
    }
    let news = updated(app, &number, &edit.fields())?;
    match app.store.number_edit(&number, &edit, news).await {
        Ok(()) => get(app, caller, id).await,
        Err(TransactError::Lost(guards)) if guards.contains(&Guard::Project) => Err(Error::NotFound),
        Err(error) => Err(error.into()),
    }
}

async fn set_primary(app: &App, number: &Number, primary: bool) -> Result<(), Error> {
    match number.status {
        NumberStatus::Active | NumberStatus::PastDue => {}
        NumberStatus::Suspended if !primary => {}
        NumberStatus::Pending
        | NumberStatus::Suspended
        | NumberStatus::Releasing
        | NumberStatus::Released
        | NumberStatus::Failed => return Err(Error::NumberNotActive),
    }
    let before = app.store.holdings_get(&number.tenant_id).await?.primary;
    let after = primary.then_some(&number.id);
    let before = if primary { before } else { before.filter(|before| *before == number.id) };
    if !primary && before.is_none() {
        return Ok(());
    }
    let news = updated(app, number, &["primary"])?;
    Ok(app.store.primary_set(&number.tenant_id, before.as_ref(), after, news).await?)
}

/// The event that tells of a change by the tenant.
fn updated(app: &App, number: &Number, fields: &[&str]) -> Result<Write, Error> {
    let now = app.clock.now();
    let data = serde_json::json!({ "number_id": number.id, "fields": fields });
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: "number.updated".into(), at: now, data };
    Ok(store::outbox::insert(&number.tenant_id, &event)?)
}

fn understand(caller: &Caller, request: &UpdateRequest) -> Result<NumberEdit, Error> {
    let text = |field: &'static str, value: &Option<Option<String>>| {
        value.as_ref().map(|value| value.as_deref().map(|name| check_name(field, name)).transpose()).transpose()
    };
    let fallback = request.fallback.as_ref().map(|value| {
        let parse = |text: &String| text.parse::<E164>().map_err(|e| Error::invalid("fallback", e.to_string()));
        value.as_ref().map(parse).transpose()
    });
    Ok(NumberEdit {
        name: text("name", &request.name)?,
        notes: request.notes.as_ref().map(|notes| notes.as_deref().map(check_notes).transpose()).transpose()?,
        tags: request.tags.as_deref().map(check_tags).transpose()?,
        locked: request.locked,
        fallback: fallback.transpose()?,
        project_id: request.project_id.as_ref().map(|project| check_project(caller, project.as_deref())).transpose()?,
    })
}

fn check_notes(notes: &str) -> Result<String, Error> {
    let fine = notes.chars().count() <= limits::NOTES_CHARS_MAX
        && notes.chars().all(|c| !c.is_control() || c == '\n' || c == '\r' || c == '\t');
    let why = || Error::invalid("notes", format!("at most {} characters of text", limits::NOTES_CHARS_MAX));
    if fine { Ok(notes.to_owned()) } else { Err(why()) }
}

fn check_tags(tags: &[String]) -> Result<Vec<String>, Error> {
    let fits =
        |tag: &String| (1..=limits::TAG_CHARS_MAX).contains(&tag.chars().count()) && !tag.contains(char::is_control);
    if tags.len() > limits::TAGS_MAX || !tags.iter().all(fits) {
        let (most, chars) = (limits::TAGS_MAX, limits::TAG_CHARS_MAX);
        return Err(Error::invalid("tags", format!("at most {most} tags of 1 to {chars} characters")));
    }
    let mut tags = tags.to_vec();
    tags.sort();
    tags.dedup();
    Ok(tags)
}

/// A confined caller can neither take a number out of its project nor put it into another.
fn check_project(caller: &Caller, project: Option<&str>) -> Result<Option<ProjectId>, Error> {
    match (&caller.project, project) {
        (Some(_), None) => Err(Error::NotFound),
        (_, None) => Ok(None),
        (_, named) => super::purchase::project(caller, named),
    }
}
