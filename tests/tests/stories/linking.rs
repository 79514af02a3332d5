//! Letting an agent answer a number, another one, or none; and what else a tenant changes on a number.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{FALLBACK, NUMBER, Story, client, list, word};

const UNKNOWN_AGENT: &str = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

/// The resources the platform has under our tags.
async fn at_the_platform(story: &Story) -> Vec<Value> {
    list(&story.app.state("vapi").await, "numbers")
}

#[tokio::test]
async fn a_number_without_an_agent_is_linked_to_one() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    assert_snapshot!(story.line(&story.link(&number, &agent).await.expect(200)), @"200 +12125550123 local active, answered by agt_<1>, link linked, paid through 2027-02-15 and op_<2> link succeeded (connect finished)");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, answered by agt_<1>, link linked, paid through 2027-02-15
    operation op_<2> link succeeded (connect finished)
    operation op_<3> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<3>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<4>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      sip:local-<2>@sip.vapi.ai is local-<2>, answered by <5>
    vapi      assistant <5> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 1 × numbers.list 200
    event     number.linked {"agent_id":"agt_<1>","number_id":"num_<6>","operation_id":"op_<2>"}
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<6>","operation_id":"op_<3>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<7>"}
    "#);
}

#[tokio::test]
async fn relinking_binds_the_same_address_to_the_other_agent_and_frees_the_first() {
    let (story, number, first) = Story::with_a_linked_number().await;
    let second = story.app.agent(&story.tenant, "Night shift").await;
    assert_snapshot!(story.line(&story.link(&number, &second).await.expect(200)), @"200 +12125550123 local active, answered by agt_<1>, link linked, paid through 2027-02-15 and op_<2> link succeeded (rebind finished)");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, answered by agt_<1>, link linked, paid through 2027-02-15
    operation op_<2> link succeeded (rebind finished)
    operation op_<3> purchase succeeded (buy finished, connect finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<3>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<4>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      sip:local-<3>@sip.vapi.ai is local-<3>, answered by <5>
    vapi      assistant <6> is Front desk
    vapi      assistant <5> is Night shift
    asked     2 × agents.create 201, 1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.update 200
    event     number.linked {"agent_id":"agt_<1>","number_id":"num_<7>","operation_id":"op_<2>"}
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<7>","operation_id":"op_<3>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<8>"}
    "#);
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{first}")).await.expect(204);
    let refused = story.app.delete(&story.tenant, &format!("/v1/agents/{second}")).await.expect(409);
    assert_eq!(refused.code(), "agent_in_use");
    story.app.verify().await;
}

#[tokio::test]
async fn linking_to_the_same_agent_again_changes_nothing() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    let before = at_the_platform(&story).await;
    let _ = story.link(&number, &agent).await.expect(200);
    assert_eq!(at_the_platform(&story).await, before);
    story.app.verify().await;
}

#[tokio::test]
async fn unlinking_removes_the_address_at_the_platform_and_a_second_time_is_no_error() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    assert_snapshot!(story.line(&story.unlink(&number).await.expect(200)), @"200 +12125550123 local active, paid through 2027-02-15 and op_<1> unlink succeeded (disconnect finished)");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished, connect finished)
    operation op_<2> unlink succeeded (disconnect finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<1>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<3>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      assistant <4> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 1 × numbers.delete 200, 2 × numbers.get 200, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<5>","operation_id":"op_<1>"}
    event     number.unlinked {"agent_id":"agt_<6>","number_id":"num_<5>","operation_id":"op_<2>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<7>"}
    "#);
    let _ = story.unlink(&number).await.expect(200);
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{agent}")).await.expect(204);
    story.app.verify().await;
}

#[tokio::test]
async fn a_lost_reply_from_the_platform_makes_one_address() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    story.fault("vapi", "numbers.create", "lost_reply", 1).await;
    let _ = story.link(&number, &agent).await.expect(200);
    assert_eq!(at_the_platform(&story).await.len(), 1);
    story.app.verify().await;
}

#[tokio::test]
async fn another_address_under_our_name_does_not_move_a_linked_number() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    let first = at_the_platform(&story).await;
    let vapi = &story.app.system.simulators.vapi;
    let tag = word(&first[0], "/name");
    let twin = json!({ "provider": "vapi", "sipUri": format!("sip:{tag}-twin@sip.vapi.ai"), "name": tag });
    let made = client().post(format!("{}/phone-number", vapi.url)).bearer_auth(&vapi.api_key).json(&twin);
    assert!(made.send().await.expect("the platform answers").status().is_success());
    let _ = story.link(&number, &agent).await.expect(200);
    assert!(at_the_platform(&story).await.contains(&first[0]));
    assert_eq!(word(&story.call(NUMBER, "completed").await, "/status"), "completed");
}

#[tokio::test]
async fn a_platform_that_refuses_a_link_leaves_the_number_as_it_was() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let before = story.number(&number).await;
    story.refusal("vapi", "numbers.create", 400, None).await;
    assert_snapshot!(story.line(&story.link(&number, &agent).await.expect(503)), @"503 platform_unavailable: Vapi 400: Bad Request");
    assert_eq!(story.number(&number).await, before);
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, paid through 2027-02-15
    operation op_<1> link failed (connect pending), platform_unavailable
    operation op_<2> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<2>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<3>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      assistant <4> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 400, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<5>","operation_id":"op_<2>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<6>"}
    "#);
}

#[tokio::test]
async fn a_platform_that_refuses_a_relink_leaves_the_first_agent_answering() {
    let (story, number, first) = Story::with_a_linked_number().await;
    let second = story.app.agent(&story.tenant, "Night shift").await;
    let front_desk = story.get(&format!("/v1/agents/{first}")).await.expect(200).text("/platform_agent_id");
    story.refusal("vapi", "numbers.update", 400, None).await;
    let _ = story.link(&number, &second).await.expect(503);
    assert_eq!(word(&story.number(&number).await, "/agent_id"), first);
    assert_eq!(word(&story.call(NUMBER, "completed").await, "/answered_by/assistant_id"), front_desk);
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{second}")).await.expect(204);
    story.app.verify().await;
}

#[tokio::test]
async fn an_address_the_platform_forgot_is_named_as_the_reason_and_unlink_then_link_heals_it() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    let vapi = &story.app.system.simulators.vapi;
    let url = format!("{}/phone-number/{}", vapi.url, word(&at_the_platform(&story).await[0], "/id"));
    let gone = client().delete(url).bearer_auth(&vapi.api_key).send().await.expect("the platform answers");
    assert!(gone.status().is_success());
    assert_snapshot!(story.line(&story.link(&number, &agent).await.expect(503)), @"503 platform_unavailable: The voice platform no longer knows the number or the agent. Unlink the number, then link it again.");
    let _ = story.unlink(&number).await.expect(200);
    let _ = story.link(&number, &agent).await.expect(200);
    assert_eq!(word(&story.call(NUMBER, "completed").await, "/status"), "completed");
    story.app.verify().await;
}

#[tokio::test]
async fn while_one_operation_works_on_a_number_every_other_is_told_to_wait() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    for operation in ["numbers.list", "numbers.create"] {
        story.fault("vapi", operation, "error", 1_000).await;
    }
    let running = story.link(&number, &agent).await.expect(202);
    assert_eq!(running.headers["location"], format!("/v1/operations/{}", running.text("/operation/id")));
    for refused in [story.link(&number, &agent).await, story.unlink(&number).await, story.release(&number).await] {
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "operation_in_progress"));
        assert_eq!(refused.text("/operation_id"), running.text("/operation/id"));
    }
    // What no third party is asked about can be changed meanwhile.
    let _ = story.edit(&number, json!({ "name": "Main line" })).await.expect(200);
    story.app.no_faults();
    let _ = story.app.advance("PT15M").await;
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, named Main line, answered by agt_<1>, link linked, paid through 2027-02-15
    operation op_<2> link succeeded (connect finished)
    operation op_<3> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<3>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<4>
    asked     1 × numbers.create 201, 1 × numbers.get 200, 2 × numbers.list 200, 1 × numbers.search 200, 3 × prices.get 200
    vapi      sip:local-<2>@sip.vapi.ai is local-<2>, answered by <5>
    vapi      assistant <5> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 3 × numbers.list 200, 2 × numbers.list 500
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<6>","operation_id":"op_<3>"}
    event     number.updated {"fields":["name"],"number_id":"num_<6>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<7>"}
    event     number.linked {"agent_id":"agt_<1>","number_id":"num_<6>","operation_id":"op_<2>"}
    "#);
}

#[tokio::test]
async fn two_links_at_once_end_in_one_agent() {
    let (story, number) = Story::with_a_number().await;
    let one = story.app.agent(&story.tenant, "One").await;
    let two = story.app.agent(&story.tenant, "Two").await;
    let (first, second) = tokio::join!(story.link(&number, &one), story.link(&number, &two));
    for answer in [&first, &second] {
        assert!(matches!(answer.status.as_u16(), 200 | 409), "{}", answer.body);
    }
    assert!(first.status.is_success() || second.status.is_success());
    assert_eq!(at_the_platform(&story).await.len(), 1);
    story.app.verify().await;
}

#[tokio::test]
async fn a_link_that_is_not_waited_for_is_followed_as_an_operation() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let path = format!("/v1/numbers/{number}/agent");
    let wait = [("Prefer", "respond-async")];
    let request = Some(json!({ "agent_id": agent }));
    let accepted = story.app.send(Method::PUT, &path, &story.tenant.token, &wait, request).await.expect(202);
    let _ = story.app.drain().await.expect(200);
    let followed = story.get(accepted.headers["location"].to_str().expect("text")).await.expect(200);
    assert_eq!((followed.text("/kind"), followed.text("/status")), ("link".into(), "succeeded".into()));
    assert_eq!(word(&story.number(&number).await, "/agent_id"), agent);
    story.app.verify().await;
}

#[tokio::test]
async fn an_agent_nobody_knows_cannot_answer() {
    let (story, number) = Story::with_a_number().await;
    for agent in [UNKNOWN_AGENT, "agt_1", ""] {
        assert_eq!(story.link(&number, agent).await.expect(404).code(), "not_found");
    }
    story.app.verify().await;
}

#[tokio::test]
async fn a_released_number_cannot_be_linked() {
    let (story, number) = Story::with_a_number().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let _ = story.release(&number).await.expect(200);
    assert_eq!(story.link(&number, &agent).await.expect(409).code(), "number_not_active");
    assert_eq!(story.unlink(&number).await.expect(409).code(), "number_not_active");
    story.app.verify().await;
}

#[tokio::test]
async fn what_a_tenant_writes_on_a_number_is_kept_here_and_told_to_nobody() {
    let (story, number) = Story::with_a_number().await;
    let project = story.app.post(&story.tenant, "/v1/projects", "shop", json!({ "name": "Shop" })).await.expect(201);
    let before = story.app.state("twilio").await;
    let changes = json!({
        "name": "  Main <line> & more ", "notes": "First line\nsecond", "tags": ["b", "a", "b"], "locked": true,
        "primary": true, "fallback": FALLBACK, "project_id": project.text("/id"),
    });
    let edited = story.edit(&number, changes).await.expect(200).body;
    assert_eq!(edited["name"], "Main <line> & more");
    assert_eq!(edited["notes"], "First line\nsecond");
    assert_eq!(edited["tags"], json!(["a", "b"]));
    assert_eq!((&edited["locked"], &edited["primary"]), (&json!(true), &json!(true)));
    assert_eq!((&edited["fallback"], &edited["project_id"]), (&json!(FALLBACK), &project.body["id"]));
    assert_eq!(story.number(&number).await, edited);
    // Nothing said is nothing changed; null clears.
    assert_eq!(story.edit(&number, json!({})).await.expect(200).body, edited);
    let nulls = json!({ "name": null, "notes": null, "tags": [], "locked": false, "primary": false, "fallback": null,
        "project_id": null });
    let cleared = story.edit(&number, nulls).await.expect(200).body;
    for field in ["name", "notes", "fallback", "project_id"] {
        assert_eq!(cleared[field], Value::Null, "{field}");
    }
    assert_eq!(story.app.state("twilio").await, before);
    story.app.verify().await;
}

#[tokio::test]
async fn a_tenant_has_one_primary_number_at_most() {
    let (story, first) = Story::with_a_number().await;
    story.stock(&["+12125550124"]).await;
    let second = story.bought("+12125550124").await;
    for number in [&first, &second, &first] {
        assert_eq!(story.edit(number, json!({ "primary": true })).await.expect(200).body["primary"], true);
    }
    assert_eq!(story.number(&second).await["primary"], false);
    // Taking it from one that does not have it takes it from nobody.
    let _ = story.edit(&second, json!({ "primary": false })).await.expect(200);
    assert_eq!(story.number(&first).await["primary"], true);
    story.app.verify().await;
}

#[tokio::test]
async fn two_numbers_made_primary_at_once_leave_one() {
    let (story, first) = Story::with_a_number().await;
    story.stock(&["+12125550124"]).await;
    let second = story.bought("+12125550124").await;
    let _ =
        tokio::join!(story.edit(&first, json!({ "primary": true })), story.edit(&second, json!({ "primary": true })));
    let primary = [story.number(&first).await, story.number(&second).await];
    assert_eq!(primary.iter().filter(|number| number["primary"] == true).count(), 1);
    story.app.verify().await;
}

#[tokio::test]
async fn lists_filter_by_status_agent_and_tag() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    story.stock(&["+12125550124"]).await;
    let other = story.bought("+12125550124").await;
    let _ = story.edit(&other, json!({ "tags": ["spare"] })).await.expect(200);
    let check = async |query: &str, expected: &[&String]| {
        let found = list(&story.get(&format!("/v1/numbers?{query}")).await.expect(200).body, "items");
        let ids: Vec<String> = found.iter().map(|number| word(number, "/id")).collect();
        assert_eq!(ids.iter().collect::<Vec<_>>(), expected, "{query}");
    };
    check(&format!("agent_id={agent}"), &[&number]).await;
    check("agent_id=agt_1", &[]).await;
    check("tag=spare", &[&other]).await;
    check("status=active&limit=1", &[&number]).await;
    check("status=released", &[]).await;
    let page = story.get("/v1/numbers?limit=1").await.expect(200);
    check(&format!("limit=1&cursor={}", page.text("/next_cursor")), &[&other]).await;
}
