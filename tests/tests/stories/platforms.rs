//! Every voice platform by every way in which a number's calls get there: the same life on each, from the purchase to the
//! release in both places.

use serde_json::{Value, json};

use crate::kit::{CALLER, NUMBER, Story, list, word};

/// A platform, and how calls get there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) platform: &'static str,
    pub(crate) method: &'static str,
}

impl Way {
    pub(crate) async fn begin(self) -> Story {
        let story = Story::begin("PRO", "50.00").await;
        story.stock(&[NUMBER]).await;
        story
    }

    pub(crate) async fn agent(self, story: &Story, name: &str) -> String {
        let wish = json!({ "name": name, "platform": self.platform, "number": false });
        story.app.post(&story.tenant, "/v1/agents", name, wish).await.expect(201).text("/agent/id")
    }

    pub(crate) async fn buy(self, story: &Story, agent: &str) -> String {
        let wish = json!({ "e164": NUMBER, "agent_id": agent, "method": self.method });
        let bought = story.buy("first", wish).await.expect(201);
        assert_eq!(bought.text("/number/link/status"), "linked", "{}", bought.body);
        assert_eq!(bought.text("/number/link/method"), self.method);
        bought.text("/number/id")
    }

    pub(crate) async fn link(self, story: &Story, number: &str, agent: &str) -> Value {
        let wish = json!({ "agent_id": agent, "method": self.method });
        story.app.put(&story.tenant, &format!("/v1/numbers/{number}/agent"), wish).await.expect(200).body
    }

    /// The platform's id of an agent.
    pub(crate) async fn at_platform(self, story: &Story, agent: &str) -> String {
        story.get(&format!("/v1/agents/{agent}")).await.expect(200).text("/platform_agent_id")
    }

    async fn numbers(self, story: &Story) -> Vec<Value> {
        list(&story.app.state(self.platform).await, "numbers")
    }

    /// Whether our webhook is asked about a call.
    pub(crate) fn asks_us(self) -> bool {
        self.method == "hand_over"
    }

    /// Somebody calls, and this agent answers; nobody does if it is none.
    pub(crate) async fn answered_by(self, story: &Story, agent: Option<&str>) {
        let call = story.call(NUMBER, "completed").await;
        let _ = story.app.drain().await.expect(200);
        assert_eq!(word(&call, "/status"), "completed", "{self:?}: {call}");
        let calls = list(&story.app.state(self.platform).await, "calls");
        let sid = word(&call, "/call_sid");
        let last = calls.iter().rev().map(|call| word(call, "/agent")).next();
        match agent {
            Some(agent) => {
                let expected = self.at_platform(story, agent).await;
                assert_eq!(last.as_deref(), Some(expected.as_str()), "{self:?}: {sid}");
            }
            None => {
                let said = call["twiml"].to_string();
                assert!(said.contains("<Say>"), "{self:?}: {call}");
            }
        }
    }

    /// What the number's call log says, newest first: direction, status, seconds and cost.
    pub(crate) async fn log(self, story: &Story, number: &str) -> Vec<String> {
        let calls = list(&story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body, "items");
        let line = |call: &Value| {
            let [direction, status, why] = ["/direction", "/status", "/routed/why"].map(|part| word(call, part));
            format!("{direction} {status} {} {} {why}", call["duration_s"], word(call, "/cost/amount"))
        };
        calls.iter().map(line).collect()
    }

    async fn a_whole_life(self) {
        let story = self.begin().await;
        let [first, second] = [self.agent(&story, "First").await, self.agent(&story, "Second").await];
        let number = self.buy(&story, &first).await;
        story.app.verify().await;

        self.answered_by(&story, Some(&first)).await;
        assert_eq!(self.log(&story, &number).await, ["inbound completed 30 0.02 linked"], "{self:?}");

        let path = format!("/v1/numbers/{number}/test-call");
        let placed = story.app.post(&story.tenant, &path, "ring me", json!({ "to": CALLER })).await.expect(201);
        assert_eq!(placed.text("/call/direction"), "outbound");
        story.app.system.simulators.twilio.play_calls().await;
        let _ = story.app.drain().await.expect(200);
        let log = self.log(&story, &number).await;
        assert_eq!(log.len(), 2, "{self:?}: {log:?}");
        assert!(log.iter().any(|line| line == "outbound completed 30 0.02 linked"), "{self:?}: {log:?}");

        let linked = self.link(&story, &number, &second).await;
        assert_eq!(linked["number"]["agent_id"], json!(second), "{linked}");
        self.answered_by(&story, Some(&second)).await;

        let _ = story.unlink(&number).await.expect(200);
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        self.answered_by(&story, None).await;
        story.app.verify().await;

        let _ = self.link(&story, &number, &first).await;
        self.answered_by(&story, Some(&first)).await;
        let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
        assert_eq!(run.body["findings"], json!([]), "{self:?}: {}", run.body);

        let _ = story.release(&number).await.expect(200);
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        assert_eq!(list(&story.app.state("twilio").await, "numbers"), Vec::<Value>::new());
        story.app.verify().await;
    }

    /// Not paid for, the number's callers hear so, whoever else its calls went to; paid for, they get through again.
    async fn suspension_and_its_end(self) {
        let story = Story::begin("PRO", "1.50").await;
        story.stock(&[NUMBER]).await;
        let agent = self.agent(&story, "First").await;
        let number = self.buy(&story, &agent).await;
        let _ = story.app.advance("P1M").await;
        let _ = story.app.advance("P8D").await;
        assert_eq!(word(&story.number(&number).await, "/status"), "suspended", "{self:?}");
        self.answered_by(&story, None).await;
        let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
        assert_eq!(run.body["findings"], json!([]), "{self:?}: {}", run.body);
        story.app.verify().await;

        let _ = story.adjust("paid", "20.00", "paid at last").await.expect(201);
        let _ = story.app.drain().await.expect(200);
        assert_eq!(word(&story.number(&number).await, "/status"), "active", "{self:?}");
        self.answered_by(&story, Some(&agent)).await;
        story.app.verify().await;
    }

    /// The platform knows the number, so the carrier brings calls there; the link is refused halfway, and nothing is left of
    /// it.
    async fn refused_by_the_carrier(self) {
        let story = self.begin().await;
        let agent = self.agent(&story, "First").await;
        let number = story.bought(NUMBER).await;
        story.refusal("twilio", if self.method == "trunk" { "trunks.attach" } else { "numbers.get" }, 400, None).await;
        let wish = json!({ "agent_id": agent, "method": self.method });
        let refused = story.app.put(&story.tenant, &format!("/v1/numbers/{number}/agent"), wish).await;
        assert_eq!(refused.expect(503).code(), "carrier_unavailable");
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        assert!(story.number(&number).await["agent_id"].is_null());
        self.answered_by(&story, None).await;
        story.app.verify().await;
    }

    /// The carrier refuses what a purchase was to be linked by: the number is kept, without an agent and with the reason.
    async fn kept_without_its_agent(self) {
        let story = self.begin().await;
        let agent = self.agent(&story, "First").await;
        story.refusal("twilio", "trunks.attach", 400, None).await;
        let wish = json!({ "e164": NUMBER, "agent_id": agent, "method": self.method });
        let bought = story.buy("first", wish).await.expect(201);
        assert_eq!(bought.text("/number/link/status"), "failed", "{}", bought.body);
        assert!(bought.body["number"]["agent_id"].is_null());
        assert_eq!(self.numbers(&story).await, Vec::<Value>::new(), "{self:?}");
        self.answered_by(&story, None).await;
        story.app.verify().await;
    }
}

pub(crate) const WAYS: [Way; 7] = [
    Way { platform: "vapi", method: "hand_over" },
    Way { platform: "vapi", method: "import" },
    Way { platform: "retell", method: "trunk" },
    Way { platform: "retell", method: "hand_over" },
    Way { platform: "elevenlabs", method: "hand_over" },
    Way { platform: "elevenlabs", method: "trunk" },
    Way { platform: "elevenlabs", method: "import" },
];

#[tokio::test]
async fn a_whole_life_on_every_platform_by_every_way() {
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
async fn a_link_that_the_carrier_refuses_leaves_nothing_at_the_platform() {
    for way in WAYS.into_iter().filter(|way| !way.asks_us()) {
        way.refused_by_the_carrier().await;
    }
    for way in WAYS.into_iter().filter(|way| way.method == "trunk") {
        way.kept_without_its_agent().await;
    }
}

#[tokio::test]
async fn a_number_moves_from_any_way_to_any_other() {
    let story = Story::begin("PRO", "50.00").await;
    story.stock(&[NUMBER]).await;
    let mut agents = Vec::new();
    for (n, way) in WAYS.iter().enumerate() {
        agents.push(way.agent(&story, &format!("Agent {n}")).await);
    }
    let number = story.bought(NUMBER).await;
    for (from, before) in WAYS.iter().zip(&agents) {
        for (to, after) in WAYS.iter().zip(&agents) {
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

#[tokio::test]
async fn a_platform_is_not_told_of_a_number_in_two_ways() {
    let [import, trunk] = [WAYS[6], WAYS[5]];
    let story = import.begin().await;
    let agent = import.agent(&story, "First").await;
    let number = import.buy(&story, &agent).await;
    let wish = json!({ "agent_id": agent, "method": trunk.method });
    let refused = story.app.put(&story.tenant, &format!("/v1/numbers/{number}/agent"), wish).await;
    assert_eq!(refused.expect(400).text("/errors/0/field"), "method");
    import.answered_by(&story, Some(&agent)).await;
}
