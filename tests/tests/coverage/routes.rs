//! Routes are the same wherever they are written, and the template gives each function what its code asks for.

use std::collections::{BTreeMap, BTreeSet};

use local::functions::{all, by_function};
use serde_json::Value;
use shared::http::Access;
use store::table::INDEXES;
use store::{keys, table};

use crate::{document, files, template};

/// Settings the template may leave out: they point a program at something else than the real third parties.
const ELSEWHERE: [&str; 8] = [
    "ELEVENLABS_BASE_URL",
    "NETGSM_BASE_URL",
    "RETELL_BASE_URL",
    "STRIPE_BASE_URL",
    "TWILIO_API_BASE_URL",
    "TWILIO_PRICING_BASE_URL",
    "VAPI_BASE_URL",
    "VAPI_SIP_DOMAIN",
];
/// Settings that Lambda itself makes: where a function runs, and as whom.
const BY_LAMBDA: [&str; 4] = ["AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// Settings that libraries read by themselves: where the root certificates are.
const BY_LIBRARIES: [&str; 1] = ["SSL_CERT_FILE"];

/// `GET /v1/numbers list-numbers` for every route in code.
fn in_code() -> Vec<String> {
    let lines = |(name, routes): (&str, shared::http::Routes)| {
        let line = |route: &shared::http::routes::Route| format!("{} {} {name}", route.method, route.path);
        routes.list.iter().map(line).collect::<Vec<_>>()
    };
    by_function().into_iter().flat_map(lines).collect()
}

#[test]
fn every_function_with_routes_is_known_and_serves_one() {
    let has_routes = |name: &String| files::read(&format!("functions/{name}/src/lib.rs")).contains("pub fn routes()");
    let known = by_function();
    files::same(
        ("functions/", files::list("functions").into_iter().filter(has_routes)),
        ("tests/src/routes.rs", known.iter().map(|(name, _)| (*name).to_owned())),
    );
    files::none(
        "functions with several routes",
        known.iter().filter(|(_, r)| r.list.len() != 1).map(|(n, _)| (*n).into()),
    );
    assert_eq!(all().list.len(), in_code().iter().collect::<BTreeSet<_>>().len(), "a route is served twice");
}

#[test]
fn the_template_has_the_routes_of_the_code() {
    let lines = |function: template::Function| {
        let line = |route: template::Route| format!("{} {} {}", route.method, route.path, function.name);
        function.routes().into_iter().map(line).collect::<Vec<_>>()
    };
    let templated = template::functions(&template::read()).into_iter().flat_map(lines);
    files::same(("code", in_code()), ("template.yaml", templated));
}

#[test]
fn the_template_asks_for_a_token_where_the_code_does() {
    let demands: BTreeMap<String, bool> = all()
        .list
        .iter()
        .map(|route| (format!("{} {}", route.method, route.path), route.access != Access::Public))
        .collect();
    let routes = template::functions(&template::read()).into_iter().flat_map(|function| function.routes());
    let wrong = routes.filter(|route| demands.get(&format!("{} {}", route.method, route.path)) != Some(&route.token));
    files::none("routes whose authorizer is wrong", wrong.map(|route| format!("{} {}", route.method, route.path)));
}

#[test]
fn the_document_has_the_routes_and_roles_of_the_code() {
    let lines = |(name, routes): (&str, shared::http::Routes)| {
        let line = |route: &shared::http::routes::Route| {
            format!("{} {} {name} {}", route.method, route.path, role(route.access))
        };
        routes.list.iter().map(line).collect::<Vec<_>>()
    };
    let documented = document::operations().into_iter().map(|operation| {
        let (id, role) = (&operation.value["operationId"], operation.value["x-role"].as_str().unwrap_or("nobody"));
        let token = operation.value["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert_eq!(token, role != "nobody", "{} {}", operation.method, operation.path);
        format!("{} {} {} {role}", operation.method, operation.path, id.as_str().unwrap_or_default())
    });
    files::same(("code", by_function().into_iter().flat_map(lines)), ("the document", documented));
    let listed = shared::openapi::operations().into_iter().map(|(method, path)| format!("{method} {path}"));
    files::same(
        ("openapi::operations()", listed),
        ("code", all().list.iter().map(|route| format!("{} {}", route.method, route.path))),
    );
}

fn role(access: Access) -> String {
    let role = match access {
        Access::Public => return "nobody".into(),
        Access::Tenant(role) | Access::OperatorOrTenant(role) => role,
        Access::Operator => shared::domain::tenant::Role::Operator,
    };
    serde_json::to_value(role).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn cargo_lambda_watch_serves_the_routes_of_the_code() {
    let manifest: toml::Table = files::read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table().expect("a router");
    // A path with one function has no method there: it stands for whatever the code says.
    let anything: BTreeMap<&str, Vec<String>> = all().list.iter().fold(BTreeMap::new(), |mut methods, route| {
        methods.entry(route.path).or_insert_with(Vec::new).push(route.method.to_string());
        methods
    });
    let routed = router.iter().flat_map(|(path, target)| match target {
        toml::Value::Array(several) => several
            .iter()
            .map(|one| format!("{} {path} {}", one["method"].as_str().unwrap(), one["function"].as_str().unwrap()))
            .collect::<Vec<_>>(),
        one => {
            let function = one.as_str().expect("a function's name");
            let methods = anything.get(path.as_str()).cloned().unwrap_or_else(|| vec!["ANY".into()]);
            methods.iter().map(|method| format!("{method} {path} {function}")).collect()
        }
    });
    files::same(("code", in_code()), ("Cargo.toml's router", routed));
}

#[test]
fn every_function_is_in_the_template_under_its_own_name() {
    let template = template::read();
    let functions = template::functions(&template);
    files::same(
        ("functions/", files::list("functions")),
        ("template.yaml", functions.iter().map(|function| function.name.clone())),
    );
    for template::Function { id, resource, name } in &functions {
        let properties = &resource["Properties"];
        assert_eq!(properties["CodeUri"], format!("functions/{name}"), "{id}");
        assert_eq!(properties["FunctionName"]["!Sub"], format!("trunkline-${{Deployment}}-{name}"), "{id}");
        assert!(properties["Events"].as_object().is_some_and(|events| !events.is_empty()), "{id} is never called");
    }
}

#[test]
fn every_function_has_a_sample_event_for_its_route() {
    let names = files::list("functions");
    files::same(("functions/", names.iter().map(|name| format!("{name}.json"))), ("events/", files::list("events")));
    for (name, routes) in by_function() {
        let event: Value =
            serde_json::from_str(&files::read(&format!("events/{name}.json"))).expect("an event is JSON");
        let route = &routes.list[0];
        let http = &event["requestContext"]["http"];
        assert_eq!(http["method"], route.method.as_str(), "{name}");
        assert_eq!(event["routeKey"], format!("{} {}", route.method, route.path), "{name}");
        assert_eq!(http["path"], event["rawPath"], "{name}");
        let raw = event["rawPath"].as_str().expect("rawPath");
        assert!(is_of(raw, route.path), "{name}: {raw} is not of {}", route.path);
        let claims = event["requestContext"]["authorizer"]["jwt"]["claims"].is_object();
        assert_eq!(claims, route.access != Access::Public, "{name}: claims");
    }
}

/// Whether a path is one of a route's.
fn is_of(path: &str, route: &str) -> bool {
    let (path, route): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), route.split('/').collect());
    let fits = |(part, wanted): (&&str, &&str)| part == wanted || (wanted.starts_with('{') && !part.is_empty());
    path.len() == route.len() && path.iter().zip(&route).all(fits)
}

#[test]
fn the_template_makes_the_table_the_store_expects() {
    let template = template::read();
    let [(_, table)] = &template::resources(&template, "AWS::DynamoDB::Table")[..] else { panic!("one table") };
    let properties = &table["Properties"];
    let line = |name: &str, pk: &str, sk: &str, whole: bool| {
        format!("{name}: {pk}, {sk}, {}", if whole { "ALL" } else { "KEYS_ONLY" })
    };
    let indexes = properties["GlobalSecondaryIndexes"].as_array().expect("indexes").iter().map(|index| {
        let (pk, sk) = schema(&index["KeySchema"]);
        let whole = index["Projection"]["ProjectionType"] == "ALL";
        assert!(whole || index["Projection"]["ProjectionType"] == "KEYS_ONLY");
        line(index["IndexName"].as_str().unwrap(), &pk, &sk, whole)
    });
    let expected = INDEXES.iter().map(|(name, pk, sk, whole)| line(name, pk, sk, *whole));
    files::same(("store::table", expected), ("template.yaml", indexes));
    assert_eq!(schema(&properties["KeySchema"]), (keys::PK.to_owned(), keys::SK.to_owned()));
    assert_eq!(properties["TimeToLiveSpecification"]["AttributeName"], keys::TTL);
    let attributes = properties["AttributeDefinitions"].as_array().expect("attributes").iter();
    let keys_used = table::INDEXES.iter().flat_map(|(_, pk, sk, _)| [*pk, *sk]).chain([keys::PK, keys::SK]);
    files::same(
        ("keys", keys_used.map(str::to_owned)),
        ("AttributeDefinitions", attributes.map(|attribute| attribute["AttributeName"].as_str().unwrap().to_owned())),
    );
}

fn schema(keys: &Value) -> (String, String) {
    let key = |n: usize, kind: &str| {
        assert_eq!(keys[n]["KeyType"], kind);
        keys[n]["AttributeName"].as_str().unwrap().to_owned()
    };
    (key(0, "HASH"), key(1, "RANGE"))
}

#[test]
fn the_template_sets_what_the_code_reads() {
    let template = template::read();
    let everywhere = template::variables(&template["Globals"]["Function"]);
    let own = template::functions(&template).iter().flat_map(template::Function::variables).collect::<Vec<_>>();
    let set: BTreeSet<String> = everywhere.into_iter().chain(own).collect();
    let read = settings_read();
    let not_set = [ELSEWHERE.as_slice(), BY_LAMBDA.as_slice()].concat();
    let by_code = set.into_iter().filter(|name| !BY_LIBRARIES.contains(&name.as_str()));
    files::same(
        ("template.yaml", by_code),
        ("shared/src/boot.rs", read.into_iter().filter(|name| !not_set.contains(&name.as_str()))),
    );
}

/// Names of settings in boot.rs: quoted, capitals and underscores.
fn settings_read() -> BTreeSet<String> {
    let source = files::read("shared/src/boot.rs");
    let quoted = source.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| text.len() > 2 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    quoted.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn a_function_may_use_exactly_what_it_is_told_of() {
    let template = template::read();
    let secrets = [
        ("NETGSM_SECRET", "NetgsmSecret"),
        ("TWILIO_SECRET", "TwilioSecret"),
        ("VAPI_SECRET", "VapiSecret"),
        ("SIP_SECRET", "SipSecret"),
        ("SEAL_SECRET", "SealSecret"),
        ("STRIPE_SECRET", "StripeSecret"),
    ];
    let queues = [("OPERATIONS_QUEUE_URL", "OperationsQueue"), ("CHARGES_QUEUE_URL", "ChargesQueue")];
    for function in template::functions(&template) {
        let (told, policies) = (function.variables(), function.policies(&template));
        let (text, sends) = (policies.to_string(), template::may_send_to(&policies));
        let opened = secrets.map(|(setting, secret)| (setting, secret, text.contains(&format!("\"{secret}\""))));
        let sent_to = queues.map(|(setting, queue)| (setting, queue, sends.iter().any(|it| it == queue)));
        for (setting, what, may) in opened.into_iter().chain(sent_to) {
            let told = told.iter().any(|name| name == setting);
            assert_eq!(told, may, "{}: {setting} is set, or {what} allowed, but not both", function.id);
        }
    }
}
