//! What every carrier and every platform has to live up to, by every way in which calls get from one to the other: the same
//! stories for all of them ([`WAYS`]).

use serde_json::{Value, json};

use crate::kit::{CALLER, Story, list, word};
use crate::ways::{Source, WAYS, Way, agrees, gets, ways_of};

impl Way {
    async fn a_whole_life(self) {
        let story = self.begin().await;
        let [first, second] = [self.agent(&story, "First").await, self.agent(&story, "Second").await];
        let number = self.buy(&story, &first).await;
        agrees(&story).await;

        self.answered_by(&story, Some(&first)).await;
        assert_eq!(self.log(&story, &number).await, [self.one_call()], "{self:?}");

        let path = format!("/v1/numbers/{number}/test-call");
        let placed = story.app.post(&story.tenant, &path, "ring me", json!({ "to": CALLER })).await.expect(201);
        assert_eq!(placed.text("/call/direction"), "outbound");
        story.app.system.simulators.twilio.play_calls().await;
        let _ = story.app.drain().await.expect(200);
        let log = self.log(&story, &number).await;
        assert_eq!(log.len(), 2, "{self:?}: {log:?}");
        let tested = format!("outbound completed 30 {} linked", self.minute());
        assert!(log.contains(&tested), "{self:?}: {log:?}");

        let linked = self.link(&story, &number, &second).await;
        assert_eq!(linked["number"]["agent_id"], json!(second), "{linked}");
        assert_eq!(linked["number"]["link"]["method"], self.method, "{linked}");
        self.answered_by(&story, Some(&second)).await;

        let _ = story.unlink(&number).await.expect(200);
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        self.answered_by(&story, None).await;
        agrees(&story).await;

        let _ = self.link(&story, &number, &first).await;
        self.answered_by(&story, Some(&first)).await;
        agrees(&story).await;

        self.source.released(&story, &number).await;
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        assert_eq!(self.source.sold(&story).await, Vec::<Value>::new(), "{self:?}");
        agrees(&story).await;
    }

    /// Not paid for, the number's callers get through to nobody, whoever else its calls went to; paid for, they do again. What
    /// costs nothing is never without its agent.
    async fn suspension_and_its_end(self) {
        let story = self.source.begin().await;
        if let Some((amount, currency)) = self.source.month() {
            gets(&story, amount, currency).await;
        }
        let agent = self.agent(&story, "First").await;
        let number = self.buy(&story, &agent).await;
        let _ = story.app.advance("P1M").await;
        let _ = story.app.advance("P8D").await;
        let status = word(&story.number(&number).await, "/status");
        let Some((_, currency)) = self.source.month() else {
            assert_eq!(status, "active", "{self:?}");
            self.answered_by(&story, Some(&agent)).await;
            return;
        };
        assert_eq!(status, "suspended", "{self:?}");
        self.answered_by(&story, None).await;
        agrees(&story).await;

        gets(&story, "100.00", currency).await;
        assert_eq!(word(&story.number(&number).await, "/status"), "active", "{self:?}");
        // Minutes are paid for in dollars, of which there may be none.
        gets(&story, "1.00", "USD").await;
        self.answered_by(&story, Some(&agent)).await;
        agrees(&story).await;
    }

    /// A call that there is no money for is the last one until it is paid for. Where nobody asks us the first gets through; it
    /// is owed, and whoever calls next gets through to nobody, as does whoever calls where we are asked.
    async fn unpaid_calls(self) {
        let story = self.source.begin().await;
        if let Some((amount, currency)) = self.source.month() {
            gets(&story, amount, currency).await;
        }
        let agent = self.agent(&story, "First").await;
        let number = self.buy(&story, &agent).await;
        self.answered_by(&story, if self.asks_us() { None } else { Some(&agent) }).await;
        for _ in 0..2 {
            self.answered_by(&story, None).await;
        }
        agrees(&story).await;
        let shown = story.number(&number).await;
        assert_eq!(
            (word(&shown, "/status"), word(&shown, "/link/status")),
            ("active".into(), "linked".into()),
            "{self:?}"
        );
        assert_eq!(word(&shown, "/link/reason").contains("not paid for"), !self.asks_us(), "{self:?}: {shown}");
        if !self.asks_us() {
            // Neither another link nor a call of our own is a way around it.
            let linked = format!("/v1/numbers/{number}/agent");
            let refused = story.app.put(&story.tenant, &linked, self.for_agent(&agent)).await;
            assert_eq!(refused.expect(409).code(), "number_not_active", "{self:?}");
            let (test, wish) = (format!("/v1/numbers/{number}/test-call"), json!({ "to": CALLER }));
            let refused = story.app.post(&story.tenant, &test, "ring me", wish).await;
            assert_eq!(refused.expect(409).code(), "number_not_active", "{self:?}");
        }

        gets(&story, "1.00", "USD").await;
        self.answered_by(&story, Some(&agent)).await;
        agrees(&story).await;
        let charged: Vec<_> =
            self.log(&story, &number).await.into_iter().filter(|call| *call == self.one_call()).collect();
        assert_eq!(charged.len(), if self.asks_us() { 1 } else { 2 }, "{self:?}");
        let entries = list(&story.get("/v1/wallet/entries?currency=USD").await.expect(200).body, "items");
        let usage = entries.iter().filter(|entry| entry["kind"] == "usage_charge").count();
        assert_eq!(usage, charged.len(), "{self:?}: {entries:?}");
        let reason = story.number(&number).await["link"]["reason"].clone();
        assert!(reason.is_null(), "{self:?}: {reason}");
    }

    /// The money comes while the calls are being barred: they are not.
    async fn paid_while_being_barred(self) {
        let story = self.source.begin().await;
        if let Some((amount, currency)) = self.source.month() {
            gets(&story, amount, currency).await;
        }
        let agent = self.agent(&story, "First").await;
        let number = self.buy(&story, &agent).await;
        let (party, change) = match self.source {
            Source::Twilio => ("twilio", if self.method == "trunk" { "trunks.detach" } else { "numbers.update" }),
            Source::Netgsm | Source::ByHand | Source::Custom | Source::Vapi => (self.platform, "numbers.update"),
        };
        story.fault(party, change, "timeout", 1_000_000).await;
        self.answered_by(&story, Some(&agent)).await;
        assert!(!word(&story.number(&number).await, "/link/reason").contains("not paid for"), "{self:?}");
        gets(&story, "1.00", "USD").await;
        story.app.no_faults();
        let _ = story.app.advance("PT15M").await;
        let operations = list(&story.get("/v1/operations").await.expect(200).body, "items");
        let barred: Vec<_> = operations.iter().filter(|op| op["kind"] == "bar").map(|op| word(op, "/status")).collect();
        assert_eq!(barred, ["failed"], "{self:?}: {operations:?}");
        self.answered_by(&story, Some(&agent)).await;
        agrees(&story).await;
    }

    /// The platform refuses: the number is kept, without an agent and with the reason, and can be linked once it does not.
    async fn refused_by_the_platform(self, change: &str) {
        let story = self.begin().await;
        let agent = self.agent(&story, "First").await;
        story.refusal(self.platform, change, 400, None).await;
        let number = self.source.has(&story, "first", &self.for_agent(&agent)).await;
        assert_eq!(word(&number, "/link/status"), "failed", "{self:?}: {number}");
        assert!(number["agent_id"].is_null(), "{number}");
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        self.answered_by(&story, None).await;
        agrees(&story).await;
        let _ = self.link(&story, &word(&number, "/id"), &agent).await;
        self.answered_by(&story, Some(&agent)).await;
        agrees(&story).await;
    }

    /// What the platform did is found when its answer never came, and done when it did not: once.
    async fn unanswered_by_the_platform(self, change: &str, kind: &str) {
        let story = self.begin().await;
        let agent = self.agent(&story, "First").await;
        let number = word(&self.source.has(&story, "first", &json!({})).await, "/id");
        story.fault(self.platform, change, kind, 1).await;
        let path = format!("/v1/numbers/{number}/agent");
        let answer = story.app.put(&story.tenant, &path, self.for_agent(&agent)).await;
        assert!([200, 202].contains(&answer.status.as_u16()), "{self:?} {kind}: {}", answer.body);
        let _ = story.app.advance("PT15M").await;
        assert_eq!(word(&story.number(&number).await, "/link/status"), "linked", "{self:?} {kind}");
        assert_eq!(self.numbers(&story).await.len(), 1, "{self:?} {kind}");
        self.answered_by(&story, Some(&agent)).await;
        agrees(&story).await;
    }

    /// The platform knows the number, so the carrier brings calls there; the link is refused halfway, and nothing is left of
    /// it.
    async fn refused_by_the_carrier(self) {
        let story = self.begin().await;
        let agent = self.agent(&story, "First").await;
        let number = word(&self.source.has(&story, "first", &json!({})).await, "/id");
        story.refusal("twilio", if self.method == "trunk" { "trunks.attach" } else { "numbers.get" }, 400, None).await;
        let refused =
            story.app.put(&story.tenant, &format!("/v1/numbers/{number}/agent"), self.for_agent(&agent)).await;
        assert_eq!(refused.expect(503).code(), "carrier_unavailable");
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        assert!(story.number(&number).await["agent_id"].is_null());
        self.answered_by(&story, None).await;
        agrees(&story).await;
    }

    /// The carrier refuses what a purchase was to be linked by: the number is kept, without an agent and with the reason.
    async fn kept_without_its_agent(self) {
        let story = self.begin().await;
        let agent = self.agent(&story, "First").await;
        story.refusal("twilio", "trunks.attach", 400, None).await;
        let number = self.source.has(&story, "first", &self.for_agent(&agent)).await;
        assert_eq!(word(&number, "/link/status"), "failed", "{number}");
        assert!(number["agent_id"].is_null());
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        self.answered_by(&story, None).await;
        agrees(&story).await;
    }
}

impl Source {
    /// What it sold is found when its answer never came, and ordered when it did not: one number, paid for once.
    async fn unanswered(self, seller: &str, kind: &str) {
        let story = self.with_funds().await;
        story.fault(seller, "numbers.create", kind, 1).await;
        let answer = self.asks(&story, "first", &json!({})).await;
        assert!([201, 202].contains(&answer.status.as_u16()), "{self:?} {kind}: {}", answer.body);
        let _ = story.app.advance("PT15M").await;
        let held = list(&story.get("/v1/numbers?status=active").await.expect(200).body, "items");
        assert_eq!((held.len(), self.sold(&story).await.len()), (1, 1), "{self:?} {kind}");
        let (price, currency) = self.month().expect("it is sold");
        let path = format!("/v1/wallet/entries?currency={currency}");
        let entries = list(&story.get(&path).await.expect(200).body, "items");
        let charges: Vec<_> = entries.iter().filter(|entry| entry["kind"] == "number_charge").collect();
        assert_eq!(charges.len(), 1, "{self:?} {kind}: {entries:?}");
        assert_eq!(word(charges[0], "/amount/amount"), format!("-{price}"));
        agrees(&story).await;
    }

    /// What it refuses costs nothing and leaves nothing, and is sold to whoever asks next.
    async fn refuses(self, seller: &str) {
        let story = self.with_funds().await;
        // Netgsm says no in a body; what has no such body was said by something in between, and may have happened.
        story.refusal(seller, "numbers.create", 400, (self == Self::Netgsm).then_some(70)).await;
        let answer = self.asks(&story, "first", &json!({})).await;
        assert!(answer.status.is_client_error() || answer.status.is_server_error(), "{self:?}: {}", answer.body);
        assert_eq!(self.sold(&story).await, Vec::<Value>::new(), "{self:?}");
        let (_, currency) = self.month().expect("it is sold");
        let wallets = list(&story.get("/v1/wallet").await.expect(200).body, "wallets");
        let wallet = wallets.iter().find(|wallet| word(wallet, "/balance/currency") == currency).expect("a wallet");
        assert_eq!((&wallet["held"]["amount"], &wallet["available"]), (&json!("0.00"), &wallet["balance"]), "{self:?}");
        agrees(&story).await;
        let _ = self.has(&story, "again", &json!({})).await;
        agrees(&story).await;
    }
}

#[tokio::test]
async fn a_whole_life_from_every_carrier_on_every_platform() {
    for way in WAYS {
        way.a_whole_life().await;
    }
}

#[tokio::test]
async fn a_suspension_holds_whichever_way_calls_go() {
    for way in WAYS {
        way.suspension_and_its_end().await;
    }
}

#[tokio::test]
async fn a_call_that_is_not_paid_for_is_the_last_one() {
    for way in WAYS {
        way.unpaid_calls().await;
    }
}

#[tokio::test]
async fn money_that_comes_while_calls_are_being_barred_keeps_them_coming() {
    for way in WAYS.into_iter().filter(|way| !way.asks_us()) {
        way.paid_while_being_barred().await;
    }
}

#[tokio::test]
async fn a_platform_that_refuses_leaves_a_number_without_its_agent() {
    for way in WAYS {
        if let Some(change) = way.change() {
            way.refused_by_the_platform(change).await;
        }
    }
}

#[tokio::test]
async fn a_platform_whose_answer_is_lost_has_the_number_once() {
    for way in WAYS {
        for kind in ["lost_reply", "timeout"] {
            if let Some(change) = way.change() {
                way.unanswered_by_the_platform(change, kind).await;
            }
        }
    }
}

#[tokio::test]
async fn a_carrier_whose_answer_is_lost_sells_one_number() {
    for source in Source::ALL {
        for kind in ["lost_reply", "timeout"] {
            if let Some(seller) = source.seller() {
                source.unanswered(seller, kind).await;
            }
        }
    }
}

#[tokio::test]
async fn a_carrier_that_refuses_costs_nothing() {
    for source in Source::ALL {
        if let Some(seller) = source.seller() {
            source.refuses(seller).await;
        }
    }
}

#[tokio::test]
async fn a_link_that_the_carrier_refuses_leaves_nothing_at_the_platform() {
    for way in ways_of(Source::Twilio).filter(|way| !way.asks_us()) {
        way.refused_by_the_carrier().await;
    }
    for way in WAYS.into_iter().filter(|way| way.method == "trunk") {
        way.kept_without_its_agent().await;
    }
}

#[tokio::test]
async fn a_number_moves_from_any_way_to_any_other() {
    for source in [Source::Twilio, Source::Custom] {
        let story = source.with_funds().await;
        let mut agents = Vec::new();
        for (n, way) in ways_of(source).enumerate() {
            agents.push((way, way.agent(&story, &format!("Agent {n}")).await));
        }
        let number = word(&source.has(&story, "first", &json!({})).await, "/id");
        for (from, before) in &agents {
            for (to, after) in &agents {
                // What a platform knows in one way past us it cannot be told of in another.
                let moves = from.platform != to.platform || from.asks_us() != to.asks_us();
                if !moves {
                    continue;
                }
                let _ = story.unlink(&number).await.expect(200);
                let _ = from.link(&story, &number, before).await;
                let linked = to.link(&story, &number, after).await;
                assert_eq!(linked["number"]["link"]["method"], json!(to.method), "{from:?} to {to:?}: {linked}");
                to.answered_by(&story, Some(after)).await;
                if from.platform != to.platform {
                    assert_eq!(from.numbers(&story).await, Vec::<Value>::new(), "{from:?} to {to:?}");
                }
                story.app.verify().await;
            }
        }
    }
}

#[tokio::test]
async fn a_platform_is_not_told_of_a_number_in_two_ways() {
    let [import, trunk] = [WAYS[6], WAYS[5]];
    let story: Story = import.begin().await;
    let agent = import.agent(&story, "First").await;
    let number = import.buy(&story, &agent).await;
    let refused = story.app.put(&story.tenant, &format!("/v1/numbers/{number}/agent"), trunk.for_agent(&agent)).await;
    assert_eq!(refused.expect(400).text("/errors/0/field"), "method");
    import.answered_by(&story, Some(&agent)).await;
}
