//! Numbers of a carrier at Vapi, against third parties that remember: one it takes over at Twilio, one that a SIP
//! trunk brings the calls of.

use domain::E164;
use domain::agent::Method as Way;
use domain::ports::{Access, ConnectOrder, PlatformNumber, ProviderError, ProviderErrorKind, Reason, VoicePlatform};
use providers::Vapi;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use simulators::{Fault, Kind, NumberType, Simulators, StockLine};

use crate::kit::{self, TAG};
use ProviderErrorKind::{Misconfigured, RateLimited, Rejected, Unavailable, Unknown};

const NUMBER: &str = "+14155550100";

struct World {
    simulators: Simulators,
    vapi: Vapi,
    assistant: String,
}

impl World {
    /// With a number at Twilio and an assistant at Vapi.
    async fn new() -> Self {
        let stock = vec![StockLine::new("US", NumberType::Local, Some("415"), 5)];
        let simulators = kit::simulators(stock).await;
        let (twilio, account) = (&simulators.twilio, &simulators.twilio.account_sid);
        let url = format!("{}/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", twilio.url);
        let form = [("PhoneNumber", NUMBER), ("SmsUrl", "https://h.example/sms")];
        let bought = client().post(url).basic_auth(account, Some(&twilio.auth_token)).form(&form).send().await.unwrap();
        assert_eq!(bought.status(), 201);
        let vapi = kit::vapi(&simulators);
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

    async fn vapi(&self, method: Method, path: &str, body: Value) -> Value {
        let vapi = &self.simulators.vapi;
        let request = client().request(method, format!("{}{path}", vapi.url)).bearer_auth(&vapi.api_key);
        request.json(&body).send().await.unwrap().json().await.unwrap()
    }

    /// The names of all credentials.
    fn credentials(&self) -> Vec<String> {
        let state = self.simulators.vapi.state();
        let names = state["credentials"].as_array().unwrap().iter();
        names.map(|credential| credential["name"].as_str().unwrap().to_owned()).collect()
    }

    fn numbers(&self) -> usize {
        self.simulators.vapi.state()["numbers"].as_array().unwrap().len()
    }

    fn at_twilio(&self) -> Value {
        self.simulators.twilio.state()["numbers"][0].clone()
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
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
            let bound = world.vapi.number_bind(&number.id, Way::Import, Some(&other)).await.unwrap();
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
    async fn a_binding_whose_answer_is_lost_is_in_doubt() {
        let world = World::new().await;
        let number = world.vapi.number_connect(&world.takeover(TAG)).await.unwrap();
        let other = world.vapi.agent_create("Other", None, "agt-2").await.unwrap();
        world.add(Fault::new("vapi", "numbers.update", Kind::LostReply));
        assert_eq!(kind(world.vapi.number_bind(&number.id, Way::Import, Some(&other)).await), Unknown);
        assert_eq!(world.vapi.number_get(&number.id).await.unwrap().platform_agent_id, Some(other));
        let nobody = "00000000-0000-4000-8000-000000000000";
        assert_eq!(kind(world.vapi.number_bind(&number.id, Way::Import, Some(nobody)).await), Rejected(Reason::Other));
    }
}

mod by_trunk {
    use super::*;
    use domain::sip::SipTrunk;

    const PASSWORD: &str = "hunter22";

    fn trunk() -> SipTrunk {
        let credentials = Some(("8501234567".to_owned(), SecretString::from(PASSWORD)));
        SipTrunk {
            port: Some(5060),
            register: true,
            signalling: vec!["203.0.113.0/28".parse().unwrap()],
            ..SipTrunk::at("sip.netgsm.com.tr", credentials)
        }
    }

    fn turkish() -> E164 {
        "+908501234567".parse().unwrap()
    }

    impl World {
        fn by(&self, trunk: SipTrunk) -> ConnectOrder {
            ConnectOrder { e164: turkish(), ..self.order(TAG, Access::Trunk(trunk)) }
        }

        async fn connect(&self) -> Result<PlatformNumber, ProviderError> {
            self.vapi.number_connect(&self.by(trunk())).await
        }

        /// What whoever connects the number finds of it; where that is nothing, nothing is left of it.
        async fn found(&self) -> Vec<PlatformNumber> {
            let found = self.vapi.number_find(&turkish(), TAG).await.unwrap();
            if found.is_empty() {
                self.vapi.number_clear(Way::Trunk, TAG).await.unwrap();
            }
            found
        }

        fn asked(&self, operation: &str) -> usize {
            kit::asked(&self.simulators.vapi.state(), operation)
        }
    }

    fn fault(operation: &str, kind: Kind) -> Fault {
        Fault::new("vapi", operation, kind)
    }

    /// One number with one credential; both go.
    async fn ends_well(world: &World, number: &PlatformNumber, case: &str) {
        assert_eq!((world.credentials(), world.numbers()), (vec![TAG.to_owned()], 1), "{case}");
        world.vapi.number_remove(&number.id).await.unwrap();
        assert_eq!((world.credentials().len(), world.numbers()), (0, 0), "{case}");
    }

    #[tokio::test]
    async fn a_number_is_connected_bound_and_removed() {
        let world = World::new().await;
        let number = world.connect().await.unwrap();
        assert_eq!((number.tag.as_str(), number.e164.as_ref()), (TAG, Some(&turkish())));
        assert_eq!(number.platform_agent_id.as_ref(), Some(&world.assistant));
        assert_eq!(world.found().await, vec![number.clone()]);
        let id = world.simulators.vapi.state()["credentials"][0]["id"].as_str().unwrap().to_owned();
        let made = world.vapi(Method::GET, &format!("/credential/{id}"), json!({})).await;
        let out = json!({"ip": "sip.netgsm.com.tr", "port": 5060, "inboundEnabled": false, "outboundEnabled": true});
        let from =
            json!({"ip": "203.0.113.0", "netmask": 28, "port": 5060, "inboundEnabled": true, "outboundEnabled": false});
        assert_eq!(made["gateways"], json!([out, from]));
        let plan = json!({
            "authUsername": "8501234567", "sipRegisterPlan": {"domain": "sip.netgsm.com.tr", "username": "8501234567"}
        });
        assert_eq!(made["outboundAuthenticationPlan"], plan);

        let other = world.vapi.agent_create("Other", None, "agt-2").await.unwrap();
        let bound = world.vapi.number_bind(&number.id, Way::Trunk, Some(&other)).await.unwrap();
        assert_eq!(bound.platform_agent_id, Some(other));
        ends_well(&world, &number, "").await;
        assert_eq!(kind(world.vapi.number_remove(&number.id).await), ProviderErrorKind::NotFound);
    }

    #[tokio::test]
    async fn without_networks_calls_only_go_out() {
        let world = World::new().await;
        let order = world.by(SipTrunk { signalling: Vec::new(), register: false, ..trunk() });
        world.vapi.number_connect(&order).await.unwrap();
        let id = world.simulators.vapi.state()["credentials"][0]["id"].as_str().unwrap().to_owned();
        let made = world.vapi(Method::GET, &format!("/credential/{id}"), json!({})).await;
        assert_eq!(made["gateways"].as_array().unwrap().len(), 1);
        assert_eq!(made["gateways"][0]["inboundEnabled"], false);
        assert_eq!(made["outboundAuthenticationPlan"], json!({"authUsername": "8501234567"}));
        let wide = world.by(SipTrunk { signalling: vec!["203.0.0.0/16".parse().unwrap()], ..trunk() });
        assert_eq!(kind(world.vapi.number_connect(&wide).await), Rejected(Reason::Other));
        assert_eq!(world.credentials().len(), 1);
    }

    #[tokio::test]
    async fn a_crash_between_the_two_leaves_one_of_each() {
        for (operation, how, numbers) in [
            ("credentials.create", Kind::LostReply, 0),
            ("credentials.create", Kind::Timeout, 0),
            ("numbers.create", Kind::LostReply, 1),
            ("numbers.create", Kind::Timeout, 0),
        ] {
            for looks in [true, false] {
                let case = format!("{operation} {how:?}, looks {looks}");
                let world = World::new().await;
                world.add(fault(operation, how));
                assert_eq!(kind(world.connect().await), Unknown, "{case}");
                assert_eq!(world.numbers(), numbers, "{case}");
                let known = if looks || numbers == 1 { world.found().await } else { Vec::new() };
                assert_eq!(known.len(), numbers, "{case}");
                if looks {
                    assert_eq!(world.credentials().len(), numbers, "{case}: none is left of no number");
                }
                let number = match known.into_iter().next() {
                    Some(number) => number,
                    None => world.connect().await.unwrap(),
                };
                ends_well(&world, &number, &case).await;
            }
        }
    }

    #[tokio::test]
    async fn a_number_that_is_refused_leaves_no_credential() {
        let world = World::new().await;
        let nobody = "00000000-0000-4000-8000-000000000000".to_owned();
        let order = ConnectOrder { platform_agent_id: nobody, ..world.by(trunk()) };
        assert_eq!(kind(world.vapi.number_connect(&order).await), Rejected(Reason::Other));
        assert_eq!(world.credentials().len(), 0);
        world.add(Fault { times: 3, ..fault("numbers.create", Kind::RateLimit) });
        assert_eq!(kind(world.connect().await), RateLimited);
        assert_eq!(world.credentials().len(), 0);
        // One removal that fails is tried again, and after two it is said; whoever looks next cleans up.
        world.add(fault("credentials.delete", Kind::Error));
        assert_eq!(kind(world.vapi.number_connect(&order).await), Rejected(Reason::Other));
        assert_eq!(world.credentials().len(), 0);
        world.add(Fault { times: 2, ..fault("credentials.delete", Kind::Error) });
        let refused = world.vapi.number_connect(&order).await.unwrap_err();
        assert!(refused.kind == Rejected(Reason::Other) && refused.detail.contains("left behind"), "{refused}");
        assert_eq!(world.credentials(), [TAG]);
        assert_eq!(world.found().await, Vec::new());
        assert_eq!(world.credentials().len(), 0);
    }

    #[tokio::test]
    async fn a_trunk_that_is_refused_makes_no_number_and_keeps_its_password() {
        let world = World::new().await;
        let check = async |fault: Fault, expected: ProviderErrorKind| {
            world.add(fault);
            let refused = world.connect().await.unwrap_err();
            assert_eq!(refused.kind, expected);
            assert!(!format!("{refused:?}").contains(PASSWORD));
            assert_eq!((world.credentials().len(), world.numbers()), (0, 0));
        };
        let create = |status| Fault { status: Some(status), ..fault("credentials.create", Kind::Error) };
        let said = |fault: Fault| Fault { code: Some(format!("{PASSWORD} is too short")), ..fault };
        check(said(create(400)), Rejected(Reason::Other)).await;
        check(create(401), Misconfigured).await;
        check(create(404), Misconfigured).await;
        check(Fault { times: 2, ..fault("credentials.list", Kind::Timeout) }, Unavailable).await;
    }

    #[tokio::test]
    async fn where_credentials_are_not_listed_one_is_made_anew_and_removed_by_its_id() {
        for status in [400, 403, 404] {
            let world = World::new().await;
            world.add(Fault { status: Some(status), times: 9, ..fault("credentials.list", Kind::Error) });
            assert_eq!(world.found().await, Vec::new());
            let number = world.connect().await.unwrap();
            assert_eq!(world.found().await.len(), 1);
            ends_well(&world, &number, &format!("{status}")).await;
        }
    }

    #[tokio::test]
    async fn a_credential_that_is_there_twice_is_there_once_in_the_end() {
        let world = World::new().await;
        let one = json!({"provider": "byo-sip-trunk", "name": TAG, "gateways": [{"ip": "203.0.113.8"}]});
        let other = json!({"provider": "byo-sip-trunk", "name": "theirs", "gateways": [{"ip": "203.0.113.8"}]});
        for body in [&one, &one, &other] {
            world.vapi(Method::POST, "/credential", body.clone()).await;
        }
        let number = world.connect().await.unwrap();
        assert_eq!(world.credentials(), [TAG, "theirs"]);
        world.vapi.number_remove(&number.id).await.unwrap();
        assert_eq!(world.credentials(), ["theirs"]);
    }

    #[tokio::test]
    async fn a_removal_takes_the_credential_with_it_whatever_is_lost() {
        for operation in ["numbers.delete", "credentials.delete"] {
            let world = World::new().await;
            let number = world.connect().await.unwrap();
            world.add(fault(operation, Kind::LostReply));
            world.vapi.number_remove(&number.id).await.unwrap();
            assert_eq!((world.credentials().len(), world.numbers()), (0, 0), "{operation}");
        }
        let world = World::new().await;
        let number = world.connect().await.unwrap();
        world.add(fault("numbers.delete", Kind::Timeout));
        assert_eq!(kind(world.vapi.number_remove(&number.id).await), Unknown);
        assert_eq!((world.credentials().len(), world.numbers()), (1, 1), "nothing happened");
        world.add(Fault { times: 2, ..fault("credentials.delete", Kind::Timeout) });
        let left = world.vapi.number_remove(&number.id).await.unwrap_err();
        assert!(left.kind == Unknown && left.detail.contains("left behind"), "{left}");
        assert_eq!((world.credentials().len(), world.numbers()), (1, 0));
        assert_eq!(world.found().await, Vec::new());
        assert_eq!(world.credentials().len(), 0, "whoever looks next cleans up");
    }

    #[tokio::test]
    async fn only_where_a_trunk_was_to_be_are_credentials_looked_for() {
        let world = World::new().await;
        let left = json!({"provider": "byo-sip-trunk", "name": TAG, "gateways": [{"ip": "203.0.113.8"}]});
        world.vapi(Method::POST, "/credential", left).await;
        assert_eq!(world.vapi.number_find(&turkish(), TAG).await, Ok(Vec::new()));
        for way in [Way::HandOver, Way::Import] {
            world.vapi.number_clear(way, TAG).await.unwrap();
        }
        assert_eq!((world.asked("credentials.list"), world.credentials().len()), (0, 1));
        world.vapi.number_clear(Way::Trunk, TAG).await.unwrap();
        assert_eq!((world.asked("credentials.list"), world.credentials().len()), (1, 0));
    }

    #[tokio::test]
    async fn a_credential_that_is_not_the_numbers_own_stays() {
        let world = World::new().await;
        let shared = json!({"provider": "byo-sip-trunk", "name": "theirs", "gateways": [{"ip": "203.0.113.8"}]});
        let shared = world.vapi(Method::POST, "/credential", shared).await["id"].clone();
        let number = json!({"provider": "byo-phone-number", "name": TAG, "number": turkish(), "credentialId": shared});
        let id = world.vapi(Method::POST, "/phone-number", number).await["id"].as_str().unwrap().to_owned();
        world.vapi.number_remove(&id).await.unwrap();
        assert_eq!((world.credentials(), world.numbers()), (vec!["theirs".to_owned()], 0));
        // Nor is one removed that some number uses, whatever that number is called.
        let ours = json!({"provider": "byo-sip-trunk", "name": TAG, "gateways": [{"ip": "203.0.113.8"}]});
        let ours = world.vapi(Method::POST, "/credential", ours).await["id"].clone();
        let renamed =
            json!({"provider": "byo-phone-number", "name": "renamed", "number": turkish(), "credentialId": ours});
        world.vapi(Method::POST, "/phone-number", renamed).await;
        assert_eq!(world.found().await, Vec::new());
        assert_eq!(world.credentials(), ["theirs", TAG]);
    }
}
