//! What template.yaml says of functions and routes.

use serde_json::{Value, json};

pub(crate) use tests::template::read;

/// A function of the template.
pub(crate) struct Function {
    /// Its logical name.
    pub(crate) id: String,
    /// Everything of it.
    pub(crate) resource: Value,
    /// The crate it is built from.
    pub(crate) name: String,
}

/// One of its routes.
pub(crate) struct Route {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Whether the gateway asks for a token.
    pub(crate) token: bool,
}

/// Resources of a type, by logical name.
pub(crate) fn resources(template: &Value, kind: &str) -> Vec<(String, Value)> {
    let all = template["Resources"].as_object().expect("Resources").iter();
    all.filter(|(_, resource)| resource["Type"] == kind).map(|(id, found)| (id.clone(), found.clone())).collect()
}

pub(crate) fn functions(template: &Value) -> Vec<Function> {
    let named = |(id, resource): (String, Value)| {
        let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
        let name = name.unwrap_or_else(|| panic!("{id} names no Binary")).to_owned();
        Function { id, resource, name }
    };
    resources(template, "AWS::Serverless::Function").into_iter().map(named).collect()
}

impl Function {
    pub(crate) fn routes(&self) -> Vec<Route> {
        let events = self.resource["Properties"]["Events"].as_object().into_iter().flatten();
        let http = events.map(|(_, event)| event).filter(|event| event["Type"] == "HttpApi");
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{}: {value}", self.id)).to_owned();
        http.map(|event| &event["Properties"])
            .map(|route| Route {
                method: text(&route["Method"]).to_ascii_uppercase(),
                path: text(&route["Path"]),
                token: route["Auth"]["Authorizer"] != "NONE",
            })
            .collect()
    }

    /// Settings of this function alone.
    pub(crate) fn variables(&self) -> Vec<String> {
        variables(&self.resource["Properties"])
    }

    /// What it may do, with its role's policies if it has one of its own.
    pub(crate) fn policies(&self, template: &Value) -> Value {
        let properties = &self.resource["Properties"];
        let role = properties["Role"]["!GetAtt"].as_str().and_then(|role| role.split('.').next());
        let of_role = role.map(|role| template["Resources"][role]["Properties"]["Policies"].clone());
        json!([properties["Policies"], of_role])
    }
}

/// Queues to which these policies let a function send, by logical name.
pub(crate) fn may_send_to(policies: &Value) -> Vec<String> {
    match policies {
        Value::Object(statement) if statement.contains_key("Action") => {
            let sends = statement["Action"].as_array().is_some_and(|all| all.iter().any(|it| *it == "sqs:SendMessage"));
            let queue = statement["Resource"]["!GetAtt"].as_str().and_then(|arn| arn.strip_suffix(".Arn"));
            if sends { vec![queue.expect("one queue").to_owned()] } else { Vec::new() }
        }
        Value::Object(fields) => fields.values().flat_map(may_send_to).collect(),
        Value::Array(items) => items.iter().flat_map(may_send_to).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Names of the settings that properties of a function, or of all functions, set.
pub(crate) fn variables(properties: &Value) -> Vec<String> {
    properties["Environment"]["Variables"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}
