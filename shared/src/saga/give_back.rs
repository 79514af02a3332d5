//! The step that lets a number go at its carrier: what we bought is given back, what was the operator's before is put back to
//! what it was and stays. It acts on nothing but our tag; what is gone already is done.

use domain::E164;
use domain::number::{AtEnd, Before, CarrierRef};
use domain::operation::Operation;
use domain::ports::{self, CarrierNumber, ProviderError, ProviderErrorKind, Reason};
use domain::what_next::{Acted, Learned};

use crate::App;

pub(super) async fn act(app: &App, op: &Operation) -> Acted {
    let Some(ours) = &op.carrier_ref else { return Acted::Done(Learned::Nothing) };
    if ours.at_end == AtEnd::ByHand {
        return Acted::Waiting(super::by_hand::CANCEL.into());
    }
    match let_go(app, op, ours).await {
        Ok(()) => Acted::Done(Learned::Nothing),
        Err(error) => Acted::Failed(error),
    }
}

/// Lets the number behind this handle go, wherever the carrier keeps it now. The one way to remove a number at a carrier: a
/// handle that says "detach" never gets further than [`detach`].
pub(super) async fn let_go(app: &App, op: &Operation, ours: &CarrierRef) -> Result<(), ProviderError> {
    match &ours.at_end {
        AtEnd::Release => release(app, op, ours).await,
        AtEnd::Detach(before) => detach(app, op, ours, before).await,
        AtEnd::Leave | AtEnd::ByHand => Ok(()),
    }
}

async fn release(app: &App, op: &Operation, ours: &CarrierRef) -> Result<(), ProviderError> {
    let carrier = app.providers.carrier(op.carrier).await?;
    let Some(found) = find(&*carrier, ours, op.saga.e164()).await? else { return Ok(()) };
    if found.tag != ours.tag {
        return Err(ProviderError::new(
            ProviderErrorKind::Rejected(Reason::Other),
            format!("{} has another name at the carrier than the one given at purchase; not touched.", ours.id),
        ));
    }
    gone_is_fine(carrier.number_release(&found.id).await)
}

/// Gives a number of the operator's own its name and settings back. One without our tag is the operator's again already: put
/// back before, or renamed by hand.
pub(super) async fn detach(app: &App, op: &Operation, ours: &CarrierRef, before: &Before) -> Result<(), ProviderError> {
    let carrier = app.providers.carrier(op.carrier).await?;
    let Some(found) = find(&*carrier, ours, op.saga.e164()).await? else { return Ok(()) };
    if found.tag != ours.tag {
        if found.tag != before.name {
            tracing::warn!(carrier.id = ours.id, "a number to be detached was renamed by somebody else; left as it is");
        }
        return Ok(());
    }
    gone_is_fine(carrier.number_configure(&found.id, &before.name, &before.settings).await.map(drop))
}

/// The number with this handle's id; or, when there is none, the one with its digits and tag.
async fn find(
    carrier: &dyn ports::Carrier,
    ours: &CarrierRef,
    e164: &E164,
) -> Result<Option<CarrierNumber>, ProviderError> {
    match carrier.number_get(&ours.id).await {
        Ok(number) => Ok(Some(number)),
        Err(error) if error.kind == ProviderErrorKind::NotFound && !e164.is_known() => Ok(None),
        Err(error) if error.kind == ProviderErrorKind::NotFound => {
            Ok(carrier.number_find(e164).await?.filter(|number| number.tag == ours.tag))
        }
        Err(error) => Err(error),
    }
}

fn gone_is_fine(outcome: Result<(), ProviderError>) -> Result<(), ProviderError> {
    match outcome {
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(()),
        other => other,
    }
}
