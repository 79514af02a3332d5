//! The sagas, each with what has to be there before it and the one request that begins it.

use local::worker::Job;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

use crate::fault::Ending;

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
    LinkFresh,
    LinkFreshRefused,
    Relink,
    RelinkRefused,
    Unlink,
    ReleaseLinked,
    ReleaseUnlinked,
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
    /// Who answers before, by the platform's id.
    pub(crate) agent_before: Option<String>,
    /// Who is to answer, by the platform's id.
    pub(crate) agent_after: Option<String>,
}

const KEY: &str = "the one key";

impl Scenario {
    pub(crate) const fn is_purchase(self) -> bool {
        matches!(self.kind().as_bytes(), b"purchase")
    }

    pub(crate) const fn is_any(self) -> bool {
        matches!(self, Self::PurchaseAny | Self::PurchaseAnyTaken)
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
            Self::LinkFresh | Self::LinkFreshRefused | Self::Relink | Self::RelinkRefused => "link",
            Self::Unlink => "unlink",
            Self::ReleaseLinked | Self::ReleaseUnlinked => "release",
        }
    }

    /// The refusal that makes it go this way: third party, operation, the third party's own code.
    pub(crate) const fn refusal(self) -> Option<(&'static str, &'static str, Option<&'static str>)> {
        match self {
            Self::PurchaseAnyTaken => Some(("twilio", "numbers.create", Some("21422"))),
            Self::PurchaseLinkedRefused | Self::PurchaseAllOrNothingRefused | Self::LinkFreshRefused => {
                Some(("vapi", "numbers.create", None))
            }
            Self::RelinkRefused => Some(("vapi", "numbers.update", None)),
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseLinked
            | Self::PurchaseAllOrNothing
            | Self::LinkFresh
            | Self::Relink
            | Self::Unlink
            | Self::ReleaseLinked
            | Self::ReleaseUnlinked => None,
        }
    }

    /// How it ends when nothing else goes wrong.
    pub(crate) const fn natural(self) -> Ending {
        match self {
            Self::PurchaseLinkedRefused => Ending::Unlinked,
            Self::PurchaseAllOrNothingRefused | Self::LinkFreshRefused | Self::RelinkRefused => Ending::Failed,
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseAnyTaken
            | Self::PurchaseLinked
            | Self::PurchaseAllOrNothing
            | Self::LinkFresh
            | Self::Relink
            | Self::Unlink
            | Self::ReleaseLinked
            | Self::ReleaseUnlinked => Ending::Succeeded,
        }
    }

    /// How it ends when the platform will not know the number.
    pub(crate) const fn without_platform(self) -> Ending {
        match self {
            Self::PurchaseLinked | Self::PurchaseLinkedRefused => Ending::Unlinked,
            Self::PurchaseExact
            | Self::PurchaseAny
            | Self::PurchaseAnyTaken
            | Self::PurchaseAllOrNothing
            | Self::PurchaseAllOrNothingRefused
            | Self::LinkFresh
            | Self::LinkFreshRefused
            | Self::Relink
            | Self::RelinkRefused
            | Self::Unlink
            | Self::ReleaseLinked
            | Self::ReleaseUnlinked => Ending::Failed,
        }
    }

    /// A fresh system with everything this scenario needs, and nothing begun.
    pub(crate) async fn stage(self) -> Stage {
        let app = TestApp::start().await;
        let tenant = app.tenant("PRO", "10.00").await;
        let (mut agent_before, mut agent_after) = (None, None);
        let request = if self.is_purchase() {
            let mut body = if self.is_any() {
                json!({ "country": "US", "area_code": "212" })
            } else {
                json!({ "e164": app.offers(&tenant, "212").await[0] })
            };
            if !matches!(self, Self::PurchaseExact | Self::PurchaseAny | Self::PurchaseAnyTaken) {
                let (agent, known) = agent(&app, &tenant, "after").await;
                (body["agent_id"], agent_after) = (json!(agent), Some(known));
                let aon = matches!(self, Self::PurchaseAllOrNothing | Self::PurchaseAllOrNothingRefused);
                body["all_or_nothing"] = json!(aon);
            }
            Request { method: Method::POST, path: "/v1/numbers".into(), body: Some(body) }
        } else {
            let mut body = json!({ "country": "US", "area_code": "212" });
            if !matches!(self, Self::LinkFresh | Self::LinkFreshRefused | Self::ReleaseUnlinked) {
                let (agent, known) = agent(&app, &tenant, "before").await;
                (body["agent_id"], agent_before) = (json!(agent), Some(known));
            }
            let number = app.post(&tenant, "/v1/numbers", "bought before", body).await.expect(201).text("/number/id");
            let its_agent = format!("/v1/numbers/{number}/agent");
            match self.kind() {
                "link" => {
                    let (agent, known) = agent(&app, &tenant, "after").await;
                    agent_after = Some(known);
                    Request { method: Method::PUT, path: its_agent, body: Some(json!({ "agent_id": agent })) }
                }
                "unlink" => Request { method: Method::DELETE, path: its_agent, body: None },
                _ => Request { method: Method::DELETE, path: format!("/v1/numbers/{number}"), body: None },
            }
        };
        Stage { app, scenario: self, tenant, request, agent_before, agent_after }
    }
}

/// An agent: our id and the platform's.
async fn agent(app: &TestApp, tenant: &Tenant, name: &str) -> (String, String) {
    let ours = app.agent(tenant, name).await;
    let known = app.get(tenant, &format!("/v1/agents/{ours}")).await.expect(200).text("/platform_agent_id");
    (ours, known)
}

impl Stage {
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
                if self.ask(&[("Prefer", "respond-async")]).await.is_some() {
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
        self.app.invoke(method, &path, &self.tenant.token, &headers, body).await
    }
}
