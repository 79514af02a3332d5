//! Counts requests by operation and adds up the capacity units that answers report.
//!
//! The arithmetic of capacity is the engine's: here it is only summed, so a test's assertion rests
//! on what a bill would say.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;

use super::engine::Reply;
use super::faults::Operation;

/// Capacity units, tables and indexes together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    pub read: f64,
    pub write: f64,
}

#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: BTreeMap<&'static str, u64>,
    capacity: Capacity,
}

impl Meter {
    pub(super) fn request(&self, operation: Operation) {
        *self.counts().requests.entry(operation.name()).or_default() += 1;
    }

    pub(super) fn reply(&self, operation: Operation, reply: &Reply) {
        let used = consumed(operation, reply.body());
        let mut counts = self.counts();
        counts.capacity.read += used.read;
        counts.capacity.write += used.write;
    }

    pub(super) fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.counts().requests.clone()
    }

    pub(super) fn capacity(&self) -> Capacity {
        self.counts().capacity
    }

    pub(super) fn reset(&self) {
        *self.counts() = Counts::default();
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metered {
    consumed_capacity: OneOrMore,
}

/// A list where the request could touch several tables, else a single object.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Units),
    More(Vec<Units>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Units {
    capacity_units: Option<f64>,
    read_capacity_units: Option<f64>,
    write_capacity_units: Option<f64>,
}

fn consumed(operation: Operation, answer: &[u8]) -> Capacity {
    // Most answers carry none; looking for the name is far cheaper than parsing a page of items.
    let mentioned = std::str::from_utf8(answer).is_ok_and(|answer| answer.contains("\"ConsumedCapacity\""));
    if !mentioned {
        return Capacity::default();
    }
    let Ok(Metered { consumed_capacity }) = serde_json::from_slice(answer) else {
        return Capacity::default();
    };
    let units = match consumed_capacity {
        OneOrMore::One(units) => vec![units],
        OneOrMore::More(units) => units,
    };
    let mut sum = Capacity::default();
    for units in units {
        match (units.read_capacity_units, units.write_capacity_units) {
            (None, None) if operation.writes() => sum.write += units.capacity_units.unwrap_or(0.0),
            (None, None) => sum.read += units.capacity_units.unwrap_or(0.0),
            (read, write) => {
                sum.read += read.unwrap_or(0.0);
                sum.write += write.unwrap_or(0.0);
            }
        }
    }
    sum
}
