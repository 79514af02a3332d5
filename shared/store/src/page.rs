//! Pages of a partition: opaque cursors, filters, bounds.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::limits;
use serde::de::DeserializeOwned;

use crate::Store;
use crate::item::{Item, StoreError, decode, key_of, text};
use crate::keys::{Key, PK, SK};

/// Where a list goes on: the sort key after which the next page begins. Opaque to clients; checked on its way back in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor to this position.
    #[must_use]
    pub fn at(position: impl Into<String>) -> Self {
        Self(position.into())
    }

    /// The position.
    #[must_use]
    pub fn position(&self) -> &str {
        &self.0
    }

    /// As given to a client.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// Reads a client's cursor; `None` for anything that is not one, such as a key outside the list it is used on.
    #[must_use]
    pub fn decode(encoded: &str, prefix: &str) -> Option<Self> {
        let position = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
        let sane = position.starts_with(prefix) && position.len() <= 512 && !position.contains(char::is_control);
        sane.then_some(Self(position))
    }
}

/// What to list.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    /// Of which partition.
    pub pk: String,
    /// Sort keys that begin so.
    pub prefix: &'a str,
    /// Oldest first, or newest first.
    pub forward: bool,
    /// After this position.
    pub after: Option<Cursor>,
    /// So many at most, 1 to [`limits::PAGE_MAX`].
    pub limit: u16,
}

/// Some items and where to go on.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
}

impl Store {
    /// One page of a partition, strongly consistent; reads on until it is full, the end, or
    /// [`limits::PAGE_READS_MAX`] reads (then a short page with a cursor).
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        listing: Listing<'_>,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Page<T>, StoreError> {
        let mut start = listing.after.map(|cursor| key_of(&Key { pk: listing.pk.clone(), sk: cursor.0 }));
        let mut items = Vec::new();
        for _ in 0..limits::PAGE_READS_MAX {
            let answer = self
                .client()
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", text(&listing.pk))
                .expression_attribute_values(":prefix", text(listing.prefix))
                .scan_index_forward(listing.forward)
                .consistent_read(true)
                .limit(i32::from(listing.limit) + 1)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| StoreError::unavailable(&error))?;
            for item in answer.items.unwrap_or_default() {
                let position = sort_key(&item);
                let value: T = decode(item)?;
                if !keep(&value) {
                    continue;
                }
                if items.len() == usize::from(listing.limit) {
                    return Ok(page(items, true));
                }
                items.push((position, value));
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(page(items, false));
            }
        }
        let next = start.as_ref().map(|key| Cursor(sort_key(key)));
        Ok(Page { items: items.into_iter().map(|(_, value)| value).collect(), next })
    }
}

fn page<T>(items: Vec<(String, T)>, more: bool) -> Page<T> {
    let next = items.last().filter(|_| more).map(|(position, _)| Cursor(position.clone()));
    Page { items: items.into_iter().map(|(_, value)| value).collect(), next }
}

fn sort_key(item: &Item) -> String {
    debug_assert!(item.contains_key(PK));
    item.get(SK).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_stays_in_its_list() {
        let check = |encoded: &str, ok: bool| assert_eq!(Cursor::decode(encoded, "NUM#").is_some(), ok, "{encoded}");
        check(&Cursor::at("NUM#x").encode(), true);
        check(&Cursor::at("OP#x").encode(), false);
        check(&Cursor::at("NUM#\n").encode(), false);
        check(&Cursor::at(format!("NUM#{}", "x".repeat(600))).encode(), false);
        check("not base64!", false);
        check("", false);
        check("//8", false);
    }
}
