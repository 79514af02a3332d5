//! Objects of one kind: kept in the order of their creation, found by id, listed newest first with a
//! cursor.

use std::collections::{BTreeMap, HashMap};
use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::{Form, Params, Type};
use super::refusal::Refusal;
use crate::book::Book;

const LIMIT: i64 = 10;
const LIMIT_MAX: i64 = 100;

/// What every list takes, to be repeated in the table of its parameters.
pub(super) const PAGE: Params = &[
    ("limit", Type::Integer),
    ("starting_after", Type::Text),
    ("ending_before", Type::Text),
    ("expand[#]", Type::Text),
];

/// [`PAGE`], and what most lists take besides.
pub(super) const LIST: Params = &[
    ("limit", Type::Integer),
    ("starting_after", Type::Text),
    ("ending_before", Type::Text),
    ("expand[#]", Type::Text),
    ("created", Type::Integer),
    ("created[gt]", Type::Integer),
    ("created[gte]", Type::Integer),
    ("created[lt]", Type::Integer),
    ("created[lte]", Type::Integer),
];

/// What reading one object takes.
pub(super) const ONE: Params = &[("expand[#]", Type::Text)];

/// What all objects have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) id: String,
    /// Unix seconds.
    pub(super) created: i64,
    pub(super) live: bool,
}

pub(super) trait Object: Clone + Serialize + DeserializeOwned {
    /// As messages call it.
    const NAME: &'static str;
    /// What ids begin with.
    const PREFIX: &'static str;

    fn head(&self) -> &Head;

    fn wire(&self) -> Value;
}

pub(super) struct Table<T> {
    rows: BTreeMap<u64, T>,
    by_id: HashMap<String, u64>,
}

impl Head {
    /// The next one of its kind; the same seed and the same requests before it give the same id.
    pub(super) fn next<T: Object>(book: &mut Book, live: bool) -> Self {
        let seq = book.next(T::NAME);
        let id = format!("{}_{:024x}", T::PREFIX, book.bits(T::NAME, seq) >> 32);
        Self { seq, id, created: book.now().as_second(), live }
    }
}

impl<T: Object> Table<T> {
    pub(super) fn open(book: &Book) -> io::Result<Self> {
        Ok(book.rows::<T>(T::NAME)?.into_iter().map(|(_, object)| object).collect())
    }

    pub(super) fn keep(&mut self, book: &mut Book, object: T) {
        let Head { seq, id, .. } = object.head();
        book.put(T::NAME, format!("{seq:020}"), &object);
        self.by_id.insert(id.clone(), *seq);
        self.rows.insert(*seq, object);
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.by_id.get(id).and_then(|seq| self.rows.get(seq))
    }

    pub(super) fn by_seq(&self, seq: u64) -> Option<&T> {
        self.rows.get(&seq)
    }

    /// One named in a request's path.
    pub(super) fn named(&self, id: &str) -> Result<&T, Refusal> {
        self.get(id).ok_or_else(|| Refusal::no_such(T::NAME, id, None))
    }

    /// One named by a request's parameter.
    pub(super) fn given(&self, id: &str, param: &str) -> Result<&T, Refusal> {
        self.get(id).ok_or_else(|| Refusal::no_such(T::NAME, id, Some(param)))
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.values()
    }

    /// One page, newest first, of those a filter admits.
    pub(super) fn page(&self, form: &Form, url: &str, admits: impl Fn(&T) -> bool) -> Result<Value, Refusal> {
        let limit = form.integer("limit").unwrap_or(LIMIT);
        let Some(limit) = usize::try_from(limit).ok().filter(|_| (1..=LIMIT_MAX).contains(&limit)) else {
            let message = format!("Invalid integer: limit must be from 1 to {LIMIT_MAX}.");
            return Err(Refusal::of_param("parameter_invalid_integer", "limit", message));
        };
        let cursor = |param: &str| form.text(param).map(|id| self.given(id, param).map(|it| it.head().seq)).transpose();
        let (after, before) = (cursor("starting_after")?, cursor("ending_before")?);
        let within = |object: &&T| {
            let Head { seq, created, .. } = object.head();
            after.is_none_or(|after| *seq < after)
                && before.is_none_or(|before| *seq > before)
                && in_time(form, *created)
        };
        let admitted = || self.rows.values().filter(within).filter(|object| admits(object));
        // Towards the past one starts at the newest; towards the present, at the one beside the cursor.
        let mut page: Vec<&T> = match before {
            Some(_) => admitted().take(limit).collect(),
            None => admitted().rev().take(limit).collect(),
        };
        if before.is_some() {
            page.reverse();
        }
        let data: Vec<Value> = page.into_iter().map(T::wire).collect();
        let has_more = admitted().nth(limit).is_some();
        Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
    }
}

impl<T: Object> FromIterator<T> for Table<T> {
    fn from_iter<I: IntoIterator<Item = T>>(objects: I) -> Self {
        let rows: BTreeMap<u64, T> = objects.into_iter().map(|object| (object.head().seq, object)).collect();
        let by_id = rows.values().map(|object| (object.head().id.clone(), object.head().seq)).collect();
        Self { rows, by_id }
    }
}

fn in_time(form: &Form, created: i64) -> bool {
    let holds = |bound: &str, compare: fn(&i64, &i64) -> bool| {
        form.integer(bound).is_none_or(|instant| compare(&created, &instant))
    };
    holds("created", i64::eq)
        && holds("created[gt]", i64::gt)
        && holds("created[gte]", i64::ge)
        && holds("created[lt]", i64::lt)
        && holds("created[lte]", i64::le)
}
