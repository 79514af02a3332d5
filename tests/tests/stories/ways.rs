//! Every carrier by every platform and every way in which a number's calls get there: what a story needs to be told of each.

use serde_json::{Value, json};
use tests::unseen::TRUNK_PASSWORD;
use tests::{Answer, TestApp};

use crate::kit::{CALLER, NUMBER, Story, list, word};

const TURKISH: &str = "+908505550142";
const NATIVE: &str = "+12055550142";
/// What a tenant's own carrier is let in with.
const TRUNK_USER: &str = "line-1";

/// Where a number comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Twilio,
    Netgsm,
    /// Netgsm, where an operator orders and cancels.
    ByHand,
    /// A carrier of the tenant's own.
    Custom,
    Vapi,
}

/// A source, a platform, and how calls get from one to the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) source: Source,
    pub(crate) platform: &'static str,
    pub(crate) method: &'static str,
}

const fn way(source: Source, platform: &'static str, method: &'static str) -> Way {
    Way { source, platform, method }
}

/// All there are.
pub(crate) const WAYS: [Way; 13] = [
    way(Source::Twilio, "vapi", "hand_over"),
    way(Source::Twilio, "vapi", "import"),
    way(Source::Twilio, "retell", "trunk"),
    way(Source::Twilio, "retell", "hand_over"),
    way(Source::Twilio, "elevenlabs", "hand_over"),
    way(Source::Twilio, "elevenlabs", "trunk"),
    way(Source::Twilio, "elevenlabs", "import"),
    way(Source::Netgsm, "vapi", "direct"),
    way(Source::ByHand, "vapi", "direct"),
    way(Source::Custom, "vapi", "direct"),
    way(Source::Custom, "retell", "direct"),
    way(Source::Custom, "elevenlabs", "direct"),
    way(Source::Vapi, "vapi", "native"),
];

/// The same for one source.
pub(crate) fn ways_of(source: Source) -> impl Iterator<Item = Way> {
    WAYS.into_iter().filter(move |way| way.source == source)
}

impl Source {
    pub(crate) const ALL: [Self; 5] = [Self::Twilio, Self::Netgsm, Self::ByHand, Self::Custom, Self::Vapi];

    pub(crate) const fn e164(self) -> &'static str {
        match self {
            Self::Twilio | Self::Custom => NUMBER,
            Self::Netgsm | Self::ByHand => TURKISH,
            Self::Vapi => NATIVE,
        }
    }

    /// What a month costs the tenant.
    pub(crate) const fn month(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Twilio => Some(("1.50", "USD")),
            Self::Netgsm | Self::ByHand => Some(("20.00", "TRY")),
            Self::Custom => None,
            Self::Vapi => Some(("5.00", "USD")),
        }
    }

    /// Which simulator sells the number when it is asked to.
    pub(crate) const fn seller(self) -> Option<&'static str> {
        match self {
            Self::Twilio => Some("twilio"),
            Self::Netgsm => Some("netgsm"),
            Self::Vapi => Some("vapi"),
            Self::ByHand | Self::Custom => None,
        }
    }

    /// A tenant with a few dollars for minutes, for whom the number is on offer.
    pub(crate) async fn begin(self) -> Story {
        let app = match self {
            Self::ByHand => TestApp::by_hand().await,
            Self::Twilio | Self::Netgsm | Self::Custom | Self::Vapi => TestApp::start().await,
        };
        let tenant = app.tenant("PRO", "0").await;
        let story = Story { app, tenant };
        let stock = json!({ "e164": [self.e164()] });
        let simulators = &story.app.system.simulators;
        match self {
            Self::Twilio => story.stock(&[NUMBER]).await,
            Self::Netgsm => drop(simulators.netgsm.stock(&stock).expect("a number")),
            Self::Vapi => drop(simulators.vapi.stock(&stock).expect("a number")),
            Self::ByHand | Self::Custom => {}
        }
        story
    }

    /// The same with money enough for anything.
    pub(crate) async fn with_funds(self) -> Story {
        let story = self.begin().await;
        gets(&story, "50.00", "USD").await;
        gets(&story, "200.00", "TRY").await;
        story
    }

    /// Asks for the number, with what more is to be said.
    pub(crate) async fn asks(self, story: &Story, key: &str, more: &Value) -> Answer {
        let sip = json!({
            "host": "sip.example.com", "username": TRUNK_USER, "password": TRUNK_PASSWORD,
            "signalling_cidrs": ["203.0.113.0/28"],
        });
        let (path, mut wish) = match self {
            Self::Twilio | Self::Netgsm => ("/v1/numbers", json!({ "e164": self.e164() })),
            Self::ByHand => ("/v1/numbers", json!({ "country": "TR", "type": "national" })),
            Self::Custom => ("/v1/numbers/import", json!({ "carrier": "custom", "e164": NUMBER, "sip": sip })),
            Self::Vapi => ("/v1/numbers", json!({ "carrier": "vapi", "country": "US", "area_code": "205" })),
        };
        for (name, value) in more.as_object().into_iter().flatten() {
            wish[name] = value.clone();
        }
        story.app.post(&story.tenant, path, key, wish).await
    }

    /// The number as it is once everybody has done what the wish takes.
    pub(crate) async fn has(self, story: &Story, key: &str, more: &Value) -> Value {
        let begun = self.asks(story, key, more).await;
        match self {
            Self::Twilio | Self::Netgsm | Self::Custom => drop(begun.expect(201)),
            Self::ByHand => completes(story, &begun.expect(202), ordered()).await,
            Self::Vapi => {
                let _ = begun.expect(202);
                let _ = story.app.advance("PT5M").await;
            }
        }
        let mut held = list(&story.get("/v1/numbers?status=active").await.expect(200).body, "items");
        assert_eq!(held.len(), 1, "{self:?}: {held:?}");
        assert_eq!(word(&held[0], "/e164"), self.e164());
        held.remove(0)
    }

    /// Gives it back, whoever has to do something for it.
    pub(crate) async fn released(self, story: &Story, number: &str) {
        let leaving = story.release(number).await;
        match self {
            Self::ByHand => completes(story, &leaving.expect(202), json!({})).await,
            Self::Twilio | Self::Netgsm | Self::Custom | Self::Vapi => drop(leaving.expect(200)),
        }
        assert_eq!(word(&story.number(number).await, "/status"), "released", "{self:?}");
    }

    /// What whoever sold the number has of it.
    pub(crate) async fn sold(self, story: &Story) -> Vec<Value> {
        let Some(seller) = self.seller() else { return Vec::new() };
        let mut sold = list(&story.app.state(seller).await, "numbers");
        if self == Self::Vapi {
            sold.retain(|number| number["provider"] == "vapi" && number.get("sip_uri").is_none());
        }
        sold
    }
}

/// What an operator says of the number it has ordered.
fn ordered() -> Value {
    let sip = json!({
        "host": "sip.netgsm.com.tr", "username": "8505550142", "password": TRUNK_PASSWORD, "register": true,
        "signalling_cidrs": ["203.0.113.0/28"],
    });
    json!({ "e164": TURKISH, "carrier_number_id": "panel-7", "sip": sip })
}

async fn completes(story: &Story, begun: &Answer, said: Value) {
    let path = format!("/v1/operator/operations/{}/complete", begun.text("/operation/id"));
    let key = begun.text("/operation/id");
    let _ = story.app.post(&story.app.operator().await, &path, &key, said).await.expect(200);
    let _ = story.app.drain().await.expect(200);
}

/// The operator books what a tenant has paid by transfer.
pub(crate) async fn gets(story: &Story, amount: &str, currency: &str) {
    let path = format!("/v1/operator/tenants/{}/adjustments", story.tenant.id);
    let request = json!({ "amount": amount, "currency": currency, "reason": "paid by transfer" });
    let key = format!("{amount} {currency}");
    let _ = story.app.post(&story.app.operator().await, &path, &key, request).await.expect(201);
    let _ = story.app.drain().await.expect(200);
}

impl Way {
    pub(crate) async fn begin(self) -> Story {
        self.source.with_funds().await
    }

    pub(crate) async fn agent(self, story: &Story, name: &str) -> String {
        let wish = json!({ "name": name, "platform": self.platform, "number": false });
        story.app.post(&story.tenant, "/v1/agents", name, wish).await.expect(201).text("/agent/id")
    }

    /// What a purchase or an import says of its agent.
    pub(crate) fn for_agent(self, agent: &str) -> Value {
        match self.source {
            Source::Twilio => json!({ "agent_id": agent, "method": self.method }),
            // There is one way only.
            Source::Netgsm | Source::ByHand | Source::Custom | Source::Vapi => json!({ "agent_id": agent }),
        }
    }

    /// The number, linked to this agent.
    pub(crate) async fn buy(self, story: &Story, agent: &str) -> String {
        let number = self.source.has(story, "first", &self.for_agent(agent)).await;
        assert_eq!(word(&number, "/link/status"), "linked", "{self:?}: {number}");
        assert_eq!(word(&number, "/link/method"), self.method);
        word(&number, "/id")
    }

    pub(crate) async fn link(self, story: &Story, number: &str, agent: &str) -> Value {
        let path = format!("/v1/numbers/{number}/agent");
        story.app.put(&story.tenant, &path, self.for_agent(agent)).await.expect(200).body
    }

    /// The platform's id of an agent.
    pub(crate) async fn at_platform(self, story: &Story, agent: &str) -> String {
        story.get(&format!("/v1/agents/{agent}")).await.expect(200).text("/platform_agent_id")
    }

    /// The numbers that the platform has an agent for.
    pub(crate) async fn numbers(self, story: &Story) -> Vec<Value> {
        let mut known = list(&story.app.state(self.platform).await, "numbers");
        known.retain(|number| self.source != Source::Vapi || !number["agent"].is_null());
        known
    }

    /// What linking asks of the platform that changes something there.
    pub(crate) fn change(self) -> Option<&'static str> {
        match (self.platform, self.method) {
            ("retell" | "elevenlabs", "hand_over") => None,
            (_, "native") => Some("numbers.update"),
            _ => Some("numbers.create"),
        }
    }

    /// Whether our webhook is asked about a call.
    pub(crate) fn asks_us(self) -> bool {
        self.method == "hand_over"
    }

    /// What a call of half a minute costs.
    pub(crate) fn minute(self) -> &'static str {
        if self.method == "native" { "0.05" } else { "0.02" }
    }

    /// How the log has a call of half a minute.
    pub(crate) fn one_call(self) -> String {
        format!("inbound completed 30 {} linked", self.minute())
    }

    /// Somebody calls; the platform's id of who takes the call. If nobody does, whoever calls by Twilio hears a sentence.
    pub(crate) async fn rings(self, story: &Story) -> Option<String> {
        let simulators = &story.app.system.simulators;
        let (before, mut heard) = (self.taken(story).await, None);
        match (self.source, self.platform) {
            (Source::Twilio, _) => {
                let call = story.call(NUMBER, "completed").await;
                assert_eq!(word(&call, "/status"), "completed", "{self:?}: {call}");
                heard = Some(call["twiml"].to_string());
            }
            (_, "vapi") => drop(simulators.vapi.ring(self.source.e164(), CALLER)),
            (_, "retell") => self.dialled(story, &format!("sip:{NUMBER}@sip.retellai.com;transport=tcp")),
            _ => self.dialled(story, &format!("sip:{NUMBER}@sip.rtc.elevenlabs.io;transport=tcp")),
        }
        let answered = self.taken(story).await.get(before.len()).cloned();
        if let (None, Some(heard)) = (&answered, heard) {
            assert!(heard.contains("<Say>"), "{self:?}: {heard}");
        }
        answered
    }

    /// The tenant's carrier brings a call.
    fn dialled(self, story: &Story, uri: &str) {
        let _ = story.app.system.simulators.dial(uri, (TRUNK_USER, TRUNK_PASSWORD), CALLER);
    }

    /// Who took calls at the platform, in their order.
    async fn taken(self, story: &Story) -> Vec<String> {
        list(&story.app.state(self.platform).await, "calls").iter().map(|call| word(call, "/agent")).collect()
    }

    /// Somebody calls, and this agent answers; nobody does if it is none.
    pub(crate) async fn answered_by(self, story: &Story, agent: Option<&str>) {
        let answered = self.rings(story).await;
        let _ = story.app.drain().await.expect(200);
        let expected = match agent {
            Some(agent) => Some(self.at_platform(story, agent).await),
            None => None,
        };
        assert_eq!(answered, expected, "{self:?}");
    }

    /// What the number's call log says, newest first: direction, status, seconds, cost, and why it went where it did.
    pub(crate) async fn log(self, story: &Story, number: &str) -> Vec<String> {
        let calls = list(&story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body, "items");
        let line = |call: &Value| {
            let [direction, status, why] = ["/direction", "/status", "/routed/why"].map(|part| word(call, part));
            format!("{direction} {status} {} {} {why}", call["duration_s"], word(call, "/cost/amount"))
        };
        calls.iter().map(line).collect()
    }
}

/// Books and world agree.
pub(crate) async fn agrees(story: &Story) {
    story.app.verify().await;
    let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
    assert_eq!(run.body["findings"], json!([]), "{}", run.body);
}
