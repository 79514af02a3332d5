//! What the test knows. An aspect whose last change got no sure answer has several possible values, until the next look
//! tells which it is.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::Tenant;

/// What a number may be like, aspect by aspect.
pub(crate) type Aspects = BTreeMap<&'static str, Vec<Value>>;

/// Aspects of a number the model follows, as the API calls them.
pub(crate) const ASPECTS: [&str; 6] = ["status", "agent_id", "name", "fallback", "locked", "project_id"];

/// A number somebody bought, by its id.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) e164: String,
    pub(crate) aspects: Aspects,
}

/// A request that was sent under a key.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) key: String,
    pub(crate) body: Value,
    /// The final answer it got: status and what it is about. A repeat gets the same for ever.
    pub(crate) outcome: Option<(u16, String)>,
    /// The operation it began, while that may still be running.
    pub(crate) operation: Option<String>,
}

/// Money the operator moved, or tried to.
#[derive(Debug, Clone)]
pub(crate) struct Adjusted {
    pub(crate) key: String,
    pub(crate) amount: String,
    pub(crate) micros: i64,
    pub(crate) sure: bool,
}

/// A tenant and all that is known of it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) tenant: Tenant,
    pub(crate) opening: i64,
    /// The same in lira, in which nothing is adjusted.
    pub(crate) lira: i64,
    pub(crate) adjusted: Vec<Adjusted>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) numbers: Vec<Held>,
    pub(crate) agents: Vec<String>,
    pub(crate) projects: Vec<String>,
}

/// Everything that is known.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) tenants: Vec<Known>,
    /// Numbers the operator bought by hand, by the carrier's id: digits and name.
    pub(crate) untagged: BTreeMap<String, (String, String)>,
}

impl Held {
    /// A number as an answer shows it.
    pub(crate) fn shown(number: &Value) -> Self {
        let aspects = ASPECTS.iter().map(|aspect| (*aspect, vec![number[*aspect].clone()])).collect();
        let text = |field: &str| number[field].as_str().unwrap_or_default().to_owned();
        Self { id: text("id"), e164: text("e164"), aspects }
    }

    /// Now it is like this.
    pub(crate) fn is(&mut self, aspect: &'static str, value: Value) {
        self.aspects.insert(aspect, vec![value]);
    }

    /// Now it may be like this, or as before.
    pub(crate) fn may_be(&mut self, aspect: &'static str, value: Value) {
        let possible = self.aspects.entry(aspect).or_default();
        if !possible.contains(&value) {
            possible.push(value);
        }
    }

    /// Whether it is like this for sure.
    pub(crate) fn surely(&self, aspect: &str, value: &Value) -> bool {
        self.aspects.get(aspect).is_some_and(|possible| possible.len() == 1 && possible[0] == *value)
    }

    /// Looks at it: what it is like must have been possible, and is known from now on.
    pub(crate) fn look(&mut self, number: &Value) -> Result<(), String> {
        for aspect in ASPECTS {
            let (possible, is) = (self.aspects.entry(aspect).or_default(), &number[aspect]);
            if !possible.contains(is) {
                return Err(format!("{}: {aspect} is {is} and must be one of {possible:?}", self.id));
            }
            *possible = vec![is.clone()];
        }
        if number["e164"] != self.e164.as_str() {
            return Err(format!("{}: was {} and is {}", self.id, self.e164, number["e164"]));
        }
        Ok(())
    }
}

impl Known {
    /// Notes a number an answer showed.
    pub(crate) fn note(&mut self, number: &Value) {
        let shown = Held::shown(number);
        if !shown.id.is_empty() && !self.numbers.iter().any(|held| held.id == shown.id) {
            self.numbers.push(shown);
        }
    }
}
