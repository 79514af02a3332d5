//! The repairs: each is one of the ordinary sagas, or one write or removal that is guarded by itself.
//!
//! Nothing without our tag is removed or changed: the tag is read again right before.

use domain::audit::{Action as Done, Actor, Record};
use domain::ids::EventId;
use domain::number::{CarrierRef, Number};
use domain::operation::{AgentBinding, Link, OperationStatus, Restore, Saga, is_our_tag};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::reconcile::drift::{Drift, Repair};
use domain::reconcile::plan::{self, Decision};
use domain::reconcile::{Action, Place};
use serde_json::json;
use store::TransactError;
use store::outbox::Event;
use store::reconcile::Sighting;

use super::{About, Engine, Halt};
use crate::Error;
use crate::use_cases::{audit, parking, purchase, routing};

/// Who makes repairs, in the audit trail.
const ACTOR: &str = "reconcile";

impl Engine<'_> {
    /// Makes a repair, or leaves it; answers what was done, and what to tell an operator about it.
    pub(super) async fn repair(&mut self, drift: &Drift, about: About<'_>) -> Result<(Action, String), Halt> {
        let first_seen = self.seen(drift).await?;
        let now = self.app.clock.now();
        match plan::decide(&drift.repair, first_seen, now, self.run.made, self.run.dry_run) {
            Decision::Leave(why) => Ok((Action::Reported, why)),
            Decision::Make => {
                match drift.repair.destroys() {
                    true => self.run.made.destroyed += 1,
                    false => self.run.made.repaired += 1,
                }
                Box::pin(self.make(drift, about)).await
            }
        }
    }

    /// Notes a sighting of what may only be taken away when it was seen before; answers when that was.
    async fn seen(&self, drift: &Drift) -> Result<Option<jiff::Timestamp>, Halt> {
        let (Repair::ReleaseOrphan(subject) | Repair::RemoveOrphan(subject)) = &drift.repair else { return Ok(None) };
        let before = self.app.store.sighting_get(drift.kind, subject).await?;
        let earlier = before.as_ref().map(|sighting| sighting.first_at);
        if !self.run.dry_run {
            let sighting = Sighting {
                kind: drift.kind,
                subject: subject.clone(),
                first_at: earlier.unwrap_or_else(|| self.app.clock.now()),
                run_id: self.run.id.clone(),
            };
            self.app.store.sighting_put(&sighting).await?;
        }
        Ok(earlier)
    }

    async fn make(&self, drift: &Drift, about: About<'_>) -> Result<(Action, String), Halt> {
        match (&drift.repair, about.number) {
            (Repair::ReleaseOrphan(id), _) => self.release(id).await,
            (Repair::RemoveOrphan(id), _) => self.remove(id).await,
            (Repair::Park, Some(number)) => self.park(number, &drift.detail).await,
            (Repair::Adopt(carrier), Some(number)) => self.adopt(number, carrier).await,
            (Repair::RestoreSettings, Some(number)) => self.by_saga(number, restore(number)).await,
            (Repair::Relink, Some(number)) => self.by_saga(number, link(number, false)).await,
            (Repair::Rebind, Some(number)) => self.by_saga(number, link(number, true)).await,
            (Repair::Person, _)
            | (Repair::Park | Repair::Adopt(_) | Repair::RestoreSettings | Repair::Relink | Repair::Rebind, None) => {
                Ok((Action::Reported, Repair::Person.words().into()))
            }
        }
    }

    async fn by_saga(&self, number: &Number, saga: Option<Saga>) -> Result<(Action, String), Halt> {
        let Some(saga) = saga else { return Ok((Action::Reported, Repair::Person.words().into())) };
        let begun = match routing::start(self.app, number, saga, false).await {
            Ok(begun) => begun,
            Err(Error::Store(error)) => return Err(error.into()),
            // It changed beside the run: the next one sees how it is then.
            Err(error) => return Ok((Action::Reported, format!("the repair did not begin: {error}"))),
        };
        let op = purchase::drive(self.app, begun).await;
        Ok(match op.status {
            OperationStatus::Succeeded => {
                let detail = format!("{} by {}, as run {} found", op.saga.kind(), op.id, self.run.id);
                let line = self.line(Done::DriftRepaired, Some(number), number.id.as_str(), detail);
                self.app.store.audit_put(&line).await?;
                (Action::Repaired, format!("by {}", op.id))
            }
            OperationStatus::Running | OperationStatus::Waiting => (Action::Reported, format!("{} is at it", op.id)),
            OperationStatus::Failed | OperationStatus::Stuck => {
                let why = op.failure.map(|failure| failure.detail).or(op.trouble).unwrap_or_default();
                (Action::Reported, format!("{} could not: {why}", op.id))
            }
        })
    }

    async fn park(&self, number: &Number, why: &str) -> Result<(Action, String), Halt> {
        match parking::park(self.app, &number.tenant_id, &number.id, why, &Actor::schedule(ACTOR)).await {
            Ok(true) => Ok((Action::Parked, "an operator decides".into())),
            Ok(false) => Ok((Action::Reported, "it is parked already".into())),
            Err(Error::Store(error)) => Err(error.into()),
            Err(error) => Ok((Action::Reported, format!("it was not parked: {error}"))),
        }
    }

    async fn adopt(&self, number: &Number, carrier: &CarrierRef) -> Result<(Action, String), Halt> {
        let Some(before) = &number.carrier_ref else { return Ok((Action::Reported, String::new())) };
        let now = self.app.clock.now();
        let data = json!({ "number_id": number.id, "e164": number.e164, "run_id": self.run.id });
        let event = Event { id: EventId::fresh(&*self.app.ids, now), kind: "number.adopted".to_owned(), at: now, data };
        let detail = format!("{} is {} now, as run {} found", before.id, carrier.id, self.run.id);
        let writes = vec![
            store::number::adopted(number, before, carrier)?,
            store::outbox::insert(&number.tenant_id, &event)?,
            store::audit::append(&self.line(Done::NumberAdopted, Some(number), number.id.as_str(), detail))?,
        ];
        match self.app.store.transact(writes).await {
            Ok(()) => Ok((Action::Adopted, String::new())),
            Err(TransactError::Lost(_)) => Ok((Action::Reported, "it changed meanwhile".into())),
            Err(TransactError::Store(error)) => Err(error.into()),
        }
    }

    fn line(&self, done: Done, number: Option<&Number>, subject: &str, detail: String) -> Record {
        let tenant = number.map(|number| &number.tenant_id);
        audit::record(self.app, &Actor::schedule(ACTOR), done, tenant, subject, None, detail)
    }

    /// A removal stands in the trail before it is made: its answer may be lost.
    async fn before_removal(&self, id: &str, what: &str, tag: &str) -> Result<(), Halt> {
        let detail = format!("{id} with our tag {tag} is given back by run {}", self.run.id);
        Ok(self.app.store.audit_put(&self.line(Done::OrphanReleased, None, what, detail)).await?)
    }

    /// Gives a number back that nobody has, if it still has our tag.
    async fn release(&self, id: &str) -> Result<(Action, String), Halt> {
        for (place, _) in &self.run.places {
            let Place::Carrier(carrier) = place else { continue };
            let port = self.app.providers.carrier(*carrier).await?;
            let found = match port.number_get(id).await {
                Err(error) if error.kind == ProviderErrorKind::NotFound => continue,
                other => other?,
            };
            let own = found.tag.ends_with(domain::operation::IMPORTED);
            if own || !is_our_tag(&found.tag, &self.app.settings.deployment) {
                continue;
            }
            self.before_removal(id, found.e164.as_str(), &found.tag).await?;
            return removed(port.number_release(id).await);
        }
        Ok((Action::Reported, "it changed meanwhile".into()))
    }

    /// Removes what no number is linked by, if it still has our tag.
    async fn remove(&self, id: &str) -> Result<(Action, String), Halt> {
        for (place, _) in &self.run.places {
            let Place::Platform(platform) = place else { continue };
            let port = self.app.providers.platform(*platform).await?;
            let found = match port.number_get(id).await {
                Err(error) if error.kind == ProviderErrorKind::NotFound => continue,
                other => other?,
            };
            if !is_our_tag(&found.tag, &self.app.settings.deployment) {
                continue;
            }
            let what = found.e164.as_ref().map(domain::E164::as_str).or(found.sip_uri.as_deref());
            self.before_removal(id, what.unwrap_or_default(), &found.tag).await?;
            return removed(port.number_remove(id).await);
        }
        Ok((Action::Reported, "it changed meanwhile".into()))
    }
}

/// A removal whose answer was lost is looked at by the next run.
fn removed(outcome: Result<(), ProviderError>) -> Result<(Action, String), Halt> {
    match outcome {
        Ok(()) => Ok((Action::Released, String::new())),
        Err(error) => match error.kind {
            ProviderErrorKind::NotFound => Ok((Action::Released, String::new())),
            ProviderErrorKind::Rejected(_) | ProviderErrorKind::Unknown => {
                Ok((Action::Reported, format!("it was not given back: {}", error.detail)))
            }
            ProviderErrorKind::RateLimited | ProviderErrorKind::Unavailable | ProviderErrorKind::Misconfigured => {
                Err(error.into())
            }
        },
    }
}

fn restore(number: &Number) -> Option<Saga> {
    number.carrier_ref.as_ref()?;
    let platform = number.platform_ref.clone().filter(|_| number.lets_through());
    Some(Saga::Restore(Box::new(Restore { e164: number.e164.clone(), platform })))
}

/// The link as the books have it: made again, or bound again.
fn link(number: &Number, known: bool) -> Option<Saga> {
    let platform = number.platform_ref.clone()?;
    let agent = AgentBinding {
        agent_id: number.agent_id.clone()?,
        platform: platform.platform,
        platform_agent_id: platform.platform_agent_id.clone(),
        method: platform.reach.method(),
    };
    let (previous_agent, since) = (Some(agent.agent_id.clone()), platform.since);
    let previous = known.then_some(platform);
    let saga = Link { e164: number.e164.clone(), agent, previous_agent, previous, connected: None, since };
    Some(Saga::Link(Box::new(saga)))
}
