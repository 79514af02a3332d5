//! Identifiers: prefixed newtypes, so that one can never be taken for another.
//!
//! Everything Trunkline makes is `<prefix>_<UUID v7 without hyphens>`; it sorts by creation. A tenant's id comes from the
//! identity provider and is only checked for the characters it may have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where ids and other randomness come from; injected, so that a test replays exactly.
pub trait Ids: Send + Sync + fmt::Debug {
    /// Fresh random bytes.
    fn random(&self) -> [u8; 32];
}

/// A fresh UUID v7 at this instant.
fn uuid_v7(ids: &dyn Ids, now: jiff::Timestamp) -> uuid::Uuid {
    let [a, b, c, d, e, f, g, h, i, j, ..] = ids.random();
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

/// A string that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id.
            #[must_use]
            pub fn fresh(ids: &dyn Ids, now: jiff::Timestamp) -> Self {
                Self(format!("{}{}", $prefix, uuid_v7(ids, now).simple()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The UUID without prefix and hyphens, 32 characters.
            #[must_use]
            pub fn bare(&self) -> &str {
                self.0.strip_prefix($prefix).unwrap_or(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let bare = text.strip_prefix($prefix).ok_or(NotAnId)?;
                let hex = bare.len() == 32 && bare.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if hex { Ok(Self(text.to_owned())) } else { Err(NotAnId) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A tenant's voice assistant.
    AgentId, "agt_"
);
id!(
    /// A number a tenant holds, held, or tried to buy.
    NumberId, "num_"
);
id!(
    /// The tenant-visible handle of a saga.
    OperationId, "op_"
);
id!(
    /// A group of numbers and agents of a tenant.
    ProjectId, "prj_"
);
id!(
    /// A line of the ledger.
    EntryId, "ent_"
);
id!(
    /// Something that happened, kept in the outbox.
    EventId, "evt_"
);
id!(
    /// Money a tenant puts into a wallet by card.
    TopUpId, "top_"
);
id!(
    /// A line of the audit trail.
    AuditId, "aud_"
);

impl AuditId {
    /// The line that stands beside a ledger entry.
    #[must_use]
    pub fn beside(entry: &EntryId) -> Self {
        Self(format!("aud_{}", entry.bare()))
    }
}

/// A customer of the operator: 1–64 characters of `A–Z a–z 0–9 _ -`, as the identity provider gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// A fresh id, for tenants made here rather than by an identity provider.
    #[must_use]
    pub fn fresh(ids: &dyn Ids, now: jiff::Timestamp) -> Self {
        Self(format!("ten_{}", uuid_v7(ids, now).simple()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) { Ok(Self(text.to_owned())) } else { Err(NotAnId) }
    }
}

impl TryFrom<String> for TenantId {
    type Error = NotAnId;
    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> String {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_prefix_and_32_hex_digits() {
        let check = |text: &str, ok: bool| assert_eq!(text.parse::<NumberId>().is_ok(), ok, "{text}");
        check("num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", true);
        check("op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", false);
        check("num_0192A6B0C5D17E3F8A9B0C1D2E3F4A5B", false);
        check("num_0192a6b0-c5d1-7e3f-8a9b-0c1d2e3f4a5b", false);
        check("num_", false);
        check("", false);
        check("num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b#x", false);
    }

    #[test]
    fn a_line_beside_an_entry_has_an_id_that_reads_back() {
        let entry: EntryId = "ent_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let line = AuditId::beside(&entry);
        assert_eq!(line.as_str().parse(), Ok(line.clone()));
        assert_eq!(line.bare(), entry.bare());
    }

    #[test]
    fn a_tenant_id_cannot_leave_its_key() {
        let check = |text: &str, ok: bool| assert_eq!(text.parse::<TenantId>().is_ok(), ok, "{text}");
        check("acme", true);
        check("ten_1-B", true);
        check("", false);
        check("a#b", false);
        check("a b", false);
        check("ä", false);
        check(&"x".repeat(65), false);
    }
}
