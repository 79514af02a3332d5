//! Minutes a plan includes: they come before the wallet, count once, and are there again next month.

use domain::call::Call;
use domain::{Currency, Money};
use serde_json::{Value, json};
use shared::billing::usage::{self, Charged};
use tests::twilio;

use crate::kit::{Story, text};

const CALLER: &str = "+13125550199";

/// A number that an agent answers, of a tenant whose plan includes a hundred minutes.
struct Bundle {
    story: Story,
    number: String,
    e164: String,
}

impl Bundle {
    async fn with(usd: &str) -> Self {
        let story = Story::on("2027-02-10", "BUNDLE", usd).await;
        let number = story.bought_with_an_agent("one").await;
        let e164 = text(&story.number(&number).await, "/e164");
        Self { story, number, e164 }
    }

    /// Whether the agent is what answers a call that begins now.
    async fn answers(&self, sid: &str) -> bool {
        let (_, document) = twilio::incoming_call(&self.story.app, &self.story.tenant, (CALLER, &self.e164), sid).await;
        document.contains("<Sip")
    }

    /// The carrier tells that a call is over.
    async fn over(&self, sid: &str, seconds: u32) {
        let (app, tenant, people) = (&self.story.app, &self.story.tenant, (CALLER, self.e164.as_str()));
        let agent = text(&self.story.number(&self.number).await, "/agent_id");
        assert_eq!(twilio::dial_completed(app, tenant, people, sid, &agent).await, 200);
        assert_eq!(twilio::call_completed(app, tenant, people, sid, seconds).await, 200);
    }

    /// Its end is told three times at once; each telling has read how things stand before any changes them.
    async fn over_thrice(&self, sid: &str, seconds: u32) {
        self.slow(3).await;
        tokio::join!(self.over(sid, seconds), self.over(sid, seconds), self.over(sid, seconds));
    }

    /// So many of the next transactions take their time.
    async fn slow(&self, times: u64) {
        let slow =
            json!({ "provider": "dynamodb", "operation": "transact", "kind": "delay", "ms": 300, "times": times });
        self.story.app.fault(slow).await;
    }

    async fn talks(&self, sid: &str, minutes: u32) {
        assert!(self.answers(sid).await, "{sid}");
        // A second more than one minute less: every minute that was begun counts.
        self.over(sid, minutes * 60 - 59).await;
    }

    /// What a call cost, and how many of its minutes the plan paid for.
    async fn cost(&self, sid: &str) -> (String, Value) {
        let calls = self.story.get(&format!("/v1/numbers/{}/calls", self.number)).await;
        let call = calls["items"].as_array().and_then(|all| all.iter().find(|call| call["call_sid"] == sid));
        let call = call.expect("the call is in the log");
        (text(call, "/cost/amount"), call["included_minutes"].clone())
    }

    async fn used(&self) -> Value {
        self.story.get("/v1/wallet").await["included_minutes"].clone()
    }

    async fn charged(&self) -> Vec<String> {
        let entries = self.story.entries("").await;
        let usage = entries.iter().filter(|entry| entry["kind"] == "usage_charge");
        usage.map(|entry| text(entry, "/amount/amount")).collect()
    }
}

#[tokio::test]
async fn without_a_cent_the_included_minutes_are_talked_and_each_counts_once() {
    let bundle = Bundle::with("0").await;
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 0 }));
    bundle.talks("CA1", 3).await;
    let again = || bundle.over("CA1", 3 * 60);
    tokio::join!(again(), again(), again());
    assert_eq!(bundle.cost("CA1").await, ("0.00".into(), json!(3)));
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 3 }));
    assert_eq!(bundle.charged().await, Vec::<String>::new());
    bundle.story.app.verify().await;
}

#[tokio::test]
async fn what_is_not_included_is_charged_and_says_so() {
    let bundle = Bundle::with("1.00").await;
    bundle.talks("CA1", 70).await;
    bundle.talks("CA2", 50).await;
    bundle.talks("CA3", 1).await;
    assert_eq!(bundle.cost("CA1").await, ("0.00".into(), json!(70)));
    assert_eq!(bundle.cost("CA2").await, ("0.40".into(), json!(30)));
    assert_eq!(bundle.cost("CA3").await, ("0.02".into(), Value::Null));
    let entries = bundle.story.entries("").await;
    let entry = entries.iter().find(|entry| text(entry, "/amount/amount") == "-0.40").expect("twenty minutes");
    assert!(text(entry, "/explain").ends_with("30 of its 50 minutes are included in the plan"), "{entry}");
    assert_eq!(bundle.story.balance().await, "0.58");
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 100 }));
    bundle.story.app.verify().await;
}

#[tokio::test]
async fn who_has_neither_minutes_nor_money_is_not_answered_until_either_is_there() {
    let bundle = Bundle::with("0").await;
    bundle.talks("CA1", 60).await;
    bundle.talks("CA2", 60).await;
    // Forty were left; what the other twenty cost is owed.
    assert_eq!(bundle.cost("CA2").await, ("0.40".into(), json!(40)));
    assert_eq!(bundle.charged().await, Vec::<String>::new());
    assert!(!bundle.answers("CA3").await);
    let path = format!("/v1/numbers/{}/test-call", bundle.number);
    let test = bundle.story.app.post(&bundle.story.tenant, &path, "ring me", json!({ "to": CALLER })).await;
    assert_eq!(test.expect(402).code(), "insufficient_balance");
    bundle.story.app.verify().await;
    bundle.story.recover("1.00").await;
    assert_eq!((bundle.charged().await, bundle.story.balance().await), (vec!["-0.40".into()], "0.60".into()));
    assert_eq!(bundle.cost("CA2").await, ("0.40".into(), json!(40)));
    bundle.talks("CA4", 30).await;
    assert!(!bundle.answers("CA5").await, "not a cent is left");

    bundle.story.to("2027-03-01T00:00:00Z").await;
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 0 }));
    bundle.talks("CA6", 2).await;
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 2 }));
    bundle.story.app.verify().await;
}

#[tokio::test]
async fn the_last_minute_pays_for_one_of_two_calls_that_end_at_once() {
    let bundle = Bundle::with("1.00").await;
    bundle.talks("CA1", 99).await;
    assert!(bundle.answers("CA2").await && bundle.answers("CA3").await);
    // Both have read that one is left before either takes it.
    bundle.slow(2).await;
    tokio::join!(bundle.over("CA2", 20), bundle.over("CA3", 20));
    let mut costs = [bundle.cost("CA2").await, bundle.cost("CA3").await];
    costs.sort_by_key(|(cost, _)| cost.clone());
    assert_eq!(costs, [("0.00".into(), json!(1)), ("0.02".into(), Value::Null)]);
    assert_eq!(bundle.charged().await, ["-0.02"]);
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 100 }));
    bundle.story.app.verify().await;
}

#[tokio::test]
async fn a_call_whose_end_is_told_three_times_at_once_takes_its_minutes_once() {
    let bundle = Bundle::with("0").await;
    bundle.talks("CA1", 10).await;
    assert!(bundle.answers("CA2").await);
    bundle.over_thrice("CA2", 50 * 60).await;
    assert_eq!(bundle.cost("CA2").await, ("0.00".into(), json!(50)));
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 60 }));
    assert!(bundle.answers("CA3").await);
    // Of this one, forty minutes are included and twenty owed.
    bundle.over_thrice("CA3", 60 * 60).await;
    assert_eq!(bundle.cost("CA3").await, ("0.40".into(), json!(40)));
    bundle.story.recover("1.00").await;
    assert_eq!(bundle.charged().await, ["-0.40"]);
    assert_eq!(bundle.used().await, json!({ "included": 100, "used": 100 }));
    bundle.story.app.verify().await;
}

#[tokio::test]
async fn who_read_a_call_before_the_plan_paid_for_some_of_it_charges_what_is_left() {
    let bundle = Bundle::with("0").await;
    bundle.talks("CA1", 60).await;
    bundle.talks("CA2", 60).await;
    bundle.story.fund("5.00").await;
    let app = &bundle.story.app.system.undisturbed;
    let now = app.store.call_get("CA2").await.expect("the books answer").expect("a call");
    assert_eq!((now.included_minutes, now.paid), (40, false));
    let whole = Money::parse("1.20", Currency::USD).expect("an amount");
    let before = Call { included_minutes: 0, cost: Some(whole), ..now };
    assert_eq!(usage::charge(app, &before).await.expect("the books answer"), Charged::Paid);
    assert_eq!((bundle.charged().await, bundle.story.balance().await), (vec!["-0.40".into()], "4.60".into()));
    assert_eq!(bundle.cost("CA2").await, ("0.40".into(), json!(40)));
    bundle.story.app.verify().await;
}

#[tokio::test]
async fn an_answer_that_was_lost_takes_no_minute_twice() {
    for kind in ["lost_reply", "timeout"] {
        let bundle = Bundle::with("1.00").await;
        bundle.talks("CA1", 98).await;
        assert!(bundle.answers("CA2").await);
        bundle
            .story
            .app
            .fault(json!({ "provider": "dynamodb", "operation": "transact", "kind": kind, "times": 8 }))
            .await;
        let (app, tenant, people) = (&bundle.story.app, &bundle.story.tenant, (CALLER, bundle.e164.as_str()));
        let _ = twilio::call_completed(app, tenant, people, "CA2", 5 * 60).await;
        bundle.story.app.no_faults();
        bundle.over("CA2", 5 * 60).await;
        assert_eq!(bundle.cost("CA2").await, ("0.06".into(), json!(2)), "{kind}");
        assert_eq!(bundle.charged().await, ["-0.06"], "{kind}");
        assert_eq!(bundle.used().await, json!({ "included": 100, "used": 100 }), "{kind}");
        bundle.story.app.verify().await;
    }
}
