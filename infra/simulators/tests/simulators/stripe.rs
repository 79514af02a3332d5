//! Stripe's interface, as a client sees it.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use simulators::{Fault, Kind};

use crate::kit::{World, answer, each, operations};
use crate::stripe_kit::{SESSION, text};

const SESSIONS: &str = "/v1/checkout/sessions";
const INTENTS: &str = "/v1/payment_intents";

#[tokio::test]
async fn the_secret_key_is_a_bearer_or_the_user_of_basic() {
    let world = World::new().await;
    let stripe = &world.sims.stripe;
    let get = || world.client().get(format!("{}/v1/customers", stripe.url));
    assert_eq!(answer(get().bearer_auth(&stripe.api_key)).await.0, 200);
    assert_eq!(answer(get().basic_auth(&stripe.api_key, Some(""))).await.0, 200);
    for request in [get(), get().bearer_auth("sk_test_other"), get().basic_auth(&stripe.api_key, Some("x"))] {
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["error"]["type"]), (401, &json!("invalid_request_error")));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_with_code_and_parameter() {
    let world = World::new().await;
    let without = |name: &str| -> Vec<(&str, &str)> { SESSION.into_iter().filter(|(key, _)| *key != name).collect() };
    let with = |name, value| -> Vec<(&str, &str)> { [without(name), vec![(name, value)]].concat() };
    let pay = |more: &[(&'static str, &'static str)]| [&[("amount", "100"), ("currency", "usd")], more].concat();
    let cases = [
        (SESSIONS, with("payment_method_types[0]", "card"), json!("parameter_unknown"), "payment_method_types"),
        (SESSIONS, with("metadata[a][b]", "c"), json!("parameter_unknown"), "metadata[a][b]"),
        (SESSIONS, without("mode"), json!("parameter_missing"), "mode"),
        (SESSIONS, without("success_url"), json!("parameter_missing"), "success_url"),
        (SESSIONS, without("line_items[0][quantity]"), json!("parameter_missing"), "line_items[0][quantity]"),
        (
            SESSIONS,
            vec![("mode", "payment"), ("success_url", "https://a.example")],
            json!("parameter_missing"),
            "line_items",
        ),
        (SESSIONS, with("mode", "pay"), Value::Null, "mode"),
        (SESSIONS, with("success_url", ""), json!("parameter_invalid_empty"), "success_url"),
        (SESSIONS, with("line_items[0][quantity]", "0"), json!("parameter_invalid_integer"), "line_items[0][quantity]"),
        (
            SESSIONS,
            with("line_items[0][price_data][currency]", "USD"),
            Value::Null,
            "line_items[0][price_data][currency]",
        ),
        (SESSIONS, with("customer", "cus_none"), json!("resource_missing"), "customer"),
        (SESSIONS, with("expires_at", "1798761601"), Value::Null, "expires_at"),
        (INTENTS, vec![("currency", "usd")], json!("parameter_missing"), "amount"),
        (INTENTS, vec![("amount", "100")], json!("parameter_missing"), "currency"),
        (INTENTS, vec![("amount", "1.00"), ("currency", "usd")], json!("parameter_invalid_integer"), "amount"),
        (INTENTS, pay(&[("payment_method_types[]", "card")]), json!("parameter_unknown"), "payment_method_types"),
        (INTENTS, pay(&[("off_session", "true")]), Value::Null, "off_session"),
        (INTENTS, pay(&[("confirm", "true")]), json!("parameter_missing"), "payment_method"),
        (INTENTS, pay(&[("confirm", "yes")]), Value::Null, "confirm"),
        (INTENTS, pay(&[("payment_method", "pm_none")]), json!("resource_missing"), "payment_method"),
        ("/v1/refunds", vec![("amount", "1")], json!("parameter_missing"), "payment_intent"),
        ("/v1/refunds", vec![("payment_intent", "pi_none")], json!("resource_missing"), "payment_intent"),
        ("/v1/refunds", vec![("reason", "regret")], Value::Null, "reason"),
    ];
    for (path, form, code, param) in cases {
        let (status, body) = world.stripe_post(path, &form).await;
        let error = &body["error"];
        assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")), "{form:?} {body}");
        assert_eq!((&error["code"], &error["param"]), (&code, &json!(param)), "{form:?}");
    }
    let long = "x".repeat(501);
    let (status, body) = world.stripe_post("/v1/customers", &[("metadata[a]", &long)]).await;
    assert_eq!((status, &body["error"]["param"]), (400, &json!("metadata[a]")));
    let json_body = world.stripe(Method::POST, "/v1/customers").json(&json!({ "name": "a" }));
    assert_eq!(answer(json_body).await.0, 400, "a form is expected");
    let state = world.sims.stripe.state();
    assert_eq!((&state["sessions"], &state["payments"], &state["customers"]), (&json!([]), &json!([]), &json!([])));
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let world = World::new().await;
    for path in [
        "/v1/customers/cus_x",
        "/v1/checkout/sessions/cs_x",
        "/v1/payment_intents/pi_x",
        "/v1/payment_methods/pm_x",
        "/v1/refunds/re_x",
        "/v1/disputes/du_x",
        "/v1/charges/ch_x",
        "/v1/events/evt_x",
    ] {
        let (status, body) = world.stripe_get(path).await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("resource_missing")), "{path}");
    }
    assert_eq!(world.stripe_get("/v1/products").await.0, 404);
    let odd = world.stripe_get("/v1/customers/cus_x?foo=1").await.1;
    assert_eq!(odd["error"]["code"], "parameter_unknown");
}

#[tokio::test]
async fn any_version_is_answered_and_every_answer_has_a_request_id() {
    let world = World::new().await;
    let ask = |version: Option<&'static str>| {
        let request = world.stripe(Method::POST, "/v1/customers");
        version.into_iter().fold(request, |request, version| request.header("Stripe-Version", version)).send()
    };
    for (sent, said) in [(None, "2026-10-28.endive"), (Some("2017-08-15"), "2017-08-15")] {
        let response = ask(sent).await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["stripe-version"]),
            (200, &said.parse().expect("text"))
        );
        assert!(response.headers()["request-id"].to_str().expect("text").starts_with("req_"));
    }
}

#[tokio::test]
async fn a_customer_is_made_changed_and_found() {
    let world = World::new().await;
    let form = [("email", "a@example.com"), ("metadata[tenant_id]", "t1"), ("metadata[x]", "1")];
    let made = world.stripe_made("/v1/customers", &form).await;
    assert_eq!((&made["object"], &made["livemode"]), (&json!("customer"), &json!(false)));
    let path = format!("/v1/customers/{}", text(&made["id"]));
    let changed = world.stripe_made(&path, &[("name", "Ada"), ("metadata[x]", "")]).await;
    assert_eq!((&changed["name"], &changed["metadata"]), (&json!("Ada"), &json!({ "tenant_id": "t1" })));
    assert_eq!(world.stripe_get(&path).await.1, changed);
    let (_, found) = world.stripe_get("/v1/customers?email=a%40example.com").await;
    assert_eq!(each(&found["data"], "id"), [text(&made["id"])]);
    assert_eq!(world.stripe_get("/v1/customers?email=b%40example.com").await.1["data"], json!([]));
    world.sims.stripe.set_live(true);
    assert_eq!(world.stripe_made("/v1/customers", &[]).await["livemode"], true);
    assert!(world.session(&[]).await.starts_with("cs_live_"));
}

#[tokio::test]
async fn a_session_is_paid_once_and_its_metadata_stays_its_own() {
    let world = World::new().await;
    let customer = world.customer().await;
    let more = [
        ("customer", customer.as_str()),
        ("payment_intent_data[metadata][order]", "o1"),
        ("line_items[1][quantity]", "3"),
        ("line_items[1][price_data][currency]", "usd"),
        ("line_items[1][price_data][unit_amount]", "50"),
        ("line_items[1][price_data][product_data][name]", "Fee"),
    ];
    let session = world.session(&more).await;
    let path = format!("{SESSIONS}/{session}");
    let (_, open) = world.stripe_get(&path).await;
    assert_eq!(
        (&open["status"], &open["payment_status"], &open["payment_intent"]),
        (&json!("open"), &json!("unpaid"), &Value::Null)
    );
    assert_eq!((&open["amount_total"], &open["currency"]), (&json!(2650), &json!("usd")));
    assert!(text(&open["url"]).contains(&session));
    let intent = world.paid(&session, "paid").await;
    let (_, done) = world.stripe_get(&path).await;
    assert_eq!(
        (&done["status"], &done["payment_status"], &done["url"]),
        (&json!("complete"), &json!("paid"), &Value::Null)
    );
    assert_eq!(done["metadata"], json!({ "topup_id": "top_1" }));
    let (_, paid) =
        world.stripe_get(&format!("{INTENTS}/{intent}?expand[]=payment_method&expand[]=latest_charge")).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&json!("succeeded"), &json!(2650)));
    assert_eq!(paid["metadata"], json!({ "order": "o1" }), "the session's metadata is not copied");
    assert_eq!(paid["payment_method"]["customer"], Value::Null, "not kept without being asked");
    assert_eq!(paid["latest_charge"]["paid"], true);
    for outcome in ["paid", "declined", "async"] {
        let again = world.sims.stripe.pay(json!({ "session": session, "outcome": outcome })).await;
        assert!(again.is_err(), "{outcome}");
    }
    let state = world.sims.stripe.state();
    let payment = &state["payments"][0];
    assert_eq!(
        (&payment["id"], &payment["amount"], &payment["currency"]),
        (&json!(intent), &json!("26.50"), &json!("USD"))
    );
    assert_eq!(state["sessions"][0]["amount"], "26.50");
}

#[tokio::test]
async fn after_a_decline_the_page_is_still_open() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    let first = world.paid(&session, "declined").await;
    let (_, intent) = world.stripe_get(&format!("{INTENTS}/{first}")).await;
    assert_eq!(intent["status"], "requires_payment_method");
    assert_eq!(intent["last_payment_error"]["code"], "card_declined");
    assert_eq!(world.stripe_get(&format!("{SESSIONS}/{session}")).await.1["status"], "open");
    assert_eq!(world.paid(&session, "paid").await, first, "it is the same intent");
}

#[tokio::test]
async fn a_session_expires_by_the_clock_or_by_request() {
    let world = World::new().await;
    let session = world.session(&[]).await;
    let short = world.session(&[("expires_at", "1798763400")]).await;
    let ended = world.session(&[]).await;
    let done = world.session(&[]).await;
    world.paid(&done, "paid").await;
    let status = async |id: &str| text(&world.stripe_get(&format!("{SESSIONS}/{id}")).await.1["status"]);
    let end = async |id: &str| world.stripe_post(&format!("{SESSIONS}/{id}/expire"), &[]).await;
    assert_eq!(end(&ended).await.1["status"], "expired");
    assert_eq!((end(&ended).await.0, end(&done).await.0), (400, 400));
    world.pass(SignedDuration::from_mins(30) - SignedDuration::from_secs(1));
    assert_eq!(status(&short).await, "open");
    world.pass(SignedDuration::from_secs(1));
    assert_eq!((status(&short).await, status(&session).await), ("expired".to_owned(), "open".to_owned()));
    world.pass(SignedDuration::from_hours(24));
    assert_eq!(world.sims.stripe.state()["sessions"][0]["status"], "expired");
    assert_eq!(status(&done).await, "complete");
    assert!(world.sims.stripe.pay(json!({ "session": session })).await.is_err());
}

#[tokio::test]
async fn a_saved_card_pays_and_another_customers_does_not() {
    let world = World::new().await;
    let (customer, card) = world.saved_card().await;
    let (_, method) = world.stripe_get(&format!("/v1/payment_methods/{card}")).await;
    assert_eq!((&method["customer"], &method["type"]), (&json!(customer), &json!("card")));
    let (status, paid) = world.off_session(&customer, &card, &[("metadata[trigger]", "7")]).await;
    assert_eq!((status, &paid["status"], &paid["metadata"]), (200, &json!("succeeded"), &json!({ "trigger": "7" })));
    let other = world.customer().await;
    assert_eq!(world.off_session(&other, &card, &[]).await.1["error"]["param"], "payment_method");
    let once = world.paid(&world.session(&[("customer", &customer)]).await, "paid").await;
    let once = text(&world.stripe_get(&format!("{INTENTS}/{once}")).await.1["payment_method"]);
    assert_eq!(world.off_session(&customer, &once, &[]).await.0, 400, "a card that was not kept");
}

#[tokio::test]
async fn a_card_declines_in_several_ways_and_leaves_an_intent_behind() {
    let world = World::new().await;
    let (customer, card) = world.saved_card().await;
    for (behaviour, code, decline, advice) in [
        ("declined", "card_declined", "generic_decline", "try_again_later"),
        ("insufficient_funds", "card_declined", "insufficient_funds", "try_again_later"),
        ("lost_card", "card_declined", "lost_card", "do_not_try_again"),
        ("authentication_required", "authentication_required", "authentication_required", "confirm_card_data"),
    ] {
        world.behave(behaviour);
        let (status, body) = world.off_session(&customer, &card, &[]).await;
        let error = &body["error"];
        assert_eq!((status, &error["type"], &error["code"]), (402, &json!("card_error"), &json!(code)), "{behaviour}");
        assert_eq!((&error["decline_code"], &error["advice_code"]), (&json!(decline), &json!(advice)));
        let intent = &error["payment_intent"];
        assert_eq!(intent["status"], "requires_payment_method");
        let (_, kept) = world.stripe_get(&format!("{INTENTS}/{}", text(&intent["id"]))).await;
        assert_eq!(&kept, intent, "it exists although the call failed");
    }
    let own = json!({ "customer": customer, "card": "ok" });
    world.sims.stripe.set_card(&own).expect("a customer's own card");
    assert_eq!(world.off_session(&customer, &card, &[]).await.0, 200, "a customer's own wins over everybody's");
    for wrong in [json!({ "card": "golden" }), json!({ "customer": "cus_x", "card": "ok" }), json!({})] {
        assert!(world.sims.stripe.set_card(&wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_processing_payment_waits_for_its_end() {
    let world = World::new().await;
    let (customer, card) = world.saved_card().await;
    world.behave("processing");
    for (outcome, end) in [("paid", "succeeded"), ("declined", "requires_payment_method")] {
        let (status, intent) = world.off_session(&customer, &card, &[]).await;
        assert_eq!((status, &intent["status"], &intent["amount_received"]), (200, &json!("processing"), &json!(0)));
        let id = text(&intent["id"]);
        assert_eq!(world.paid(&id, outcome).await, id);
        assert_eq!(world.stripe_get(&format!("{INTENTS}/{id}")).await.1["status"], end);
        assert!(world.sims.stripe.pay(json!({ "session": id })).await.is_err(), "it has ended");
    }
}

#[tokio::test]
async fn payments_are_listed_newest_first_page_by_page() {
    let world = World::new().await;
    let (customer, card) = world.saved_card().await;
    let mut ids = vec![text(&world.sims.stripe.state()["payments"][0]["id"])];
    for _ in 0..4 {
        ids.insert(0, text(&world.off_session(&customer, &card, &[]).await.1["id"]));
    }
    world.paid(&world.session(&[]).await, "paid").await;
    let list = async |query: &str| world.stripe_get(&format!("{INTENTS}?customer={customer}{query}")).await;
    let (_, all) = list("").await;
    assert_eq!((each(&all["data"], "id"), &all["has_more"]), (ids.iter().map(String::as_str).collect(), &json!(false)));
    let (_, first) = list("&limit=2").await;
    assert_eq!((each(&first["data"], "id"), &first["has_more"]), (vec![&*ids[0], &ids[1]], &json!(true)));
    let (_, rest) = list(&format!("&limit=3&starting_after={}", ids[1])).await;
    assert_eq!((each(&rest["data"], "id"), &rest["has_more"]), (vec![&*ids[2], &ids[3], &ids[4]], &json!(false)));
    let (_, back) = list(&format!("&limit=1&ending_before={}", ids[2])).await;
    assert_eq!((each(&back["data"], "id"), &back["has_more"]), (vec![&*ids[1]], &json!(true)));
    for wrong in ["&limit=0", "&limit=101", "&starting_after=pi_x", "&page=2"] {
        assert_eq!(list(wrong).await.0, 400, "{wrong}");
    }
    assert_eq!(list("&created[gt]=1798761600").await.1["data"], json!([]));
}

#[tokio::test]
async fn a_payment_is_refunded_in_parts_and_not_beyond() {
    let world = World::new().await;
    let intent = world.paid(&world.session(&[]).await, "paid").await;
    let refund =
        async |amount: &str| world.stripe_post("/v1/refunds", &[("payment_intent", &intent), ("amount", amount)]).await;
    let (status, first) = refund("1000").await;
    assert_eq!((status, &first["status"], &first["amount"]), (200, &json!("succeeded"), &json!(1000)));
    assert_eq!(world.stripe_get(&format!("/v1/refunds/{}", text(&first["id"]))).await.1, first);
    assert_eq!(refund("1501").await.1["error"]["param"], "amount");
    let charge = format!("/v1/charges/{}", text(&first["charge"]));
    assert_eq!(world.stripe_get(&charge).await.1["amount_refunded"], 1000);
    let rest = world.stripe_made("/v1/refunds", &[("payment_intent", &intent), ("reason", "duplicate")]).await;
    assert_eq!(rest["amount"], 1500, "all that is left");
    assert_eq!(world.stripe_get(&charge).await.1["refunded"], true);
    assert_eq!(refund("1").await.1["error"]["code"], "charge_already_refunded");
    let (_, list) = world.stripe_get(&format!("/v1/refunds?payment_intent={intent}")).await;
    assert_eq!(each(&list["data"], "id"), [text(&rest["id"]), text(&first["id"])]);
    assert_eq!(each(&world.sims.stripe.state()["refunds"], "amount"), ["10.00", "15.00"]);
    let unpaid = world.paid(&world.session(&[]).await, "declined").await;
    assert_eq!(world.stripe_post("/v1/refunds", &[("payment_intent", &unpaid)]).await.0, 400);
}

#[tokio::test]
async fn each_operation_can_be_struck_and_fails_in_stripes_own_shape() {
    let world = World::new().await;
    let add = |operation: &str, kind, status, code: Option<&str>| {
        let fault = Fault { status, code: code.map(str::to_owned), ..Fault::new("stripe", operation, kind) };
        world.sims.faults.add(fault).expect("a valid fault");
    };
    for (method, path, operation) in [
        (Method::POST, SESSIONS, "checkout.create"),
        (Method::GET, "/v1/checkout/sessions/x", "checkout.get"),
        (Method::POST, "/v1/checkout/sessions/x/expire", "checkout.expire"),
        (Method::POST, INTENTS, "payments.create"),
        (Method::GET, "/v1/payment_intents/x", "payments.get"),
        (Method::GET, INTENTS, "payments.list"),
        (Method::POST, "/v1/customers", "customers.create"),
        (Method::GET, "/v1/payment_methods/x", "methods.get"),
        (Method::POST, "/v1/refunds", "refunds.create"),
        (Method::GET, "/v1/refunds/x", "refunds.get"),
        (Method::GET, "/v1/disputes/x", "disputes.get"),
        (Method::GET, "/v1/events", "events.list"),
    ] {
        add(operation, Kind::RateLimit, None, None);
        let (status, body) = answer(world.stripe(method, path)).await;
        assert_eq!((status, &body["error"]["code"]), (429, &json!("rate_limit")), "{operation}");
    }
    for (status, code, kind, shown) in [
        (402, "insufficient_funds", "card_error", "card_declined"),
        (402, "expired_card", "card_error", "expired_card"),
        (500, "api_error", "api_error", ""),
        (409, "idempotency_key_in_use", "invalid_request_error", "idempotency_key_in_use"),
        (403, "forbidden", "invalid_request_error", "forbidden"),
    ] {
        add("payments.create", Kind::Error, Some(status), Some(code));
        let (answered, body) = world.stripe_post(INTENTS, &[]).await;
        let error = &body["error"];
        assert_eq!((answered, error["type"].as_str()), (status, Some(kind)));
        assert_eq!(error["code"].as_str().unwrap_or_default(), shown);
    }
    add("payments.create", Kind::Error, Some(503), None);
    let page = world.stripe(Method::POST, INTENTS).send().await.expect("an answer");
    assert_eq!((page.status().as_u16(), &page.headers()["content-type"]), (503, &"text/html".parse().expect("text")));
    let seen = operations(&world.sims.stripe.state());
    assert_eq!(seen.last(), Some(&("payments.create".to_owned(), 503)));
}
