//! Numbers that the operator's account has already: how they become a tenant's, and how they become the operator's again.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant};

use crate::kit::{CALLER, FALLBACK, NUMBER, Story, client, list, word};

const IMPORT: &str = "/v1/numbers/import";

/// [`NUMBER`] is the operator's own, set up for something else; as the carrier describes it.
async fn own(story: &Story) -> Value {
    story.stock(&[NUMBER]).await;
    let trunk = story.app.system.simulators.twilio.trunk("reception", "sip:before.example.test");
    let form = [
        ("PhoneNumber", NUMBER),
        ("FriendlyName", "Reception"),
        ("VoiceUrl", "https://before.example.test/voice"),
        ("VoiceMethod", "GET"),
        ("VoiceFallbackUrl", "https://before.example.test/fallback"),
        ("StatusCallback", "https://before.example.test/status"),
        ("SmsUrl", "https://before.example.test/sms"),
        ("TrunkSid", trunk.as_str()),
    ];
    let _ = story.at_the_carrier("IncomingPhoneNumbers", &form).await;
    at_carrier(story).await.expect("it was bought")
}

/// The number as the carrier describes it, but for when it was changed last.
async fn at_carrier(story: &Story) -> Option<Value> {
    let twilio = &story.app.system.simulators.twilio;
    let id = list(&twilio.state(), "numbers").into_iter().find(|number| word(number, "/e164") == NUMBER)?["id"].clone();
    let mut number = carrier(story, Method::GET, id.as_str()?).await.expect("the carrier has it");
    number.as_object_mut()?.remove("date_updated");
    Some(number)
}

/// A request to the carrier about one number.
async fn carrier(story: &Story, method: Method, id: &str) -> Option<Value> {
    let twilio = &story.app.system.simulators.twilio;
    let url = format!("{}/2010-04-01/Accounts/{}/IncomingPhoneNumbers/{id}.json", twilio.url, twilio.account_sid);
    let request = client().request(method, url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token));
    let answer = request.send().await.expect("the carrier answers");
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.json().await.ok()
}

/// What the operator asks for: [`NUMBER`] for this tenant, and more.
fn wish(tenant: &Tenant, more: Value) -> Value {
    let mut request = json!({ "carrier": "twilio", "e164": NUMBER, "tenant_id": tenant.id });
    for (name, value) in more.as_object().into_iter().flatten() {
        request[name] = value.clone();
    }
    request
}

async fn import(story: &Story, key: &str, more: Value) -> Answer {
    story.app.post(&story.app.operator().await, IMPORT, key, wish(&story.tenant, more)).await
}

/// The same, without waiting for its end.
async fn import_later(story: &Story) {
    let operator = story.app.operator().await;
    let headers = [("Idempotency-Key", "later"), ("Prefer", "respond-async")];
    let request = wish(&story.tenant, json!({}));
    let answer = story.app.send(Method::POST, IMPORT, &operator.token, &headers, Some(request)).await;
    assert_eq!(answer.expect(202).headers["location"].to_str().unwrap().split('_').next(), Some("/v1/operations/op"));
}

/// A tenant that holds the operator's own number; its id, and what the carrier had before.
async fn imported(more: Value) -> (Story, String, Value) {
    let story = Story::begin("PRO", "10.00").await;
    let before = own(&story).await;
    let number = import(&story, "import", more).await.expect(201).text("/number/id");
    (story, number, before)
}

async fn events(story: &Story, kind: &str) -> Vec<Value> {
    let all = story.app.local(&format!("events?tenant={}", story.tenant.id), None).await.expect(200).body;
    list(&all, "items").into_iter().filter(|event| event["type"] == kind).map(|event| event["data"].clone()).collect()
}

/// The operator's own again, exactly as it was, and nothing was ever removed at the carrier.
async fn as_it_was(story: &Story, before: &Value) {
    assert_eq!(at_carrier(story).await.as_ref(), Some(before));
    assert_eq!(story.app.asked("twilio", "numbers.delete").await, 0);
    story.app.verify().await;
}

#[tokio::test]
async fn an_imported_number_is_the_tenants_from_today_and_its_agent_answers() {
    let story = Story::begin("PRO", "10.00").await;
    let before = own(&story).await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    // Bought by the operator in January; the tenant's first period begins on the day of the import.
    let _ = story.app.advance("P40D").await;
    let more = json!({ "agent_id": agent, "name": "Reception", "fallback": FALLBACK });
    let answer = import(&story, "import", more).await.expect(201);
    assert_eq!((answer.text("/number/status"), answer.text("/number/name")), ("active".into(), "Reception".into()));
    assert_eq!(answer.text("/number/paid_through"), "2027-03-24T00:00:00Z");
    assert_eq!((answer.text("/number/link/status"), answer.text("/number/agent_id")), ("linked".into(), agent.clone()));
    assert_eq!(
        (answer.text("/operation/kind"), answer.text("/operation/status")),
        ("import".into(), "succeeded".into())
    );
    let steps = list(&answer.body["operation"], "steps");
    let steps: Vec<_> = steps.iter().map(|step| word(step, "/name")).collect();
    assert_eq!(steps, ["import_at_carrier", "connect"]);
    let is = at_carrier(&story).await.unwrap();
    let op = answer.text("/operation/id").replace("op_", "local-") + "-i";
    assert_eq!((word(&is, "/friendly_name"), &is["sid"]), (op, &before["sid"]));
    assert!(word(&is, "/voice_url").starts_with(&story.app.system.url), "{is}");
    assert_eq!((&is["trunk_sid"], &is["sms_url"]), (&Value::Null, &before["sms_url"]));
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
    let told = json!({
        "number_id": answer.text("/number/id"), "e164": NUMBER, "operation_id": answer.text("/operation/id"),
        "amount": { "amount": "1.50", "currency": "USD" },
    });
    assert_eq!(events(&story, "number.imported").await, [told]);
    // Sent again it is the same import, and one line in the trail.
    let _ = import(&story, "import", json!({ "agent_id": agent, "name": "Reception", "fallback": FALLBACK })).await;
    let trail = story.app.get(&story.app.operator().await, "/v1/operator/audit").await.expect(200);
    let lines = list(&trail.body, "items").into_iter().filter(|line| line["action"] == "number_imported");
    let lines: Vec<Value> = lines.collect();
    assert_eq!(lines.len(), 1, "{}", trail.body);
    assert_eq!((&lines[0]["subject"], &lines[0]["tenant_id"]), (&answer.body["number"]["id"], &json!(story.tenant.id)));
    assert_eq!(word(&story.call(NUMBER, "completed").await, "/status"), "completed");
    // It renews like any other.
    let _ = story.app.advance("P1M").await;
    assert_eq!(story.app.wallet(&story.tenant).await.0, "6.98", "a month, and two cents for the call");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_that_is_let_go_is_detached_and_what_it_was_before() {
    let (story, number, before) = imported(json!({})).await;
    let _ = story.release(&number).await.expect(200);
    as_it_was(&story, &before).await;
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    assert_eq!(events(&story, "number.released").await.len(), 1);
    // Asked again, it was released.
    let _ = story.release(&number).await.expect(200);
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn a_linked_number_that_is_let_go_is_removed_at_the_platform_and_detached() {
    let story = Story::begin("PRO", "10.00").await;
    let before = own(&story).await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let number = import(&story, "import", json!({ "agent_id": agent })).await.expect(201).text("/number/id");
    let _ = story.release(&number).await.expect(200);
    as_it_was(&story, &before).await;
    assert_eq!(list(&story.app.state("vapi").await, "numbers"), Vec::<Value>::new());
}

#[tokio::test]
async fn a_number_let_go_at_the_end_of_its_period_is_detached() {
    let (story, number, before) = imported(json!({})).await;
    let path = format!("/v1/numbers/{number}?when=period_end");
    let _ = story.app.delete(&story.tenant, &path).await.expect(200);
    let _ = story.app.advance("P32D").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn a_number_nobody_pays_for_is_detached() {
    let story = Story::begin("PRO", "1.60").await;
    let before = own(&story).await;
    let number = import(&story, "import", json!({})).await.expect(201).text("/number/id");
    let _ = story.app.advance("P50D").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "suspended");
    let _ = story.app.advance("P15D").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn a_number_the_operator_wants_released_at_its_end_is_released() {
    let (story, number, _) = imported(json!({ "on_end": "release" })).await;
    let _ = story.release(&number).await.expect(200);
    assert_eq!(at_carrier(&story).await, None);
    assert_eq!(story.app.asked("twilio", "numbers.delete").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_that_cannot_be_linked_is_kept_or_else_put_back_and_never_removed() {
    for on_end in ["detach", "release"] {
        let story = Story::begin("PRO", "10.00").await;
        let before = own(&story).await;
        let agent = story.app.agent(&story.tenant, "Front desk").await;
        story.refusal("vapi", "numbers.create", 400, None).await;
        let more = json!({ "agent_id": agent, "all_or_nothing": true, "on_end": on_end });
        let refused = import(&story, "nothing", more).await.expect(503);
        assert_eq!(refused.code(), "platform_unavailable");
        as_it_was(&story, &before).await;
        assert_eq!(story.app.wallet(&story.tenant).await, ("10.00".into(), "0.00".into(), "10.00".into()));
        assert_eq!(events(&story, "number.import_failed").await.len(), 1);
        story.refusal("vapi", "numbers.create", 400, None).await;
        let kept = import(&story, "all", json!({ "agent_id": agent, "on_end": on_end })).await.expect(201);
        assert_eq!((kept.text("/number/status"), kept.text("/number/link/status")), ("active".into(), "failed".into()));
        story.app.verify().await;
    }
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_moves_nothing() {
    let story = Story::begin("PRO", "10.00").await;
    let operator = story.app.operator().await;
    let dry = async |more| {
        let request = Some(wish(&story.tenant, more));
        story.app.send(Method::POST, "/v1/numbers/import?dry_run=true", &operator.token, &[], request).await
    };
    assert_eq!(dry(json!({})).await.expect(404).code(), "not_found");
    let before = own(&story).await;
    let told = story.told().await;
    let would = dry(json!({})).await.expect(200);
    assert_eq!((would.text("/would/e164"), would.text("/would/country")), (NUMBER.into(), "US".into()));
    assert_eq!((would.text("/would/type"), would.text("/would/price/amount")), ("local".into(), "1.50".into()));
    assert_eq!(
        (would.text("/would/carrier_id"), would.text("/would/on_end")),
        (word(&before, "/sid"), "detach".into())
    );
    assert_eq!(dry(json!({ "on_end": "release" })).await.expect(200).text("/would/on_end"), "release");
    let without_questions = |text: String| text.lines().filter(|line| !line.starts_with("asked")).collect::<String>();
    assert_eq!(without_questions(story.told().await), without_questions(told));
    let _ = import(&story, "import", json!({})).await.expect(201);
    assert_eq!(dry(json!({})).await.expect(409).code(), "number_unavailable");
}

#[tokio::test]
async fn what_the_account_does_not_have_is_not_found_and_what_is_a_tenants_is_not_available() {
    let story = Story::begin("PRO", "10.00").await;
    let missing = import(&story, "missing", json!({})).await.expect(404);
    assert_eq!((missing.code(), missing.text("/detail").contains("account")), ("not_found", true));
    // Refused at the beginning: the key is free again.
    let _ = own(&story).await;
    let _ = import(&story, "missing", json!({})).await.expect(201);
    assert_eq!(import(&story, "again", json!({})).await.expect(409).code(), "number_unavailable");
    let other = story.app.tenant("PRO", "10.00").await;
    let operator = story.app.operator().await;
    let theirs = story.app.post(&operator, IMPORT, "theirs", wish(&other, json!({}))).await.expect(409);
    assert_eq!(theirs.code(), "number_unavailable");
    story.app.verify().await;
}

#[tokio::test]
async fn what_has_a_tag_of_this_or_another_deployment_is_never_touched() {
    let story = Story::begin("PRO", "10.00").await;
    let sid = word(&own(&story).await, "/sid");
    for tag in ["local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", "other-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-2"] {
        let _ = story.at_the_carrier(&format!("IncomingPhoneNumbers/{sid}"), &[("FriendlyName", tag)]).await;
        let refused = import(&story, "tagged", json!({})).await.expect(409);
        assert_eq!(refused.code(), "number_unavailable");
        assert_eq!(word(&at_carrier(&story).await.unwrap(), "/friendly_name"), tag);
    }
    let _ = story.at_the_carrier(&format!("IncomingPhoneNumbers/{sid}"), &[("FriendlyName", "Reception")]).await;
    // Begun, and then somebody else's.
    import_later(&story).await;
    let tag = "other-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
    let _ = story.at_the_carrier(&format!("IncomingPhoneNumbers/{sid}"), &[("FriendlyName", tag)]).await;
    let before = at_carrier(&story).await.unwrap();
    let _ = story.app.drain().await.expect(200);
    let failed = story.get("/v1/operations?status=failed").await.expect(200);
    assert_eq!(failed.text("/items/0/error/code"), "number_unavailable");
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn one_key_sent_twelve_times_at_once_imports_once() {
    let story = Story::begin("PRO", "10.00").await;
    let _ = own(&story).await;
    let once = || import(&story, "one", json!({}));
    let answers = tokio::join!(
        async { [once().await, once().await, once().await] },
        async { [once().await, once().await, once().await] },
        async { [once().await, once().await, once().await] },
        async { [once().await, once().await, once().await] },
    );
    let answers = [answers.0, answers.1, answers.2, answers.3].concat();
    let _ = story.app.drain().await.expect(200);
    let operations: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| answer.text("/operation/id")).collect();
    assert_eq!(operations.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 201 | 202)), "{answers:?}");
    assert_eq!(import(&story, "one", json!({})).await.expect(201).text("/number/status"), "active");
    assert_eq!(import(&story, "one", json!({ "name": "x" })).await.expect(422).code(), "idempotency_key_reused");
    assert_eq!(story.app.asked("twilio", "trunks.detach").await, 1);
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_imported_for_two_tenants_at_once_is_one_tenants() {
    let story = Story::begin("PRO", "10.00").await;
    let other = story.app.tenant("PRO", "10.00").await;
    let operator = story.app.operator().await;
    let _ = own(&story).await;
    let (one, two) = tokio::join!(
        story.app.post(&operator, IMPORT, "one", wish(&story.tenant, json!({}))),
        story.app.post(&operator, IMPORT, "two", wish(&other, json!({}))),
    );
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{one:?} {two:?}");
    let loser = if one.status.as_u16() == 409 { &one } else { &two };
    assert_eq!(loser.code(), "number_unavailable");
    story.app.verify().await;
}

#[tokio::test]
async fn a_purchase_and_an_import_of_one_number_never_both_have_it() {
    let story = Story::begin("PRO", "10.00").await;
    story.stock(&[NUMBER]).await;
    let other = story.app.tenant("PRO", "10.00").await;
    // The purchase is begun, then the operator buys the number by hand and imports it.
    let headers = [("Idempotency-Key", "buy"), ("Prefer", "respond-async")];
    let buy = Some(json!({ "e164": NUMBER }));
    let _ = story.app.send(Method::POST, "/v1/numbers", &other.token, &headers, buy).await.expect(202);
    let before = own(&story).await;
    assert_eq!(import(&story, "import", json!({})).await.expect(409).code(), "number_unavailable");
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.app.wallet(&other).await, ("10.00".into(), "0.00".into(), "10.00".into()));
    as_it_was(&story, &before).await;
    // With the purchase given up the import goes through, and a purchase finds nothing on offer.
    let _ = import(&story, "import", json!({})).await.expect(201);
    let late = story.app.post(&other, "/v1/numbers", "late", json!({ "e164": NUMBER })).await.expect(409);
    assert_eq!(late.code(), "number_unavailable");
    story.app.verify().await;
}

#[tokio::test]
async fn a_lost_answer_from_the_carrier_imports_the_number_once() {
    let story = Story::begin("PRO", "10.00").await;
    let before = own(&story).await;
    story.fault("twilio", "trunks.detach", "lost_reply", 1).await;
    let number = import(&story, "import", json!({})).await.expect(201).text("/number/id");
    assert_eq!(story.app.asked("twilio", "trunks.detach").await, 1);
    story.fault("twilio", "trunks.attach", "lost_reply", 1).await;
    let _ = story.release(&number).await;
    let _ = story.app.advance("PT15M").await;
    assert_eq!(story.app.asked("twilio", "trunks.attach").await, 1);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn a_number_that_disappears_while_it_is_imported_costs_nothing() {
    let story = Story::begin("PRO", "10.00").await;
    let sid = word(&own(&story).await, "/sid");
    import_later(&story).await;
    let _ = carrier(&story, Method::DELETE, &sid).await;
    let _ = story.app.drain().await.expect(200);
    let gone = import(&story, "later", json!({})).await.expect(404);
    assert_eq!(gone.code(), "not_found");
    assert_eq!(story.app.wallet(&story.tenant).await, ("10.00".into(), "0.00".into(), "10.00".into()));
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_changed_while_it_is_imported_gets_its_newest_settings_back() {
    let story = Story::begin("PRO", "10.00").await;
    let sid = word(&own(&story).await, "/sid");
    import_later(&story).await;
    let form = [("FriendlyName", "Renamed"), ("VoiceUrl", "https://newer.example.test/voice"), ("TrunkSid", "")];
    let _ = story.at_the_carrier(&format!("IncomingPhoneNumbers/{sid}"), &form).await;
    let before = at_carrier(&story).await.unwrap();
    let _ = story.app.drain().await.expect(200);
    let _ = story.app.advance("PT5M").await;
    let number = import(&story, "later", json!({})).await.expect(201).text("/number/id");
    let _ = story.release(&number).await.expect(200);
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn a_number_renamed_just_after_it_was_made_ours_is_ours_all_the_same() {
    let story = Story::begin("PRO", "10.00").await;
    let before = own(&story).await;
    let sid = word(&before, "/sid");
    story.fault("twilio", "trunks.detach", "lost_reply", 1).await;
    // The look of the request, and that of the step, are answered; the one after the lost answer is not.
    let silent = json!({
        "provider": "twilio", "operation": "numbers.list", "kind": "error", "status": 500, "after": 2, "times": 100,
    });
    story.app.fault(silent).await;
    let _ = import(&story, "import", json!({})).await.expect(202);
    story.app.no_faults();
    let _ = story.at_the_carrier(&format!("IncomingPhoneNumbers/{sid}"), &[("FriendlyName", "Renamed")]).await;
    let _ = story.app.advance("PT15M").await;
    let number = import(&story, "import", json!({})).await.expect(201).text("/number/id");
    assert!(word(&at_carrier(&story).await.unwrap(), "/friendly_name").starts_with("local-"));
    let _ = story.release(&number).await.expect(200);
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn a_number_renamed_by_hand_is_the_operators_again_and_left_as_it_is() {
    let (story, number, before) = imported(json!({})).await;
    let path = format!("IncomingPhoneNumbers/{}", word(&before, "/sid"));
    let _ = story.at_the_carrier(&path, &[("FriendlyName", "Mine"), ("VoiceUrl", "https://mine.example.test/")]).await;
    let mine = at_carrier(&story).await.unwrap();
    let _ = story.release(&number).await.expect(200);
    as_it_was(&story, &mine).await;
}

#[tokio::test]
async fn a_number_the_operator_removed_by_hand_is_detached_already() {
    let (story, number, before) = imported(json!({})).await;
    let _ = carrier(&story, Method::DELETE, &word(&before, "/sid")).await;
    let _ = story.release(&number).await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    story.app.verify().await;
}

#[tokio::test]
async fn a_detached_number_is_kept_from_other_tenants_for_a_while() {
    let (story, number, before) = imported(json!({})).await;
    let _ = story.release(&number).await.expect(200);
    let other = story.app.tenant("PRO", "10.00").await;
    let operator = story.app.operator().await;
    let early = story.app.post(&operator, IMPORT, "early", wish(&other, json!({}))).await.expect(409);
    assert_eq!(early.code(), "number_unavailable");
    let _ = import(&story, "back", json!({})).await.expect(201);
    let again = word(&story.get("/v1/numbers?status=active").await.body, "/items/0/id");
    let _ = story.release(&again).await.expect(200);
    let _ = story.app.advance("P31D").await;
    let _ = story.app.post(&operator, IMPORT, "late", wish(&other, json!({}))).await.expect(201);
    assert_eq!(at_carrier(&story).await.unwrap()["sid"], before["sid"]);
    story.app.verify().await;
}

#[tokio::test]
async fn an_import_is_refused_as_a_purchase_is() {
    let story = Story::begin("PRO", "1.00").await;
    let before = own(&story).await;
    let operator = story.app.operator().await;
    let for_tenant = async |tenant: &Tenant, more| {
        let answer = story.app.post(&operator, IMPORT, "refused", wish(tenant, more)).await;
        (answer.status.as_u16(), answer.code().to_owned())
    };
    let no = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(for_tenant(&story.tenant, json!({})).await, no(402, "insufficient_balance"));
    let free = story.app.tenant("FREE", "10.00").await;
    assert_eq!(for_tenant(&free, json!({})).await, no(403, "plan_forbids_numbers"));
    let nobody = Tenant { id: "never-set-up".into(), token: String::new() };
    assert_eq!(for_tenant(&nobody, json!({})).await, no(403, "plan_forbids_numbers"));
    let rich = story.app.tenant("PRO", "10.00").await;
    let unknown = "0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
    for (more, status, code) in [
        (json!({ "agent_id": format!("agt_{unknown}") }), 404, "not_found"),
        (json!({ "project_id": format!("prj_{unknown}") }), 404, "not_found"),
        (json!({ "e164": "12125550123" }), 400, "invalid_request"),
        (json!({ "e164": "+819012345678" }), 422, "unsupported_country"),
        (json!({ "on_end": "keep" }), 400, "invalid_request"),
        (json!({ "tenant_id": "no tenant" }), 400, "invalid_request"),
        (json!({ "carrier": "vapi" }), 404, "not_found"),
        (json!({ "carrier": "netgsm" }), 422, "carrier_unsupported"),
        (json!({ "carrier": "custom" }), 422, "carrier_unsupported"),
        (json!({ "carrier": "pigeon" }), 400, "invalid_request"),
        (json!({ "sip": {} }), 400, "invalid_request"),
    ] {
        assert_eq!(for_tenant(&rich, more.clone()).await, no(status, code), "{more}");
    }
    let path = &[][..];
    let keyless = story.app.send(Method::POST, IMPORT, &operator.token, path, Some(wish(&rich, json!({})))).await;
    assert_eq!(keyless.expect(400).code(), "idempotency_key_required");
    as_it_was(&story, &before).await;
    // Nothing of it used the key up, and it is not the tenant's own key of that name.
    assert_eq!(for_tenant(&rich, json!({})).await.0, 201);
    let own_key = story.app.post(&rich, "/v1/numbers", "refused", json!({ "country": "US" })).await;
    assert_eq!(own_key.status.as_u16(), 201);
}

#[tokio::test]
async fn a_tenant_imports_nothing_of_the_operators() {
    let story = Story::begin("PRO", "10.00").await;
    let before = own(&story).await;
    let viewer = story.app.token(&story.tenant, "viewer", None).await;
    let custom = json!({ "carrier": "custom", "e164": NUMBER, "sip": { "host": "sip.example.test" } });
    let on_end =
        json!({ "carrier": "custom", "e164": NUMBER, "sip": { "host": "sip.example.test" }, "on_end": "release" });
    for (caller, request, status, code) in [
        (&story.tenant, on_end, 400, "invalid_request"),
        (&story.tenant, json!({ "carrier": "custom", "e164": NUMBER }), 400, "invalid_request"),
        (&story.tenant, wish(&story.tenant, json!({})), 403, "forbidden"),
        (&story.tenant, json!({ "carrier": "vapi", "e164": NUMBER }), 403, "forbidden"),
        (&story.tenant, json!({ "nothing": CALLER }), 400, "invalid_request"),
        (&viewer, custom, 403, "forbidden"),
    ] {
        let answer = story.app.post(caller, IMPORT, "mine", request.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{request}");
    }
    as_it_was(&story, &before).await;
}

#[tokio::test]
async fn an_orphan_that_was_imported_is_shown_to_the_operator_and_never_released() {
    for (attempt, stays) in [("-i", true), ("-2", false)] {
        let story = Story::begin("PRO", "10.00").await;
        let sid = word(&own(&story).await, "/sid");
        // As an order for an import would leave it that was carried out long after everybody had given up.
        let tag = format!("local-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b{attempt}");
        let _ = story.at_the_carrier(&format!("IncomingPhoneNumbers/{sid}"), &[("FriendlyName", &tag)]).await;
        let _ = story.app.advance("P4D").await;
        assert_eq!(at_carrier(&story).await.is_some(), stays, "{tag}");
    }
}
