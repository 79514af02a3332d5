//! What template.yaml says of functions: settings, timeouts, and what each may do at the table.

use std::collections::BTreeMap;
use std::path::Path;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// A function of the template.
#[derive(Debug, Clone)]
pub struct Function {
    /// The crate it is built from.
    pub name: String,
    /// Seconds it may take.
    pub timeout_s: u64,
    /// Its settings, those of all functions among them, as the template writes them.
    pub variables: BTreeMap<String, Value>,
    /// What its policies let it do: `dynamodb:GetItem`, ….
    pub actions: Vec<String>,
}

/// All functions.
///
/// # Panics
/// When template.yaml is not what it should be.
#[must_use]
pub fn functions() -> Vec<Function> {
    let template = read();
    let globals = &template["Globals"]["Function"];
    let resources = template["Resources"].as_object().expect("Resources").values();
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let one = |resource: &Value| {
        let properties = &resource["Properties"];
        let own = |name: &str| if properties[name].is_null() { &globals[name] } else { &properties[name] };
        let role = properties["Role"]["!GetAtt"].as_str().and_then(|role| role.split('.').next());
        let mut actions = Vec::new();
        collect_actions(&properties["Policies"], &mut actions);
        collect_actions(&role.map_or(Value::Null, |role| template["Resources"][role].clone()), &mut actions);
        let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str().expect("names its Binary");
        let variables = [globals, properties].into_iter().filter_map(|of| of["Environment"]["Variables"].as_object());
        Function {
            name: name.to_owned(),
            timeout_s: own("Timeout").as_u64().expect("Timeout"),
            variables: variables.flatten().map(|(name, value)| (name.clone(), value.clone())).collect(),
            actions,
        }
    };
    functions.map(one).collect()
}

/// The default of a parameter.
///
/// # Panics
/// When template.yaml is not what it should be.
#[must_use]
pub fn parameter(name: &str) -> Option<String> {
    match &read()["Parameters"][name]["Default"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn collect_actions(policies: &Value, actions: &mut Vec<String>) {
    match policies {
        Value::Array(items) => items.iter().for_each(|item| collect_actions(item, actions)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("Action", Value::String(action)) => actions.push(action.clone()),
                    ("Action", Value::Array(several)) => {
                        actions.extend(several.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => collect_actions(value, actions),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The template as plain values. CloudFormation's short forms (`!Ref X`) become objects with the tag for a key.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let text = std::fs::read_to_string(path).expect("template.yaml");
    plain(&Yaml::load_from_str(&text).expect("YAML")[0])
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(yes)) => json!(yes),
        Yaml::Value(Scalar::Integer(n)) => json!(n),
        Yaml::Value(Scalar::FloatingPoint(n)) => json!(n.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let entry =
                |(key, value): (&Yaml<'_>, &Yaml<'_>)| (key.as_str().expect("keys are text").to_owned(), plain(value));
            Value::Object(entries.iter().map(entry).collect())
        }
        Yaml::Tagged(tag, value) => Value::Object(Map::from_iter([(format!("!{}", tag.suffix), plain(value))])),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => panic!("not plain YAML: {yaml:?}"),
    }
}
