//! What a third party remembers: its rows, its counters and the requests it was sent, written
//! through to SQLite so that a killed process finds them again.
//!
//! Rows are opaque here; what they mean is known beside the simulator that writes them. Everything
//! one request changes is one transaction, its entry in the journal included.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Clock;

/// Enough to look back over a long story, little enough to print.
const REQUESTS_MAX: usize = 10_000;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS rows (
        party TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (party, kind, id)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS requests (
        party TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (party, seq)
    ) WITHOUT ROWID;";

/// The file all simulators share; `None` keeps everything in memory.
#[derive(Clone)]
pub(crate) struct Db(Option<Arc<Mutex<Connection>>>);

/// One third party's part of it.
pub(crate) struct Book {
    party: &'static str,
    db: Db,
    seed: u64,
    clock: Clock,
    counters: BTreeMap<String, u64>,
    changes: Vec<Change>,
    requests: VecDeque<Request>,
    requests_seen: u64,
    numbers_changed: u64,
}

/// A request as it went, not as it was meant: status 0 is one that got no answer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) operation: String,
    pub(crate) status: u16,
    pub(crate) at: Timestamp,
}

enum Change {
    Put { kind: &'static str, id: String, body: String },
    Remove { kind: &'static str, id: String },
    Journal { seq: u64, body: String },
}

impl Db {
    pub(crate) fn open(directory: Option<&Path>) -> io::Result<Self> {
        let Some(directory) = directory else { return Ok(Self(None)) };
        std::fs::create_dir_all(directory)?;
        let connection = Connection::open(directory.join("simulators.sqlite")).map_err(io::Error::other)?;
        // A process may be killed, a laptop's power is not our subject: what the kernel has been
        // given is kept, and not waiting for the disk makes a write cost microseconds.
        connection
            .execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {SCHEMA}"))
            .map_err(io::Error::other)?;
        Ok(Self(Some(Arc::new(Mutex::new(connection)))))
    }
}

impl Book {
    pub(crate) fn open(party: &'static str, db: &Db, seed: u64, clock: &Clock) -> io::Result<Self> {
        let mut book = Self {
            party,
            db: db.clone(),
            seed,
            clock: clock.clone(),
            counters: BTreeMap::new(),
            changes: Vec::new(),
            requests: VecDeque::new(),
            requests_seen: 0,
            numbers_changed: 0,
        };
        book.counters = book.rows("counter")?.into_iter().collect();
        book.load_requests().map_err(io::Error::other)?;
        Ok(book)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// All rows of a kind, by id.
    pub(crate) fn rows<T: DeserializeOwned>(&self, kind: &str) -> io::Result<Vec<(String, T)>> {
        let Some(db) = &self.db.0 else { return Ok(Vec::new()) };
        let db = locked(db);
        let mut statement = db
            .prepare("SELECT id, body FROM rows WHERE party = ?1 AND kind = ?2 ORDER BY id")
            .map_err(io::Error::other)?;
        let rows = statement
            .query_map(params![self.party, kind], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .map_err(io::Error::other)?;
        rows.map(|row| {
            let (id, body) = row.map_err(io::Error::other)?;
            Ok((id, serde_json::from_str(&body)?))
        })
        .collect()
    }

    /// Counts up and answers the new count, 1 first.
    pub(crate) fn next(&mut self, counter: &str) -> u64 {
        let count = self.counters.entry(counter.to_owned()).or_insert(0);
        *count += 1;
        let count = *count;
        self.put("counter", counter.to_owned(), &count);
        count
    }

    /// 32 hex digits that the same seed and the same requests before it give again.
    pub(crate) fn hex(&mut self, counter: &str) -> String {
        let count = self.next(counter);
        let bits = self.bits(counter, count);
        format!("{:032x}", bits)
    }

    /// A version 4 UUID by its looks, made like [`Self::hex`].
    pub(crate) fn uuid(&mut self, counter: &str) -> String {
        let count = self.next(counter);
        uuid::Builder::from_random_bytes(self.bits(counter, count).to_be_bytes()).into_uuid().to_string()
    }

    /// 128 bits that depend on nothing but the seed, the third party and these two.
    pub(crate) fn bits(&self, purpose: &str, count: u64) -> u128 {
        let text = format!("{}\n{}\n{purpose}\n{count}", self.seed, self.party);
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        hash.as_ref().iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }

    pub(crate) fn put(&mut self, kind: &'static str, id: String, row: &impl Serialize) {
        self.numbers_changed += u64::from(kind == "number");
        if self.db.0.is_some() {
            // Only a map with keys other than strings cannot be written, and no row has one.
            let body = serde_json::to_string(row).unwrap_or_default();
            self.changes.push(Change::Put { kind, id, body });
        }
    }

    pub(crate) fn remove(&mut self, kind: &'static str, id: String) {
        self.numbers_changed += u64::from(kind == "number");
        if self.db.0.is_some() {
            self.changes.push(Change::Remove { kind, id });
        }
    }

    /// How often a number came, changed or went since the start, whoever did it.
    pub(crate) fn numbers_changed(&self) -> u64 {
        self.numbers_changed
    }

    pub(crate) fn record(&mut self, operation: &str, status: u16) {
        let request = Request { operation: operation.to_owned(), status, at: self.now() };
        self.requests_seen += 1;
        if self.db.0.is_some() {
            let body = serde_json::to_string(&request).unwrap_or_default();
            self.changes.push(Change::Journal { seq: self.requests_seen, body });
        }
        self.requests.push_back(request);
        if self.requests.len() > REQUESTS_MAX {
            self.requests.pop_front();
        }
    }

    /// As the control surface shows them, oldest first.
    pub(crate) fn shown_requests(&self) -> Value {
        json!(self.requests)
    }

    /// Makes every change since the last commit durable, all of them or none.
    pub(crate) fn commit(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        let Some(db) = &self.db.0 else { return };
        if changes.is_empty() {
            return;
        }
        if let Err(error) = write(&mut locked(db), self.party, &changes) {
            tracing::error!(%error, "the simulators cannot keep their state");
        }
    }

    fn load_requests(&mut self) -> rusqlite::Result<()> {
        let Some(db) = &self.db.0 else { return Ok(()) };
        let db = locked(db);
        let mut statement = db.prepare("SELECT seq, body FROM requests WHERE party = ?1 ORDER BY seq DESC LIMIT ?2")?;
        let limit = i64::try_from(REQUESTS_MAX).unwrap_or(i64::MAX);
        let rows =
            statement.query_map(params![self.party, limit], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (seq, body): (i64, _) = row?;
            self.requests_seen = self.requests_seen.max(seq.unsigned_abs());
            self.requests.extend(serde_json::from_str::<Request>(&body).ok());
        }
        self.requests.make_contiguous().reverse();
        Ok(())
    }
}

/// A panic while a simulator held its lock has failed the test that caused it; the others go on.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write(db: &mut Connection, party: &str, changes: &[Change]) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    for change in changes {
        match change {
            Change::Put { kind, id, body } => transaction
                .prepare_cached("INSERT OR REPLACE INTO rows (party, kind, id, body) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![party, kind, id, body])?,
            Change::Remove { kind, id } => transaction
                .prepare_cached("DELETE FROM rows WHERE party = ?1 AND kind = ?2 AND id = ?3")?
                .execute(params![party, kind, id])?,
            Change::Journal { seq, body } => write_journal(&transaction, party, *seq, body)?,
        };
    }
    transaction.commit()
}

fn write_journal(db: &Connection, party: &str, seq: u64, body: &str) -> rusqlite::Result<usize> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let kept = i64::try_from(REQUESTS_MAX).unwrap_or(i64::MAX);
    // The oldest goes as the newest comes, so the file stops growing as the list does.
    db.prepare_cached("DELETE FROM requests WHERE party = ?1 AND seq <= ?2")?.execute(params![party, seq - kept])?;
    db.prepare_cached("INSERT OR REPLACE INTO requests (party, seq, body) VALUES (?1, ?2, ?3)")?
        .execute(params![party, seq, body])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(db: &Db, seed: u64) -> Book {
        let clock: Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
        Book::open("twilio", db, seed, &clock).expect("a book")
    }

    #[test]
    fn the_journal_keeps_the_last_ten_thousand_in_memory_and_on_disk() {
        let directory = std::env::temp_dir().join(format!("simulators-book-{}", std::process::id()));
        let db = Db::open(Some(&directory)).expect("a file");
        let mut kept = book(&db, 1);
        for status in 0..10_003 {
            kept.record("numbers.get", status);
        }
        kept.commit();
        for book in [kept, book(&db, 1)] {
            let requests = book.shown_requests();
            let requests = requests.as_array().expect("a list");
            assert_eq!((requests.len(), &requests[0]["status"]), (REQUESTS_MAX, &json!(3)));
            assert_eq!((book.requests_seen, &requests[9_999]["status"]), (10_003, &json!(10_002)));
        }
        std::fs::remove_dir_all(directory).expect("a directory");
    }

    #[test]
    fn ids_follow_from_the_seed_and_the_count() {
        let db = Db::open(None).expect("memory");
        let (mut one, mut same, mut other) = (book(&db, 1), book(&db, 1), book(&db, 2));
        let first = one.hex("PN");
        assert_eq!(first, same.hex("PN"));
        assert_ne!(first, other.hex("PN"));
        assert_ne!(first, one.hex("PN"));
        assert_ne!(first, same.hex("CA"));
        assert_eq!(one.uuid("number").as_bytes()[14], b'4');
    }
}
