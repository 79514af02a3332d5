//! Money comes in through pages to pay on, is told of by notifications in every order and state, and goes back.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant};

use crate::kit::{NUMBER, Story, list, word};

/// A tenant with nothing yet, who pays.
pub(crate) struct Payer {
    pub(crate) story: Story,
}

impl Payer {
    pub(crate) async fn begin() -> Self {
        Self { story: Story::begin("PRO", "0").await }
    }

    /// POST /v1/wallet/top-ups.
    pub(crate) async fn start(&self, key: &str, amount: &str) -> Answer {
        self.start_as(&self.story.tenant, key, amount).await
    }

    async fn start_as(&self, tenant: &Tenant, key: &str, amount: &str) -> Answer {
        let request = json!({ "amount": amount, "currency": "USD" });
        self.story.app.post(tenant, "/v1/wallet/top-ups", key, request).await
    }

    async fn stripe(&self, act: &str, request: Value) -> Value {
        self.story.app.local(&format!("simulators/stripe/{act}"), Some(request)).await.expect(200).body
    }

    /// Somebody on the page; the payment, and what became of the events.
    pub(crate) async fn pay(&self, session: &str, outcome: &str) -> Value {
        self.stripe("pay", json!({ "session": session, "outcome": outcome })).await
    }

    /// A top-up of 25 dollars that was paid; its id and its payment.
    pub(crate) async fn paid(&self, key: &str) -> (String, String) {
        let started = self.start(key, "25.00").await.expect(201);
        let paid = self.pay(&started.text("/session"), "paid").await;
        (started.text("/id"), word(&paid, "/payment_intent"))
    }

    /// Events are kept back from now on, or no longer.
    pub(crate) async fn hold(&self, hold: bool) {
        let _ = self.stripe("deliver", json!({ "hold": hold })).await;
    }

    /// The different statuses that events get when they are sent as asked.
    async fn deliver(&self, request: Value) -> Vec<u64> {
        statuses(&self.stripe("deliver", request).await)
    }

    /// Everything that waits is delivered.
    pub(crate) async fn settle(&self) {
        self.story.app.system.simulators.stripe.tick().await;
    }

    pub(crate) async fn status(&self, id: &str) -> String {
        self.story.get(&format!("/v1/wallet/top-ups/{id}")).await.expect(200).text("/status")
    }

    /// Balance, held, available; nothing without a wallet.
    pub(crate) async fn wallet(&self) -> [String; 3] {
        let (balance, held, available) = self.story.app.wallet(&self.story.tenant).await;
        [balance, held, available]
    }

    /// The ledger, kind and amount, in the order of the alphabet: what happens in one instant has no other.
    pub(crate) async fn ledger(&self) -> Vec<String> {
        let entries = list(&self.story.get("/v1/wallet/entries?limit=100").await.expect(200).body, "items");
        let line = |entry: &Value| format!("{} {}", word(entry, "/kind"), word(entry, "/amount/amount"));
        let mut lines: Vec<String> = entries.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// What the tenant was told, sorted.
    pub(crate) async fn news(&self) -> Vec<String> {
        let path = format!("events?tenant={}", self.story.tenant.id);
        let events = list(&self.story.app.local(&path, None).await.expect(200).body, "items");
        let mut news: Vec<String> = events.iter().map(|event| word(event, "/type")).collect();
        news.sort();
        news
    }

    /// How many of these the payment provider has.
    pub(crate) async fn has(&self, what: &str) -> usize {
        list(&self.story.app.state("stripe").await, what).len()
    }

    async fn buy(&self) -> Answer {
        self.story.stock(&[NUMBER]).await;
        self.story.buy(NUMBER, json!({ "e164": NUMBER })).await
    }
}

/// The different statuses of events, in their order.
fn statuses(answer: &Value) -> Vec<u64> {
    let events = list(answer, "events");
    events.iter().filter_map(|event| event["status"].as_u64()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn ids(answer: &Value) -> Vec<String> {
    list(answer, "events").iter().map(|event| word(event, "/id")).collect()
}

#[tokio::test]
async fn a_payment_is_credited_once_though_two_events_tell_of_it() {
    let payer = Payer::begin().await;
    let started = payer.start("key", "25.00").await.expect(201);
    assert_eq!((started.text("/status"), started.text("/kind")), ("open".into(), "checkout".into()));
    assert!(started.text("/checkout_url").starts_with("http") && !started.text("/expires_at").is_empty());
    let paid = payer.pay(&started.text("/session"), "paid").await;
    assert_eq!(statuses(&paid), [200], "{paid}");
    assert_eq!(payer.status(&started.text("/id")).await, "paid");
    assert_eq!(payer.wallet().await, ["25.00", "0.00", "25.00"]);
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    assert_eq!(payer.news().await, ["wallet.topped_up"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn coming_back_from_the_page_credits_nothing() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    assert_eq!(payer.status(&started.text("/id")).await, "open");
    assert_eq!(payer.story.get("/v1/wallet").await.body, json!({ "wallets": [] }));
    payer.story.app.verify().await;
    assert_eq!(payer.deliver(json!({})).await, [200]);
    assert_eq!(payer.status(&started.text("/id")).await, "paid");
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_starts_one_top_up() {
    let payer = Payer::begin().await;
    let (one, two) = tokio::join!(payer.start("key", "25.00"), payer.start("key", "25.00"));
    let (one, two) = (one.expect(201), two.expect(201));
    assert_eq!(one.body, two.body);
    assert_eq!(payer.start("key", "25.00").await.expect(201).body, one.body);
    assert_eq!(payer.start("key", "26.00").await.expect(422).code(), "idempotency_key_reused");
    let path = "/v1/wallet/top-ups";
    let request = json!({ "amount": "25.00", "currency": "USD" });
    let keyless = payer.story.app.send(Method::POST, path, &payer.story.tenant.token, &[], Some(request)).await;
    assert_eq!(keyless.expect(400).code(), "idempotency_key_required");
    assert_eq!((payer.has("sessions").await, payer.has("customers").await), (1, 1));
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_top_up_is_neither_too_small_nor_too_large() {
    let payer = Payer::begin().await;
    for amount in ["4.99", "10000.01", "0", "-25", "25.001"] {
        assert_eq!(payer.start(amount, amount).await.expect(422).code(), "amount_out_of_range", "{amount}");
    }
    for (amount, currency) in [("x", "USD"), ("25", "EUR"), ("25", "usd")] {
        let request = json!({ "amount": amount, "currency": currency });
        let refused = payer.story.app.post(&payer.story.tenant, "/v1/wallet/top-ups", "k", request).await;
        assert_eq!(refused.expect(400).code(), "invalid_request", "{amount} {currency}");
    }
    let lira = json!({ "amount": "250.00", "currency": "TRY" });
    let _ = payer.story.app.post(&payer.story.tenant, "/v1/wallet/top-ups", "lira", lira).await.expect(201);
    assert_eq!(payer.has("sessions").await, 1);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn without_a_payment_provider_nothing_begins_and_the_key_stays_free() {
    let payer = Payer::begin().await;
    let stripe = &payer.story.app.system.simulators.stripe;
    let secrets = &payer.story.app.system.aws.secrets;
    secrets.put("trunkline/local/stripe", "{}");
    assert_eq!(payer.start("key", "25.00").await.expect(503).code(), "payments_not_configured");
    let secret = json!({ "api_key": stripe.api_key, "webhook_secret": stripe.webhook_secret });
    secrets.put("trunkline/local/stripe", &secret.to_string());
    let _ = payer.start("key", "30.00").await.expect(201);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn events_that_come_twice_together_and_backwards_credit_once() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let paid = payer.pay(&started.text("/session"), "paid").await;
    let mut events = ids(&paid);
    events.reverse();
    let statuses = payer.deliver(json!({ "events": events, "times": 4, "together": true })).await;
    // One that met the others may be told to come again.
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(payer.deliver(json!({ "events": events, "times": 2 })).await, [200]);
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn an_event_without_a_good_signature_does_nothing() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    payer.story.app.system.aws.dynamodb.reset_counts();
    for signature in ["forged", "tampered", "missing", "old_scheme"] {
        assert_eq!(payer.deliver(json!({ "how": { "signature": signature } })).await, [400], "{signature}");
    }
    assert_eq!(payer.deliver(json!({ "how": { "signed_s_ago": 301 } })).await, [400]);
    assert!(payer.story.app.system.aws.dynamodb.requests().is_empty(), "what is not let in asks nothing of the table");
    assert_eq!(payer.status(&started.text("/id")).await, "open");
    assert_eq!(payer.deliver(json!({ "how": { "signature": "rolled" } })).await, [200]);
    assert_eq!(payer.status(&started.text("/id")).await, "paid");
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_webhook_secret_may_be_changed_while_events_come() {
    let payer = Payer::begin().await;
    let (_, _) = payer.paid("first").await;
    let stripe = &payer.story.app.system.simulators.stripe;
    let secret = json!({
        "api_key": stripe.api_key, "webhook_secret": "whsec_next", "previous_webhook_secret": stripe.webhook_secret,
    });
    payer.story.app.system.aws.secrets.put("trunkline/local/stripe", &secret.to_string());
    payer.story.app.system.app.providers.credentials_refused();
    let (id, _) = payer.paid("second").await;
    assert_eq!(payer.status(&id).await, "paid");
    payer.story.app.verify().await;
}

#[tokio::test]
async fn an_event_in_another_version_is_asked_for_instead_of_believed() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    let lies = json!({ "amount_total": 999_900, "amount_received": 999_900, "customer": "cus_other" });
    let how = json!({ "api_version": "2017-08-15", "object": lies });
    assert_eq!(payer.deliver(json!({ "how": how })).await, [200]);
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    payer.story.app.verify().await;
    // Not to be asked for now: it has to come again.
    let other = payer.start("another", "30.00").await.expect(201);
    let _ = payer.pay(&other.text("/session"), "paid").await;
    payer.story.fault("stripe", "checkout.get", "error", 20).await;
    payer.story.fault("stripe", "payments.get", "error", 20).await;
    assert_eq!(payer.deliver(json!({ "how": { "api_version": "2017-08-15" } })).await, [200, 503]);
    payer.story.app.no_faults();
    assert_eq!(payer.deliver(json!({ "how": { "api_version": "2017-08-15" } })).await, [200]);
    assert_eq!(payer.ledger().await, ["top_up 25.00", "top_up 30.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn what_does_not_fit_its_top_up_credits_nothing() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    for object in [
        json!({ "amount_total": 2_600, "amount_received": 2_600 }),
        json!({ "currency": "try" }),
        json!({ "customer": "cus_other" }),
        json!({ "customer": null }),
        json!({ "livemode": true }),
    ] {
        assert_eq!(payer.deliver(json!({ "how": { "object": object } })).await, [200], "{object}");
        assert_eq!(payer.status(&started.text("/id")).await, "open", "{object}");
    }
    let (tenant, id) = (payer.story.tenant.id.parse().unwrap(), started.text("/id").parse().unwrap());
    let kept = payer.story.app.system.undisturbed.store.top_up_get(&tenant, &id).await.unwrap().unwrap();
    assert_eq!(kept.review.map(|review| review.why).as_deref(), Some("another amount was paid"));
    assert_eq!(payer.story.get("/v1/wallet").await.body, json!({ "wallets": [] }));
    payer.story.app.verify().await;
    // What really happened still counts.
    assert_eq!(payer.deliver(json!({})).await, [200]);
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn payments_of_two_tenants_are_never_mixed() {
    let payer = Payer::begin().await;
    let other = payer.story.app.tenant("PRO", "0").await;
    payer.hold(true).await;
    let mine = payer.start("key", "25.00").await.expect(201);
    let theirs = payer.start_as(&other, "key", "25.00").await.expect(201);
    assert_ne!(mine.text("/id"), theirs.text("/id"));
    let paid = payer.pay(&mine.text("/session"), "paid").await;
    // The payment is made to name the other tenant's top-up, in every way it can.
    let named = json!({ "topup_id": theirs.text("/id"), "tenant_id": other.id });
    let object = json!({ "metadata": named, "client_reference_id": theirs.text("/id") });
    assert_eq!(payer.deliver(json!({ "events": ids(&paid), "how": { "object": object } })).await, [200]);
    assert_eq!(payer.story.app.get(&other, "/v1/wallet").await.body, json!({ "wallets": [] }));
    assert_eq!(payer.story.get("/v1/wallet").await.body, json!({ "wallets": [] }));
    assert_eq!(payer.deliver(json!({})).await, [200]);
    assert_eq!(payer.wallet().await, ["25.00", "0.00", "25.00"]);
    assert_eq!(payer.story.app.get(&other, "/v1/wallet").await.body, json!({ "wallets": [] }));
    let foreign = format!("/v1/wallet/top-ups/{}", theirs.text("/id"));
    let _ = payer.story.get(&foreign).await.expect(404);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn money_that_takes_days_is_credited_when_it_comes() {
    let payer = Payer::begin().await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "async").await;
    assert_eq!(payer.status(&started.text("/id")).await, "processing");
    assert_eq!(payer.story.get("/v1/wallet").await.body, json!({ "wallets": [] }));
    payer.story.app.verify().await;
    let _ = payer.story.app.advance("P3D").await;
    assert_eq!(payer.status(&started.text("/id")).await, "processing");
    let _ = payer.pay(&started.text("/session"), "async").await;
    assert_eq!(payer.status(&started.text("/id")).await, "paid");
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn money_that_never_comes_ends_the_top_up() {
    for told in [true, false] {
        let payer = Payer::begin().await;
        let started = payer.start("key", "25.00").await.expect(201);
        let _ = payer.pay(&started.text("/session"), "async").await;
        payer.hold(!told).await;
        let _ = payer.pay(&started.text("/session"), "declined").await;
        // Without being told, the pass finds out.
        let _ = payer.story.app.advance("PT8H").await;
        assert_eq!(payer.status(&started.text("/id")).await, "failed", "{told}");
        assert_eq!(payer.news().await, ["wallet.top_up_failed"], "{told}");
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn a_card_that_is_declined_leaves_the_page_open() {
    let payer = Payer::begin().await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "declined").await;
    assert_eq!(payer.status(&started.text("/id")).await, "open");
    let _ = payer.pay(&started.text("/session"), "paid").await;
    assert_eq!(payer.status(&started.text("/id")).await, "paid");
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_page_that_is_not_paid_in_time_is_over() {
    for told in [true, false] {
        let payer = Payer::begin().await;
        payer.hold(!told).await;
        let started = payer.start("key", "25.00").await.expect(201);
        let _ = payer.story.app.advance("PT26H").await;
        payer.settle().await;
        assert_eq!(payer.status(&started.text("/id")).await, "expired", "{told}");
        let shown = payer.story.get(&format!("/v1/wallet/top-ups/{}", started.text("/id"))).await;
        assert_eq!(shown.body["checkout_url"], Value::Null);
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn a_lost_reply_of_the_payment_provider_makes_one_page() {
    let payer = Payer::begin().await;
    payer.story.fault("stripe", "checkout.create", "lost_reply", 20).await;
    let refused = payer.start("key", "25.00").await.expect(503);
    assert_eq!(refused.code(), "payments_unavailable");
    payer.story.app.no_faults();
    let started = payer.start("key", "25.00").await.expect(201);
    assert_eq!(payer.has("sessions").await, 1);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_key_that_was_not_answered_in_time_says_to_use_another() {
    let payer = Payer::begin().await;
    payer.story.fault("stripe", "checkout.create", "lost_reply", 20).await;
    let _ = payer.start("key", "25.00").await.expect(503);
    let late = json!({ "advance": "PT23H", "run_jobs": false });
    let _ = payer.story.app.local("clock", Some(late)).await.expect(200);
    payer.story.app.no_faults();
    for _ in 0..2 {
        let refused = payer.start("key", "25.00").await.expect(409);
        assert_eq!(refused.code(), "top_up_failed");
        assert!(refused.text("/detail").contains("Idempotency-Key"), "{}", refused.body);
    }
    assert_eq!(payer.has("sessions").await, 1);
    payer.story.app.verify().await;
    // Should anybody pay on the page that nobody was told of, the money is the tenant's all the same.
    let session = word(&payer.story.app.state("stripe").await, "/sessions/0/id");
    let _ = payer.pay(&session, "paid").await;
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn whoever_dies_while_starting_one_leaves_one_that_can_be_gone_on_with() {
    let crashes = [("stripe", "customers.create", 0), ("stripe", "checkout.create", 0)];
    let writes = (0..3).map(|after| ("dynamodb", "transact", after));
    for (provider, operation, after) in crashes.into_iter().chain(writes) {
        let payer = Payer::begin().await;
        let fault =
            json!({ "provider": provider, "operation": operation, "kind": "crash", "times": 1, "after": after });
        payer.story.app.fault(fault).await;
        let (app, token) = (&payer.story.app, &payer.story.tenant.token);
        let request = json!({ "amount": "25.00", "currency": "USD" });
        let key = [("Idempotency-Key", "key")];
        let died = app.invoke(Method::POST, "/v1/wallet/top-ups", token, &key, Some(request)).await;
        assert!(died.is_none(), "{provider} {operation} {after}: {died:?}");
        let started = payer.start("key", "25.00").await.expect(201);
        assert_eq!(
            (payer.has("sessions").await, payer.has("customers").await),
            (1, 1),
            "{provider} {operation} {after}"
        );
        let _ = payer.pay(&started.text("/session"), "paid").await;
        assert_eq!(payer.ledger().await, ["top_up 25.00"], "{provider} {operation} {after}");
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn a_credit_whose_answer_was_lost_is_found_credited() {
    for kind in ["lost_reply", "error", "conflict", "throttle"] {
        let payer = Payer::begin().await;
        payer.hold(true).await;
        let started = payer.start("key", "25.00").await.expect(201);
        let paid = payer.pay(&started.text("/session"), "paid").await;
        let first = &ids(&paid)[..1];
        payer.story.fault("dynamodb", "transact", kind, 30).await;
        let statuses = payer.deliver(json!({ "events": first })).await;
        assert!(statuses == [200] || statuses == [503], "{kind}: {statuses:?}");
        payer.story.app.no_faults();
        assert_eq!(payer.deliver(json!({})).await, [200], "{kind}");
        assert_eq!(payer.ledger().await, ["top_up 25.00"], "{kind}");
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn an_event_that_never_arrives_is_picked_up_by_the_pass() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let _ = payer.pay(&started.text("/session"), "paid").await;
    let fired = payer.story.app.advance("PT3H").await.body["fired"].clone();
    assert!(list(&json!({ "fired": fired }), "fired").iter().any(|fired| fired["job"] == "top_ups"), "{fired}");
    assert_eq!(payer.status(&started.text("/id")).await, "paid");
    // A refund has no top-up that is looked at: only its event tells of it.
    let payment = word(&payer.story.app.state("stripe").await, "/payments/0/id");
    let amount = json!({ "amount": "5.00", "currency": "USD" });
    let _ = payer.stripe("refund", json!({ "payment_intent": payment, "amount": amount })).await;
    assert_eq!(payer.ledger().await, ["top_up 25.00"]);
    let job = payer.story.app.local("jobs/top_ups", Some(json!({}))).await.expect(200);
    assert_eq!(job.body["failed"], json!([]), "{}", job.body);
    assert_eq!(payer.ledger().await, ["refund -5.00", "top_up 25.00"]);
    // Looked at again, it is old news.
    let _ = payer.story.app.local("jobs/top_ups", Some(json!({}))).await.expect(200);
    assert_eq!(payer.ledger().await.len(), 2);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn refunds_are_booked_one_by_one_and_a_failed_one_comes_back() {
    let payer = Payer::begin().await;
    let (id, payment) = payer.paid("key").await;
    let refund = |amount: &'static str, outcome: &'static str| {
        let amount = json!({ "amount": amount, "currency": "USD" });
        payer.stripe("refund", json!({ "payment_intent": payment, "amount": amount, "outcome": outcome }))
    };
    let _ = refund("5.00", "succeeded").await;
    let _ = refund("5.00", "succeeded").await;
    assert_eq!(payer.wallet().await[0], "15.00");
    let _ = refund("7.00", "failed").await;
    assert_eq!(payer.wallet().await[0], "15.00");
    let ledger = payer.ledger().await;
    assert_eq!(ledger, ["refund -5.00", "refund -5.00", "refund -7.00", "refund_returned 7.00", "top_up 25.00"]);
    assert_eq!(payer.status(&id).await, "paid");
    let news = payer.news().await;
    assert_eq!(news.iter().filter(|news| *news == "wallet.refunded").count(), 3, "{news:?}");
    assert_eq!(news.iter().filter(|news| *news == "wallet.refund_returned").count(), 1, "{news:?}");
    // All of it once more, backwards: old news.
    let events = list(&payer.story.app.state("stripe").await, "events");
    let mut all: Vec<String> = events.iter().map(|event| word(event, "/id")).collect();
    all.reverse();
    let again = payer.deliver(json!({ "events": all })).await;
    assert!(again.iter().all(|status| *status == 200), "{again:?}");
    assert_eq!(payer.ledger().await, ledger);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_refund_that_is_told_of_before_its_payment_waits_for_it() {
    let payer = Payer::begin().await;
    payer.hold(true).await;
    let started = payer.start("key", "25.00").await.expect(201);
    let paid = payer.pay(&started.text("/session"), "paid").await;
    let amount = json!({ "amount": "5.00", "currency": "USD" });
    let payment = word(&paid, "/payment_intent");
    let back = payer.stripe("refund", json!({ "payment_intent": payment, "amount": amount })).await;
    let early = payer.deliver(json!({ "events": ids(&back) })).await;
    // What was refunded is told of in several events, one of which is none of ours.
    assert!(early.contains(&503), "{early:?}");
    assert_eq!(payer.story.get("/v1/wallet").await.body, json!({ "wallets": [] }));
    assert_eq!(payer.deliver(json!({ "events": ids(&paid) })).await, [200]);
    let late = payer.deliver(json!({})).await;
    assert!(late.iter().all(|status| *status == 200), "{late:?}");
    assert_eq!(payer.ledger().await, ["refund -5.00", "top_up 25.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_dispute_takes_its_money_and_gives_it_back_when_it_is_won() {
    let payer = Payer::begin().await;
    let (_, payment) = payer.paid("key").await;
    let _ = payer.buy().await.expect(201);
    let _ = payer.stripe("dispute", json!({ "payment_intent": payment })).await;
    assert_eq!(payer.wallet().await, ["-1.50", "0.00", "-1.50"]);
    // Less than nothing buys nothing.
    payer.story.stock(&["+12125550124"]).await;
    let refused = payer.story.buy("more", json!({ "e164": "+12125550124" })).await.expect(402);
    assert_eq!(refused.text("/available/amount"), "-1.50");
    payer.story.app.verify().await;
    let _ = payer.stripe("dispute", json!({ "payment_intent": payment, "outcome": "won" })).await;
    assert_eq!(payer.wallet().await, ["23.50", "0.00", "23.50"]);
    let ledger = payer.ledger().await;
    assert_eq!(ledger, ["dispute -25.00", "dispute_returned 25.00", "number_charge -1.50", "top_up 25.00"]);
    let news = payer.news().await;
    for told in ["opened", "withdrawn", "returned", "closed"] {
        assert!(news.contains(&format!("wallet.dispute_{told}")), "{told}: {news:?}");
    }
    payer.story.app.verify().await;
}

#[tokio::test]
async fn a_dispute_is_the_same_in_whatever_order_it_is_told() {
    for (outcome, balance) in [("won", "25.00"), ("lost", "0.00")] {
        let payer = Payer::begin().await;
        let (_, payment) = payer.paid("key").await;
        payer.hold(true).await;
        let told = payer.stripe("dispute", json!({ "payment_intent": payment, "outcome": outcome })).await;
        let mut events = ids(&told);
        assert!(events.len() >= 3, "{told}");
        // Only that it was opened: its money is held.
        assert_eq!(payer.deliver(json!({ "events": &events[..1] })).await, [200]);
        assert_eq!(payer.wallet().await, ["25.00", "25.00", "0.00"], "{outcome}");
        payer.story.app.verify().await;
        events.reverse();
        let statuses = payer.deliver(json!({ "events": events, "times": 2 })).await;
        assert!(statuses.iter().all(|status| *status == 200), "{outcome}: {statuses:?}");
        assert_eq!(payer.wallet().await, [balance, "0.00", balance], "{outcome}");
        payer.story.app.verify().await;
    }
}

#[tokio::test]
async fn reversals_that_are_told_all_at_once_are_each_booked_once() {
    let payer = Payer::begin().await;
    let (_, payment) = payer.paid("key").await;
    payer.hold(true).await;
    for amount in ["3.00", "4.00", "5.00"] {
        let amount = json!({ "amount": amount, "currency": "USD" });
        let _ = payer.stripe("refund", json!({ "payment_intent": payment, "amount": amount })).await;
    }
    let amount = json!({ "amount": "6.00", "currency": "USD" });
    let lost = json!({ "payment_intent": payment, "amount": amount, "outcome": "lost" });
    let _ = payer.stripe("dispute", lost).await;
    let events = list(&payer.story.app.state("stripe").await, "events");
    let events: Vec<String> = events.iter().map(|event| word(event, "/id")).collect();
    let statuses = payer.deliver(json!({ "events": events, "times": 3, "together": true })).await;
    // Some met too many others; they are sent again.
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(payer.deliver(json!({ "events": events })).await, [200]);
    let ledger = payer.ledger().await;
    assert_eq!(ledger, ["dispute -6.00", "refund -3.00", "refund -4.00", "refund -5.00", "top_up 25.00"]);
    assert_eq!(payer.wallet().await, ["7.00", "0.00", "7.00"]);
    payer.story.app.verify().await;
}

#[tokio::test]
async fn refunds_and_disputes_together_never_take_more_than_was_paid() {
    let payer = Payer::begin().await;
    let (_, payment) = payer.paid("key").await;
    let amount = json!({ "amount": "10.00", "currency": "USD" });
    let _ = payer.stripe("refund", json!({ "payment_intent": payment, "amount": amount })).await;
    let _ = payer.stripe("dispute", json!({ "payment_intent": payment, "outcome": "lost" })).await;
    assert_eq!(payer.wallet().await, ["0.00", "0.00", "0.00"]);
    assert_eq!(payer.ledger().await, ["dispute -15.00", "refund -10.00", "top_up 25.00"]);
    payer.story.app.verify().await;
}
