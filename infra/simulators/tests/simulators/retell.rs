//! Phone numbers and agents at Retell.

use reqwest::Method;
use serde_json::{Value, json};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, answer, each};

const IMPORT: &str = "/import-phone-number";
const E164: &str = "+12125550100";
const ESCAPED: &str = "%2B12125550100";

fn import(agents: Value) -> Value {
    json!({
        "phone_number": E164,
        "termination_uri": "t.pstn.twilio.com",
        "sip_trunk_auth_username": "u",
        "sip_trunk_auth_password": "hunter22",
        "nickname": "tag",
        "inbound_agents": agents,
    })
}

fn weighted(agents: &[(&str, f64)]) -> Value {
    agents.iter().map(|(id, weight)| json!({ "agent_id": id, "weight": weight })).collect()
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let world = World::new().await;
    let url = format!("{}/v2/list-phone-numbers", world.sims.retell.url);
    for request in [world.client().get(&url), world.client().get(&url).bearer_auth("guess")] {
        let (status, body) = answer(request).await;
        let expected = json!({ "status": "error", "message": "API key is missing or invalid." });
        assert_eq!((status, body), (401, expected));
    }
    assert_eq!(world.retell_get("/v2/get-phone-number/x").await.0, 404, "paths are to be copied exactly");
}

#[tokio::test]
async fn a_number_is_imported_changed_and_taken_away() {
    let world = World::new().await;
    let agent = world.retell_agent().await;
    let (status, number) = world.retell_post(IMPORT, import(weighted(&[(&agent, 1.0)]))).await;
    assert_eq!((status, &number["phone_number"], &number["nickname"]), (201, &json!(E164), &json!("tag")));
    assert_eq!(number["inbound_agents"][0]["agent_id"], json!(agent));
    assert_eq!(number["last_modification_timestamp"], 1_798_761_600_000_u64);
    let trunk = json!({ "termination_uri": "t.pstn.twilio.com", "auth_username": "u" });
    assert_eq!(number["sip_outbound_trunk_config"], trunk);
    assert!(!number.to_string().contains("hunter22"), "{number}");
    assert!(!world.sims.retell.state().to_string().contains("hunter22"));
    let (status, twice) = world.retell_post(IMPORT, import(Value::Null)).await;
    assert_eq!((status, &twice["status"]), (400, &json!("error")));

    let path = |verb: &str| format!("/{verb}-phone-number/{ESCAPED}");
    assert_eq!(world.retell_get(&path("get")).await, (200, number));
    let changes = json!({ "nickname": "other", "auth_username": "v", "auth_password": "p", "transport": "TLS" });
    let (_, changed) = world.retell_patch(&path("update"), changes).await;
    assert_eq!(
        (&changed["nickname"], &changed["sip_outbound_trunk_config"]["transport"]),
        (&json!("other"), &json!("TLS"))
    );
    assert_eq!(changed["sip_outbound_trunk_config"]["auth_username"], "v");
    // Names of an import mean nothing here.
    world.retell_patch(&path("update"), json!({ "sip_trunk_auth_username": "w" })).await;
    assert_eq!(world.sims.retell.state()["numbers"][0]["auth_username"], "v");
    for nothing in [Value::Null, json!([])] {
        world.retell_patch(&path("update"), json!({ "inbound_agents": weighted(&[(&agent, 1.0)]) })).await;
        let (_, unlinked) = world.retell_patch(&path("update"), json!({ "inbound_agents": nothing })).await;
        assert_eq!(unlinked.get("inbound_agents"), None);
    }

    assert_eq!(answer(world.retell(Method::DELETE, &path("delete"))).await, (204, Value::Null));
    let gone = json!({ "status": "error", "message": "Cannot find requested asset under given api key." });
    assert_eq!(answer(world.retell(Method::DELETE, &path("delete"))).await, (422, gone.clone()));
    assert_eq!(world.retell_get(&path("get")).await, (422, gone.clone()));
    assert_eq!(world.retell_patch(&path("update"), json!({})).await, (422, gone));
}

#[tokio::test]
async fn a_plus_sign_in_a_path_is_escaped_or_lost() {
    let world = World::new().await;
    world.retell_post(IMPORT, import(Value::Null)).await;
    assert_eq!(world.retell_get(&format!("/get-phone-number/{ESCAPED}")).await.0, 200);
    assert_eq!(world.retell_get(&format!("/get-phone-number/{E164}")).await.0, 422);
}

#[tokio::test]
async fn what_is_wrong_with_an_import_is_refused() {
    let world = World::new().await;
    let agent = world.retell_agent().await;
    let changed = |name: &str, value: Value| {
        let mut body = import(weighted(&[(&agent, 1.0)]));
        body[name] = value;
        body
    };
    let unknown = weighted(&[("agent_none", 1.0)]);
    for body in [
        json!({ "phone_number": E164 }),
        json!({ "termination_uri": "t.pstn.twilio.com" }),
        json!([]),
        changed("phone_number", json!("")),
        changed("nickname", json!(7)),
        changed("transport", json!("SCTP")),
        changed("inbound_agents", json!(agent)),
        changed("inbound_agents", json!([{ "agent_id": agent }])),
        changed("inbound_agents", weighted(&[(&agent, 0.5)])),
        changed("inbound_agents", weighted(&[(&agent, 1.0), (&agent, 1.0)])),
        changed("inbound_agents", unknown.clone()),
    ] {
        assert_eq!(world.retell_post(IMPORT, body.clone()).await.0, 400, "{body}");
    }
    let odd = json!({ "phone_number": "12", "termination_uri": "t.pstn.twilio.com", "ignore_e164_validation": false });
    assert_eq!(world.retell_post(IMPORT, odd).await.0, 400, "E.164 is looked at when asked for");
    let form = world.retell(Method::POST, IMPORT).body(import(Value::Null).to_string());
    assert_eq!(answer(form).await.0, 400, "a body of no type");
    assert_eq!(world.sims.retell.state()["numbers"], json!([]));

    let thirds = weighted(&[(&agent, 0.1), (&agent, 0.2), (&agent, 0.7)]);
    assert_eq!(world.retell_post(IMPORT, changed("inbound_agents", thirds)).await.0, 201);
    let path = format!("/update-phone-number/{ESCAPED}");
    assert_eq!(world.retell_patch(&path, json!({ "outbound_agents": unknown })).await.0, 422);
    assert_eq!(world.retell_patch(&path, json!({ "outbound_sms_agents": weighted(&[(&agent, 2.0)]) })).await.0, 400);
}

#[tokio::test]
async fn the_single_agents_of_former_days_are_passed_over() {
    let world = World::new().await;
    let agent = world.retell_agent().await;
    let mut body = import(Value::Null);
    body["inbound_agent_id"] = json!(agent);
    let (status, number) = world.retell_post(IMPORT, body).await;
    assert_eq!((status, number.get("inbound_agent_id"), number.get("inbound_agents")), (201, None, None));
    let path = format!("/update-phone-number/{ESCAPED}");
    let (status, number) = world.retell_patch(&path, json!({ "inbound_agent_id": agent })).await;
    assert_eq!((status, number.get("inbound_agent_id"), number.get("inbound_agents")), (200, None, None));
}

#[tokio::test]
async fn lists_have_pages_and_a_key_to_the_next() {
    let world = World::new().await;
    for n in 0..5 {
        let body = json!({ "phone_number": format!("+1212555010{n}"), "termination_uri": "t.pstn.twilio.com" });
        world.retell_post(IMPORT, body).await;
    }
    let page = async |query: &str| world.retell_get(&format!("/v2/list-phone-numbers?{query}")).await.1;
    let first = page("limit=2&sort_order=ascending").await;
    assert_eq!(each(&first["items"], "phone_number"), ["+12125550100", "+12125550101"]);
    assert_eq!(first["has_more"], true);
    let key = first["pagination_key"].as_str().expect("a key");
    let rest = page(&format!("sort_order=ascending&pagination_key={key}")).await;
    assert_eq!(each(&rest["items"], "phone_number"), ["+12125550102", "+12125550103", "+12125550104"]);
    // One that is gone by now hides no other.
    answer(world.retell(Method::DELETE, "/delete-phone-number/%2B12125550101")).await;
    let second = page(&format!("limit=3&sort_order=ascending&pagination_key={key}")).await;
    assert_eq!(each(&second["items"], "phone_number"), ["+12125550102", "+12125550103", "+12125550104"]);
    assert_eq!((&second["has_more"], second.get("pagination_key")), (&json!(false), None));
    let newest = page("limit=1").await;
    assert_eq!(each(&newest["items"], "phone_number"), ["+12125550104"]);
    let key = newest["pagination_key"].as_str().expect("a key");
    let next = page(&format!("limit=1&pagination_key={key}")).await;
    assert_eq!(each(&next["items"], "phone_number"), ["+12125550103"]);
    for wrong in ["limit=0", "limit=x", "sort_order=up", "pagination_key=x"] {
        assert_eq!(world.retell_get(&format!("/v2/list-phone-numbers?{wrong}")).await.0, 400, "{wrong}");
    }
    let (_, all) = world.retell_get("/list-phone-numbers").await;
    assert_eq!(all.as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn an_agent_is_made_listed_changed_and_taken_away() {
    let world = World::new().await;
    let engine = json!({ "type": "retell-llm", "llm_id": "llm_1" });
    for body in [
        json!({ "voice_id": "v" }),
        json!({ "response_engine": engine }),
        json!({ "response_engine": { "type": "retell-llm" }, "voice_id": "v" }),
        json!({ "response_engine": engine, "voice_id": "v", "agent_name": 7 }),
    ] {
        assert_eq!(world.retell_post("/create-agent", body.clone()).await.0, 400, "{body}");
    }
    let body = json!({ "response_engine": engine, "voice_id": "v", "agent_name": "Ayşe [agt_1]" });
    let (status, agent) = world.retell_post("/create-agent", body).await;
    assert_eq!((status, &agent["version"], &agent["language"]), (201, &json!(0), &json!("en-US")));
    let id = agent["agent_id"].as_str().expect("an id");
    let (status, listed) = world.retell_post("/v2/list-agents?limit=1", json!({})).await;
    assert_eq!((status, &listed["has_more"]), (200, &json!(false)));
    let item = &listed["items"][0];
    assert_eq!((&item["agent_id"], &item["agent_name"]), (&json!(id), &json!("Ayşe [agt_1]")));
    assert_eq!((&item["channel"], &item["is_suspended"], item.get("voice_id")), (&json!("voice"), &json!(false), None));
    assert_eq!(answer(world.retell(Method::POST, "/v2/list-agents")).await.0, 400, "a body is needed");
    let (_, changed) = world.retell_patch(&format!("/update-agent/{id}"), json!({ "agent_name": "B" })).await;
    assert_eq!((&changed["agent_name"], &changed["voice_id"]), (&json!("B"), &json!("v")));
    let path = format!("/delete-agent/{id}");
    assert_eq!(answer(world.retell(Method::DELETE, &path)).await, (204, Value::Null));
    assert_eq!(answer(world.retell(Method::DELETE, &path)).await.0, 422);
    assert_eq!(world.retell_get(&format!("/get-agent/{id}")).await.0, 422);
}

#[tokio::test]
async fn each_operation_can_be_struck_in_retells_words() {
    let world = World::new().await;
    let cases = [
        (Method::POST, "/import-phone-number", "numbers.create"),
        (Method::GET, "/get-phone-number/x", "numbers.fetch"),
        (Method::GET, "/v2/list-phone-numbers", "numbers.list"),
        (Method::PATCH, "/update-phone-number/x", "numbers.update"),
        (Method::DELETE, "/delete-phone-number/x", "numbers.delete"),
        (Method::POST, "/create-agent", "agents.create"),
        (Method::GET, "/get-agent/x", "agents.get"),
        (Method::POST, "/v2/list-agents", "agents.list"),
        (Method::DELETE, "/delete-agent/x", "agents.delete"),
        (Method::POST, "/v2/create-phone-call", "calls.create"),
        (Method::POST, "/v2/register-phone-call", "calls.register"),
    ];
    for (method, path, operation) in cases {
        for (status, message) in [
            (402, "Trial has ended, please add payment method."),
            (429, "Account rate limited, please throttle your requests."),
        ] {
            let fault = Fault { status: Some(status), ..Fault::new("retell", operation, Kind::Error) };
            world.sims.faults.add(fault).expect("a valid fault");
            let struck = answer(world.retell(method.clone(), path)).await;
            assert_eq!(struck, (status, json!({ "status": "error", "message": message })), "{operation}");
        }
    }
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let agent = world.retell_agent().await;
    world.retell_post(IMPORT, import(weighted(&[(&agent, 1.0)]))).await;
    let call = json!({ "from_number": E164, "to_number": "+14155550123", "override_agent_id": agent });
    assert_eq!(world.retell_post("/v2/create-phone-call", call).await.0, 201);
    let state = world.sims.retell.state();
    assert_eq!(each(&state["events"], "delivery"), ["pending"; 3]);
    drop(world);
    let world = open().await;
    assert_eq!(world.sims.retell.state(), state);
    assert_ne!(world.retell_agent().await, agent, "no id is given twice");
}
