//! Agents: a tenant's voice assistants on a voice platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, ProjectId, TenantId};

/// Who answers the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// vapi.ai
    Vapi,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Vapi];

    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vapi => "vapi",
        }
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        (text == "vapi").then_some(Self::Vapi)
    }
}

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// The platform was asked to make it and has not yet been heard to have done so.
    Creating,
    /// Answers calls.
    Active,
}

/// A tenant's voice assistant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Which.
    pub id: AgentId,
    /// Whose.
    pub tenant_id: TenantId,
    /// In which group.
    pub project_id: Option<ProjectId>,
    /// Shown name.
    pub name: String,
    /// On which platform.
    pub platform: Platform,
    /// The platform's id of it; none while it is being made.
    pub platform_agent_id: Option<String>,
    /// Whether we made it there, and so remove it there.
    pub made_by_us: bool,
    /// BCP 47 tag of the language it speaks.
    pub language: Option<String>,
    /// What the tenant keeps with it.
    #[serde(default)]
    pub settings: serde_json::Value,
    /// Where it is in its life.
    pub status: AgentStatus,
    /// SHA-256 of its API token, in hex; the token itself is shown once and kept nowhere.
    pub token_hash: String,
    /// Numbers linked to it or being linked; it can be deleted at 0.
    #[serde(default)]
    pub links: u32,
    /// When it was made.
    pub created_at: Timestamp,
}
