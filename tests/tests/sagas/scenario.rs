//! The sagas, each with what has to be there before it and the one request that begins it.

use domain::Currency;
use local::worker::Job;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

use crate::fault::Ending;
use crate::ways::Way;
use crate::world;

/// A saga on one of its ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    PurchaseExact,
    PurchaseAny,
    /// The first offer is taken, so the purchase goes to the second.
    PurchaseAnyTaken,
    PurchaseLinked,
    /// The platform refuses, and the number is kept without an agent.
    PurchaseLinkedRefused,
    PurchaseAllOrNothing,
    /// The platform refuses, and the number is given back.
    PurchaseAllOrNothingRefused,
    Import,
    ImportLinked,
    /// The platform refuses, and the number is kept without an agent.
    ImportLinkedRefused,
    /// The platform refuses, and the number is put back to what it was.
    ImportAllOrNothingRefused,
    LinkFresh,
    LinkFreshRefused,
    Relink,
    RelinkRefused,
    Unlink,
    ReleaseLinked,
    ReleaseUnlinked,
    /// Of an imported number: it is put back to what it was.
    ReleaseImported,
    /// On another platform, or past our webhook.
    By(Way),
}

/// Who drives the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    /// The request that began it.
    Request,
    /// A worker, from the queue.
    Worker,
}

/// The request of a scenario, to be sent as often as one likes.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

/// A system in which a scenario can begin.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) app: TestApp,
    pub(crate) scenario: Scenario,
    pub(crate) tenant: Tenant,
    pub(crate) request: Request,
    /// Of whoever sends the request.
    pub(crate) token: String,
    /// The operator's own number as the carrier had it before it was imported.
    pub(crate) own: Option<Value>,
    /// Who answers before.
    pub(crate) agent_before: Option<Bound>,
    /// Who is to answer.
    pub(crate) agent_after: Option<Bound>,
    /// What the tenant had when it began, and how often it had been charged for a number.
    pub(crate) had: (i64, usize),
}

/// An agent that answers a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) platform: &'static str,
    /// The platform's id of it.
    pub(crate) id: String,
    /// Whether the platform keeps the number, and not only answers its calls.
    pub(crate) kept: bool,
    /// Whether it is to answer.
    pub(crate) answers: bool,
}

/// A number the operator bought by hand.
const OWN: &str = "+12125550188";
const KEY: &str = "the one key";

impl Scenario {
    pub(crate) const fn is_purchase(self) -> bool {
        matches!(self.kind().as_bytes(), b"purchase")
    }

    pub(crate) const fn is_import(self) -> bool {
        matches!(self.kind().as_bytes(), b"import")
    }

    pub(crate) const fn is_any(self) -> bool {
        matches!(self, Self::PurchaseAny | Self::PurchaseAnyTaken)
    }

    /// Whether nobody asks for it: it begins when money does not suffice, or does again.
    pub(crate) fn begun_by_billing(self) -> bool {
        matches!(self, Self::By(way) if way.begun_by_billing())
    }

    /// The operation's kind.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseAnyTaken
            | Self::PurchaseLinked
            | Self::PurchaseLinkedRefused
            | Self::PurchaseAllOrNothing
            | Self::PurchaseAllOrNothingRefused => "purchase",
            Self::Import | Self::ImportLinked | Self::ImportLinkedRefused | Self::ImportAllOrNothingRefused => "import",
            Self::LinkFresh | Self::LinkFreshRefused | Self::Relink | Self::RelinkRefused => "link",
            Self::Unlink => "unlink",
            Self::ReleaseLinked | Self::ReleaseUnlinked | Self::ReleaseImported => "release",
            Self::By(way) => way.kind(),
        }
    }

    /// Whose the number is.
    pub(crate) const fn carrier(self) -> Option<&'static str> {
        match self {
            Self::By(way) => way.carrier(),
            _ => Some("twilio"),
        }
    }

    /// What the number costs a month, in micro-units.
    pub(crate) const fn price(self) -> (i64, Currency) {
        match self {
            Self::By(way) => way.price(),
            _ => (1_500_000, Currency::USD),
        }
    }

    /// The refusal that makes it go this way: third party, operation, the third party's own code.
    pub(crate) const fn refusal(self) -> Option<(&'static str, &'static str, Option<&'static str>)> {
        match self {
            Self::PurchaseAnyTaken => Some(("twilio", "numbers.create", Some("21422"))),
            Self::PurchaseLinkedRefused
            | Self::PurchaseAllOrNothingRefused
            | Self::ImportLinkedRefused
            | Self::ImportAllOrNothingRefused
            | Self::LinkFreshRefused => Some(("vapi", "numbers.create", None)),
            Self::RelinkRefused => Some(("vapi", "numbers.update", None)),
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseLinked
            | Self::PurchaseAllOrNothing
            | Self::Import
            | Self::ImportLinked
            | Self::LinkFresh
            | Self::Relink
            | Self::Unlink
            | Self::ReleaseLinked
            | Self::ReleaseUnlinked
            | Self::ReleaseImported => None,
            Self::By(way) => way.refusal(),
        }
    }

    /// How it ends when nothing else goes wrong.
    pub(crate) const fn natural(self) -> Ending {
        match self {
            Self::PurchaseLinkedRefused | Self::ImportLinkedRefused => Ending::Unlinked,
            Self::PurchaseAllOrNothingRefused
            | Self::ImportAllOrNothingRefused
            | Self::LinkFreshRefused
            | Self::RelinkRefused => Ending::Failed,
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseAnyTaken
            | Self::PurchaseLinked
            | Self::PurchaseAllOrNothing
            | Self::Import
            | Self::ImportLinked
            | Self::LinkFresh
            | Self::Relink
            | Self::Unlink
            | Self::ReleaseLinked
            | Self::ReleaseUnlinked
            | Self::ReleaseImported => Ending::Succeeded,
            Self::By(way) => way.natural(),
        }
    }

    /// How it ends when the platform will not know the number.
    pub(crate) const fn without_platform(self) -> Ending {
        match self {
            Self::PurchaseLinked | Self::PurchaseLinkedRefused | Self::ImportLinked | Self::ImportLinkedRefused => {
                Ending::Unlinked
            }
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseAnyTaken
            | Self::PurchaseAllOrNothing
            | Self::PurchaseAllOrNothingRefused
            | Self::Import
            | Self::ImportAllOrNothingRefused
            | Self::LinkFresh
            | Self::LinkFreshRefused
            | Self::Relink
            | Self::RelinkRefused
            | Self::Unlink
            | Self::ReleaseLinked
            | Self::ReleaseUnlinked
            | Self::ReleaseImported
            | Self::By(_) => Ending::Failed,
        }
    }

    /// A fresh system with everything this scenario needs, and nothing begun.
    pub(crate) async fn stage(self) -> Stage {
        if let Self::By(way) = self {
            return Box::pin(way.stage()).await;
        }
        let app = TestApp::start().await;
        let tenant = app.tenant("PRO", "10.00").await;
        let (mut agent_before, mut agent_after) = (None, None);
        let imports = self.is_import() || self == Self::ReleaseImported;
        let own = if imports { Some(bought_by_hand(&app).await) } else { None };
        let operator = if imports { app.operator().await.token } else { String::new() };
        let import = json!({ "carrier": "twilio", "e164": OWN, "tenant_id": tenant.id });
        let request = if self.is_import() {
            let mut body = import;
            if self != Self::Import {
                let (agent, known) = agent(&app, &tenant, "vapi", "after").await;
                (body["agent_id"], agent_after) = (json!(agent), Some(known));
                body["all_or_nothing"] = json!(self == Self::ImportAllOrNothingRefused);
            }
            Request { method: Method::POST, path: "/v1/numbers/import".into(), body: Some(body) }
        } else if self.is_purchase() {
            let mut body = if self.is_any() {
                json!({ "country": "US", "area_code": "212" })
            } else {
                json!({ "e164": app.offers(&tenant, "212").await[0] })
            };
            if !matches!(self, Self::PurchaseExact | Self::PurchaseAny | Self::PurchaseAnyTaken) {
                let (agent, known) = agent(&app, &tenant, "vapi", "after").await;
                (body["agent_id"], agent_after) = (json!(agent), Some(known));
                let aon = matches!(self, Self::PurchaseAllOrNothing | Self::PurchaseAllOrNothingRefused);
                body["all_or_nothing"] = json!(aon);
            }
            Request { method: Method::POST, path: "/v1/numbers".into(), body: Some(body) }
        } else {
            let mut body = json!({ "country": "US", "area_code": "212" });
            if !matches!(self, Self::LinkFresh | Self::LinkFreshRefused | Self::ReleaseUnlinked) {
                let (agent, known) = agent(&app, &tenant, "vapi", "before").await;
                (body["agent_id"], agent_before) = (json!(agent), Some(known));
            }
            let number = if self == Self::ReleaseImported {
                let body =
                    json!({ "carrier": "twilio", "e164": OWN, "tenant_id": tenant.id, "agent_id": body["agent_id"] });
                let operator = Tenant { id: String::new(), token: operator.clone() };
                app.post(&operator, "/v1/numbers/import", "imported before", body).await
            } else {
                app.post(&tenant, "/v1/numbers", "bought before", body).await
            };
            let number = number.expect(201).text("/number/id");
            let its_agent = format!("/v1/numbers/{number}/agent");
            match self.kind() {
                "link" => {
                    let (agent, known) = agent(&app, &tenant, "vapi", "after").await;
                    agent_after = Some(known);
                    Request { method: Method::PUT, path: its_agent, body: Some(json!({ "agent_id": agent })) }
                }
                "unlink" => Request { method: Method::DELETE, path: its_agent, body: None },
                _ => Request { method: Method::DELETE, path: format!("/v1/numbers/{number}"), body: None },
            }
        };
        let token = if self.is_import() { operator } else { tenant.token.clone() };
        let stage = Stage::set(app, self, tenant, request, (agent_before, agent_after)).await;
        Stage { token, own, ..stage }
    }
}

/// The operator buys a number past the product, in the same account, and sets it up as it likes.
async fn bought_by_hand(app: &TestApp) -> Value {
    let _ = app.local("simulators/twilio/stock", Some(json!({ "e164": [OWN] }))).await.expect(200);
    let twilio = &app.system.simulators.twilio;
    let url = format!("{}/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", twilio.url, twilio.account_sid);
    let order = reqwest::Client::new().post(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token));
    let order = order.form(&[
        ("PhoneNumber", OWN),
        ("FriendlyName", "Reception"),
        ("VoiceUrl", "https://before.example.test/voice"),
        ("StatusCallback", "https://before.example.test/status"),
        ("VoiceApplicationSid", "AP0123456789abcdef0123456789abcdef"),
    ]);
    assert_eq!(order.send().await.expect("an answer").status().as_u16(), 201);
    crate::world::at_carrier(app, OWN).await.expect("it was bought")
}

/// An agent: our id, and the platform's.
pub(crate) async fn agent(app: &TestApp, tenant: &Tenant, platform: &'static str, name: &str) -> (String, Bound) {
    let wish = json!({ "name": name, "platform": platform, "number": false });
    let ours = app.post(tenant, "/v1/agents", name, wish).await.expect(201).text("/agent/id");
    let id = app.get(tenant, &format!("/v1/agents/{ours}")).await.expect(200).text("/platform_agent_id");
    (ours, Bound { platform, id, kept: true, answers: true })
}

impl Stage {
    /// A stage as it is before the request of a tenant.
    pub(crate) async fn set(
        app: TestApp,
        scenario: Scenario,
        tenant: Tenant,
        request: Request,
        (agent_before, agent_after): (Option<Bound>, Option<Bound>),
    ) -> Self {
        let (_, currency) = scenario.price();
        let charges = world::charges(&app, &tenant, currency).await;
        let had = (world::wallet(&app, &tenant, currency).await.balance, charges);
        let token = tenant.token.clone();
        Self { app, scenario, tenant, request, token, own: None, agent_before, agent_after, had }
    }

    /// The refusal that belongs to the scenario, still to come. A platform refuses as often as it is asked, an offer is
    /// taken once.
    pub(crate) fn refuse(&self) {
        if let Some((provider, operation, code)) = self.scenario.refusal() {
            let mut fault = json!({ "provider": provider, "operation": operation, "kind": "error", "status": 400 });
            match code {
                Some(code) => fault["code"] = json!(code),
                None => fault["times"] = json!(1_000_000),
            }
            self.app.system.simulators.faults.add_json(&fault).expect("a fault");
        }
    }

    /// Sends the request and lets the driver go as far as it goes, or dies.
    pub(crate) async fn play(&self, driver: Driver) {
        match driver {
            Driver::Request => drop(self.ask(&[]).await),
            Driver::Worker => {
                let begun = self.scenario.begun_by_billing();
                if begun || self.ask(&[("Prefer", "respond-async")]).await.is_some() {
                    let worker = self.app.system.worker.clone();
                    // What the books do not answer is what the fault wanted; the sweep comes again.
                    let _ = self.app.mortal(async move { worker.tick(Job::Sweep).await.is_ok() }).await;
                }
            }
        }
    }

    /// One invocation of the function that serves the request; `None` when it died.
    pub(crate) async fn ask(&self, headers: &[(&str, &str)]) -> Option<Answer> {
        let Request { method, path, body } = self.request.clone();
        let mut headers = headers.to_vec();
        headers.push(("Idempotency-Key", KEY));
        self.app.invoke(method, &path, &self.token, &headers, body).await
    }
}
