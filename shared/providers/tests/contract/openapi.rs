//! Judges a request by an OpenAPI 3.0 document.
//!
//! A general JSON-schema validator would not do: these documents do not close their objects, so a misspelt field would pass
//! it, and that is the mistake to catch. Here a name the document does not know is a fault. A keyword this file does not know
//! panics, so that no rule is skipped in silence.

use domain::E164;
use regex::Regex;
use serde_json::{Map, Value};

use crate::recorder::Sent;

pub(crate) struct OpenApi(Value);

/// What is wrong with a request, in words.
type Faults = Vec<String>;

/// Keywords that state no rule about what is sent.
const WORDS: &[&str] = &[
    "description",
    "title",
    "default",
    "example",
    "examples",
    "deprecated",
    "nullable",
    "readOnly",
    "writeOnly",
    "x-open-enum",
    "optional",
    "embed",
];

impl OpenApi {
    pub(crate) fn new(document: Value) -> Self {
        Self(document)
    }

    /// The id of the request's operation, when it keeps the operation's rules.
    pub(crate) fn judge(&self, sent: &Sent) -> Result<String, Faults> {
        let (operation, path_values) = self.operation(sent).ok_or_else(|| vec!["no such operation".to_owned()])?;
        let mut faults = Faults::new();
        self.judge_parameters(operation, sent, &path_values, &mut faults);
        self.judge_body(operation, sent, &mut faults);
        if faults.is_empty() { Ok(text(operation, "operationId").to_owned()) } else { Err(faults) }
    }

    /// Whether a JSON body keeps the rules of a schema; for a request whose path the document leaves out.
    pub(crate) fn judge_as(&self, schema: &str, body: &[u8]) -> Result<(), Faults> {
        let body = serde_json::from_slice(body).map_err(|error| vec![format!("the body is not JSON: {error}")])?;
        let reference = serde_json::json!({"$ref": format!("#/components/schemas/{schema}")});
        let mut faults = Faults::new();
        self.judge_value(&reference, &body, "body", &mut faults);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The operation whose path has the fewest variable parts, and the values of those.
    fn operation(&self, sent: &Sent) -> Option<(&Value, Vec<(String, String)>)> {
        let paths = self.0["paths"].as_object().unwrap();
        let fits = paths.iter().filter_map(|(template, item)| {
            let operation = item.get(sent.method.to_lowercase())?;
            Some((operation, path_values(template, &sent.path)?))
        });
        fits.min_by_key(|(_, values)| values.len())
    }

    fn judge_parameters(&self, operation: &Value, sent: &Sent, path: &[(String, String)], faults: &mut Faults) {
        let query = nested(sent.query.as_bytes(), faults);
        let path: Map<String, Value> = path.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let declared = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (place, given) in [("path", &path), ("query", &query)] {
            let declared = || declared.iter().filter(|parameter| text(parameter, "in") == place);
            for (name, value) in given {
                match declared().find(|parameter| text(parameter, "name") == name) {
                    None => faults.push(format!("{place} has no `{name}`")),
                    Some(parameter) => self.judge_texts(&parameter["schema"], value, name, faults),
                }
            }
            for parameter in declared().filter(|parameter| parameter["required"] == true) {
                let name = text(parameter, "name");
                if !given.contains_key(name) {
                    faults.push(format!("{place} needs `{name}`"));
                }
            }
        }
    }

    fn judge_body(&self, operation: &Value, sent: &Sent, faults: &mut Faults) {
        let Some(content) = operation.get("requestBody").map(|body| &body["content"]) else {
            if !sent.body.is_empty() {
                faults.push("no body is expected".to_owned());
            }
            return;
        };
        let content_type = sent.content_type.as_deref().unwrap_or_default();
        let Some(schema) = content.get(content_type).map(|media| &media["schema"]) else {
            faults.push(format!("a body of type `{content_type}` is not expected"));
            return;
        };
        match content_type {
            "application/json" => match serde_json::from_slice(&sent.body) {
                Ok(body) => self.judge_value(schema, &body, "body", faults),
                Err(error) => faults.push(format!("the body is not JSON: {error}")),
            },
            "application/x-www-form-urlencoded" => self.judge_form(schema, &sent.body, faults),
            other => panic!("bodies of type `{other}` cannot be judged"),
        }
    }

    fn judge_form(&self, schema: &Value, body: &[u8], faults: &mut Faults) {
        let fields = nested(body, faults);
        for (name, value) in &fields {
            match schema["properties"].get(name) {
                None => faults.push(format!("the form has no `{name}`")),
                Some(schema) => self.judge_texts(schema, value, name, faults),
            }
        }
        for name in required(schema).filter(|name| !fields.contains_key(*name)) {
            faults.push(format!("the form needs `{name}`"));
        }
    }

    /// A value written as texts: what a form, a query or a path can hold.
    fn judge_texts(&self, schema: &Value, value: &Value, at: &str, faults: &mut Faults) {
        self.judge_value(schema, &self.typed(schema, value), at, faults);
    }

    /// Texts as what the schema says they are; what cannot be that is left as it is.
    fn typed(&self, schema: &Value, value: &Value) -> Value {
        let schema = self.resolved(schema);
        if let Some(variants) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
            let typed = variants.iter().map(|variant| (variant, self.typed(variant, value)));
            let fits = |(variant, typed): &(&Value, Value)| {
                let mut faults = Faults::new();
                self.judge_value(variant, typed, "", &mut faults);
                faults.is_empty()
            };
            return typed.into_iter().find(fits).map_or(value.clone(), |(_, typed)| typed);
        }
        match (text(schema, "type"), value) {
            ("integer" | "number" | "boolean", Value::String(text)) => {
                serde_json::from_str(text).unwrap_or_else(|_| value.clone())
            }
            ("array", Value::Object(entries)) => {
                let entries = (0..entries.len()).map(|n| entries.get(&n.to_string()));
                let typed = entries.map(|entry| Some(self.typed(&schema["items"], entry?)));
                typed.collect::<Option<Vec<_>>>().map_or(value.clone(), Value::Array)
            }
            ("object", Value::Object(fields)) => {
                let typed =
                    |(name, value): (&String, &Value)| (name.clone(), self.typed(&schema["properties"][name], value));
                fields.iter().map(typed).collect()
            }
            _ => value.clone(),
        }
    }

    fn judge_value(&self, schema: &Value, value: &Value, at: &str, faults: &mut Faults) {
        let schema = self.resolved(schema);
        for (keyword, rule) in schema.as_object().unwrap() {
            let kept = match keyword.as_str() {
                "type" => is_of_type(value, rule.as_str().unwrap()),
                "enum" => rule.as_array().unwrap().contains(value),
                "const" => value == rule,
                "pattern" => {
                    value.as_str().is_none_or(|text| Regex::new(rule.as_str().unwrap()).unwrap().is_match(text))
                }
                "format" => value.as_str().is_none_or(|text| has_format(text, rule.as_str().unwrap())),
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
                "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "required" => required(schema).all(|name| value.get(name).is_some()),
                "properties" => {
                    self.judge_properties(rule.as_object().unwrap(), schema, value, at, faults);
                    true
                }
                "allOf" => {
                    rule.as_array().unwrap().iter().for_each(|schema| self.judge_value(schema, value, at, faults));
                    true
                }
                "oneOf" | "anyOf" => {
                    self.judge_variants(rule.as_array().unwrap(), schema, value, at, faults);
                    true
                }
                "items" => {
                    for (n, value) in value.as_array().into_iter().flatten().enumerate() {
                        self.judge_value(rule, value, &format!("{at}[{n}]"), faults);
                    }
                    true
                }
                "additionalProperties" => {
                    let known = &schema["properties"];
                    let others = value.as_object().into_iter().flatten().filter(|(name, _)| known.get(name).is_none());
                    let others: Vec<_> = others.filter(|_| rule.is_object()).collect();
                    for (name, value) in others {
                        self.judge_value(rule, value, &format!("{at}.{name}"), faults);
                    }
                    true
                }
                "discriminator" => true,
                word if WORDS.contains(&word) => true,
                unknown => panic!("`{unknown}` at {at} cannot be judged"),
            };
            if !kept {
                faults.push(format!("{at} is {value}, against {keyword} {rule}"));
            }
        }
    }

    fn judge_properties(
        &self,
        known: &Map<String, Value>,
        schema: &Value,
        value: &Value,
        at: &str,
        faults: &mut Faults,
    ) {
        for (name, value) in value.as_object().into_iter().flatten() {
            match known.get(name) {
                Some(schema) => self.judge_value(schema, value, &format!("{at}.{name}"), faults),
                None if schema["additionalProperties"] == true || schema["additionalProperties"].is_object() => {}
                None => faults.push(format!("{at} has no `{name}`")),
            }
        }
    }

    /// The variant its discriminator names, or any that fits.
    fn judge_variants(&self, variants: &[Value], schema: &Value, value: &Value, at: &str, faults: &mut Faults) {
        if let Some(discriminator) = schema.get("discriminator") {
            let named = &value[text(discriminator, "propertyName")];
            match named.as_str().and_then(|name| discriminator["mapping"][name].as_str()) {
                Some(reference) => self.judge_value(self.referred(reference), value, at, faults),
                None => faults.push(format!("{at} has no variant {named}")),
            }
            return;
        }
        let fits = |variant: &&Value| {
            let mut faults = Faults::new();
            self.judge_value(variant, value, at, &mut faults);
            faults.is_empty()
        };
        if variants.iter().find(fits).is_none() {
            faults.push(format!("{at} is {value}, which fits no variant"));
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        schema["$ref"].as_str().map_or(schema, |reference| self.resolved(self.referred(reference)))
    }

    fn referred(&self, reference: &str) -> &Value {
        self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap()
    }
}

/// A form's or a query's texts as its brackets nest them: `a[b][0]=c`, and `a[]=c` for the next of a list. Lists are objects
/// with numbers for names.
fn nested(encoded: &[u8], faults: &mut Faults) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let parts: Vec<&str> = name.split('[').map(|part| part.strip_suffix(']').unwrap_or(part)).collect();
        let (last, outer) = parts.split_last().unwrap();
        let place = outer.iter().try_fold(&mut fields, |fields, part| {
            fields.entry(*part).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
        });
        let taken = place.is_none_or(|place| {
            let last = if last.is_empty() { place.len().to_string() } else { (*last).to_owned() };
            place.insert(last, value.as_ref().into()).is_some()
        });
        if taken {
            faults.push(format!("`{name}` is given twice"));
        }
    }
    fields
}

/// The values of a template's `{names}`, when the path fits it. A part may go on after its name: `{Sid}.json`.
fn path_values(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (parts, given): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    if parts.len() != given.len() {
        return None;
    }
    let mut values = Vec::new();
    for (part, given) in parts.into_iter().zip(given) {
        match part.strip_prefix('{').and_then(|part| part.split_once('}')) {
            None if part == given => {}
            None => return None,
            Some((name, rest)) => values.push((name.to_owned(), given.strip_suffix(rest)?.to_owned())),
        }
    }
    Some(values)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("type `{other}` cannot be judged"),
    }
}

fn has_format(text: &str, name: &str) -> bool {
    match name {
        "uri" => reqwest::Url::parse(text).is_ok(),
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        // An endpoint may be other things than a number; those we send are numbers.
        "phone-number" | "endpoint" => text.parse::<E164>().is_ok(),
        "twiml" => {
            roxmltree::Document::parse(text).is_ok_and(|document| document.root_element().has_tag_name("Response"))
        }
        "http-method" => matches!(text, "GET" | "POST"),
        "iso-country-code" => text.len() == 2,
        "uuid" => text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()),
        other => panic!("format `{other}` cannot be judged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> OpenApi {
        OpenApi::new(json!({
            "paths": {
                "/things/{Id}.json": {"post": {
                    "operationId": "change",
                    "parameters": [
                        {"name": "Id", "in": "path", "required": true, "schema": {"type": "string", "pattern": "^T[0-9]+$"}},
                        {"name": "Size", "in": "query", "schema": {"type": "integer", "maximum": 10}}
                    ],
                    "requestBody": {"content": {
                        "application/x-www-form-urlencoded": {"schema": {
                            "type": "object", "required": ["Name"],
                            "properties": {
                                "Name": {"type": "string", "maxLength": 3}, "Number": {"type": "string", "format": "phone-number"},
                                "Lines": {"type": "array", "items": {"type": "object", "required": ["N"], "properties": {"N": {"type": "integer"}}}},
                                "Marks": {"type": "object", "additionalProperties": {"type": "string"}},
                                "When": {"anyOf": [{"type": "object", "properties": {"From": {"type": "integer"}}}, {"type": "boolean"}]}
                            }
                        }},
                        "application/json": {"schema": {
                            "oneOf": [{"$ref": "#/components/A"}],
                            "discriminator": {"propertyName": "kind", "mapping": {"a": "#/components/A"}}
                        }}
                    }}
                }},
                "/things/all.json": {"get": {"operationId": "list"}}
            },
            "components": {"A": {
                "type": "object", "required": ["kind", "list"],
                "properties": {
                    "kind": {"type": "string", "enum": ["a"]}, "list": {"type": "object"}, "mark": {"const": "m"},
                    "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]}
                }
            }}
        }))
    }

    #[test]
    fn a_request_against_the_document_is_caught() {
        let check = |method: &str, path: &str, content_type: Option<&str>, body: &str, expected: Result<&str, &str>| {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let sent = Sent {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                content_type: content_type.map(str::to_owned),
                authorization: String::new(),
                api_key: String::new(),
                body: body.as_bytes().to_vec(),
            };
            match (document().judge(&sent), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => {
                    assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}: {found:?}");
                }
                (found, expected) => panic!("{method} {path} {body}: {found:?}, not {expected:?}"),
            }
        };
        let form = Some("application/x-www-form-urlencoded");
        let json = Some("application/json");
        check("GET", "/things/all.json", None, "", Ok("list"));
        check("GET", "/things/all.json", None, "x", Err("no body"));
        check("GET", "/things/all.json?Size=1", None, "", Err("query has no `Size`"));
        check("PUT", "/things/all.json", None, "", Err("no such operation"));
        check("POST", "/things/T1.json?Size=3", form, "Name=abc&Number=%2B14155550123", Ok("change"));
        check("POST", "/things/X.json", form, "Name=abc", Err("pattern"));
        check("POST", "/things/T1.json?Size=11", form, "Name=abc", Err("maximum"));
        check("POST", "/things/T1.json?Size=x", form, "Name=abc", Err("type"));
        check("POST", "/things/T1.json", form, "Number=%2B14155550123", Err("needs `Name`"));
        check("POST", "/things/T1.json", form, "Name=abcd", Err("maxLength"));
        check("POST", "/things/T1.json", form, "Name=abc&name=abc", Err("the form has no `name`"));
        check("POST", "/things/T1.json", form, "Name=abc&Number=+14155550123", Err("format"));
        check("POST", "/things/T1.json", form, "Name=abc&Name=abc", Err("given twice"));
        check("POST", "/things/T1.json", form, "Name=a&Lines[0][N]=1&Lines%5B1%5D%5BN%5D=2&Marks[x]=y", Ok("change"));
        check("POST", "/things/T1.json", form, "Name=a&Lines[][N]=1", Err("Lines"));
        check("POST", "/things/T1.json", form, "Name=a&Lines[0][N]=x", Err("Lines[0].N is \"x\", against type"));
        check("POST", "/things/T1.json", form, "Name=a&Lines[0][M]=1", Err("Lines[0] has no `M`"));
        check("POST", "/things/T1.json", form, "Name=a&Lines[1][N]=1", Err("Lines"));
        check("POST", "/things/T1.json", form, "Name=a&Lines=1", Err("Lines"));
        check("POST", "/things/T1.json", form, "Name=a&Marks[x][y]=1", Err("Marks.x"));
        check("POST", "/things/T1.json", form, "Name=a&When[From]=1", Ok("change"));
        check("POST", "/things/T1.json", form, "Name=a&When=true", Ok("change"));
        check("POST", "/things/T1.json", form, "Name=a&When[To]=1", Err("fits no variant"));
        check("POST", "/things/T1.json", Some("text/plain"), "Name=abc", Err("text/plain"));
        check("POST", "/things/T1.json", json, r#"{"kind":"a","list":{"free":1}}"#, Ok("change"));
        check("POST", "/things/T1.json", json, r#"{"kind":"b","list":{}}"#, Err("no variant"));
        check("POST", "/things/T1.json", json, r#"{"kind":"a"}"#, Err("required"));
        check("POST", "/things/T1.json", json, r#"{"kind":"a","list":{},"mark":"m","maybe":null}"#, Ok("change"));
        check(
            "POST",
            "/things/T1.json",
            json,
            r#"{"kind":"a","list":{},"mark":"n"}"#,
            Err("body.mark is \"n\", against const"),
        );
        check("POST", "/things/T1.json", json, r#"{"kind":"a","list":{},"maybe":"x"}"#, Err("fits no variant"));
        check("POST", "/things/T1.json", json, r#"{"kind":"a","list":{},"lits":1}"#, Err("has no `lits`"));
    }
}
