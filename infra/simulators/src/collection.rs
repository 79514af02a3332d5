//! Resources of one kind, kept by the order of their creation.
//!
//! What their fields mean, and how they are shown, is known beside the simulator that writes them.

use std::collections::{BTreeMap, HashMap};
use std::io;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::book::Book;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// Its place in the order of creation; the first is 1.
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    /// Everything else, secrets included.
    pub(crate) fields: Map<String, Value>,
}

pub(crate) struct Collection {
    kind: &'static str,
    rows: BTreeMap<u64, Resource>,
    by_id: HashMap<String, u64>,
}

impl Resource {
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).and_then(Value::as_str)
    }
}

impl Collection {
    pub(crate) fn open(book: &Book, kind: &'static str) -> io::Result<Self> {
        let rows: BTreeMap<u64, Resource> =
            book.rows::<Resource>(kind)?.into_iter().map(|(_, resource)| (resource.seq, resource)).collect();
        let by_id = rows.values().map(|resource| (resource.id.clone(), resource.seq)).collect();
        Ok(Self { kind, rows, by_id })
    }

    /// Under a new UUID.
    pub(crate) fn create(&mut self, book: &mut Book, fields: Map<String, Value>) -> &Resource {
        let id = book.uuid(self.kind);
        self.create_as(book, id, fields)
    }

    /// Under an id that nothing here has.
    pub(crate) fn create_as(&mut self, book: &mut Book, id: String, fields: Map<String, Value>) -> &Resource {
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

    pub(crate) fn get(&self, id: &str) -> Option<&Resource> {
        self.by_id.get(id).and_then(|seq| self.rows.get(seq))
    }

    /// Null clears, anything else replaces.
    pub(crate) fn update(&mut self, book: &mut Book, id: &str, changes: Map<String, Value>) -> Option<&Resource> {
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

    pub(crate) fn delete(&mut self, book: &mut Book, id: &str) -> Option<Resource> {
        let resource = self.rows.remove(&self.by_id.remove(id)?)?;
        book.remove(self.kind, resource.id.clone());
        Some(resource)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Resource> {
        self.rows.values()
    }
}

fn to_ms(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}
