//! Numbers of a carrier at Vapi, against third parties that remember: one it takes over at Twilio.

use std::sync::Arc;

use domain::E164;
use domain::ports::{Access, ConnectOrder, ProviderError, ProviderErrorKind, Reason, VoicePlatform};
use jiff::Timestamp;
use providers::{Vapi, VapiConfig};
use secrecy::SecretString;
use serde_json::Value;
use simulators::{Config, Fault, Kind, NumberType, Simulators, StockLine};

use ProviderErrorKind::{Misconfigured, RateLimited, Rejected, Unavailable, Unknown};

const TAG: &str = "tl-019a0b1c2d3e7f408192a3b4c5d6e7f8";
const NUMBER: &str = "+14155550100";

struct World {
    simulators: Simulators,
    vapi: Vapi,
    assistant: String,
}

impl World {
    /// With a number at Twilio and an assistant at Vapi.
    async fn new() -> Self {
        let config = Config {
            bind: [127, 0, 0, 1].into(),
            data: None,
            clock: Arc::new(Timestamp::now),
            on_crash: Arc::new(|| {}),
            seed: 7,
            stock: vec![StockLine::new("US", NumberType::Local, Some("415"), 5)],
        };
        let simulators = simulators::start(config).await.unwrap();
        let (twilio, account) = (&simulators.twilio, &simulators.twilio.account_sid);
        let url = format!("{}/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", twilio.url);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let form = [("PhoneNumber", NUMBER), ("SmsUrl", "https://h.example/sms")];
        let bought = client.post(url).basic_auth(account, Some(&twilio.auth_token)).form(&form).send().await.unwrap();
        assert_eq!(bought.status(), 201);
        let vapi = Vapi::new(VapiConfig {
            api_key: SecretString::from(simulators.vapi.api_key.clone()),
            base_url: simulators.vapi.url.clone(),
            sip_domain: "sip.vapi.ai".to_owned(),
        });
        let assistant = vapi.agent_create("Reception", None, "agt-1").await.unwrap();
        Self { simulators, vapi, assistant }
    }

    fn add(&self, fault: Fault) {
        self.simulators.faults.add(fault).unwrap();
    }

    fn takeover(&self, tag: &str) -> ConnectOrder {
        let twilio = &self.simulators.twilio;
        let auth_token = SecretString::from(twilio.auth_token.clone());
        self.order(tag, Access::Carrier { account_sid: twilio.account_sid.clone(), auth_token })
    }

    fn order(&self, tag: &str, access: Access) -> ConnectOrder {
        ConnectOrder { tag: tag.to_owned(), e164: known(), platform_agent_id: self.assistant.clone(), access }
    }

    fn at_twilio(&self) -> Value {
        self.simulators.twilio.state()["numbers"][0].clone()
    }
}

fn known() -> E164 {
    NUMBER.parse().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, ProviderError>) -> ProviderErrorKind {
    let error = result.unwrap_err();
    assert!(error.detail.chars().count() <= 400, "{error}");
    error.kind
}

mod taken_over {
    use super::*;

    #[tokio::test]
    async fn a_number_is_taken_over_bound_and_removed() {
        let world = World::new().await;
        let number = world.vapi.number_connect(&world.takeover(TAG)).await.unwrap();
        assert_eq!((number.tag.as_str(), number.e164.as_ref(), &number.sip_uri), (TAG, Some(&known()), &None));
        assert_eq!(number.platform_agent_id.as_ref(), Some(&world.assistant));
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(vec![number.clone()]));
        assert_eq!(world.vapi.number_get(&number.id).await, Ok(number.clone()));
        let carrier = world.at_twilio();
        assert_eq!(carrier["voice_url"], "https://api.vapi.ai/twilio/inbound_call");
        assert_eq!(carrier["sms_url"], "https://h.example/sms", "messages stay where they go");

        let other = world.vapi.agent_create("Other", None, "agt-2").await.unwrap();
        for _ in 0..2 {
            let bound = world.vapi.number_bind(&number.id, &other).await.unwrap();
            assert_eq!((&bound.id, bound.platform_agent_id.as_ref()), (&number.id, Some(&other)));
            assert_eq!(bound.e164, Some(known()));
        }
        world.vapi.number_remove(&number.id).await.unwrap();
        assert_eq!(kind(world.vapi.number_remove(&number.id).await), ProviderErrorKind::NotFound);
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_lost_reply_of_an_import_is_found_by_its_tag() {
        let world = World::new().await;
        world.add(Fault::new("vapi", "numbers.create", Kind::LostReply));
        assert_eq!(kind(world.vapi.number_connect(&world.takeover(TAG)).await), Unknown);
        let found = world.vapi.number_find(&known(), TAG).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].e164, Some(known()));
        // Whoever asks again without having looked is told to look.
        assert_eq!(kind(world.vapi.number_connect(&world.takeover(TAG)).await), Unknown);
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(found));
    }

    #[tokio::test]
    async fn a_number_that_somebody_else_imported_is_never_ours() {
        let world = World::new().await;
        let theirs = world.vapi.number_connect(&world.takeover("theirs")).await.unwrap();
        let refused = world.vapi.number_connect(&world.takeover(TAG)).await.unwrap_err();
        assert_eq!(refused.kind, Rejected(Reason::Taken));
        assert!(refused.detail.contains("under another name") && refused.detail.contains("…0100"), "{refused}");
        assert!(!refused.detail.contains(NUMBER), "{refused}");
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(Vec::new()));
        assert_eq!(world.vapi.number_get(&theirs.id).await, Ok(theirs), "and is left as it was");
    }

    #[tokio::test]
    async fn a_refusal_that_cannot_be_looked_into_is_in_doubt() {
        let world = World::new().await;
        world.vapi.number_connect(&world.takeover("theirs")).await.unwrap();
        world.add(Fault { times: 2, ..Fault::new("vapi", "numbers.list", Kind::Error) });
        assert_eq!(kind(world.vapi.number_connect(&world.takeover(TAG)).await), Unknown);
    }

    #[tokio::test]
    async fn vapi_may_refuse_to_take_a_number_over() {
        let world = World::new().await;
        let takeover = world.takeover(TAG);
        let absent = ConnectOrder { e164: "+14155550104".parse().unwrap(), ..takeover.clone() };
        let refused = world.vapi.number_connect(&absent).await.unwrap_err();
        assert_eq!(refused.kind, Rejected(Reason::Other));
        assert!(refused.detail.contains("not found in the Twilio account"), "{refused}");
        let nobody = "00000000-0000-4000-8000-000000000000".to_owned();
        let unanswered = ConnectOrder { platform_agent_id: nobody, ..takeover };
        assert_eq!(kind(world.vapi.number_connect(&unanswered).await), Rejected(Reason::Other));
        let auth_token = SecretString::from("hunter22");
        let account_sid = world.simulators.twilio.account_sid.clone();
        let stranger = world.order(TAG, Access::Carrier { account_sid, auth_token });
        let refused = world.vapi.number_connect(&stranger).await.unwrap_err();
        assert_eq!(refused.kind, Rejected(Reason::Other));
        assert!(!format!("{refused:?} {stranger:?}").contains("hunter22"));
        assert_eq!(world.simulators.vapi.state()["numbers"].as_array().unwrap().len(), 0);
        assert_ne!(world.at_twilio()["voice_url"], "https://api.vapi.ai/twilio/inbound_call");
    }

    #[tokio::test]
    async fn a_failed_import_says_whether_it_happened() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            world.add(fault);
            let result = world.vapi.number_connect(&world.takeover(TAG)).await;
            assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.vapi.number_find(&known(), TAG).await.unwrap().len(), usize::from(happened), "{case}");
        }
        let fault = |kind| Fault::new("vapi", "numbers.create", kind);
        let status = |status| Fault { status: Some(status), ..fault(Kind::Error) };
        check(fault(Kind::LostReply), Err(Unknown), true).await;
        check(fault(Kind::Timeout), Err(Unknown), false).await;
        check(fault(Kind::Error), Err(Unknown), false).await;
        check(fault(Kind::RateLimit), Ok(()), true).await;
        check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), false).await;
        check(status(401), Err(Misconfigured), false).await;
        check(status(404), Err(Rejected(Reason::Other)), false).await;
        check(status(422), Err(Rejected(Reason::Other)), false).await;
    }

    #[tokio::test]
    async fn a_binding_that_cannot_be_looked_up_did_not_happen() {
        let world = World::new().await;
        let number = world.vapi.number_connect(&world.takeover(TAG)).await.unwrap();
        let other = world.vapi.agent_create("Other", None, "agt-2").await.unwrap();
        world.add(Fault { times: 2, ..Fault::new("vapi", "numbers.get", Kind::Timeout) });
        assert_eq!(kind(world.vapi.number_bind(&number.id, &other).await), Unavailable);
        world.add(Fault::new("vapi", "numbers.update", Kind::LostReply));
        assert_eq!(kind(world.vapi.number_bind(&number.id, &other).await), Unknown);
        assert_eq!(world.vapi.number_get(&number.id).await.unwrap().platform_agent_id, Some(other));
        let nobody = "00000000-0000-4000-8000-000000000000";
        assert_eq!(kind(world.vapi.number_bind(&number.id, nobody).await), Rejected(Reason::Other));
    }
}
