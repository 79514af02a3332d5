//! The client of ElevenLabs against one that remembers, misbehaves on demand, and was written from published facts alone.

use domain::E164;
use domain::call::CallStatus;
use domain::ports::{
    Access, CallOrder, ConnectOrder, HandedOver, ProviderError, ProviderErrorKind, Reason, SipTrunk, VoicePlatform,
};
use jiff::Timestamp;
use providers::{ElevenLabs, ElevenLabsConfig};
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::{Fault, Kind, NumberType, Simulators, StockLine};

use crate::kit::{self, OTHER_TAG, TAG};
use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};

/// As long as tags are: a deployment's id and an operation's.
const ELEVENLABS: &str = "elevenlabs";
const NUMBER: &str = "+12025550123";
const CALLEE: &str = "+14155550100";

struct World {
    simulators: Simulators,
    client: ElevenLabs,
    agent: String,
}

impl World {
    async fn new() -> Self {
        let stock = vec![StockLine::new("US", NumberType::Local, Some("415"), 5)];
        let simulators = kit::simulators(stock).await;
        let client = ElevenLabs::new(config_of(&simulators));
        let agent = client.agent_create("Reception", None, "agt-of-the-test").await.unwrap();
        Self { simulators, client, agent }
    }

    fn add(&self, fault: Fault) {
        self.simulators.faults.add(fault).unwrap();
    }

    fn fault(&self, operation: &str, kind: Kind) {
        self.add(Fault::new(ELEVENLABS, operation, kind));
    }

    /// How many requests of an operation have arrived.
    fn asked(&self, operation: &str) -> usize {
        kit::asked(&self.simulators.elevenlabs.state(), operation)
    }

    fn order(&self, access: Access) -> ConnectOrder {
        ConnectOrder { tag: TAG.to_owned(), e164: known(), platform_agent_id: self.agent.clone(), access }
    }

    /// A number at Twilio, and how ElevenLabs would take it over.
    async fn at_twilio(&self) -> (E164, Access) {
        let twilio = &self.simulators.twilio;
        let url = format!("{}/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", twilio.url, twilio.account_sid);
        let form = [("AreaCode", "415"), ("VoiceUrl", "https://h.example/v"), ("SmsUrl", "https://h.example/s")];
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let request = client.post(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token)).form(&form);
        let bought: Value = request.send().await.unwrap().json().await.unwrap();
        let access = Access::Carrier {
            account_sid: twilio.account_sid.clone(),
            auth_token: SecretString::from(twilio.auth_token.clone()),
        };
        (bought["phone_number"].as_str().unwrap().parse().unwrap(), access)
    }

    fn call_from(&self, number: &str, to: &str) -> CallOrder {
        CallOrder {
            platform_agent_id: self.agent.clone(),
            platform_number_id: Some(number.to_owned()),
            outgoing: true,
            from: NUMBER.to_owned(),
            to: to.to_owned(),
            reference: "call-1".to_owned(),
        }
    }
}

fn config_of(simulators: &Simulators) -> ElevenLabsConfig {
    ElevenLabsConfig {
        api_key: SecretString::from(simulators.elevenlabs.api_key.clone()),
        base_url: simulators.elevenlabs.url.clone(),
    }
}

fn known() -> E164 {
    NUMBER.parse().unwrap()
}

fn trunk() -> Access {
    let credentials = Some(("trunk-user".to_owned(), SecretString::from("trunk-password")));
    Access::Trunk(SipTrunk::at("trunkline.pstn.twilio.com", credentials))
}

fn kind<T: std::fmt::Debug>(result: Result<T, ProviderError>) -> ProviderErrorKind {
    let error = result.unwrap_err();
    assert!(error.detail.chars().count() <= 300, "{error}");
    assert!(!error.detail.contains(&NUMBER[1..]) && !error.detail.contains("password"), "{error}");
    error.kind
}

fn status_of(operation: &str, status: u16) -> Fault {
    Fault { status: Some(status), ..Fault::new(ELEVENLABS, operation, Kind::Error) }
}

#[tokio::test]
async fn an_agent_is_made_found_and_removed() {
    let world = World::new().await;
    let client = &world.client;
    assert_eq!(client.agent_find("agt-1").await, Ok(None));
    let id = client.agent_create("Resepsiyon", Some("tr-TR"), "agt-1").await.unwrap();
    assert_eq!(client.agent_find("agt-1").await, Ok(Some(id.clone())));
    assert_eq!(client.agent_find("agt-of-the-test").await, Ok(Some(world.agent.clone())));
    assert_eq!(client.agent_find("agt").await, Ok(None));
    assert_eq!(client.agent_exists(&id).await, Ok(true));

    client.agent_delete(&id).await.unwrap();
    assert_eq!(client.agent_exists(&id).await, Ok(false));
    assert_eq!(client.agent_find("agt-1").await, Ok(None));
    assert_eq!(kind(client.agent_delete(&id).await), NotFound);
    assert_eq!(client.agent_exists("not an id").await, Ok(false));
}

#[tokio::test]
async fn an_agent_is_found_behind_many_others_and_of_two_the_older() {
    let world = World::new().await;
    let client = &world.client;
    let first = client.agent_create("First", None, "agt-1").await.unwrap();
    client.agent_create("Second", None, "agt-1").await.unwrap();
    assert_eq!(client.agent_find("agt-1").await, Ok(Some(first.clone())));
    for _ in 0..100 {
        client.agent_create("Other", None, "agt-2").await.unwrap();
    }
    assert_eq!(client.agent_find("agt-1").await, Ok(Some(first)));
    assert_eq!(world.asked("agents.list"), 1 + 2);
}

#[tokio::test]
async fn a_number_on_a_trunk_is_connected_bound_and_removed() {
    let world = World::new().await;
    let client = &world.client;
    assert_eq!(client.number_find(&known(), TAG).await, Ok(Vec::new()));

    let number = client.number_connect(&world.order(trunk())).await.unwrap();
    assert_eq!((number.tag.as_str(), &number.e164), (TAG, &Some(known())));
    assert_eq!((number.sip_uri.as_ref(), number.created_at), (None, None));
    assert_eq!(number.platform_agent_id.as_ref(), Some(&world.agent));
    assert_eq!(client.number_get(&number.id).await, Ok(number.clone()));
    assert_eq!(client.number_find(&known(), TAG).await, Ok(vec![number.clone()]));
    assert_eq!(client.number_find(&known(), OTHER_TAG).await, Ok(Vec::new()));
    assert_eq!(client.number_find(&CALLEE.parse().unwrap(), TAG).await, Ok(Vec::new()));
    assert_eq!(world.simulators.elevenlabs.state()["numbers"][0]["provider"], "sip_trunk");

    let other = client.agent_create("Other", None, "agt-2").await.unwrap();
    for _ in 0..2 {
        let bound = client.number_bind(&number.id, domain::agent::Method::HandOver, Some(&other)).await.unwrap();
        assert_eq!((&bound.id, bound.platform_agent_id.as_ref()), (&number.id, Some(&other)));
    }
    // Nobody of that id: the number is there, and stays as it was.
    assert_eq!(
        kind(client.number_bind(&number.id, domain::agent::Method::HandOver, Some("agent_none")).await),
        Rejected(Reason::Other)
    );
    assert_eq!(client.number_get(&number.id).await.unwrap().platform_agent_id.as_ref(), Some(&other));
    // A number outlives its agent.
    client.agent_delete(&other).await.unwrap();
    assert_eq!(client.number_get(&number.id).await.unwrap().platform_agent_id, None);

    client.number_remove(&number.id).await.unwrap();
    assert_eq!(kind(client.number_remove(&number.id).await), NotFound);
    assert_eq!(kind(client.number_get(&number.id).await), NotFound);
    assert_eq!(
        kind(client.number_bind(&number.id, domain::agent::Method::HandOver, Some(&world.agent)).await),
        NotFound
    );
    assert_eq!(client.number_find(&known(), TAG).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_number_at_twilio_is_taken_over_with_its_calls_and_not_its_messages() {
    let world = World::new().await;
    let (e164, access) = world.at_twilio().await;
    let order = ConnectOrder { e164: e164.clone(), ..world.order(access) };
    let number = world.client.number_connect(&order).await.unwrap();
    assert_eq!((number.tag.as_str(), number.e164), (TAG, Some(e164)));
    let there = world.simulators.twilio.state()["numbers"][0].clone();
    assert_eq!(there["voice_url"], "https://api.us.elevenlabs.io/twilio/inbound_call");
    assert_eq!(there["sms_url"], "https://h.example/s");

    let nobodys = ConnectOrder { e164: known(), ..order };
    assert_eq!(kind(world.client.number_connect(&nobodys).await), Rejected(Reason::Other));
}

#[tokio::test]
async fn there_is_no_address_to_dial() {
    let world = World::new().await;
    let dial = Access::Dial(SecretString::from("a-password"));
    assert_eq!(kind(world.client.number_connect(&world.order(dial)).await), Rejected(Reason::Other));
    assert_eq!(world.asked("numbers.create"), 0);
}

#[tokio::test]
async fn all_numbers_are_listed_whoever_named_them() {
    let world = World::new().await;
    for (e164, tag) in [(NUMBER, TAG), ("+12025550124", OTHER_TAG), ("+12025550125", "theirs")] {
        let order = ConnectOrder { tag: tag.to_owned(), e164: e164.parse().unwrap(), ..world.order(trunk()) };
        world.client.number_connect(&order).await.unwrap();
    }
    let page = world.client.number_list(None).await.unwrap();
    let mut tags: Vec<_> = page.items.iter().map(|number| number.tag.as_str()).collect();
    tags.sort_unstable();
    assert_eq!((tags, page.next, page.others), (vec!["theirs", TAG, OTHER_TAG], None, 0));
    assert_eq!(kind(world.client.number_list(Some("2")).await), Rejected(Reason::Other));
}

#[tokio::test]
async fn a_number_that_is_known_already_is_looked_for() {
    let world = World::new().await;
    let number = world.client.number_connect(&world.order(trunk())).await.unwrap();
    assert_eq!(kind(world.client.number_connect(&world.order(trunk())).await), Unknown);
    assert_eq!(world.client.number_find(&known(), TAG).await, Ok(vec![number]));
    // Under another name it is somebody else's, and that is final.
    let theirs = ConnectOrder { tag: OTHER_TAG.to_owned(), ..world.order(trunk()) };
    assert_eq!(kind(world.client.number_connect(&theirs).await), Rejected(Reason::Other));
    // Nobody can say whose it is.
    world.add(Fault { times: 2, ..Fault::new(ELEVENLABS, "numbers.list", Kind::Timeout) });
    assert_eq!(kind(world.client.number_connect(&theirs).await), Unknown);
}

#[tokio::test]
async fn an_unknown_agent_is_refused_for_good() {
    let world = World::new().await;
    let order = ConnectOrder { platform_agent_id: "agent_none".to_owned(), ..world.order(trunk()) };
    assert_eq!(kind(world.client.number_connect(&order).await), Rejected(Reason::Other));
}

#[tokio::test]
async fn a_failed_connection_says_whether_it_happened() {
    async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool, asked: usize) {
        let case = format!("{fault:?}");
        let world = World::new().await;
        world.add(fault);
        let result = world.client.number_connect(&world.order(trunk())).await;
        assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
        let found = world.client.number_find(&known(), TAG).await.unwrap();
        assert_eq!(found.len(), usize::from(happened), "{case}");
        assert_eq!(world.asked("numbers.create"), asked, "{case}");
    }
    let fault = |kind| Fault::new(ELEVENLABS, "numbers.create", kind);
    let status = |status| status_of("numbers.create", status);
    check(fault(Kind::LostReply), Err(Unknown), true, 1).await;
    check(fault(Kind::Timeout), Err(Unknown), false, 1).await;
    check(fault(Kind::Error), Err(Unknown), false, 1).await;
    check(fault(Kind::RateLimit), Ok(()), true, 2).await;
    check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), false, 3).await;
    check(status(400), Err(Rejected(Reason::Other)), false, 1).await;
    check(status(401), Err(Misconfigured), false, 1).await;
    check(status(404), Err(Rejected(Reason::Other)), false, 1).await;
    check(status(422), Err(Rejected(Reason::Other)), false, 1).await;
    let quota = Fault { code: Some("quota_exceeded".to_owned()), ..status(400) };
    check(quota, Err(Rejected(Reason::LimitReached)), false, 1).await;
}

#[tokio::test]
async fn a_number_that_was_made_and_cannot_be_read_was_made() {
    for fault in [
        Fault { times: 2, ..Fault::new(ELEVENLABS, "numbers.get", Kind::Timeout) },
        status_of("numbers.get", 404),
        status_of("numbers.get", 401),
    ] {
        let world = World::new().await;
        world.add(fault);
        let number = world.client.number_connect(&world.order(trunk())).await.unwrap();
        assert_eq!(world.client.number_get(&number.id).await, Ok(number));
    }
}

#[tokio::test]
async fn every_write_can_be_in_doubt_and_every_read_cannot() {
    let world = World::new().await;
    let number = world.client.number_connect(&world.order(trunk())).await.unwrap();
    let client = &world.client;
    world.fault("agents.create", Kind::LostReply);
    assert_eq!(kind(client.agent_create("Lost", None, "agt-lost").await), Unknown);
    assert!(client.agent_find("agt-lost").await.unwrap().is_some());
    world.fault("numbers.update", Kind::LostReply);
    assert_eq!(
        kind(client.number_bind(&number.id, domain::agent::Method::HandOver, Some(&world.agent)).await),
        Unknown
    );
    for operation in ["agents.get", "numbers.get", "numbers.list", "agents.list"] {
        world.add(Fault { times: 2, ..Fault::new(ELEVENLABS, operation, Kind::Timeout) });
    }
    assert_eq!(kind(client.agent_exists(&world.agent).await), Unavailable);
    assert_eq!(kind(client.agent_find("agt-lost").await), Unavailable);
    assert_eq!(kind(client.number_get(&number.id).await), Unavailable);
    assert_eq!(kind(client.number_find(&known(), TAG).await), Unavailable);
    world.fault("numbers.delete", Kind::LostReply);
    assert_eq!(kind(client.number_remove(&number.id).await), Unknown);
    assert_eq!(kind(client.number_remove(&number.id).await), NotFound);
    world.fault("agents.delete", Kind::LostReply);
    assert_eq!(kind(client.agent_delete(&world.agent).await), Unknown);
    assert_eq!(kind(client.agent_delete(&world.agent).await), NotFound);
}

#[tokio::test]
async fn a_wrong_key_is_told_from_everything_else() {
    let world = World::new().await;
    let api_key = SecretString::from("an old key");
    let stranger = ElevenLabs::new(ElevenLabsConfig { api_key, ..config_of(&world.simulators) });
    assert_eq!(kind(stranger.agent_create("A", None, "r").await), Misconfigured);
    assert_eq!(kind(stranger.agent_find("r").await), Misconfigured);
    assert_eq!(kind(stranger.agent_exists(&world.agent).await), Misconfigured);
    assert_eq!(kind(stranger.agent_delete(&world.agent).await), Misconfigured);
    assert_eq!(kind(stranger.number_find(&known(), TAG).await), Misconfigured);
    assert_eq!(kind(stranger.number_connect(&world.order(trunk())).await), Misconfigured);
    let order = world.call_from("phnum_1", CALLEE);
    assert_eq!(kind(stranger.call_register(&order).await), Misconfigured);
    assert_eq!(kind(stranger.call_create(&order).await), Misconfigured);

    // Somewhere else nothing of it is found, which is no proof that numbers or agents are gone.
    let base_url = format!("{}/elsewhere", world.simulators.elevenlabs.url);
    let lost = ElevenLabs::new(ElevenLabsConfig { base_url, ..config_of(&world.simulators) });
    assert_eq!(kind(lost.number_find(&known(), TAG).await), Misconfigured);
    assert_eq!(kind(lost.agent_find("r").await), Misconfigured);
    assert_eq!(kind(lost.agent_create("A", None, "r").await), Misconfigured);
}

#[tokio::test]
async fn a_call_is_registered_and_handed_over_as_a_document() {
    let world = World::new().await;
    let mut order = CallOrder {
        platform_agent_id: world.agent.clone(),
        platform_number_id: None,
        outgoing: false,
        from: "anonymous".to_owned(),
        to: NUMBER.to_owned(),
        reference: "CA0123".to_owned(),
    };
    let HandedOver::Document(twiml) = world.client.call_register(&order).await.unwrap() else { panic!("a document") };
    assert!(twiml.contains("<Response><Connect><Stream url=\"wss://"), "{twiml}");
    order.outgoing = true;
    world.client.call_register(&order).await.unwrap();
    let calls = world.simulators.elevenlabs.state()["calls"].clone();
    let shown =
        |call: &Value| (call["direction"].clone(), call["agent_number"].clone(), call["external_number"].clone());
    assert_eq!(shown(&calls[0]), (json!("inbound"), json!(NUMBER), json!("anonymous")));
    assert_eq!(shown(&calls[1]), (json!("outbound"), json!("anonymous"), json!(NUMBER)));
    assert_eq!(calls[0]["client_data"], json!({"dynamic_variables": {"trunkline_handed_over": "CA0123"}}));

    let nobody = CallOrder { platform_agent_id: "agent_none".to_owned(), ..order.clone() };
    assert_eq!(kind(world.client.call_register(&nobody).await), Rejected(Reason::Other));
    for (fault, expected) in [
        (Kind::LostReply, Unknown),
        (Kind::Timeout, Unknown),
        // A page of something in between, which is no document.
        (Kind::Error, Unknown),
    ] {
        world.fault("calls.register", fault);
        assert_eq!(kind(world.client.call_register(&order).await), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn an_agent_calls_from_a_number_by_the_way_the_number_has() {
    let world = World::new().await;
    let on_trunk = world.client.number_connect(&world.order(trunk())).await.unwrap();
    let (e164, access) = world.at_twilio().await;
    let imported = world.client.number_connect(&ConnectOrder { e164, ..world.order(access) }).await.unwrap();
    for number in [&on_trunk, &imported] {
        let call = world.client.call_create(&world.call_from(&number.id, CALLEE)).await.unwrap();
        assert_eq!(call.status, CallStatus::Queued);
        let calls = world.simulators.elevenlabs.state()["calls"].clone();
        let made = calls.as_array().unwrap().iter().find(|made| made["id"] == call.id.as_str()).unwrap();
        assert_eq!((&made["number"], &made["agent"]), (&json!(number.id), &json!(world.agent)));
        assert_eq!((&made["direction"], &made["external_number"]), (&json!("outbound"), &json!(CALLEE)));
        assert_eq!(made["client_data"], json!({"dynamic_variables": {"trunkline_call": "call-1"}}));
    }
    // Refused with a status of success.
    for number in [&on_trunk, &imported] {
        let refused = world.client.call_create(&world.call_from(&number.id, "+15005550001")).await;
        assert_eq!(kind(refused), Rejected(Reason::Other));
    }
    assert_eq!(world.simulators.elevenlabs.state()["calls"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_failed_call_says_whether_it_happened_and_is_asked_for_once() {
    async fn check(fault: Fault, expected: ProviderErrorKind, happened: bool, asked: usize) {
        let case = format!("{fault:?}");
        let world = World::new().await;
        let number = world.client.number_connect(&world.order(trunk())).await.unwrap();
        world.add(fault);
        let call = world.client.call_create(&world.call_from(&number.id, CALLEE)).await;
        assert_eq!(kind(call), expected, "{case}");
        let calls = world.simulators.elevenlabs.state()["calls"].clone();
        assert_eq!(calls.as_array().unwrap().len(), usize::from(happened), "{case}");
        assert_eq!(world.asked("calls.create"), asked, "{case}");
    }
    let fault = |kind| Fault::new(ELEVENLABS, "calls.create", kind);
    check(fault(Kind::LostReply), Unknown, true, 1).await;
    check(fault(Kind::Timeout), Unknown, false, 1).await;
    check(fault(Kind::Error), Unknown, false, 1).await;
    check(status_of("calls.create", 400), Rejected(Reason::Other), false, 1).await;
    check(status_of("calls.create", 422), Rejected(Reason::Other), false, 1).await;
    check(Fault { times: 3, ..fault(Kind::RateLimit) }, RateLimited, false, 3).await;
    // The number is looked up first; without it there is no call.
    check(Fault { times: 2, ..Fault::new(ELEVENLABS, "numbers.get", Kind::Timeout) }, Unavailable, false, 0).await;
}

#[tokio::test]
async fn a_call_needs_a_number_that_is_known_and_an_agent() {
    let world = World::new().await;
    let number = world.client.number_connect(&world.order(trunk())).await.unwrap();
    let order = world.call_from(&number.id, CALLEE);
    let other = Rejected(Reason::Other);
    let without = CallOrder { platform_number_id: None, ..order.clone() };
    assert_eq!(kind(world.client.call_create(&without).await), other);
    let nobody = CallOrder { platform_agent_id: "agent_none".to_owned(), ..order };
    assert_eq!(kind(world.client.call_create(&nobody).await), other);
    assert_eq!(kind(world.client.call_create(&world.call_from("phnum_none", CALLEE)).await), other);
}

/// Takes what is told and passes it on: the signature and the body.
async fn endpoint(world: &World) -> tokio::sync::mpsc::UnboundedReceiver<(String, Vec<u8>)> {
    use axum::Router;
    use axum::extract::State;
    use axum::http::HeaderMap;
    type Told = tokio::sync::mpsc::UnboundedSender<(String, Vec<u8>)>;
    async fn receive(State(told): State<Told>, headers: HeaderMap, body: bytes::Bytes) {
        let signature = headers["elevenlabs-signature"].to_str().unwrap().to_owned();
        told.send((signature, body.to_vec())).unwrap();
    }
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let routes = Router::new().fallback(receive).with_state(tell);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    world.simulators.elevenlabs.set_endpoint(format!("http://{}/news", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    told
}

#[tokio::test]
async fn what_becomes_of_a_call_is_told_verified_and_understood() {
    use providers::elevenlabs::{notification, signature};
    let world = World::new().await;
    let mut told = endpoint(&world).await;
    let secrets = [SecretString::from(world.simulators.elevenlabs.webhook_secret.clone())];
    let number = world.client.number_connect(&world.order(trunk())).await.unwrap();
    for (to, status) in
        [(CALLEE, CallStatus::Completed), ("+15005550005", CallStatus::Busy), ("+15005550007", CallStatus::NoAnswer)]
    {
        let call = world.client.call_create(&world.call_from(&number.id, to)).await.unwrap();
        let (header, body) = told.recv().await.unwrap();
        let now = Timestamp::now();
        assert!(signature::verify(&secrets, &header, &body, now));
        assert!(!signature::verify(&secrets, &header, &[&body[..], b" "].concat(), now));
        let report = notification::read(&body).unwrap().unwrap();
        assert_eq!((&report.call_id, report.status), (&call.id, status));
        assert_eq!(report.platform_agent_id.as_ref(), Some(&world.agent));
        assert_eq!((report.number, report.other.as_str(), report.outgoing), (Some(known()), to, true));
        let talked = status == CallStatus::Completed;
        assert_eq!(report.platform_number_id, talked.then(|| number.id.clone()));
        assert_eq!((report.started_at.is_some(), report.duration_s), (talked, talked.then_some(30)));
    }
}
