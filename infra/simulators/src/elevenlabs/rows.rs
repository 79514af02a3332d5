//! Things of one kind, kept in the order in which they were made and found by id.

use std::collections::{BTreeMap, HashMap};
use std::io;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::book::Book;

/// What all of them have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) id: String,
    pub(super) created: Timestamp,
}

pub(super) trait Row: Clone + Serialize + DeserializeOwned {
    /// In the book.
    const KIND: &'static str;
    /// What ids begin with.
    const PREFIX: &'static str;

    fn head(&self) -> &Head;
}

pub(super) struct Rows<T> {
    rows: BTreeMap<u64, T>,
    by_id: HashMap<String, u64>,
}

impl Head {
    /// The next one of its kind; the same seed and the same requests before it give the same id.
    pub(super) fn next<T: Row>(book: &mut Book) -> Self {
        let seq = book.next(T::KIND);
        let id = format!("{}_{:026x}", T::PREFIX, book.bits(T::KIND, seq) >> 24);
        Self { seq, id, created: book.now() }
    }
}

impl<T: Row> Rows<T> {
    pub(super) fn open(book: &Book) -> io::Result<Self> {
        let rows = book.rows::<T>(T::KIND)?.into_iter().map(|(_, row)| (row.head().seq, row));
        let rows: BTreeMap<u64, T> = rows.collect();
        let by_id = rows.values().map(|row| (row.head().id.clone(), row.head().seq)).collect();
        Ok(Self { rows, by_id })
    }

    pub(super) fn keep(&mut self, book: &mut Book, row: T) {
        let Head { seq, id, .. } = row.head();
        book.put(T::KIND, format!("{seq:020}"), &row);
        self.by_id.insert(id.clone(), *seq);
        self.rows.insert(*seq, row);
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.by_id.get(id).and_then(|seq| self.rows.get(seq))
    }

    pub(super) fn remove(&mut self, book: &mut Book, id: &str) -> Option<T> {
        let seq = self.by_id.remove(id)?;
        book.remove(T::KIND, format!("{seq:020}"));
        self.rows.remove(&seq)
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }
}
