//! Call records: put once, moved forward only (invariant I8).

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use domain::call::{Call, CallStatus};
use domain::wallet::WalletRef;
use domain::{AgentId, E164, TenantId, limits};
use jiff::Timestamp;

use crate::Store;
use crate::item::{StoreError, decode, encode, key_of, text, whole, with_key};
use crate::keys::{self, CALLS_INDEX, CALLS_PK, CALLS_SK, DUE_PK, DUE_SK};
use crate::month;
use crate::page::{Cursor, Page};
use crate::transact::{Guard, Write};
use crate::update::Update;

/// What was heard of a call after it began.
#[derive(Debug, Clone)]
pub struct CallNews {
    /// The call as it would be recorded if nothing were known of it yet.
    pub call: Call,
    /// How it stands now, if this says so.
    pub status: Option<CallStatus>,
    /// Who it went to and why, if this says so.
    pub routed: Option<(String, String)>,
    /// Whose agent took it, if this says so.
    pub agent_id: Option<AgentId>,
}

impl Store {
    /// A call.
    pub async fn call_get(&self, call_sid: &str) -> Result<Option<Call>, StoreError> {
        self.get(&keys::call(call_sid)).await
    }

    /// Notes a call that just came in; one that is noted already stays as it is (the carrier asks again after a
    /// timeout), and is answered.
    pub async fn call_insert(&self, call: &Call) -> Result<Option<Call>, StoreError> {
        let mut item = with_key(encode(call)?, &keys::call(&call.call_sid));
        item.insert("rank".into(), whole(call.status.rank()));
        item.insert(DUE_PK.into(), text(keys::live_calls(&call.tenant_id)));
        item.insert(DUE_SK.into(), text(keys::live_call(call.started_at, &call.call_sid)));
        for (name, value) in fixed(call) {
            item.insert(name.into(), value);
        }
        let put = self
            .client()
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match put.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(there)) => {
                    there.item.clone().map(decode).transpose()
                }
                Some(_) | None => Err(StoreError::unavailable(&error)),
            },
        }
    }

    /// Keeps what the carrier is answered about a call, whose agent it goes to by that, and (where nobody will say later
    /// whether that took it) who it went to and why; unless something was kept before.
    pub async fn call_answered(
        &self,
        call_sid: &str,
        answer: &str,
        agent: &AgentId,
        routed: Option<(String, String)>,
    ) -> Result<(), StoreError> {
        let mut update =
            Update::of(keys::call(call_sid)).set("answer", &answer)?.set_if_absent("agent_id", &Some(agent))?;
        if let Some((to, why)) = &routed {
            update = update.set_if_absent("routed_to", to)?.set_if_absent("routed_why", why)?;
        }
        self.call_update(update.when_exists().when_not_set("answer")).await
    }

    /// Notes that a call that just came in goes to nobody, and why; it takes none of the lines that a tenant has.
    pub async fn call_turned_away(&self, call_sid: &str, nobody: &str, why: &str) -> Result<(), StoreError> {
        let update = Update::of(keys::call(call_sid)).set("routed_to", &nobody)?.set("routed_why", &why)?;
        self.call_update(update.remove(DUE_PK).remove(DUE_SK).when_exists()).await
    }

    /// Takes in news of a call: what is further along wins, what is late or repeated changes nothing. Makes the record
    /// when the call was never noted. Who it went to is kept from whoever says so first.
    pub async fn call_news(&self, news: &CallNews) -> Result<(), StoreError> {
        let call = &news.call;
        let mut update = Update::of(keys::call(&call.call_sid))
            .set_if_absent("call_sid", &call.call_sid)?
            .set_if_absent("tenant_id", &call.tenant_id)?
            .set_if_absent("e164", &call.e164)?
            .set_if_absent("direction", &call.direction)?
            .set_if_absent("from", &call.from)?
            .set_if_absent("to", &call.to)?
            .set_if_absent("started_at", &call.started_at)?;
        for (name, value) in fixed(call) {
            update = update.set_if_absent_value(name, value);
        }
        if let Some((to, why)) = &news.routed {
            update = update.set_if_absent("routed_to", to)?.set_if_absent("routed_why", why)?;
        }
        update = update.set_if_absent("agent_id", &news.agent_id)?;
        match news.status {
            Some(status) => {
                let over = status.rank() == CallStatus::Completed.rank();
                if let Some(cost) = &call.cost {
                    // In the index of unpaid calls from the moment it has a price.
                    let wallet = WalletRef { tenant_id: call.tenant_id.clone(), currency: cost.currency };
                    let (pk, sk) = keys::unpaid_call(&wallet, call.started_at, &call.call_sid);
                    update = update.set("cost", cost)?.set(DUE_PK, &pk)?.set(DUE_SK, &sk)?;
                } else if over {
                    // No longer among the calls that are going on.
                    update = update.remove(DUE_PK).remove(DUE_SK);
                }
                if over {
                    update = update.remove("answer");
                }
                let moved = update
                    .set("status", &status)?
                    .set("duration_s", &call.duration_s)?
                    .set("rank", &status.rank())?
                    .when_absent_or_below("rank", i64::from(status.rank()));
                self.call_update(moved).await
            }
            None => self.call_update(update.set_if_absent("status", &call.status)?).await,
        }
    }

    async fn call_update(&self, update: Update) -> Result<(), StoreError> {
        let (expression, condition) = (update.expression(), update.condition());
        let (key, names, values) = update.into_parts();
        let request = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(&key)))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                Some(_) | None => Err(StoreError::unavailable(&error)),
            },
        }
    }

    /// Calls of a number, newest first, month by month from `now` back to `since`.
    pub async fn call_list(
        &self,
        tenant: &TenantId,
        e164: &E164,
        since: Timestamp,
        now: Timestamp,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Call>, StoreError> {
        let (mut at, mut from) = (now, None);
        if let Some(cursor) = &after
            && let Some((month, sk)) = cursor.position().strip_prefix(keys::CALLS).and_then(|p| p.split_once('|'))
            && let Ok(there) = format!("{month}-01T00:00:00Z").parse::<Timestamp>()
        {
            (at, from) = (there, Some(sk.to_owned()));
        }
        let mut items: Vec<(String, Call)> = Vec::new();
        for _ in 0..limits::CALL_MONTHS_MAX {
            let month = month::of(at);
            let wanted = usize::from(limit) + 1 - items.len();
            for call in self.calls_of_month(tenant, e164, &month, since, from.take(), wanted).await? {
                items.push((month.clone(), call));
            }
            if items.len() > usize::from(limit) || month <= month::of(since) {
                break;
            }
            at = month::before(at);
        }
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let last = items.last().filter(|_| more).map(|(month, call)| {
            Cursor::at(format!("{}{month}|{}", keys::CALLS, keys::calls_sort(call.started_at, &call.call_sid)))
        });
        Ok(Page { items: items.into_iter().map(|(_, call)| call).collect(), next: last })
    }

    async fn calls_of_month(
        &self,
        tenant: &TenantId,
        e164: &E164,
        month: &str,
        since: Timestamp,
        before: Option<String>,
        limit: usize,
    ) -> Result<Vec<Call>, StoreError> {
        // `BETWEEN` includes its ends, so the cursor's own call comes back too and is left out.
        let until = before.unwrap_or_else(|| "~".to_owned());
        let answer = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(CALLS_INDEX)
            .key_condition_expression("calls_pk = :pk AND calls_sk BETWEEN :from AND :until")
            .expression_attribute_values(":pk", text(keys::calls_partition(tenant, e164, month)))
            .expression_attribute_values(":from", text(keys::instant(since)))
            .expression_attribute_values(":until", text(&until))
            .scan_index_forward(false)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        let items = answer.items.unwrap_or_default().into_iter();
        let others = items.filter(|item| item.get(CALLS_SK) != Some(&text(&until)));
        others.take(limit).map(decode).collect()
    }
}

/// A call's minutes were charged, each call's once, at what it cost when it was read.
pub fn paid(read: &Call) -> Result<Write, StoreError> {
    let update = Update::of(keys::call(&read.call_sid)).set("paid", &true)?.remove(DUE_PK).remove(DUE_SK);
    let update = update.when_exists().when_not_set("paid");
    let update = match read.included_minutes {
        0 => update.when_absent_or_below("included_minutes", 1),
        included => update.when_is("included_minutes", &included)?,
    };
    Ok(update.write(Guard::Call))
}

/// The plan paid for minutes of a call, each call's once: what is left of its cost stands in `after`, and may be nothing.
pub fn included(after: &Call) -> Result<Write, StoreError> {
    let update = Update::of(keys::call(&after.call_sid))
        .set("included_minutes", &after.included_minutes)?
        .set("cost", &after.cost)?
        .set("paid", &after.paid)?;
    let update = if after.paid { update.remove(DUE_PK).remove(DUE_SK) } else { update };
    let update = update.when_exists().when_not_set("paid").when_absent_or_below("included_minutes", 1);
    Ok(update.write(Guard::Call))
}

/// Attributes that never change once a call is known: index keys and expiry.
fn fixed(call: &Call) -> [(&'static str, aws_sdk_dynamodb::types::AttributeValue); 3] {
    let expires = call.started_at.as_second() + limits::CALL_TTL_DAYS * 86_400;
    [
        (CALLS_PK, text(keys::calls_partition(&call.tenant_id, &call.e164, &month::of(call.started_at)))),
        (CALLS_SK, text(keys::calls_sort(call.started_at, &call.call_sid))),
        (keys::TTL, whole(expires)),
    ]
}
