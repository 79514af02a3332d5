//! What callers can do, one file per noun. Checks first, then one transaction; whatever reaches out to a third party in
//! between is a saga.

pub mod agent_numbers;
pub mod agents;
pub mod audit;
pub mod by_hand;
pub mod calls;
pub mod custom;
pub mod import;
pub(crate) mod linking;
pub mod numbers;
pub mod operations;
pub mod operator;
pub mod parking;
pub mod payments;
pub mod platform_calls;
pub(crate) mod pool;
pub mod projects;
pub mod purchase;
pub mod reconcile_top_ups;
pub mod reconciliation;
pub mod recovery;
mod reversals;
pub mod routing;
pub mod search;
pub mod statements;
pub mod tenants;
pub mod test_calls;
pub mod top_ups;
pub mod voice;
pub mod wallet;

use domain::limits;
use serde::Deserialize;
use store::page::Cursor;

use crate::Error;

/// `?limit=` and `?cursor=` of every list.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct Paging {
    /// 1 to 100, 50 by default.
    pub limit: Option<u16>,
    /// From `next_cursor`.
    pub cursor: Option<String>,
}

impl Paging {
    /// Items asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside 1 to 100.
    pub fn limit(&self) -> Result<u16, Error> {
        match self.limit {
            None => Ok(limits::PAGE_DEFAULT),
            Some(limit) if (1..=limits::PAGE_MAX).contains(&limit) => Ok(limit),
            Some(_) => Err(Error::invalid("limit", format!("a whole number from 1 to {}", limits::PAGE_MAX))),
        }
    }

    /// Where to go on.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything a list of this kind did not give out.
    pub fn cursor(&self, prefix: &str) -> Result<Option<Cursor>, Error> {
        let bad = || Error::invalid("cursor", "take it from `next_cursor` of the same list");
        self.cursor.as_deref().map(|cursor| Cursor::decode(cursor, prefix).ok_or_else(bad)).transpose()
    }
}

/// A name a tenant gives: 1 to [`limits::NAME_CHARS_MAX`] characters, no control characters, not only spaces.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<String, Error> {
    let name = name.trim();
    let fits = (1..=limits::NAME_CHARS_MAX).contains(&name.chars().count());
    if fits && !name.contains(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid(field, format!("1 to {} characters without control characters", limits::NAME_CHARS_MAX)))
    }
}

/// A field of a PATCH: absent, null, or a value.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
