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

use crate::fault::{Ending, Fault};
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
    /// Of Vapi as the carrier, by area code, answered there.
    PurchaseNative,
    /// Vapi does not set the agent, and the number is given back.
    PurchaseNativeRefused,
    /// To another agent at Vapi.
    RelinkNative,
    ReleaseNative,
    /// For want of payment.
    SuspendNative,
    /// Paid for at last.
    ResumeNative,
}

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
            | Self::PurchaseNative
            | Self::PurchaseNativeRefused => "purchase",
            Self::LinkImportElevenLabs | Self::LinkImportVapi | Self::Move | Self::MoveRefused | Self::RelinkNative => {
                "link"
            }
            Self::UnlinkTrunk => "unlink",
            Self::ReleaseTrunk | Self::ReleaseNative => "release",
            Self::SuspendTrunk | Self::SuspendNative => "suspend",
            Self::ResumeTrunk | Self::ResumeNative => "resume",
        }
    }

    /// Whose number it is.
    pub(crate) const fn is_native(self) -> bool {
        match self {
            Self::PurchaseNative
            | Self::PurchaseNativeRefused
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::SuspendNative
            | Self::ResumeNative => true,
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
            | Self::ResumeTrunk => false,
        }
    }

    pub(crate) const fn refusal(self) -> Option<(&'static str, &'static str, Option<&'static str>)> {
        match self {
            Self::PurchaseTrunkRefused | Self::MoveRefused => Some(("twilio", "trunks.attach", None)),
            Self::PurchaseNativeRefused => Some(("vapi", "numbers.update", None)),
            Self::PurchaseNative
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::SuspendNative
            | Self::ResumeNative
            | Self::PurchaseTrunk
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk
            | Self::SuspendTrunk
            | Self::ResumeTrunk => None,
        }
    }

    pub(crate) const fn natural(self) -> Ending {
        match self {
            Self::PurchaseTrunkRefused => Ending::Unlinked,
            Self::MoveRefused | Self::PurchaseNativeRefused => Ending::Failed,
            Self::PurchaseNative
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::SuspendNative
            | Self::ResumeNative
            | Self::PurchaseTrunk
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk
            | Self::SuspendTrunk
            | Self::ResumeTrunk => Ending::Succeeded,
        }
    }

    /// Who drives it in the matrix. What billing begins is left to the queue.
    pub(crate) const fn driver(self) -> Driver {
        match self {
            Self::SuspendTrunk | Self::ResumeTrunk | Self::SuspendNative | Self::ResumeNative => Driver::Worker,
            Self::PurchaseNative
            | Self::PurchaseNativeRefused
            | Self::RelinkNative
            | Self::ReleaseNative
            | Self::PurchaseTrunk
            | Self::PurchaseTrunkRefused
            | Self::PurchaseRegistered
            | Self::LinkImportElevenLabs
            | Self::LinkImportVapi
            | Self::Move
            | Self::MoveRefused
            | Self::UnlinkTrunk
            | Self::ReleaseTrunk => Driver::Request,
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
            (Self::ReleaseNative | Self::SuspendNative | Self::ResumeNative, _, _) => Met::Forward,
            (_, "twilio", "numbers.search") if purchases => Met::Nothing,
            (_, "twilio", "numbers.list" | "numbers.create") if purchases => Met::Having,
            // Once the creation was answered the number is there, whatever can be read of it.
            (Self::LinkImportElevenLabs, "elevenlabs", "numbers.get") => Met::Nothing,
            (Self::Move, "vapi", _) => Met::Leftovers,
            // Looked for twice before it is made.
            (Self::PurchaseTrunkRefused | Self::MoveRefused, "retell", "numbers.get") if fault.after >= 2 => {
                Met::Undoing
            }
            (Self::PurchaseTrunkRefused | Self::MoveRefused, "retell", "numbers.delete") => Met::Undoing,
            (Self::UnlinkTrunk | Self::ReleaseTrunk | Self::SuspendTrunk | Self::ResumeTrunk, _, _) => Met::Forward,
            (
                Self::PurchaseTrunk
                | Self::PurchaseTrunkRefused
                | Self::PurchaseRegistered
                | Self::LinkImportElevenLabs
                | Self::LinkImportVapi
                | Self::Move
                | Self::MoveRefused
                | Self::PurchaseNative
                | Self::PurchaseNativeRefused
                | Self::RelinkNative,
                _,
                _,
            ) => Met::Linking,
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
            (Met::Linking, "purchase", Ending::Failed) => Ending::Failed,
            (Met::Linking, "purchase", _) => Ending::Unlinked,
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
        let unpaid = matches!(self.kind(), "suspend" | "resume");
        let month = if self.is_native() { "5.00" } else { "1.50" };
        let tenant = app.tenant("PRO", if unpaid { month } else { "10.00" }).await;
        // Had at once, so that what is broken is the saga's and not the waiting.
        app.system.simulators.vapi.set_manner(Manner { tells: Tells::AtOnce, activation_s: 0, ..Manner::default() });
        let (before, after) = match self {
            Self::PurchaseTrunk | Self::PurchaseTrunkRefused => (None, Some(("retell", "trunk"))),
            Self::PurchaseRegistered => (None, Some(("elevenlabs", "hand_over"))),
            Self::LinkImportElevenLabs => (None, Some(("elevenlabs", "import"))),
            Self::LinkImportVapi => (None, Some(("vapi", "import"))),
            Self::Move | Self::MoveRefused => (Some(("vapi", "hand_over")), Some(("retell", "trunk"))),
            Self::UnlinkTrunk | Self::ReleaseTrunk => (Some(("retell", "trunk")), None),
            Self::SuspendTrunk | Self::ResumeTrunk => (Some(("retell", "trunk")), None),
            Self::PurchaseNative | Self::PurchaseNativeRefused => (None, Some(("vapi", "native"))),
            Self::RelinkNative => (Some(("vapi", "native")), Some(("vapi", "native"))),
            Self::ReleaseNative | Self::SuspendNative | Self::ResumeNative => (Some(("vapi", "native")), None),
        };
        let (before, mut agent_before) = wished(&app, &tenant, before, "before").await;
        let (after, mut agent_after) = wished(&app, &tenant, after, "after").await;
        let request = if self.kind() == "purchase" {
            let mut body = after;
            if self.is_native() {
                (body["carrier"], body["country"], body["area_code"]) = (json!("vapi"), json!("US"), json!("212"));
                body["all_or_nothing"] = json!(self == Self::PurchaseNativeRefused);
            } else {
                body["e164"] = json!(app.offers(&tenant, "212").await[0]);
            }
            Request { method: Method::POST, path: "/v1/numbers".into(), body: Some(body) }
        } else {
            let mut body = before;
            (body["country"], body["area_code"]) = (json!("US"), json!("212"));
            if self.is_native() {
                body["carrier"] = json!("vapi");
            }
            let bought = app.post(&tenant, "/v1/numbers", "bought before", body).await.expect(201);
            let number = bought.text("/number/id");
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
            until_suspension_begins(&app, &tenant).await;
            if self.kind() == "resume" {
                until_resumption_begins(&app, &tenant).await;
            }
            // The link stays, whether its calls come through or not.
            (agent_before, agent_after) = (agent_before.clone(), agent_before);
        }
        Stage::set(app, Scenario::By(self), tenant, request, (agent_before, agent_after)).await
    }
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
async fn until_suspension_begins(app: &TestApp, tenant: &Tenant) {
    let outage = async |span: &str| {
        let _ = app.local("clock", Some(json!({ "advance": span, "run_jobs": false }))).await.expect(200);
    };
    outage("P1M").await;
    let _ = app.local("jobs/renew", Some(json!({}))).await.expect(200);
    for _ in 0..10 {
        outage("P1D").await;
        charge(app, tenant, ChargeCause::Dunning).await;
        if !world::operations(app, tenant, "suspend").await.is_empty() {
            return;
        }
        let _ = app.local("jobs/dun", Some(json!({}))).await.expect(200);
    }
    panic!("the number was not suspended");
}

/// It is suspended and paid for, and nobody has put callers through yet.
async fn until_resumption_begins(app: &TestApp, tenant: &Tenant) {
    let _ = app.drain().await.expect(200);
    let path = format!("/v1/operator/tenants/{}/adjustments", tenant.id);
    let paid = json!({ "amount": "20.00", "currency": "USD", "reason": "paid at last" });
    let _ = app.post(&app.operator().await, &path, "paid", paid).await.expect(201);
    charge(app, tenant, ChargeCause::Credit).await;
    assert_eq!(world::operations(app, tenant, "resume").await.len(), 1);
}

/// A wallet's charge, and none of what it leaves to the queue.
async fn charge(app: &TestApp, tenant: &Tenant, cause: ChargeCause) {
    let wallet = WalletRef { tenant_id: world::id(tenant), currency: Currency::USD };
    let date = period::date_of(domain::Clock::now(&*app.system.clock));
    billing::charge(&app.system.app, &ChargeMessage { wallet, date, cause }).await.expect("the books answer");
}
