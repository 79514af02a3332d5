//! A form as Stripe reads it: names in brackets, every name known, every value of its type.
//!
//! What an endpoint takes is a table beside the endpoint. In it `[#]` stands for a place in a list
//! and `[*]` for a name of the caller's own.

use std::collections::{BTreeMap, BTreeSet};

use super::refusal::Refusal;
use crate::server::{Call, pairs};

const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY_CHARS_MAX: usize = 40;
const METADATA_VALUE_CHARS_MAX: usize = 500;

#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    Text,
    Integer,
    Flag,
    OneOf(&'static [&'static str]),
    /// Text that may be empty, which unsets.
    Clearable,
}

pub(super) type Param = (&'static str, Type);
pub(super) type Params = &'static [Param];

#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn of_body(call: &Call, params: &[Param]) -> Result<Self, Refusal> {
        if !call.body.is_empty() && call.media_type() != "application/x-www-form-urlencoded" {
            let message = "Invalid request (check that your POST content type is application/x-www-form-urlencoded).";
            return Err(Refusal::invalid(message));
        }
        Self::checked(pairs(&call.body), params)
    }

    pub(super) fn of_query(call: &Call, params: &[Param]) -> Result<Self, Refusal> {
        Self::checked(call.query_pairs(), params)
    }

    /// Of a DELETE, whose parameters travel in the query. What Stripe makes of a body is not known; a
    /// client that sends one has mistaken its place, and is told so.
    pub(super) fn of_delete(call: &Call, params: &[Param]) -> Result<Self, Refusal> {
        if !call.body.is_empty() {
            return Err(Refusal::invalid("The parameters of a DELETE belong in its query."));
        }
        Self::of_query(call, params)
    }

    fn checked(pairs: Vec<(String, String)>, params: &[Param]) -> Result<Self, Refusal> {
        for (name, value) in &pairs {
            check(name, value, params)?;
        }
        let form = Self(pairs);
        form.check_metadata()?;
        Ok(form)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::missing(name))
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// A sum in minor units, which is above zero.
    pub(super) fn amount(&self, name: &str) -> Result<i64, Refusal> {
        self.required(name)?;
        self.integer(name).filter(|amount| *amount > 0).ok_or_else(|| not_positive(name))
    }

    /// A number of things, of which there may be none.
    pub(super) fn count(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let count = self.integer(name);
        if count.is_some_and(|count| count < 0) {
            let message = "Invalid integer: this value must be greater than or equal to 0.";
            return Err(Refusal::of_param("parameter_invalid_integer", name, message));
        }
        Ok(count)
    }

    pub(super) fn currency(&self, name: &str) -> Result<String, Refusal> {
        let code = self.required(name)?;
        if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Ok(code.to_owned());
        }
        Err(Refusal::invalid(format!("Invalid currency: {code}.")).with("param", name))
    }

    /// The values of `name[]` or `name[0]`, `name[1]`, ….
    pub(super) fn each(&self, name: &str) -> Vec<&str> {
        let is_one = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
        self.0.iter().filter(|(key, _)| is_one(key)).map(|(_, value)| value.as_str()).collect()
    }

    /// `name[0]`, `name[1]`, …, of those that anything is said about.
    pub(super) fn places(&self, name: &str) -> Vec<String> {
        let mut places = BTreeSet::new();
        for (key, _) in &self.0 {
            let rest = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('['));
            places.extend(rest.and_then(|rest| rest.split(']').next()).map(|place| place.parse::<u32>().unwrap_or(0)));
        }
        places.into_iter().map(|place| format!("{name}[{place}]")).collect()
    }

    pub(super) fn metadata(&self, name: &str) -> BTreeMap<String, String> {
        let key_of = |name_sent: &str| {
            let rest = name_sent.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
            Some(rest.to_owned())
        };
        self.0.iter().filter_map(|(key, value)| Some((key_of(key)?, value.clone()))).collect()
    }

    /// Empty metadata unsets all of it, an empty value one of it.
    pub(super) fn change_metadata(&self, metadata: &mut BTreeMap<String, String>) {
        if self.text("metadata") == Some("") {
            metadata.clear();
        }
        for (key, value) in self.metadata("metadata") {
            set(metadata, &key, &value);
        }
    }

    fn check_metadata(&self) -> Result<(), Refusal> {
        let own = ["metadata", "payment_intent_data[metadata]", "product_data[metadata]"].map(str::to_owned);
        let of_items = self.places("items").into_iter().map(|place| format!("{place}[metadata]"));
        for name in own.into_iter().chain(of_items) {
            let metadata = self.metadata(&name);
            if metadata.len() > METADATA_KEYS_MAX {
                return Err(
                    Refusal::invalid(format!("Metadata can have up to {METADATA_KEYS_MAX} keys.")).with("param", name)
                );
            }
            for (key, value) in metadata {
                if key.chars().count() > METADATA_KEY_CHARS_MAX || value.chars().count() > METADATA_VALUE_CHARS_MAX {
                    let message = format!(
                        "Metadata keys can have up to {METADATA_KEY_CHARS_MAX} characters and values up to \
                         {METADATA_VALUE_CHARS_MAX}."
                    );
                    return Err(Refusal::invalid(message).with("param", format!("{name}[{key}]")));
                }
            }
        }
        Ok(())
    }
}

/// An empty value unsets.
pub(super) fn set(texts: &mut BTreeMap<String, String>, name: &str, text: &str) {
    if text.is_empty() {
        texts.remove(name);
    } else {
        texts.insert(name.to_owned(), text.to_owned());
    }
}

pub(super) fn not_positive(param: &str) -> Refusal {
    let message = "Invalid integer: this value must be greater than or equal to 1.";
    Refusal::of_param("parameter_invalid_integer", param, message)
}

fn check(name: &str, value: &str, params: &[Param]) -> Result<(), Refusal> {
    let sent = segments(name);
    let Some((_, kind)) = params.iter().find(|(pattern, _)| matches(&segments(pattern), &sent)) else {
        let root = sent.first().copied().unwrap_or_default();
        let known = params.iter().any(|(pattern, _)| segments(pattern).first() == Some(&root));
        return Err(Refusal::unknown(if known { name } else { root }));
    };
    match kind {
        Type::Clearable => Ok(()),
        _ if value.is_empty() => {
            let message = format!("You passed an empty string for '{name}'.");
            Err(Refusal::of_param("parameter_invalid_empty", name, message))
        }
        Type::Text => Ok(()),
        Type::Integer if value.parse::<i64>().is_ok() => Ok(()),
        Type::Integer => Err(Refusal::of_param("parameter_invalid_integer", name, format!("Invalid integer: {value}"))),
        Type::Flag if matches!(value, "true" | "false") => Ok(()),
        Type::Flag => Err(Refusal::invalid(format!("Invalid boolean: {value}")).with("param", name)),
        Type::OneOf(words) if words.contains(&value) => Ok(()),
        Type::OneOf(words) => {
            let message = format!("Invalid {name}: must be one of {}", words.join(", "));
            Err(Refusal::invalid(message).with("param", name))
        }
    }
}

/// `a[b][0]` is `a`, `b`, `0`.
fn segments(name: &str) -> Vec<&str> {
    name.split('[').map(|segment| segment.strip_suffix(']').unwrap_or(segment)).collect()
}

fn matches(pattern: &[&str], sent: &[&str]) -> bool {
    let fits = |(wanted, given): (&&str, &&str)| match *wanted {
        "*" => true,
        "#" => given.bytes().all(|byte| byte.is_ascii_digit()),
        wanted => wanted == *given,
    };
    pattern.len() == sent.len() && pattern.iter().zip(sent).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: Params = &[
        ("amount", Type::Integer),
        ("confirm", Type::Flag),
        ("mode", Type::OneOf(&["payment"])),
        ("metadata", Type::Clearable),
        ("metadata[*]", Type::Clearable),
        ("line_items[#][price_data][currency]", Type::Text),
        ("expand[#]", Type::Text),
    ];

    #[test]
    fn a_name_is_known_and_a_value_is_of_its_type() {
        let cases = [
            ("amount", "2500", None),
            ("amount", "25.00", Some("amount")),
            ("confirm", "true", None),
            ("confirm", "1", Some("confirm")),
            ("mode", "payments", Some("mode")),
            ("mode", "", Some("mode")),
            ("metadata[a b]", "", None),
            ("metadata", "", None),
            ("metadata[a][b]", "", Some("metadata[a][b]")),
            ("expand[]", "customer", None),
            ("expand[0]", "customer", None),
            ("expand[a]", "customer", Some("expand[a]")),
            ("line_items[12][price_data][currency]", "usd", None),
            ("line_items[0][price_data][money]", "usd", Some("line_items[0][price_data][money]")),
            ("payment_method_types[0]", "card", Some("payment_method_types")),
        ];
        for (name, value, blamed) in cases {
            let refusal = check(name, value, PARAMS).err().map(|refusal| refusal.body());
            assert_eq!(refusal.as_ref().and_then(|body| body["error"]["param"].as_str()), blamed, "{name}={value}");
        }
    }
}
