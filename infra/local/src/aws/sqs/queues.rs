//! The queues and their messages, in SQLite, and the rules by which a message is seen or hidden.
//!
//! A message is *delayed* until it can be received for the first time, *in flight* while whoever
//! received it may still delete it, *visible* otherwise. All three follow from two columns and the
//! injected clock, so nothing has to happen when time passes. It knows neither HTTP nor long polls
//! (`mod.rs`), only when it may be worth looking again (`Queues::changed`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};
use tokio::sync::Notify;
use uuid::Uuid;

use super::super::Clock;
use super::Counts;
use super::error::Error;
use super::settings::{Settings, arn};
use super::wire::{Attributes, MessageAttributes, Send};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queue (
        name       TEXT PRIMARY KEY,
        attributes TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS message (
        seq               INTEGER PRIMARY KEY AUTOINCREMENT,
        queue             TEXT NOT NULL,
        message_id        TEXT NOT NULL,
        body              TEXT NOT NULL,
        attributes        TEXT NOT NULL,
        sent_at           INTEGER NOT NULL,
        visible_at        INTEGER NOT NULL,
        received          INTEGER NOT NULL DEFAULT 0,
        received_before   INTEGER NOT NULL DEFAULT 0, -- in the queue it was a dead letter of
        first_received_at INTEGER,
        receipt           TEXT,                       -- of the latest receive
        source            TEXT                        -- the queue it was a dead letter of
    ) STRICT;
    CREATE INDEX IF NOT EXISTS message_by_visibility ON message (queue, visible_at);
";

pub(super) struct Queues {
    clock: Clock,
    state: Mutex<State>,
    /// Told whenever a message may have become visible other than by the passing of time.
    changed: Notify,
}

struct State {
    db: Connection,
    queues: BTreeMap<String, Queue>,
}

#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) settings: Settings,
    /// Milliseconds since 1970, like every instant here.
    pub(super) created_at: i64,
}

/// A message as it was received.
#[derive(Debug)]
pub(super) struct Taken {
    seq: i64,
    pub(super) message_id: String,
    pub(super) receipt: String,
    pub(super) body: String,
    pub(super) attributes: MessageAttributes,
    pub(super) sent_at: i64,
    pub(super) first_received_at: i64,
    /// Over all queues it has been in, this time included.
    pub(super) received: i64,
    pub(super) source: Option<String>,
}

impl Queues {
    pub(super) fn open(path: Option<&Path>, clock: Clock) -> Result<Self, Error> {
        let db = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        // What is committed has been given to the operating system and outlives this process even
        // when it is killed. A power cut may take the last of it, which is no promise here.
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "OFF")?;
        db.execute_batch(SCHEMA)?;
        let queues = load(&db)?;
        Ok(Self { clock, state: Mutex::new(State { db, queues }), changed: Notify::new() })
    }

    /// Resolves at the next change after it was first polled or enabled.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn look_again(&self) {
        self.changed.notify_waiters();
    }

    pub(super) fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// Making a queue again is fine when no attribute would change.
    pub(super) fn create(&self, name: &str, attributes: Attributes) -> Result<(), Error> {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 80 || !name.chars().all(named) {
            return Err(Error::InvalidParameterValue(
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length".to_owned(),
            ));
        }
        let mut state = self.state();
        match state.queues.get(name) {
            Some(queue) => match queue.settings.differs(&attributes) {
                Some(attribute) => Err(Error::QueueNameExists(attribute)),
                None => Ok(()),
            },
            None => state.set(name, attributes, self.now()),
        }
    }

    /// Sets the attributes given and leaves the others.
    pub(super) fn set_attributes(&self, name: &str, attributes: Attributes) -> Result<(), Error> {
        let mut state = self.state();
        let queue = state.queue(name)?;
        let mut merged = queue.settings.given.clone();
        merged.extend(attributes);
        let created_at = queue.created_at;
        state.set(name, merged, created_at)
    }

    pub(super) fn get(&self, name: &str) -> Result<Queue, Error> {
        self.state().queue(name).cloned()
    }

    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let state = self.state();
        let names = state.queues.keys().filter(|name| name.starts_with(prefix));
        names.cloned().collect()
    }

    /// Returns the message's id.
    pub(super) fn send(&self, queue: &str, message: &Send) -> Result<String, Error> {
        let state = self.state();
        let delay_s = match message.delay_seconds {
            None => state.queue(queue)?.settings.delay_s,
            Some(seconds) => {
                state.queue(queue)?;
                bounded("DelaySeconds", seconds, 0, 900)?
            }
        };
        check_body(&message.message_body)?;
        let message_id = Uuid::new_v4().to_string();
        let attributes = serde_json::to_string(&message.message_attributes)
            .map_err(|error| Error::Serialization(error.to_string()))?;
        let now = self.now();
        state
            .db
            .prepare_cached(
                "INSERT INTO message (queue, message_id, body, attributes, sent_at, visible_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![queue, message_id, message.message_body, attributes, now, now + delay_s * 1000])?;
        drop(state);
        self.look_again();
        Ok(message_id)
    }

    /// Takes up to `max` visible messages and hides them for `hide_s` seconds. Those that have been
    /// received as often as the queue allows become dead letters instead.
    pub(super) fn receive(&self, queue: &str, max: i64, hide_s: i64) -> Result<Vec<Taken>, Error> {
        let mut state = self.state();
        let now = self.now();
        let redrive = state.queue(queue)?.settings.redrive.clone();
        let transaction = state.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut buried = 0;
        if let Some(redrive) = redrive {
            buried = transaction
                .prepare_cached(
                    "UPDATE message SET queue = ?3, visible_at = ?2, receipt = NULL, source = ?1,
                         received_before = received_before + received, received = 0
                     WHERE queue = ?1 AND visible_at <= ?2 AND received >= ?4",
                )?
                .execute(params![queue, now, redrive.dead_letters, redrive.receives_max])?;
        }
        let mut taken = transaction
            .prepare_cached(
                "SELECT seq, message_id, body, attributes, sent_at, first_received_at,
                     received + received_before + 1, source
                 FROM message WHERE queue = ?1 AND visible_at <= ?2
                 ORDER BY visible_at, seq LIMIT ?3",
            )?
            .query_map(params![queue, now, max], |row| read(row, now))?
            .collect::<Result<Vec<_>, _>>()?;
        for message in &mut taken {
            message.receipt = receipt(message.seq);
            transaction
                .prepare_cached(
                    "UPDATE message SET receipt = ?2, visible_at = ?3, received = received + 1,
                         first_received_at = ?4
                     WHERE seq = ?1",
                )?
                .execute(params![message.seq, message.receipt, now + hide_s * 1000, message.first_received_at])?;
        }
        transaction.commit()?;
        drop(state);
        if buried > 0 {
            self.look_again();
        }
        Ok(taken)
    }

    /// Deleting with the receipt of an earlier receive succeeds and deletes nothing, as AWS warns
    /// it may.
    pub(super) fn delete(&self, queue: &str, receipt: &str) -> Result<(), Error> {
        let state = self.state();
        state.queue(queue)?;
        let seq = seq_of(receipt)?;
        state
            .db
            .prepare_cached("DELETE FROM message WHERE seq = ?1 AND queue = ?2 AND receipt = ?3")?
            .execute(params![seq, queue, receipt])?;
        Ok(())
    }

    pub(super) fn hide(&self, queue: &str, receipt: &str, seconds: i64) -> Result<(), Error> {
        let state = self.state();
        state.queue(queue)?;
        let seconds = bounded("VisibilityTimeout", seconds, 0, 43_200)?;
        let seq = seq_of(receipt)?;
        let now = self.now();
        let visible_at: Option<i64> = state
            .db
            .prepare_cached("SELECT visible_at FROM message WHERE seq = ?1 AND queue = ?2 AND receipt = ?3")?
            .query_row(params![seq, queue, receipt], |row| row.get(0))
            .optional()?;
        match visible_at {
            None => {
                return Err(Error::InvalidParameterValue(format!(
                    "Value {receipt} for parameter ReceiptHandle is invalid. Reason: Message does \
                     not exist or is not available for visibility timeout change."
                )));
            }
            Some(visible_at) if visible_at <= now => return Err(Error::MessageNotInflight),
            Some(_) => {}
        }
        state
            .db
            .prepare_cached("UPDATE message SET visible_at = ?2 WHERE seq = ?1")?
            .execute(params![seq, now + seconds * 1000])?;
        drop(state);
        self.look_again();
        Ok(())
    }

    /// AWS allows one purge a minute; that limit protects its machines and would only slow tests.
    pub(super) fn purge(&self, queue: &str) -> Result<(), Error> {
        let state = self.state();
        state.queue(queue)?;
        let purge = "DELETE FROM message WHERE queue = ?1";
        state.db.prepare_cached(purge)?.execute(params![queue])?;
        Ok(())
    }

    pub(super) fn counts(&self, queue: &str) -> Result<Counts, Error> {
        let state = self.state();
        state.queue(queue)?;
        let counts = state
            .db
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE visible_at <= ?2),
                     count(*) FILTER (WHERE visible_at > ?2 AND receipt IS NOT NULL),
                     count(*) FILTER (WHERE visible_at > ?2 AND receipt IS NULL)
                 FROM message WHERE queue = ?1",
            )?
            .query_row(params![queue, self.now()], |row| {
                Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? })
            })?;
        Ok(counts)
    }

    pub(super) fn next_visible_at(&self, queue: &str) -> Result<Option<Timestamp>, Error> {
        let state = self.state();
        state.queue(queue)?;
        let at: Option<i64> = state
            .db
            .prepare_cached("SELECT min(visible_at) FROM message WHERE queue = ?1")?
            .query_row(params![queue], |row| row.get(0))?;
        Ok(at.and_then(|at| Timestamp::from_millisecond(at).ok()))
    }

    pub(super) fn release_in_flight(&self) -> Result<usize, Error> {
        let state = self.state();
        let released = state.db.execute(
            "UPDATE message SET visible_at = ?1 WHERE visible_at > ?1 AND receipt IS NOT NULL",
            params![self.now()],
        )?;
        drop(state);
        self.look_again();
        Ok(released)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn queue(&self, name: &str) -> Result<&Queue, Error> {
        self.queues.get(name).ok_or(Error::QueueDoesNotExist)
    }

    fn set(&mut self, name: &str, attributes: Attributes, created_at: i64) -> Result<(), Error> {
        let settings = Settings::parse(attributes)?;
        if let Some(redrive) = &settings.redrive
            && !self.queues.contains_key(&redrive.dead_letters)
        {
            return Err(Error::InvalidParameterValue(format!(
                "Value {} for parameter RedrivePolicy is invalid. Reason: Dead letter target does \
                 not exist.",
                arn(&redrive.dead_letters)
            )));
        }
        let attributes =
            serde_json::to_string(&settings.given).map_err(|error| Error::Serialization(error.to_string()))?;
        self.db.execute(
            "INSERT OR REPLACE INTO queue (name, attributes, created_at) VALUES (?1, ?2, ?3)",
            params![name, attributes, created_at],
        )?;
        let queue = Queue { settings, created_at };
        self.queues.insert(name.to_owned(), queue);
        Ok(())
    }
}

fn load(db: &Connection) -> Result<BTreeMap<String, Queue>, Error> {
    let mut statement = db.prepare("SELECT name, attributes, created_at FROM queue")?;
    let mut rows = statement.query([])?;
    let mut queues = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let attributes: String = row.get(1)?;
        let attributes = serde_json::from_str(&attributes).map_err(|error| Error::Serialization(error.to_string()))?;
        let queue = Queue { settings: Settings::parse(attributes)?, created_at: row.get(2)? };
        queues.insert(row.get(0)?, queue);
    }
    Ok(queues)
}

fn read(row: &Row<'_>, now: i64) -> rusqlite::Result<Taken> {
    let attributes: String = row.get(3)?;
    Ok(Taken {
        seq: row.get(0)?,
        message_id: row.get(1)?,
        receipt: String::new(),
        body: row.get(2)?,
        attributes: serde_json::from_str(&attributes).unwrap_or_default(),
        sent_at: row.get(4)?,
        first_received_at: row.get::<_, Option<i64>>(5)?.unwrap_or(now),
        received: row.get(6)?,
        source: row.get(7)?,
    })
}

fn check_body(body: &str) -> Result<(), Error> {
    // The characters XML 1.0 allows: messages once travelled in it.
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if body.is_empty() {
        Err(Error::MissingParameter("MessageBody".to_owned()))
    } else if body.chars().all(allowed) {
        Ok(())
    } else {
        Err(Error::InvalidMessageContents)
    }
}

pub(super) fn bounded(name: &str, value: i64, least: i64, most: i64) -> Result<i64, Error> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Error::InvalidParameterValue(format!(
        "Value {value} for parameter {name} is invalid. Reason: Must be >= {least} and <= {most}, \
         if provided."
    )))
}

/// Unique for every receive, and opaque to clients.
fn receipt(seq: i64) -> String {
    BASE64.encode(format!("{seq} {}", Uuid::new_v4()))
}

fn seq_of(receipt: &str) -> Result<i64, Error> {
    let seq = BASE64.decode(receipt).ok().and_then(|receipt| {
        let receipt = String::from_utf8(receipt).ok()?;
        receipt.split_once(' ')?.0.parse().ok()
    });
    seq.ok_or(Error::ReceiptHandleIsInvalid)
}
