//! The step that makes a number of the carrier's account ours, and its undoing.
//!
//! The number is the operator's own and may be anything: renamed, set up anew or gone since it was looked at. What it is put
//! back to one day must be on record before it is changed, so a number that is no longer as recorded is recorded anew first.
//! Another's tag, of this deployment or any other, is never touched.

use domain::number::{Before, CarrierRef};
use domain::operation::{Import, Operation, is_tag};
use domain::ports::{CarrierNumber, NumberSettings, ProviderError, ProviderErrorKind, Reason};
use domain::what_next::{Acted, Learned, Probed};

use super::buy::only_looked;
use crate::App;

pub(super) async fn act(app: &App, op: &Operation, import: &Import) -> Acted {
    let Some(before) = &import.before else { return Acted::Suspicious("a number of no carrier of ours".into()) };
    let tag = op.tag(&app.settings.deployment);
    let carrier = match app.providers.carrier(op.carrier).await {
        Ok(carrier) => carrier,
        Err(error) => return Acted::Failed(error),
    };
    let found = match carrier.number_find(&import.e164).await {
        Ok(Some(found)) => found,
        Ok(None) => return Acted::Failed(gone()),
        Err(error) => return Acted::Failed(only_looked(error)),
    };
    let settings = super::route::unlinked(app, op);
    match standing(&found, &tag, &settings, before) {
        Standing::Ours => return Acted::Done(imported(found, import)),
        Standing::Anothers => return Acted::Failed(taken()),
        Standing::Changed => return Acted::Outdated(Box::new(found.into())),
        Standing::AsRecorded => {}
    }
    match carrier.number_configure(&found.id, &tag, &settings).await {
        Ok(number) if number.e164 == import.e164 => Acted::Done(imported(number, import)),
        Ok(number) => Acted::Suspicious(format!("The carrier says that {} is another number by now.", number.id)),
        Err(error) => Acted::Failed(error),
    }
}

pub(super) async fn probe(app: &App, op: &Operation, import: &Import) -> Probed {
    let look = async { app.providers.carrier(op.carrier).await?.number_find(&import.e164).await };
    match look.await {
        // Acting again meets the same answer and says so.
        Ok(None) => Probed::Absent,
        Ok(Some(found)) if found.tag == op.tag(&app.settings.deployment) => Probed::Present(imported(found, import)),
        Ok(Some(found)) if is_tag(&found.tag) => Probed::Foreign,
        Ok(Some(_)) => Probed::Absent,
        Err(error) => Probed::Failed(error),
    }
}

/// Puts the number back, whatever was to become of it at its end: it was the operator's before there was a tenant.
pub(super) async fn undo(app: &App, op: &Operation, import: &Import) -> Result<(), ProviderError> {
    let (Some(ours), Some(before)) = (&import.imported, &import.before) else { return Ok(()) };
    super::give_back::detach(app, op, ours, before).await
}

/// How the carrier has a number that is to be ours.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Ours,
    /// Under a tag that is not this operation's.
    Anothers,
    /// As it was when it was recorded; or ours already, but for a name somebody gave it meanwhile.
    AsRecorded,
    Changed,
}

fn standing(found: &CarrierNumber, tag: &str, ours: &NumberSettings, before: &Before) -> Standing {
    let as_recorded = found.tag == before.name && found.settings == before.settings;
    if found.tag == tag {
        Standing::Ours
    } else if is_tag(&found.tag) {
        Standing::Anothers
    } else if as_recorded || (found.settings == *ours && *ours != NumberSettings::none()) {
        Standing::AsRecorded
    } else {
        Standing::Changed
    }
}

fn imported(number: CarrierNumber, import: &Import) -> Learned {
    Learned::Imported(CarrierRef { id: number.id, tag: number.tag, at_end: import.at_end() })
}

fn gone() -> ProviderError {
    ProviderError::new(ProviderErrorKind::NotFound, "The carrier's account does not have the number any more.")
}

fn taken() -> ProviderError {
    let why = "The number has the tag of another operation, or of another deployment.";
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Taken), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::number::Capabilities;
    use domain::ports::Webhooks;

    fn settings(voice: &str) -> NumberSettings {
        let webhooks = Webhooks { voice: voice.into(), voice_fallback: String::new(), status: String::new() };
        NumberSettings::by_webhooks(webhooks)
    }

    #[test]
    fn how_a_number_stands_before_it_is_taken_in() {
        let tag = "local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
        let before = Before { name: "Reception".into(), settings: settings("https://before.test/") };
        let check = |name: &str, voice: &str, expected: Standing| {
            let found = CarrierNumber {
                id: "PN1".into(),
                e164: "+12125550123".parse().unwrap(),
                tag: name.into(),
                created_at: jiff::Timestamp::UNIX_EPOCH,
                capabilities: Capabilities::default(),
                settings: settings(voice),
            };
            assert_eq!(standing(&found, tag, &settings("https://ours.test/"), &before), expected, "{name}, {voice}");
        };
        check("Reception", "https://before.test/", Standing::AsRecorded);
        check("Reception", "https://other.test/", Standing::Changed);
        check("Renamed", "https://before.test/", Standing::Changed);
        // Ours already, and then renamed: what it was before is on record.
        check("Renamed", "https://ours.test/", Standing::AsRecorded);
        check(tag, "https://ours.test/", Standing::Ours);
        check(tag, "https://other.test/", Standing::Ours);
        check("local-ffffffffffffffffffffffffffffffff", "https://before.test/", Standing::Anothers);
        check("other-ffffffffffffffffffffffffffffffff-2", "https://ours.test/", Standing::Anothers);
    }
}
