//! Who is to answer a number, and how its calls get there.

use domain::AgentId;
use domain::agent::{Method, Platform};
use domain::number::Carrier;
use domain::operation::AgentBinding;
use domain::ports::{ProviderError, ProviderErrorKind};

use crate::http::auth::Caller;
use crate::{App, Error};

/// Who is to answer, and how, as a client wishes it.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    agent_id: AgentId,
    method: Option<Method>,
}

impl Answers {
    /// Reads the two fields of a request. A method alone is for nobody.
    pub(crate) fn read(agent_id: Option<&str>, method: Option<&str>) -> Result<Option<Self>, Error> {
        let unknown = || Error::invalid("method", "`hand_over`, `trunk`, `import`, `direct` or `native`");
        let method = method.map(|text| Method::from_name(text).ok_or_else(unknown)).transpose()?;
        match (agent_id, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Error::invalid("method", "name the agent, too: `agent_id`")),
            (Some(id), method) => {
                let agent_id = id.parse().map_err(|_| Error::NotFound)?;
                Ok(Some(Self { agent_id, method }))
            }
        }
    }

    /// The agent as its platform knows it, and the way in which a number of this carrier is to reach it.
    pub(crate) async fn binding(&self, app: &App, caller: &Caller, carrier: Carrier) -> Result<AgentBinding, Error> {
        let agent = app.store.agent_get(&caller.tenant, &self.agent_id).await?;
        let agent = agent.filter(|agent| caller.sees(agent.project_id.as_ref())).ok_or(Error::NotFound)?;
        let platform_agent_id = agent.platform_agent_id.ok_or(Error::NotFound)?;
        let method = self.method(app, agent.platform, carrier).await?;
        Ok(AgentBinding { agent_id: agent.id, platform: agent.platform, platform_agent_id, method })
    }

    /// The wished method, or else the first that the operator has set up.
    async fn method(&self, app: &App, platform: Platform, carrier: Carrier) -> Result<Method, Error> {
        for method in platform.methods(carrier) {
            if self.method.is_none_or(|wished| wished == *method) && is_set_up(app, platform, *method).await? {
                return Ok(*method);
            }
        }
        Err(Error::PlatformUnsupported)
    }
}

async fn is_set_up(app: &App, platform: Platform, method: Method) -> Result<bool, Error> {
    let there = |outcome: Result<(), ProviderError>| match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.kind == ProviderErrorKind::Misconfigured => Ok(false),
        Err(error) => Err(Error::Platform(error)),
    };
    match method {
        // What a carrier needs for a direct or native link comes with the number.
        Method::HandOver | Method::Direct | Method::Native => Ok(true),
        Method::Trunk => there(app.providers.trunk(platform).await.map(drop)),
        Method::Import => there(app.providers.carrier_access().await.map(drop)),
    }
}
