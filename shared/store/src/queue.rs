//! Queues: of operations to be driven, and of wallets to be charged. Hints that save time, never the only trace of work:
//! the sweep finds operations, and what a daily job has sent is on record until it is worked off.

use std::sync::{Arc, OnceLock};

use aws_sdk_sqs::{Client, Config};
use domain::wallet::WalletRef;
use domain::{NumberId, OperationId, TenantId};
use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::item::StoreError;

/// Please look at this operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationMessage {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which.
    pub operation_id: OperationId,
}

/// Please charge what this wallet pays for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeMessage {
    /// Whose wallet.
    pub wallet: WalletRef,
    /// Up to which day: periods that began by then are due. The tick decides it, not the delivery.
    pub date: Date,
    /// What for.
    pub cause: ChargeCause,
}

/// Why a wallet is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeCause {
    /// Periods begin.
    Renewal {
        /// Days of the month whose anchors this wallet pays for and which have come.
        days: Vec<i8>,
    },
    /// Numbers are overdue, and dunning is to go on.
    Dunning,
    /// Money came in, or ran low.
    Credit,
    /// A number is not parked any more: what it served meanwhile is due, and then its release, if that was waiting.
    Unparked {
        /// Which.
        number_id: NumberId,
    },
}

/// The queue, through the real SDK. Its client is made at the first use.
#[derive(Debug, Clone)]
pub struct Queue {
    config: Config,
    client: Arc<OnceLock<Client>>,
    url: String,
}

impl Queue {
    /// The queue at this URL, reached as this configuration says.
    #[must_use]
    pub fn new(config: Config, url: impl Into<String>) -> Self {
        Self { config, client: Arc::default(), url: url.into() }
    }

    /// Asks for something to be done soon.
    ///
    /// # Errors
    /// When the queue does not answer; whatever it was will be found all the same.
    pub async fn send<T: Serialize>(&self, message: &T) -> Result<(), StoreError> {
        self.send_later(message, SignedDuration::ZERO).await
    }

    /// Asks for something to be done once this has passed, a quarter of an hour at most.
    ///
    /// # Errors
    /// When the queue does not answer.
    pub async fn send_later<T: Serialize>(&self, message: &T, later: SignedDuration) -> Result<(), StoreError> {
        let client = self.client.get_or_init(|| Client::from_conf(self.config.clone()));
        let body = serde_json::to_string(message).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let delay = i32::try_from(later.as_secs()).ok().filter(|seconds| *seconds > 0);
        let message = client.send_message().queue_url(&self.url).message_body(body).set_delay_seconds(delay);
        let sent = message.send().await;
        sent.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }
}
