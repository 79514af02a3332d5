//! Agents as the API shows them.

use domain::agent::{Agent, AgentStatus};
use jiff::Timestamp;
use serde::Serialize;

use super::OperationView;

/// A tenant's voice assistant.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Agent))]
pub struct AgentView {
    id: String,
    name: String,
    platform: &'static str,
    platform_agent_id: Option<String>,
    language: Option<String>,
    /// `creating` or `active`.
    status: &'static str,
    project_id: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    created_at: Timestamp,
}

impl AgentView {
    /// Which.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl From<Agent> for AgentView {
    fn from(agent: Agent) -> Self {
        Self {
            id: agent.id.into(),
            name: agent.name,
            platform: agent.platform.as_str(),
            platform_agent_id: agent.platform_agent_id,
            language: agent.language,
            status: match agent.status {
                AgentStatus::Creating => "creating",
                AgentStatus::Active => "active",
            },
            project_id: agent.project_id.map(Into::into),
            created_at: agent.created_at,
        }
    }
}

/// A fresh agent with its token.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentCreated {
    /// The agent.
    pub agent: AgentView,
    /// Shown this once; null when the request was a repeat.
    pub api_token: Option<String>,
    /// The purchase of its number, when one is bought with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationView>,
}
