//! The step that gives a number back to its carrier. It acts on nothing but our tag; what is gone already is done.

use domain::E164;
use domain::number::{Carrier, CarrierRef};
use domain::operation::Release;
use domain::ports::{ProviderError, ProviderErrorKind, Reason};
use domain::what_next::{Acted, Learned};

use crate::App;

pub(super) async fn act(app: &App, saga: &Release) -> Acted {
    match release(app, &saga.carrier, &saga.e164).await {
        Ok(()) => Acted::Done(Learned::Nothing),
        Err(error) => Acted::Failed(error),
    }
}

/// Releases the number behind this handle, wherever the carrier keeps it now, if it still has our tag.
pub(super) async fn release(app: &App, ours: &CarrierRef, e164: &E164) -> Result<(), ProviderError> {
    let carrier = app.providers.carrier(Carrier::Twilio).await?;
    let found = match carrier.number_get(&ours.id).await {
        Ok(number) if number.tag != ours.tag => {
            return Err(ProviderError::new(
                ProviderErrorKind::Rejected(Reason::Other),
                format!("{} has another name at the carrier than the one given at purchase; not touched.", ours.id),
            ));
        }
        Ok(number) => Some(number),
        Err(error) if error.kind == ProviderErrorKind::NotFound => {
            carrier.number_find(e164).await?.filter(|number| number.tag == ours.tag)
        }
        Err(error) => return Err(error),
    };
    let Some(found) = found else { return Ok(()) };
    match carrier.number_release(&found.id).await {
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(()),
        other => other,
    }
}
