//! The step that buys where nobody can choose a number: one of an area code is ordered under our tag, and what it is the
//! carrier tells later. Its place in the pool was claimed before, and the digits are once they are known.
//!
//! An order has no idempotency, so everything is found by the tag. Should a lost answer have left two orders with it, the
//! oldest is kept and the others are given back.

use domain::operation::{Operation, Purchase};
use domain::ports::{AreaOrder, AreaOrders, ProviderError, ProviderErrorKind, Standing};
use domain::what_next::{Acted, Learned, Probed};

use super::buy::{bought, only_looked};
use crate::App;

pub(super) async fn act(app: &App, op: &Operation, purchase: &Purchase) -> Acted {
    let Some(area_code) = &purchase.area_code else { return Acted::Suspicious("an order without an area code".into()) };
    let tag = op.tag(&app.settings.deployment);
    let orders = match app.providers.area_orders(op.carrier).await {
        Ok(orders) => orders,
        Err(error) => return Acted::Failed(error),
    };
    let ordered = match ours(&*orders, &tag).await {
        Ok(Some(before)) => Ok(before),
        Ok(None) => orders.order_place(area_code, &tag).await,
        Err(error) => Err(only_looked(error)),
    };
    match ordered.map(|order| stands(op, order, &tag)) {
        Ok(Stands::Sold(learned)) => Acted::Done(learned),
        Ok(Stands::Awaited(why)) => Acted::Waiting(why),
        Ok(Stands::Strange(why)) => Acted::Suspicious(why),
        Err(error) => Acted::Failed(error),
    }
}

pub(super) async fn probe(app: &App, op: &Operation) -> Probed {
    let tag = op.tag(&app.settings.deployment);
    let look = async { ours(&*app.providers.area_orders(op.carrier).await?, &tag).await };
    match look.await.map(|found| found.map(|order| stands(op, order, &tag))) {
        Ok(None) => Probed::Absent,
        Ok(Some(Stands::Sold(learned))) => Probed::Present(learned),
        Ok(Some(Stands::Awaited(why))) => Probed::Waiting(why),
        Ok(Some(Stands::Strange(why))) => Probed::Suspicious(why),
        Err(error) => Probed::Failed(error),
    }
}

/// Gives back what was bought, and whatever else has its tag.
pub(super) async fn undo(app: &App, op: &Operation, purchase: &Purchase) -> Result<(), ProviderError> {
    if let Some(bought) = &purchase.bought {
        super::give_back::let_go(app, op, bought).await?;
    }
    let orders = app.providers.area_orders(op.carrier).await?;
    for left in orders.order_find(&op.tag(&app.settings.deployment)).await? {
        gone_is_fine(orders.order_remove(&left.id).await)?;
    }
    Ok(())
}

/// How an order stands, for the operation.
enum Stands {
    Sold(Learned),
    Awaited(String),
    Strange(String),
}

fn stands(op: &Operation, order: AreaOrder, tag: &str) -> Stands {
    match order.standing {
        Standing::Sold(sold) if sold.tag != tag => {
            Stands::Strange(format!("The carrier says it sold what has another name than ours ({}).", sold.id))
        }
        Standing::Sold(sold) => Stands::Sold(bought(op, sold)),
        Standing::Awaited(why) => Stands::Awaited(why),
        Standing::Blocked => Stands::Strange(format!("The carrier has blocked the number it sold ({}).", order.id)),
    }
}

/// The one order with our tag, after younger ones were given back.
async fn ours(orders: &dyn AreaOrders, tag: &str) -> Result<Option<AreaOrder>, ProviderError> {
    let mut found = orders.order_find(tag).await?.into_iter();
    let oldest = found.next();
    for younger in found {
        gone_is_fine(orders.order_remove(&younger.id).await)?;
    }
    Ok(oldest)
}

fn gone_is_fine(outcome: Result<(), ProviderError>) -> Result<(), ProviderError> {
    match outcome {
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(()),
        other => other,
    }
}
