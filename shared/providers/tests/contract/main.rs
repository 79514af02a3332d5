//! Contract: every request the clients send is one that the third party's own OpenAPI document describes.
//!
//! The documents are large and not part of this repository. They are looked for where `TRUNKLINE_SPECS` says, else in
//! `../shared/specs` beside the workspace. Without them these tests pass and say that they were skipped; with
//! `TRUNKLINE_REQUIRE_SPECS=1` they fail instead.
//!
//! `openapi` judges a request, `recorder` catches it.

mod elevenlabs;
mod openapi;
mod recorder;

use std::path::{Path, PathBuf};

use domain::numbering::{CountryCode, NumberKind};
use domain::ports::{
    Access, AreaOrders, BuyOrder, CallOrder, Carrier, CheckoutOrder, ConnectOrder, NumberSettings, PaymentOrder,
    Payments, SearchFilter, SipTrunk, Standing, VoicePlatform, Webhooks,
};
use domain::requirement::Papers;
use domain::{Money, TopUpId};
use openapi::OpenApi;
use providers::retell::AgentTemplate;
use providers::twilio::Credentials;
use providers::{Retell, RetellConfig, Stripe, StripeConfig, Twilio, TwilioConfig, Vapi, VapiConfig, VapiNumbers};
use recorder::Recorder;
use secrecy::SecretString;
use serde_json::{Value, json};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const NUMBER: &str = "PN0123456789abcdef0123456789abcdef";
const ADDRESS: &str = "AD0123456789abcdef0123456789abcdef";
const BUNDLE: &str = "BU0123456789abcdef0123456789abcdef";
const UUID: &str = "0f2b6f6e-1c2d-4e3f-8a9b-0123456789ab";
/// As long as tags are: a deployment's id and an operation's.
const TAG: &str = "tl-019a0b1c2d3e7f408192a3b4c5d6e7f8";

const TOP_UP: &str = "top_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

/// The document, or none where it may be absent.
fn document(name: &str) -> Option<OpenApi> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    let path = std::env::var_os("TRUNKLINE_SPECS").map_or_else(beside, PathBuf::from).join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(OpenApi::new(serde_json::from_str(&text).unwrap())),
        Err(error) => {
            let required = std::env::var_os("TRUNKLINE_REQUIRE_SPECS").is_some_and(|value| value == "1");
            assert!(!required, "{} is required: {error}", path.display());
            eprintln!("skipped: no {} ({error})", path.display());
            None
        }
    }
}

/// Every request has an operation in the document and keeps its rules; the operations are exactly these.
fn check(document: &OpenApi, recorder: &Recorder, expected: &[&str]) {
    let mut operations = Vec::new();
    for request in recorder.requests() {
        match document.judge(&request) {
            Ok(operation) => operations.push(operation),
            Err(faults) => panic!("{} {}: {}", request.method, request.path, faults.join("; ")),
        }
    }
    assert_eq!(operations, expected);
}

fn twilio_answer(method: &str, path: &str) -> (u16, Value) {
    let number = json!({
        "sid": NUMBER, "phone_number": "+14155550123", "friendly_name": TAG,
        "date_created": "Thu, 30 Jul 2015 23:19:04 +0000", "capabilities": {"voice": true, "sms": true, "mms": false}
    });
    match (method, path.rsplit('/').next()) {
        ("POST", _) => (201, number),
        ("DELETE", _) => (204, Value::Null),
        ("GET", Some("IncomingPhoneNumbers.json")) => (200, json!({"incoming_phone_numbers": [number]})),
        ("GET", Some("Local.json" | "TollFree.json" | "Mobile.json" | "National.json")) => {
            (200, json!({"available_phone_numbers": []}))
        }
        _ => (200, number),
    }
}

#[tokio::test]
async fn twilio_would_understand_every_request() {
    let Some(document) = document("twilio/twilio_api_v2010.trimmed.json") else { return };
    let recorder = Recorder::start(twilio_answer).await;
    let twilio = Twilio::new(TwilioConfig {
        account_sid: ACCOUNT.to_owned(),
        credentials: Credentials::AuthToken(SecretString::from("token")),
        api_base_url: recorder.url.clone(),
        pricing_base_url: recorder.url.clone(),
    });
    let everything = SearchFilter {
        area_code: Some("808".to_owned()),
        contains: Some("55".to_owned()),
        locality: Some("Hilo & co".to_owned()),
        region: Some("HI".to_owned()),
        voice: Some(true),
        sms: Some(false),
        mms: Some(true),
        limit: 20,
    };
    let kinds = [NumberKind::Local, NumberKind::TollFree, NumberKind::Mobile, NumberKind::National];
    for kind in kinds {
        twilio.number_search(CountryCode::US, kind, &everything).await.unwrap();
    }
    let e164 = "+14155550123".parse().unwrap();
    twilio.number_find(&e164).await.unwrap();
    let order = BuyOrder {
        e164,
        tag: TAG.to_owned(),
        webhooks: Webhooks {
            voice: "https://h.example/voice?tenant=t1&x=%20y".to_owned(),
            voice_fallback: "https://f.example/voice".to_owned(),
            status: "https://h.example/status?tenant=t1".to_owned(),
        },
        sms: true,
        papers: Papers::default(),
    };
    twilio.number_buy(&order).await.unwrap();
    let papers = Papers { address: Some(ADDRESS.parse().unwrap()), bundle: Some(BUNDLE.parse().unwrap()) };
    let settings = NumberSettings::by_webhooks(order.webhooks.clone());
    twilio.number_buy(&BuyOrder { papers, ..order }).await.unwrap();
    twilio.number_get(NUMBER).await.unwrap();
    twilio.number_list(None).await.unwrap();
    // The stand-in answers as ever, so the change is not confirmed.
    twilio.number_configure(NUMBER, TAG, &settings).await.unwrap_err();
    let theirs = "+12025550199".parse().unwrap();
    twilio.call_create(&known(), &theirs, "<Response/>", "https://h.example/status?tenant=t1").await.unwrap();
    twilio.number_release(NUMBER).await.unwrap();

    check(
        &document,
        &recorder,
        &[
            "ListAvailablePhoneNumberLocal",
            "ListAvailablePhoneNumberTollFree",
            "ListAvailablePhoneNumberMobile",
            "ListAvailablePhoneNumberNational",
            "ListIncomingPhoneNumber",
            "CreateIncomingPhoneNumber",
            "CreateIncomingPhoneNumber",
            "FetchIncomingPhoneNumber",
            "ListIncomingPhoneNumber",
            "FetchIncomingPhoneNumber",
            "UpdateIncomingPhoneNumber",
            "CreateCall",
            "DeleteIncomingPhoneNumber",
        ],
    );
    let requests = recorder.requests();
    assert!(requests.iter().all(|request| request.authorization.starts_with("Basic ")));
    // Twilio reads a bare plus as a blank.
    assert!(requests[4].query.contains("PhoneNumber=%2B14155550123"), "{}", requests[4].query);
    let form = String::from_utf8_lossy(&requests[5].body);
    assert!(form.starts_with("PhoneNumber=%2B14155550123&"), "{form}");
    assert!(!form.contains("Sms") && !form.contains("AddressSid") && !form.contains("BundleSid"), "{form}");
    let form = String::from_utf8_lossy(&requests[6].body);
    assert!(form.ends_with(&format!("&AddressSid={ADDRESS}&BundleSid={BUNDLE}")), "{form}");
}

#[tokio::test]
async fn twilio_would_understand_who_asks_for_prices() {
    let Some(document) = document("twilio/twilio_pricing_v1.trimmed.json") else { return };
    let recorder = Recorder::start(|_, path| {
        let country = path.rsplit('/').next().unwrap_or_default();
        let prices = json!([{"number_type": "toll free", "base_price": "2.00", "current_price": "2.00"}]);
        (200, json!({"iso_country": country, "price_unit": "USD", "phone_number_prices": prices}))
    })
    .await;
    let twilio = Twilio::new(TwilioConfig {
        account_sid: ACCOUNT.to_owned(),
        credentials: Credentials::AuthToken(SecretString::from("token")),
        api_base_url: "http://127.0.0.1:9".to_owned(),
        pricing_base_url: recorder.url.clone(),
    });
    let price = Money::parse("2.00", "USD".parse().unwrap()).unwrap();
    assert_eq!(twilio.prices(CountryCode::GB).await, Ok(vec![(NumberKind::TollFree, price)]));
    check(&document, &recorder, &["FetchPhoneNumberCountry"]);
    assert!(recorder.requests().iter().all(|request| request.authorization.starts_with("Basic ")));
}

fn vapi_answer(method: &str, path: &str) -> (u16, Value) {
    let assistant = json!({"id": UUID, "orgId": "o", "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z"});
    let mut number = assistant.clone();
    number["provider"] = json!("vapi");
    number["name"] = json!(TAG);
    number["sipUri"] = json!(format!("sip:{TAG}@sip.vapi.ai"));
    number["assistantId"] = json!(UUID);
    match (method, path) {
        ("GET", "/assistant") => (200, json!([assistant])),
        ("GET", "/v2/phone-number") => {
            (200, json!({"results": [number], "metadata": {"itemsPerPage": 100, "totalItems": 1, "currentPage": 1}}))
        }
        ("POST", "/assistant") => (201, assistant),
        ("POST", _) => (201, number),
        (_, path) if path.starts_with("/assistant") => (200, assistant),
        _ => (200, number),
    }
}

#[tokio::test]
async fn vapi_would_understand_every_request() {
    let Some(document) = document("vapi/openapi.json") else { return };
    let recorder = Recorder::start(vapi_answer).await;
    let vapi = Vapi::new(VapiConfig {
        api_key: SecretString::from("key"),
        base_url: recorder.url.clone(),
        sip_domain: "sip.vapi.ai".to_owned(),
    });
    vapi.agent_create(&"Ayşe ".repeat(12), Some("tr-TR"), "agt-1").await.unwrap();
    vapi.agent_find("agt-1").await.unwrap();
    assert!(vapi.agent_exists(UUID).await.unwrap());
    vapi.agent_delete(UUID).await.unwrap();
    let order = ConnectOrder {
        tag: TAG.to_owned(),
        platform_agent_id: UUID.to_owned(),
        e164: known(),
        access: Access::Dial(SecretString::from("0123456789abcdefghijABCDEFGHIJ")),
    };
    vapi.number_connect(&order).await.unwrap();
    vapi.number_find(&known(), TAG).await.unwrap();
    vapi.number_get(UUID).await.unwrap();
    vapi.number_bind(UUID, domain::agent::Method::HandOver, Some(UUID)).await.unwrap();
    let auth_token = SecretString::from("0123456789abcdef");
    let access = domain::ports::Access::Carrier { account_sid: ACCOUNT.to_owned(), auth_token };
    vapi.number_connect(&ConnectOrder { access, ..order }).await.unwrap();
    let call = domain::ports::CallOrder {
        platform_agent_id: UUID.to_owned(),
        platform_number_id: Some(UUID.to_owned()),
        outgoing: true,
        from: known().to_string(),
        to: "+12025550199".to_owned(),
        reference: "call_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".to_owned(),
    };
    vapi.call_create(&call).await.unwrap();
    vapi.number_remove(UUID).await.unwrap();

    check(
        &document,
        &recorder,
        &[
            "AssistantController_create",
            "AssistantController_findAll",
            "AssistantController_findOne",
            "AssistantController_remove",
            "PhoneNumberController_create",
            "PhoneNumberController_findAllPaginated",
            "PhoneNumberController_findOne",
            "PhoneNumberController_update",
            "PhoneNumberController_create",
            "CallController_create",
            "PhoneNumberController_findOne",
            "PhoneNumberController_remove",
        ],
    );
    assert!(recorder.requests().iter().all(|request| request.authorization == "Bearer key"));
}

#[tokio::test]
async fn vapi_would_understand_a_binding_of_every_kind_of_number() {
    let Some(document) = document("vapi/openapi.json") else { return };
    use domain::agent::Method::{HandOver, Import, Trunk};
    for (method, provider) in [(HandOver, "vapi"), (Import, "twilio"), (Trunk, "byo-phone-number")] {
        let recorder = Recorder::start(vapi_answer).await;
        let vapi = Vapi::new(VapiConfig {
            api_key: SecretString::from("key"),
            base_url: recorder.url.clone(),
            sip_domain: "sip.vapi.ai".to_owned(),
        });
        vapi.number_bind(UUID, method, Some(UUID)).await.unwrap();
        check(&document, &recorder, &["PhoneNumberController_update"]);
        let sent: Value = serde_json::from_slice(&recorder.requests()[0].body).unwrap();
        assert_eq!(sent, json!({"provider": provider, "assistantId": UUID}));
    }
}

#[tokio::test]
async fn vapi_would_understand_what_a_carrier_is_asked() {
    let Some(document) = document("vapi/openapi.json") else { return };
    let answer = |method: &str, path: &str| {
        let number = json!({
            "provider": "vapi", "id": UUID, "orgId": "o", "name": TAG, "number": known(), "assistantId": UUID, "status": "active",
            "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z",
        });
        match (method, path) {
            ("GET", "/v2/phone-number") => (
                200,
                json!({"results": [number], "metadata": {"itemsPerPage": 100, "totalItems": 1, "currentPage": 1}}),
            ),
            ("POST", _) => (201, number),
            _ => (200, number),
        }
    };
    let recorder = Recorder::start(answer).await;
    let vapi = VapiNumbers::of(Vapi::new(VapiConfig {
        api_key: SecretString::from("key"),
        base_url: recorder.url.clone(),
        sip_domain: "sip.vapi.ai".to_owned(),
    }));
    assert_eq!(vapi.order_find(TAG).await.unwrap().len(), 1);
    let made = vapi.order_place("205", TAG).await.unwrap();
    assert!(matches!(made.standing, Standing::Sold(sold) if sold.e164 == known()));
    assert!(Carrier::number_find(&vapi, &known()).await.unwrap().is_some());
    Carrier::number_get(&vapi, UUID).await.unwrap();
    assert_eq!(Carrier::number_list(&vapi, None).await.unwrap().items.len(), 1);
    let settings = NumberSettings { application: Some(UUID.to_owned()), ..NumberSettings::none() };
    vapi.number_configure(UUID, TAG, &settings).await.unwrap();
    vapi.number_release(UUID).await.unwrap();
    check(
        &document,
        &recorder,
        &[
            "PhoneNumberController_findAllPaginated",
            "PhoneNumberController_create",
            "PhoneNumberController_findAllPaginated",
            "PhoneNumberController_findOne",
            "PhoneNumberController_findAllPaginated",
            "PhoneNumberController_update",
            "PhoneNumberController_remove",
        ],
    );
    let sent = |place: usize| serde_json::from_slice::<Value>(&recorder.requests()[place].body).unwrap();
    assert_eq!(sent(1), json!({"provider": "vapi", "numberDesiredAreaCode": "205", "name": TAG}));
    assert_eq!(sent(5), json!({"provider": "vapi", "name": TAG, "assistantId": UUID}));
}

#[tokio::test]
async fn vapi_would_understand_a_trunk_and_its_number() {
    let Some(document) = document("vapi/openapi.json") else { return };
    let recorder = Recorder::start(|method, path| match (method, path) {
        ("GET", "/credential" | "/phone-number") => (200, json!([])),
        _ => vapi_answer(method, path),
    })
    .await;
    let vapi = Vapi::new(VapiConfig {
        api_key: SecretString::from("key"),
        base_url: recorder.url.clone(),
        sip_domain: "sip.vapi.ai".to_owned(),
    });
    let credentials = Some(("8501234567".to_owned(), SecretString::from("password")));
    let trunk = SipTrunk {
        port: Some(5060),
        register: true,
        signalling: vec!["203.0.113.0/28".parse().unwrap(), "198.51.100.7".parse().unwrap()],
        ..SipTrunk::at("sip.netgsm.com.tr", credentials)
    };
    let bare = SipTrunk::at("sip.example.com", None);
    for trunk in [trunk, bare] {
        let order = ConnectOrder {
            tag: TAG.to_owned(),
            platform_agent_id: UUID.to_owned(),
            e164: "+908501234567".parse().unwrap(),
            access: domain::ports::Access::Trunk(trunk),
        };
        vapi.number_connect(&order).await.unwrap();
    }
    let requests = recorder.requests();
    let sent: Vec<_> = requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect();
    let once = ["GET /credential", "POST /credential", "POST /phone-number"];
    assert_eq!(sent, [once, once].concat());
    for request in &requests {
        match (request.method.as_str(), request.path.as_str()) {
            // The document has the schema and not the path.
            ("POST", "/credential") => {
                document.judge_as("CreateByoSipTrunkCredentialDTO", &request.body).unwrap();
            }
            (_, "/credential") => {}
            _ => assert_eq!(document.judge(request).unwrap(), "PhoneNumberController_create"),
        }
    }
}

#[tokio::test]
async fn vapi_would_understand_a_second_page() {
    let Some(document) = document("vapi/openapi.json") else { return };
    let recorder = Recorder::start(|_, _| {
        let assistant = json!({"id": UUID, "createdAt": "2026-01-02T03:04:05.678Z"});
        (200, Value::Array(vec![assistant; 500]))
    })
    .await;
    let vapi = Vapi::new(VapiConfig {
        api_key: SecretString::from("key"),
        base_url: recorder.url.clone(),
        sip_domain: "sip.vapi.ai".to_owned(),
    });
    // A server that never runs out of assistants is given up on, and never taken for one without ours.
    vapi.agent_find("agt-1").await.unwrap_err();
    check(&document, &recorder, &["AssistantController_findAll"; 20]);
    assert!(recorder.requests()[19].query.contains("createdAtLt=2026-01-02T03%3A04%3A05.679Z"));
}

const RETELL_NUMBER: &str = "/get-phone-number/%2B12025550123";

fn retell_answer(method: &str, path: &str) -> (u16, Value) {
    let agent = json!({"agent_id": "agent_1", "agent_name": "A [agt-1]"});
    let number = json!({
        "phone_number": known(), "phone_number_type": "custom", "last_modification_timestamp": 1_790_000_000_000_i64,
        "nickname": TAG, "inbound_agents": [{"agent_id": "agent_1", "weight": 1}]
    });
    let call = json!({"call_id": "call_1", "call_status": "registered"});
    match (method, path) {
        // Looked for before it is imported.
        ("GET", RETELL_NUMBER) => (422, json!({"message": "Cannot find requested asset under given api key."})),
        ("DELETE", _) => (204, Value::Null),
        ("POST", "/v2/list-agents") => (200, json!({"items": [agent], "has_more": false})),
        ("GET", "/v2/list-phone-numbers") => {
            (200, json!({"items": [number], "has_more": true, "pagination_key": "k&1"}))
        }
        (_, path) if path.starts_with("/v2/") => (201, call),
        (_, path) if path.contains("phone-number") => (201, number),
        _ => (201, agent),
    }
}

#[tokio::test]
async fn retell_would_understand_every_request() {
    let Some(document) = document("retell/openapi.json") else { return };
    let recorder = Recorder::start(retell_answer).await;
    let retell = Retell::new(RetellConfig {
        api_key: SecretString::from("key"),
        base_url: recorder.url.clone(),
        agent: Some(AgentTemplate { llm_id: "llm_1".to_owned(), voice_id: "11labs-Adrian".to_owned() }),
    });
    for language in ["tr-TR", "uk", "tlh"] {
        retell.agent_create(&"Ayşe ".repeat(12), Some(language), "agt-1").await.unwrap();
    }
    assert_eq!(retell.agent_find("agt-1").await, Ok(Some("agent_1".to_owned())));
    assert!(retell.agent_exists("agent_1").await.unwrap());
    retell.agent_delete("agent_1").await.unwrap();
    let credentials = Some(("trunkline".to_owned(), SecretString::from("a-Password-of-12")));
    for credentials in [credentials, None] {
        let order = ConnectOrder {
            tag: TAG.to_owned(),
            platform_agent_id: "agent_1".to_owned(),
            e164: known(),
            access: Access::Trunk(SipTrunk::at("t.pstn.twilio.com", credentials)),
        };
        retell.number_connect(&order).await.unwrap();
    }
    let page = retell.number_list(None).await.unwrap();
    retell.number_list(page.next.as_deref()).await.unwrap();
    retell.number_bind(known().as_str(), domain::agent::Method::HandOver, Some("agent_1")).await.unwrap();
    retell.number_remove(known().as_str()).await.unwrap();
    let order = |outgoing: bool, from: &str| CallOrder {
        platform_agent_id: "agent_1".to_owned(),
        platform_number_id: Some(known().to_string()),
        outgoing,
        from: from.to_owned(),
        to: known().to_string(),
        reference: "call-1".to_owned(),
    };
    retell.call_register(&order(false, "+905321112233")).await.unwrap();
    retell.call_register(&order(true, "anonymous")).await.unwrap();
    retell.call_create(&order(true, known().as_str())).await.unwrap();

    check(
        &document,
        &recorder,
        &[
            "createAgent",
            "createAgent",
            "createAgent",
            "listAgentsV2",
            "getAgent",
            "deleteAgent",
            "getPhoneNumber",
            "importPhoneNumber",
            "getPhoneNumber",
            "importPhoneNumber",
            "listPhoneNumbersV2",
            "listPhoneNumbersV2",
            "updatePhoneNumber",
            "deletePhoneNumber",
            "registerPhoneCall",
            "registerPhoneCall",
            "createPhoneCall",
        ],
    );
    let requests = recorder.requests();
    assert!(requests.iter().all(|request| request.authorization == "Bearer key"));
    assert_eq!(requests[6].path, RETELL_NUMBER);
    let body = |n: usize| serde_json::from_slice::<Value>(&requests[n].body).unwrap();
    let only = json!([{"agent_id": "agent_1", "weight": 1}]);
    let import = json!({
        "phone_number": known(), "termination_uri": "t.pstn.twilio.com", "nickname": TAG,
        "sip_trunk_auth_username": "trunkline", "sip_trunk_auth_password": "a-Password-of-12",
        "inbound_agents": only, "outbound_agents": only
    });
    assert_eq!(body(7), import);
    assert_eq!(body(9).as_object().map(|import| import.len()), Some(5), "{}", body(9));
    assert_eq!(body(12), json!({"inbound_agents": only, "outbound_agents": only}));
    assert!(requests[11].query.contains("pagination_key=k%261"), "{}", requests[11].query);
    assert!(body(15).get("from_number").is_none());
}

fn stripe_answer(method: &str, path: &str) -> (u16, Value) {
    let list = |data: Value| json!({"object": "list", "url": path, "has_more": false, "data": data});
    let intent = json!({
        "id": "pi_1", "object": "payment_intent", "status": "processing", "amount": 2_500, "currency": "usd", "livemode": false,
        "metadata": {"topup_id": TOP_UP}
    });
    let session = json!({
        "id": "cs_test_1", "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
        "client_reference_id": TOP_UP, "amount_total": 2_500, "currency": "usd", "expires_at": 1_790_086_400, "livemode": false
    });
    let moved = json!({"id": "re_1", "amount": 700, "currency": "usd", "status": "pending"});
    match (method, path) {
        ("POST", "/v1/customers") => (200, json!({"id": "cus_1", "object": "customer"})),
        ("GET", "/v1/events") => (200, list(json!([]))),
        ("GET", "/v1/payment_intents") => (200, list(json!([intent]))),
        (_, path) if path.starts_with("/v1/checkout/sessions") => (200, session),
        (_, path) if path.starts_with("/v1/payment_intents") => (200, intent),
        _ => (200, moved),
    }
}

#[tokio::test]
async fn stripe_would_understand_every_request() {
    let Some(document) = document("stripe/openapi.json") else { return };
    let recorder = Recorder::start(stripe_answer).await;
    let stripe = Stripe::new(StripeConfig { api_key: SecretString::from("key"), base_url: recorder.url.clone() });
    let top_up_id: TopUpId = TOP_UP.parse().unwrap();
    let tenant_id = "acme_1".parse().unwrap();
    let amount = Money::parse("25.00", "USD".parse().unwrap()).unwrap();
    stripe.customer_create(&tenant_id, "key-1").await.unwrap();
    let order = CheckoutOrder {
        top_up_id: top_up_id.clone(),
        tenant_id: tenant_id.clone(),
        customer: "cus_1".to_owned(),
        amount,
        save_card: true,
        success_url: "https://app.example/paid?sid={CHECKOUT_SESSION_ID}&a=b".to_owned(),
        cancel_url: "https://app.example/wallet".to_owned(),
    };
    stripe.checkout_create(&order, "key-2").await.unwrap();
    stripe.checkout_create(&CheckoutOrder { save_card: false, ..order }, "key-3").await.unwrap();
    stripe.checkout_get("cs_test_1").await.unwrap();
    let order = PaymentOrder {
        top_up_id: top_up_id.clone(),
        tenant_id,
        customer: "cus_1".to_owned(),
        payment_method: "pm_1".to_owned(),
        amount,
    };
    stripe.payment_create(&order, "key-4").await.unwrap();
    stripe.payment_get("pi_1").await.unwrap();
    stripe.payment_find("cus_1", &top_up_id).await.unwrap().unwrap();
    stripe.refund_get("re_1").await.unwrap();
    stripe.dispute_get("dp_1").await.unwrap();
    stripe.notifications_missed("2026-11-01T00:00:00Z".parse().unwrap()).await.unwrap();

    check(
        &document,
        &recorder,
        &[
            "PostCustomers",
            "PostCheckoutSessions",
            "PostCheckoutSessions",
            "GetCheckoutSession",
            "PostPaymentIntents",
            "GetPaymentIntent",
            "GetPaymentIntents",
            "GetRefund",
            "GetDispute",
            "GetEvents",
        ],
    );
    let requests = recorder.requests();
    assert!(requests.iter().all(|request| request.authorization == "Bearer key"));
    let form = |n: usize| -> Vec<(String, String)> { form_urlencoded::parse(&requests[n].body).into_owned().collect() };
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let page = [
        ("mode", "payment"),
        ("customer", "cus_1"),
        ("client_reference_id", TOP_UP),
        ("success_url", "https://app.example/paid?sid={CHECKOUT_SESSION_ID}&a=b"),
        ("cancel_url", "https://app.example/wallet"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "2500"),
        ("line_items[0][price_data][product_data][name]", "Wallet top-up"),
        ("metadata[topup_id]", TOP_UP),
        ("metadata[tenant_id]", "acme_1"),
        ("payment_intent_data[metadata][topup_id]", TOP_UP),
        ("payment_intent_data[metadata][tenant_id]", "acme_1"),
        ("payment_intent_data[setup_future_usage]", "off_session"),
    ];
    assert_eq!(form(0), owned(&[("metadata[tenant_id]", "acme_1")]));
    assert_eq!(form(1), owned(&page));
    // The card is kept only when the tenant asked for it.
    assert_eq!(form(2), owned(&page[..page.len() - 1]));
    let payment = [
        ("amount", "2500"),
        ("currency", "usd"),
        ("customer", "cus_1"),
        ("payment_method", "pm_1"),
        ("off_session", "true"),
        ("confirm", "true"),
        ("metadata[topup_id]", TOP_UP),
        ("metadata[tenant_id]", "acme_1"),
    ];
    assert_eq!(form(4), owned(&payment));
}

/// The number that is made known.
fn known() -> domain::E164 {
    "+12025550123".parse().unwrap()
}
