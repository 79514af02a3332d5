//! The same of ElevenLabs' document.

use domain::ports::{Access, CallOrder, ConnectOrder, HandedOver, SipTrunk, VoicePlatform};
use providers::{ElevenLabs, ElevenLabsConfig};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::recorder::Recorder;
use crate::{ACCOUNT, TAG, check, document, known};

const TRUNKED: &str = "phnum_01";
const IMPORTED: &str = "phnum_02";
const AGENT: &str = "agent_01";

/// Nothing of it is TwiML but what is to be, so that one answer can stand for a call registered.
fn answer(method: &str, path: &str) -> (u16, Value) {
    let number = |id: &str| {
        json!({
            "phone_number_id": id, "phone_number": "+12025550123", "label": TAG,
            "provider": if id == IMPORTED { "twilio" } else { "sip_trunk" },
            "assigned_agent": {"agent_id": AGENT, "agent_name": "A"}
        })
    };
    let agent = json!({"agent_id": AGENT, "name": "A", "tags": ["other"], "created_at_unix_secs": 1_790_000_000});
    let call =
        json!({"success": true, "message": "ok", "conversation_id": "conv_01", "callSid": "CA1", "sip_call_id": "s1"});
    match (method, path.rsplit('/').next().unwrap_or_default()) {
        ("POST", "phone-numbers") => (200, json!({"phone_number_id": TRUNKED})),
        ("GET", "phone-numbers") => (200, json!([number(TRUNKED)])),
        ("DELETE", _) => (200, json!({})),
        (_, id @ (TRUNKED | IMPORTED)) => (200, number(id)),
        ("GET", "agents") => (200, json!({"agents": [agent], "next_cursor": "c 1", "has_more": true})),
        ("POST", "outbound-call") => (200, call),
        _ => (200, agent),
    }
}

fn client(recorder: &Recorder) -> ElevenLabs {
    ElevenLabs::new(ElevenLabsConfig { api_key: SecretString::from("key"), base_url: recorder.url.clone() })
}

fn call(number: Option<&str>, outgoing: bool) -> CallOrder {
    CallOrder {
        platform_agent_id: AGENT.to_owned(),
        platform_number_id: number.map(str::to_owned),
        outgoing,
        from: "+12025550123".to_owned(),
        to: "+14155550100".to_owned(),
        reference: "call_1".to_owned(),
    }
}

#[tokio::test]
async fn elevenlabs_would_understand_every_request() {
    let Some(document) = document("elevenlabs/openapi.json") else { return };
    let recorder = Recorder::start(answer).await;
    let elevenlabs = client(&recorder);
    elevenlabs.agent_create("Ayşe", Some("tr-TR"), "agt-1").await.unwrap();
    assert!(elevenlabs.agent_exists(AGENT).await.unwrap());
    elevenlabs.agent_delete(AGENT).await.unwrap();
    let order =
        |access| ConnectOrder { tag: TAG.to_owned(), e164: known(), platform_agent_id: AGENT.to_owned(), access };
    let trunk = |credentials| Access::Trunk(SipTrunk::at("x.pstn.twilio.com", credentials));
    let credentials = Some(("user".to_owned(), SecretString::from("password")));
    elevenlabs.number_connect(&order(trunk(credentials))).await.unwrap();
    elevenlabs.number_connect(&order(trunk(None))).await.unwrap();
    let auth_token = SecretString::from("token");
    let carrier = Access::Carrier { account_sid: ACCOUNT.to_owned(), auth_token };
    elevenlabs.number_connect(&order(carrier)).await.unwrap();
    elevenlabs.number_find(&known(), TAG).await.unwrap();
    elevenlabs.number_list(None).await.unwrap();
    elevenlabs.number_bind(TRUNKED, domain::agent::Method::HandOver, Some(AGENT)).await.unwrap();
    elevenlabs.number_remove(TRUNKED).await.unwrap();
    elevenlabs.call_create(&call(Some(TRUNKED), true)).await.unwrap();
    elevenlabs.call_create(&call(Some(IMPORTED), true)).await.unwrap();
    // The stand-in answers JSON, which is no document.
    elevenlabs.call_register(&call(None, false)).await.unwrap_err();
    elevenlabs.call_register(&call(None, true)).await.unwrap_err();

    check(
        &document,
        &recorder,
        &[
            "create_agent_route",
            "get_agent_route",
            "delete_agent_route",
            "create_phone_number_route",
            "get_phone_number_route",
            "create_phone_number_route",
            "get_phone_number_route",
            "create_phone_number_route",
            "get_phone_number_route",
            "list_phone_numbers_route",
            "list_phone_numbers_route",
            "update_phone_number_route",
            "delete_phone_number_route",
            "get_phone_number_route",
            "handle_sip_trunk_outbound_call",
            "get_phone_number_route",
            "handle_twilio_outbound_call",
            "register_twilio_call",
            "register_twilio_call",
        ],
    );
    let requests = recorder.requests();
    assert!(requests.iter().all(|request| request.api_key == "key" && request.authorization.is_empty()));
    let body = |n: usize| -> Value { serde_json::from_slice(&requests[n].body).unwrap() };
    assert_eq!(body(3)["outbound_trunk_config"]["credentials"], json!({"username": "user", "password": "password"}));
    assert_eq!(body(5)["outbound_trunk_config"], json!({"address": "x.pstn.twilio.com"}));
    // Messages stay where they are.
    assert_eq!((&body(7)["provider"], &body(7)["enable_sms"]), (&json!("twilio"), &json!(false)));
    assert_eq!((&body(17)["direction"], &body(18)["direction"]), (&json!("inbound"), &json!("outbound")));
}

#[tokio::test]
async fn elevenlabs_would_understand_a_second_page() {
    let Some(document) = document("elevenlabs/openapi.json") else { return };
    let recorder = Recorder::start(answer).await;
    // A server that never runs out of agents is given up on, and never taken for one without ours.
    client(&recorder).agent_find("agt-1").await.unwrap_err();
    check(&document, &recorder, &["get_agents_route"; 50]);
    assert!(!recorder.requests()[0].query.contains("cursor"));
    assert!(recorder.requests()[49].query.contains("cursor=c+1"));
}

#[tokio::test]
async fn what_elevenlabs_answers_is_not_taken_for_more_than_it_says() {
    let recorder = Recorder::start(|method, path| match (method, path) {
        ("GET", _) => (200, json!({"phone_number_id": "phnum_02", "provider": "twilio"})),
        ("PATCH", _) => (200, json!({"phone_number_id": "phnum_01", "assigned_agent": null})),
        (_, "/v1/convai/twilio/outbound-call") => {
            (200, json!({"success": true, "message": "ok", "conversation_id": null}))
        }
        _ => (200, json!({"phone_number_id": "", "agent_id": ""})),
    })
    .await;
    let elevenlabs = client(&recorder);
    let unknown = domain::ports::ProviderErrorKind::Unknown;
    // A call that was made and has no name.
    assert_eq!(elevenlabs.call_create(&call(Some(IMPORTED), true)).await.unwrap_err().kind, unknown);
    assert_eq!(elevenlabs.agent_create("A", None, "r").await.unwrap_err().kind, unknown);
    assert_eq!(
        elevenlabs.number_bind(TRUNKED, domain::agent::Method::HandOver, Some(AGENT)).await.unwrap_err().kind,
        unknown
    );
    let access = Access::Trunk(SipTrunk::at("x.pstn.twilio.com", None));
    let order = ConnectOrder { tag: TAG.to_owned(), e164: known(), platform_agent_id: AGENT.to_owned(), access };
    assert_eq!(elevenlabs.number_connect(&order).await.unwrap_err().kind, unknown);
    let registered: Result<HandedOver, _> = elevenlabs.call_register(&call(None, false)).await;
    assert_eq!(registered.unwrap_err().kind, unknown);
}
