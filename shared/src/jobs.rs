//! Work without a caller: operations that were queued, and the sweep that finds what nobody is working on.

use domain::operation::{OperationStatus, Saga};
use domain::wallet::WalletRef;
use domain::{Currency, limits};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::operation::DueOperation;
use store::queue::OperationMessage;

use crate::App;
use crate::saga::{self, Deadline};
use crate::use_cases::recovery;

/// A schedule's tick.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tick {
    /// When the schedule meant it to be; what is due is read afresh whatever it says.
    #[serde(default)]
    pub time: Option<String>,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Operations that were due.
    pub examined: u64,
    /// Operations queued to be driven.
    pub changed: u64,
}

/// Drives one queued operation as far as it goes, and answers how it stands then. A message about one that is over, waits,
/// or is being driven by somebody else is done with.
///
/// # Errors
/// When the store does not answer; the message is then delivered again.
pub async fn advance(app: &App, message: &OperationMessage) -> Result<Option<OperationStatus>, StoreError> {
    let deadline =
        Deadline { at: app.clock.real_now().saturating_add(WORKER_DRIVES_FOR).unwrap_or(jiff::Timestamp::MAX) };
    let driven = Box::pin(saga::take_over(app, &message.tenant_id, &message.operation_id, deadline)).await?;
    if let Some(op) = &driven
        && op.status == OperationStatus::Succeeded
        && let Some(currency) = spent(&op.saga)
    {
        let wallet = WalletRef { tenant_id: op.tenant_id.clone(), currency };
        recovery::spent(app, &wallet).await;
    }
    if let Some(op) = &driven
        && op.status == OperationStatus::Running
        && op.due_at.is_some_and(|due| due <= app.clock.now())
    {
        saga::hint(app, op).await;
    }
    Ok(driven.map(|op| op.status))
}

/// The currency a saga that succeeded has spent in.
fn spent(saga: &Saga) -> Option<Currency> {
    match saga {
        Saga::Purchase(purchase) => Some(purchase.price.currency),
        Saga::Import(import) => Some(import.price.currency),
        Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => None,
    }
}

/// How long a worker goes on with one operation; well within its function's timeout of a minute.
const WORKER_DRIVES_FOR: SignedDuration = SignedDuration::from_secs(40);

/// Queues every operation that is due. Bounded in pages a shard; what is left is due at the next tick.
///
/// # Errors
/// When the store or the queue does not answer; the next tick begins anew.
pub async fn sweep(app: &App) -> Result<Swept, StoreError> {
    let mut swept = Swept::default();
    for shard in 0..limits::DUE_SHARDS {
        let mut after = None;
        for _ in 0..limits::SWEEP_PAGES_MAX {
            let due = app.store.operation_due(shard, app.clock.now(), after.as_ref()).await?;
            for found in &due {
                queue(app, found, &mut swept).await?;
            }
            after =
                due.last().filter(|_| due.len() == usize::from(limits::SWEEP_BATCH)).map(|last| last.cursor.clone());
            if after.is_none() {
                break;
            }
        }
    }
    for found in app.store.operation_waiting_due(app.clock.now()).await? {
        queue(app, &found, &mut swept).await?;
    }
    if swept.examined > 0 {
        tracing::info!(examined = swept.examined, "operations were due");
    }
    Ok(swept)
}

async fn queue(app: &App, found: &DueOperation, swept: &mut Swept) -> Result<(), StoreError> {
    swept.examined += 1;
    let message = OperationMessage { tenant_id: found.tenant_id.clone(), operation_id: found.operation_id.clone() };
    app.queue.send(&message).await?;
    swept.changed += 1;
    Ok(())
}
