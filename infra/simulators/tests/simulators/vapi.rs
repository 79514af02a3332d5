//! Phone numbers, assistants and credentials at Vapi.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{World, answer, each};

const NUMBERS: &str = "/phone-number";

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let world = World::new().await;
    let url = format!("{}{NUMBERS}", world.sims.vapi.url);
    for request in [world.client().get(&url), world.client().get(&url).bearer_auth("guess")] {
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["statusCode"], &body["error"]), (401, &json!(401), &json!("Unauthorized")));
    }
}

#[tokio::test]
async fn a_body_is_looked_over_by_its_provider() {
    let world = World::new().await;
    let cases = [
        (json!({}), "provider must be one of the following values: byo-phone-number, twilio, vonage, vapi, telnyx"),
        (json!({"provider": "twilio", "twilioAccountSid": "AC1"}), "number must be a string"),
        (json!({"provider": "twilio", "number": "+1"}), "twilioAccountSid must be a string"),
        (json!({"provider": "byo-phone-number", "number": "+1234567"}), "credentialId must be a string"),
        (json!({"provider": "vapi", "areaCode": "212"}), "property areaCode should not exist"),
        (json!({"provider": "vapi", "number": "+12125550100"}), "property number should not exist"),
        (
            json!({"provider": "vapi", "numberDesiredAreaCode": "21"}),
            "numberDesiredAreaCode must be longer than or equal to 3 characters",
        ),
        (json!({"provider": "vapi", "name": "x".repeat(41)}), "name must be shorter than or equal to 40 characters"),
        (json!({"provider": "vapi", "server": "https://h.example"}), "server must be an object"),
        (
            json!({"provider": "vapi", "sipUri": "sip:a@example.com"}),
            "sipUri must be of the form sip:<name>@sip.vapi.ai",
        ),
        (
            json!({"provider": "vapi", "sipUri": "sip:a@sip.vapi.ai", "authentication": {"username": "u"}}),
            "authentication.password must be a string",
        ),
    ];
    for (body, complaint) in cases {
        let (status, answer) = world.vapi_post(NUMBERS, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        let complaints = answer["message"].as_array().unwrap_or_else(|| panic!("{answer}"));
        assert!(complaints.contains(&json!(complaint)), "{body}: {answer}");
        assert_eq!((&answer["error"], &answer["statusCode"]), (&json!("Bad Request"), &json!(400)));
    }
    assert_eq!(world.sims.vapi.state()["numbers"], json!([]));
}

#[tokio::test]
async fn a_sip_number_is_made_linked_unlinked_and_taken_away() {
    let world = World::new().await;
    let assistant = world.vapi_created("/assistant", json!({ "name": "one" })).await;
    let body = json!({
        "provider": "vapi",
        "sipUri": "sip:Tag-1@sip.vapi.ai",
        "name": "Tag-1",
        "authentication": { "username": "u", "password": "p" },
        "assistantId": assistant,
    });
    let (status, number) = world.vapi_post(NUMBERS, body.clone()).await;
    assert_eq!((status, &number["status"]), (201, &json!("active")));
    assert_eq!(number["authentication"]["password"], "p", "secrets are echoed");
    assert_eq!(number["createdAt"], "2027-01-01T00:00:00.000Z");
    assert!(number.get("number").is_none());
    let shown = &world.sims.vapi.state()["numbers"][0];
    assert_eq!((&shown["e164"], &shown["sip_uri"]), (&Value::Null, &json!("sip:Tag-1@sip.vapi.ai")));
    assert_eq!((&shown["name"], &shown["agent"]), (&json!("Tag-1"), &json!(assistant)));

    let mut twice = body;
    twice["sipUri"] = json!("sip:TAG-1@sip.vapi.ai");
    let (status, refused) = world.vapi_post(NUMBERS, twice).await;
    assert_eq!((status, refused["message"].is_string()), (400, true), "one complaint is a text");

    let path = format!("{NUMBERS}/{}", number["id"].as_str().expect("an id"));
    let (status, unlinked) = world.vapi_patch(&path, json!({ "assistantId": null })).await;
    assert_eq!((status, unlinked.get("assistantId")), (200, None));
    let (status, _) = world.vapi_patch(&path, json!({ "assistantId": "none-such" })).await;
    assert_eq!(status, 400);
    let (status, _) = world.vapi_patch(&path, json!({ "provider": "twilio" })).await;
    assert_eq!(status, 400);
    let (_, relinked) = world.vapi_patch(&path, json!({ "provider": "vapi", "assistantId": assistant })).await;
    assert_eq!(relinked["assistantId"], json!(assistant));

    let (status, gone) = answer(world.vapi(Method::DELETE, &path)).await;
    assert_eq!((status, &gone["id"]), (200, &number["id"]), "deletion answers what is gone");
    for method in [Method::DELETE, Method::GET] {
        assert_eq!(answer(world.vapi(method, &path)).await.0, 404);
    }
}

#[tokio::test]
async fn numbers_of_its_own_are_five_and_become_active_by_themselves() {
    let world = World::new().await;
    let body = json!({ "provider": "vapi", "numberDesiredAreaCode": "205" });
    let (_, first) = world.vapi_post(NUMBERS, body.clone()).await;
    assert_eq!(first["status"], "activating");
    assert!(first.get("number").is_none(), "not known in the first answer");
    let path = format!("{NUMBERS}/{}", first["id"].as_str().expect("an id"));
    let (_, later) = world.vapi_get(&path).await;
    assert_eq!((&later["status"], &later["number"]), (&json!("activating"), &json!("+12059990000")));
    world.pass(SignedDuration::from_mins(2));
    assert_eq!(world.vapi_get(&path).await.1["status"], "active");
    for _ in 1..5 {
        assert_eq!(world.vapi_post(NUMBERS, body.clone()).await.0, 201);
    }
    assert_eq!(world.vapi_post(NUMBERS, body.clone()).await.0, 400, "the sixth");
    let sip = json!({ "provider": "vapi", "sipUri": "sip:x@sip.vapi.ai" });
    assert_eq!(world.vapi_post(NUMBERS, sip).await.0, 201, "SIP numbers are not counted");
    answer(world.vapi(Method::DELETE, &path)).await;
    let nowhere = json!({ "provider": "vapi", "numberDesiredAreaCode": "907" });
    assert_eq!(world.vapi_post(NUMBERS, nowhere.clone()).await.0, 400, "not in stock");
    world.sims.vapi.stock(&json!({ "e164": ["+19075550123"] })).expect("a delivery");
    let (status, number) = world.vapi_post(NUMBERS, nowhere).await;
    assert_eq!(status, 201);
    let (_, number) = world.vapi_get(&format!("{NUMBERS}/{}", number["id"].as_str().expect("an id"))).await;
    assert_eq!(number["number"], "+19075550123");
}

#[tokio::test]
async fn an_import_takes_over_the_webhooks_at_twilio() {
    let world = World::new().await;
    let twilio = &world.sims.twilio;
    let import = |e164: &str, token: &str, sms: Option<bool>| {
        let mut body = json!({
            "provider": "twilio", "number": e164, "twilioAccountSid": twilio.account_sid, "twilioAuthToken": token,
        });
        if let Some(sms) = sms {
            body["smsEnabled"] = json!(sms);
        }
        body
    };
    for e164 in ["+12125550100", "+12125550101"] {
        world
            .bought(&[("PhoneNumber", e164), ("VoiceUrl", "https://h.example/v"), ("SmsUrl", "https://h.example/s")])
            .await;
    }
    let (status, number) = world.vapi_post(NUMBERS, import("+12125550100", &twilio.auth_token, None)).await;
    assert_eq!((status, &number["smsEnabled"]), (201, &json!(true)));
    assert_eq!(number["twilioAuthToken"], json!(twilio.auth_token));
    world.vapi_created(NUMBERS, import("+12125550101", &twilio.auth_token, Some(false))).await;
    let state = world.sims.twilio.state();
    assert_eq!(each(&state["numbers"], "voice_url"), ["https://api.vapi.ai/twilio/inbound_call"; 2]);
    assert_eq!(each(&state["numbers"], "sms_url"), ["https://api.vapi.ai/twilio/sms", "https://h.example/s"]);
    for (e164, token) in
        [("+12125550100", twilio.auth_token.as_str()), ("+12125550102", &twilio.auth_token), ("+12125550101", "guess")]
    {
        assert_eq!(world.vapi_post(NUMBERS, import(e164, token, None)).await.0, 400, "{e164}");
    }
    let keyless = json!({ "provider": "twilio", "number": "+12125550102", "twilioAccountSid": twilio.account_sid });
    assert_eq!(world.vapi_post(NUMBERS, keyless).await.0, 400);
}

#[tokio::test]
async fn a_trunk_needs_an_address_to_take_calls_from_and_keeps_its_password() {
    let world = World::new().await;
    let trunk = |gateway: Value| {
        json!({
            "provider": "byo-sip-trunk",
            "name": "t1",
            "gateways": [gateway],
            "outboundAuthenticationPlan": { "authUsername": "u", "authPassword": "p" },
        })
    };
    let (status, refused) = world.vapi_post("/credential", trunk(json!({ "ip": "sip.example.com" }))).await;
    let text = "Couldn't validate SIP trunk credential. SIP gateway creation failed.";
    assert_eq!((status, &refused["message"]), (400, &json!(text)));
    let outbound = trunk(json!({ "ip": "sip.example.com", "inboundEnabled": false }));
    assert_eq!(world.vapi_post("/credential", outbound).await.0, 201);
    let (status, credential) = world.vapi_post("/credential", trunk(json!({ "ip": "203.0.113.8" }))).await;
    assert_eq!(status, 201);
    assert_eq!(credential["outboundAuthenticationPlan"], json!({ "authUsername": "u" }));

    let id = credential["id"].as_str().expect("an id");
    let number = json!({ "provider": "byo-phone-number", "number": "+908501234567", "credentialId": id });
    let (status, made) = world.vapi_post(NUMBERS, number.clone()).await;
    assert_eq!((status, &made["numberE164CheckEnabled"]), (201, &json!(true)));
    assert_eq!(world.vapi_post(NUMBERS, number).await.0, 201, "a second POST makes a second one");
    let national = json!({ "provider": "byo-phone-number", "number": "08501234567", "credentialId": id });
    assert_eq!(world.vapi_post(NUMBERS, national.clone()).await.0, 400);
    let mut unchecked = national;
    unchecked["numberE164CheckEnabled"] = json!(false);
    assert_eq!(world.vapi_post(NUMBERS, unchecked).await.0, 201);
    let path = format!("/credential/{id}");
    for expected in [200, 404] {
        assert_eq!(answer(world.vapi(Method::DELETE, &path)).await.0, expected);
    }
}

#[tokio::test]
async fn a_list_is_an_array_paged_by_date() {
    let world = World::new().await;
    for index in 0..7 {
        world.vapi_created(NUMBERS, json!({ "provider": "vapi", "sipUri": format!("sip:n{index}@sip.vapi.ai") })).await;
    }
    let mut seen = Vec::new();
    let mut path = format!("{NUMBERS}?limit=3");
    loop {
        let (_, page) = world.vapi_get(&path).await;
        let page = page.as_array().expect("an array").clone();
        let Some(last) = page.last() else { break };
        path = format!("{NUMBERS}?limit=3&createdAtLt={}", last["createdAt"].as_str().expect("a date"));
        seen.extend(page.iter().map(|number| number["sipUri"].as_str().expect("a uri").to_owned()));
    }
    let expected: Vec<String> = (0..7).rev().map(|index| format!("sip:n{index}@sip.vapi.ai")).collect();
    assert_eq!(seen, expected, "newest first, none lost although the clock stands still");
    for query in ["limit=1001", "limit=x", "createdAtLt=yesterday"] {
        let (status, body) = world.vapi_get(&format!("{NUMBERS}?{query}")).await;
        assert_eq!((status, body["message"].is_array()), (400, true), "{query}");
    }
}

#[tokio::test]
async fn the_second_list_searches_and_counts() {
    let world = World::new().await;
    for name in ["op-1", "op-12", "else"] {
        let body = json!({ "provider": "vapi", "sipUri": format!("sip:{name}@sip.vapi.ai"), "name": name });
        world.vapi_created(NUMBERS, body).await;
    }
    let (_, found) = world.vapi_get("/v2/phone-number?search=OP-1&limit=1").await;
    assert_eq!(each(&found["results"], "name"), ["op-12"]);
    let metadata = &found["metadata"];
    assert_eq!((&metadata["totalItems"], &metadata["totalPages"]), (&json!(2), &json!(2)));
    assert_eq!((&metadata["itemsPerPage"], &metadata["hasNextPage"]), (&json!(1), &json!(true)));
    let (_, found) = world.vapi_get("/v2/phone-number?search=op-1&limit=1&page=2").await;
    assert_eq!(each(&found["results"], "name"), ["op-1"]);
    assert_eq!(found["metadata"]["hasNextPage"], json!(false));
}

#[tokio::test]
async fn an_assistant_lives_and_dies() {
    let world = World::new().await;
    let (status, body) = world.vapi_post("/assistant", json!({ "name": "a", "colour": "red" })).await;
    assert_eq!((status, &body["message"]), (400, &json!(["property colour should not exist"])));
    let id = world.vapi_created("/assistant", json!({ "name": "a", "firstMessage": "Hi" })).await;
    let path = format!("/assistant/{id}");
    assert_eq!(world.vapi_patch(&path, json!({ "name": "b" })).await.1["firstMessage"], "Hi");
    assert_eq!(each(&world.vapi_get("/assistant").await.1, "name"), ["b"]);
    for expected in [200, 404] {
        assert_eq!(answer(world.vapi(Method::DELETE, &path)).await.0, expected);
    }
}

#[tokio::test]
async fn a_call_is_queued_or_handed_back_as_a_document() {
    let world = World::new().await;
    let assistant = world.vapi_created("/assistant", json!({})).await;
    let number = world.vapi_created(NUMBERS, json!({ "provider": "vapi" })).await;
    let body = json!({ "assistantId": assistant, "phoneNumberId": number, "customer": { "number": "+14155550100" } });
    let (status, call) = world.vapi_post("/call", body.clone()).await;
    assert_eq!((status, &call["status"]), (201, &json!("queued")));
    let mut bypassed = body;
    bypassed["phoneCallProviderBypassEnabled"] = json!(true);
    let (_, call) = world.vapi_post("/call", bypassed).await;
    assert!(call["phoneCallProviderDetails"]["twiml"].as_str().is_some_and(|twiml| twiml.contains("<Stream")));
    for wrong in [
        json!({ "phoneNumberId": number }),
        json!({ "assistantId": "none-such" }),
        json!({ "assistantId": assistant, "phoneNumberId": "none-such" }),
        json!({ "assistantId": assistant, "customer": { "number": "555" } }),
    ] {
        assert_eq!(world.vapi_post("/call", wrong.clone()).await.0, 400, "{wrong}");
    }
}
