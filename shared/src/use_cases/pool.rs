//! The pool of a carrier that lets nobody choose a number: as many slots as configuration says, each taken by a claim on what
//! stands for it.

use domain::claim::Claim;
use domain::number::{Capabilities, Carrier};
use domain::operation::Slot;
use domain::ports::{AddressRequirement, Offer};
use domain::requirement::Papers;
use domain::{E164, TenantId};
use store::StoreError;

use super::purchase::Choice;
use crate::App;

/// What a number can do that the carrier chooses.
const CAPABILITIES: Capabilities = Capabilities { voice: true, sms: false, mms: false };

/// What stands for the slots of a carrier's pool; nothing of one that has none.
pub(crate) fn slots(app: &App, carrier: Carrier) -> impl Iterator<Item = E164> + Send + use<> {
    let size = if carrier.sells_by_area() { app.settings.vapi_pool } else { 0 };
    (0..size).map(move |n| carrier.awaited(n.into()))
}

/// The slots as something to buy, of which one that is free is taken.
pub(crate) fn choices(app: &App, carrier: Carrier) -> Vec<Choice> {
    slots(app, carrier).map(choice).collect()
}

/// What stands for a number as something to buy.
pub(crate) fn choice(e164: E164) -> Choice {
    let offer = Offer {
        e164,
        locality: None,
        region: None,
        capabilities: CAPABILITIES,
        address_requirement: AddressRequirement::None,
    };
    (offer, Papers::default())
}

/// The next of these slots that this tenant may take. A number that is imported is at the carrier already, so when none is
/// free it is taken in without.
pub(crate) async fn next_free(
    app: &App,
    tenant: &TenantId,
    slots: &mut (impl Iterator<Item = E164> + Send),
) -> Result<Option<Slot>, StoreError> {
    for e164 in slots {
        let previous_claim = app.store.claim_get(&e164).await?;
        if Claim::may_take(previous_claim.as_ref(), tenant, app.clock.now()) {
            return Ok(Some(Slot { e164, previous_claim }));
        }
    }
    Ok(None)
}
