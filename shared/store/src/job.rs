//! Daily jobs: which day was sent out, what of it is not worked off yet, which days are complete.
//!
//! A day is complete when everything it sent has been worked off; renewals begin at the first day that is not, and dunning
//! counts complete days only.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::wallet::WalletRef;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::item::{Item, StoreError, encode, encode_value, key_of, text, with_key};
use crate::keys;
use crate::page::{Listing, Page};
use crate::transact::{Guard, TransactError, Write};

/// Which job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Charges periods that begin.
    Renewals,
    /// Goes on with overdue numbers.
    Dunning,
}

impl Job {
    const fn name(self) -> &'static str {
        match self {
            Self::Renewals => "RENEWALS",
            Self::Dunning => "DUNNING",
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct JobState {
    /// The last day that was sent out whole.
    #[serde(default)]
    pub sent: Option<Date>,
    /// How far the day after that was sent out, when a tick ended in the middle of it.
    #[serde(default)]
    pub reached: Option<Reached>,
    /// Days that are complete, the last [`domain::limits::COMPLETED_DAYS_MAX`] of them.
    #[serde(default)]
    pub completed: BTreeSet<Date>,
}

/// How far a day was sent out: wallets are sent in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Which day.
    pub date: Date,
    /// The last wallet that was sent.
    pub wallet: WalletRef,
}

/// Work that was sent out and is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// For which wallet.
    #[serde(flatten)]
    pub wallet: WalletRef,
    /// On which day.
    pub date: Date,
    /// Days of the month whose anchors it is about; none for dunning.
    #[serde(default)]
    pub days: Vec<i8>,
}

impl Store {
    /// How far a job is.
    pub async fn job_get(&self, job: Job) -> Result<JobState, StoreError> {
        Ok(self.get(&keys::job(job.name())).await?.unwrap_or_default())
    }

    /// Notes work before it is sent out, so that it is sent again should the message be lost.
    pub async fn job_work_put(&self, job: Job, work: &Work) -> Result<(), StoreError> {
        let item = with_key(encode(work)?, &keys::job_work(job.name(), &work.wallet));
        let put = self.client().put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }

    /// Work that is not known to be done.
    pub async fn job_work_list(&self, job: Job, limit: u16) -> Result<Page<Work>, StoreError> {
        let pk = keys::job(job.name()).pk;
        self.list(Listing { pk, prefix: keys::WORK, forward: true, after: None, limit }, |_| true).await
    }

    /// Notes that a wallet's work of a day is done; work of a later day stays.
    pub async fn job_work_done(&self, job: Job, wallet: &WalletRef, date: Date) -> Result<(), StoreError> {
        let key = keys::job_work(job.name(), wallet);
        let values = Item::from([(":date".to_owned(), text(date.to_string()))]);
        let delete = Write::delete_when(Guard::Work, &key, "attribute_not_exists(pk) OR #date <= :date", values);
        match self.transact(vec![delete]).await {
            Ok(()) | Err(TransactError::Lost(_)) => Ok(()),
            Err(TransactError::Store(error)) => Err(error),
        }
    }

    /// Notes how far a day was sent out.
    pub async fn job_reached(&self, job: Job, reached: &Reached) -> Result<(), StoreError> {
        let update = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(&keys::job(job.name()))))
            .update_expression("SET reached = :reached")
            .expression_attribute_values(":reached", encode_value(reached)?);
        update.send().await.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }

    /// Notes that everything of a day was sent out.
    pub async fn job_sent(&self, job: Job, date: Date) -> Result<(), StoreError> {
        let update = self
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(&keys::job(job.name()))))
            .update_expression("SET sent = :date")
            .condition_expression("attribute_not_exists(sent) OR sent < :date")
            .expression_attribute_values(":date", text(date.to_string()));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(StoreError::unavailable(&error)),
        }
    }

    /// Notes that a day is complete, and forgets days that count no more.
    pub async fn job_completed(&self, job: Job, date: Date, forget: &[Date]) -> Result<(), StoreError> {
        let days = |days: &[Date]| AttributeValue::Ss(days.iter().map(ToString::to_string).collect());
        let mut changes = vec![("ADD completed :days", days(&[date]))];
        if !forget.is_empty() {
            changes.push(("DELETE completed :days", days(forget)));
        }
        for (expression, value) in changes {
            let update = self
                .client()
                .update_item()
                .table_name(&self.table)
                .set_key(Some(key_of(&keys::job(job.name()))))
                .update_expression(expression)
                .set_expression_attribute_values(Some(HashMap::from([(":days".to_owned(), value)])))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            update.send().await.map_err(|error| StoreError::unavailable(&error))?;
        }
        Ok(())
    }
}
