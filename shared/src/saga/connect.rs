//! The steps at a voice platform: make a number known, bind it to another agent, remove it.
//!
//! Everything is found by our tag. Should a lost answer have left two resources with it, the oldest is kept and the
//! others are removed.

use domain::number::PlatformRef;
use domain::operation::{AgentBinding, Link, Operation, Saga};
use domain::ports::{ConnectOrder, PlatformNumber, ProviderError, ProviderErrorKind, Reason, VoicePlatform};
use domain::what_next::{Acted, Learned, Probed};

use crate::App;

pub(super) async fn act(app: &App, op: &Operation) -> Acted {
    match connect(app, op).await {
        Ok(platform_ref) => Acted::Done(Learned::Connected(platform_ref)),
        Err(error) => Acted::Failed(error),
    }
}

async fn connect(app: &App, op: &Operation) -> Result<PlatformRef, ProviderError> {
    let agent = binding(op)?;
    let tag = op.tag(&app.settings.deployment);
    let platform = app.providers.platform(agent.platform).await?;
    let (key_id, password) = app.providers.sip_password(&tag, None).await?;
    let known = match ours(&*platform, &tag).await {
        Ok(known) => known,
        // Looking changes nothing, so a failed look is no doubt.
        Err(error) if !error.did_not_happen() => {
            return Err(ProviderError::new(ProviderErrorKind::Unavailable, error.detail));
        }
        Err(error) => return Err(error),
    };
    let number = match known {
        Some(known) => known,
        None => {
            let order = ConnectOrder { tag, platform_agent_id: agent.platform_agent_id.clone(), password };
            platform.number_connect(&order).await?
        }
    };
    Ok(number.reference(agent.platform, key_id, agent.platform_agent_id.clone()))
}

pub(super) async fn probe(app: &App, op: &Operation) -> Probed {
    let look = async {
        let agent = binding(op)?;
        let tag = op.tag(&app.settings.deployment);
        let (key_id, _) = app.providers.sip_password(&tag, None).await?;
        let platform = app.providers.platform(agent.platform).await?;
        let known = ours(&*platform, &tag).await?;
        Ok(known.map(|known| known.reference(agent.platform, key_id, agent.platform_agent_id.clone())))
    };
    match look.await {
        Ok(Some(platform_ref)) => Probed::Present(Learned::Connected(platform_ref)),
        Ok(None) => Probed::Absent,
        Err(error) => Probed::Failed(error),
    }
}

pub(super) async fn undo(app: &App, op: &Operation) -> Result<(), ProviderError> {
    let agent = binding(op)?;
    let platform = app.providers.platform(agent.platform).await?;
    for number in platform.number_find(&op.tag(&app.settings.deployment)).await? {
        gone_is_fine(platform.number_remove(&number.id).await)?;
    }
    Ok(())
}

pub(super) async fn rebind(app: &App, link: &Link) -> Acted {
    let Some(previous) = &link.previous else { return Acted::Suspicious("nothing to bind anew".into()) };
    match bind(app, previous, &link.agent.platform_agent_id).await {
        Ok(bound) => Acted::Done(Learned::Connected(bound)),
        Err(error) => Acted::Failed(error),
    }
}

pub(super) async fn probe_rebind(app: &App, link: &Link) -> Probed {
    let Some(previous) = &link.previous else { return Probed::Suspicious("nothing to bind anew".into()) };
    let look = async {
        let platform = app.providers.platform(previous.platform).await?;
        platform.number_get(&previous.id).await
    };
    let wanted = &link.agent.platform_agent_id;
    match look.await {
        Ok(number) if number.platform_agent_id.as_ref() == Some(wanted) => {
            let bound = PlatformRef { platform_agent_id: wanted.clone(), ..previous.clone() };
            Probed::Present(Learned::Connected(bound))
        }
        Ok(_) => Probed::Absent,
        // Acting again meets the same answer and says so to the tenant.
        Err(error) if error.kind == ProviderErrorKind::NotFound => Probed::Absent,
        Err(error) => Probed::Failed(error),
    }
}

pub(super) async fn undo_rebind(app: &App, link: &Link) -> Result<(), ProviderError> {
    let Some(previous) = &link.previous else { return Ok(()) };
    bind(app, previous, &previous.platform_agent_id).await.map(|_| ())
}

pub(super) async fn disconnect(app: &App, op: &Operation) -> Acted {
    let known = match &op.saga {
        Saga::Unlink(unlink) => unlink.platform.as_ref(),
        Saga::Release(release) => release.platform.as_ref(),
        Saga::Purchase(_) | Saga::Import(_) | Saga::Link(_) | Saga::Suspend(_) | Saga::Resume(_) | Saga::Restore(_) => {
            None
        }
    };
    match known {
        Some(known) => match remove(app, known).await {
            Ok(()) => Acted::Done(Learned::Nothing),
            Err(error) => Acted::Failed(error),
        },
        None => Acted::Done(Learned::Nothing),
    }
}

async fn remove(app: &App, known: &PlatformRef) -> Result<(), ProviderError> {
    let platform = app.providers.platform(known.platform).await?;
    match platform.number_get(&known.id).await {
        Ok(number) if number.tag != known.tag => Err(refuse(format!(
            "{} has another name at the platform than the one given when it was linked; not touched.",
            known.id
        ))),
        Ok(number) => gone_is_fine(platform.number_remove(&number.id).await),
        Err(error) => gone_is_fine(Err(error)),
    }
}

async fn bind(app: &App, known: &PlatformRef, platform_agent_id: &str) -> Result<PlatformRef, ProviderError> {
    let platform = app.providers.platform(known.platform).await?;
    match platform.number_bind(&known.id, platform_agent_id).await {
        Ok(_) => Ok(PlatformRef { platform_agent_id: platform_agent_id.to_owned(), ..known.clone() }),
        Err(error) if error.kind == ProviderErrorKind::NotFound => Err(refuse(
            "The voice platform no longer knows the number or the agent. Unlink the number, then link it again.".into(),
        )),
        Err(error) => Err(error),
    }
}

/// The one resource with our tag, after younger ones were removed.
async fn ours(platform: &dyn VoicePlatform, tag: &str) -> Result<Option<PlatformNumber>, ProviderError> {
    let mut found = platform.number_find(tag).await?.into_iter();
    let oldest = found.next();
    for younger in found {
        gone_is_fine(platform.number_remove(&younger.id).await)?;
    }
    Ok(oldest)
}

fn binding(op: &Operation) -> Result<AgentBinding, ProviderError> {
    let agent = match &op.saga {
        Saga::Purchase(purchase) => purchase.agent.clone(),
        Saga::Import(import) => import.agent.clone(),
        Saga::Link(link) => Some(link.agent.clone()),
        Saga::Unlink(_) | Saga::Release(_) | Saga::Suspend(_) | Saga::Resume(_) | Saga::Restore(_) => None,
    };
    agent.ok_or_else(|| refuse(format!("{} names no agent", op.saga.kind())))
}

fn gone_is_fine(outcome: Result<(), ProviderError>) -> Result<(), ProviderError> {
    match outcome {
        Err(error) if error.kind == ProviderErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn refuse(why: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), why)
}
