//! The OpenAPI document: as checked in, and as such documents have to be.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::files;

const CHECKED_IN: &str = "functions/get-openapi/openapi.json";

pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) value: Value,
}

pub(crate) fn operations() -> Vec<Operation> {
    let document = parsed();
    let paths = document["paths"].as_object().expect("paths").clone();
    let of_path = |(path, item): (String, Value)| {
        let methods = item.as_object().expect("a path item").clone().into_iter();
        methods.map(move |(method, value)| Operation { method: method.to_ascii_uppercase(), path: path.clone(), value })
    };
    paths.into_iter().flat_map(of_path).collect()
}

fn parsed() -> Value {
    serde_json::from_str(&shared::openapi::json()).expect("the document is JSON")
}

#[test]
fn the_document_that_is_served_is_the_one_the_code_makes() {
    let generated = shared::openapi::json();
    if std::env::var("UPDATE_OPENAPI").is_ok_and(|wanted| wanted == "1") {
        std::fs::write(files::root().join(CHECKED_IN), &generated).expect("the document can be written");
        return;
    }
    let checked_in = files::read(CHECKED_IN);
    let differs = checked_in.lines().zip(generated.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| checked_in.lines().count().min(generated.lines().count())) + 1;
    assert!(
        checked_in == generated,
        "{CHECKED_IN} differs from line {line}; `UPDATE_OPENAPI=1 cargo test -p tests --test coverage` writes it anew"
    );
}

#[test]
fn the_document_is_openapi_3_1_and_the_same_each_time() {
    let document = parsed();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", document["openapi"]);
    assert_eq!(document["info"]["title"], "Trunkline");
    assert_eq!(shared::openapi::json(), shared::openapi::json());
}

#[test]
fn references_lead_somewhere_and_schemas_are_referred_to() {
    let document = parsed();
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    count_references(&document, &mut uses);
    let lost = uses.keys().filter(|to| document.pointer(to.trim_start_matches('#')).is_none());
    files::none("references that lead nowhere", lost.cloned());
    for kind in ["schemas", "responses"] {
        let names = document["components"][kind].as_object().expect("components").keys();
        let unused = names.map(|name| format!("#/components/{kind}/{name}")).filter(|name| !uses.contains_key(name));
        files::none("components nobody refers to", unused);
    }
}

fn count_references(value: &Value, uses: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(to)) = fields.get("$ref") {
                *uses.entry(to.clone()).or_default() += 1;
            }
            fields.values().for_each(|value| count_references(value, uses));
        }
        Value::Array(items) => items.iter().for_each(|value| count_references(value, uses)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_code_the_code_answers_is_documented() {
    let source = files::read("shared/src/http/problem.rs");
    let code = |rest: &str| rest.split_once(", \"").and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned);
    let codes: Vec<String> = source.split("(S::").skip(1).filter_map(code).collect();
    assert!(codes.len() > 20, "{codes:?}");
    let text = shared::openapi::json();
    files::none(
        "codes the document does not know",
        codes.into_iter().filter(|code| !text.contains(&format!("`{code}`"))),
    );
}

#[test]
fn amounts_are_text_in_every_schema() {
    let document = parsed();
    assert_eq!(document["components"]["schemas"]["Money"]["properties"]["amount"]["type"], "string");
    assert!(!document.to_string().contains("\"type\":\"number\""), "a floating-point number in the document");
}
