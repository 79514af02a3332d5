//! The client of Retell against one that remembers, misbehaves on demand, and was written from published facts alone.
//!
//! Every test has third parties of its own.

use domain::E164;
use domain::call::CallStatus;
use domain::ports::{
    Access, CallOrder, ConnectOrder, HandedOver, PlatformNumber, ProviderError, ProviderErrorKind, Reason, SipTrunk,
    VoicePlatform,
};
use jiff::Timestamp;
use providers::retell::AgentTemplate;
use providers::{Retell, RetellConfig};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::{Fault, Kind, Simulators};

use crate::kit::{self, OTHER_TAG, TAG};
use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};

/// As long as tags are: a deployment's id and an operation's.
const NOBODY: &str = "agent_00000000000000000000000000000000";

struct World {
    simulators: Simulators,
    retell: Retell,
}

impl World {
    async fn new() -> Self {
        let simulators = kit::simulators(Vec::new()).await;
        let retell = Retell::new(config_of(&simulators));
        Self { simulators, retell }
    }

    fn fault(&self, operation: &str, kind: Kind) {
        self.add(Fault::new("retell", operation, kind));
    }

    fn add(&self, fault: Fault) {
        self.simulators.faults.add(fault).unwrap();
    }

    fn state(&self) -> Value {
        self.simulators.retell.state()
    }

    /// How many requests of an operation have arrived.
    fn asked(&self, operation: &str) -> usize {
        kit::asked(&self.state(), operation)
    }

    async fn agent(&self) -> String {
        self.retell.agent_create("Reception", None, "agt_of_the_test").await.unwrap()
    }

    async fn connected(&self, agent: &str, tag: &str) -> PlatformNumber {
        self.retell.number_connect(&connect(agent, tag)).await.unwrap()
    }
}

fn config_of(simulators: &Simulators) -> RetellConfig {
    RetellConfig {
        api_key: SecretString::from(simulators.retell.api_key.clone()),
        base_url: simulators.retell.url.clone(),
        agent: Some(AgentTemplate { llm_id: "llm_1".to_owned(), voice_id: "11labs-Adrian".to_owned() }),
    }
}

fn known() -> E164 {
    "+12025550123".parse().unwrap()
}

fn connect(agent: &str, tag: &str) -> ConnectOrder {
    ConnectOrder {
        tag: tag.to_owned(),
        e164: known(),
        platform_agent_id: agent.to_owned(),
        access: Access::Trunk(SipTrunk::at(
            "trunkline.pstn.twilio.com",
            Some(("trunkline".to_owned(), SecretString::from("a-Password-of-12"))),
        )),
    }
}

fn call(agent: &str, outgoing: bool) -> CallOrder {
    let (ours, theirs) = (known().to_string(), "+905321112233".to_owned());
    let (from, to) = if outgoing { (ours, theirs) } else { (theirs, ours) };
    CallOrder {
        platform_agent_id: agent.to_owned(),
        platform_number_id: Some(known().to_string()),
        outgoing,
        from,
        to,
        reference: "call-1".to_owned(),
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, ProviderError>) -> ProviderErrorKind {
    let error = result.unwrap_err();
    assert!(error.detail.chars().count() <= 300, "{error}");
    assert!(!error.detail.contains(known().digits()), "{error}");
    error.kind
}

fn status_of(operation: &str, status: u16) -> Fault {
    Fault { status: Some(status), ..Fault::new("retell", operation, Kind::Error) }
}

/// One refused in Retell's own words.
fn refusal_of(operation: &str, status: u16, message: &str) -> Fault {
    Fault { code: Some(message.to_owned()), ..status_of(operation, status) }
}

#[tokio::test]
async fn an_agent_is_made_found_and_removed() {
    let world = World::new().await;
    let retell = &world.retell;
    assert_eq!(retell.agent_find("agt_1").await, Ok(None));
    // More than a page of them stand before ours.
    for n in 0..51 {
        retell.agent_create("Another", None, &format!("agt_other_{n}")).await.unwrap();
    }
    let id = retell.agent_create("Ayşe", Some("tr-TR"), "agt_1").await.unwrap();
    assert_eq!(retell.agent_find("agt_1").await, Ok(Some(id.clone())));
    assert_eq!(retell.agent_find("agt").await, Ok(None));
    assert_eq!(retell.agent_exists(&id).await, Ok(true));

    retell.agent_delete(&id).await.unwrap();
    assert_eq!(retell.agent_exists(&id).await, Ok(false));
    assert_eq!(retell.agent_find("agt_1").await, Ok(None));
    assert_eq!(kind(retell.agent_delete(&id).await), NotFound);
    assert_eq!(retell.agent_exists("not-an-id").await, Ok(false));
}

#[tokio::test]
async fn a_number_is_connected_bound_and_removed() {
    let world = World::new().await;
    let retell = &world.retell;
    let agent = world.agent().await;
    assert_eq!(retell.number_find(&known(), TAG).await, Ok(Vec::new()));

    let number = world.connected(&agent, TAG).await;
    assert_eq!((number.id.as_str(), number.e164.as_ref()), (known().as_str(), Some(&known())));
    assert_eq!((number.tag.as_str(), number.platform_agent_id.as_ref()), (TAG, Some(&agent)));
    assert_eq!(retell.number_get(&number.id).await, Ok(number.clone()));
    assert_eq!(retell.number_find(&known(), TAG).await, Ok(vec![number.clone()]));
    assert_eq!(retell.number_find(&known(), OTHER_TAG).await, Ok(Vec::new()));
    let shown = &world.state()["numbers"][0];
    assert_eq!(shown["termination_uri"], "trunkline.pstn.twilio.com");
    assert_eq!((&shown["auth_username"], &shown["outbound_agent"]), (&json!("trunkline"), &json!(agent)));

    let other = retell.agent_create("Other", None, "agt_2").await.unwrap();
    for _ in 0..2 {
        let bound = retell.number_bind(&number.id, domain::agent::Method::HandOver, Some(&other)).await.unwrap();
        assert_eq!((&bound.id, bound.platform_agent_id.as_ref()), (&number.id, Some(&other)));
        assert_eq!(world.state()["numbers"][0]["outbound_agent"], other);
    }
    // Retell says the same of a number and of an agent that is not there.
    assert_eq!(
        kind(retell.number_bind(&number.id, domain::agent::Method::HandOver, Some(NOBODY)).await),
        Rejected(Reason::Other)
    );

    retell.number_remove(&number.id).await.unwrap();
    assert_eq!(kind(retell.number_remove(&number.id).await), NotFound);
    assert_eq!(kind(retell.number_get(&number.id).await), NotFound);
    assert_eq!(kind(retell.number_bind(&number.id, domain::agent::Method::HandOver, Some(&other)).await), NotFound);
    assert_eq!(retell.number_find(&known(), TAG).await, Ok(Vec::new()));
}

#[tokio::test]
async fn all_numbers_are_listed_page_by_page_whoever_named_them() {
    let world = World::new().await;
    let agent = world.agent().await;
    for n in 0..60 {
        let e164 = format!("+1202555{n:04}").parse().unwrap();
        let order = ConnectOrder { e164, ..connect(&agent, &format!("tag-{n}")) };
        world.retell.number_connect(&order).await.unwrap();
    }
    let (mut tags, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = world.retell.number_list(after.as_deref()).await.unwrap();
        tags.extend(page.items.into_iter().map(|number| number.tag));
        assert_eq!(page.others, 0);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((tags, pages), ((0..60).map(|n| format!("tag-{n}")).collect(), 2));
}

#[tokio::test]
async fn only_a_trunk_brings_a_number() {
    let world = World::new().await;
    let agent = world.agent().await;
    let dialled = Access::Dial(SecretString::from("password"));
    let taken = Access::Carrier { account_sid: "AC1".to_owned(), auth_token: SecretString::from("token") };
    for access in [dialled, taken] {
        let order = ConnectOrder { access, ..connect(&agent, TAG) };
        assert_eq!(kind(world.retell.number_connect(&order).await), Rejected(Reason::Other));
    }
    assert_eq!(world.asked("numbers.create"), 0);
}

#[tokio::test]
async fn a_number_that_is_there_is_somebody_elses_or_in_doubt() {
    let world = World::new().await;
    let agent = world.agent().await;
    let number = world.connected(&agent, TAG).await;
    assert_eq!(kind(world.retell.number_connect(&connect(&agent, OTHER_TAG)).await), Rejected(Reason::Taken));
    assert_eq!(kind(world.retell.number_connect(&connect(&agent, TAG)).await), Unknown);
    assert_eq!(world.asked("numbers.create"), 1);
    // It came between our look and our import.
    let gone = "Cannot find requested asset under given api key.";
    for (tag, expected) in [(OTHER_TAG, Rejected(Reason::Taken)), (TAG, Unknown)] {
        world.add(refusal_of("numbers.get", 422, gone));
        assert_eq!(kind(world.retell.number_connect(&connect(&agent, tag)).await), expected);
    }
    // And then cannot be looked at.
    world.add(refusal_of("numbers.get", 422, gone));
    world.add(Fault { times: 2, ..status_of("numbers.get", 500) });
    assert_eq!(kind(world.retell.number_connect(&connect(&agent, OTHER_TAG)).await), Unknown);
    assert_eq!(world.asked("numbers.create"), 4);
    assert_eq!(world.retell.number_find(&known(), TAG).await, Ok(vec![number]));
}

#[tokio::test]
async fn an_unknown_agent_is_refused_for_good() {
    let world = World::new().await;
    assert_eq!(kind(world.retell.number_connect(&connect(NOBODY, TAG)).await), Rejected(Reason::Other));
    assert_eq!(world.asked("numbers.create"), 1);
}

#[tokio::test]
async fn a_failed_connection_says_whether_it_happened() {
    async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool, asked: usize) {
        let case = format!("{fault:?}");
        let world = World::new().await;
        let agent = world.agent().await;
        world.add(fault);
        let result = world.retell.number_connect(&connect(&agent, TAG)).await;
        assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
        assert_eq!(world.retell.number_find(&known(), TAG).await.unwrap().len(), usize::from(happened), "{case}");
        assert_eq!(world.asked("numbers.create"), asked, "{case}");
    }
    let fault = |kind| Fault::new("retell", "numbers.create", kind);
    check(fault(Kind::LostReply), Err(Unknown), true, 1).await;
    check(fault(Kind::Timeout), Err(Unknown), false, 1).await;
    check(fault(Kind::Error), Err(Unknown), false, 1).await;
    check(fault(Kind::RateLimit), Ok(()), true, 2).await;
    check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), false, 3).await;
    check(status_of("numbers.create", 400), Err(Rejected(Reason::Other)), false, 1).await;
    check(status_of("numbers.create", 401), Err(Misconfigured), false, 1).await;
    check(status_of("numbers.create", 402), Err(Misconfigured), false, 1).await;
}

#[tokio::test]
async fn every_write_can_be_in_doubt_and_every_read_cannot() {
    let world = World::new().await;
    let retell = &world.retell;
    let agent = world.agent().await;
    let number = world.connected(&agent, TAG).await;
    world.fault("agents.create", Kind::LostReply);
    assert_eq!(kind(retell.agent_create("Lost", None, "agt_lost").await), Unknown);
    assert!(retell.agent_find("agt_lost").await.unwrap().is_some());
    world.fault("numbers.update", Kind::LostReply);
    assert_eq!(kind(retell.number_bind(&number.id, domain::agent::Method::HandOver, Some(&agent)).await), Unknown);
    world.fault("calls.register", Kind::LostReply);
    assert_eq!(kind(retell.call_register(&call(&agent, false)).await), Unknown);
    // One that is listed by POST, too.
    for operation in ["agents.get", "agents.list", "numbers.get", "numbers.list"] {
        world.add(Fault { times: 2, ..Fault::new("retell", operation, Kind::Timeout) });
    }
    assert_eq!(kind(retell.agent_exists(&agent).await), Unavailable);
    assert_eq!(kind(retell.agent_find("agt_1").await), Unavailable);
    assert_eq!(kind(retell.number_get(&number.id).await), Unavailable);
    assert_eq!(kind(retell.number_list(None).await), Unavailable);
    world.add(Fault { times: 2, ..Fault::new("retell", "numbers.get", Kind::Timeout) });
    assert_eq!(kind(retell.number_find(&known(), TAG).await), Unavailable);
    world.fault("numbers.delete", Kind::LostReply);
    assert_eq!(kind(retell.number_remove(&number.id).await), Unknown);
    assert_eq!(kind(retell.number_remove(&number.id).await), NotFound);
    world.fault("agents.delete", Kind::LostReply);
    assert_eq!(kind(retell.agent_delete(&agent).await), Unknown);
    assert_eq!(kind(retell.agent_delete(&agent).await), NotFound);
}

#[tokio::test]
async fn a_thing_is_gone_only_in_retells_own_words() {
    let world = World::new().await;
    let agent = world.agent().await;
    let number = world.connected(&agent, TAG).await;
    let check = async |fault: Fault, expected: ProviderErrorKind| {
        let case = format!("{fault:?}");
        world.add(fault);
        assert_eq!(kind(world.retell.number_remove(&number.id).await), expected, "{case}");
    };
    check(status_of("numbers.delete", 422), NotFound).await;
    check(refusal_of("numbers.delete", 422, "Something else."), Rejected(Reason::Other)).await;
    check(status_of("numbers.delete", 404), NotFound).await;
    assert_eq!(world.retell.number_get(&number.id).await, Ok(number.clone()));
}

#[tokio::test]
async fn a_wrong_key_is_told_from_everything_else() {
    let world = World::new().await;
    let agent = world.agent().await;
    let api_key = SecretString::from("an old key");
    let stranger = Retell::new(RetellConfig { api_key, ..config_of(&world.simulators) });
    assert_eq!(kind(stranger.agent_create("A", None, "r").await), Misconfigured);
    assert_eq!(kind(stranger.agent_find("r").await), Misconfigured);
    assert_eq!(kind(stranger.agent_exists(&agent).await), Misconfigured);
    assert_eq!(kind(stranger.agent_delete(&agent).await), Misconfigured);
    assert_eq!(kind(stranger.number_find(&known(), TAG).await), Misconfigured);
    assert_eq!(kind(stranger.number_list(None).await), Misconfigured);
    assert_eq!(kind(stranger.number_connect(&connect(&agent, TAG)).await), Misconfigured);
    assert_eq!(kind(stranger.call_register(&call(&agent, false)).await), Misconfigured);
    let base_url = format!("{}/v9", world.simulators.retell.url);
    let lost = Retell::new(RetellConfig { base_url, ..config_of(&world.simulators) });
    assert_eq!(kind(lost.agent_find("r").await), Misconfigured);
    assert_eq!(kind(lost.number_list(None).await), Misconfigured);
}

#[tokio::test]
async fn a_call_is_registered_where_it_is_to_be_dialled() {
    let world = World::new().await;
    let agent = world.agent().await;
    let handed = world.retell.call_register(&call(&agent, false)).await.unwrap();
    let shown = world.state()["calls"][0].clone();
    let id = shown["id"].as_str().unwrap();
    assert_eq!(handed, HandedOver::Address(format!("sip:{id}@sip.retellai.com")));
    assert_eq!((&shown["agent"], &shown["direction"]), (&json!(agent), &json!("inbound")));
    assert_eq!((&shown["from"], &shown["to"]), (&json!("+905321112233"), &json!(known().as_str())));
    assert_eq!(shown["metadata"], json!({"trunkline_handed_over": "call-1"}));
    // One who hides their number calls, too.
    let hidden = CallOrder { from: "anonymous".to_owned(), ..call(&agent, false) };
    world.retell.call_register(&hidden).await.unwrap();
    assert_eq!(world.state()["calls"][1]["from"], "");
    assert_eq!(kind(world.retell.call_register(&call(NOBODY, false)).await), NotFound);
}

#[tokio::test]
async fn a_call_is_made_once_by_an_agent_of_our_choice() {
    let world = World::new().await;
    let (agent, other) = (world.agent().await, world.retell.agent_create("B", None, "agt_2").await.unwrap());
    world.connected(&agent, TAG).await;
    world.fault("calls.create", Kind::LostReply);
    assert_eq!(kind(world.retell.call_create(&call(&other, true)).await), Unknown);
    let made = world.retell.call_create(&call(&other, true)).await.unwrap();
    let calls = world.state()["calls"].clone();
    assert_eq!(calls.as_array().map(Vec::len), Some(1), "one reference is one call: {calls}");
    assert_eq!((&calls[0]["id"], &calls[0]["agent"]), (&json!(made.id), &json!(other)));
    assert_eq!((&calls[0]["direction"], &calls[0]["to"]), (&json!("outbound"), &json!("+905321112233")));
    let next = CallOrder { reference: "call-2".to_owned(), ..call(&agent, true) };
    assert_eq!(world.retell.call_create(&next).await.unwrap().status, CallStatus::Queued);
    for (status, expected) in [(402, Misconfigured), (400, Rejected(Reason::Other)), (500, Unknown)] {
        world.add(status_of("calls.create", status));
        assert_eq!(kind(world.retell.call_create(&next).await), expected, "{status}");
    }
    let nowhere = CallOrder { platform_number_id: None, ..call(&agent, true) };
    assert_eq!(kind(world.retell.call_create(&nowhere).await), Rejected(Reason::Other));
}

mod told {
    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use domain::call::PlatformReport;
    use providers::retell::{notification, signature};
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;

    type Told = (String, PlatformReport);

    /// Takes what is Retell's and answers anything else with 403.
    async fn webhook(
        State((key, told)): State<(SecretString, UnboundedSender<Told>)>,
        headers: HeaderMap,
        body: bytes::Bytes,
    ) -> StatusCode {
        let signed = headers.get(signature::HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !signature::verify(&[key], signed, &body, Timestamp::now()) {
            return StatusCode::FORBIDDEN;
        }
        match notification::read(&body) {
            Ok(Some(report)) => {
                told.send((notification::kind(&body).unwrap(), report)).unwrap();
                StatusCode::NO_CONTENT
            }
            Ok(None) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::BAD_REQUEST,
        }
    }

    async fn listening(world: &World) -> UnboundedReceiver<Told> {
        let (sender, receiver) = unbounded_channel();
        let key = SecretString::from(world.simulators.retell.webhook_key.clone());
        let routes = Router::new().route("/retell", post(webhook)).with_state((key, sender));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/retell", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        world.simulators.retell.set_endpoint(url);
        receiver
    }

    #[tokio::test]
    async fn a_call_that_was_made_is_told_of() {
        let world = World::new().await;
        let mut told = listening(&world).await;
        let agent = world.agent().await;
        world.connected(&agent, TAG).await;
        let made = world.retell.call_create(&call(&agent, true)).await.unwrap();

        let (event, begun) = told.recv().await.unwrap();
        assert_eq!((event.as_str(), begun.status, begun.duration_s), ("call_started", CallStatus::InProgress, None));
        for expected in ["call_ended", "call_analyzed"] {
            let (event, ended) = told.recv().await.unwrap();
            assert_eq!((event.as_str(), ended.status), (expected, CallStatus::Completed));
            assert_eq!((&ended.call_id, ended.duration_s), (&made.id, Some(30)));
            assert_eq!((ended.platform_agent_id.as_ref(), ended.number), (Some(&agent), Some(known())));
            assert_eq!((ended.outgoing, ended.other.as_str()), (true, "+905321112233"));
        }
        // The last answer is counted after it was given.
        world.simulators.retell.tick().await;
        let state = world.state();
        assert!(state["events"].as_array().unwrap().iter().all(|event| event["delivery"] == "delivered"), "{state}");
    }
}

/// Calls that come in at the carrier.
mod caller {
    use axum::Router;
    use axum::http::header;
    use domain::ports::{BuyOrder, Carrier, NumberSettings, Sale, Webhooks};
    use domain::requirement::Papers;
    use providers::Twilio;
    use simulators::twilio::CallRequest;

    use super::*;

    const CALLER: &str = "+14155550100";

    fn carrier(simulators: &Simulators) -> Twilio {
        simulators.twilio.stock(&json!({ "e164": [known().as_str()] })).unwrap();
        kit::twilio(simulators)
    }

    fn webhooks(voice: &str) -> Webhooks {
        Webhooks { voice: voice.to_owned(), voice_fallback: String::new(), status: String::new() }
    }

    async fn bought(carrier: &Twilio, voice: &str) -> String {
        let webhooks = webhooks(voice);
        let order = BuyOrder { e164: known(), tag: TAG.to_owned(), webhooks, sms: false, papers: Papers::default() };
        let Sale::Sold(sold) = carrier.number_buy(&order).await.unwrap() else { panic!("it is sold at once") };
        sold.id
    }

    async fn calls(world: &World) -> Value {
        let request = CallRequest { to: known().to_string(), from: CALLER.to_owned(), answer: None };
        world.simulators.twilio.call(request).await.unwrap()
    }

    #[tokio::test]
    async fn on_the_trunk_reaches_whoever_the_number_is_bound_to() {
        let world = World::new().await;
        let carrier = carrier(&world.simulators);
        let id = bought(&carrier, "http://127.0.0.1:9/voice").await;
        let (agent, other) = (world.agent().await, world.retell.agent_create("B", None, "agt_2").await.unwrap());
        let number = world.connected(&agent, TAG).await;
        assert_eq!(calls(&world).await["status"], "failed", "our webhook does not answer");

        let trunk = world.simulators.twilio.trunk("retell", "sip:sip.retellai.com");
        let on_it =
            NumberSettings { trunk: Some(trunk), ..NumberSettings::by_webhooks(webhooks("http://127.0.0.1:9/voice")) };
        carrier.number_configure(&id, TAG, &on_it).await.unwrap();
        assert_eq!(calls(&world).await["answered_by"]["agent_id"], agent);
        world.retell.number_bind(&number.id, domain::agent::Method::HandOver, Some(&other)).await.unwrap();
        assert_eq!(calls(&world).await["answered_by"]["agent_id"], other);
        world.retell.number_remove(&number.id).await.unwrap();
        assert_eq!(calls(&world).await["status"], "failed");
    }

    #[tokio::test]
    async fn handed_over_reaches_the_agent_the_call_was_registered_for() {
        let world = World::new().await;
        let carrier = carrier(&world.simulators);
        let agent = world.agent().await;
        let HandedOver::Address(address) = world.retell.call_register(&call(&agent, false)).await.unwrap() else {
            panic!("a document")
        };
        let document = format!("<Response><Dial answerOnBridge=\"true\"><Sip>{address}</Sip></Dial></Response>");
        let routes = Router::new().fallback(move || async move { ([(header::CONTENT_TYPE, "text/xml")], document) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/voice", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        bought(&carrier, &url).await;

        let played = calls(&world).await;
        assert_eq!((&played["status"], &played["answered_by"]["agent_id"]), (&json!("completed"), &json!(agent)));
        let again = calls(&world).await;
        assert_eq!(again["status"], "failed", "a call is registered for one call");
    }
}
