//! Agents, phone numbers and webhooks at ElevenLabs.

use reqwest::Method;
use serde_json::{Value, json};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, answer, each};

const NUMBERS: &str = "/convai/phone-numbers";
const AGENTS: &str = "/convai/agents";
const CREATE: &str = "/convai/agents/create";

fn trunked(phone_number: &str, label: &str) -> Value {
    json!({ "provider": "sip_trunk", "phone_number": phone_number, "label": label })
}

/// Where the complaints of a 422 are.
fn places(body: &Value) -> Vec<String> {
    let complaints = body["detail"].as_array().expect("a list of complaints");
    let place = |complaint: &Value| {
        let parts = complaint["loc"].as_array().expect("a place");
        assert!(complaint["msg"].is_string() && complaint["type"].is_string(), "{complaint}");
        parts.iter().map(|part| part.as_str().unwrap_or_default()).collect::<Vec<_>>().join(".")
    };
    complaints.iter().map(place).collect()
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_nothing_answers_elsewhere() {
    let world = World::new().await;
    let url = format!("{}/v1{NUMBERS}", world.sims.elevenlabs.url);
    let bearer = world.client().get(&url).bearer_auth(&world.sims.elevenlabs.api_key);
    for request in [world.client().get(&url), world.client().get(&url).header("xi-api-key", "guess"), bearer] {
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["detail"]["status"]), (401, &json!("invalid_api_key")));
    }
    assert_eq!(world.eleven_get("/convai/nothing").await, (404, json!({ "detail": "Not Found" })));
}

#[tokio::test]
async fn a_body_is_looked_over_and_every_complaint_made_at_once() {
    let world = World::new().await;
    let cases = [
        (json!({}), vec!["body.phone_number", "body.label"]),
        (
            json!({ "provider": "twilio", "phone_number": 7, "label": "l" }),
            vec!["body.phone_number", "body.sid", "body.token"],
        ),
        (json!({ "provider": "carrier", "phone_number": "+1", "label": "l" }), vec!["body.provider"]),
        (
            json!({ "provider": "twilio", "phone_number": "+1", "label": "l", "sid": "SK1", "token": "t" }),
            vec!["body.account_auth_token"],
        ),
        (
            json!({ "provider": "sip_trunk", "phone_number": "+1", "label": "l",
                "outbound_trunk_config": { "transport": "carrier pigeon", "credentials": { "password": "p" } },
                "inbound_trunk_config": { "allowed_numbers": "+1" } }),
            vec![
                "body.inbound_trunk_config.allowed_numbers",
                "body.outbound_trunk_config.address",
                "body.outbound_trunk_config.transport",
                "body.outbound_trunk_config.credentials.username",
            ],
        ),
        (
            json!({ "provider": "sip_trunk", "phone_number": "+1", "label": "l",
                "outbound_trunk_config": { "address": "sip:x.example" } }),
            vec!["body.outbound_trunk_config.address"],
        ),
    ];
    for (body, expected) in cases {
        let (status, refused) = world.eleven_post(NUMBERS, body.clone()).await;
        assert_eq!(status, 422, "{body}");
        assert_eq!(places(&refused), expected, "{body}");
    }
    let (status, refused) = answer(world.eleven(Method::POST, NUMBERS).body("{")).await;
    assert_eq!((status, places(&refused)), (422, vec!["body".to_owned()]));
    let (status, refused) = world.eleven_get(&format!("{NUMBERS}?provider=carrier")).await;
    assert_eq!((status, places(&refused)), (422, vec!["query.provider".to_owned()]));
    assert_eq!(world.sims.elevenlabs.state()["numbers"], json!([]));
}

#[tokio::test]
async fn a_number_is_made_with_an_id_and_read_with_its_agent_and_without_its_secrets() {
    let world = World::new().await;
    let agent = world.eleven_agent("Reception").await;
    let mut body = trunked("+12025550123", "t1");
    body["agent_id"] = json!(agent);
    body["outbound_trunk_config"] = json!({
        "address": "x.pstn.twilio.com", "credentials": { "username": "u", "password": "s3cret" },
    });
    body["inbound_trunk_config"] = json!({ "credentials": { "username": "i", "password": "s3cret" } });
    let id = world.eleven_made(NUMBERS, body.clone()).await;
    let path = format!("{NUMBERS}/{id}");
    let (status, number) = world.eleven_get(&path).await;
    assert_eq!(status, 200);
    assert_eq!((&number["phone_number_id"], &number["label"]), (&json!(id), &json!("t1")));
    assert_eq!((number.get("agent_id"), number.get("status")), (None, None));
    assert_eq!(number["assigned_agent"]["agent_id"], json!(agent));
    assert_eq!(number["assigned_agent"]["agent_name"], "Reception");
    let outbound = &number["outbound_trunk"];
    assert_eq!((&outbound["has_auth_credentials"], &outbound["username"]), (&json!(true), &json!("u")));
    assert_eq!((&outbound["transport"], &outbound["media_encryption"]), (&json!("auto"), &json!("allowed")));
    assert!(!number.to_string().contains("s3cret"), "{number}");
    assert!(!world.sims.elevenlabs.state().to_string().contains("s3cret"));

    // The same number is refused, whatever is said of it.
    body["label"] = json!("t2");
    let (status, refused) = world.eleven_post(NUMBERS, body).await;
    assert_eq!((status, refused["detail"]["message"].is_string()), (400, true));
    let mut nobody = trunked("+12025550124", "t3");
    nobody["agent_id"] = json!("agent_none");
    assert_eq!(world.eleven_post(NUMBERS, nobody).await.0, 404);
    assert_eq!(world.eleven_post(NUMBERS, trunked("12025550124", "t3")).await.0, 400);

    assert_eq!(answer(world.eleven(Method::DELETE, &path)).await, (200, json!({})));
    for request in [world.eleven(Method::DELETE, &path), world.eleven(Method::GET, &path)] {
        let (status, refused) = answer(request).await;
        assert_eq!((status, &refused["detail"]["status"]), (404, &json!("phone_number_not_found")));
    }
}

#[tokio::test]
async fn a_list_is_an_array_of_all_and_filtered_by_provider_and_agent() {
    let world = World::new().await;
    let agent = world.eleven_agent("A").await;
    let mut with_agent = trunked("+12025550123", "t1");
    with_agent["agent_id"] = json!(agent);
    world.eleven_made(NUMBERS, with_agent).await;
    world.eleven_made(NUMBERS, trunked("+12025550124", "t2")).await;
    world.bought(&[("PhoneNumber", "+12125550100")]).await;
    let twilio = &world.sims.twilio;
    let import =
        json!({ "phone_number": "+12125550100", "label": "t3", "sid": twilio.account_sid, "token": twilio.auth_token });
    world.eleven_made(NUMBERS, import).await;
    let cases = [
        (String::new(), vec!["t3", "t2", "t1"]),
        ("?provider=twilio".to_owned(), vec!["t3"]),
        ("?provider=sip_trunk".to_owned(), vec!["t2", "t1"]),
        (format!("?agent_id={agent}"), vec!["t1"]),
        (format!("?provider=twilio&agent_id={agent}"), vec![]),
    ];
    for (query, expected) in cases {
        let (status, list) = world.eleven_get(&format!("{NUMBERS}{query}")).await;
        assert_eq!((status, each(&list, "label")), (200, expected), "{query}");
    }
}

#[tokio::test]
async fn a_change_binds_unbinds_and_keeps_what_it_does_not_name() {
    let world = World::new().await;
    let agent = world.eleven_agent("A").await;
    let mut body = trunked("+12025550123", "t1");
    body["outbound_trunk_config"] =
        json!({ "address": "x.example", "credentials": { "username": "u", "password": "p" } });
    let path = format!("{NUMBERS}/{}", world.eleven_made(NUMBERS, body).await);
    let patch = async |body: Value| answer(world.eleven(Method::PATCH, &path).json(&body)).await;
    let (status, number) = patch(json!({ "agent_id": agent })).await;
    assert_eq!((status, &number["assigned_agent"]["agent_id"]), (200, &json!(agent)));
    let (_, number) = patch(json!({ "label": "t2", "livekit_stack": "static" })).await;
    assert_eq!((&number["assigned_agent"]["agent_id"], &number["label"]), (&json!(agent), &json!("t2")));
    assert_eq!(number["livekit_stack"], "static");
    assert_eq!(patch(json!({ "agent_id": "agent_none" })).await.0, 404);
    assert_eq!(patch(json!({ "agent_id": 7 })).await.0, 422);
    assert_eq!(patch(json!({ "agent_id": null })).await.1["assigned_agent"], Value::Null);
    let moved = json!({ "outbound_trunk_config": { "address": "y.example", "credentials": { "username": "v" } } });
    let (_, number) = patch(moved).await;
    assert_eq!(
        (&number["outbound_trunk"]["address"], &number["outbound_trunk"]["username"]),
        (&json!("y.example"), &json!("v"))
    );
    let (_, number) = patch(json!({ "outbound_trunk_config": { "address": "y.example" } })).await;
    assert_eq!(number["outbound_trunk"]["has_auth_credentials"], json!(false));
    let nowhere = answer(world.eleven(Method::PATCH, &format!("{NUMBERS}/phnum_none")).json(&json!({}))).await;
    assert_eq!(nowhere.0, 404);
}

#[tokio::test]
async fn an_import_takes_over_the_voice_webhook_and_messages_unless_told_not_to() {
    let world = World::new().await;
    let twilio = &world.sims.twilio;
    for e164 in ["+12125550100", "+12125550101", "+12125550103"] {
        let urls = [
            ("VoiceUrl", "https://h.example/v"),
            ("SmsUrl", "https://h.example/s"),
            ("StatusCallback", "https://h.example/c"),
        ];
        world.bought(&[&[("PhoneNumber", e164)], urls.as_slice()].concat()).await;
    }
    let import = |e164: &str, token: &str, sms: Option<bool>| json!({ "provider": "twilio", "phone_number": e164, "label": "t", "sid": twilio.account_sid, "token": token, "enable_sms": sms });
    let id = world.eleven_made(NUMBERS, import("+12125550100", &twilio.auth_token, None)).await;
    world.eleven_made(NUMBERS, import("+12125550101", &twilio.auth_token, Some(false))).await;
    let state = world.sims.twilio.state();
    assert_eq!(
        each(&state["numbers"], "voice_url"),
        [
            "https://api.us.elevenlabs.io/twilio/inbound_call",
            "https://api.us.elevenlabs.io/twilio/inbound_call",
            "https://h.example/v"
        ]
    );
    let sms = ["https://api.us.elevenlabs.io/twilio/inbound_sms", "https://h.example/s", "https://h.example/s"];
    assert_eq!(each(&state["numbers"], "sms_url"), sms);
    for (e164, token) in
        [("+12125550102", twilio.auth_token.as_str()), ("+12125550103", "guess"), ("+12125550102", "guess")]
    {
        assert_eq!(world.eleven_post(NUMBERS, import(e164, token, None)).await.0, 400, "{e164} {token}");
    }
    // Going, it leaves what it set.
    assert_eq!(answer(world.eleven(Method::DELETE, &format!("{NUMBERS}/{id}"))).await.0, 200);
    assert_eq!(world.sims.twilio.state()["numbers"], state["numbers"]);
}

#[tokio::test]
async fn an_agent_lives_dies_and_leaves_its_numbers_behind() {
    let world = World::new().await;
    let (status, refused) = world.eleven_post(CREATE, json!({ "name": 7, "tags": ["a", 1] })).await;
    assert_eq!(status, 422);
    assert_eq!(places(&refused), ["body.conversation_config", "body.name", "body.tags"]);
    let config = json!({ "agent": { "language": "en", "first_message": "Hi" }, "tts": { "voice_id": "v" } });
    let id = world.eleven_made(CREATE, json!({ "name": "A", "tags": ["t"], "conversation_config": config })).await;
    let path = format!("{AGENTS}/{id}");
    let mut number = trunked("+12025550123", "t1");
    number["agent_id"] = json!(id);
    let number = format!("{NUMBERS}/{}", world.eleven_made(NUMBERS, number).await);

    let change = json!({ "name": "B", "conversation_config": { "agent": { "first_message": "Hello" } } });
    let (status, agent) = answer(world.eleven(Method::PATCH, &path).json(&change)).await;
    assert_eq!((status, &agent["name"], &agent["tags"]), (200, &json!("B"), &json!(["t"])));
    let merged = json!({ "agent": { "language": "en", "first_message": "Hello" }, "tts": { "voice_id": "v" } });
    assert_eq!(agent["conversation_config"], merged);
    assert_eq!(each(&agent["phone_numbers"], "label"), ["t1"]);
    assert_eq!(world.eleven_get(&path).await, (200, agent));

    let changed = world.sims.elevenlabs.numbers_changed();
    assert_eq!(answer(world.eleven(Method::DELETE, &path)).await.0, 200);
    assert_eq!(world.eleven_get(&number).await.1["assigned_agent"], Value::Null);
    assert_eq!(world.sims.elevenlabs.state()["numbers"][0]["agent"], Value::Null);
    assert_eq!(world.sims.elevenlabs.numbers_changed(), changed + 1);
    for method in [Method::DELETE, Method::GET, Method::PATCH] {
        assert_eq!(answer(world.eleven(method, &path).json(&json!({}))).await.0, 404);
    }
}

#[tokio::test]
async fn another_language_needs_a_voice_that_speaks_it() {
    let world = World::new().await;
    let create = async |language: &str, model: Option<&str>| {
        let config = json!({ "agent": { "language": language }, "tts": { "model_id": model } });
        let (status, body) = world.eleven_post(CREATE, json!({ "conversation_config": config })).await;
        (status, body["detail"]["status"].as_str().map(str::to_owned))
    };
    let invalid = (400, Some("invalid_agent_config".to_owned()));
    assert_eq!(create("en", None).await, (200, None));
    assert_eq!(create("tr", None).await, invalid);
    assert_eq!(create("tr", Some("eleven_turbo_v2")).await, invalid);
    assert_eq!(create("tr", Some("eleven_flash_v2_5")).await, (200, None));
    assert_eq!(create("tr-TR", Some("eleven_flash_v2_5")).await, invalid);
}

#[tokio::test]
async fn agents_are_listed_newest_first_with_a_cursor_and_searched_by_name() {
    let world = World::new().await;
    for index in 0..7 {
        world.eleven_agent(&format!("Agent {index}")).await;
    }
    let walk = async |query: &str| {
        let (mut seen, mut path) = (Vec::new(), format!("{AGENTS}?{query}"));
        loop {
            let (status, page) = world.eleven_get(&path).await;
            assert_eq!(status, 200, "{path}");
            seen.extend(each(&page["agents"], "name").into_iter().map(str::to_owned));
            assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()), "{page}");
            let Some(cursor) = page["next_cursor"].as_str() else { return seen };
            path = format!("{AGENTS}?{query}&cursor={cursor}");
        }
    };
    let names = |order: &[usize]| order.iter().map(|index| format!("Agent {index}")).collect::<Vec<_>>();
    assert_eq!(walk("page_size=3").await, names(&[6, 5, 4, 3, 2, 1, 0]));
    assert_eq!(walk("page_size=7").await, names(&[6, 5, 4, 3, 2, 1, 0]));
    assert_eq!(walk("page_size=2&sort_direction=asc").await, names(&[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(walk("search=AGENT%203").await, names(&[3]));
    assert_eq!(walk("archived=true").await, names(&[]));
    for query in ["page_size=0", "page_size=101", "page_size=x"] {
        assert_eq!(world.eleven_get(&format!("{AGENTS}?{query}")).await.0, 422, "{query}");
    }
    assert_eq!(world.eleven_get(&format!("{AGENTS}?cursor=x")).await.0, 400);
}

#[tokio::test]
async fn a_webhook_shows_its_secret_once() {
    let world = World::new().await;
    let path = "/workspace/webhooks";
    assert_eq!(places(&world.eleven_post(path, json!({})).await.1), ["body.settings"]);
    let wrong = json!({ "settings": { "auth_type": "oauth2", "name": "w" } });
    assert_eq!(
        places(&world.eleven_post(path, wrong).await.1),
        ["body.settings.auth_type", "body.settings.webhook_url"]
    );
    let settings = json!({ "auth_type": "hmac", "name": "w", "webhook_url": "https://h.example/w" });
    let (status, made) = world.eleven_post(path, json!({ "settings": settings })).await;
    let secret = made["webhook_secret"].as_str().expect("a secret").to_owned();
    assert!(status == 200 && secret.starts_with("wsec_"), "{made}");
    let (_, list) = world.eleven_get(path).await;
    assert_eq!(each(&list["webhooks"], "webhook_url"), ["https://h.example/w"]);
    assert!(!list.to_string().contains(&secret));
    let one = format!("{path}/{}", made["webhook_id"].as_str().expect("an id"));
    let change = json!({ "is_disabled": true, "name": "v" });
    assert_eq!(answer(world.eleven(Method::PATCH, &one).json(&change)).await.0, 200);
    let (_, list) = world.eleven_get(path).await;
    assert_eq!((&list["webhooks"][0]["is_disabled"], &list["webhooks"][0]["name"]), (&json!(true), &json!("v")));
    for expected in [200, 404] {
        assert_eq!(answer(world.eleven(Method::DELETE, &one)).await.0, expected);
    }
}

#[tokio::test]
async fn injected_failures_speak_as_elevenlabs_does() {
    let world = World::new().await;
    let failed = async |status: Option<u16>, kind: Kind| {
        let fault = Fault { status, ..Fault::new("elevenlabs", "agents.list", kind) };
        world.sims.faults.add(fault).expect("a valid fault");
        answer(world.eleven(Method::GET, AGENTS)).await
    };
    assert_eq!(places(&failed(Some(422), Kind::Error).await.1), ["body"]);
    let (status, limited) = failed(None, Kind::RateLimit).await;
    assert_eq!((status, &limited["detail"]["status"]), (429, &json!("too_many_concurrent_requests")));
    let (status, refused) = failed(Some(403), Kind::Error).await;
    assert_eq!((status, refused["detail"]["message"].is_string()), (403, true));
    for operation in
        ["numbers.create", "numbers.fetch", "numbers.delete", "agents.delete", "calls.create", "calls.register"]
    {
        let fault = Fault::new("elevenlabs", operation, Kind::LostReply);
        assert!(world.sims.faults.add(fault).is_ok(), "{operation}");
    }
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let agent = world.eleven_agent("A").await;
    let mut number = trunked("+12025550123", "t1");
    number["agent_id"] = json!(agent);
    let gone = world.eleven_made(NUMBERS, trunked("+12025550124", "t2")).await;
    let kept = world.eleven_made(NUMBERS, number).await;
    assert_eq!(answer(world.eleven(Method::DELETE, &format!("{NUMBERS}/{gone}"))).await.0, 200);
    let body = json!({ "agent_id": agent, "from_number": "+14155550100", "to_number": "+12025550123" });
    world.eleven(Method::POST, "/convai/twilio/register-call").json(&body).send().await.expect("an answer");
    let state = world.sims.elevenlabs.state();
    assert_eq!(each(&state["numbers"], "id"), [kept.as_str()]);
    assert_eq!(each(&state["calls"], "agent"), [agent.as_str()]);
    drop(world);

    let world = open().await;
    assert_eq!(world.sims.elevenlabs.state(), state);
    let next = world.eleven_made(NUMBERS, trunked("+12025550124", "t2")).await;
    assert!(next != gone && next != kept, "no id is given twice");
}
