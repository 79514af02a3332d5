//! Elastic SIP trunks at Twilio, and where calls to their numbers go.

use reqwest::Method;
use serde_json::{Value, json};
use simulators::twilio::{CallRequest, DialResult};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, answer, each, operations};

const E164: &str = "+12125550100";
const RETELL: &str = "sip:sip.retellai.com;transport=tcp";

async fn made(world: &World, name: &str) -> String {
    let (status, trunk) = world.trunking_post("/Trunks", &[("FriendlyName", name)]).await;
    assert_eq!(status, 201, "{trunk}");
    trunk["sid"].as_str().expect("a sid").to_owned()
}

fn url<'a>(sip_url: &'a str, priority: &'a str, enabled: &'a str) -> [(&'a str, &'a str); 5] {
    [("SipUrl", sip_url), ("FriendlyName", "one"), ("Weight", "1"), ("Priority", priority), ("Enabled", enabled)]
}

async fn call(world: &World, answer: Option<DialResult>) -> Value {
    let request = CallRequest { to: E164.to_owned(), from: "+14155550123".to_owned(), answer };
    world.sims.twilio.call(request).await.expect("a call")
}

/// A number known at Retell and answered there.
async fn known(world: &World) -> String {
    let agent = world.retell_agent().await;
    let inbound = json!([{ "agent_id": agent, "weight": 1 }]);
    let body = json!({ "phone_number": E164, "termination_uri": "t.pstn.twilio.com", "inbound_agents": inbound });
    assert_eq!(world.retell_post("/import-phone-number", body).await.0, 201);
    agent
}

#[tokio::test]
async fn a_trunk_is_made_given_urls_and_numbers_and_they_go_again() {
    let world = World::new().await;
    let trunk = made(&world, "one").await;
    let path = format!("/Trunks/{trunk}");
    let (status, shown) = world.trunking_get(&path).await;
    assert_eq!((status, &shown["friendly_name"], &shown["domain_name"]), (200, &json!("one"), &Value::Null));
    assert_eq!(shown["date_created"], "2027-01-01T00:00:00Z");
    let urls = format!("{path}/OriginationUrls");
    for left_out in 0..5 {
        let mut form = url(RETELL, "1", "true").to_vec();
        form.remove(left_out);
        assert_eq!(world.trunking_post(&urls, &form).await.0, 400, "{form:?}");
    }
    assert_eq!(world.trunking_post(&urls, &url("https://sip.retellai.com", "1", "true")).await.0, 400);
    let (status, added) = world.trunking_post(&urls, &url(RETELL, "1", "true")).await;
    assert_eq!((status, &added["sip_url"], &added["trunk_sid"]), (201, &json!(RETELL), &json!(trunk)));
    assert_eq!(each(&world.trunking_get(&urls).await.1["origination_urls"], "sip_url"), [RETELL]);

    let number = world.bought(&[("PhoneNumber", E164), ("VoiceUrl", "https://h.example/v")]).await;
    let numbers = format!("{path}/PhoneNumbers");
    assert_eq!(world.trunking_post(&numbers, &[("PhoneNumberSid", "PN1")]).await.0, 400);
    let (status, attached) = world.trunking_post(&numbers, &[("PhoneNumberSid", &number)]).await;
    assert_eq!((status, &attached["trunk_sid"], &attached["sid"]), (201, &json!(trunk), &json!(number)));
    assert_eq!(attached["date_updated"], "2027-01-01T00:00:00Z");
    let own = format!("/IncomingPhoneNumbers/{number}.json");
    let (_, shown) = world.twilio_get(&own).await;
    assert_eq!((&shown["trunk_sid"], &shown["voice_url"]), (&json!(trunk), &json!("https://h.example/v")));
    assert_eq!(each(&world.trunking_get(&numbers).await.1["phone_numbers"], "sid"), [number.as_str()]);

    let one = format!("{numbers}/{number}");
    assert_eq!(answer(world.trunking(Method::DELETE, &one)).await, (204, Value::Null));
    assert_eq!(answer(world.trunking(Method::DELETE, &one)).await.0, 404);
    let (status, shown) = world.twilio_get(&own).await;
    assert_eq!((status, &shown["trunk_sid"]), (200, &Value::Null), "taken off and still ours");
    assert_eq!(world.trunking_get("/Trunks/TK00000000000000000000000000000001").await.0, 404);
}

#[tokio::test]
async fn trunks_are_listed_newest_first_with_links_that_stand_apart() {
    let world = World::new().await;
    for name in ["one", "two", "three"] {
        made(&world, name).await;
    }
    let (_, page) = world.trunking_get("/Trunks?PageSize=2").await;
    assert_eq!(each(&page["trunks"], "friendly_name"), ["three", "two"]);
    assert_eq!((&page["meta"]["key"], &page["meta"]["page_size"]), (&json!("trunks"), &json!(2)));
    let next = page["meta"]["next_page_url"].as_str().expect("a next page");
    let next = next.strip_prefix("https://trunking.twilio.com/v1").expect("an absolute link");
    let (_, page) = world.trunking_get(next).await;
    assert_eq!(each(&page["trunks"], "friendly_name"), ["one"]);
    assert_eq!(page["meta"]["next_page_url"], Value::Null);
}

#[tokio::test]
async fn a_domain_is_one_trunks_and_below_twilios() {
    let world = World::new().await;
    let make = async |domain: &str| world.trunking_post("/Trunks", &[("DomainName", domain)]).await;
    assert_eq!(make("one.pstn.twilio.com").await.1["domain_name"], "one.pstn.twilio.com");
    assert_eq!(make("one.pstn.twilio.com").await.1["code"], 21248);
    assert_eq!(make("one.example.com").await.0, 400);
}

#[tokio::test]
async fn the_operators_trunk_is_found_again() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let trunk = world.sims.twilio.trunk("retell", RETELL);
    let other = world.sims.twilio.trunk("elevenlabs", "sip:sip.rtc.elevenlabs.io");
    assert_ne!(trunk, other);
    world.trunking_post(&format!("/Trunks/{trunk}/OriginationUrls"), &url("sip:more.example", "1", "true")).await;
    drop(world);
    let world = open().await;
    assert_eq!(world.sims.twilio.trunk("retell", RETELL), trunk);
    let trunks = world.sims.twilio.state()["trunks"].clone();
    assert_eq!(trunks.as_array().map(Vec::len), Some(2), "{trunks}");
    let ours = trunks.as_array().and_then(|trunks| trunks.iter().find(|shown| shown["id"] == json!(trunk)));
    let urls = ours.map(|trunk| trunk["origination"].clone());
    assert_eq!(urls, Some(json!([RETELL, "sip:more.example"])), "as it was left");
    assert_eq!(World::new().await.sims.twilio.trunk("retell", RETELL), trunk, "the same seed, the same sid");
    let (_, shown) = world.trunking_get(&format!("/Trunks/{trunk}")).await;
    assert_eq!(shown["domain_name"], "retell.pstn.twilio.com");
}

#[tokio::test]
async fn a_call_on_a_trunk_asks_no_webhook_and_reaches_the_numbers_agent() {
    let world = World::new().await;
    let trunk = world.sims.twilio.trunk("retell", RETELL);
    // Neither would answer.
    let hooks = [("VoiceUrl", "http://127.0.0.1:9/v"), ("StatusCallback", "http://127.0.0.1:9/s")];
    world.bought(&[&[("PhoneNumber", E164), ("TrunkSid", trunk.as_str())], &hooks[..]].concat()).await;
    let refused = call(&world, None).await;
    assert_eq!((&refused["status"], &refused["error_code"]), (&json!("failed"), &json!(32011)), "not known there yet");

    let agent = known(&world).await;
    let result = call(&world, None).await;
    assert_eq!(
        (&result["status"], &result["trunk"], &result["twiml"]),
        (&json!("completed"), &json!(trunk), &json!([]))
    );
    assert_eq!((&result["answered_by"]["agent_id"], &result["status_callback"]), (&json!(agent), &Value::Null));
    let seen = &world.sims.retell.state()["calls"][0];
    assert_eq!((&seen["id"], &seen["agent"]), (&result["answered_by"]["call_id"], &json!(agent)));
    assert_eq!(
        (&seen["from"], &seen["to"], &seen["direction"]),
        (&json!("+14155550123"), &json!(E164), &json!("inbound"))
    );

    let missed = call(&world, Some(DialResult::NoAnswer)).await;
    assert_eq!((&missed["status"], missed.get("answered_by")), (&json!("no-answer"), None));
    assert_eq!(world.sims.retell.state()["calls"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_call_tries_the_urls_in_use_by_priority() {
    let world = World::new().await;
    let trunk = made(&world, "one").await;
    world.bought(&[("PhoneNumber", E164), ("TrunkSid", trunk.as_str())]).await;
    let agent = known(&world).await;
    assert_eq!(call(&world, None).await["error_code"], 32010, "no URL");
    let urls = format!("/Trunks/{trunk}/OriginationUrls");
    world.trunking_post(&urls, &url(RETELL, "1", "false")).await;
    assert_eq!(call(&world, None).await["error_code"], 32010, "none in use");
    world.trunking_post(&urls, &url("sip:sip.example.com", "1", "true")).await;
    assert_eq!(call(&world, None).await["error_code"], 32011, "nobody there");
    world.trunking_post(&urls, &url(RETELL, "2", "true")).await;
    assert_eq!(call(&world, None).await["answered_by"]["agent_id"], json!(agent));
}

#[tokio::test]
async fn a_fault_strikes_a_trunk_by_either_road() {
    let world = World::new().await;
    let trunk = world.sims.twilio.trunk("retell", RETELL);
    let number = world.bought(&[("PhoneNumber", E164)]).await;
    let own = format!("/IncomingPhoneNumbers/{number}.json");
    let numbers = format!("/Trunks/{trunk}/PhoneNumbers");
    let strike = |operation| {
        let fault = Fault { status: Some(418), ..Fault::new("twilio", operation, Kind::Error) };
        world.sims.faults.add(fault).expect("a valid fault");
    };
    for _ in 0..2 {
        strike("trunks.attach");
        assert_eq!(world.trunking_post(&numbers, &[("PhoneNumberSid", &number)]).await.0, 418);
        strike("trunks.attach");
        assert_eq!(world.twilio_post(&own, &[("TrunkSid", &trunk)]).await.0, 418);
        strike("trunks.detach");
        assert_eq!(world.twilio_post(&own, &[("TrunkSid", "")]).await.0, 418);
        strike("trunks.detach");
        assert_eq!(answer(world.trunking(Method::DELETE, &format!("{numbers}/{number}"))).await.0, 418);
        strike("numbers.update");
        assert_eq!(world.twilio_post(&own, &[("TrunkSid", &trunk)]).await.0, 200);
        assert_eq!(world.twilio_post(&own, &[("FriendlyName", "x")]).await.0, 418);
        world.sims.faults.clear();
    }
    let seen = operations(&world.sims.twilio.state());
    assert_eq!(seen.iter().filter(|(operation, status)| operation == "trunks.attach" && *status == 200).count(), 2);
}
