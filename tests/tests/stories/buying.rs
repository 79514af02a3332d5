//! Buying a number: what is asked of the carrier, what is charged, and what remains when it goes wrong.

use insta::assert_snapshot;
use serde_json::json;

use crate::kit::{FALLBACK, NUMBER, Story, list, word};

const OTHER: &str = "+12125550124";
const NOT_ON_OFFER: &str = "+19075550123";

#[tokio::test]
async fn a_tenant_searches_in_212_and_buys_exactly_what_it_saw() {
    let story = Story::with_an_offer().await;
    let offers = story.get("/v1/available-numbers?country=US&area_code=212&limit=1").await.expect(200);
    assert_snapshot!(offers.body["items"][0], @r#"{"address_requirement":"none","capabilities":{"mms":true,"sms":true,"voice":true},"carrier":"twilio","country":"US","e164":"+12125550243","locality":"New York","price":{"amount":"1.50","currency":"USD"},"region":"NY","type":"local"}"#);
    let bought = story.buy("key", json!({ "e164": NUMBER, "name": "Main line", "fallback": FALLBACK })).await;
    assert_snapshot!(story.redacted(&format!("{:#}", bought.expect(201).body)), @r#"
    {
      "number": {
        "agent_id": null,
        "capabilities": {
          "mms": true,
          "sms": true,
          "voice": true
        },
        "carrier": "twilio",
        "country": "US",
        "created_at": "2027-01-15T10:00:00Z",
        "e164": "+12125550123",
        "fallback": "+14155550100",
        "id": "num_<1>",
        "included": false,
        "link": null,
        "locked": false,
        "name": "Main line",
        "next_charge_on": "2027-02-15T00:00:00Z",
        "notes": null,
        "open_operation_id": null,
        "paid_through": "2027-02-15T00:00:00Z",
        "parked": false,
        "price": {
          "amount": "1.50",
          "currency": "USD"
        },
        "price_change": null,
        "primary": false,
        "project_id": null,
        "release_at": null,
        "status": "active",
        "tags": [],
        "type": "local"
      },
      "operation": {
        "created_at": "2027-01-15T10:00:00Z",
        "error": null,
        "id": "op_<2>",
        "kind": "purchase",
        "number_id": "num_<1>",
        "status": "succeeded",
        "steps": [
          {
            "name": "buy",
            "status": "finished"
          }
        ]
      }
    }
    "#);
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, named Main line, else +14155550100, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<1>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<2>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 2 × numbers.search 200
    asked     
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<3>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<4>"}
    "#);
}

#[tokio::test]
async fn any_number_in_415_is_bought_and_answered_by_the_agent() {
    let story = Story::begin("PRO", "10.00").await;
    story.stock(&["+14155550123"]).await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let request = json!({ "country": "US", "area_code": "415", "agent_id": agent });
    assert_snapshot!(story.line(&story.buy("key", request).await.expect(201)), @"201 +14155550243 local active, answered by agt_<1>, link linked, paid through 2027-02-15 and op_<2> purchase succeeded (buy finished, connect finished)");
    assert_snapshot!(story.told().await, @r#"
    number    +14155550243 local active, answered by agt_<1>, link linked, paid through 2027-02-15
    operation op_<2> purchase succeeded (buy finished, connect finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +14155550243 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +14155550243 is local-<2>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<3>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      sip:local-<2>@sip.vapi.ai is local-<2>, answered by <4>
    vapi      assistant <4> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+14155550243","number_id":"num_<5>","operation_id":"op_<2>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<6>"}
    "#);
}

#[tokio::test]
async fn a_toll_free_number_costs_what_the_price_book_says() {
    let story = Story::begin("PRO", "10.00").await;
    let bought = story.buy("key", json!({ "country": "US", "type": "toll_free" })).await.expect(201);
    assert_eq!(bought.body["number"]["price"], json!({ "amount": "3.00", "currency": "USD" }));
    assert_eq!(story.app.wallet(&story.tenant).await, ("7.00".into(), "0.00".into(), "7.00".into()));
    story.app.verify().await;
}

#[tokio::test]
async fn a_lost_reply_from_the_carrier_buys_the_number_once() {
    let story = Story::with_an_offer().await;
    story.fault("twilio", "numbers.create", "lost_reply", 1).await;
    assert_snapshot!(story.line(&story.buy("key", json!({ "e164": NUMBER })).await.expect(201)), @"201 +12125550123 local active, paid through 2027-02-15 and op_<1> purchase succeeded (buy finished)");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<1>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<2>
    asked     1 × numbers.create 0, 2 × numbers.list 200, 1 × numbers.search 200
    asked     
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<3>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<4>"}
    "#);
}

#[tokio::test]
async fn a_purchase_the_carrier_never_answered_is_bought_once_by_the_sweeps() {
    let story = Story::with_an_offer().await;
    story.fault("twilio", "numbers.create", "timeout", 1).await;
    let running = story.buy("key", json!({ "e164": NUMBER })).await.expect(202);
    assert_eq!(running.headers["location"], format!("/v1/operations/{}", running.text("/operation/id")));
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local pending, open op_<1>
    operation op_<1> purchase running (buy started)
    wallet    10.00, held 1.50, available 8.50, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.create 0, 2 × numbers.list 200, 1 × numbers.search 200
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<2>"}
    "#);
    let _ = story.app.advance("PT10M").await;
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<1>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<2>
    asked     1 × numbers.create 0, 1 × numbers.create 201, 5 × numbers.list 200, 1 × numbers.search 200
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<3>"}
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<4>","operation_id":"op_<1>"}
    "#);
}

#[tokio::test]
async fn an_offer_taken_by_another_gives_way_to_the_next_under_the_same_hold() {
    let story = Story::begin("PRO", "1.50").await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    story.refusal("twilio", "numbers.create", 400, Some(21422)).await;
    let request = json!({ "country": "US", "area_code": "646", "agent_id": agent });
    let bought = story.buy("key", request).await.expect(201);
    let told = story.told().await.replace(&bought.text("/number/e164"), "+1646NEXT");
    assert_snapshot!(told, @r#"
    number    +1646NEXT local active, answered by agt_<1>, link linked, paid through 2027-02-15
    operation op_<2> purchase succeeded (buy finished, connect finished)
    wallet    0.00, held 0.00, available 0.00, lasts until 2027-02-14
    ledger    number_charge -1.50, then 0.00: +1646NEXT from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 1.50, then 1.50: Opening balance
    twilio    +1646NEXT is local-<2>-2, calls go to https://us/webhooks/twilio/voice?tenant=ten_<3>
    asked     1 × numbers.create 201, 1 × numbers.create 400, 2 × numbers.list 200, 1 × numbers.search 200
    vapi      sip:local-<2>-2@sip.vapi.ai is local-<2>-2, answered by <4>
    vapi      assistant <4> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 201, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+1646NEXT","number_id":"num_<5>","operation_id":"op_<2>"}
    event     wallet.adjusted {"amount":{"amount":"1.50","currency":"USD"},"entry_id":"ent_<6>"}
    "#);
}

#[tokio::test]
async fn three_offers_taken_in_a_row_end_the_purchase_and_the_money_is_back() {
    let story = Story::begin("PRO", "1.50").await;
    for _ in 0..3 {
        story.refusal("twilio", "numbers.create", 400, Some(21422)).await;
    }
    let refused = story.buy("key", json!({ "country": "US", "area_code": "646" })).await.expect(409);
    assert_snapshot!(story.line(&refused), @"409 number_unavailable: It is taken or not on offer. Search again.");
    assert_eq!(story.app.wallet(&story.tenant).await, ("1.50".into(), "0.00".into(), "1.50".into()));
    assert_eq!(list(&story.app.state("twilio").await, "numbers"), Vec::<serde_json::Value>::new());
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_sold_to_somebody_else_meanwhile_is_refused_before_anything_is_held() {
    let story = Story::with_an_offer().await;
    story.app.system.simulators.twilio.sold_elsewhere(NUMBER);
    let refused = story.buy("key", json!({ "e164": NUMBER })).await.expect(409);
    assert_snapshot!(story.line(&refused), @"409 number_unavailable: It is taken or not on offer. Search again.");
    assert_snapshot!(story.told().await, @r#"
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.search 200
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
}

#[tokio::test]
async fn an_empty_wallet_is_refused_without_asking_the_carrier() {
    let story = Story::begin("PRO", "1.49").await;
    story.stock(&[NUMBER]).await;
    let refused = story.buy("key", json!({ "e164": NUMBER })).await.expect(402);
    assert_snapshot!(format!("{:#}", refused.body), @r#"
    {
      "available": {
        "amount": "1.49",
        "currency": "USD"
      },
      "code": "insufficient_balance",
      "detail": "It takes 1.50 USD, and 1.49 USD is available. Top up and send the request again.",
      "required": {
        "amount": "1.50",
        "currency": "USD"
      },
      "status": 402,
      "title": "Not enough money",
      "type": "urn:trunkline:problem:insufficient_balance"
    }
    "#);
    assert_snapshot!(story.told().await, @r#"
    wallet    1.49, held 0.00, available 1.49, lasts until -
    ledger    adjustment 1.49, then 1.49: Opening balance
    asked     
    asked     
    event     wallet.adjusted {"amount":{"amount":"1.49","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
}

#[tokio::test]
async fn two_tenants_racing_for_one_number_get_one_sale_and_one_refusal() {
    let story = Story::with_an_offer().await;
    let rival = story.app.tenant("PRO", "10.00").await;
    let request = json!({ "e164": NUMBER });
    let (one, two) = tokio::join!(
        story.app.post(&story.tenant, "/v1/numbers", "key", request.clone()),
        story.app.post(&rival, "/v1/numbers", "key", request),
    );
    let (won, lost) = if one.status.as_u16() == 201 { (one, two) } else { (two, one) };
    let (_, lost) = (won.expect(201), lost.expect(409));
    // Exactly what a number gets that nobody offers.
    let never = story.buy("another", json!({ "e164": NOT_ON_OFFER })).await.expect(409);
    assert_eq!(lost.body, never.body);
    let numbers = list(&story.app.state("twilio").await, "numbers");
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    let mut balances = [story.app.wallet(&story.tenant).await.2, story.app.wallet(&rival).await.2];
    balances.sort();
    assert_eq!(balances, ["10.00", "8.50"]);
    story.app.verify().await;
}

#[tokio::test]
async fn the_last_money_buys_one_of_two_numbers_wanted_at_once() {
    let story = Story::begin("PRO", "2.00").await;
    story.stock(&[NUMBER, OTHER]).await;
    let (one, two) =
        tokio::join!(story.buy("one", json!({ "e164": NUMBER })), story.buy("two", json!({ "e164": OTHER })));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 402]);
    assert_eq!(story.app.wallet(&story.tenant).await, ("0.50".into(), "0.00".into(), "0.50".into()));
    assert_eq!(story.app.asked("twilio", "numbers.create").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn a_repeated_key_is_answered_with_the_first_purchase() {
    let story = Story::with_an_offer().await;
    let first = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    let again = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    assert_eq!(first.body, again.body);
    // As it was understood, not as it was written.
    let spelt_out = story.buy("key", json!({ "e164": NUMBER, "all_or_nothing": false, "name": null })).await;
    assert_eq!(spelt_out.expect(201).body, first.body);
    assert_eq!(story.app.asked("twilio", "numbers.create").await, 1);
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
    story.app.verify().await;
}

#[tokio::test]
async fn a_key_sent_many_times_at_once_buys_one_number() {
    let story = Story::begin("PRO", "10.00").await;
    let request = json!({ "country": "US", "area_code": "646" });
    let buy = || story.buy("key", request.clone());
    let (a, b, c, d) = tokio::join!(buy(), buy(), buy(), buy());
    let first = a.text("/operation/id");
    for answer in [&a, &b, &c, &d] {
        assert!(matches!(answer.status.as_u16(), 201 | 202), "{}", answer.body);
        assert_eq!(answer.text("/operation/id"), first);
    }
    let _ = story.buy("key", request).await.expect(201);
    assert_eq!(list(&story.app.state("twilio").await, "numbers").len(), 1);
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
    story.app.verify().await;
}

#[tokio::test]
async fn a_key_with_another_request_is_refused_and_buys_nothing() {
    let (story, _) = Story::with_a_number().await;
    story.stock(&[OTHER]).await;
    let refused = story.buy(NUMBER, json!({ "e164": OTHER })).await.expect(422);
    assert_snapshot!(story.line(&refused), @"422 idempotency_key_reused: This `Idempotency-Key` came with a different request before; use a fresh one.");
    let made = story.app.post(&story.tenant, "/v1/projects", NUMBER, json!({ "name": "Shop" })).await;
    assert_eq!(made.expect(422).code(), "idempotency_key_reused");
    assert_eq!(story.app.asked("twilio", "numbers.create").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn another_tenants_key_of_the_same_text_is_another_key() {
    let (story, _) = Story::with_a_number().await;
    story.stock(&[OTHER]).await;
    let rival = story.app.tenant("PRO", "10.00").await;
    let bought = story.app.post(&rival, "/v1/numbers", NUMBER, json!({ "e164": OTHER })).await.expect(201);
    assert_eq!(bought.text("/number/e164"), OTHER);
    story.app.verify().await;
}

#[tokio::test]
async fn a_key_refused_for_want_of_money_is_free_again_after_a_top_up() {
    let story = Story::begin("PRO", "1.00").await;
    story.stock(&[NUMBER]).await;
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(402);
    let _ = story.adjust("top-up", "0.50", "Top-up").await.expect(201);
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    assert_eq!(story.app.wallet(&story.tenant).await, ("0.00".into(), "0.00".into(), "0.00".into()));
    story.app.verify().await;
}

#[tokio::test]
async fn a_key_whose_purchase_failed_answers_that_failure_for_ever() {
    let story = Story::with_an_offer().await;
    story.refusal("twilio", "numbers.create", 400, Some(21422)).await;
    let failed = story.buy("key", json!({ "e164": NUMBER })).await.expect(409);
    assert_snapshot!(story.line(&failed), @"409 number_unavailable: It is taken or not on offer. Search again.");
    let _ = story.app.advance("P60D").await;
    let again = story.buy("key", json!({ "e164": NUMBER })).await.expect(409);
    assert_eq!(again.body, failed.body);
    assert_eq!(failed.text("/operation_id"), word(&story.get("/v1/operations").await.body, "/items/0/id"));
    let _ = story.buy("a fresh key", json!({ "e164": NUMBER })).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn whoever_does_not_want_to_wait_follows_the_operation() {
    let story = Story::with_an_offer().await;
    let headers = [("Idempotency-Key", "key"), ("Prefer", "respond-async")];
    let send = || {
        let request = Some(json!({ "e164": NUMBER }));
        story.app.send(reqwest::Method::POST, "/v1/numbers", &story.tenant.token, &headers, request)
    };
    let accepted = send().await.expect(202);
    assert_snapshot!(story.line(&accepted), @"202 op_<1> purchase running (buy pending)");
    assert_eq!(story.app.wallet(&story.tenant).await, ("10.00".into(), "1.50".into(), "8.50".into()));
    let again = send().await.expect(202);
    assert_eq!(again.text("/operation/id"), accepted.text("/operation/id"));
    let location = accepted.headers["location"].to_str().expect("text").to_owned();
    assert_eq!(story.get(&location).await.expect(200).text("/status"), "running");
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.get(&location).await.expect(200).text("/status"), "succeeded");
    assert_snapshot!(story.line(&send().await.expect(201)), @"201 +12125550123 local active, paid through 2027-02-15 and op_<1> purchase succeeded (buy finished)");
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_of_the_operators_own_is_refused_and_stays_untouched() {
    let story = Story::with_an_offer().await;
    let own = [("PhoneNumber", NUMBER), ("FriendlyName", "Office"), ("VoiceUrl", "https://office.example/voice")];
    let _ = story.at_the_carrier("IncomingPhoneNumbers", &own).await;
    let before = list(&story.app.state("twilio").await, "numbers");
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(409);
    assert_eq!(list(&story.app.state("twilio").await, "numbers"), before);
    assert_snapshot!(story.told().await, @r#"
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is Office, calls go to https://office.example/voice
    asked     1 × numbers.create 201, 1 × numbers.search 200
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
}

#[tokio::test]
async fn a_number_the_operator_buys_between_search_and_purchase_is_never_taken_over() {
    let story = Story::with_an_offer().await;
    // The beginning is slow, and the operator is faster at the carrier's own console.
    story.app.fault(json!({ "provider": "dynamodb", "operation": "transact", "kind": "delay", "ms": 400 })).await;
    let own = [("PhoneNumber", NUMBER), ("FriendlyName", "Office")];
    let operator = async {
        while story.app.asked("twilio", "numbers.search").await == 0 {}
        story.at_the_carrier("IncomingPhoneNumbers", &own).await
    };
    let (refused, _) = tokio::join!(story.buy("key", json!({ "e164": NUMBER })), operator);
    assert_snapshot!(story.line(&refused.expect(409)), @"409 number_unavailable: It is taken or not on offer. Search again.");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local failed
    operation op_<1> purchase failed (buy pending), number_unavailable
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is Office, calls go to -
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    asked     
    event     number.purchase_failed {"code":"number_unavailable","e164":"+12125550123","number_id":"num_<2>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<3>"}
    "#);
}

#[tokio::test]
async fn a_free_plan_holds_no_numbers() {
    let story = Story::begin("FREE", "10.00").await;
    let refused = story.buy("key", json!({ "country": "US" })).await.expect(403);
    assert_snapshot!(story.line(&refused), @"403 plan_forbids_numbers: Move to a plan that holds numbers.");
    assert_snapshot!(story.told().await, @r#"
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
}

#[tokio::test]
async fn a_plan_holds_as_many_numbers_as_it_says_and_a_released_one_makes_room() {
    let story = Story::begin("PRO", "100.00").await;
    let any = json!({ "country": "US" });
    let mut first = String::new();
    for n in 0..24 {
        first = story.buy(&format!("key {n}"), any.clone()).await.expect(201).text("/number/id");
    }
    // One place is left, and two want it.
    let (one, two) = tokio::join!(story.buy("one", any.clone()), story.buy("two", any.clone()));
    let mut answers = [(one.status.as_u16(), one.code().to_owned()), (two.status.as_u16(), two.code().to_owned())];
    answers.sort();
    assert_eq!(answers, [(201, String::new()), (403, "number_limit_reached".to_owned())]);
    let _ = story.release(&first).await.expect(200);
    let _ = story.buy("again", any).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn a_platform_that_refuses_the_agent_leaves_the_number_bought_and_unlinked() {
    let story = Story::with_an_offer().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    story.refusal("vapi", "numbers.create", 400, None).await;
    let bought = story.buy("key", json!({ "e164": NUMBER, "agent_id": agent })).await.expect(201);
    assert_snapshot!(story.line(&bought), @"201 +12125550123 local active, link failed, because Vapi 400: Bad Request, paid through 2027-02-15 and op_<1> purchase succeeded (buy finished, connect skipped)");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, link failed, because Vapi 400: Bad Request, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished, connect skipped)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<1>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<2>
    asked     1 × numbers.create 201, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      assistant <3> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 400, 1 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<4>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<5>"}
    "#);
    let linked = story.link(&bought.text("/number/id"), &agent).await.expect(200);
    assert_eq!(linked.text("/number/link/status"), "linked");
    story.app.verify().await;
}

#[tokio::test]
async fn a_platform_that_refuses_undoes_a_purchase_that_was_all_or_nothing() {
    let story = Story::with_an_offer().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    story.refusal("vapi", "numbers.create", 400, None).await;
    let request = json!({ "e164": NUMBER, "agent_id": agent, "all_or_nothing": true });
    assert_snapshot!(story.line(&story.buy("key", request).await.expect(503)), @"503 platform_unavailable: Vapi 400: Bad Request");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local failed
    operation op_<1> purchase failed (buy undone, connect pending), platform_unavailable
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.create 201, 1 × numbers.delete 204, 1 × numbers.get 200, 1 × numbers.list 200, 1 × numbers.search 200
    vapi      assistant <2> is Front desk
    asked     1 × agents.create 201, 1 × numbers.create 400, 1 × numbers.list 200
    event     number.purchase_failed {"code":"platform_unavailable","e164":"+12125550123","number_id":"num_<3>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<4>"}
    "#);
    // Nothing of it is in the way of another try, of whomever, once the carrier offers it again.
    story.stock(&[NUMBER]).await;
    let rival = story.app.tenant("PRO", "10.00").await;
    let _ = story.app.post(&rival, "/v1/numbers", "key", json!({ "e164": NUMBER })).await.expect(201);
}

#[tokio::test]
async fn a_platform_down_for_half_an_hour_delays_the_link_and_loses_nothing() {
    let story = Story::with_an_offer().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    for operation in ["numbers.list", "numbers.create", "numbers.get"] {
        story.fault("vapi", operation, "error", 10_000).await;
    }
    let request = json!({ "e164": NUMBER, "agent_id": agent });
    let running = story.buy("key", request.clone()).await.expect(202);
    assert_snapshot!(story.line(&running), @"202 op_<1> purchase running (buy finished, connect pending)");
    let _ = story.app.advance("PT30M").await;
    assert_eq!(story.buy("key", request.clone()).await.expect(202).text("/operation/status"), "running");
    assert_eq!(story.app.wallet(&story.tenant).await, ("10.00".into(), "1.50".into(), "8.50".into()));
    story.app.no_faults();
    let _ = story.app.advance("PT15M").await;
    assert_snapshot!(story.line(&story.buy("key", request).await.expect(201)), @"201 +12125550123 local active, answered by agt_<1>, link linked, paid through 2027-02-15 and op_<2> purchase succeeded (buy finished, connect finished)");
    assert_eq!(story.app.asked("twilio", "numbers.create").await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn credentials_the_carrier_refuses_end_the_purchase_as_not_configured() {
    let story = Story::with_an_offer().await;
    story.refusal("twilio", "numbers.search", 401, None).await;
    let looked = story.get("/v1/available-numbers?country=US").await.expect(503);
    assert_eq!(looked.code(), "carrier_not_configured");
    story.refusal("twilio", "numbers.create", 401, None).await;
    let refused = story.buy("key", json!({ "e164": NUMBER })).await.expect(503);
    assert_snapshot!(story.line(&refused), @"503 carrier_not_configured: The operator has no working account at the carrier.");
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local failed
    operation op_<1> purchase failed (buy pending), carrier_not_configured
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.create 401, 1 × numbers.list 200, 1 × numbers.search 200, 1 × numbers.search 401
    asked     
    event     number.purchase_failed {"code":"carrier_not_configured","e164":"+12125550123","number_id":"num_<2>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<3>"}
    "#);
}

#[tokio::test]
async fn a_carrier_that_is_down_is_told_apart_from_one_that_is_not_set_up() {
    let story = Story::with_an_offer().await;
    story.fault("twilio", "numbers.search", "error", 2).await;
    let refused = story.buy("key", json!({ "e164": NUMBER })).await.expect(503);
    assert_snapshot!(story.line(&refused), @"503 carrier_unavailable: The carrier did not answer as it should. Try again in a minute.");
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn a_bundle_the_carrier_asks_for_at_the_till_is_named_and_the_money_is_back() {
    let story = Story::begin("PRO", "10.00").await;
    let line = json!({ "country": "GB", "type": "local", "area_code": "113", "count": 5, "bundle_required": true });
    let stocked = story.app.local("simulators/twilio/stock", Some(line)).await.expect(200);
    let refused = story.buy("key", json!({ "e164": stocked.text("/e164/0") })).await.expect(422);
    assert_snapshot!(story.line(&refused), @"422 bundle_required: The carrier sells this number only with a regulatory bundle; ask the operator.");
    assert_snapshot!(story.told().await, @r#"
    number    +441135000000 local failed
    operation op_<1> purchase failed (buy pending), bundle_required
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     1 × numbers.create 400, 1 × numbers.list 200, 1 × numbers.search 200
    asked     
    event     number.purchase_failed {"code":"bundle_required","e164":"+441135000000","number_id":"num_<2>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<3>"}
    "#);
}

#[tokio::test]
async fn a_dry_run_finds_the_offer_and_moves_nothing() {
    let story = Story::with_an_offer().await;
    let before = story.told().await;
    let path = "/v1/numbers?dry_run=true";
    let request = Some(json!({ "e164": NUMBER }));
    let previewed = story.app.send(reqwest::Method::POST, path, &story.tenant.token, &[], request).await.expect(200);
    assert_snapshot!(story.redacted(&previewed.body.to_string()), @r#"{"available":{"amount":"10.00","currency":"USD"},"dry_run":true,"included_left":0,"numbers_left":25,"offer":{"address_requirement":"none","capabilities":{"mms":true,"sms":true,"voice":true},"carrier":"twilio","country":"US","e164":"+12125550123","locality":"New York","price":{"amount":"1.50","currency":"USD"},"region":"NY","type":"local"}}"#);
    let after = story.told().await;
    assert_eq!(before.replacen("asked     ", "asked     1 × numbers.search 200", 1), after);
    // It refuses what a purchase would refuse.
    for (request, code) in [
        (json!({ "e164": NOT_ON_OFFER }), "number_unavailable"),
        (json!({ "country": "FR", "type": "national" }), "unsupported_country"),
        (json!({ "e164": NUMBER, "agent_id": "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b" }), "not_found"),
    ] {
        let refused = story.app.post(&story.tenant, path, "key", request).await;
        assert_eq!(refused.code(), code);
    }
    // The key that came with it is still free.
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_a_dry_run_may_not_have_is_one_a_purchase_may_not_have() {
    let (story, number) = Story::with_a_number().await;
    let _ = story.release(&number).await.expect(200);
    story.stock(&[NUMBER]).await;
    let rival = story.app.tenant("PRO", "10.00").await;
    for path in ["/v1/numbers?dry_run=true", "/v1/numbers"] {
        let refused = story.app.post(&rival, path, "key", json!({ "e164": NUMBER })).await.expect(409);
        assert_eq!(refused.code(), "number_unavailable");
    }
    story.app.verify().await;
}

#[tokio::test]
async fn books_that_do_not_answer_are_503_and_the_same_key_tries_again() {
    let story = Story::with_an_offer().await;
    // The SDK tries three times by itself.
    story.fault("dynamodb", "transact", "error", 3).await;
    let refused = story.buy("key", json!({ "e164": NUMBER })).await.expect(503);
    assert_eq!(refused.code(), "service_unavailable");
    assert_eq!(list(&story.app.state("twilio").await, "numbers").len(), 0);
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn books_that_fall_silent_after_the_sale_leave_a_purchase_that_the_sweep_finishes() {
    let story = Story::with_an_offer().await;
    let silence =
        json!({ "provider": "dynamodb", "operation": "transact", "kind": "error", "times": 1_000, "after": 1 });
    story.app.fault(silence).await;
    assert_snapshot!(story.line(&story.buy("key", json!({ "e164": NUMBER })).await.expect(202)), @"202 op_<1> purchase running (buy pending)");
    assert_eq!(story.app.wallet(&story.tenant).await, ("10.00".into(), "1.50".into(), "8.50".into()));
    story.app.no_faults();
    story.app.restart_workers().await;
    let _ = story.app.advance("PT2M").await;
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    assert_snapshot!(story.told().await, @r#"
    number    +12125550123 local active, paid through 2027-02-15
    operation op_<1> purchase succeeded (buy finished)
    wallet    8.50, held 0.00, available 8.50, lasts until 2027-07-14
    ledger    number_charge -1.50, then 8.50: +12125550123 from 2027-01-15 to 2027-02-15, first period
    ledger    adjustment 10.00, then 10.00: Opening balance
    twilio    +12125550123 is local-<1>, calls go to https://us/webhooks/twilio/voice?tenant=ten_<2>
    asked     1 × numbers.create 201, 3 × numbers.list 200, 1 × numbers.search 200, 3 × prices.get 200
    asked     2 × numbers.list 200
    event     number.purchased {"amount":{"amount":"1.50","currency":"USD"},"e164":"+12125550123","number_id":"num_<3>","operation_id":"op_<1>"}
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<4>"}
    "#);
}
