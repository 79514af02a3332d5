//! The step that buys at a carrier, and its undoing.
//!
//! A carrier answers "sold" to an order for a number the account already owns, and changes that number instead. So it is
//! looked for first, under whatever tag, and a sale dated before the step is treated as somebody else's thing.

use domain::limits;
use domain::number::{AtEnd, CarrierRef};
use domain::operation::{Operation, OperationStatus, Purchase};
use domain::ports::{self, BuyOrder, CarrierNumber, ProviderError, ProviderErrorKind, Reason, Sale};
use domain::what_next::{Acted, Learned, Probed};
use jiff::Timestamp;

use crate::App;

pub(super) async fn act(app: &App, op: &Operation, purchase: &Purchase, started_at: Timestamp) -> Acted {
    let tag = op.tag(&app.settings.deployment);
    let carrier = match app.providers.carrier(op.carrier).await {
        Ok(carrier) => carrier,
        Err(error) => return Acted::Failed(error),
    };
    match carrier.number_find(&purchase.e164).await {
        Ok(None) => {}
        Ok(Some(found)) if found.tag == tag => return Acted::Done(bought(op, found)),
        Ok(Some(_)) => return Acted::Failed(taken()),
        Err(error) => return Acted::Failed(only_looked(error)),
    }
    let order = order(app, op, purchase);
    match carrier.number_buy(&order).await {
        Ok(Sale::Sold(sold)) if sold.tag != order.tag || sold.created_at < earliest(op, started_at) => {
            Acted::Suspicious(format!(
                "The carrier says it sold a number that it had sold before ({}); it may belong to somebody else.",
                sold.id
            ))
        }
        Ok(Sale::Sold(sold)) => Acted::Done(bought(op, sold)),
        Ok(Sale::Pending(why)) => Acted::Waiting(why),
        Err(error) => Acted::Failed(error),
    }
}

pub(super) async fn probe(app: &App, op: &Operation, purchase: &Purchase) -> Probed {
    let carrier = match app.providers.carrier(op.carrier).await {
        Ok(carrier) => carrier,
        Err(error) => return Probed::Failed(error),
    };
    match carrier.number_find(&purchase.e164).await {
        Ok(None) if op.status == OperationStatus::Waiting => decided(app, op, purchase, &*carrier).await,
        Ok(None) => Probed::Absent,
        Ok(Some(found)) if found.tag != op.tag(&app.settings.deployment) => Probed::Foreign,
        Ok(Some(found)) if found.created_at < earliest(op, op.created_at) => Probed::Suspicious(format!(
            "A number older than the operation has its tag ({}); it may belong to somebody else.",
            found.id
        )),
        Ok(Some(found)) => Probed::Present(bought(op, found)),
        Err(error) => Probed::Failed(error),
    }
}

pub(super) async fn undo(app: &App, op: &Operation, purchase: &Purchase) -> Result<(), ProviderError> {
    let Some(bought) = &purchase.bought else { return Ok(()) };
    debug_assert_eq!(bought.tag, op.tag(&app.settings.deployment));
    super::give_back::let_go(app, op, bought).await
}

fn order(app: &App, op: &Operation, purchase: &Purchase) -> BuyOrder {
    BuyOrder {
        e164: purchase.e164.clone(),
        tag: op.tag(&app.settings.deployment),
        webhooks: app.webhooks(&op.tenant_id),
        sms: purchase.capabilities.sms,
        papers: purchase.papers.get(&purchase.e164).cloned().unwrap_or_default(),
    }
}

/// What the carrier says by now to an order that it took and did not decide about: repeated, it is only answered.
async fn decided(app: &App, op: &Operation, purchase: &Purchase, carrier: &dyn ports::Carrier) -> Probed {
    match carrier.number_buy(&order(app, op, purchase)).await {
        Ok(Sale::Sold(sold)) => Probed::Present(bought(op, sold)),
        Ok(Sale::Pending(why)) => Probed::Waiting(why),
        Err(error) => match error.kind {
            ProviderErrorKind::Rejected(_) | ProviderErrorKind::NotFound => Probed::Refused(error),
            ProviderErrorKind::RateLimited
            | ProviderErrorKind::Unavailable
            | ProviderErrorKind::Unknown
            | ProviderErrorKind::Misconfigured => Probed::Failed(error),
        },
    }
}

/// A carrier that names only the day of a sale did not sell before it was asked to.
pub(super) fn bought(op: &Operation, number: CarrierNumber) -> Learned {
    let sold_at = match op.carrier.dates_within() > limits::CARRIER_CLOCK_SKEW {
        true => number.created_at.max(op.created_at),
        false => number.created_at,
    };
    let carrier = CarrierRef { id: number.id, tag: number.tag, at_end: AtEnd::Release };
    Learned::Bought(carrier, sold_at, number.e164)
}

fn taken() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Taken), "The number is not available.")
}

/// A look that failed in whatever way has bought nothing.
pub(super) fn only_looked(error: ProviderError) -> ProviderError {
    match error.kind {
        ProviderErrorKind::Unknown | ProviderErrorKind::NotFound => {
            ProviderError::new(ProviderErrorKind::Unavailable, error.detail)
        }
        ProviderErrorKind::Rejected(_)
        | ProviderErrorKind::RateLimited
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Misconfigured => error,
    }
}

/// The carrier's dates are whole seconds of a clock of its own, or whole days.
fn earliest(op: &Operation, at: Timestamp) -> Timestamp {
    at.saturating_sub(op.carrier.dates_within()).unwrap_or(Timestamp::MIN)
}
