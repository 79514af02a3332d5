//! Numbers.

use domain::number::{CarrierRef, Link, Number, NumberStatus, PlatformRef};
use domain::{AgentId, E164, NumberId, OperationId, ProjectId, TenantId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::Store;
use crate::item::{StoreError, encode, with_key};
use crate::keys::{self, ANCHOR_PK, ANCHOR_SK};
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};
use crate::update::Update;

/// Statuses in which a number can be linked and made primary.
pub(crate) const SERVICEABLE: [NumberStatus; 2] = [NumberStatus::Active, NumberStatus::PastDue];
/// Statuses in which a number can be released.
const RELEASABLE: [NumberStatus; 3] = [NumberStatus::Active, NumberStatus::PastDue, NumberStatus::Suspended];

/// What a tenant changes of a number; `None` leaves a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct NumberEdit {
    /// Shown name.
    pub name: Option<Option<String>>,
    /// Notes.
    pub notes: Option<Option<String>>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// Deletion lock.
    pub locked: Option<bool>,
    /// Where callers go when the agent cannot answer.
    pub fallback: Option<Option<E164>>,
    /// Group.
    pub project_id: Option<Option<ProjectId>>,
}

impl Store {
    /// A number.
    pub async fn number_get(&self, tenant: &TenantId, id: &NumberId) -> Result<Option<Number>, StoreError> {
        self.get(&keys::number(tenant, id)).await
    }

    /// Numbers, oldest first.
    pub async fn number_list(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: u16,
        keep: impl Fn(&Number) -> bool,
    ) -> Result<Page<Number>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        self.list(Listing { pk, prefix: keys::NUMBERS, forward: true, after, limit }, keep).await
    }

    /// Writes what a tenant changed, and the claim with it where a call needs to know.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when the number or project changed or went away meanwhile.
    pub async fn number_edit(&self, number: &Number, edit: &NumberEdit) -> Result<(), TransactError> {
        let mut update = Update::of(keys::number(&number.tenant_id, &number.id)).when_exists();
        let mut writes = Vec::new();
        if let Some(name) = &edit.name {
            update = update.set("name", name)?;
        }
        if let Some(notes) = &edit.notes {
            update = update.set("notes", notes)?;
        }
        if let Some(tags) = &edit.tags {
            update = update.set("tags", tags)?;
        }
        if let Some(locked) = edit.locked {
            update = update.set("locked", &locked)?;
        }
        if let Some(fallback) = &edit.fallback {
            update = update.set("fallback", fallback)?.when_is("e164", &number.e164)?;
            update = update.when_is("status", &number.status)?;
            if number.status.held() {
                writes.push(crate::claim::refallback(&number.e164, &number.id, fallback.as_ref())?);
            }
        }
        if let Some(project) = edit.project_id.as_ref().filter(|project| **project != number.project_id) {
            // An open operation counts the project it began with.
            update = update.set("project_id", project)?.when_absent("open_operation_id");
            update = update.when_is("status", &number.status)?;
            update = match &number.project_id {
                Some(before) => update.when_is("project_id", before)?,
                None => update.when_absent("project_id"),
            };
            if number.status.held() {
                writes.extend(project.as_ref().map(|project| crate::project::join(&number.tenant_id, project)));
                let before = number.project_id.as_ref();
                writes.extend(before.map(|before| crate::project::leave(&number.tenant_id, before)));
            } else if let Some(project) = project {
                let key = keys::project(&number.tenant_id, project);
                writes.push(Write::check_exists(Guard::Project, &key));
            }
        }
        if update.changes_nothing() {
            return Ok(());
        }
        writes.push(update.write(Guard::Number));
        self.transact(writes).await
    }
}

/// Makes a number's record.
pub fn insert(number: &Number) -> Result<Write, StoreError> {
    Ok(Write::insert(Guard::Number, with_key(encode(number)?, &keys::number(&number.tenant_id, &number.id))))
}

/// Gives a serving number to this operation alone, for linking or unlinking.
pub fn open(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id))
        .set("open_operation_id", operation)?
        .when_absent("open_operation_id")
        .when_in("status", &SERVICEABLE)?;
    Ok(update.write(Guard::Number))
}

/// Gives a number to this operation alone, for releasing it.
pub fn open_release(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id))
        .set("open_operation_id", operation)?
        .set("status", &NumberStatus::Releasing)?
        .remove("release_at")
        .when_absent("open_operation_id")
        .when_in("status", &RELEASABLE)?
        .when_not_set("primary")
        .when_not_set("locked")
        .when_not_set("parked");
    Ok(update.write(Guard::Number))
}

/// What a finished purchase writes into its number.
#[derive(Debug)]
pub struct Bought<'a> {
    /// The carrier's handle.
    pub carrier: &'a CarrierRef,
    /// The platform's handle, if linked.
    pub platform: Option<&'a PlatformRef>,
    /// Who answers, if linked.
    pub agent: Option<&'a AgentId>,
    /// How it stands with its agent.
    pub link: Option<&'a Link>,
    /// All periods count from here.
    pub anchor: Date,
    /// Exclusive end of the first period.
    pub paid_through: Date,
}

/// A purchase succeeded: the number serves, and renews on its anchor day.
pub fn bought(
    tenant: &TenantId,
    id: &NumberId,
    operation: &OperationId,
    done: &Bought<'_>,
) -> Result<Write, StoreError> {
    let (anchor_pk, anchor_sk) = keys::anchor(done.anchor.day(), tenant, id);
    let update = Update::of(keys::number(tenant, id))
        .set("status", &NumberStatus::Active)?
        .set("carrier_ref", done.carrier)?
        .set("platform_ref", &done.platform)?
        .set("agent_id", &done.agent)?
        .set("link", &done.link)?
        .set("anchor", &done.anchor)?
        .set("paid_through", &done.paid_through)?
        .set(ANCHOR_PK, &anchor_pk)?
        .set(ANCHOR_SK, &anchor_sk)?;
    closed(update, operation)
}

/// A purchase was given up.
pub fn failed(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    closed(Update::of(keys::number(tenant, id)).set("status", &NumberStatus::Failed)?, operation)
}

/// A purchase tries another offer.
pub fn swapped(tenant: &TenantId, id: &NumberId, operation: &OperationId, to: &E164) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id)).set("e164", to)?.when_is("open_operation_id", operation)?;
    Ok(update.write(Guard::Number))
}

/// A link succeeded.
pub fn linked(
    tenant: &TenantId,
    id: &NumberId,
    operation: &OperationId,
    agent: &AgentId,
    platform: &PlatformRef,
    link: &Link,
) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id)).set("agent_id", agent)?.set("platform_ref", platform)?;
    closed(update.set("link", link)?, operation)
}

/// An unlink succeeded.
pub fn unlinked(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    closed(Update::of(keys::number(tenant, id)).remove("agent_id").remove("platform_ref").remove("link"), operation)
}

/// A release succeeded: the number renews no more.
pub fn released(tenant: &TenantId, id: &NumberId, operation: &OperationId, at: Timestamp) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id))
        .set("status", &NumberStatus::Released)?
        .set("released_at", &at)?
        .remove("agent_id")
        .remove("platform_ref")
        .remove("link")
        .remove(ANCHOR_PK)
        .remove(ANCHOR_SK);
    closed(update, operation)
}

/// The operation is over and changed nothing.
pub fn unchanged(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    closed(Update::of(keys::number(tenant, id)), operation)
}

fn closed(update: Update, operation: &OperationId) -> Result<Write, StoreError> {
    Ok(update.remove("open_operation_id").when_is("open_operation_id", operation)?.write(Guard::Number))
}
