//! Reconciliation: how far the run is, what earlier runs saw, reports, and the books read number by number.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::number::Number;
use domain::numbering::CountryCode;
use domain::reconcile::{Finding, Kind, Place, Report, Tally, plan::Made};
use domain::{NumberId, OperationId, TenantId, limits};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::Store;
use crate::item::{Item, StoreError, decode, encode, text, whole, with_key};
use crate::keys::{self, ANCHOR_INDEX, ANCHOR_PK, ANCHOR_SK, Key, PK, SK, TTL};
use crate::page::{Cursor, Listing, Page};
use crate::transact::{Guard, TransactError, Write};

/// The run: the one that is going on, or the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Which: time-ordered.
    pub id: String,
    /// Nothing is to be changed.
    pub dry_run: bool,
    /// The books are compared with themselves as well.
    pub books_too: bool,
    /// When it began.
    pub began_at: Timestamp,
    /// Where it is.
    pub phase: Phase,
    /// What was compared so far, in the order of the run.
    pub places: Vec<(Place, Tally)>,
    /// How often each kind ended in each action.
    pub totals: BTreeMap<String, u64>,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// Repairs made so far.
    pub made: Made,
    /// Entries of each place's register that are written.
    pub written: Vec<usize>,
    /// Operations that were open when it began.
    pub open: BTreeSet<String>,
    /// What keeps it from going on, and since when.
    pub trouble: Option<Trouble>,
    /// Goes up with every note of how far it is; a note names the one before.
    pub fence: u64,
    /// Until when (real time) its driver owns it.
    pub lease_until: Option<Timestamp>,
}

/// What keeps a run from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What it was last.
    pub what: String,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// Reads what the books expect, by anchor day.
    Books(Spot),
    /// Meets what a place has, page by page.
    There {
        /// Which place, by its position.
        place: usize,
        /// After which page.
        after: Option<String>,
    },
    /// Looks at what a carrier did not list.
    Missing {
        /// Which place, by its position.
        place: usize,
        /// From which entry of its register.
        from: usize,
    },
    /// Compares a carrier's prices with the price book, country by country.
    Prices {
        /// Which place, by its position.
        place: usize,
        /// After which country.
        after: Option<CountryCode>,
    },
    /// Looks at linked numbers their platforms did not list as expected.
    Links(Spot),
    /// Compares the books with themselves, tenant by tenant.
    Ledger {
        /// After which key of the table.
        after: Option<(String, String)>,
    },
    /// Writes the report.
    Closing,
    /// Over.
    Over,
}

/// A place in the index of anchor days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// Day of the month, 1 to 31.
    pub day: i8,
    /// One of its shards.
    pub shard: u8,
    /// After this sort key of it.
    pub after: Option<String>,
}

impl Spot {
    /// Where reading begins.
    pub const FIRST: Self = Self { day: 1, shard: 0, after: None };

    /// The next partition; none after the last.
    #[must_use]
    pub const fn next(&self) -> Option<Self> {
        if self.shard + 1 < limits::ANCHOR_SHARDS {
            Some(Self { day: self.day, shard: self.shard + 1, after: None })
        } else if self.day < 31 {
            Some(Self { day: self.day + 1, shard: 0, after: None })
        } else {
            None
        }
    }
}

/// When the same was first seen, and by which run last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// In what way books and world disagree.
    pub kind: Kind,
    /// About what, by the third party's id.
    pub subject: String,
    /// When it was first seen.
    pub first_at: Timestamp,
    /// Which run saw it last.
    pub run_id: String,
}

/// What the last run that had something to say of a number said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Which run.
    pub run_id: String,
    /// Its findings.
    pub findings: Vec<Finding>,
}

/// Reports and what was said of numbers are kept this long.
const KEPT_DAYS: i64 = 400;
/// Registers of a run are kept this long.
const REGISTERS_KEPT_DAYS: i64 = 3;

fn until(now: Timestamp, days: i64) -> AttributeValue {
    whole(now.as_second().saturating_add(days * 86_400))
}

impl Store {
    /// The run that is going on, or the last one.
    pub async fn run_get(&self) -> Result<Option<Run>, StoreError> {
        self.get(&keys::run()).await
    }

    /// Notes how far a run is, as the one who read it with this fence; `false` when somebody else did since.
    pub async fn run_note(&self, run: &mut Run) -> Result<bool, StoreError> {
        let before = run.fence;
        let item = with_key(encode(&Run { fence: before + 1, ..run.clone() })?, &keys::run());
        let values = Item::from([(":fence".to_owned(), whole(before))]);
        let put =
            Write::put_when(Guard::Run, item, Some("attribute_not_exists(pk) OR fence = :fence".into()), Some(values));
        match self.transact(vec![put]).await {
            Ok(()) => {
                run.fence = before + 1;
                Ok(true)
            }
            Err(TransactError::Lost(_)) => Ok(false),
            Err(TransactError::Store(error)) => Err(error),
        }
    }

    /// Writes a part of a run's register.
    pub async fn register_put(
        &self,
        run: &str,
        place: usize,
        part: &str,
        bytes: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = with_key(Item::new(), &keys::register(run, place, part));
        item.insert("bytes".into(), AttributeValue::B(Blob::new(bytes)));
        item.insert(TTL.into(), until(now, REGISTERS_KEPT_DAYS));
        self.put(item).await
    }

    /// A part of a run's register.
    pub async fn register_get(&self, run: &str, place: usize, part: &str) -> Result<Option<Vec<u8>>, StoreError> {
        #[derive(Deserialize)]
        struct Part {
            #[serde(with = "serde_bytes_of")]
            bytes: Vec<u8>,
        }
        Ok(self.get::<Part>(&keys::register(run, place, part)).await?.map(|part| part.bytes))
    }

    /// When this was first seen, if an earlier run saw it.
    pub async fn sighting_get(&self, kind: Kind, subject: &str) -> Result<Option<Sighting>, StoreError> {
        self.get(&keys::sighting(kind.as_str(), subject)).await
    }

    /// Notes that this was seen.
    pub async fn sighting_put(&self, sighting: &Sighting) -> Result<(), StoreError> {
        let key = keys::sighting(sighting.kind.as_str(), &sighting.subject);
        self.put(with_key(encode(sighting)?, &key)).await
    }

    /// What earlier runs saw.
    pub async fn sighting_list(&self, after: Option<Cursor>, limit: u16) -> Result<Page<Sighting>, StoreError> {
        let pk = keys::run().pk;
        self.list(Listing { pk, prefix: keys::SIGHTINGS, forward: true, after, limit }, |_| true).await
    }

    /// Forgets what is not seen any more.
    pub async fn sighting_delete(&self, sighting: &Sighting) -> Result<(), StoreError> {
        let key = keys::sighting(sighting.kind.as_str(), &sighting.subject);
        let delete = self.client().delete_item().table_name(&self.table).set_key(Some(crate::item::key_of(&key)));
        delete.send().await.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }

    /// Keeps a report; one that changed things is its day's statement of agreement.
    pub async fn report_put(&self, report: &Report) -> Result<(), StoreError> {
        let mut keys = vec![keys::report(&report.run_id)];
        if !report.dry_run {
            keys.push(keys::agreement(domain::period::date_of(report.ended_at)));
        }
        for key in keys {
            let mut item = with_key(encode(report)?, &key);
            item.insert(TTL.into(), until(report.ended_at, KEPT_DAYS));
            self.put(item).await?;
        }
        Ok(())
    }

    /// A run's report.
    pub async fn report_get(&self, run: &str) -> Result<Option<Report>, StoreError> {
        self.get(&keys::report(run)).await
    }

    /// The newest report; without dry runs, if so wished.
    pub async fn report_latest(&self, real_only: bool) -> Result<Option<Report>, StoreError> {
        let listing = Listing { pk: keys::run().pk, prefix: keys::REPORTS, forward: false, after: None, limit: 1 };
        let keep = |report: &Report| !(real_only && report.dry_run);
        Ok(self.list(listing, keep).await?.items.into_iter().next())
    }

    /// A day's statement of agreement.
    pub async fn agreement_get(&self, date: Date) -> Result<Option<Report>, StoreError> {
        self.get(&keys::agreement(date)).await
    }

    /// Keeps what a run said of a number.
    pub async fn said_put(
        &self,
        tenant: &TenantId,
        number: &NumberId,
        said: &Said,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = with_key(encode(said)?, &keys::said(tenant, number));
        item.insert(TTL.into(), until(now, KEPT_DAYS));
        self.put(item).await
    }

    /// What was last said of a number.
    pub async fn said_get(&self, tenant: &TenantId, number: &NumberId) -> Result<Option<Said>, StoreError> {
        self.get(&keys::said(tenant, number)).await
    }

    /// Some of the numbers that renew on an anchor day, strongly consistent, and where to go on; those that went away since
    /// they were indexed are missing.
    pub async fn anchored_page(&self, spot: &Spot) -> Result<(Vec<Number>, Option<String>), StoreError> {
        let answer = self
            .client()
            .query()
            .table_name(&self.table)
            .index_name(ANCHOR_INDEX)
            .key_condition_expression(format!("{ANCHOR_PK} = :pk AND {ANCHOR_SK} > :after"))
            .expression_attribute_values(":pk", text(keys::anchor_partition(spot.day, spot.shard)))
            .expression_attribute_values(":after", text(spot.after.as_deref().unwrap_or(" ")))
            .limit(i32::from(limits::PAGE_MAX))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        let items = answer.items.unwrap_or_default();
        let field = |item: &Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let found: Vec<Key> =
            items.iter().filter_map(|item| Some(Key { pk: field(item, PK)?, sk: field(item, SK)? })).collect();
        let next = items.last().filter(|_| answer.last_evaluated_key.is_some()).and_then(|last| field(last, ANCHOR_SK));
        let numbers = match found.is_empty() {
            true => Vec::new(),
            false => self.batch_get(&found).await?.into_iter().map(decode).collect::<Result<_, _>>()?,
        };
        Ok((numbers, next))
    }

    /// Operations of all tenants somebody still has to work on, at most so many of each shard.
    pub async fn operations_open(&self) -> Result<Vec<OperationId>, StoreError> {
        let mut open = Vec::new();
        for shard in 0..limits::DUE_SHARDS {
            let mut after = None;
            for _ in 0..limits::SWEEP_PAGES_MAX {
                let due = self.operation_due(shard, Timestamp::MAX, after.as_ref()).await?;
                let Some(last) = due.last().map(|last| last.cursor.clone()) else { break };
                open.extend(due.into_iter().map(|due| due.operation_id));
                after = Some(last);
            }
        }
        let mut after = None;
        for _ in 0..limits::SWEEP_PAGES_MAX {
            let waiting = self.operation_waiting(after.as_ref(), limits::PAGE_MAX).await?;
            let Some(last) = waiting.last().map(|last| last.cursor.clone()) else { break };
            open.extend(waiting.into_iter().map(|waiting| waiting.operation_id));
            after = Some(last);
        }
        let mut after = None;
        for _ in 0..limits::SWEEP_PAGES_MAX {
            let stuck = self.operation_stuck(after.as_ref(), limits::PAGE_MAX).await?;
            let Some(last) = stuck.last().map(|last| last.cursor.clone()) else { break };
            open.extend(stuck.into_iter().map(|stuck| stuck.operation_id));
            after = Some(last);
        }
        Ok(open)
    }

    async fn put(&self, item: Item) -> Result<(), StoreError> {
        let put = self.client().put_item().table_name(&self.table).set_item(Some(item));
        let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total);
        put.send().await.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }
}

/// Bytes of a binary attribute.
mod serde_bytes_of {
    use serde::de::{Deserializer, Error, Visitor};

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_byte_buf(Bytes)
    }
}
