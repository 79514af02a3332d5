//! What is due, found by the two keys-only indexes: numbers by anchor day, numbers with something to be done, calls to be
//! paid for. An index may lag behind the table; whoever works reads the item itself first.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::wallet::WalletRef;
use domain::{NumberId, TenantId, limits};
use jiff::Timestamp;

use crate::Store;
use crate::item::{Item, StoreError, decode, text};
use crate::keys::{self, ANCHOR_INDEX, ANCHOR_PK, ANCHOR_SK, DUE_INDEX, DUE_PK, DUE_SK, NumberDue};

/// Some wallets, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallets {
    /// Each of them at least once.
    pub wallets: Vec<WalletRef>,
    /// Pass this to go on; none at the end.
    pub next: Option<String>,
}

/// An index and its key's attributes.
type Index = (&'static str, &'static str, &'static str);
const DUE: Index = (DUE_INDEX, DUE_PK, DUE_SK);
const ANCHOR: Index = (ANCHOR_INDEX, ANCHOR_PK, ANCHOR_SK);

impl Store {
    /// Wallets that pay for numbers of an anchor day, in one of its shards.
    pub async fn anchored_wallets(&self, day: i8, shard: u8, after: Option<&str>) -> Result<Wallets, StoreError> {
        let keys = self.index_keys(ANCHOR, &keys::anchor_partition(day, shard), after, "~", limits::DUE_PAGE).await?;
        Ok(wallets(&keys, "", limits::DUE_PAGE))
    }

    /// Numbers of an anchor day that a wallet pays for, in one of the day's shards; at most [`limits::DUE_PAGE`].
    pub async fn anchored_numbers(
        &self,
        wallet: &WalletRef,
        day: i8,
        shard: u8,
        after: Option<&NumberId>,
    ) -> Result<Vec<NumberId>, StoreError> {
        let prefix = keys::wallet_prefix(wallet);
        let from = after.map_or_else(|| prefix.clone(), |after| format!("{prefix}{after}!"));
        let (partition, until) = (keys::anchor_partition(day, shard), keys::after_wallet(wallet));
        let found = self.index_keys(ANCHOR, &partition, Some(&from), &until, limits::DUE_PAGE).await?;
        Ok(found.iter().filter_map(|sk| keys::read_wallet(sk)?.1.parse().ok()).collect())
    }

    /// Wallets that pay for numbers with this to be done by `now`, in one shard.
    pub async fn due_wallets(
        &self,
        what: NumberDue,
        shard: u8,
        now: Timestamp,
        after: Option<&str>,
    ) -> Result<Wallets, StoreError> {
        let (partition, until) = (keys::number_due_partition(what, shard), keys::due_until(now));
        let found = self.index_keys(DUE, &partition, after, &until, limits::DUE_PAGE).await?;
        Ok(wallets(&found, "#", limits::DUE_PAGE))
    }

    /// Numbers with this to be done by `now`, in one shard, the longest waiting first, and where each is in the index.
    pub async fn due_numbers(
        &self,
        what: NumberDue,
        shard: u8,
        now: Timestamp,
        after: Option<&str>,
    ) -> Result<Vec<(TenantId, NumberId, String)>, StoreError> {
        let (partition, until) = (keys::number_due_partition(what, shard), keys::due_until(now));
        let found = self.index_keys(DUE, &partition, after, &until, limits::DUE_PAGE).await?;
        let read = |sk: String| keys::read_number_due(&sk).map(|(wallet, id)| (wallet.tenant_id, id, format!("{sk}!")));
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// Wallets with calls that are not paid for, in one shard.
    pub async fn unpaid_wallets(&self, shard: u8, after: Option<&str>) -> Result<Wallets, StoreError> {
        let partition = keys::unpaid_calls_partition(shard);
        let found = self.index_keys(DUE, &partition, after, "~", limits::DUE_PAGE).await?;
        Ok(wallets(&found, "", limits::DUE_PAGE))
    }

    /// Calls (their carrier's ids) that a wallet has not paid for, the oldest first; at most [`limits::DUE_PAGE`].
    pub async fn unpaid_calls(&self, wallet: &WalletRef) -> Result<Vec<String>, StoreError> {
        let (from, until) = (keys::wallet_prefix(wallet), keys::after_wallet(wallet));
        let found = self.index_keys(DUE, &keys::unpaid_calls_of(wallet), Some(&from), &until, limits::DUE_PAGE).await?;
        Ok(found.iter().filter_map(|sk| Some(sk.rsplit_once('#')?.1.to_owned())).collect())
    }

    /// How many of a tenant's calls are going on that began since, but for this one; at most
    /// [`limits::LIVE_CALLS_COUNTED`]. The index may be a moment behind.
    pub async fn live_calls(&self, tenant: &TenantId, since: Timestamp, but: &str) -> Result<usize, StoreError> {
        let (from, limit) = (keys::instant(since), limits::LIVE_CALLS_COUNTED);
        let found = self.index_keys(DUE, &keys::live_calls(tenant), Some(&from), "~", limit).await?;
        Ok(found.iter().filter(|sk| sk.rsplit_once('#').is_none_or(|(_, sid)| sid != but)).count())
    }

    /// These numbers as they are, strongly consistent, in no order; those that are gone are missing.
    pub async fn numbers_get(
        &self,
        tenant: &TenantId,
        ids: &[NumberId],
    ) -> Result<Vec<domain::number::Number>, StoreError> {
        let mut numbers = Vec::with_capacity(ids.len());
        for some in ids.chunks(usize::from(limits::PAGE_MAX)) {
            let keys: Vec<_> = some.iter().map(|id| keys::number(tenant, id)).collect();
            for item in self.batch_get(&keys).await? {
                numbers.push(decode(item)?);
            }
        }
        Ok(numbers)
    }

    /// Sort keys of an index partition from `after` up to `until`, at most `limit`.
    async fn index_keys(
        &self,
        (index, pk, sk): Index,
        partition: &str,
        after: Option<&str>,
        until: &str,
        limit: u16,
    ) -> Result<Vec<String>, StoreError> {
        let from = after.unwrap_or(" ");
        if from >= until {
            return Ok(Vec::new());
        }
        let answer = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression(format!("{pk} = :pk AND {sk} BETWEEN :from AND :until"))
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":until", text(until))
            .limit(i32::from(limit))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        let key = |item: &Item| item.get(sk).and_then(|value| value.as_s().ok()).cloned();
        Ok(answer.items.unwrap_or_default().iter().filter_map(key).collect())
    }
}

/// The wallets of a page of keys. The next page begins after the last of them, however many keys it has: a wallet with a
/// hundred thousand numbers costs one page.
fn wallets(found: &[String], before: &str, limit: u16) -> Wallets {
    // Keys are `wallet…`, or `instant#wallet…`.
    let skip = |sk: &String| if before.is_empty() { 0 } else { sk.find(before).map_or(0, |at| at + before.len()) };
    let mut wallets: Vec<WalletRef> = Vec::new();
    for sk in found {
        if let Some((wallet, _)) = keys::read_wallet(&sk[skip(sk)..])
            && wallets.last() != Some(&wallet)
        {
            wallets.push(wallet);
        }
    }
    let full = found.len() == usize::from(limit);
    let next = found.last().filter(|_| full).and_then(|sk| {
        let (wallet, _) = keys::read_wallet(&sk[skip(sk)..])?;
        Some(format!("{}{}", &sk[..skip(sk)], keys::after_wallet(&wallet)))
    });
    Wallets { wallets, next }
}
