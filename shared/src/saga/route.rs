//! The step that lets the carrier send a number's calls past our webhook, or back to it, and the setting up that restoring
//! has in common with it. Everything here may be repeated; nothing but a number with our tag is touched.
//!
//! Where a platform takes a number over it sets the carrier up itself, in a way only it knows. Then the step reads that back,
//! so that a suspension can be ended by the same settings.

use domain::number::{CarrierRef, PlatformRef, Reach};
use domain::operation::{Operation, Saga};
use domain::ports::{NumberSettings, ProviderError, ProviderErrorKind, Reason};
use domain::what_next::{Acted, Learned};

use crate::App;

pub(super) async fn act(app: &App, op: &Operation) -> Acted {
    let ours = unlinked(app, op);
    let outcome = match linked(op) {
        Some(PlatformRef { reach: Reach::Import { settings: None }, .. }) => read_back(app, op, &ours).await,
        Some(known) => {
            let wanted = known.settings(ours.webhooks.clone()).unwrap_or(ours);
            set(app, op, &wanted).await
        }
        None => set(app, op, &ours).await,
    };
    match outcome {
        Ok(learned) => Acted::Done(learned),
        Err(error) => Acted::Failed(error),
    }
}

/// How the carrier has a number that is linked in no way: its calls come to our webhooks, where it has any.
pub(super) fn unlinked(app: &App, op: &Operation) -> NumberSettings {
    match op.carrier.has_webhooks() {
        true => NumberSettings::by_webhooks(app.webhooks(&op.tenant_id)),
        false => NumberSettings::none(),
    }
}

/// Lets calls go where they went before the operation.
pub(super) async fn undo(app: &App, op: &Operation) -> Result<(), ProviderError> {
    let ours = unlinked(app, op);
    let before = match &op.saga {
        Saga::Link(link) => link.previous.as_ref(),
        // It was paid for meanwhile: calls go where they went.
        Saga::Suspend(suspend) => suspend.platform.as_ref(),
        Saga::Bar(bar) => Some(&bar.platform),
        Saga::Purchase(_)
        | Saga::Import(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Resume(_)
        | Saga::Restore(_) => None,
    };
    let settings = before.and_then(|known| known.settings(ours.webhooks.clone()));
    set(app, op, &settings.unwrap_or(ours)).await.map(drop)
}

/// By which link calls are to go once the step is done; none when they are to come to our webhook.
fn linked(op: &Operation) -> Option<&PlatformRef> {
    match &op.saga {
        Saga::Purchase(purchase) => purchase.connected.as_ref(),
        Saga::Import(import) => import.connected.as_ref(),
        Saga::Link(link) => link.connected.as_ref(),
        Saga::Resume(resume) => resume.platform.as_ref(),
        Saga::Restore(restore) => restore.platform.as_ref(),
        Saga::Bar(bar) => Some(&bar.platform).filter(|_| !bar.barred),
        Saga::Unlink(_) | Saga::Suspend(_) | Saga::Release(_) => None,
    }
}

/// Sets a number up again as it should be by now, after something else may have changed that.
pub(super) async fn again(app: &App, op: &Operation) -> Result<(), ProviderError> {
    let ours = unlinked(app, op);
    let settings = linked(op).and_then(|known| known.settings(ours.webhooks.clone()));
    set(app, op, &settings.unwrap_or(ours)).await.map(drop)
}

/// Sets the number up; one that is gone is none to set up.
pub(super) async fn set(app: &App, op: &Operation, wanted: &NumberSettings) -> Result<Learned, ProviderError> {
    let known = known(op)?;
    let carrier = app.providers.carrier(op.carrier).await?;
    let found = match carrier.number_get(&known.id).await {
        Err(error) if error.kind == ProviderErrorKind::NotFound => return Ok(Learned::Nothing),
        other => other?,
    };
    if found.tag != known.tag {
        return Err(renamed(known));
    }
    if found.settings != *wanted {
        carrier.number_configure(&known.id, &known.tag, wanted).await?;
    }
    Ok(Learned::Nothing)
}

/// How the platform has set the number up at its carrier.
async fn read_back(app: &App, op: &Operation, ours: &NumberSettings) -> Result<Learned, ProviderError> {
    let known = known(op)?;
    let found = app.providers.carrier(op.carrier).await?.number_get(&known.id).await?;
    if found.tag != known.tag {
        return Err(renamed(known));
    }
    if found.settings.webhooks == ours.webhooks {
        let why = "The platform has not taken the number's calls over yet.";
        return Err(ProviderError::new(ProviderErrorKind::Unavailable, why));
    }
    // A trunk of the link before would take the calls past the platform's webhooks as it did past ours.
    let by_platform = NumberSettings::by_webhooks(found.settings.webhooks);
    set(app, op, &by_platform).await?;
    Ok(Learned::Routed(Box::new(by_platform)))
}

/// The carrier's handle of the number: learned on the way, or as the books have it.
pub(super) fn known(op: &Operation) -> Result<&CarrierRef, ProviderError> {
    let learned = match &op.saga {
        Saga::Purchase(purchase) => purchase.bought.as_ref(),
        Saga::Import(import) => import.imported.as_ref(),
        Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => None,
    };
    let missing = || ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), "The carrier has no such number.");
    learned.or(op.carrier_ref.as_ref()).ok_or_else(missing)
}

fn renamed(known: &CarrierRef) -> ProviderError {
    let why = format!("{} has another name at the carrier than the one we gave it; not touched.", known.id);
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), why)
}
