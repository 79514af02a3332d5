//! Numbers.

use domain::billing::{Candidate, Settled};
use domain::dunning::Dunning;
use domain::number::{CarrierRef, Link, Number, NumberStatus, PlatformRef};
use domain::operation::ReleaseWhy;
use domain::parking::Next;
use domain::sip::OwnTrunk;
use domain::wallet::WalletRef;
use domain::{AgentId, E164, NumberId, OperationId, ProjectId, TenantId, limits};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::Store;
use crate::item::{StoreError, encode, with_key};
use crate::keys::{self, ANCHOR_PK, ANCHOR_SK, DUE_PK, DUE_SK, NumberDue};
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};
use crate::update::Update;

/// Statuses in which a number can be linked and made primary.
pub(crate) const SERVICEABLE: [NumberStatus; 2] = [NumberStatus::Active, NumberStatus::PastDue];

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

impl NumberEdit {
    /// Names of the fields that are changed, for the event that tells of it.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let Self { name, notes, tags, locked, fallback, project_id } = self;
        let given = [
            ("name", name.is_some()),
            ("notes", notes.is_some()),
            ("tags", tags.is_some()),
            ("locked", locked.is_some()),
            ("fallback", fallback.is_some()),
            ("project_id", project_id.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }
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

    /// Parked numbers of all tenants, those that wait longest first, and where each is in the list.
    pub async fn number_parked(
        &self,
        after: Option<&Cursor>,
        limit: u16,
    ) -> Result<Vec<(TenantId, NumberId, Cursor)>, StoreError> {
        let mut parked = Vec::new();
        for shard in 0..limits::DUE_SHARDS {
            let partition = keys::number_due_partition(NumberDue::Parked, shard);
            parked.extend(self.due_keys(&partition, "~", after, limit).await?);
        }
        // Keys begin with their instant, so that the shards fall into one order.
        parked.sort();
        parked.truncate(usize::from(limit));
        let read = |sk: String| keys::read_number_due(&sk).map(|(wallet, id)| (wallet.tenant_id, id, Cursor::at(sk)));
        Ok(parked.into_iter().filter_map(read).collect())
    }

    /// Writes what a tenant changed with the event that tells of it, and the claim with it where a call needs to know.
    ///
    /// # Errors
    /// [`TransactError::Lost`] when the number or project changed or went away meanwhile.
    pub async fn number_edit(&self, number: &Number, edit: &NumberEdit, news: Write) -> Result<(), TransactError> {
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
            // What stands for a number that is not known yet is called by nobody.
            if number.status.held() && number.e164.is_known() {
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
        writes.push(news);
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

/// The same, unless its calls are barred.
pub fn open_unbarred(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id))
        .set("open_operation_id", operation)?
        .when_absent("open_operation_id")
        .when_in("status", &SERVICEABLE)?
        .when_not_set("barred");
    Ok(update.write(Guard::Number))
}

/// Gives a number that is held to this operation alone, for setting it up at its carrier again.
pub fn open_restore(number: &Number, operation: &OperationId) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(&number.tenant_id, &number.id))
        .set("open_operation_id", operation)?
        .when_absent("open_operation_id")
        .when_is("status", &number.status)?;
    Ok(barred_as_read(update, number.barred)?.write(Guard::Number))
}

/// The carrier has a number, with its tag, under another id than it had.
pub fn adopted(number: &Number, before: &CarrierRef, after: &CarrierRef) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(&number.tenant_id, &number.id))
        .set("carrier_ref", after)?
        .when_absent("open_operation_id")
        .when_is("status", &number.status)?
        .when_is("carrier_ref", before)?;
    Ok(update.write(Guard::Number))
}

/// Gives a number to this operation alone, for releasing it, as it was read. One that is not paid for, or gone, is released
/// though it be primary or locked: those guard against a tenant's own mistakes. One that is gone was parked, and no other is.
pub fn open_release(number: &Number, operation: &OperationId, why: ReleaseWhy) -> Result<Write, StoreError> {
    let mut update = as_read(number)?
        .set("open_operation_id", operation)?
        .set("status", &NumberStatus::Releasing)?
        .remove("release_at")
        .remove("served_until")
        .remove("dunning")
        .remove(DUE_PK)
        .remove(DUE_SK)
        .when_absent("open_operation_id");
    update = match why {
        ReleaseWhy::Gone => update.when_is("parked", &true)?,
        ReleaseWhy::Asked | ReleaseWhy::PeriodEnd | ReleaseWhy::Unpaid => update.when_not_set("parked"),
    };
    update = match why {
        ReleaseWhy::Asked => update.when_not_set("primary").when_not_set("locked"),
        ReleaseWhy::PeriodEnd => {
            update.when_not_set("primary").when_not_set("locked").when_is("release_at", &number.release_at)?
        }
        ReleaseWhy::Unpaid => update.set("primary", &false)?,
        ReleaseWhy::Gone => not_parked(update)?.set("primary", &false)?,
    };
    Ok(update.write(Guard::Number))
}

/// Only while status, what is paid for, and dunning are as they were read.
fn as_read(number: &Number) -> Result<Update, StoreError> {
    let update = Update::of(keys::number(&number.tenant_id, &number.id)).when_is("status", &number.status)?;
    let update = update.when_is("paid_through", &number.paid_through)?;
    dunning_as_read(update, number.dunning.as_ref())
}

fn dunning_as_read(update: Update, dunning: Option<&Dunning>) -> Result<Update, StoreError> {
    Ok(match dunning {
        Some(dunning) => update.when_is("dunning.day", &dunning.day)?.when_is("dunning.on", &dunning.on)?,
        None => update.when_absent("dunning"),
    })
}

fn barred_as_read(update: Update, barred: bool) -> Result<Update, StoreError> {
    if barred { update.when_is("barred", &true) } else { Ok(update.when_not_set("barred")) }
}

fn not_parked(update: Update) -> Result<Update, StoreError> {
    Ok(update.set("parked", &false)?.remove("parked_why").remove("parked_at"))
}

fn due_at(
    update: Update,
    what: NumberDue,
    at: Timestamp,
    wallet: &WalletRef,
    id: &NumberId,
) -> Result<Update, StoreError> {
    let (pk, sk) = keys::number_due(what, at, wallet, id);
    update.set(DUE_PK, &pk)?.set(DUE_SK, &sk)
}

/// Periods of a number were charged. One that owes nothing any more serves again: at once, or (suspended) when it is
/// resumed, which is due at `now`. Stands under the condition that nobody else charged, released or parked it: its
/// `paid_through` only ever moves forward, which makes it the guard of invariant I5.
pub fn charged(wallet: &WalletRef, number: &Candidate, settled: &Settled, now: Timestamp) -> Result<Write, StoreError> {
    let mut update = Update::of(keys::number(&wallet.tenant_id, &number.id))
        .when_is("paid_through", &number.paid_through)?
        .set("paid_through", &settled.paid_through)?
        .when_is("status", &number.status)?
        .when_not_set("parked");
    update = dunning_as_read(update, number.dunning.as_ref())?;
    if settled.price != number.price {
        update = update.set("price", &settled.price)?;
    }
    if settled.price_change != number.price_change {
        update = update.set("price_change", &settled.price_change)?;
    }
    if number.included != number.was_included {
        update = update.set("included", &number.included)?;
    }
    match (number.status, settled.recovered) {
        (NumberStatus::Suspended, true) => {
            update = update.remove("dunning").remove("release_at");
            update = due_at(update, NumberDue::Dunning, now, wallet, &number.id)?;
        }
        (NumberStatus::Suspended, false) => {}
        (_, true) => {
            update = update.set("status", &NumberStatus::Active)?.remove("dunning").remove(DUE_PK).remove(DUE_SK);
            update = update.when_absent("release_at");
        }
        // It is about to be released, and stays due for that; what it served is charged up to a day.
        (NumberStatus::Active, false) if number.served_until.is_some() => {
            update = update.when_is("served_until", &number.served_until)?;
            if number.served_until.is_some_and(|served| served < settled.paid_through) {
                update = update.remove("served_until");
            }
        }
        // What was found by the index of what is due (a sale dated long ago, a release undone late) is done with; to take
        // out what is not there costs nothing.
        (NumberStatus::Active, false) => {
            update = update.remove(DUE_PK).remove(DUE_SK).when_absent("release_at");
        }
        (_, false) => update = update.when_absent("release_at"),
    }
    Ok(update.write(Guard::Number))
}

/// A number could not be charged for the first time: it is past due, and looked at again at `at`.
pub fn past_due(wallet: &WalletRef, number: &Candidate, dunning: &Dunning, at: Timestamp) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(&wallet.tenant_id, &number.id))
        .when_is("paid_through", &number.paid_through)?
        .when_is("status", &NumberStatus::Active)?
        .when_absent("dunning")
        .when_absent("release_at")
        .when_not_set("parked")
        .set("status", &NumberStatus::PastDue)?
        .set("dunning", dunning)?;
    Ok(due_at(update, NumberDue::Dunning, at, wallet, &number.id)?.write(Guard::Number))
}

/// Dunning went on: a notice was recorded, or the number is only looked at again at `at`; a release may have moved later.
pub fn dunned(
    number: &Number,
    after: &Dunning,
    release_at: Option<Timestamp>,
    at: Timestamp,
) -> Result<Write, StoreError> {
    let mut update = as_read(number)?.set("dunning", after)?.when_not_set("parked");
    if release_at != number.release_at {
        update = update.set("release_at", &release_at)?;
    }
    Ok(due_at(update, NumberDue::Dunning, at, &number.wallet(), &number.id)?.write(Guard::Number))
}

/// Gives a number to this operation alone, for holding up its calls or letting them through again: as it was read, what is
/// owed for it included.
pub fn open_as_read(number: &Number, operation: &OperationId) -> Result<Write, StoreError> {
    let update = as_read(number)?.set("open_operation_id", operation)?.when_absent("open_operation_id");
    Ok(barred_as_read(update.when_not_set("parked"), number.barred)?.write(Guard::Number))
}

/// What a finished suspension writes into its number.
#[derive(Debug)]
pub struct Suspended<'a> {
    /// Its dunning as it was when the suspension began.
    pub before: &'a Dunning,
    /// Its dunning now.
    pub after: &'a Dunning,
    /// When it is released, unless it is paid for.
    pub release_at: Timestamp,
    /// When it is looked at again.
    pub look_at: Timestamp,
}

/// A suspension succeeded.
pub fn suspended(
    wallet: &WalletRef,
    id: &NumberId,
    operation: &OperationId,
    news: &Suspended<'_>,
) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(&wallet.tenant_id, id))
        .when_is("status", &NumberStatus::PastDue)?
        .set("status", &NumberStatus::Suspended)?
        .set("dunning", news.after)?
        .set("release_at", &news.release_at)?
        .remove("barred");
    let update = dunning_as_read(update, Some(news.before))?;
    closed(due_at(update, NumberDue::Dunning, news.look_at, wallet, id)?, operation)
}

/// A suspension ended: the number serves again.
pub fn resumed(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id))
        .when_is("status", &NumberStatus::Suspended)?
        .when_absent("dunning")
        .set("status", &NumberStatus::Active)?
        .remove("release_at")
        .remove(DUE_PK)
        .remove(DUE_SK);
    closed(update, operation)
}

/// Its calls are let through no more, or again.
pub fn barred(tenant: &TenantId, id: &NumberId, operation: &OperationId, barred: bool) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id));
    closed(if barred { update.set("barred", &true)? } else { update.remove("barred") }, operation)
}

/// The tenant lets a number go at the end of what is paid for.
pub fn release_scheduled(number: &Number, at: Timestamp) -> Result<Write, StoreError> {
    let update = as_read(number)?
        .set("release_at", &at)?
        .when_absent("release_at")
        .when_absent("open_operation_id")
        .when_not_set("primary")
        .when_not_set("locked")
        .when_not_set("parked");
    Ok(due_at(update, NumberDue::PeriodEnd, at, &number.wallet(), &number.id)?.write(Guard::Number))
}

/// The tenant keeps a number after all. When it is not paid for any more, charging it is due at `now`. One that is parked
/// stays so: what is next for it is found when it is unparked.
pub fn release_unscheduled(number: &Number, now: Timestamp) -> Result<Write, StoreError> {
    let update = as_read(number)?.when_is("release_at", &number.release_at)?;
    let update = update.remove("release_at").remove("served_until");
    if number.parked {
        return Ok(update.when_is("parked", &true)?.write(Guard::Number));
    }
    let update = update.when_not_set("parked");
    let unpaid = number.paid_through.is_some_and(|paid_through| paid_through <= domain::period::date_of(now));
    let update = match unpaid {
        true => due_at(update, NumberDue::Dunning, now, &number.wallet(), &number.id)?,
        false => update.remove(DUE_PK).remove(DUE_SK),
    };
    Ok(update.write(Guard::Number))
}

/// A number is left alone from now on: no job finds it, the operator's list does.
pub fn parked(number: &Number, why: &str, at: Timestamp) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(&number.tenant_id, &number.id))
        .set("parked", &true)?
        .set("parked_why", &why)?
        .set("parked_at", &at)?
        .when_in("status", &[NumberStatus::Active, NumberStatus::PastDue, NumberStatus::Suspended])?
        .when_absent("open_operation_id")
        .when_not_set("parked");
    Ok(due_at(update, NumberDue::Parked, at, &number.wallet(), &number.id)?.write(Guard::Number))
}

/// A parked number, as it was read, goes on with what is next for it.
pub fn unparked(number: &Number, next: &Next, now: Timestamp) -> Result<Write, StoreError> {
    let update = not_parked(as_read(number)?.when_is("parked", &true)?)?;
    let update = match &number.release_at {
        Some(release_at) => update.when_is("release_at", release_at)?,
        None => update.when_absent("release_at"),
    };
    let (wallet, id) = (number.wallet(), &number.id);
    let update = match next {
        Next::Renews => update.remove(DUE_PK).remove(DUE_SK),
        Next::Look => due_at(update, NumberDue::Dunning, now, &wallet, id)?,
        Next::Ends { at, served_until } => {
            due_at(update.set("served_until", served_until)?, NumberDue::PeriodEnd, *at, &wallet, id)?
        }
    };
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
    /// When the next period has begun already (a sale that took long to be known), charging it is due now.
    pub due_at: Option<Timestamp>,
}

/// A purchase succeeded: the number serves, and renews on its anchor day.
pub fn bought(
    wallet: &WalletRef,
    id: &NumberId,
    operation: &OperationId,
    done: &Bought<'_>,
) -> Result<Write, StoreError> {
    let (anchor_pk, anchor_sk) = keys::anchor(done.anchor.day(), wallet, id);
    let mut update = Update::of(keys::number(&wallet.tenant_id, id))
        .set("status", &NumberStatus::Active)?
        .set("carrier_ref", done.carrier)?
        .set("platform_ref", &done.platform)?
        .set("agent_id", &done.agent)?
        .set("link", &done.link)?
        .set("anchor", &done.anchor)?
        .set("paid_through", &done.paid_through)?
        .set(ANCHOR_PK, &anchor_pk)?
        .set(ANCHOR_SK, &anchor_sk)?;
    if let Some(at) = done.due_at {
        update = due_at(update, NumberDue::Dunning, at, wallet, id)?;
    }
    closed(update, operation)
}

/// A purchase was given up.
pub fn failed(tenant: &TenantId, id: &NumberId, operation: &OperationId) -> Result<Write, StoreError> {
    closed(Update::of(keys::number(tenant, id)).set("status", &NumberStatus::Failed)?.remove("slot"), operation)
}

/// A purchase tries another offer.
pub fn swapped(tenant: &TenantId, id: &NumberId, operation: &OperationId, to: &E164) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id)).set("e164", to)?.when_is("open_operation_id", operation)?;
    Ok(update.write(Guard::Number))
}

/// A purchase has learned its digits. The claim that is put with it says where callers go else, so that must be as read.
/// `sip` is the account by which one is reached that was ordered by hand.
pub fn named(number: &Number, operation: &OperationId, to: &E164, sip: Option<&OwnTrunk>) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(&number.tenant_id, &number.id)).set("e164", to)?;
    let update = if let Some(sip) = sip { update.set("sip", sip)? } else { update };
    let update = update.when_is("open_operation_id", operation)?.when_is("e164", &number.e164)?;
    let update = match &number.fallback {
        Some(fallback) => update.when_is("fallback", fallback)?,
        None => update.when_absent("fallback"),
    };
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
    closed(
        Update::of(keys::number(tenant, id)).remove("agent_id").remove("platform_ref").remove("link").remove("barred"),
        operation,
    )
}

/// A release succeeded: the number renews no more.
pub fn released(tenant: &TenantId, id: &NumberId, operation: &OperationId, at: Timestamp) -> Result<Write, StoreError> {
    let update = Update::of(keys::number(tenant, id))
        .set("status", &NumberStatus::Released)?
        .set("released_at", &at)?
        .remove("agent_id")
        .remove("platform_ref")
        .remove("link")
        .remove("barred")
        .remove("slot")
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
