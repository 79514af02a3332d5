//! What outlives a process.

use serde_json::json;
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, operations};

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    world.sims.twilio.stock(&json!({ "e164": ["+19075550100"] })).expect("a delivery");
    world
        .sims
        .twilio
        .stock(&json!({"country": "US", "type": "local", "area_code": "303", "count": 2}))
        .expect("a line");
    let kept = world.bought(&[("PhoneNumber", "+19075550100"), ("FriendlyName", "op_1")]).await;
    let gone = world.bought(&[("PhoneNumber", "+12125550100")]).await;
    world.release(&gone).await;
    let assistant = world.vapi_created("/assistant", json!({ "name": "a" })).await;
    let body = json!({ "provider": "vapi", "sipUri": "sip:a@sip.vapi.ai", "assistantId": assistant });
    world.vapi_created("/phone-number", body).await;
    let native = json!({ "provider": "vapi", "numberDesiredAreaCode": "212" });
    world.vapi_created("/phone-number", native.clone()).await;
    let (twilio, vapi) = (world.sims.twilio.state(), world.sims.vapi.state());
    drop(world);

    let world = open().await;
    assert_eq!(world.sims.twilio.state(), twilio);
    assert_eq!(world.sims.vapi.state(), vapi);
    assert_eq!(world.buy(&[("PhoneNumber", "+12125550100")]).await.1["code"], 21422, "still in quarantine");
    assert_eq!(world.buy(&[("PhoneNumber", "+13035550101")]).await.0, 201, "the line is still stocked");
    let again = world.bought(&[("PhoneNumber", "+19075550100")]).await;
    assert_eq!(again, kept);
    let sid = world.bought(&[("PhoneNumber", "+12125550101")]).await;
    assert!(sid != kept && sid != gone, "no id is given twice");
    let id = world.vapi_created("/phone-number", native).await;
    let (_, number) = world.vapi_get(&format!("/phone-number/{id}")).await;
    assert_eq!(number["number"], "+12129990001", "the pool goes on where it was");
}

#[tokio::test]
async fn a_crash_keeps_what_was_done_and_who_asked_for_it() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    world.sims.faults.add(Fault::new("twilio", "numbers.create", Kind::Crash)).expect("a valid fault");
    let form = [("PhoneNumber", "+12125550100")];
    let request = world.twilio(reqwest::Method::POST, "/IncomingPhoneNumbers.json").form(&form);
    assert!(request.send().await.is_err());
    // A second process reads the file while the first still has it open: nothing waits in memory.
    let survivor = open().await;
    let state = survivor.sims.twilio.state();
    assert_eq!(state["numbers"][0]["e164"], "+12125550100");
    assert_eq!(operations(&state), [("numbers.create".to_owned(), 0)]);
    assert_eq!(survivor.sims.faults.list(), json!({ "items": [] }), "faults do not outlive the process");
}

#[tokio::test]
async fn the_same_seed_and_requests_give_the_same_ids() {
    let story = || async {
        let world = World::new().await;
        let twilio = world.bought(&[("AreaCode", "212")]).await;
        let vapi = world.vapi_created("/assistant", json!({})).await;
        (twilio, vapi, world.sims.twilio.state())
    };
    assert_eq!(story().await, story().await);
}
