//! Tenants, roles, projects: who may do what, and how many numbers they may hold.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{NumberId, ProjectId, TenantId};
use crate::requirement::OnFile;

/// What a caller may do (API.md, Roles). Ordered: each may do what the ones before it may, except `Operator`, which is
/// not a tenant's role at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also edits, links, unlinks, and makes agents.
    Member,
    /// Everything of the tenant.
    Admin,
    /// Everything of the tenant.
    Owner,
    /// The operator's people and programs; no tenant.
    Operator,
}

impl Role {
    /// Reads a claim's value.
    #[must_use]
    pub fn from_claim(text: &str) -> Option<Self> {
        match text {
            "viewer" => Some(Self::Viewer),
            "member" => Some(Self::Member),
            "admin" => Some(Self::Admin),
            "owner" => Some(Self::Owner),
            "operator" => Some(Self::Operator),
            _ => None,
        }
    }
}

/// What is known of a tenant. One that was never set up has the default plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Whose.
    pub id: TenantId,
    /// Name of a plan in the plan file.
    pub plan: String,
    /// Closed for business by the operator: its callers hear the suspended message.
    #[serde(default)]
    pub suspended: bool,
    /// Callers go to the fallback number (or a message) without asking the voice platform.
    #[serde(default)]
    pub outage_mode: bool,
    /// What callers of a suspended number hear.
    #[serde(default)]
    pub suspended_message: Option<String>,
    /// Its own addresses and bundles at the carrier, set by the operator; nobody else's numbers are bought with them.
    #[serde(default)]
    pub on_file: OnFile,
}

/// What a tenant holds; counted in the transactions that change it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Numbers held or being bought.
    #[serde(default)]
    pub numbers: u32,
    /// Of these, numbers the plan includes: they cost nothing a month.
    #[serde(default)]
    pub included: u32,
    /// The number that cannot be released while it is primary.
    #[serde(default)]
    pub primary: Option<NumberId>,
}

/// A group of numbers and agents of one tenant (a business, a site).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Which.
    pub id: ProjectId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Shown name.
    pub name: String,
    /// Numbers and agents in it; it can be deleted at 0.
    #[serde(default)]
    pub uses: u32,
    /// When it was made.
    pub created_at: Timestamp,
}
