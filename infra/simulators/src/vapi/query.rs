//! What a list request asks for: a limit, and dates, because there is nothing else to page by.

use jiff::Timestamp;

use super::refusal::Refusal;
use crate::collection::Resource;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

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
