//! Pagination, with a token that is the truth about where the next page begins.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::form::Form;
use super::refusal::Refusal;
use crate::server::{Answer, Call, json};

const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 1_000;

/// What a list is called and how its tokens begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) key: &'static str,
    pub(super) token: &'static str,
}

/// One page of the rows below a place (all without one), which come newest first, each with its place.
///
/// The token names the last row shown, not a position: rows that go or come meanwhile neither hide
/// one nor show one twice.
pub(super) fn page<R: Iterator<Item = (u64, Value)>>(
    call: &Call,
    form: &Form,
    names: Page,
    rows: impl FnOnce(Option<u64>) -> R,
) -> Result<Answer, Refusal> {
    let Cut { size, number, shown, next } = cut(call, form, names, rows)?;
    let previous = number.checked_sub(1).map(|number| link(call, form, size, number, None));
    let start = number * size;
    let mut body = Map::new();
    body.insert("page".to_owned(), json!(number));
    body.insert("page_size".to_owned(), json!(size));
    body.insert("start".to_owned(), json!(start));
    body.insert("end".to_owned(), json!((start + shown.len()).saturating_sub(1)));
    body.insert("uri".to_owned(), json!(own_link(call)));
    body.insert("first_page_uri".to_owned(), json!(link(call, form, size, 0, None)));
    body.insert("previous_page_uri".to_owned(), json!(previous));
    body.insert("next_page_uri".to_owned(), json!(next));
    body.insert(names.key.to_owned(), Value::Array(shown));
    Ok(json(StatusCode::OK, &Value::Object(body)))
}

/// The same in the manner of the trunking host: its links are absolute and stand apart.
pub(super) fn page_by_meta<R: Iterator<Item = (u64, Value)>>(
    call: &Call,
    names: Page,
    rows: impl FnOnce(Option<u64>) -> R,
) -> Result<Answer, Refusal> {
    let form = Form::of_query(call);
    let Cut { size, number, shown, next } = cut(call, &form, names, rows)?;
    let absolute = |link: String| format!("https://trunking.twilio.com{link}");
    let previous = number.checked_sub(1).map(|number| absolute(link(call, &form, size, number, None)));
    let body = json!({
        names.key: shown,
        "meta": {
            "key": names.key,
            "page": number,
            "page_size": size,
            "url": absolute(own_link(call)),
            "first_page_url": absolute(link(call, &form, size, 0, None)),
            "previous_page_url": previous,
            "next_page_url": next.map(absolute),
        },
    });
    Ok(json(StatusCode::OK, &body))
}

/// A page before it is written.
struct Cut {
    size: usize,
    number: usize,
    shown: Vec<Value>,
    next: Option<String>,
}

fn cut<R: Iterator<Item = (u64, Value)>>(
    call: &Call,
    form: &Form,
    names: Page,
    rows: impl FnOnce(Option<u64>) -> R,
) -> Result<Cut, Refusal> {
    let size = page_size(form)?;
    let number: usize = form.filled("Page").map_or(Ok(0), str::parse).map_err(|_| bad("Page"))?;
    let token = form.filled("PageToken").map(|token| parse(names.token, token)).transpose()?;
    // Without a token a page number can only count.
    let skipped = if token.is_some() { 0 } else { number * size };
    let mut rest = rows(token).skip(skipped).peekable();
    let mut last = 0;
    let mut shown = Vec::new();
    while let Some((place, row)) = rest.next_if(|_| shown.len() < size) {
        last = place;
        shown.push(row);
    }
    let next = rest.peek().is_some().then(|| link(call, form, size, number + 1, Some(token_of(names.token, last))));
    Ok(Cut { size, number, shown, next })
}

pub(super) fn page_size(form: &Form) -> Result<usize, Refusal> {
    let size: usize = form.filled("PageSize").map_or(Ok(PAGE_SIZE), str::parse).map_err(|_| bad("PageSize"))?;
    match size {
        0 => Err(bad("PageSize")),
        1..=PAGE_SIZE_MAX => Ok(size),
        _ => Err(Refusal::new(20007, "Page size must be at most 1000")),
    }
}

fn bad(name: &str) -> Refusal {
    Refusal::without_code(format!("Invalid {name}"))
}

fn token_of(prefix: &str, last: u64) -> String {
    format!("{prefix}{last:032x}")
}

fn parse(prefix: &str, token: &str) -> Result<u64, Refusal> {
    let last = token.strip_prefix(prefix).and_then(|last| u64::from_str_radix(last, 16).ok());
    last.ok_or_else(|| bad("PageToken"))
}

/// The same list, other page; filters are carried along.
fn link(call: &Call, form: &Form, size: usize, number: usize, token: Option<String>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form.pairs().filter(|(name, _)| !matches!(*name, "Page" | "PageSize" | "PageToken")) {
        query.append_pair(name, value);
    }
    query.append_pair("PageSize", &size.to_string());
    query.append_pair("Page", &number.to_string());
    query.extend_pairs(token.map(|token| ("PageToken", token)));
    format!("{}?{}", call.path, query.finish())
}

fn own_link(call: &Call) -> String {
    if call.query.is_empty() { call.path.clone() } else { format!("{}?{}", call.path, call.query) }
}
