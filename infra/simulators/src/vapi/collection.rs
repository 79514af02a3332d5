//! Resources of one kind: kept by the order of their creation, listed newest first, paged by date
//! because there is nothing else to page by.

use std::collections::{BTreeMap, HashMap};
use std::io;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use crate::book::Book;
use crate::time::iso_ms;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Resource {
    seq: u64,
    pub(super) id: String,
    pub(super) created: Timestamp,
    updated: Timestamp,
    /// Everything else that is shown, secrets included: that is how Vapi does it.
    pub(super) fields: Map<String, Value>,
}

pub(super) struct Collection {
    kind: &'static str,
    org_id: String,
    rows: BTreeMap<u64, Resource>,
    by_id: HashMap<String, u64>,
}

impl Resource {
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }

    pub(super) fn wire(&self, org_id: &str) -> Value {
        let mut wire = self.fields.clone();
        wire.insert("id".to_owned(), json!(self.id));
        wire.insert("orgId".to_owned(), json!(org_id));
        wire.insert("createdAt".to_owned(), json!(iso_ms(self.created)));
        wire.insert("updatedAt".to_owned(), json!(iso_ms(self.updated)));
        Value::Object(wire)
    }
}

impl Collection {
    pub(super) fn open(book: &Book, kind: &'static str, org_id: &str) -> io::Result<Self> {
        let rows: BTreeMap<u64, Resource> =
            book.rows::<Resource>(kind)?.into_iter().map(|(_, resource)| (resource.seq, resource)).collect();
        let by_id = rows.values().map(|resource| (resource.id.clone(), resource.seq)).collect();
        Ok(Self { kind, org_id: org_id.to_owned(), rows, by_id })
    }

    pub(super) fn create(&mut self, book: &mut Book, fields: Map<String, Value>) -> &Resource {
        let id = book.uuid(self.kind);
        let now = to_ms(book.now());
        // Two rows of one table never share an instant here: with nothing but dates to page by, rows
        // made in one millisecond of a standing clock could not all be listed.
        let last = self.rows.values().next_back();
        let created = last.map_or(now, |last| now.max(last.created + SignedDuration::from_millis(1)));
        let seq = last.map_or(1, |last| last.seq + 1);
        let resource = Resource { seq, id: id.clone(), created, updated: created, fields };
        book.put(self.kind, id.clone(), &resource);
        self.by_id.insert(id, seq);
        self.rows.entry(seq).or_insert(resource)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Resource> {
        self.by_id.get(id).and_then(|seq| self.rows.get(seq))
    }

    /// Null clears, anything else replaces.
    pub(super) fn update(&mut self, book: &mut Book, id: &str, changes: Map<String, Value>) -> Option<&Resource> {
        let resource = self.by_id.get(id).and_then(|seq| self.rows.get_mut(seq))?;
        for (name, value) in changes {
            match value {
                Value::Null => resource.fields.remove(&name),
                value => resource.fields.insert(name, value),
            };
        }
        resource.updated = to_ms(book.now()).max(resource.created);
        book.put(self.kind, resource.id.clone(), resource);
        Some(resource)
    }

    pub(super) fn delete(&mut self, book: &mut Book, id: &str) -> Option<Resource> {
        let resource = self.rows.remove(&self.by_id.remove(id)?)?;
        book.remove(self.kind, resource.id.clone());
        Some(resource)
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Resource> {
        self.rows.values()
    }

    pub(super) fn wire(&self, resource: &Resource) -> Value {
        resource.wire(&self.org_id)
    }
}

fn to_ms(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// What a list request asks for.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) limit: usize,
    bounds: Vec<Bound>,
}

#[derive(Debug)]
struct Bound {
    updated: bool,
    after: bool,
    inclusive: bool,
    at: Timestamp,
}

impl Query {
    pub(super) fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut query = Self { limit: LIMIT, bounds: Vec::new() };
        let mut wrong = Vec::new();
        for (name, value) in pairs {
            if name == "limit" {
                match value.parse::<usize>() {
                    Ok(limit) if limit <= LIMIT_MAX => query.limit = limit,
                    Ok(_) => wrong.push(format!("limit must not be greater than {LIMIT_MAX}")),
                    Err(_) => {
                        wrong.push("limit must be a number conforming to the specified constraints".to_owned());
                    }
                }
            } else if let Some((updated, after, inclusive)) = bound_of(name) {
                match value.parse() {
                    Ok(at) => query.bounds.push(Bound { updated, after, inclusive, at }),
                    Err(_) => wrong.push(format!("{name} must be a valid ISO 8601 date string")),
                }
            }
        }
        if wrong.is_empty() { Ok(query) } else { Err(Refusal::bad(wrong)) }
    }

    pub(super) fn admits(&self, resource: &Resource) -> bool {
        self.bounds.iter().all(|bound| {
            let at = if bound.updated { resource.updated } else { resource.created };
            let beyond = if bound.after { at > bound.at } else { at < bound.at };
            beyond || (bound.inclusive && at == bound.at)
        })
    }
}

/// Whether it bounds the update, is a lower bound, includes its date.
fn bound_of(name: &str) -> Option<(bool, bool, bool)> {
    let (updated, end) = match (name.strip_prefix("createdAt"), name.strip_prefix("updatedAt")) {
        (Some(end), _) => (false, end),
        (None, Some(end)) => (true, end),
        (None, None) => return None,
    };
    let (after, inclusive) = match end {
        "Gt" => (true, false),
        "Ge" => (true, true),
        "Lt" => (false, false),
        "Le" => (false, true),
        _ => return None,
    };
    Some((updated, after, inclusive))
}
