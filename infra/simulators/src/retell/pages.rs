//! The second version of Retell's lists: a page, and a key that says where the next one begins.

use http::StatusCode;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::collection::{Collection, Resource};
use crate::server::{Answer, Call, json};

/// Neither is published.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 1_000;

pub(super) fn page(call: &Call, kept: &Collection, wire: impl Fn(&Resource) -> Value) -> Result<Answer, Refusal> {
    let pairs = call.query_pairs();
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let limit = match given("limit").map(str::parse) {
        None => LIMIT,
        Some(Ok(limit)) if (1..=LIMIT_MAX).contains(&limit) => limit,
        Some(_) => return Err(Refusal::bad("limit is not valid")),
    };
    // The key names the last row shown: rows that go or come meanwhile neither hide one nor show one twice.
    let after: Option<u64> =
        given("pagination_key").map(str::parse).transpose().map_err(|_| Refusal::bad("pagination_key is not valid"))?;
    let mut rows: Vec<&Resource> = match given("sort_order") {
        Some("ascending") => kept.iter().filter(|row| after.is_none_or(|after| row.seq > after)).collect(),
        None | Some("descending") => {
            kept.iter().rev().filter(|row| after.is_none_or(|after| row.seq < after)).collect()
        }
        Some(_) => return Err(Refusal::bad("sort_order is not valid")),
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let mut page = json!({ "items": rows.iter().map(|row| wire(row)).collect::<Vec<_>>(), "has_more": more });
    if let Some(last) = rows.last().filter(|_| more) {
        page["pagination_key"] = json!(last.seq.to_string());
    }
    Ok(json(StatusCode::OK, &page))
}
