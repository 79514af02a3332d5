//! The knobs: which call of which third party goes wrong next, and how.
//!
//! One registry for the whole process, the database engine included. It decides *when* a fault is
//! due; what the fault does to a request is `gate`'s business here and the engine's over there.

use std::sync::Mutex;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::book::locked;

/// A delay beyond this outlasts every client's patience anyway.
const DELAY_MS_MAX: u64 = 120_000;
const DELAY_MS_DEFAULT: u64 = 1_000;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Done, and the connection closed without an answer.
    LostReply,
    /// Not done, and the connection closed without an answer.
    Timeout,
    /// Not done, and an error answered.
    Error,
    /// Not done, and 429 answered.
    RateLimit,
    /// Done and answered, later.
    Delay,
    /// Done durably, then the whole program ends.
    Crash,
    /// The database only: another transaction holds an item.
    Conflict,
    /// The database only: no throughput left.
    Throttle,
    /// The database only: an index that has not caught up.
    StaleIndex,
}

/// A fault to come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub provider: String,
    pub operation: String,
    pub kind: Kind,
    /// For `error`; 400 when only a code is given, otherwise 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `error`, in the provider's own terms: a number at Twilio, a word elsewhere.
    #[serde(default, deserialize_with = "text_or_number", skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many matching calls it strikes.
    #[serde(default = "once")]
    pub times: u64,
    /// How many matching calls it lets through first.
    #[serde(default)]
    pub after: u64,
    /// For `delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

/// A fault that is due now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    pub id: String,
    pub kind: Kind,
    /// 400–599, set for `error` only.
    pub status: Option<u16>,
    pub code: Option<String>,
    /// Set for `delay` only.
    pub ms: Option<u64>,
}

/// All faults added since the start or the last [`Faults::clear`].
#[derive(Debug, Default)]
pub struct Faults {
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    added: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: String,
    fault: Fault,
    seen: u64,
    fired: u64,
}

impl Fault {
    /// One that strikes the next matching call.
    pub fn new(provider: &str, operation: &str, kind: Kind) -> Self {
        Self {
            provider: provider.to_owned(),
            operation: operation.to_owned(),
            kind,
            status: None,
            code: None,
            times: 1,
            after: 0,
            ms: None,
        }
    }
}

impl Faults {
    /// Answers the fault's id, or why the combination means nothing.
    pub fn add(&self, fault: Fault) -> Result<String, String> {
        check(&fault)?;
        let mut registry = locked(&self.registry);
        registry.added += 1;
        let id = format!("flt_{}", registry.added);
        registry.entries.push(Entry { id: id.clone(), fault, seen: 0, fired: 0 });
        Ok(id)
    }

    /// As [`Self::add`], from the control surface's JSON.
    pub fn add_json(&self, fault: &Value) -> Result<String, String> {
        self.add(Fault::deserialize(fault).map_err(|error| error.to_string())?)
    }

    pub fn list(&self) -> Value {
        let registry = locked(&self.registry);
        let items: Vec<Value> = registry.entries.iter().map(shown).collect();
        json!({ "items": items })
    }

    pub fn clear(&self) {
        locked(&self.registry).entries.clear();
    }

    /// Asked once for every call. All faults that match count it, the first one due strikes.
    pub fn take(&self, provider: &str, operation: &str) -> Option<Fired> {
        let mut registry = locked(&self.registry);
        let mut due = None;
        for entry in &mut registry.entries {
            if entry.fault.provider != provider || !same_operation(&entry.fault.operation, operation) {
                continue;
            }
            entry.seen += 1;
            if due.is_none() && entry.seen > entry.fault.after && entry.fired < entry.fault.times {
                entry.fired += 1;
                due = Some(entry.fire());
            }
        }
        due
    }
}

impl Entry {
    fn fire(&self) -> Fired {
        let fault = &self.fault;
        let status = fault.status.unwrap_or(if fault.code.is_some() { 400 } else { 500 });
        Fired {
            id: self.id.clone(),
            kind: fault.kind,
            status: (fault.kind == Kind::Error).then_some(status),
            code: fault.code.clone(),
            ms: (fault.kind == Kind::Delay).then(|| fault.ms.unwrap_or(DELAY_MS_DEFAULT)),
        }
    }
}

fn shown(entry: &Entry) -> Value {
    // A fault is a flat struct of strings and numbers, which always becomes an object.
    let mut item = serde_json::to_value(&entry.fault).unwrap_or_else(|_| json!({}));
    item["id"] = json!(entry.id);
    item["fired"] = json!(entry.fired);
    item
}

/// Reading one number has two names, because "get" and "fetch" are both in use for it.
fn same_operation(one: &str, other: &str) -> bool {
    let canonical = |name| if name == "numbers.fetch" { "numbers.get" } else { name };
    canonical(one) == canonical(other)
}

fn check(fault: &Fault) -> Result<(), String> {
    let Fault { provider, operation, kind, .. } = fault;
    let operations = operations(provider).ok_or_else(|| format!("unknown provider `{provider}`"))?;
    if !operations.contains(&operation.as_str()) {
        return Err(format!("`{provider}` has no operation `{operation}`; it has {}", operations.join(", ")));
    }
    if !has_meaning(provider, operation, *kind) {
        return Err(format!("{kind:?} means nothing for `{operation}` of `{provider}`"));
    }
    if fault.times == 0 {
        return Err("`times` must be at least 1".to_owned());
    }
    if fault.status.is_some_and(|status| !(400..=599).contains(&status)) {
        return Err("`status` must be an error: 400 to 599".to_owned());
    }
    if fault.ms.is_some_and(|ms| ms > DELAY_MS_MAX) {
        return Err(format!("`ms` must be at most {DELAY_MS_MAX}"));
    }
    Ok(())
}

fn operations(provider: &str) -> Option<&'static [&'static str]> {
    Some(match provider {
        "twilio" => &[
            "numbers.search",
            "numbers.list",
            "numbers.get",
            "numbers.fetch",
            "numbers.create",
            "numbers.update",
            "numbers.delete",
            "prices.get",
            "calls.create",
            "trunks.attach",
            "trunks.detach",
        ],
        "vapi" | "retell" | "elevenlabs" => &[
            "numbers.list",
            "numbers.get",
            "numbers.fetch",
            "numbers.create",
            "numbers.update",
            "numbers.delete",
            "agents.create",
            "agents.get",
            "agents.list",
            "agents.delete",
            "calls.create",
            "calls.register",
            "credentials.create",
            "credentials.list",
            "credentials.get",
            "credentials.delete",
        ],
        "netgsm" => &[
            "numbers.search",
            "numbers.list",
            "numbers.get",
            "numbers.fetch",
            "numbers.create",
            "numbers.delete",
            "credentials.create",
            "balance.get",
        ],
        "stripe" => &[
            "customers.create",
            "customers.list",
            "customers.get",
            "customers.update",
            "checkout.create",
            "checkout.get",
            "checkout.expire",
            "payments.create",
            "payments.list",
            "payments.get",
            "methods.get",
            "charges.get",
            "refunds.create",
            "refunds.list",
            "refunds.get",
            "disputes.get",
            "prices.create",
            "prices.list",
            "prices.get",
            "subscriptions.create",
            "subscriptions.get",
            "subscriptions.delete",
            "subscription_items.create",
            "subscription_items.list",
            "subscription_items.get",
            "subscription_items.update",
            "subscription_items.delete",
            "events.list",
            "events.get",
        ],
        "dynamodb" => &["transact", "query", "get", "put", "update", "batch_get", "batch_write", "delete", "scan"],
        _ => return None,
    })
}

fn has_meaning(provider: &str, operation: &str, kind: Kind) -> bool {
    let database = provider == "dynamodb";
    match kind {
        Kind::LostReply | Kind::Timeout | Kind::Error | Kind::Delay | Kind::Crash => true,
        Kind::RateLimit => !database,
        Kind::Throttle => database,
        Kind::Conflict => database && matches!(operation, "transact" | "put" | "update" | "delete"),
        Kind::StaleIndex => database && operation == "query",
    }
}

fn once() -> u64 {
    1
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(serde::de::Error::custom("`code` must be text or a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_with_a_meaning_are_taken() {
        let cases = [
            (json!({"provider": "twilio", "operation": "numbers.create", "kind": "lost_reply"}), true),
            (json!({"provider": "twilio", "operation": "numbers.create", "kind": "error", "status": 503}), true),
            (json!({"provider": "twilio", "operation": "numbers.create", "kind": "error", "code": 21422}), true),
            (json!({"provider": "twilio", "operation": "numbers.create", "kind": "stale_index"}), false),
            (json!({"provider": "twilio", "operation": "checkout.create", "kind": "error"}), false),
            (json!({"provider": "stripe", "operation": "payments.list", "kind": "rate_limit"}), true),
            (json!({"provider": "stripe", "operation": "numbers.create", "kind": "error"}), false),
            (json!({"provider": "telnyx", "operation": "numbers.create", "kind": "error"}), false),
            (json!({"provider": "dynamodb", "operation": "query", "kind": "stale_index"}), true),
            (json!({"provider": "dynamodb", "operation": "get", "kind": "conflict"}), false),
            (json!({"provider": "dynamodb", "operation": "get", "kind": "rate_limit"}), false),
            (json!({"provider": "vapi", "operation": "numbers.create", "kind": "timeout", "times": 0}), false),
            (json!({"provider": "vapi", "operation": "numbers.create", "kind": "error", "status": 200}), false),
            (json!({"provider": "vapi", "operation": "numbers.create", "kind": "melt"}), false),
            (json!({"provider": "vapi", "operation": "numbers.create", "kind": "error", "when": "now"}), false),
        ];
        for (fault, taken) in cases {
            assert_eq!(Faults::default().add_json(&fault).is_ok(), taken, "{fault}");
        }
    }

    #[test]
    fn after_lets_calls_through_and_times_counts_the_struck_ones() {
        let faults = Faults::default();
        let fault = Fault { after: 2, times: 2, ..Fault::new("twilio", "numbers.get", Kind::Timeout) };
        faults.add(fault).expect("a valid fault");
        let struck: Vec<bool> = (0..6).map(|_| faults.take("twilio", "numbers.fetch").is_some()).collect();
        assert_eq!(struck, [false, false, true, true, false, false]);
        assert_eq!(faults.list()["items"][0]["fired"], 2);
        assert!(faults.take("vapi", "numbers.get").is_none());
        faults.clear();
        assert_eq!(faults.list(), json!({ "items": [] }));
    }

    #[test]
    fn of_two_faults_on_one_call_the_first_strikes_and_the_second_waits() {
        let faults = Faults::default();
        for kind in [Kind::RateLimit, Kind::LostReply] {
            faults.add(Fault::new("vapi", "numbers.create", kind)).expect("a valid fault");
        }
        let kinds: Vec<_> = (0..3).map(|_| faults.take("vapi", "numbers.create").map(|fired| fired.kind)).collect();
        assert_eq!(kinds, [Some(Kind::RateLimit), Some(Kind::LostReply), None]);
    }
}
