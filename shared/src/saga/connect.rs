//! The steps at a voice platform: make a number known, bind it to another agent, remove it.
//!
//! Everything is found by our tag. Should a lost answer have left two resources with it, the oldest is kept and the
//! others are removed.

use domain::E164;
use domain::agent::{Method, Platform};
use domain::number::{AtEnd, Carrier, PlatformRef, Reach};
use domain::operation::{AgentBinding, Link, Operation, Saga};
use domain::ports::{
    Access, ConnectOrder, PlatformNumber, ProviderError, ProviderErrorKind, Reason, SipTrunk, VoicePlatform,
};
use domain::what_next::{Acted, Learned, Probed};

use super::buy::only_looked;
use super::route;
use crate::App;
use crate::app::Trunk;

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
    let (access, reach) = match way(app, op, &agent, &tag).await? {
        Way::Nothing(reach) => return registering(&*platform, agent, tag, reach).await,
        Way::Connect(access, reach) => (access, reach),
    };
    let e164 = op.saga.e164().clone();
    let known = ours(&*platform, &e164, &tag, agent.method).await.map_err(only_looked)?;
    let number = match known {
        Some(known) => known,
        None => {
            let platform_agent_id = agent.platform_agent_id.clone();
            platform.number_connect(&ConnectOrder { tag, e164, platform_agent_id, access }).await?
        }
    };
    Ok(reference(number, agent, reach))
}

/// Where every call is registered, or the agent is a setting at the carrier, there is nothing to make; only the agent must be
/// there.
async fn registering(
    platform: &dyn VoicePlatform,
    agent: AgentBinding,
    tag: String,
    reach: Reach,
) -> Result<PlatformRef, ProviderError> {
    if !platform.agent_exists(&agent.platform_agent_id).await.map_err(only_looked)? {
        return Err(refuse("The voice platform no longer knows the agent.".into()));
    }
    let (platform, platform_agent_id) = (agent.platform, agent.platform_agent_id);
    Ok(PlatformRef { platform, id: None, tag, platform_agent_id, reach, since: None })
}

/// How a link is made.
enum Way {
    /// The platform is told of nothing.
    Nothing(Reach),
    /// The platform is told of the number.
    Connect(Access, Reach),
}

async fn way(app: &App, op: &Operation, agent: &AgentBinding, tag: &str) -> Result<Way, ProviderError> {
    Ok(match (agent.method, agent.platform) {
        (Method::HandOver, Platform::Vapi) => {
            let (key_id, password) = app.providers.sip_password(tag, None).await?;
            Way::Connect(Access::Dial(password), Reach::Dial { sip_uri: String::new(), key_id })
        }
        (Method::HandOver, Platform::Retell | Platform::ElevenLabs) => Way::Nothing(Reach::Register),
        (Method::Native, _) => Way::Nothing(Reach::Native),
        (Method::Trunk, platform) => {
            let Trunk { sid, sip } = app.providers.trunk(platform).await?;
            Way::Connect(Access::Trunk(sip), Reach::Trunk { sid })
        }
        (Method::Import, _) => Way::Connect(app.providers.carrier_access().await?, Reach::Import { settings: None }),
        (Method::Direct, _) => {
            let trunk = match op.carrier {
                Carrier::Twilio | Carrier::Netgsm | Carrier::Vapi if route::known(op)?.at_end != AtEnd::ByHand => {
                    app.providers.carrier(op.carrier).await?.sip_trunk(&route::known(op)?.id).await?
                }
                // Whoever ordered it by hand told its account, which is kept like a tenant's own.
                Carrier::Twilio | Carrier::Netgsm | Carrier::Vapi | Carrier::Custom => own_trunk(app, op).await?,
            };
            let inbound = !trunk.signalling.is_empty();
            Way::Connect(Access::Trunk(trunk), Reach::Direct { inbound })
        }
    })
}

/// The trunk of a number of the tenant's own carrier, with its password opened.
async fn own_trunk(app: &App, op: &Operation) -> Result<SipTrunk, ProviderError> {
    let number = app.store.number_get(&op.tenant_id, &op.number_id).await;
    let silent = |_| ProviderError::new(ProviderErrorKind::Unavailable, "The books do not answer.");
    let trunk = number.map_err(silent)?.and_then(|number| number.sip);
    let trunk = trunk.ok_or_else(|| refuse("The number has no trunk.".into()))?;
    let password = match &trunk.credentials {
        Some((_, sealed)) => Some(app.providers.open(&op.tenant_id, &op.number_id, sealed).await?),
        None => None,
    };
    Ok(trunk.opened(password))
}

/// The handle to keep of a number the platform knows.
fn reference(number: PlatformNumber, agent: AgentBinding, mut reach: Reach) -> PlatformRef {
    if let Reach::Dial { sip_uri, .. } = &mut reach {
        *sip_uri = number.sip_uri.unwrap_or_default();
    }
    let (platform, platform_agent_id) = (agent.platform, agent.platform_agent_id);
    PlatformRef { platform, id: Some(number.id), tag: number.tag, platform_agent_id, reach, since: None }
}

pub(super) async fn probe(app: &App, op: &Operation) -> Probed {
    let look = async {
        let agent = binding(op)?;
        let tag = op.tag(&app.settings.deployment);
        let Way::Connect(_, reach) = way(app, op, &agent, &tag).await? else { return Ok(None) };
        let platform = app.providers.platform(agent.platform).await?;
        let known = ours(&*platform, op.saga.e164(), &tag, agent.method).await?;
        Ok(known.map(|known| reference(known, agent, reach)))
    };
    match look.await {
        Ok(Some(platform_ref)) => Probed::Present(Learned::Connected(platform_ref)),
        Ok(None) => Probed::Absent,
        Err(error) => Probed::Failed(error),
    }
}

pub(super) async fn undo(app: &App, op: &Operation) -> Result<(), ProviderError> {
    let agent = binding(op)?;
    if agent.method == Method::Native {
        return Ok(());
    }
    let platform = app.providers.platform(agent.platform).await?;
    let tag = op.tag(&app.settings.deployment);
    if let Some(number) = ours(&*platform, op.saga.e164(), &tag, agent.method).await? {
        gone_is_fine(platform.number_remove(&number.id).await)?;
    }
    // A platform that took the number over may have set the carrier up, and may have again when it was taken from it.
    if agent.method == Method::Import { route::undo(app, op).await } else { Ok(()) }
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
        platform.number_get(id(previous)?).await
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

/// Lets the platform take no calls for a number, where nothing of ours is in their way. One that it no longer knows takes
/// none.
pub(super) async fn unbind(app: &App, known: Option<&PlatformRef>) -> Acted {
    let Some(known) = known else { return Acted::Done(Learned::Nothing) };
    bound(rebound(app, known, None).await)
}

/// Lets the platform take calls again. What it has forgotten is made known again by reconciliation.
pub(super) async fn bind_again(app: &App, known: Option<&PlatformRef>) -> Acted {
    let Some(known) = known else { return Acted::Done(Learned::Nothing) };
    bound(rebound(app, known, Some(&known.platform_agent_id)).await)
}

/// Whether the platform has the number bound like this already, to an agent or to none; one that it no longer knows takes no
/// calls either way.
pub(super) async fn probe_binding(app: &App, known: Option<&PlatformRef>, agent: Option<&str>) -> Probed {
    let Some(known) = known else { return Probed::Present(Learned::Nothing) };
    let look = async {
        let platform = app.providers.platform(known.platform).await?;
        platform.number_get(id(known)?).await
    };
    match look.await {
        Ok(number) if number.platform_agent_id.as_deref() == agent => Probed::Present(Learned::Nothing),
        Ok(_) => Probed::Absent,
        Err(error) if error.kind == ProviderErrorKind::NotFound => Probed::Present(Learned::Nothing),
        Err(error) => Probed::Failed(error),
    }
}

/// It was paid for meanwhile.
pub(super) async fn undo_unbind(app: &App, known: Option<&PlatformRef>) -> Result<(), ProviderError> {
    let Some(known) = known else { return Ok(()) };
    rebound(app, known, Some(&known.platform_agent_id)).await
}

async fn rebound(app: &App, known: &PlatformRef, agent: Option<&str>) -> Result<(), ProviderError> {
    let platform = app.providers.platform(known.platform).await?;
    gone_is_fine(platform.number_bind(id(known)?, known.reach.method(), agent).await.map(drop))
}

fn bound(outcome: Result<(), ProviderError>) -> Acted {
    match outcome {
        Ok(()) => Acted::Done(Learned::Nothing),
        Err(error) => Acted::Failed(error),
    }
}

pub(super) async fn disconnect(app: &App, op: &Operation) -> Acted {
    let known = match &op.saga {
        Saga::Link(link) => link.previous.as_ref(),
        Saga::Unlink(unlink) => unlink.platform.as_ref(),
        Saga::Release(release) => release.platform.as_ref(),
        Saga::Purchase(_) | Saga::Import(_) | Saga::Suspend(_) | Saga::Resume(_) | Saga::Bar(_) | Saga::Restore(_) => {
            None
        }
    };
    let Some(known) = known else { return Acted::Done(Learned::Nothing) };
    // A platform that had set the carrier up may set it up again when the number is taken from it.
    let stays = !matches!(op.saga, Saga::Release(_)) && matches!(known.reach, Reach::Import { .. });
    let outcome = async {
        remove(app, op, known).await?;
        if stays { route::again(app, op).await } else { Ok(()) }
    };
    match outcome.await {
        Ok(()) => Acted::Done(Learned::Nothing),
        Err(error) => Acted::Failed(error),
    }
}

async fn remove(app: &App, op: &Operation, known: &PlatformRef) -> Result<(), ProviderError> {
    let platform = app.providers.platform(known.platform).await?;
    match platform.number_get(id(known)?).await {
        Ok(number) if number.tag != known.tag => Err(refuse(format!(
            "{} has another name at the platform than the one given when it was linked; not touched.",
            number.id
        ))),
        Ok(number) => gone_is_fine(platform.number_remove(&number.id).await),
        // Looking for it by its tag removes what a platform keeps besides the number.
        Err(error) if error.kind == ProviderErrorKind::NotFound && known.reach.method() == Method::Direct => {
            let left = ours(&*platform, op.saga.e164(), &known.tag, Method::Direct).await.map_err(only_looked)?;
            if let Some(left) = left {
                gone_is_fine(platform.number_remove(&left.id).await)?;
            }
            Ok(())
        }
        Err(error) => gone_is_fine(Err(error)),
    }
}

async fn bind(app: &App, known: &PlatformRef, platform_agent_id: &str) -> Result<PlatformRef, ProviderError> {
    let platform = app.providers.platform(known.platform).await?;
    match platform.number_bind(id(known)?, known.reach.method(), Some(platform_agent_id)).await {
        Ok(_) => Ok(PlatformRef { platform_agent_id: platform_agent_id.to_owned(), ..known.clone() }),
        Err(error) if error.kind == ProviderErrorKind::NotFound => Err(refuse(
            "The voice platform no longer knows the number or the agent. Unlink the number, then link it again.".into(),
        )),
        Err(error) => Err(error),
    }
}

/// The one resource with our tag, after younger ones were removed; and where there is none, what an attempt in this way may
/// have left of one.
async fn ours(
    platform: &dyn VoicePlatform,
    e164: &E164,
    tag: &str,
    method: Method,
) -> Result<Option<PlatformNumber>, ProviderError> {
    let mut found = platform.number_find(e164, tag).await?.into_iter();
    let Some(oldest) = found.next() else {
        platform.number_clear(method, tag).await?;
        return Ok(None);
    };
    for younger in found {
        gone_is_fine(platform.number_remove(&younger.id).await)?;
    }
    Ok(Some(oldest))
}

/// The platform's id of a number it keeps.
fn id(known: &PlatformRef) -> Result<&str, ProviderError> {
    known.id.as_deref().ok_or_else(|| refuse("The voice platform keeps no number for it.".into()))
}

fn binding(op: &Operation) -> Result<AgentBinding, ProviderError> {
    let agent = match &op.saga {
        Saga::Purchase(purchase) => purchase.agent.clone(),
        Saga::Import(import) => import.agent.clone(),
        Saga::Link(link) => Some(link.agent.clone()),
        Saga::Unlink(_) | Saga::Release(_) | Saga::Suspend(_) | Saga::Resume(_) | Saga::Bar(_) | Saga::Restore(_) => {
            None
        }
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
