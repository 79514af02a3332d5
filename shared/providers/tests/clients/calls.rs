//! Calls that are made, and what is told of them, against third parties that remember.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::routing::post;
use domain::call::{CallStatus, PlatformReport};
use domain::ports::{
    Access, BuyOrder, CallOrder, Carrier, ConnectOrder, PlatformNumber, ProviderErrorKind, Reason, VoicePlatform,
    Webhooks,
};
use domain::requirement::Papers;
use jiff::{SignedDuration, Timestamp};
use providers::twilio::{signature as twilio_signature, twiml};
use providers::vapi::{notification, signature};
use providers::{Twilio, Vapi};
use secrecy::SecretString;
use serde_json::json;
use simulators::twilio::{CallRequest, DialResult};
use simulators::vapi::Callee;
use simulators::{Fault, Kind, NumberType, Simulators, StockLine};

use crate::kit::{self, TAG, e164, kind};
use ProviderErrorKind::{Misconfigured, RateLimited, Rejected, Unknown};

const OURS: &str = "+14155550100";
const THEIRS: &str = "+12025550199";
const PUBLIC: &str = "https://h.example";

struct World {
    simulators: Simulators,
    twilio: Twilio,
    vapi: Vapi,
}

impl World {
    /// With a number of ours at Twilio.
    async fn new() -> Self {
        let stock = vec![StockLine::new("US", NumberType::Local, Some("415"), 5)];
        let simulators = kit::simulators(stock).await;
        let (twilio, vapi) = (kit::twilio(&simulators), kit::vapi(&simulators));
        let webhooks = Webhooks { voice: String::new(), voice_fallback: String::new(), status: String::new() };
        let order = BuyOrder { e164: e164(OURS), tag: TAG.to_owned(), webhooks, sms: true, papers: Papers::default() };
        twilio.number_buy(&order).await.unwrap();
        Self { simulators, twilio, vapi }
    }

    /// A SIP number with an assistant behind it.
    async fn connected(&self) -> PlatformNumber {
        let assistant = self.vapi.agent_create("Reception", None, "agt-1").await.unwrap();
        let access = Access::Dial(password());
        let order = ConnectOrder { tag: TAG.to_owned(), e164: e164(OURS), platform_agent_id: assistant, access };
        self.vapi.number_connect(&order).await.unwrap()
    }

    fn calls(&self) -> serde_json::Value {
        self.simulators.twilio.state()["calls"].clone()
    }

    fn add(&self, fault: Fault) {
        self.simulators.faults.add(fault).unwrap();
    }
}

type Hits = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

async fn receive(State(hits): State<Hits>, uri: Uri, headers: HeaderMap, body: Bytes) {
    hits.lock().unwrap().push((uri.to_string(), headers, body));
}

/// Somebody who remembers what was told.
async fn told() -> (String, Hits) {
    let hits = Hits::default();
    let routes = Router::new().fallback(post(receive)).with_state(hits.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, hits)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn password() -> SecretString {
    SecretString::from("0123456789abcdefghijABCDEFGHIJ")
}

mod twilio {
    use super::*;

    fn document(number: &PlatformNumber) -> String {
        let sip = twiml::Sip::new(number.sip_uri.clone().unwrap(), Some((TAG.to_owned(), password())));
        let dial = twiml::Dial {
            action: Some(format!("{PUBLIC}/done")),
            timeout_s: 20,
            caller_id: None,
            target: twiml::Target::Sip(sip),
        };
        twiml::Response::new().then(dial).render()
    }

    #[tokio::test]
    async fn somebody_is_called_and_talks_to_the_agent() {
        let world = World::new().await;
        let number = world.connected().await;
        let (url, hits) = told().await;
        world.simulators.route_public(PUBLIC, &url);
        let status = format!("{PUBLIC}/status?tenant=t1");
        let id = world.twilio.call_create(&e164(OURS), &e164(THEIRS), &document(&number), &status).await.unwrap();
        world.simulators.twilio.play_calls().await;
        let call = world.calls()[0].clone();
        assert_eq!((&call["id"], &call["status"], &call["to"]), (&json!(id), &json!("completed"), &json!(THEIRS)));
        assert_eq!(world.simulators.vapi.state()["calls"][0]["number"], json!(number.id));
        let hits = hits.lock().unwrap().clone();
        let (target, headers, body) = hits.iter().find(|(target, ..)| target.starts_with("/status")).unwrap();
        let params = twilio_signature::form_pairs(body);
        let token = SecretString::from(world.simulators.twilio.auth_token.clone());
        let signed = header(headers, "x-twilio-signature");
        assert!(twilio_signature::verify(&[token], &[format!("{PUBLIC}{target}")], &params, signed));
        let told = |name: &str| params.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone()).unwrap();
        assert_eq!(
            (told("CallSid"), told("CallStatus"), told("Direction")),
            (id, "completed".into(), "outbound-api".into())
        );
    }

    #[tokio::test]
    async fn somebody_may_not_pick_up() {
        let world = World::new().await;
        world.simulators.twilio.set_answer(DialResult::NoAnswer);
        world.twilio.call_create(&e164(OURS), &e164(THEIRS), "<Response/>", "https://h.example/s").await.unwrap();
        world.simulators.twilio.play_calls().await;
        assert_eq!(world.calls()[0]["status"], "no-answer");
    }

    #[tokio::test]
    async fn a_number_that_is_not_ours_calls_nobody() {
        let world = World::new().await;
        let refused = world.twilio.call_create(&e164(THEIRS), &e164(OURS), "<Response/>", PUBLIC).await.unwrap_err();
        assert_eq!(refused.kind, Rejected(Reason::Other));
        assert!(refused.detail.contains("21210") && !refused.detail.contains(THEIRS), "{refused}");
        assert_eq!(world.calls(), json!([]));
        // Nor has it a trunk, which is the way of carriers without webhooks.
        assert_eq!(kind(world.twilio.sip_trunk("PN1").await), Rejected(Reason::Other));
    }

    #[tokio::test]
    async fn a_failed_call_says_whether_it_was_placed() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, placed: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            world.add(fault);
            let result = world.twilio.call_create(&e164(OURS), &e164(THEIRS), "<Response/>", PUBLIC).await;
            assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.calls().as_array().unwrap().len(), placed, "{case}");
        }
        let fault = |kind| Fault::new("twilio", "calls.create", kind);
        check(fault(Kind::LostReply), Err(Unknown), 1).await;
        check(fault(Kind::Timeout), Err(Unknown), 0).await;
        check(fault(Kind::Error), Err(Unknown), 0).await;
        check(fault(Kind::RateLimit), Ok(()), 1).await;
        check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), 0).await;
        check(Fault { status: Some(401), ..fault(Kind::Error) }, Err(Misconfigured), 0).await;
    }
}

mod vapi {
    use super::*;

    fn order(number: &PlatformNumber) -> CallOrder {
        CallOrder {
            platform_agent_id: number.platform_agent_id.clone().unwrap(),
            platform_number_id: Some(number.id.clone()),
            outgoing: true,
            from: OURS.to_owned(),
            to: THEIRS.to_owned(),
            reference: "call_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".to_owned(),
        }
    }

    #[tokio::test]
    async fn an_agent_calls_somebody() {
        let world = World::new().await;
        let number = world.connected().await;
        let call = world.vapi.call_create(&order(&number)).await.unwrap();
        assert_eq!(call.status, CallStatus::Queued);
        let kept = &world.simulators.vapi.state()["calls"][0];
        assert_eq!((&kept["id"], &kept["type"]), (&json!(call.id), &json!("outboundPhoneCall")));
        assert_eq!((&kept["agent"], &kept["number"]), (&json!(number.platform_agent_id), &json!(number.id)));
    }

    #[tokio::test]
    async fn a_call_that_cannot_be_is_refused_for_good() {
        let world = World::new().await;
        let number = world.connected().await;
        let nobody = || "00000000-0000-4000-8000-000000000000".to_owned();
        let orders = [
            CallOrder { platform_agent_id: nobody(), ..order(&number) },
            CallOrder { platform_number_id: Some(nobody()), ..order(&number) },
            CallOrder { platform_number_id: None, ..order(&number) },
            CallOrder { to: "anonymous".to_owned(), ..order(&number) },
        ];
        for order in orders {
            assert_eq!(kind(world.vapi.call_create(&order).await), Rejected(Reason::Other), "{order:?}");
        }
        assert_eq!(world.simulators.vapi.state()["calls"], json!([]));
    }

    #[tokio::test]
    async fn a_failed_call_says_whether_it_was_made() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, made: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let number = world.connected().await;
            world.add(fault);
            let result = world.vapi.call_create(&order(&number)).await;
            assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.simulators.vapi.state()["calls"].as_array().unwrap().len(), made, "{case}");
        }
        let fault = |kind| Fault::new("vapi", "calls.create", kind);
        let status = |status| Fault { status: Some(status), ..fault(Kind::Error) };
        check(fault(Kind::LostReply), Err(Unknown), 1).await;
        check(fault(Kind::Timeout), Err(Unknown), 0).await;
        check(fault(Kind::Error), Err(Unknown), 0).await;
        check(fault(Kind::RateLimit), Ok(()), 1).await;
        check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), 0).await;
        check(status(401), Err(Misconfigured), 0).await;
        check(status(404), Err(Rejected(Reason::Other)), 0).await;
    }

    fn reports(world: &World, hits: &Hits) -> Vec<PlatformReport> {
        let secrets = [SecretString::from(world.simulators.vapi.webhook_secret.clone())];
        let hits = hits.lock().unwrap().clone();
        let report = |(_, headers, body): &(String, HeaderMap, Bytes)| {
            let [signed, at] = ["x-signature", "x-timestamp"].map(|name| header(headers, name));
            let tolerance = SignedDuration::from_mins(5);
            let genuine = signature::verify(&secrets, signed, at, body, Timestamp::now(), tolerance)
                || signature::is_secret(&secrets, header(headers, signature::SECRET_HEADER));
            genuine.then(|| notification::read(body).unwrap().unwrap())
        };
        hits.iter().filter_map(report).collect()
    }

    #[tokio::test]
    async fn a_call_that_was_made_is_told_of_to_its_end() {
        let world = World::new().await;
        let number = world.connected().await;
        let (url, hits) = told().await;
        world.simulators.vapi.set_endpoint(&url);
        let call = world.vapi.call_create(&order(&number)).await.unwrap();
        world.simulators.vapi.tick().await;
        let reports = reports(&world, &hits);
        let course: Vec<_> = reports.iter().map(|report| (report.status, report.duration_s)).collect();
        let expected =
            [(CallStatus::InProgress, None), (CallStatus::Completed, Some(30)), (CallStatus::Completed, Some(30))];
        assert_eq!(course, expected);
        for report in &reports {
            assert_eq!((&report.call_id, report.outgoing, report.other.as_str()), (&call.id, true, THEIRS));
            assert_eq!(report.platform_number_id.as_ref(), Some(&number.id));
            assert_eq!(report.platform_agent_id, number.platform_agent_id);
            assert!(report.started_at.is_some());
        }
        let keys: std::collections::BTreeSet<_> =
            hits.lock().unwrap().iter().map(|(_, _, body)| notification::key(body).unwrap()).collect();
        assert_eq!(keys.len(), 3);
    }

    #[tokio::test]
    async fn a_call_nobody_answers_lasts_no_time() {
        let world = World::new().await;
        let number = world.connected().await;
        let (url, hits) = told().await;
        world.simulators.vapi.set_endpoint(&url);
        world.simulators.vapi.set_callee(Callee::Busy);
        world.vapi.call_create(&order(&number)).await.unwrap();
        world.simulators.vapi.tick().await;
        let reports = reports(&world, &hits);
        let course: Vec<_> = reports.iter().map(|report| (report.status, report.started_at)).collect();
        assert_eq!(course, [(CallStatus::Busy, None); 2]);
    }

    #[tokio::test]
    async fn only_what_vapi_signed_is_believed() {
        let world = World::new().await;
        let number = world.connected().await;
        let (url, hits) = told().await;
        world.simulators.vapi.set_endpoint(&url);
        world.simulators.vapi.deliver(&json!({ "hold": true })).await.unwrap();
        world.vapi.call_create(&order(&number)).await.unwrap();
        let cases = [("valid", 1), ("milliseconds", 1), ("secret", 1), ("forged", 0), ("tampered", 0), ("missing", 0)];
        for (how, believed) in cases {
            hits.lock().unwrap().clear();
            world.simulators.vapi.deliver(&json!({ "messages": [1], "signature": how })).await.unwrap();
            assert_eq!(hits.lock().unwrap().len(), 1, "{how}");
            assert_eq!(reports(&world, &hits).len(), believed, "{how}");
        }
        hits.lock().unwrap().clear();
        world.simulators.vapi.deliver(&json!({ "messages": [1], "signed_s_ago": 301 })).await.unwrap();
        assert_eq!(reports(&world, &hits).len(), 0, "too old");
    }

    #[tokio::test]
    async fn a_caller_is_told_of_too() {
        let world = World::new().await;
        let number = world.connected().await;
        let (url, hits) = told().await;
        world.simulators.vapi.set_endpoint(&url);
        let sip = twiml::Sip::new(number.sip_uri.clone().unwrap(), Some((TAG.to_owned(), password())));
        let dial = twiml::Dial {
            action: Some(format!("{PUBLIC}/done")),
            timeout_s: 20,
            caller_id: None,
            target: twiml::Target::Sip(sip),
        };
        let document = twiml::Response::new().then(dial).render();
        let voice = Router::new().route("/", post(async move || ([("content-type", "text/xml")], document)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        world.simulators.route_public(PUBLIC, &format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, voice).await });
        let webhooks = Webhooks { voice: PUBLIC.to_owned(), voice_fallback: String::new(), status: String::new() };
        let settings = domain::ports::NumberSettings::by_webhooks(webhooks);
        let ours = world.twilio.number_find(&e164(OURS)).await.unwrap().unwrap();
        world.twilio.number_configure(&ours.id, TAG, &settings).await.unwrap();
        let request = CallRequest { to: OURS.to_owned(), from: THEIRS.to_owned(), answer: None };
        world.simulators.twilio.call(request).await.unwrap();
        world.simulators.vapi.tick().await;
        let reports = reports(&world, &hits);
        assert!(reports.len() == 3 && reports.iter().all(|report| !report.outgoing && report.other == THEIRS));
    }
}
