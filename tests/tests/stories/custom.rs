//! Numbers of a tenant's own carrier: taken in, answered by agents of every platform, let go, and nothing secret anywhere.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use local::system::TABLE;
use reqwest::Method;
use serde_json::{Value, json};
use tests::unseen::TRUNK_PASSWORD as PASSWORD;
use tests::{Answer, Tenant};

use crate::kit::{CALLER, FALLBACK, NUMBER, Story, list, word};

const IMPORT: &str = "/v1/numbers/import";
const PLATFORMS: [&str; 3] = ["vapi", "retell", "elevenlabs"];

/// What a tenant asks for: [`NUMBER`] at a carrier of its own, and more.
fn wish(more: Value) -> Value {
    let sip = json!({
        "host": "sip.example.com", "port": 5060, "transport": "tcp", "username": "line-1", "password": PASSWORD,
        "signalling_cidrs": ["203.0.113.0/28"],
    });
    let mut request = json!({ "carrier": "custom", "e164": NUMBER, "sip": sip });
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    request
}

async fn import(story: &Story, key: &str, more: Value) -> Answer {
    story.app.post(&story.tenant, IMPORT, key, wish(more)).await
}

async fn agent(story: &Story, platform: &str, name: &str) -> String {
    let request = json!({ "name": name, "platform": platform, "number": false });
    story.app.post(&story.tenant, "/v1/agents", name, request).await.expect(201).text("/agent/id")
}

/// The numbers a platform knows, each with the agent that answers.
async fn there(story: &Story, platform: &str) -> Vec<(String, String)> {
    let numbers = list(&story.app.state(platform).await, "numbers");
    numbers.iter().map(|number| (word(number, "/e164"), word(number, "/agent"))).collect()
}

/// The platform knows [`NUMBER`] once, and this agent answers.
async fn answered_by(story: &Story, platform: &str, agent: &str) {
    let at_platform = story.get(&format!("/v1/agents/{agent}")).await.expect(200).text("/platform_agent_id");
    assert_eq!(there(story, platform).await, [(NUMBER.to_owned(), at_platform)], "{platform}");
    story.app.verify().await;
}

fn steps(answer: &Answer) -> Vec<String> {
    list(&answer.body["operation"], "steps").iter().map(|step| word(step, "/name")).collect()
}

/// Nobody asked the carriers we have accounts at for anything.
async fn no_carrier_was_asked(story: &Story) {
    for carrier in ["twilio", "netgsm"] {
        assert_eq!(list(&story.app.state(carrier).await, "requests"), Vec::<Value>::new(), "{carrier}");
    }
}

#[tokio::test]
async fn a_whole_life_on_every_platform() {
    for platform in PLATFORMS {
        let story = Story::begin("PRO", "10.00").await;
        let [first, second] = [agent(&story, platform, "First").await, agent(&story, platform, "Second").await];
        let more = json!({ "agent_id": first, "name": "Front desk", "fallback": FALLBACK });
        let taken = import(&story, "mine", more.clone()).await.expect(201);
        assert_eq!(steps(&taken), ["connect"], "{platform}");
        let id = taken.text("/number/id");
        let number = story.number(&id).await;
        assert_eq!(number, taken.body["number"], "{platform}");
        for (pointer, expected) in [
            ("/status", "active"),
            ("/carrier", "custom"),
            ("/type", "local"),
            ("/country", "US"),
            ("/name", "Front desk"),
            ("/price/amount", "0.00"),
            ("/link/status", "linked"),
            ("/link/method", "direct"),
        ] {
            assert_eq!(word(&number, pointer), expected, "{platform}: {pointer}");
        }
        let shown = json!({
            "host": "sip.example.com", "port": 5060, "transport": "tcp", "username": "line-1", "register": false,
            "signalling_cidrs": ["203.0.113.0/28"],
        });
        assert_eq!(number["sip"], shown);
        answered_by(&story, platform, &first).await;
        // The same request again answers the same, and does nothing.
        assert_eq!(import(&story, "mine", more).await.expect(201).body, taken.body, "{platform}");

        // Minutes cost what they cost for any number.
        let call = format!("/v1/numbers/{id}/test-call");
        let _ = story.app.post(&story.tenant, &call, "ring me", json!({ "to": CALLER })).await.expect(201);
        let _ = story.app.drain().await.expect(200);
        assert_eq!(story.app.wallet(&story.tenant).await.0, "9.98", "{platform}");

        let linked = story.link(&id, &second).await.expect(200);
        assert_eq!(linked.text("/number/agent_id"), second);
        answered_by(&story, platform, &second).await;
        assert_eq!(steps(&story.unlink(&id).await.expect(200)), ["disconnect"], "{platform}");
        assert_eq!(there(&story, platform).await, []);
        let _ = story.link(&id, &first).await.expect(200);
        answered_by(&story, platform, &first).await;

        // It costs nothing, however long, and no price is announced for it.
        let _ = story.app.advance("P70D").await;
        let number = story.number(&id).await;
        assert_eq!((word(&number, "/status").as_str(), &number["price_change"]), ("active", &Value::Null));
        assert_eq!(story.app.wallet(&story.tenant).await.0, "9.98", "{platform}");
        let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
        assert_eq!(run.body["findings"], json!([]), "{platform}");
        story.app.verify().await;

        assert_eq!(steps(&story.release(&id).await.expect(200)), ["disconnect"], "{platform}");
        assert_eq!(there(&story, platform).await, []);
        assert_eq!(word(&story.number(&id).await, "/status"), "released");
        story.app.verify().await;
        // The tenant may bring it again.
        let again = import(&story, "again", json!({})).await.expect(201);
        assert_eq!(steps(&again), Vec::<String>::new());
        let _ = story.release(&again.text("/number/id")).await.expect(200);
        story.app.verify().await;
    }
}

#[tokio::test]
async fn nothing_is_asked_of_a_carrier_and_nothing_is_owed() {
    // Without a cent, and while others cannot be paid for.
    let story = Story::begin("PRO", "0").await;
    let taken = import(&story, "mine", json!({})).await.expect(201);
    let id = taken.text("/number/id");
    let _ = story.app.local("jobs/renewals", Some(json!({}))).await;
    let _ = story.app.advance("P100D").await;
    assert_eq!(word(&story.number(&id).await, "/status"), "active");
    let _ = story.release(&id).await.expect(200);
    story.app.verify().await;
    let requests = list(&story.app.state("twilio").await, "requests");
    let about_it: Vec<_> = requests.iter().filter(|request| request.to_string().contains(&NUMBER[1..])).collect();
    assert!(about_it.is_empty(), "{about_it:?}");
}

#[tokio::test]
async fn a_number_of_a_country_we_sell_nothing_in_is_international() {
    let story = Story::begin("PRO", "10.00").await;
    let taken = import(&story, "mine", json!({ "e164": "+4930123456" })).await.expect(201);
    assert_eq!((taken.text("/number/type"), taken.text("/number/country")), ("international".into(), "ZZ".into()));
    no_carrier_was_asked(&story).await;
    let _ = story.app.advance("P40D").await;
    assert_eq!(word(&story.number(&taken.text("/number/id")).await, "/status"), "active");
    story.app.verify().await;
}

#[tokio::test]
async fn a_lost_reply_from_the_platform_makes_the_number_known_once() {
    for platform in PLATFORMS {
        for fault in ["lost_reply", "timeout"] {
            let story = Story::begin("PRO", "10.00").await;
            let first = agent(&story, platform, "First").await;
            story.fault(platform, "numbers.create", fault, 1).await;
            let answer = import(&story, "mine", json!({ "agent_id": first })).await;
            assert!([201, 202].contains(&answer.status.as_u16()), "{platform} {fault}: {}", answer.body);
            let _ = story.app.advance("PT2H").await;
            answered_by(&story, platform, &first).await;
            let number = list(&story.get("/v1/numbers").await.expect(200).body, "items").remove(0);
            assert_eq!(word(&number, "/link/status"), "linked", "{platform} {fault}");
        }
    }
}

#[tokio::test]
async fn a_platform_that_refuses_leaves_the_number_without_an_agent_or_nothing_at_all() {
    for platform in PLATFORMS {
        for all_or_nothing in [false, true] {
            let story = Story::begin("PRO", "10.00").await;
            let first = agent(&story, platform, "First").await;
            story.refusal(platform, "numbers.create", 400, None).await;
            let more = json!({ "agent_id": first, "all_or_nothing": all_or_nothing });
            let answer = import(&story, "mine", more).await;
            if all_or_nothing {
                assert_eq!(answer.expect(503).code(), "platform_unavailable");
            } else {
                assert_eq!(answer.expect(201).text("/number/link/status"), "failed");
            }
            assert_eq!(there(&story, platform).await, [], "{platform}");
            story.app.verify().await;
        }
    }
}

#[tokio::test]
async fn of_two_tenants_at_once_one_has_it() {
    let story = Story::begin("PRO", "10.00").await;
    let other = story.app.tenant("PRO", "10.00").await;
    let (mine, theirs) = tokio::join!(
        story.app.post(&story.tenant, IMPORT, "mine", wish(json!({}))),
        story.app.post(&other, IMPORT, "theirs", wish(json!({}))),
    );
    let mut answers = [(mine.status.as_u16(), mine.code()), (theirs.status.as_u16(), theirs.code())];
    answers.sort_unstable();
    assert_eq!(answers, [(201, ""), (409, "number_unavailable")]);
    story.app.verify().await;
    // One that somebody holds is nobody else's, whoever sold it.
    let (story, _) = Story::with_a_number().await;
    let other = story.app.tenant("PRO", "10.00").await;
    for tenant in [&story.tenant, &other] {
        let refused = story.app.post(tenant, IMPORT, "mine", wish(json!({}))).await;
        assert_eq!(refused.expect(409).code(), "number_unavailable");
    }
    story.app.verify().await;
}

#[tokio::test]
async fn what_registers_goes_to_the_platform_that_registers() {
    for platform in PLATFORMS {
        let story = Story::begin("PRO", "10.00").await;
        let first = agent(&story, platform, "First").await;
        let mut request = wish(json!({ "agent_id": first }));
        request["sip"]["register"] = json!(true);
        let answer = story.app.post(&story.tenant, IMPORT, "mine", request.clone()).await;
        if platform == "vapi" {
            let _ = answer.expect(201);
            answered_by(&story, platform, &first).await;
            continue;
        }
        assert_eq!(answer.expect(422).code(), "platform_unsupported", "{platform}");
        request.as_object_mut().unwrap().remove("agent_id");
        let taken = story.app.post(&story.tenant, IMPORT, "alone", request).await.expect(201);
        let refused = story.link(&taken.text("/number/id"), &first).await;
        assert_eq!(refused.expect(422).code(), "platform_unsupported", "{platform}");
        assert_eq!(there(&story, platform).await, []);
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_its_field_and_leaves_nothing() {
    let story = Story::begin("PRO", "10.00").await;
    let check = async |sip: Value, field: &str| {
        let mut request = wish(json!({}));
        for (name, value) in sip.as_object().into_iter().flatten() {
            request["sip"][name] = value.clone();
        }
        let refused = story.app.post(&story.tenant, IMPORT, "bad", request).await.expect(400);
        let told = (refused.code(), refused.text("/errors/0/field"));
        assert_eq!(told, ("invalid_request", field.to_owned()), "{sip}");
        assert!(!refused.body.to_string().contains(PASSWORD) && !refused.body.to_string().contains("5551234"));
    };
    check(json!({ "host": "https://sip.example.com" }), "sip.host").await;
    check(json!({ "host": "sip.example.com/path" }), "sip.host").await;
    check(json!({ "host": null }), "sip.host").await;
    check(json!({ "port": 0 }), "sip.port").await;
    check(json!({ "port": 65536 }), "sip.port").await;
    check(json!({ "port": "5060" }), "sip.port").await;
    check(json!({ "transport": "sctp" }), "sip.transport").await;
    check(json!({ "username": null }), "sip.username").await;
    check(json!({ "password": null }), "sip.password").await;
    check(json!({ "password": 5_551_234 }), "sip.password").await;
    check(json!({ "password": "x".repeat(101) }), "sip.password").await;
    check(json!({ "register": true, "username": null, "password": null }), "sip.register").await;
    check(json!({ "signalling_cidrs": ["203.0.113.1/28"] }), "sip.signalling_cidrs").await;
    check(json!({ "signalling_cidrs": vec!["203.0.113.0/28"; 21] }), "sip.signalling_cidrs").await;
    let member = story.app.token(&story.tenant, "member", None).await;
    let refused = story.app.post(&member, IMPORT, "member", wish(json!({}))).await;
    assert_eq!(refused.expect(403).code(), "forbidden");
    let for_another = import(&story, "another", json!({ "tenant_id": "ten_other" })).await;
    assert_eq!(for_another.expect(400).text("/errors/0/field"), "tenant_id");
    let preview = story.app.post(&story.tenant, &format!("{IMPORT}?dry_run=true"), "dry", wish(json!({}))).await;
    assert_eq!(preview.expect(200).text("/would/carrier"), "custom");
    assert_eq!(list(&story.get("/v1/numbers").await.expect(200).body, "items"), Vec::<Value>::new());
    story.app.verify().await;
}

/// The keys a deployment has now.
fn keys(story: &Story, current: &str, ids: &[&str]) {
    let keys: serde_json::Map<String, Value> =
        ids.iter().map(|id| ((*id).to_owned(), json!(format!("{id}: a key of 32 characters or more")))).collect();
    let secret = json!({ "current": current, "keys": keys });
    story.app.system.aws.secrets.put("trunkline/local/seal", &secret.to_string());
    // As if it had been read too long ago.
    story.app.system.app.providers.credentials_refused();
}

#[tokio::test]
async fn a_password_that_an_older_key_sealed_is_still_told_to_the_platform() {
    let story = Story::begin("PRO", "10.00").await;
    keys(&story, "a", &["a"]);
    let taken = import(&story, "mine", json!({})).await.expect(201);
    let first = agent(&story, "vapi", "First").await;
    keys(&story, "b", &["a", "b"]);
    let _ = story.link(&taken.text("/number/id"), &first).await.expect(200);
    answered_by(&story, "vapi", &first).await;
    // Once its key is gone nobody is told anything.
    let _ = story.unlink(&taken.text("/number/id")).await.expect(200);
    keys(&story, "b", &["b"]);
    let refused = story.link(&taken.text("/number/id"), &first).await;
    assert!(!refused.status.is_success() || refused.status.as_u16() == 202, "{}", refused.body);
    assert_eq!(there(&story, "vapi").await, []);
}

/// Everything that is logged in this thread, in which a test's whole system runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a text stands in any file of this folder whose name begins so.
fn written(folder: &Path, name: &str, text: &str) -> bool {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let of_it = files.filter(|file| file.file_name().to_str().is_some_and(|found| found.starts_with(name)));
    of_it.map(|file| std::fs::read(file.path()).unwrap()).any(|bytes| holds(&bytes, text))
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Everything a tenant and an operator can read of it.
async fn everything(story: &Story, operator: &Tenant, id: &str) -> String {
    let mut all = String::new();
    for path in ["/v1/numbers", &format!("/v1/numbers/{id}"), "/v1/operations", "/v1/wallet/entries", "/v1/agents"] {
        all += &story.get(path).await.body.to_string();
    }
    for path in ["/v1/operator/operations", "/v1/operator/audit", "/v1/operator/tenants"] {
        all += &story.app.get(operator, path).await.body.to_string();
    }
    let events = story.app.local(&format!("events?tenant={}", story.tenant.id), None).await.expect(200);
    all + &events.body.to_string()
}

#[tokio::test]
async fn nothing_secret_is_anywhere_but_at_the_platforms() {
    let log = Log::default();
    let written_to = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(move || written_to.clone()).finish());
    let folder = std::env::temp_dir().join(format!("trunkline-secret-{}", std::process::id()));
    let story = Story::kept_in(&folder, 7).await;
    let operator = story.app.operator().await;
    let mut said = String::new();
    for (n, platform) in PLATFORMS.into_iter().enumerate() {
        let [first, second] = ["First", "Second"].map(|name| format!("{name} at {platform}"));
        let [first, second] = [agent(&story, platform, &first).await, agent(&story, platform, &second).await];
        // Refused, lost, and made.
        story.refusal(platform, "numbers.create", 400, None).await;
        let taken = import(&story, &format!("taken {n}"), json!({ "agent_id": first })).await.expect(201);
        let id = taken.text("/number/id");
        story.fault(platform, "numbers.create", "lost_reply", 1).await;
        let linked = story.link(&id, &first).await;
        let _ = story.app.advance("PT1H").await;
        let relinked = story.link(&id, &second).await;
        let unlinked = story.unlink(&id).await;
        story.refusal(platform, "numbers.create", 422, None).await;
        let failed = story.link(&id, &first).await;
        let last = story.link(&id, &first).await;
        said += &everything(&story, &operator, &id).await;
        let released = story.release(&id).await;
        said += &everything(&story, &operator, &id).await;
        for answer in [taken, linked, relinked, unlinked, failed, last, released] {
            said += &format!("{:?} {}", answer.headers, answer.body);
        }
    }
    // A request that ends in a refusal of ours, and one that cannot be read.
    said += &import(&story, "bad", json!({ "e164": "nothing" })).await.body.to_string();
    let unread = format!("{{\"carrier\":\"custom\",\"sip\":{{\"password\":\"{PASSWORD}\",\"host\":5}}}}");
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "unread")];
    let token = &story.tenant.token;
    said += &crate::kit::raw(&story.app, Method::POST, IMPORT, token, &headers, unread.into()).await.body.to_string();
    let _ = story.app.advance("P1D").await;
    story.app.verify().await;

    assert!(said.contains("line-1") && !said.contains(PASSWORD), "an answer or an event shows it");
    let items = story.app.system.table.scan().table_name(TABLE).send().await.unwrap().items.unwrap_or_default();
    let items = format!("{items:?}");
    assert!(items.contains("ciphertext") && !items.contains(PASSWORD), "an item shows it");
    let lines = log.0.lock().unwrap().clone();
    assert!(holds(&lines, "a third party did not do a step") && !holds(&lines, PASSWORD), "a log line shows it");
    // What is deleted stands in a file until it is written over.
    for (name, there) in [("simulators.sqlite", true), ("dynamodb.sqlite", false), ("sqs.sqlite", false)] {
        assert_eq!(written(&folder, name, PASSWORD), there, "{name}");
    }
    assert!(written(&folder, "dynamodb.sqlite", "ciphertext"));
    drop(story);
    std::fs::remove_dir_all(&folder).unwrap();
}
