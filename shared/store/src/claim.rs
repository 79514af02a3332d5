//! Claims: the conditional writes behind invariant I1, and the lookup of an incoming call.

use domain::call::Call;
use domain::claim::Claim;
use domain::number::{NumberStatus, PlatformRef};
use domain::tenant::Tenant;
use domain::wallet::Wallet;
use domain::{AgentId, Currency, E164, NumberId, OperationId, TenantId, limits};
use jiff::Timestamp;

use crate::Store;
use crate::item::{Item, StoreError, encode, text, with_key};
use crate::keys;
use crate::transact::{Guard, Write};
use crate::update::Update;

/// What an incoming call needs to know, read in one round trip.
#[derive(Debug, Clone)]
pub struct CallLookup {
    /// The tenant the webhook's URL names.
    pub tenant: Option<Tenant>,
    /// What stands on the number called.
    pub claim: Option<Claim>,
    /// The wallet that pays for minutes, where it was asked for.
    pub wallet: Option<Wallet>,
    /// Calls of the tenant that are going on besides, where they were counted.
    pub live: usize,
    /// What the carrier was answered when it asked about the same call before, where that was kept.
    pub answer: Option<String>,
}

impl Store {
    /// What stands on an E.164.
    pub async fn claim_get(&self, e164: &E164) -> Result<Option<Claim>, StoreError> {
        self.get(&keys::claim(e164)).await
    }

    /// What stands on these E.164s, at most [`domain::limits::PAGE_MAX`] of them, in no order.
    pub async fn claims_get(&self, e164s: &[E164]) -> Result<Vec<Claim>, StoreError> {
        if e164s.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = e164s.iter().map(keys::claim).collect();
        self.batch_get(&keys).await?.into_iter().map(crate::item::decode).collect()
    }

    /// Claim and tenant of a call, in one BatchGet: two read units.
    pub async fn call_lookup(&self, tenant: &TenantId, e164: &E164) -> Result<CallLookup, StoreError> {
        self.lookup(&[keys::tenant(tenant), keys::claim(e164)]).await
    }

    async fn lookup(&self, keys: &[keys::Key]) -> Result<CallLookup, StoreError> {
        let items = self.batch_get(keys).await?;
        let [tenant, claim, wallet] = [0, 1, 2].map(|place| keys.get(place));
        Ok(CallLookup {
            tenant: tenant.map_or(Ok(None), |key| Self::take(&items, key))?,
            claim: claim.map_or(Ok(None), |key| Self::take(&items, key))?,
            wallet: wallet.map_or(Ok(None), |key| Self::take(&items, key))?,
            live: 0,
            answer: None,
        })
    }

    /// The same with the wallet of this currency, side by side with noting the call and counting those that go on besides:
    /// one round trip.
    pub async fn call_begin(
        &self,
        tenant: &TenantId,
        e164: &E164,
        pays_in: Currency,
        call: &Call,
    ) -> Result<CallLookup, StoreError> {
        let keys = [keys::tenant(tenant), keys::claim(e164), keys::wallet(tenant, pays_in)];
        let since = call.started_at.saturating_sub(limits::CALL_LASTS_AT_MOST).unwrap_or(Timestamp::MIN);
        let (lookup, noted, live) =
            tokio::join!(self.lookup(&keys), self.call_insert(call), self.live_calls(tenant, since, &call.call_sid));
        let live = live.unwrap_or_else(|error| {
            tracing::warn!(call.sid = call.call_sid, %error, "calls that go on could not be counted");
            0
        });
        let before = noted.unwrap_or_else(|error| {
            // The caller must be answered; the status callback writes the record if this did not.
            tracing::warn!(call.sid = call.call_sid, %error, "an incoming call could not be noted");
            None
        });
        Ok(CallLookup { answer: before.and_then(|call| call.answer), live, ..lookup? })
    }
}

/// Takes an E.164 where `before` stands (nothing, or a claim whose revision must be unchanged).
pub fn take(guard: Guard, claim: &Claim, before: Option<&Claim>) -> Result<Write, StoreError> {
    let item = with_key(encode(claim)?, &keys::claim(&claim.e164));
    Ok(match before {
        None => Write::insert(guard, item),
        Some(before) => {
            let values = Item::from([(":rev".to_owned(), text(before.rev.as_str()))]);
            Write::put_when(guard, item, Some("rev = :rev".into()), Some(values))
        }
    })
}

/// Puts in place of this operation's claim what is to stand after it; `None` leaves the E.164 free.
pub fn replace(guard: Guard, e164: &E164, number: &NumberId, after: Option<&Claim>) -> Result<Write, StoreError> {
    let values = Item::from([(":number".to_owned(), text(number.as_str()))]);
    let condition = "number_id = :number";
    Ok(match after {
        None => Write::delete_when(guard, &keys::claim(e164), condition, values),
        Some(after) => {
            let item = with_key(encode(after)?, &keys::claim(e164));
            Write::put_when(guard, item, Some(condition.into()), Some(values))
        }
    })
}

/// Changes where calls go: the agent and, if given, the status. The fallback is the tenant's and is left alone.
pub fn reroute(
    e164: &E164,
    number: &NumberId,
    rev: &OperationId,
    status: Option<NumberStatus>,
    agent: Option<&AgentId>,
    platform: Option<&PlatformRef>,
) -> Result<Write, StoreError> {
    let mut update = Update::of(keys::claim(e164))
        .set("route.agent_id", &agent)?
        .set("route.platform_ref", &platform)?
        .set("route.barred", &false)?
        .set("rev", rev)?
        .when_is("number_id", number)?;
    if let Some(status) = status {
        update = update.set("route.status", &status)?;
    }
    Ok(update.write(Guard::Claim))
}

/// Changes only the status that callers meet; that holds their calls up, or nothing does.
pub fn restatus(e164: &E164, number: &NumberId, rev: &OperationId, status: NumberStatus) -> Result<Write, StoreError> {
    let update =
        Update::of(keys::claim(e164)).set("route.status", &status)?.set("route.barred", &false)?.set("rev", rev)?;
    Ok(update.when_is("number_id", number)?.write(Guard::Claim))
}

/// Changes only whether calls are barred.
pub fn bar(e164: &E164, number: &NumberId, rev: &OperationId, barred: bool) -> Result<Write, StoreError> {
    let update = Update::of(keys::claim(e164)).set("route.barred", &barred)?.set("rev", rev)?;
    Ok(update.when_is("number_id", number)?.write(Guard::Claim))
}

/// Changes only the status that callers meet, by what no operation did: its number was paid for, or could not be.
pub fn meet(e164: &E164, number: &NumberId, status: NumberStatus) -> Result<Write, StoreError> {
    let update = Update::of(keys::claim(e164)).set("route.status", &status)?;
    Ok(update.when_is("number_id", number)?.write(Guard::Claim))
}

/// Changes only where callers go when the agent cannot answer.
pub(crate) fn refallback(e164: &E164, number: &NumberId, to: Option<&E164>) -> Result<Write, StoreError> {
    let update = Update::of(keys::claim(e164)).set("route.fallback", &to)?.when_is("number_id", number)?;
    Ok(update.write(Guard::Claim))
}
