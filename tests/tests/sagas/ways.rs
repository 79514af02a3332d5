//! Numbers that reach their agent on another platform, or past our webhook: the sagas with a step `route`, and those in which
//! the platform keeps no number or takes it over at its carrier.

use domain::Currency;
use domain::period;
use domain::wallet::WalletRef;
use reqwest::Method;
use serde_json::{Value, json};
use shared::billing;
use simulators::vapi::{Manner, Tells};
use store::queue::{ChargeCause, ChargeMessage};
use tests::{Tenant, TestApp};

use crate::fault::{Ending, Fault, Kind, Span};
use crate::scenario::{Bound, Driver, Request, Scenario, Stage, agent};
use crate::world;

/// A saga on one of these ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// At Retell by trunk.
    PurchaseTrunk,
    /// The carrier does not attach the trunk, and the number is kept without an agent.
    PurchaseTrunkRefused,
    /// At ElevenLabs, which keeps no number and is told of every call.
    PurchaseRegistered,
    /// ElevenLabs takes the number over at its carrier.
    LinkImportElevenLabs,
    /// Vapi does.
    LinkImportVapi,
    /// From Vapi by our webhook to Retell by trunk.
    Move,
    /// The carrier does not attach the trunk, and everything is as before.
    MoveRefused,
    UnlinkTrunk,
    ReleaseTrunk,
    /// For want of payment.
    SuspendTrunk,
    /// Paid for at last.
    ResumeTrunk,
    /// Of a Turkish number, which its carrier takes to Vapi.
    PurchaseDirect,
    ReleaseDirect,
    /// For want of payment: the platform is told to take no calls.
    SuspendDirect,
    ResumeDirect,
    /// Of a number of the tenant's own carrier, which takes it to ElevenLabs.
    ImportOwn,
    ReleaseOwn,
    /// Of Vapi as the carrier, by area code, answered there.
    PurchaseNative,
    /// Vapi does not set the agent, and the number is given back.
    PurchaseNativeRefused,
    /// To another agent at Vapi.
    RelinkNative,
    ReleaseNative,
    /// For want of payment.
    SuspendNative,
    ResumeNative,
    /// For want of payment of a call.
    BarTrunk,
    /// The call is paid for.
    UnbarTrunk,
    BarDirect,
    UnbarDirect,
}

/// A Turkish number on offer.
const TURKISH: &str = "+908505550142";
/// A number of a tenant's own carrier.
const OWN: &str = "+442079460123";

/// What a failure meets.
enum Met {
    /// Nothing has begun, or nobody waits for it.
    Nothing,
    /// The number is being had.
    Having,
    /// The link is being made.
    Linking,
    /// What the link before has left at its platform is being removed.
    Leftovers,
    /// What was done is being undone.
    Undoing,
    /// There is no way back.
    Forward,
}

impl Way {
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::PurchaseTrunk
            | Self::PurchaseTrunkRefused
            | Self::PurchaseRegistered
            | Self::PurchaseDirect
            | Self::PurchaseNative
            | Self::PurchaseNativeRefused => "purchase",
            Self::ImportOwn => "import",
            Self::LinkImportElevenLabs | Self::LinkImportVapi | Self::Move | Self::MoveRefused | Self::RelinkNative => {
                "link"
            }
            Self::UnlinkTrunk => "unlink",
            Self::ReleaseTrunk | Self::ReleaseDirect | Self::ReleaseOwn | Self::ReleaseNative => "release",
            Self::SuspendTrunk | Self::SuspendDirect | Self::SuspendNative => "suspend",
            Self::ResumeTrunk | Self::ResumeDirect | Self::ResumeNative => "resume",
            Self::BarTrunk | Self::BarDirect => "bar",
            Self::UnbarTrunk | Self::UnbarDirect => "unbar",
        }
    }

    /// Whether nobody asks for it: it begins when money does not suffice, or does again.
    pub(crate) fn begun_by_billing(self) -> bool {
        matches!(self.kind(), "suspend" | "resume" | "bar" | "unbar")
    }

    /// Whose the number is; none of ours has one that the tenant brought.
    pub(crate) const fn carrier(self) -> Option<&'static str> {
        match self {
            Self::PurchaseDirect
            | Self::ReleaseDirect
            | Self::SuspendDirect
            | Self::ResumeDirect
            | Self::BarDirect
            | Self::UnbarDirect => Some("netgsm"),
            Self::ImportOwn | Self::ReleaseOwn => None,
            Self::PurchaseNative
            | Self::PurchaseNativeRefused
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::SuspendNative
            | Self::ResumeNative => Some("vapi"),
            Self::PurchaseTrunk
            | Self::PurchaseTrunkRefused
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::MoveRefused
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk
            | Self::SuspendTrunk
            | Self::ResumeTrunk
            | Self::BarTrunk
            | Self::UnbarTrunk => Some("twilio"),
        }
    }

    pub(crate) const fn refusal(self) -> Option<(&'static str, &'static str, Option<&'static str>)> {
        match self {
            Self::PurchaseTrunkRefused | Self::MoveRefused => Some(("twilio", "trunks.attach", None)),
            Self::PurchaseNativeRefused => Some(("vapi", "numbers.update", None)),
            Self::PurchaseTrunk
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk
            | Self::SuspendTrunk
            | Self::ResumeTrunk
            | Self::PurchaseDirect
            | Self::ReleaseDirect
            | Self::SuspendDirect
            | Self::ResumeDirect
            | Self::PurchaseNative
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::SuspendNative
            | Self::ResumeNative
            | Self::BarTrunk
            | Self::UnbarTrunk
            | Self::BarDirect
            | Self::UnbarDirect
            | Self::ImportOwn
            | Self::ReleaseOwn => None,
        }
    }

    pub(crate) const fn natural(self) -> Ending {
        match self {
            Self::PurchaseTrunkRefused => Ending::Unlinked,
            Self::MoveRefused | Self::PurchaseNativeRefused => Ending::Failed,
            Self::PurchaseTrunk
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk
            | Self::SuspendTrunk
            | Self::ResumeTrunk
            | Self::PurchaseDirect
            | Self::ReleaseDirect
            | Self::SuspendDirect
            | Self::ResumeDirect
            | Self::PurchaseNative
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::SuspendNative
            | Self::ResumeNative
            | Self::BarTrunk
            | Self::UnbarTrunk
            | Self::BarDirect
            | Self::UnbarDirect
            | Self::ImportOwn
            | Self::ReleaseOwn => Ending::Succeeded,
        }
    }

    /// Who drives it in the matrix. What billing begins is left to the queue.
    pub(crate) const fn driver(self) -> Driver {
        match self {
            Self::SuspendTrunk
            | Self::ResumeTrunk
            | Self::SuspendDirect
            | Self::ResumeDirect
            | Self::SuspendNative
            | Self::ResumeNative
            | Self::BarTrunk
            | Self::UnbarTrunk
            | Self::BarDirect
            | Self::UnbarDirect => Driver::Worker,
            Self::PurchaseTrunk
            | Self::PurchaseTrunkRefused
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::MoveRefused
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk
            | Self::PurchaseDirect
            | Self::ReleaseDirect
            | Self::PurchaseNative
            | Self::PurchaseNativeRefused
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::ImportOwn
            | Self::ReleaseOwn => Driver::Request,
        }
    }

    fn met(self, fault: &Fault) -> Met {
        let purchases = self.kind() == "purchase";
        match (self, fault.party, fault.operation.as_str()) {
            // Looked for before it is ordered, set up once it is there, and looked for in both ways before it goes back.
            (Self::PurchaseNativeRefused, "vapi", "numbers.list" | "numbers.get") if fault.after >= 1 => Met::Undoing,
            (Self::PurchaseNativeRefused, "vapi", "numbers.delete") => Met::Undoing,
            (Self::PurchaseNative | Self::PurchaseNativeRefused, "vapi", "numbers.list" | "numbers.create") => {
                Met::Having
            }
            (_, "twilio", "numbers.search") if purchases => Met::Nothing,
            (_, "twilio", "numbers.list" | "numbers.create") if purchases => Met::Having,
            // What is on offer is looked at before anything begins, and again before it is ordered.
            (_, "netgsm", "numbers.search") if purchases && fault.after == 0 => Met::Nothing,
            // Where trunks cannot be listed one is made anew; where there is one, the number names it.
            (Self::PurchaseDirect, "vapi", "credentials.list") if fault.kind == Kind::Rejected => Met::Nothing,
            (Self::ReleaseDirect, "vapi", "credentials.list") => Met::Nothing,
            // It is tried twice.
            (_, "vapi", "credentials.delete") if fault.span == Span::Once => Met::Nothing,
            (_, "netgsm", "numbers.search" | "numbers.list" | "numbers.get" | "numbers.create") if purchases => {
                Met::Having
            }
            // Once the creation was answered the number is there, whatever can be read of it.
            (Self::LinkImportElevenLabs | Self::ImportOwn, "elevenlabs", "numbers.get") => Met::Nothing,
            (Self::Move, "vapi", _) => Met::Leftovers,
            // Looked for twice before it is made.
            (Self::PurchaseTrunkRefused | Self::MoveRefused, "retell", "numbers.get") if fault.after >= 2 => {
                Met::Undoing
            }
            (Self::PurchaseTrunkRefused | Self::MoveRefused, "retell", "numbers.delete") => Met::Undoing,
            (_, _, _) if matches!(self.kind(), "unlink" | "release") || self.begun_by_billing() => Met::Forward,
            (_, _, _) => Met::Linking,
        }
    }

    /// How it ends with this fault in it.
    pub(crate) fn ending(self, fault: &Fault) -> Ending {
        let met = self.met(fault);
        if !fault.is_final(matches!(met, Met::Undoing | Met::Forward)) {
            return self.natural();
        }
        match (met, self.kind(), self.natural()) {
            (Met::Nothing, _, natural) => natural,
            (Met::Having, _, _) => Ending::Failed,
            (Met::Linking, "purchase" | "import", Ending::Succeeded | Ending::Unlinked) => Ending::Unlinked,
            (Met::Linking, _, _) => Ending::Failed,
            (Met::Leftovers, _, _) => Ending::LeftBehind,
            (Met::Undoing, _, Ending::Unlinked) => Ending::StuckThenUnlinked,
            (Met::Undoing, _, _) => Ending::StuckThenFailed,
            (Met::Forward, _, _) => Ending::StuckThenSucceeded,
        }
    }

    /// A fresh system with everything this needs, and nothing begun; but what billing begins has begun.
    pub(crate) async fn stage(self) -> Stage {
        let app = TestApp::start().await;
        let unpaid = self.begun_by_billing();
        let tenant = match (self.carrier(), unpaid) {
            (Some("netgsm"), unpaid) => lira(&app, if unpaid { "20.00" } else { "100.00" }).await,
            (Some("vapi"), true) => app.tenant("PRO", "5.00").await,
            (_, unpaid) => app.tenant("PRO", if unpaid { "1.50" } else { "10.00" }).await,
        };
        // Had at once, so that what is broken is the saga's and not the waiting.
        app.system.simulators.vapi.set_manner(Manner { tells: Tells::AtOnce, activation_s: 0, ..Manner::default() });
        let (before, after) = match self {
            Self::PurchaseTrunk | Self::PurchaseTrunkRefused => (None, Some(("retell", "trunk"))),
            Self::PurchaseRegistered => (None, Some(("elevenlabs", "hand_over"))),
            Self::LinkImportElevenLabs => (None, Some(("elevenlabs", "import"))),
            Self::LinkImportVapi => (None, Some(("vapi", "import"))),
            Self::Move | Self::MoveRefused => (Some(("vapi", "hand_over")), Some(("retell", "trunk"))),
            Self::UnlinkTrunk | Self::ReleaseTrunk => (Some(("retell", "trunk")), None),
            Self::SuspendTrunk | Self::ResumeTrunk | Self::BarTrunk | Self::UnbarTrunk => {
                (Some(("retell", "trunk")), None)
            }
            Self::PurchaseDirect => (None, Some(("vapi", "direct"))),
            Self::ReleaseDirect | Self::SuspendDirect | Self::ResumeDirect | Self::BarDirect | Self::UnbarDirect => {
                (Some(("vapi", "direct")), None)
            }
            Self::ImportOwn => (None, Some(("elevenlabs", "direct"))),
            Self::ReleaseOwn => (Some(("elevenlabs", "direct")), None),
            Self::PurchaseNative | Self::PurchaseNativeRefused => (None, Some(("vapi", "native"))),
            Self::RelinkNative => (Some(("vapi", "native")), Some(("vapi", "native"))),
            Self::ReleaseNative | Self::SuspendNative | Self::ResumeNative => (Some(("vapi", "native")), None),
        };
        let (before, mut agent_before) = wished(&app, &tenant, before, "before").await;
        let (after, mut agent_after) = wished(&app, &tenant, after, "after").await;
        let request = if matches!(self.kind(), "purchase" | "import") {
            let (path, body) = self.had_by(&app, &tenant, after).await;
            Request { method: Method::POST, path: path.into(), body: Some(body) }
        } else {
            let (path, body) = self.had_by(&app, &tenant, before).await;
            let had = app.post(&tenant, path, "had before", body).await.expect(201);
            let number = had.text("/number/id");
            let path = format!("/v1/numbers/{number}");
            match self.kind() {
                "link" => Request { method: Method::PUT, path: format!("{path}/agent"), body: Some(after) },
                "unlink" => Request { method: Method::DELETE, path: format!("{path}/agent"), body: None },
                "release" => Request { method: Method::DELETE, path, body: None },
                // Nobody asks for it.
                _ => Request { method: Method::GET, path, body: None },
            }
        };
        if unpaid {
            let currency = self.price().1;
            match self.kind() {
                "bar" | "unbar" => self.until_barring_begins(&app, &tenant).await,
                _ => until_suspension_begins(&app, &tenant, currency).await,
            }
            match self.kind() {
                "resume" => until_paid(&app, &tenant, currency, "resume").await,
                "unbar" => until_paid(&app, &tenant, Currency::USD, "unbar").await,
                _ => {}
            }
            // The link stays, whether its calls come through or not.
            (agent_before, agent_after) = (agent_before.clone(), agent_before);
        }
        // A platform that is to take no calls has no agent for them.
        if let (Self::SuspendDirect | Self::BarDirect, Some(agent)) = (self, &mut agent_after) {
            agent.answers = false;
        }
        Stage::set(app, Scenario::By(self), tenant, request, (agent_before, agent_after)).await
    }

    /// A call comes that there is no money for, and nobody has barred the next one yet.
    async fn until_barring_begins(self, app: &TestApp, tenant: &Tenant) {
        let simulators = &app.system.simulators;
        if self.carrier() == Some("netgsm") {
            assert!(simulators.vapi.ring(TURKISH, "+14155550123").is_some());
        } else {
            let numbers = app.get(tenant, "/v1/numbers").await.expect(200);
            let call = json!({ "to": numbers.text("/items/0/e164"), "from": "+14155550123" });
            let call = simulators.twilio.call(serde_json::from_value(call).expect("a call")).await;
            assert_eq!(call.expect("a call")["status"], "completed");
        }
        simulators.tell().await;
        charge(app, tenant, Currency::USD, ChargeCause::Credit).await;
        assert_eq!(world::operations(app, tenant, "bar").await.len(), 1);
    }

    /// The request by which such a number is had, with an agent or without.
    async fn had_by(self, app: &TestApp, tenant: &Tenant, mut body: Value) -> (&'static str, Value) {
        match self.carrier() {
            Some("netgsm") => {
                let stocked = app.system.simulators.netgsm.stock(&json!({ "e164": [TURKISH] }));
                assert!(stocked.is_ok(), "{stocked:?}");
                body["e164"] = json!(TURKISH);
                ("/v1/numbers", body)
            }
            Some("vapi") => {
                (body["carrier"], body["country"], body["area_code"]) = (json!("vapi"), json!("US"), json!("212"));
                body["all_or_nothing"] = json!(self == Self::PurchaseNativeRefused);
                ("/v1/numbers", body)
            }
            None => {
                let sip = json!({ "host": "sip.example.com", "signalling_cidrs": ["203.0.113.0/28"] });
                (body["carrier"], body["e164"], body["sip"]) = (json!("custom"), json!(OWN), sip);
                ("/v1/numbers/import", body)
            }
            Some(_) => {
                body["e164"] = json!(app.offers(tenant, "212").await[0]);
                ("/v1/numbers", body)
            }
        }
    }

    /// What such a number costs a month, in micro-units.
    pub(crate) const fn price(self) -> (i64, Currency) {
        match self.carrier() {
            None => (0, Currency::USD),
            Some(carrier) => match carrier.as_bytes() {
                b"netgsm" => (20_000_000, Currency::TRY),
                b"vapi" => (5_000_000, Currency::USD),
                _ => (1_500_000, Currency::USD),
            },
        }
    }
}

/// A tenant with so many lira.
async fn lira(app: &TestApp, amount: &str) -> Tenant {
    let wish = json!({ "plan": "PRO", "wallet": { "currency": "TRY", "amount": amount } });
    let made = app.local("tenants", Some(wish)).await.expect(201);
    Tenant { id: made.text("/tenant_id"), token: made.text("/token") }
}

/// What a request says to link by this way, and the agent.
async fn wished(
    app: &TestApp,
    tenant: &Tenant,
    way: Option<(&'static str, &'static str)>,
    name: &str,
) -> (Value, Option<Bound>) {
    let Some((platform, method)) = way else { return (json!({}), None) };
    let (agent, mut bound) = agent(app, tenant, platform, name).await;
    bound.kept = (platform, method) != ("elevenlabs", "hand_over") && method != "native";
    (json!({ "agent_id": agent, "method": method }), Some(bound))
}

/// A number is not paid for until it is to be suspended, and nobody has done so yet.
async fn until_suspension_begins(app: &TestApp, tenant: &Tenant, currency: Currency) {
    let outage = async |span: &str| {
        let _ = app.local("clock", Some(json!({ "advance": span, "run_jobs": false }))).await.expect(200);
    };
    outage("P1M").await;
    let _ = app.local("jobs/renew", Some(json!({}))).await.expect(200);
    for _ in 0..10 {
        outage("P1D").await;
        charge(app, tenant, currency, ChargeCause::Dunning).await;
        if !world::operations(app, tenant, "suspend").await.is_empty() {
            return;
        }
        let _ = app.local("jobs/dun", Some(json!({}))).await.expect(200);
    }
    panic!("the number was not suspended");
}

/// It is suspended, or its calls are barred, and paid for, and nobody has put callers through yet.
async fn until_paid(app: &TestApp, tenant: &Tenant, currency: Currency, kind: &str) {
    let _ = app.drain().await.expect(200);
    let path = format!("/v1/operator/tenants/{}/adjustments", tenant.id);
    let paid = json!({ "amount": "100.00", "currency": currency.as_str(), "reason": "paid at last" });
    let _ = app.post(&app.operator().await, &path, "paid", paid).await.expect(201);
    charge(app, tenant, currency, ChargeCause::Credit).await;
    assert_eq!(world::operations(app, tenant, kind).await.len(), 1);
}

/// A wallet's charge, and none of what it leaves to the queue.
async fn charge(app: &TestApp, tenant: &Tenant, currency: Currency, cause: ChargeCause) {
    let wallet = WalletRef { tenant_id: world::id(tenant), currency };
    let date = period::date_of(domain::Clock::now(&*app.system.clock));
    billing::charge(&app.system.app, &ChargeMessage { wallet, date, cause }).await.expect("the books answer");
}
