//! Turkish numbers that an operator orders and cancels in the carrier's panel: the operation waits, and nothing is asked of the
//! carrier.

use serde_json::{Value, json};
use tests::unseen::TRUNK_PASSWORD;
use tests::{Answer, TestApp};

use crate::kit::{CALLER, Story, list, word};

const TURKISH: &str = "+908505550142";
const OTHER: &str = "+908505550143";

impl Story {
    /// A tenant with a hundred lira.
    async fn with_hands() -> Self {
        let app = TestApp::by_hand().await;
        let tenant = app.tenant("PRO", "5.00").await;
        let story = Self { app, tenant };
        story.gets_lira().await;
        story
    }

    async fn gets_lira(&self) {
        let path = format!("/v1/operator/tenants/{}/adjustments", self.tenant.id);
        let request = json!({ "amount": "100.00", "currency": "TRY", "reason": "paid by transfer" });
        let _ = self.app.post(&self.app.operator().await, &path, "lira", request).await.expect(201);
    }

    /// Begins a purchase with this agent; ids of operation and number.
    async fn orders(&self, agent: Option<&str>) -> (String, String) {
        let wish = json!({ "country": "TR", "type": "national", "agent_id": agent });
        let begun = self.buy("by hand", wish).await.expect(202);
        assert_eq!(begun.text("/operation/status"), "waiting", "{}", begun.body);
        (begun.text("/operation/id"), begun.text("/operation/number_id"))
    }

    async fn completes(&self, operation: &str, request: Value) -> Answer {
        let path = format!("/v1/operator/operations/{operation}/complete");
        self.app.post(&self.app.operator().await, &path, "complete", request).await
    }

    async fn waiting(&self) -> Vec<Value> {
        let operator = self.app.operator().await;
        let listed = self.app.get(&operator, "/v1/operator/operations?status=waiting").await.expect(200);
        list(&listed.body, "items")
    }

    async fn try_wallet(&self) -> [String; 2] {
        let wallets = list(&self.get("/v1/wallet").await.expect(200).body, "wallets");
        let wallet = wallets.iter().find(|wallet| word(wallet, "/balance/currency") == "TRY").expect("a wallet");
        ["balance", "held"].map(|part| word(wallet, &format!("/{part}/amount")))
    }

    async fn operation_status(&self, id: &str) -> String {
        self.get(&format!("/v1/operations/{id}")).await.expect(200).text("/status")
    }

    async fn agrees(&self) {
        self.app.verify().await;
        let run = self.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
        assert_eq!(run.body["findings"], json!([]), "{}", run.body);
    }
}

/// What an operator says of a number it has ordered.
fn ordered(e164: &str) -> Value {
    let sip = json!({
        "host": "sip.netgsm.com.tr", "username": "8505550142", "password": TRUNK_PASSWORD, "register": true,
        "signalling_cidrs": ["203.0.113.0/28"],
    });
    json!({ "e164": e164, "carrier_number_id": "panel-7", "sip": sip })
}

#[tokio::test]
async fn a_number_that_is_ordered_by_hand_lives_from_the_wish_to_the_end() {
    let story = Story::with_hands().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let at_platform = story.get(&format!("/v1/agents/{agent}")).await.expect(200).text("/platform_agent_id");
    let (operation, number) = story.orders(Some(&agent)).await;
    let pending = story.number(&number).await;
    assert_eq!((word(&pending, "/status").as_str(), &pending["e164"]), ("pending", &Value::Null));
    assert_eq!(story.try_wallet().await, ["100.00", "20.00"]);
    let _ = story.app.advance("P3D").await;
    assert_eq!(story.operation_status(&operation).await, "waiting");
    let waiting = story.waiting().await;
    assert_eq!((waiting.len(), word(&waiting[0], "/id")), (1, operation.clone()));
    story.agrees().await;

    let done = story.completes(&operation, ordered(TURKISH)).await.expect(200);
    assert_eq!(done.text("/status"), "running");
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.operation_status(&operation).await, "succeeded");
    let active = story.number(&number).await;
    assert_eq!([word(&active, "/status"), word(&active, "/e164")], ["active", TURKISH]);
    assert_eq!([word(&active, "/link/status"), word(&active, "/link/method")], ["linked", "direct"]);
    // A month from the day on which it was ordered, three days after the wish.
    assert_eq!(word(&active, "/paid_through"), "2027-02-18T00:00:00Z");
    assert_eq!(story.try_wallet().await, ["80.00", "0.00"]);
    assert_eq!(story.app.system.simulators.vapi.ring(TURKISH, CALLER), Some(at_platform));
    let _ = story.app.drain().await.expect(200);
    story.agrees().await;
    assert_eq!(story.completes(&operation, ordered(TURKISH)).await.expect(404).code(), "not_found");

    // It goes: at the platform at once, at the carrier when somebody has cancelled it.
    let leaving = story.release(&number).await.expect(202);
    let operation = leaving.text("/operation/id");
    assert_eq!(leaving.text("/operation/status"), "waiting", "{}", leaving.body);
    assert_eq!(story.app.system.simulators.vapi.ring(TURKISH, CALLER), None);
    let _ = story.app.advance("P2D").await;
    assert_eq!(word(&story.number(&number).await, "/status"), "releasing");
    story.agrees().await;
    let said = story.completes(&operation, ordered(TURKISH)).await;
    assert_eq!(said.expect(400).text("/errors/0/field"), "e164");
    let _ = story.completes(&operation, json!({})).await.expect(200);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(word(&story.number(&number).await, "/status"), "released");
    assert_eq!(story.waiting().await, Vec::<Value>::new());
    story.agrees().await;

    let trail = story.app.get(&story.app.operator().await, "/v1/operator/audit").await.expect(200);
    let acts = list(&trail.body, "items").iter().filter(|line| word(line, "/action") == "operation_completed").count();
    assert_eq!(acts, 2, "{}", trail.body);
    assert_eq!(list(&story.app.state("netgsm").await, "requests"), Vec::<Value>::new());
}

#[tokio::test]
async fn what_cannot_be_ordered_by_hand_is_refused_before_anything_begins() {
    let story = Story::with_hands().await;
    let searched = story.get("/v1/available-numbers?country=TR&type=national").await;
    assert_eq!(searched.expect(503).code(), "carrier_not_configured");
    for (wish, field) in [
        (json!({ "e164": TURKISH }), "e164"),
        (json!({ "country": "TR", "type": "national", "all_or_nothing": true }), "all_or_nothing"),
    ] {
        let refused = story.buy("refused", wish).await.expect(400);
        assert_eq!(refused.text("/errors/0/field"), field, "{}", refused.body);
    }
    assert_eq!(story.waiting().await, Vec::<Value>::new());
    assert_eq!(story.try_wallet().await, ["100.00", "0.00"]);
    story.app.verify().await;
}

#[tokio::test]
async fn what_an_operator_says_is_checked_and_leaves_the_operation_waiting() {
    let story = Story::with_hands().await;
    let (operation, _) = story.orders(None).await;
    let without = |name: &str| {
        let mut said = ordered(TURKISH);
        said.as_object_mut().unwrap().remove(name);
        said
    };
    let mut private = ordered(TURKISH);
    private["sip"]["host"] = json!("sip netgsm");
    let mut nameless = ordered(TURKISH);
    nameless["carrier_number_id"] = json!("x".repeat(101));
    for (said, field) in [
        (json!({}), "e164"),
        (without("e164"), "e164"),
        (without("sip"), "sip"),
        (ordered("+12125550123"), "e164"),
        (ordered("08505550142"), "e164"),
        (private, "sip.host"),
        (nameless, "carrier_number_id"),
    ] {
        let refused = story.completes(&operation, said.clone()).await.expect(400);
        assert_eq!(refused.text("/errors/0/field"), field, "{said}");
    }
    // Somebody else's already.
    let rival = story.app.tenant("PRO", "5.00").await;
    let sip = json!({ "host": "sip.example.com", "signalling_cidrs": ["203.0.113.0/28"] });
    let wish = json!({ "carrier": "custom", "e164": TURKISH, "sip": sip });
    let _ = story.app.post(&rival, "/v1/numbers/import", "theirs", wish).await.expect(201);
    assert_eq!(story.completes(&operation, ordered(TURKISH)).await.expect(409).code(), "number_unavailable");
    assert_eq!(story.operation_status(&operation).await, "waiting");
    let _ = story.completes(&operation, ordered(OTHER)).await.expect(200);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.operation_status(&operation).await, "succeeded");
    story.agrees().await;
}

#[tokio::test]
async fn a_number_that_cannot_be_had_ends_the_purchase_and_frees_the_money() {
    let story = Story::with_hands().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let (operation, number) = story.orders(Some(&agent)).await;
    let mut both = ordered(TURKISH);
    both["refused"] = json!("sold out");
    for said in [both, json!({ "refused": " " })] {
        let refused = story.completes(&operation, said).await.expect(400);
        assert_eq!(refused.text("/errors/0/field"), "refused");
    }
    let _ = story.completes(&operation, json!({ "refused": "Netgsm has sold out" })).await.expect(200);
    let _ = story.app.drain().await.expect(200);
    let ended = story.get(&format!("/v1/operations/{operation}")).await.expect(200);
    assert_eq!((ended.text("/status"), ended.text("/error/code")), ("failed".into(), "number_unavailable".into()));
    assert_eq!(word(&story.number(&number).await, "/status"), "failed");
    assert_eq!(story.try_wallet().await, ["100.00", "0.00"]);
    let wish = json!({ "country": "TR", "type": "national", "agent_id": agent });
    assert_eq!(story.buy("by hand", wish).await.expect(409).code(), "number_unavailable");
    story.agrees().await;
}

#[tokio::test]
async fn of_two_operators_at_once_one_completes_it() {
    let story = Story::with_hands().await;
    let (operation, number) = story.orders(None).await;
    let (one, other) =
        tokio::join!(story.completes(&operation, ordered(TURKISH)), story.completes(&operation, ordered(OTHER)),);
    let good = [&one, &other].iter().filter(|answer| answer.status.as_u16() == 200).count();
    assert_eq!(good, 1, "{} {}", one.body, other.body);
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.operation_status(&operation).await, "succeeded");
    let kept = if one.status.as_u16() == 200 { TURKISH } else { OTHER };
    assert_eq!(word(&story.number(&number).await, "/e164"), kept);
    assert_eq!(story.try_wallet().await, ["80.00", "0.00"]);
    story.agrees().await;
}

#[tokio::test]
async fn one_number_told_for_two_purchases_at_once_is_one_of_theirs() {
    let story = Story::with_hands().await;
    let (first, _) = story.orders(None).await;
    let wish = json!({ "country": "TR", "type": "national" });
    let second = story.buy("another", wish).await.expect(202).text("/operation/id");
    // Both have read that the number is nobody's before either writes.
    let slow = json!({ "provider": "dynamodb", "operation": "transact", "kind": "delay", "ms": 300, "times": 2 });
    story.app.fault(slow).await;
    let (one, other) =
        tokio::join!(story.completes(&first, ordered(TURKISH)), story.completes(&second, ordered(TURKISH)));
    let mut told = [(one.status.as_u16(), one.code(), &first), (other.status.as_u16(), other.code(), &second)];
    told.sort_unstable();
    let loser = told[1].2;
    assert_eq!(
        told.map(|(status, code, _)| (status, code.to_owned())),
        [(200, String::new()), (409, "number_unavailable".into())]
    );
    assert_eq!(story.operation_status(loser).await, "waiting");
    // Nothing keeps it from being told another one at once.
    let _ = story.completes(loser, ordered(OTHER)).await.expect(200);
    let _ = story.app.drain().await.expect(200);
    for operation in [&first, &second] {
        assert_eq!(story.operation_status(operation).await, "succeeded");
    }
    assert_eq!(story.try_wallet().await, ["60.00", "0.00"]);
    story.agrees().await;
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_may_be_sent_again() {
    for kind in ["lost_reply", "timeout"] {
        let story = Story::with_hands().await;
        let (operation, number) = story.orders(None).await;
        story.fault("dynamodb", "transact", kind, 8).await;
        let _ = story.completes(&operation, ordered(TURKISH)).await;
        story.app.no_faults();
        story.app.restart_workers().await;
        let again = story.completes(&operation, ordered(TURKISH)).await;
        assert!([200, 404].contains(&again.status.as_u16()), "{kind}: {}", again.body);
        let _ = story.app.advance("PT2M").await;
        assert_eq!(story.operation_status(&operation).await, "succeeded", "{kind}");
        assert_eq!(word(&story.number(&number).await, "/e164"), TURKISH);
        story.agrees().await;
    }
}
