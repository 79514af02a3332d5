//! Agents: a tenant's voice assistants on a voice platform.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, ProjectId, TenantId};
use crate::number::Carrier;

/// Who answers the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// vapi.ai
    Vapi,
    /// retellai.com
    Retell,
    /// elevenlabs.io
    #[serde(rename = "elevenlabs")]
    ElevenLabs,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vapi, Self::Retell, Self::ElevenLabs];

    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vapi => "vapi",
            Self::Retell => "retell",
            Self::ElevenLabs => "elevenlabs",
        }
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.as_str() == text)
    }

    /// The ways in which a number of this carrier can reach an agent here, the usual one first; none when it cannot.
    #[must_use]
    pub const fn methods(self, carrier: Carrier) -> &'static [Method] {
        match (carrier, self) {
            (Carrier::Twilio, Self::Vapi) => &[Method::HandOver, Method::Import],
            (Carrier::Twilio, Self::Retell) => &[Method::Trunk, Method::HandOver],
            (Carrier::Twilio, Self::ElevenLabs) => &[Method::HandOver, Method::Trunk, Method::Import],
            // It asks for a registration before it brings a call, and of the platforms only Vapi registers.
            (Carrier::Netgsm, Self::Vapi) | (Carrier::Custom, Self::Vapi | Self::Retell | Self::ElevenLabs) => {
                &[Method::Direct]
            }
            (Carrier::Vapi, Self::Vapi) => &[Method::Native],
            (Carrier::Netgsm | Carrier::Vapi, Self::Retell | Self::ElevenLabs) => &[],
        }
    }
}

/// How calls get from a number to its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Our voice webhook answers the carrier and hands the call over: suspension, outage mode and fallback stay ours.
    HandOver,
    /// A SIP trunk takes it to the platform; our webhook is not asked.
    Trunk,
    /// The platform took the number over at its carrier and answers the carrier itself; our webhook is not asked.
    Import,
    /// The number's own carrier takes calls to the platform by SIP; nothing of ours has a part in it.
    Direct,
    /// The number is the platform's own, and the agent is set with it; nothing of ours has a part in its calls.
    Native,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::HandOver, Self::Trunk, Self::Import, Self::Direct, Self::Native];

    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandOver => "hand_over",
            Self::Trunk => "trunk",
            Self::Import => "import",
            Self::Direct => "direct",
            Self::Native => "native",
        }
    }

    /// Whether calls go past our webhook: all we hear of them is what the platform tells.
    #[must_use]
    pub const fn past_us(self) -> bool {
        match self {
            Self::HandOver => false,
            Self::Trunk | Self::Import | Self::Direct | Self::Native => true,
        }
    }

    /// Whether settings of ours at the carrier let calls go past us, so that setting them is part of the link.
    #[must_use]
    pub const fn set_at_carrier(self) -> bool {
        match self {
            Self::HandOver | Self::Direct => false,
            Self::Trunk | Self::Import | Self::Native => true,
        }
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
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
