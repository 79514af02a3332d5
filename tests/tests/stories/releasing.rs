//! Letting a number go: what is given back, what stays, and who may have it next.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::json;

use crate::kit::{NUMBER, Story, client, list, word};

#[tokio::test]
async fn a_released_number_is_gone_at_platform_and_carrier_and_costs_nothing_more() {
    let (story, number, _) = Story::with_a_linked_number().await;
    assert_snapshot!(story.line(&story.release(&number).await.expect(200)), @"200 +12125550123 local released, paid through 2027-02-15 and op_<1> release succeeded (disconnect finished, release_at_carrier finished)");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local released, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished, connect finished)
    operation op_<2> release succeeded (disconnect finished, release_at_carrier finished)
    wallet    8.50, held 0.00, available 8.50, lasts until -
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.create 201, 1 × numbers.delete 204, 1 × numbers.get 200, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      assistant <3> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 1 × numbers.delete 200, 2 × numbers.get 200, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<4>","operation_id":"op_<1>"}
    event     number.released {"e164":"+12125550123","number_id":"num_<4>","operation_id":"op_<2>","why":"asked"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<5>"}
    "#);
}

#[tokio::test]
async fn a_number_released_twice_is_released_once() {
    let (story, number) = Story::with_a_number().await;
    let first = story.release(&number).await.expect(200);
    let _ = story.app.advance("P1D").await;
    let again = story.release(&number).await.expect(200);
    assert_eq!(again.body, first.body);
    assert_eq!(story.app.asked("twilio", "numbers.delete").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn two_releases_at_once_are_one() {
    let (story, number) = Story::with_a_number().await;
    let (one, two) = tokio::join!(story.release(&number), story.release(&number));
    for answer in [&one, &two] {
        assert!(matches!(answer.status.as_u16(), 200 | 202 | 409), "{}", answer.body);
    }
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    assert_eq!(story.app.asked("twilio", "numbers.delete").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn a_primary_number_and_a_locked_one_are_not_released() {
    let (story, number) = Story::with_a_number().await;
    for (protect, release, code) in [
        (json!({ "primary": true }), json!({ "primary": false }), "primary_number"),
        (json!({ "locked": true }), json!({ "locked": false }), "number_locked"),
    ] {
        let _ = story.edit(&number, protect).await.expect(200);
        assert_eq!(story.release(&number).await.expect(409).code(), code);
        let _ = story.edit(&number, release).await.expect(200);
    }
    assert_eq!(list(&story.app.state("twilio").await, "numbers").len(), 1);
    let _ = story.release(&number).await.expect(200);
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_that_was_never_bought_cannot_be_released() {
    let story = Story::with_an_offer().await;
    story.refusal("twilio", "numbers.create", 400, Some(21422)).await;
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(409);
    let failed = word(&story.get("/v1/numbers").await.body, "/items/0/id");
    assert_eq!(story.release(&failed).await.expect(409).code(), "number_not_active");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_the_operator_gave_back_already_is_released_all_the_same() {
    let (story, number) = Story::with_a_number().await;
    let twilio = &story.app.system.simulators.twilio;
    let id = word(&list(&twilio.state(), "numbers")[0], "/id");
    let account = &twilio.account_sid;
    let url = format!("{}/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{id}.json", twilio.url);
    let gone = client().delete(url).basic_auth(account, Some(&twilio.auth_token)).send().await;
    assert_eq!(gone.expect("the carrier answers").status().as_u16(), 204);
    let _ = story.release(&number).await.expect(200);
    story.app.verify().await;
}

#[tokio::test]
async fn a_lost_reply_to_a_release_releases_once() {
    let (story, number) = Story::with_a_number().await;
    story.fault("twilio", "numbers.delete", "lost_reply", 1).await;
    let answer = story.release(&number).await;
    assert!(matches!(answer.status.as_u16(), 200 | 202), "{}", answer.body);
    let _ = story.app.advance("PT10M").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    assert_eq!(list(&story.app.state("twilio").await, "numbers").len(), 0);
    story.app.verify().await;
}

#[tokio::test]
async fn a_carrier_that_is_down_gets_its_number_back_when_it_is_up_again() {
    let (story, number, _) = Story::with_a_linked_number().await;
    for operation in ["numbers.get", "numbers.delete", "numbers.list"] {
        story.fault("twilio", operation, "error", 1_000).await;
    }
    let running = story.release(&number).await.expect(202);
    assert_snapshot!(story.line(&running), @"202 op_<1> release running (disconnect finished, release_at_carrier pending)");
    assert_eq!(word(&story.number(&number).await, "/status"), "releasing");
    // Asked again, it is the same release.
    assert_eq!(story.release(&number).await.expect(202).text("/operation/id"), running.text("/operation/id"));
    // Nobody is put through while it goes, and the money question is closed.
    assert_eq!(story.number(&number).await["next_charge_on"], json!(null));
    let _ = story.app.local("clock", Some(json!({ "advance": "PT1S", "run_jobs": false }))).await.expect(200);
    assert_eq!(word(&story.call(NUMBER, "completed").await, "/status"), "completed");
    story.app.no_faults();
    let _ = story.app.advance("PT15M").await;
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local released, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished, connect finished)
    operation op_<2> release succeeded (disconnect finished, release_at_carrier finished)
    wallet    8.50, held 0.00, available 8.50, lasts until -
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.create 201, 1 × numbers.delete 204, 1 × numbers.get 200, 2 × numbers.get 500, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      assistant <3> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 1 × numbers.delete 200, 2 × numbers.get 200, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<4>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<5>"}
    event     number.released {"e164":"+12125550123","number_id":"num_<4>","operation_id":"op_<2>","why":"asked"}
    "#);
}

#[tokio::test]
async fn a_number_the_operator_renamed_is_not_given_back_but_shown_as_stuck() {
    let (story, number) = Story::with_a_number().await;
    let operator = story.app.operator().await;
    let held = list(&story.app.state("twilio").await, "numbers").remove(0);
    let resource = format!("IncomingPhoneNumbers/{}", word(&held, "/id"));
    let _ = story.at_the_carrier(&resource, &[("FriendlyName", "Keep this one")]).await;
    let stuck = story.release(&number).await.expect(202);
    assert_eq!(list(&story.app.state("twilio").await, "numbers").len(), 1);
    let seen = story.app.get(&operator, "/v1/operator/operations?status=stuck").await.expect(200);
    assert_snapshot!(story.redacted(&format!("{:#}", seen.body)), @r#"
    {
      "items": [
        {
          "advice": "The carrier has not taken the number back and may still be charging for it; callers are not put through any more and the tenant is not charged. A resume gives it back again at once; one that is gone already counts as given back. Check at the carrier that the number still has the name we gave it: one with another name is never touched. Nobody works on it until it is resumed.",
          "attempts": 0,
          "created_at": "2027-01-15T10:00:00Z",
          "e164": "+12125550123",
          "error": {
            "code": "needs_operator",
            "detail": "release_at_carrier was refused: PN<1> has another name at the carrier than the one given at purchase; not touched."
          },
          "id": "op_<2>",
          "kind": "release",
          "next_attempt_at": null,
          "number_id": "num_<3>",
          "since": "2027-01-15T10:00:00Z",
          "status": "stuck",
          "step": {
            "name": "release_at_carrier",
            "status": "started"
          },
          "steps": [
            {
              "name": "release_at_carrier",
              "status": "started"
            }
          ],
          "tenant_id": "ten_<4>",
          "trouble": "release_at_carrier was refused: PN<1> has another name at the carrier than the one given at purchase; not touched."
        }
      ],
      "next_cursor": null
    }
    "#);
    // Put right, it goes on from where it was.
    let _ = story.at_the_carrier(&resource, &[("FriendlyName", &word(&held, "/name"))]).await;
    let resume = format!("/v1/operator/operations/{}/resume", stuck.text("/operation/id"));
    let resumed = story.app.post(&operator, &resume, "once", json!(null)).await.expect(200);
    assert_eq!(resumed.text("/status"), "running");
    // At once: the queue has it, and nothing is waited for.
    let _ = story.app.drain().await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    let trail = list(&story.app.get(&operator, "/v1/operator/audit").await.expect(200).body, "items");
    let line = trail.iter().find(|line| line["action"] == "operation_resumed").expect("a line");
    assert_eq!(word(line, "/subject"), stuck.text("/operation/id"));
    assert_eq!(word(line, "/actor/name"), "operator/operator");
    let again = story.app.post(&operator, &resume, "twice", json!(null)).await.expect(404);
    assert_eq!(again.code(), "not_found");
    story.app.verify().await;
}

#[tokio::test]
async fn a_released_number_is_kept_from_others_for_thirty_days_and_its_holder_may_have_it_back() {
    let (story, number) = Story::with_a_number().await;
    let rival = story.app.tenant("PRO", "10.00").await;
    let _ = story.release(&number).await.expect(200);
    // Gone at the carrier, it is on offer to nobody.
    let _ = story.buy("too soon", json!({ "e164": NUMBER })).await.expect(409);
    story.stock(&[NUMBER]).await;
    let refused = story.app.post(&rival, "/v1/numbers", "key", json!({ "e164": NUMBER })).await.expect(409);
    assert_snapshot!(story.line(&refused), @"409 number_unavailable: It is taken or not on offer. Search again.");
    let back = story.buy("back", json!({ "e164": NUMBER })).await.expect(201);
    assert_ne!(back.text("/number/id"), number);
    let _ = story.release(&back.text("/number/id")).await.expect(200);
    let _ = story.app.advance("P29DT23H").await;
    let _ = story.app.post(&rival, "/v1/numbers", "key", json!({ "e164": NUMBER })).await.expect(409);
    let _ = story.app.advance("PT2H").await;
    let _ = story.app.post(&rival, "/v1/numbers", "key", json!({ "e164": NUMBER })).await.expect(201);
    // It is theirs now, and its former holder sees no more than before.
    let _ = story.buy("mine", json!({ "e164": NUMBER })).await.expect(409);
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local released, paid through 2027-02-15
    number    +12125550123 local released, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished)
    operation op_<2> purchase succeeded (buy finished)
    operation op_<3> release succeeded (release_at_carrier finished)
    operation op_<4> release succeeded (release_at_carrier finished)
    wallet    7.00, held 0.00, available 7.00, lasts until -
    ledger    number_charge -1.50, then 7.00: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<5>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<6>
    asked     3 × numbers.create 201, 2 × numbers.delete 204, 2 × numbers.get 200, 4 × numbers.list 200, 7 × numbers.search 200, 3 × prices.get 200
    asked     2 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<7>","operation_id":"op_<2>"}
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<8>","operation_id":"op_<1>"}
    event     number.released {"e164":"+12125550123","number_id":"num_<8>","operation_id":"op_<4>","why":"asked"}
    event     number.released {"e164":"+12125550123","number_id":"num_<7>","operation_id":"op_<3>","why":"asked"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<9>"}
    "#);
}

#[tokio::test]
async fn a_release_that_is_not_waited_for_is_done_by_the_queue() {
    let (story, number) = Story::with_a_number().await;
    let path = format!("/v1/numbers/{number}");
    let wait = [("Prefer", "respond-async")];
    let _ = story.app.send(Method::DELETE, &path, &story.tenant.token, &wait, None).await.expect(202);
    assert_eq!(word(&story.number(&number).await, "/status"), "releasing");
    let _ = story.app.drain().await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    story.app.verify().await;
}

#[tokio::test]
async fn a_release_at_another_time_than_now_is_refused_rather_than_done_now() {
    let (story, number) = Story::with_a_number().await;
    let refused = story.app.delete(&story.tenant, &format!("/v1/numbers/{number}?when=tomorrow")).await.expect(400);
    assert_eq!(refused.text("/errors/0/field"), "when");
    assert_eq!(word(&story.number(&number).await, "/status"), "active");
}

#[tokio::test]
async fn a_number_let_go_at_the_end_of_its_period_serves_until_then_and_is_charged_no_more() {
    let (story, number) = Story::with_a_number().await;
    let path = format!("/v1/numbers/{number}?when=period_end");
    let first = story.app.delete(&story.tenant, &path).await.expect(200);
    assert_eq!(first.body["operation"], json!(null));
    assert_eq!(first.text("/number/status"), "active");
    assert_eq!(first.text("/number/release_at"), "2027-02-14T22:00:00Z");
    assert_eq!(first.body["number"]["next_charge_on"], json!(null));
    let again = story.app.delete(&story.tenant, &path).await.expect(200);
    assert_eq!(again.body, first.body);
    let upcoming = story.get("/v1/wallet/upcoming").await.expect(200);
    assert_eq!(upcoming.body, json!({ "items": [], "next_cursor": null }));

    let _ = story.app.local("clock", Some(json!({ "to": "2027-02-14T21:59:59Z" }))).await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "active");
    let _ = story.app.local("clock", Some(json!({ "to": "2027-03-20T00:00:00Z" }))).await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
    assert_eq!(story.app.asked("twilio", "numbers.delete").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn letting_a_number_go_can_be_undone_until_its_release_begins() {
    let (story, number) = Story::with_a_number().await;
    let undo = format!("/v1/numbers/{number}/undo-release");
    let post = async || story.app.send(Method::POST, &undo, &story.tenant.token, &[], None).await;
    assert_eq!(post().await.expect(409).code(), "nothing_to_undo");
    let before = story.number(&number).await;
    let path = format!("/v1/numbers/{number}?when=period_end");
    let _ = story.app.delete(&story.tenant, &path).await.expect(200);
    assert_eq!(post().await.expect(200).body, before);
    assert_eq!(post().await.expect(409).code(), "nothing_to_undo");
    let upcoming = story.get("/v1/wallet/upcoming").await.expect(200);
    assert_eq!(upcoming.text("/items/0/on"), "2027-02-15T00:00:00Z");
    assert_eq!(upcoming.text("/items/0/amount/amount"), "1.50");

    let _ = story.app.local("clock", Some(json!({ "to": "2027-02-20T00:00:00Z" }))).await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/paid_through"), "2027-03-15T00:00:00Z");
    let _ = story.app.delete(&story.tenant, &path).await.expect(200);
    let _ = story.app.local("clock", Some(json!({ "to": "2027-03-15T00:00:00Z" }))).await.expect(200);
    assert_eq!(post().await.expect(409).code(), "release_started");
    story.app.verify().await;
}
