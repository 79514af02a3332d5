//! What an operator sees and decides: parked numbers, operations that do not end, and the trail all of it leaves.

use reqwest::Method;
use serde_json::{Value, json};
use tests::Answer;

use crate::kit::{NUMBER, Story, client, list, word};

const WHY: &str = "The carrier does not know it";

async fn operator(story: &Story, method: Method, path: &str, body: Option<Value>) -> Answer {
    let token = story.app.operator().await.token;
    story.app.send(method, &format!("/v1/operator/{path}"), &token, &[], body).await
}

async fn park(story: &Story, number: &str) -> Answer {
    let body = json!({ "tenant_id": story.tenant.id, "reason": WHY });
    operator(story, Method::POST, &format!("numbers/{number}/park"), Some(body)).await
}

async fn resolve(story: &Story, number: &str, decision: &str) -> Answer {
    let body = json!({ "tenant_id": story.tenant.id, "decision": decision, "reason": "It was looked into" });
    operator(story, Method::POST, &format!("numbers/{number}/resolve"), Some(body)).await
}

async fn items(story: &Story, path: &str) -> Vec<Value> {
    list(&operator(story, Method::GET, path, None).await.expect(200).body, "items")
}

/// The trail since the tenant has its number: what was done, to what, by whom and why.
async fn trail(story: &Story) -> Vec<[String; 4]> {
    let lines = items(story, "audit").await;
    let lines = lines.iter().filter(|line| line["actor"]["kind"] == "operator");
    lines.map(|line| ["/action", "/subject", "/actor/name", "/reason"].map(|part| word(line, part))).collect()
}

async fn events(story: &Story, kind: &str) -> usize {
    let path = format!("events?tenant={}", story.tenant.id);
    let events = list(&story.app.local(&path, None).await.expect(200).body, "items");
    events.iter().filter(|event| event["type"] == kind).count()
}

#[tokio::test]
async fn an_operator_sets_a_number_aside_and_lets_it_go_on() {
    let (story, number) = Story::with_a_number().await;
    let before = story.number(&number).await;
    let parked = park(&story, &number).await.expect(200);
    assert_eq!((&parked.body["number"]["parked"], &parked.body["operation"]), (&json!(true), &json!(null)));
    let shown = json!({
        "number_id": number, "tenant_id": story.tenant.id, "e164": NUMBER, "status": "active",
        "parked_at": "2027-01-15T10:00:00Z", "parked_why": WHY,
    });
    assert_eq!(items(&story, "numbers?parked=true").await, std::slice::from_ref(&shown));
    // Twice is once.
    let _ = story.app.advance("PT1H").await;
    let _ = park(&story, &number).await.expect(200);
    assert_eq!(items(&story, "numbers?parked=true").await, [shown]);
    assert_eq!(story.release(&number).await.expect(409).code(), "number_parked");
    let path = format!("/v1/numbers/{number}?when=period_end");
    assert_eq!(story.app.delete(&story.tenant, &path).await.expect(409).code(), "number_parked");

    assert_eq!(resolve(&story, &number, "perhaps").await.expect(400).text("/errors/0/field"), "decision");
    let kept = resolve(&story, &number, "keep").await.expect(200);
    assert_eq!((&kept.body["number"], &kept.body["operation"]), (&before, &json!(null)));
    assert_eq!(story.number(&number).await, before);
    assert_eq!(items(&story, "numbers?parked=true").await, [] as [Value; 0]);
    for decision in ["keep", "release"] {
        assert_eq!(resolve(&story, &number, decision).await.expect(409).code(), "number_not_parked");
    }
    let line = |action: &str, why: &str| [action, &number, "operator/operator", why].map(str::to_owned);
    let expected = [line("number_unparked", "It was looked into"), line("number_parked", WHY)];
    assert_eq!(trail(&story).await, expected);
    assert_eq!((events(&story, "number.parked").await, events(&story, "number.unparked").await), (1, 1));
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_that_is_gone_at_the_carrier_is_given_up() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    let changes = json!({ "primary": true, "locked": true });
    let _ = story.edit(&number, changes).await.expect(200);
    let held = list(&story.app.state("twilio").await, "numbers").remove(0);
    let twilio = &story.app.system.simulators.twilio;
    let resource = format!("IncomingPhoneNumbers/{}", word(&held, "/id"));
    let url = format!("{}/2010-04-01/Accounts/{}/{resource}.json", twilio.url, twilio.account_sid);
    let gone = client().delete(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token)).send().await;
    assert!(gone.expect("the carrier answers").status().is_success());
    let _ = park(&story, &number).await.expect(200);
    story.app.verify().await;

    let resolved = resolve(&story, &number, "release").await.expect(200);
    assert_eq!(
        (resolved.text("/number/status"), resolved.text("/operation/kind")),
        ("releasing".into(), "release".into())
    );
    assert_eq!(resolved.body["number"]["parked"], json!(false));
    assert_eq!(resolve(&story, &number, "release").await.expect(409).code(), "number_not_parked");
    let _ = story.app.drain().await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    assert_eq!(list(&story.app.state("vapi").await, "numbers").len(), 0);
    // Who answered is free again, and so is the place of the primary number.
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{agent}")).await.expect(204);
    // Of one instant, they have no order.
    let mut done: Vec<String> = trail(&story).await.into_iter().map(|[action, ..]| action).collect();
    done.sort();
    assert_eq!(done, ["number_parked", "number_release_ordered"]);
    assert_eq!(items(&story, "numbers?parked=true").await, [] as [Value; 0]);
    assert_eq!((events(&story, "number.unparked").await, events(&story, "number.released").await), (1, 1));
    story.app.verify().await;
}

#[tokio::test]
async fn what_is_worked_on_or_not_held_is_not_parked() {
    let (story, number) = Story::with_a_number().await;
    let other = story.app.tenant("PRO", "10.00").await;
    let path = format!("numbers/{number}/park");
    for tenant in [other.id.as_str(), "nobody", "no tenant"] {
        let body = json!({ "tenant_id": tenant, "reason": WHY });
        assert_eq!(operator(&story, Method::POST, &path, Some(body)).await.expect(404).code(), "not_found");
    }
    let body = json!({ "tenant_id": story.tenant.id, "reason": " " });
    let refused = operator(&story, Method::POST, &path, Some(body)).await.expect(400);
    assert_eq!(refused.text("/errors/0/field"), "reason");
    let wait = [("Prefer", "respond-async")];
    let release = format!("/v1/numbers/{number}");
    let _ = story.app.send(Method::DELETE, &release, &story.tenant.token, &wait, None).await.expect(202);
    let busy = park(&story, &number).await.expect(409);
    assert_eq!(busy.code(), "operation_in_progress");
    assert_eq!(busy.text("/operation_id"), word(&story.number(&number).await, "/open_operation_id"));
    let _ = story.app.drain().await.expect(200);
    assert_eq!(park(&story, &number).await.expect(409).code(), "number_not_active");
    assert_eq!(trail(&story).await, [] as [[String; 4]; 0]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_parked_number_whose_link_is_being_made_is_not_given_up_before_that_is_over() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let _ = park(&story, &number).await.expect(200);
    story.fault("vapi", "numbers.create", "timeout", 1).await;
    let _ = story.link(&number, &agent).await.expect(202);
    assert_eq!(resolve(&story, &number, "release").await.expect(409).code(), "operation_in_progress");
    let _ = story.app.advance("PT10M").await;
    let _ = resolve(&story, &number, "release").await.expect(200);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    story.app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_at_once_decide_once() {
    for (one, other) in [("keep", "keep"), ("keep", "release"), ("release", "release")] {
        let (story, number) = Story::with_a_number().await;
        let (first, second) = tokio::join!(park(&story, &number), park(&story, &number));
        let _ = (first.expect(200), second.expect(200));
        assert_eq!((events(&story, "number.parked").await, trail(&story).await.len()), (1, 1));
        let (first, second) = tokio::join!(resolve(&story, &number, one), resolve(&story, &number, other));
        let mut answers = [first.status.as_u16(), second.status.as_u16()];
        answers.sort_unstable();
        assert_eq!(answers, [200, 409], "{} {}", first.body, second.body);
        let (made, lost) = if first.status == 200 { (first, second) } else { (second, first) };
        assert_eq!(lost.code(), "number_not_parked");
        let _ = story.app.drain().await.expect(200);
        let released = made.body["operation"].is_object();
        let status = if released { "released" } else { "active" };
        assert_eq!(word(&story.number(&number).await, "/status"), status);
        assert_eq!(trail(&story).await.len(), 2);
        assert_eq!(events(&story, "number.unparked").await, 1);
        story.app.verify().await;
    }
}

#[tokio::test]
async fn an_operation_that_runs_late_says_what_is_wrong_and_what_to_do() {
    let (story, number) = Story::with_a_number().await;
    let late = async || items(&story, "operations?status=running_late").await;
    assert_eq!(late().await, [] as [Value; 0]);
    story.fault("twilio", "numbers.delete", "timeout", 1_000).await;
    let asked = story.release(&number).await.expect(202);
    let _ = story.app.advance("PT3M").await;
    let shown = late().await;
    assert_eq!(shown.len(), 1, "{shown:?}");
    let op = &shown[0];
    assert_eq!(op["id"], asked.body["operation"]["id"]);
    assert_eq!((word(op, "/e164"), word(op, "/number_id")), (NUMBER.to_owned(), number.clone()));
    assert_eq!((word(op, "/step/name"), word(op, "/kind")), ("release_at_carrier".into(), "release".into()));
    assert!(op["attempts"].as_u64() > Some(1) && op["trouble"].is_string(), "{op}");
    assert_eq!(word(op, "/since"), "2027-01-15T10:00:00Z");
    assert!(op["next_attempt_at"].is_string(), "{op}");
    for words in ["has not taken the number back", "A resume", "Check at the carrier", "goes on by itself"] {
        assert!(word(op, "/advice").contains(words), "{words}: {op}");
    }
    for status in ["waiting", "stuck"] {
        assert_eq!(items(&story, &format!("operations?status={status}")).await, [] as [Value; 0]);
    }
    story.app.no_faults();
    let _ = story.app.advance("PT15M").await;
    assert_eq!(late().await, [] as [Value; 0]);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    story.app.verify().await;
}

#[tokio::test]
async fn what_an_operator_changes_stands_in_the_trail_once() {
    let story = Story::begin("PRO", "0").await;
    for _ in 0..2 {
        let _ = story.adjust("key", "5.00", "Bank transfer").await.expect(201);
        let _ = story.operator_sets(json!({ "outage_mode": true })).await.expect(200);
    }
    let _ = story.adjust("another", "-6.00", "Refund").await.expect(402);
    let lines = items(&story, "audit").await;
    let lines = lines.iter().filter(|line| line["actor"]["kind"] == "operator");
    let said = |line: &Value| ["/action", "/tenant_id", "/reason", "/detail"].map(|part| word(line, part));
    let mut said: Vec<_> = lines.map(said).collect();
    said.sort();
    let (tenant, entry) = (story.tenant.id.as_str(), word(&story.get("/v1/wallet/entries").await.body, "/items/0/id"));
    let expected = [
        ["tenant_changed", tenant, "-", "outage_mode: false to true"].map(str::to_owned),
        ["wallet_adjusted", tenant, "Bank transfer", &format!("5.00 USD, {entry}")].map(str::to_owned),
    ];
    assert_eq!(said, expected);
    for query in ["from=yesterday", "to=2027-13-01", "from=2027-02-01&to=2027-01-01", "limit=0", "cursor=x"] {
        let refused = operator(&story, Method::GET, &format!("audit?{query}"), None).await.expect(400);
        assert_eq!(refused.code(), "invalid_request", "{query}");
    }
    for query in ["", "?parked=false", "?parked=true&limit=0", "?parked=true&cursor=x"] {
        let refused = operator(&story, Method::GET, &format!("numbers{query}"), None).await.expect(400);
        assert_eq!(refused.code(), "invalid_request", "{query}");
    }
}
