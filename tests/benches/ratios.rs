//! Times as ratios of interleaved runs, which hold on any machine: an incoming call against one bare read of the table, and
//! the cold start of its function against that of a function that does nothing.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use local::system::TABLE;
use serde_json::{Value, json};
use store::keys;
use tests::lambda::{Environment, Function, Outcome, binaries};
use tests::{Tenant, TestApp, template, twilio};

const CALLS: usize = 400;
const STARTS: usize = 25;
const WARM_UP: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    let agent = app.agent(&tenant, "Receptionist").await;
    let e164 = app.offers(&tenant, "212").await[0].clone();
    let body = json!({ "e164": e164, "agent_id": agent });
    let _ = app.post(&tenant, "/v1/numbers", "key", body).await.expect(201);

    let (read, call) = calls(&app, &tenant, &e164).await;
    say(&format!("one GetItem                      {read:>10.1?}"));
    say(&format!("an incoming call                 {call:>10.1?}   {:.2} of a GetItem", ratio(call, read)));

    let binary = binaries::build(&["-p", "incoming-call"]).join("incoming-call");
    let (hello, ours) = starts(&app, &binary, &tenant, &e164).await;
    say(&format!("cold start that does nothing     {hello:>10.1?}"));
    say(&format!("cold start and first call        {ours:>10.1?}   {:.2} of nothing", ratio(ours, hello)));
    let size = std::fs::metadata(&binary).expect("it was built").len();
    say(&format!("its binary in this profile       {:>7} KiB", size / 1024));
}

/// Medians of a read and of a call, over HTTP, through the same SDK and the same endpoint.
async fn calls(app: &TestApp, tenant: &Tenant, e164: &str) -> (Duration, Duration) {
    let (mut reads, mut calls) = (Vec::new(), Vec::new());
    let claim = keys::claim(&e164.parse().expect("a number"));
    let text = |text: &String| AttributeValue::S(text.clone());
    for n in 0..WARM_UP + CALLS {
        let begun = Instant::now();
        let get = app.system.table.get_item().table_name(TABLE).consistent_read(true);
        let get = get.key(keys::PK, text(&claim.pk)).key(keys::SK, text(&claim.sk));
        assert!(get.send().await.expect("a read").item.is_some());
        reads.push(begun.elapsed());

        let begun = Instant::now();
        let (status, document) = twilio::incoming_call(app, tenant, ("+14155550199", e164), &format!("CA{n}")).await;
        calls.push(begun.elapsed());
        assert!(status == 200 && document.contains("<Sip "), "{status} {document}");
    }
    (median(reads.split_off(WARM_UP)), median(calls.split_off(WARM_UP)))
}

/// Medians from starting a process to its first answer.
async fn starts(app: &TestApp, binary: &Path, tenant: &Tenant, e164: &str) -> (Duration, Duration) {
    let all = template::functions();
    let described = all.iter().find(|function| function.name == "incoming-call").expect("it is in the template");
    let (environment, hello_binary) = (Environment::of(described, app), Path::new(env!("CARGO_BIN_EXE_hello-lambda")));
    let time = Duration::from_secs(described.timeout_s);
    let (mut hellos, mut ours) = (Vec::new(), Vec::new());
    for n in 0..STARTS {
        let begun = Instant::now();
        let mut hello = Function::start(hello_binary, &Environment::none(), time).await;
        let answer = hello.invoke(&json!({})).await;
        hellos.push(begun.elapsed());
        assert_eq!(answer, Outcome::Answer(json!("hello")));
        hello.end().await;

        let event = event(app, tenant, e164, &format!("CB{n}"));
        let begun = Instant::now();
        let mut function = Function::start(binary, &environment, time).await;
        let answer = function.invoke(&event).await;
        ours.push(begun.elapsed());
        let document = matches!(&answer, Outcome::Answer(answer) if answer["body"].to_string().contains("<Sip "));
        assert!(document, "{answer:?}");
        function.end().await;
    }
    (median(hellos), median(ours))
}

/// The event of `events/`, for this tenant and number.
fn event(app: &TestApp, tenant: &Tenant, e164: &str, call_sid: &str) -> Value {
    let text = include_str!("../../events/incoming-call.json");
    let mut event: Value = serde_json::from_str(text).expect("JSON");
    let (url, form) =
        twilio::webhook(tests::lambda::function::PUBLIC_BASE_URL, tenant, ("+14155550199", e164), call_sid);
    let signature = twilio::sign(&app.system.simulators.twilio.auth_token, &url, &form);
    let encoded: Vec<String> =
        form.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
    event["rawQueryString"] = json!(format!("tenant={}", tenant.id));
    event["queryStringParameters"] = json!({ "tenant": tenant.id });
    event["headers"]["x-twilio-signature"] = json!(signature);
    event["body"] = json!(encoded.join("&"));
    event["isBase64Encoded"] = json!(false);
    event
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output");
}
