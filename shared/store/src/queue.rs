//! The queue of operations to be driven: a hint that saves a minute, never the only trace of work (the sweep is).

use std::sync::{Arc, OnceLock};

use aws_sdk_sqs::{Client, Config};
use domain::{OperationId, TenantId};
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

    /// Asks for an operation to be driven soon.
    ///
    /// # Errors
    /// When the queue does not answer; the sweep will find the operation all the same.
    pub async fn send(&self, message: &OperationMessage) -> Result<(), StoreError> {
        let client = self.client.get_or_init(|| Client::from_conf(self.config.clone()));
        let body = serde_json::to_string(message).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let sent = client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
    }
}
