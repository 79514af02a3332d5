//! Vapi's own numbers: a small pool, had by area code, known later, answered at Vapi alone; and those that the operator has
//! there already.

use reqwest::Method;
use serde_json::{Value, json};
use simulators::vapi::{Manner, Tells};
use tests::{Answer, Tenant};

use crate::kit::{CALLER, FALLBACK, Story, client, list, word};

/// The number that Vapi sells next.
const NATIVE: &str = "+12055550142";

/// A tenant with so many dollars, and [`NATIVE`] the next that Vapi sells.
async fn begin(usd: &str) -> Story {
    let story = Story::begin("PRO", usd).await;
    sells(&story, NATIVE);
    story
}

fn sells(story: &Story, e164: &str) {
    let stocked = story.app.system.simulators.vapi.stock(&json!({ "e164": [e164] }));
    assert!(stocked.is_ok(), "{stocked:?}");
}

fn vapi_is(story: &Story, manner: Manner) {
    story.app.system.simulators.vapi.set_manner(manner);
}

fn wish(more: Value) -> Value {
    let mut request = json!({ "carrier": "vapi", "country": "US", "area_code": "205" });
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    request
}

async fn order(story: &Story, key: &str, more: Value) -> Answer {
    story.buy(key, wish(more)).await
}

/// Orders a number and waits until it is there; its id.
async fn bought(story: &Story, key: &str, more: Value) -> String {
    let begun = order(story, key, more).await.expect(202);
    let _ = story.app.advance("PT5M").await;
    let op = operation(story, &begun.text("/operation/id")).await;
    assert_eq!(word(&op, "/status"), "succeeded", "{op}");
    word(&op, "/number_id")
}

/// [`NATIVE`], answered by an agent; ids of both, and the platform's of the agent.
async fn linked(story: &Story) -> (String, String, String) {
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let at_platform = platform_agent(story, &agent).await;
    (bought(story, "first", json!({ "agent_id": agent })).await, agent, at_platform)
}

async fn platform_agent(story: &Story, agent: &str) -> String {
    story.get(&format!("/v1/agents/{agent}")).await.expect(200).text("/platform_agent_id")
}

async fn operation(story: &Story, id: &str) -> Value {
    story.get(&format!("/v1/operations/{id}")).await.expect(200).body
}

/// Vapi's own numbers as it has them.
async fn natives(story: &Story) -> Vec<Value> {
    let numbers = list(&story.app.state("vapi").await, "numbers");
    numbers.into_iter().filter(|number| number["provider"] == "vapi" && number.get("sip_uri").is_none()).collect()
}

async fn none_left(story: &Story) {
    assert_eq!(natives(story).await, Vec::<Value>::new());
    story.app.verify().await;
}

async fn no_findings(story: &Story) {
    let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
    assert_eq!(run.body["findings"], json!([]), "{}", run.body);
}

/// Somebody calls, and the platform tells us; answers the platform's id of who took the call.
async fn rings(story: &Story) -> Option<String> {
    let answered = story.app.system.simulators.vapi.ring(NATIVE, CALLER);
    let _ = story.app.drain().await.expect(200);
    answered
}

/// Balance, held and available.
async fn wallet(story: &Story) -> [String; 3] {
    let (balance, held, available) = story.app.wallet(&story.tenant).await;
    [balance, held, available]
}

/// The operator at Vapi's own console.
async fn at_vapi(story: &Story, method: Method, path: &str, body: Value) -> Value {
    let vapi = &story.app.system.simulators.vapi;
    let request = client().request(method, format!("{}{path}", vapi.url)).bearer_auth(&vapi.api_key).json(&body);
    let answer = request.send().await.expect("Vapi answers");
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_native_number_lives_from_the_order_to_the_end() {
    let story = begin("10.00").await;
    let countries = list(&story.get("/v1/countries").await.expect(200).body, "items");
    let native = countries.iter().find(|it| word(it, "/carrier") == "vapi").expect("it is sold");
    assert_eq!((word(native, "/country"), word(native, "/types/0/type")), ("US".into(), "local".into()));
    assert_eq!(native["types"][0]["price"], json!({ "amount": "5.00", "currency": "USD" }));

    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let front_desk = platform_agent(&story, &agent).await;
    let begun = order(&story, "first", json!({ "agent_id": agent })).await.expect(202);
    let (op, number) = (begun.text("/operation/id"), begun.text("/operation/number_id"));
    assert_eq!(begun.text("/operation/status"), "waiting");
    let pending = story.number(&number).await;
    assert_eq!((&pending["e164"], word(&pending, "/status")), (&Value::Null, "pending".into()));
    assert_eq!(wallet(&story).await, ["10.00", "5.00", "5.00"]);
    no_findings(&story).await;
    story.app.verify().await;
    // What is not known yet can be named and given a fallback all the same.
    let _ = story.edit(&number, json!({ "name": "Hotline", "fallback": FALLBACK })).await.expect(200);

    let _ = story.app.advance("PT5M").await;
    let ended = operation(&story, &op).await;
    let steps: Vec<_> = list(&ended, "steps").iter().map(|step| word(step, "/name")).collect();
    assert_eq!(
        (word(&ended, "/status"), steps),
        ("succeeded".into(), ["buy", "connect", "route"].map(Into::into).into())
    );
    let active = story.number(&number).await;
    assert_eq!((word(&active, "/e164"), word(&active, "/status")), (NATIVE.into(), "active".into()));
    assert_eq!((word(&active, "/name"), word(&active, "/fallback")), ("Hotline".into(), FALLBACK.into()));
    assert_eq!(active["link"], json!({ "status": "linked", "method": "native" }));
    assert_eq!(wallet(&story).await, ["5.00", "0.00", "5.00"]);
    let there = natives(&story).await;
    assert_eq!((there.len(), word(&there[0], "/e164")), (1, NATIVE.into()));
    assert_eq!(word(&there[0], "/name"), op.replace("op_", "local-"));
    no_findings(&story).await;
    story.app.verify().await;

    // Half a minute is one that was begun, at five cents.
    assert_eq!(rings(&story).await, Some(front_desk));
    let calls = story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200);
    assert_eq!(
        (calls.text("/items/0/direction"), calls.text("/items/0/cost/amount")),
        ("inbound".into(), "0.05".into())
    );
    assert_eq!(wallet(&story).await, ["4.95", "0.00", "4.95"]);
    let test = format!("/v1/numbers/{number}/test-call");
    let _ = story.app.post(&story.tenant, &test, "test", json!({ "to": CALLER })).await.expect(201);
    story.app.system.simulators.tell().await;
    assert_eq!(wallet(&story).await, ["4.90", "0.00", "4.90"]);

    let second = story.app.agent(&story.tenant, "Second").await;
    let relinked = story.link(&number, &second).await.expect(200);
    assert_eq!(relinked.text("/number/link/method"), "native");
    assert_eq!(rings(&story).await, Some(platform_agent(&story, &second).await));
    no_findings(&story).await;
    let _ = story.unlink(&number).await.expect(200);
    assert_eq!((rings(&story).await, &natives(&story).await[0]["agent"]), (None, &Value::Null));
    no_findings(&story).await;
    story.app.verify().await;
    let _ = story.link(&number, &agent).await.expect(200);
    assert!(rings(&story).await.is_some());

    let _ = story.release(&number).await.expect(200);
    none_left(&story).await;
    no_findings(&story).await;
    let released = story.number(&number).await;
    assert_eq!((word(&released, "/e164"), word(&released, "/status")), (NATIVE.into(), "released".into()));
}

#[tokio::test]
async fn whenever_vapi_tells_the_number_it_is_the_tenants_once_it_is_usable() {
    for tells in [Tells::AtOnce, Tells::Afterwards, Tells::WhenActive] {
        let story = begin("10.00").await;
        vapi_is(&story, Manner { tells, ..Manner::default() });
        let number = bought(&story, "first", json!({})).await;
        assert_eq!(word(&story.number(&number).await, "/e164"), NATIVE, "{tells:?}");
        assert_eq!(story.app.asked("vapi", "numbers.create").await, 1, "{tells:?}");
        story.app.verify().await;
    }
    let story = begin("10.00").await;
    vapi_is(&story, Manner { tells: Tells::AtOnce, activation_s: 0, ..Manner::default() });
    let at_once = order(&story, "first", json!({})).await.expect(201);
    assert_eq!(at_once.text("/number/e164"), NATIVE);
    story.app.verify().await;
}

#[tokio::test]
async fn a_pool_that_is_full_refuses_before_money_moves_until_a_place_is_free() {
    let story = begin("50.00").await;
    let mut numbers = Vec::new();
    for n in 0..5 {
        numbers.push(bought(&story, &format!("key {n}"), json!({ "area_code": "212" })).await);
    }
    let refused = order(&story, "one more", json!({})).await.expect(409);
    assert_eq!(refused.code(), "pool_exhausted");
    assert!(refused.text("/detail").contains("another carrier"), "{}", refused.body);
    assert_eq!(
        story.app.post(&story.tenant, "/v1/numbers?dry_run=true", "dry", wish(json!({}))).await.code(),
        "pool_exhausted"
    );
    assert_eq!(wallet(&story).await, ["25.00", "0.00", "25.00"]);
    assert_eq!(story.app.asked("vapi", "numbers.create").await, 5);
    story.app.verify().await;

    let _ = story.release(&numbers[2]).await.expect(200);
    let _ = bought(&story, "one more", json!({})).await;
    assert_eq!(natives(&story).await.len(), 5);
    no_findings(&story).await;
    story.app.verify().await;
}

#[tokio::test]
async fn of_two_tenants_at_once_one_has_the_last_place() {
    let story = begin("50.00").await;
    for n in 0..4 {
        let _ = bought(&story, &format!("key {n}"), json!({ "area_code": "212" })).await;
    }
    let other = story.app.tenant("PRO", "10.00").await;
    let mine = order(&story, "last", json!({}));
    let theirs = story.app.post(&other, "/v1/numbers", "last", wish(json!({})));
    let (mine, theirs) = tokio::join!(mine, theirs);
    let mut codes = [mine.status.as_u16(), theirs.status.as_u16()];
    codes.sort_unstable();
    assert_eq!(codes, [202, 409], "{} {}", mine.body, theirs.body);
    let refused = if mine.status == 409 { &mine } else { &theirs };
    assert_eq!(refused.code(), "pool_exhausted");
    let _ = story.app.advance("PT5M").await;
    assert_eq!(natives(&story).await.len(), 5);
    story.app.verify().await;
}

#[tokio::test]
async fn an_order_whose_answer_never_came_is_placed_once() {
    // What was placed is found at once, and waited for like any other.
    for (kind, status, placed) in [("lost_reply", "waiting", 1), ("timeout", "running", 2)] {
        let story = begin("10.00").await;
        story.fault("vapi", "numbers.create", kind, 1).await;
        let begun = order(&story, "first", json!({})).await.expect(202);
        assert_eq!(begun.text("/operation/status"), status, "{kind}");
        let _ = story.app.advance("PT15M").await;
        assert_eq!(word(&operation(&story, &begun.text("/operation/id")).await, "/status"), "succeeded", "{kind}");
        assert_eq!(story.app.asked("vapi", "numbers.create").await, placed, "{kind}");
        assert_eq!((natives(&story).await.len(), wallet(&story).await[0].as_str()), (1, "5.00"), "{kind}");
        no_findings(&story).await;
        story.app.verify().await;
    }
}

#[tokio::test]
async fn of_two_orders_under_one_tag_the_older_is_kept() {
    let story = begin("10.00").await;
    story.fault("vapi", "numbers.create", "lost_reply", 1).await;
    let begun = order(&story, "first", json!({})).await.expect(202);
    let tag = begun.text("/operation/id").replace("op_", "local-");
    let twice = json!({ "provider": "vapi", "numberDesiredAreaCode": "212", "name": tag });
    let _ = at_vapi(&story, Method::POST, "/phone-number", twice).await;
    assert_eq!(natives(&story).await.len(), 2);
    let _ = story.app.advance("PT15M").await;
    let left = natives(&story).await;
    assert_eq!((left.len(), word(&left[0], "/e164")), (1, NATIVE.into()));
    assert_eq!(word(&story.number(&begun.text("/operation/number_id")).await, "/e164"), NATIVE);
    no_findings(&story).await;
    story.app.verify().await;
}

#[tokio::test]
async fn what_vapi_refuses_costs_nothing_and_leaves_the_place_free() {
    let story = begin("10.00").await;
    vapi_is(&story, Manner { most: 0, ..Manner::default() });
    assert_eq!(order(&story, "first", json!({})).await.expect(503).code(), "carrier_unavailable");
    assert_eq!(
        order(&story, "elsewhere", json!({ "area_code": "599" })).await.expect(503).code(),
        "carrier_unavailable"
    );
    vapi_is(&story, Manner::default());
    let refused = order(&story, "nowhere", json!({ "area_code": "599" })).await.expect(409);
    assert_eq!(refused.code(), "number_unavailable");
    assert_eq!(wallet(&story).await, ["10.00", "0.00", "10.00"]);
    let failed = list(&story.get("/v1/numbers?status=failed").await.expect(200).body, "items");
    assert!(failed.len() == 3 && failed.iter().all(|number| number["e164"].is_null()), "{failed:?}");
    none_left(&story).await;
    let _ = bought(&story, "again", json!({})).await;
    story.app.verify().await;
}

#[tokio::test]
async fn an_order_that_vanishes_while_it_is_waited_for_is_not_placed_again() {
    let story = begin("10.00").await;
    let begun = order(&story, "first", json!({})).await.expect(202);
    let id = word(&natives(&story).await[0], "/id");
    let _ = at_vapi(&story, Method::DELETE, &format!("/phone-number/{id}"), json!({})).await;
    let _ = story.app.advance("PT10M").await;
    let ended = operation(&story, &begun.text("/operation/id")).await;
    assert_eq!((word(&ended, "/status"), word(&ended, "/error/code")), ("failed".into(), "carrier_unavailable".into()));
    assert_eq!(wallet(&story).await, ["10.00", "0.00", "10.00"]);
    assert_eq!(story.app.asked("vapi", "numbers.create").await, 1);
    none_left(&story).await;
}

#[tokio::test]
async fn a_number_that_stands_in_the_books_already_is_left_to_a_person() {
    let story = begin("10.00").await;
    let other = story.app.tenant("PRO", "10.00").await;
    story.stock(&[NATIVE]).await;
    let theirs = story.app.post(&other, "/v1/numbers", "theirs", json!({ "e164": NATIVE })).await.expect(201);
    let begun = order(&story, "first", json!({})).await.expect(202);
    let _ = story.app.advance("P3D").await;
    let id = begun.text("/operation/id");
    assert_eq!(word(&operation(&story, &id).await, "/status"), "stuck");
    assert_eq!(wallet(&story).await, ["10.00", "5.00", "5.00"]);
    assert_eq!(natives(&story).await.len(), 1, "nobody takes away what an operation is stuck with");
    let stuck = story.app.get(&story.app.operator().await, "/v1/operator/operations?status=stuck").await.expect(200);
    assert_eq!(stuck.body["items"][0]["e164"], Value::Null, "{}", stuck.body);
    story.app.verify().await;

    // Given back by whoever had it, it is kept for them.
    let path = format!("/v1/numbers/{}", theirs.text("/number/id"));
    let _ = story.app.delete(&other, &path).await.expect(200);
    let resume = format!("/v1/operator/operations/{id}/resume");
    let _ = story.app.post(&story.app.operator().await, &resume, "resume", json!({ "reason": "it is free" })).await;
    let _ = story.app.drain().await.expect(200);
    let ended = operation(&story, &id).await;
    assert_eq!((word(&ended, "/status"), word(&ended, "/error/code")), ("failed".into(), "number_unavailable".into()));
    assert_eq!(wallet(&story).await, ["10.00", "0.00", "10.00"]);
    none_left(&story).await;
}

#[tokio::test]
async fn a_number_that_is_kept_for_somebody_else_goes_back_and_ones_own_does_not() {
    let story = begin("20.00").await;
    let number = bought(&story, "first", json!({})).await;
    let _ = story.release(&number).await.expect(200);
    sells(&story, NATIVE);
    let other = story.app.tenant("PRO", "10.00").await;
    let begun = story.app.post(&other, "/v1/numbers", "theirs", wish(json!({}))).await.expect(202);
    let _ = story.app.advance("PT10M").await;
    let path = format!("/v1/operations/{}", begun.text("/operation/id"));
    let ended = story.app.get(&other, &path).await.expect(200);
    assert_eq!((ended.text("/status"), ended.text("/error/code")), ("failed".into(), "number_unavailable".into()));
    assert_eq!(story.app.wallet(&other).await.0, "10.00");
    let events = story.app.local(&format!("events?tenant={}", other.id), None).await.expect(200).body;
    let failed = list(&events, "items").into_iter().find(|event| event["type"] == "number.purchase_failed");
    assert_eq!(failed.expect("it is told")["data"]["e164"], Value::Null);
    none_left(&story).await;

    sells(&story, NATIVE);
    let again = bought(&story, "again", json!({})).await;
    assert_eq!(word(&story.number(&again).await, "/e164"), NATIVE);
    no_findings(&story).await;
    story.app.verify().await;
}

#[tokio::test]
async fn it_renews_and_one_that_is_not_paid_for_takes_no_calls_until_it_is() {
    let story = begin("10.00").await;
    let (number, _, front_desk) = linked(&story).await;
    let _ = story.app.advance("P1M").await;
    assert_eq!(wallet(&story).await, ["0.00", "0.00", "0.00"]);
    assert_eq!(rings(&story).await.as_ref(), Some(&front_desk));
    let _ = story.app.advance("P1M").await;
    let _ = story.app.advance("P8D").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "suspended");
    assert_eq!(rings(&story).await, None);
    no_findings(&story).await;
    story.app.verify().await;

    let _ = story.adjust("late", "50.00", "paid by transfer").await.expect(201);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "active");
    assert_eq!(rings(&story).await, Some(front_desk));
    no_findings(&story).await;
    story.app.verify().await;
}

#[tokio::test]
async fn one_that_nobody_pays_for_is_released_and_its_place_is_free() {
    let story = begin("5.00").await;
    let (number, ..) = linked(&story).await;
    let _ = story.app.advance("P2M").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    none_left(&story).await;
    no_findings(&story).await;
}

#[tokio::test]
async fn who_answers_is_put_right_when_somebody_changed_it_at_vapi() {
    let story = begin("10.00").await;
    let (_, _, front_desk) = linked(&story).await;
    let id = word(&natives(&story).await[0], "/id");
    let _ = at_vapi(&story, Method::PATCH, &format!("/phone-number/{id}"), json!({ "assistantId": null })).await;
    assert_eq!(rings(&story).await, None);
    let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
    assert_eq!(
        (run.text("/findings/0/kind"), run.text("/findings/0/action")),
        ("routing_drift".into(), "repaired".into())
    );
    assert_eq!(list(&run.body, "findings").len(), 1, "{}", run.body);
    assert_eq!(rings(&story).await, Some(front_desk));
    no_findings(&story).await;
    // A number that is gone there is parked.
    let _ = at_vapi(&story, Method::DELETE, &format!("/phone-number/{id}"), json!({})).await;
    let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
    assert_eq!(
        (run.text("/findings/0/kind"), run.text("/findings/0/action")),
        ("missing_at_carrier".into(), "parked".into())
    );
    story.app.verify().await;
}

#[tokio::test]
async fn what_makes_no_sense_of_a_native_number_is_refused() {
    let story = begin("10.00").await;
    let retell = json!({ "name": "Elsewhere", "platform": "retell", "number": false });
    let elsewhere = story.app.post(&story.tenant, "/v1/agents", "retell", retell).await.expect(201).text("/agent/id");
    for (more, status, code) in [
        (json!({ "country": null, "area_code": null, "e164": NATIVE }), 400, "invalid_request"),
        (json!({ "area_code": null }), 400, "invalid_request"),
        (json!({ "carrier": "custom" }), 400, "invalid_request"),
        (json!({ "carrier": "Vapi" }), 400, "invalid_request"),
        (json!({ "country": "CA" }), 422, "unsupported_type"),
        (json!({ "type": "toll_free" }), 422, "unsupported_type"),
        (json!({ "agent_id": elsewhere }), 422, "platform_unsupported"),
        (json!({ "carrier": "netgsm" }), 422, "unsupported_type"),
    ] {
        let refused = order(&story, "first", more.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{more}: {}", refused.body);
    }
    let seen = story.app.post(&story.tenant, "/v1/numbers?dry_run=true", "dry", wish(json!({}))).await.expect(200);
    assert_eq!((&seen.body["offer"]["e164"], seen.text("/offer/price/amount")), (&Value::Null, "5.00".into()));
    assert_eq!(story.app.asked("vapi", "numbers.create").await, 0);
    // Without a carrier, and with the usual one by name, nothing is different.
    for (key, more) in [("usual", json!({ "carrier": null })), ("by name", json!({ "carrier": "twilio" }))] {
        let usual = order(&story, key, json!({ "area_code": "212", "carrier": more["carrier"] })).await.expect(201);
        assert_eq!(usual.text("/number/carrier"), "twilio");
    }
    story.app.verify().await;
}

/// What the operator has at Vapi already, set up for something else; its id.
async fn own(story: &Story) -> String {
    let assistant = at_vapi(story, Method::POST, "/assistant", json!({ "name": "Before" })).await;
    let new = json!({
        "provider": "vapi", "numberDesiredAreaCode": "205", "name": "Reception", "assistantId": assistant["id"],
        "squadId": "squad-1",
    });
    let made = at_vapi(story, Method::POST, "/phone-number", new).await;
    let _ = story.app.advance("PT5M").await;
    word(&made, "/id")
}

async fn described(story: &Story, id: &str) -> Value {
    let mut number = at_vapi(story, Method::GET, &format!("/phone-number/{id}"), json!({})).await;
    if let Value::Object(number) = &mut number {
        number.remove("updatedAt");
        number.retain(|_, value| !value.is_null());
    }
    number
}

async fn import(story: &Story, tenant: &Tenant, key: &str, more: Value) -> Answer {
    let mut request = json!({ "carrier": "vapi", "e164": NATIVE, "tenant_id": tenant.id });
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    story.app.post(&story.app.operator().await, "/v1/numbers/import", key, request).await
}

#[tokio::test]
async fn an_imported_native_number_is_the_tenants_and_then_what_it_was() {
    let story = begin("20.00").await;
    let id = own(&story).await;
    let before = described(&story, &id).await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let front_desk = platform_agent(&story, &agent).await;
    let imported = import(&story, &story.tenant, "import", json!({ "agent_id": agent })).await.expect(201);
    let number = imported.text("/number/id");
    assert_eq!((imported.text("/number/e164"), imported.text("/number/link/method")), (NATIVE.into(), "native".into()));
    let ours = described(&story, &id).await;
    assert!(word(&ours, "/name").ends_with("-i"), "{ours}");
    assert_eq!((word(&ours, "/assistantId"), ours.get("squadId")), (front_desk.clone(), None));
    assert_eq!(rings(&story).await, Some(front_desk));
    assert_eq!(wallet(&story).await[0], "14.95");
    no_findings(&story).await;
    story.app.verify().await;
    assert_eq!(import(&story, &story.tenant, "again", json!({})).await.expect(409).code(), "number_unavailable");

    let _ = story.release(&number).await.expect(200);
    assert_eq!(described(&story, &id).await, before);
    assert_eq!(story.app.asked("vapi", "numbers.delete").await, 0);
    story.app.verify().await;

    let again = import(&story, &story.tenant, "for good", json!({ "on_end": "release" })).await.expect(201);
    let _ = story.release(&again.text("/number/id")).await.expect(200);
    none_left(&story).await;
}

#[tokio::test]
async fn an_import_takes_up_a_place_if_one_is_free_and_goes_on_if_none_is() {
    let story = begin("50.00").await;
    vapi_is(&story, Manner { most: 9, ..Manner::default() });
    let _ = own(&story).await;
    let first = import(&story, &story.tenant, "with a place", json!({})).await.expect(201).text("/number/id");
    for n in 0..4 {
        let _ = bought(&story, &format!("key {n}"), json!({ "area_code": "212" })).await;
    }
    assert_eq!(order(&story, "full", json!({})).await.expect(409).code(), "pool_exhausted");
    let _ = story.release(&first).await.expect(200);
    let _ = bought(&story, "free again", json!({ "area_code": "212" })).await;
    let _ = import(&story, &story.tenant, "without a place", json!({})).await.expect(201);
    assert_eq!(order(&story, "full", json!({})).await.expect(409).code(), "pool_exhausted");
    no_findings(&story).await;
    story.app.verify().await;
}

#[tokio::test]
async fn what_vapi_has_for_others_is_not_imported() {
    let story = begin("10.00").await;
    assert_eq!(import(&story, &story.tenant, "nothing", json!({})).await.expect(404).code(), "not_found");
    let _ = own(&story).await;
    // A tenant's own word is not the operator's.
    let request = json!({ "carrier": "vapi", "e164": NATIVE, "tenant_id": story.tenant.id });
    let refused = story.app.post(&story.tenant, "/v1/numbers/import", "own", request).await;
    assert_eq!(refused.code(), "forbidden");
    // Told to be the operator's own by every run, and touched by none.
    let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
    assert_eq!(run.text("/findings/0/kind"), "orphan_untagged", "{}", run.body);
    assert_eq!(word(&natives(&story).await[0], "/name"), "Reception");
}
