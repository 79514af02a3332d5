//! The books: DynamoDB for everything that is known, SQS for work to be done.
//!
//! One table; every key string is in [`keys`]; one file per noun with noun-first methods. Transactions are composed by
//! the sagas from [`transact::Write`]s that the nouns hand out, so that each noun keeps its own conditions. This crate
//! decides nothing: rules are in `domain`, the order of things in `shared`.

pub mod keys;
pub mod table;

mod item;
mod month;
pub mod page;
pub mod transact;
mod update;

pub mod agent;
pub mod audit;
pub mod call;
pub mod claim;
pub mod due;
pub mod idempotency;
pub mod job;
pub mod ledger;
pub mod minutes;
pub mod number;
pub mod operation;
pub mod outbox;
pub mod payment;
pub mod project;
pub mod reconcile;
pub mod tenant;
pub mod tenure;
pub mod top_up;
pub mod wallet;

pub mod queue;

use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::{Client, Config};

pub use item::{Item, StoreError};
pub use queue::Queue;
pub use transact::{Guard, TransactError, Write};

/// The table, through the real SDK. Its client is made at the first use, so that a function that never reads pays
/// nothing for it.
#[derive(Debug, Clone)]
pub struct Store {
    config: Config,
    client: Arc<OnceLock<Client>>,
    table: String,
}

impl Store {
    /// The table of this name, reached as this configuration says.
    #[must_use]
    pub fn new(config: Config, table: impl Into<String>) -> Self {
        Self { config, client: Arc::default(), table: table.into() }
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.get_or_init(|| Client::from_conf(self.config.clone()))
    }
}
