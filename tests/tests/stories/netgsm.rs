//! Turkish numbers: bought at Netgsm by the year, answered at Vapi by a trunk of their own, with nothing of ours in between.

use serde_json::{Value, json};
use simulators::netgsm::Manner;

use crate::kit::{CALLER, Story, list, word};

const TURKISH: &str = "+908505550142";
const SECRET: &str = "trunkline/local/netgsm";

impl Story {
    /// A tenant with so many lira, and [`TURKISH`] on offer.
    async fn in_turkey(lira: &str) -> Self {
        let story = Self::begin("PRO", "5.00").await;
        story.pay("first", lira).await;
        let stocked = story.app.system.simulators.netgsm.stock(&json!({ "e164": [TURKISH] }));
        assert!(stocked.is_ok(), "{stocked:?}");
        story
    }

    async fn pay(&self, key: &str, lira: &str) {
        let path = format!("/v1/operator/tenants/{}/adjustments", self.tenant.id);
        let request = json!({ "amount": lira, "currency": "TRY", "reason": "paid by transfer" });
        let _ = self.app.post(&self.app.operator().await, &path, key, request).await.expect(201);
    }

    /// Balance, held and available of the lira wallet.
    async fn lira(&self) -> [String; 3] {
        let wallets = list(&self.get("/v1/wallet").await.expect(200).body, "wallets");
        let wallet = wallets.iter().find(|wallet| word(wallet, "/balance/currency") == "TRY").expect("a wallet");
        ["balance", "held", "available"].map(|part| word(wallet, &format!("/{part}/amount")))
    }

    async fn at_netgsm(&self, what: &str) -> Vec<Value> {
        list(&self.app.state("netgsm").await, what)
    }

    async fn at_vapi(&self, what: &str) -> Vec<Value> {
        list(&self.app.state("vapi").await, what)
    }

    /// Somebody calls, and the platform tells us; answers the platform's id of who took the call.
    async fn rings(&self) -> Option<String> {
        let answered = self.app.system.simulators.vapi.ring(TURKISH, CALLER);
        let _ = self.app.drain().await.expect(200);
        answered
    }

    async fn no_findings(&self) {
        let run = self.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
        assert_eq!(run.body["findings"], json!([]), "{}", run.body);
    }

    async fn operation(&self, id: &str) -> Value {
        self.get(&format!("/v1/operations/{id}")).await.expect(200).body
    }

    fn carrier_is(&self, manner: Manner) {
        self.app.system.simulators.netgsm.set_manner(manner);
    }
}

#[tokio::test]
async fn a_turkish_number_lives_from_the_offer_to_the_end_in_both_places() {
    let story = Story::in_turkey("100.00").await;
    let countries = list(&story.get("/v1/countries").await.expect(200).body, "items");
    assert!(
        countries.iter().any(|it| word(it, "/country") == "TR" && word(it, "/carrier") == "netgsm"),
        "{countries:?}"
    );
    let offers = story.get("/v1/available-numbers?country=TR&type=national").await.expect(200);
    assert_eq!(offers.body["items"][0]["price"], json!({ "amount": "20.00", "currency": "TRY" }), "{}", offers.body);

    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let platform_agent = story.get(&format!("/v1/agents/{agent}")).await.expect(200).text("/platform_agent_id");
    let bought = story.buy("first", json!({ "e164": TURKISH, "agent_id": agent })).await.expect(201);
    let number = bought.text("/number/id");
    assert_eq!(bought.body["number"]["link"], json!({ "status": "linked", "method": "direct" }), "{}", bought.body);
    assert_eq!(story.lira().await, ["80.00", "0.00", "80.00"]);
    story.app.verify().await;

    assert_eq!(story.rings().await, Some(platform_agent));
    let calls = story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200);
    assert_eq!(calls.text("/items/0/direction"), "inbound", "{}", calls.body);
    assert_eq!(calls.text("/items/0/status"), "completed");
    story.no_findings().await;

    let _ = story.unlink(&number).await.expect(200);
    assert_eq!(story.at_vapi("numbers").await, Vec::<Value>::new());
    assert_eq!(story.at_vapi("credentials").await, Vec::<Value>::new());
    assert_eq!(story.rings().await, None);
    let _ = story.link(&number, &agent).await.expect(200);
    assert!(story.rings().await.is_some());

    let _ = story.release(&number).await.expect(200);
    assert_eq!(story.at_netgsm("numbers").await, Vec::<Value>::new());
    assert_eq!(story.at_vapi("numbers").await, Vec::<Value>::new());
    assert_eq!(story.at_vapi("credentials").await, Vec::<Value>::new());
    story.no_findings().await;
    story.app.verify().await;
}

#[tokio::test]
async fn an_order_that_netgsm_takes_its_time_over_waits_and_goes_on() {
    let story = Story::in_turkey("100.00").await;
    story.carrier_is(Manner { slow: true, ..Manner::default() });
    let begun = story.buy("first", json!({ "e164": TURKISH })).await.expect(202);
    let id = begun.text("/operation/id");
    assert_eq!(word(&story.operation(&id).await, "/status"), "waiting");
    let _ = story.app.advance("P3D").await;
    assert_eq!(word(&story.operation(&id).await, "/status"), "waiting");
    assert_eq!(story.lira().await, ["100.00", "20.00", "80.00"]);
    story.app.verify().await;

    story.app.system.simulators.netgsm.settle(TURKISH, "aktif").expect("an order");
    let _ = story.app.advance("PT2H").await;
    assert_eq!(word(&story.operation(&id).await, "/status"), "succeeded");
    assert_eq!(story.at_netgsm("orders").await.len(), 1);
    assert_eq!(story.lira().await, ["80.00", "0.00", "80.00"]);
    story.no_findings().await;
    story.app.verify().await;
}

#[tokio::test]
async fn an_order_that_netgsm_calls_off_ends_and_frees_the_money() {
    let story = Story::in_turkey("100.00").await;
    story.carrier_is(Manner { slow: true, ..Manner::default() });
    let begun = story.buy("first", json!({ "e164": TURKISH })).await.expect(202);
    story.app.system.simulators.netgsm.settle(TURKISH, "iptal").expect("an order");
    let _ = story.app.advance("PT2H").await;
    let ended = story.operation(&begun.text("/operation/id")).await;
    assert_eq!((word(&ended, "/status"), word(&ended, "/error/code")), ("failed".into(), "carrier_unavailable".into()));
    assert_eq!(story.lira().await, ["100.00", "0.00", "100.00"]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_lost_reply_from_netgsm_buys_the_number_once() {
    let story = Story::in_turkey("100.00").await;
    story.fault("netgsm", "numbers.create", "lost_reply", 1).await;
    let _ = story.buy("first", json!({ "e164": TURKISH })).await;
    let _ = story.app.advance("PT10M").await;
    assert_eq!(story.at_netgsm("orders").await.len(), 1);
    let numbers = list(&story.get("/v1/numbers").await.expect(200).body, "items");
    assert_eq!(word(&numbers[0], "/status"), "active", "{numbers:?}");
    assert_eq!(story.lira().await, ["80.00", "0.00", "80.00"]);
    story.app.verify().await;
}

#[tokio::test]
async fn an_empty_account_at_netgsm_leaves_nothing_behind() {
    let story = Story::in_turkey("100.00").await;
    story.app.system.simulators.netgsm.set_balance(0);
    let refused = story.buy("first", json!({ "e164": TURKISH })).await;
    assert!(refused.status == 503, "{}", refused.body);
    assert_eq!(story.at_netgsm("orders").await, Vec::<Value>::new());
    assert_eq!(story.lira().await, ["100.00", "0.00", "100.00"]);
    story.app.verify().await;
}

#[tokio::test]
async fn without_the_networks_of_the_carrier_the_link_says_that_nobody_can_call() {
    let story = Story::in_turkey("100.00").await;
    let netgsm = &story.app.system.simulators.netgsm;
    let secret = json!({ "usercode": netgsm.usercode, "password": netgsm.password });
    story.app.system.aws.secrets.put(SECRET, &secret.to_string());
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let bought = story.buy("first", json!({ "e164": TURKISH, "agent_id": agent })).await.expect(201);
    assert_eq!(bought.text("/number/link/status"), "linked");
    assert!(bought.text("/number/link/reason").contains("cannot be called yet"), "{}", bought.body);
    assert_eq!(story.rings().await, None);
}

#[tokio::test]
async fn a_credential_that_was_left_alone_goes_with_the_link() {
    let story = Story::in_turkey("100.00").await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let number = story.buy("first", json!({ "e164": TURKISH, "agent_id": agent })).await.expect(201).text("/number/id");
    let vapi = &story.app.system.simulators.vapi;
    let url = format!("{}/phone-number/{}", vapi.url, word(&story.at_vapi("numbers").await[0], "/id"));
    let gone = crate::kit::client().delete(url).bearer_auth(&vapi.api_key).send().await.expect("an answer");
    assert!(gone.status().is_success());
    assert_eq!(story.at_vapi("credentials").await.len(), 1);
    let _ = story.unlink(&number).await.expect(200);
    assert_eq!(story.at_vapi("credentials").await, Vec::<Value>::new());
    story.app.verify().await;
}

#[tokio::test]
async fn only_a_platform_that_registers_can_have_the_number() {
    let story = Story::in_turkey("100.00").await;
    for platform in ["retell", "elevenlabs"] {
        let wish = json!({ "name": platform, "platform": platform, "number": false });
        let agent = story.app.post(&story.tenant, "/v1/agents", platform, wish).await.expect(201).text("/agent/id");
        let refused = story.buy(&format!("number for {platform}"), json!({ "e164": TURKISH, "agent_id": agent })).await;
        assert_eq!(refused.code(), "platform_unsupported", "{platform}");
    }
}
