//! The clients against third parties that remember, misbehave on demand, and were written from published facts alone.
//!
//! Every test has third parties of its own. What a failure says about whether the thing happened is checked against what the
//! third party then believes.

use domain::E164;
use domain::agent::Method::HandOver;
use domain::number::Capabilities;
use domain::numbering::{CountryCode, NumberKind};
use domain::ports::{
    Access, AddressRequirement, BuyOrder, Carrier, ConnectOrder, NumberSettings, ProviderErrorKind, Reason,
    SearchFilter, VoicePlatform, Webhooks,
};
use domain::requirement::Papers;
use jiff::Timestamp;
use providers::twilio::Credentials;
use providers::{Twilio, TwilioConfig, Vapi, VapiConfig};
use secrecy::SecretString;
use simulators::{Fault, Kind, NumberType, Simulators, StockLine};

use crate::kit::{self, OTHER_TAG, TAG, kind, twilio_config, vapi_config};
use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};

struct World {
    simulators: Simulators,
    twilio: Twilio,
    vapi: Vapi,
}

impl World {
    async fn new() -> Self {
        Self::with_stock(vec![
            StockLine::new("US", NumberType::Local, Some("415"), 40),
            StockLine::new("US", NumberType::Local, Some("808"), 40),
            StockLine::new("US", NumberType::TollFree, Some("888"), 10),
            StockLine::new("GB", NumberType::Mobile, Some("7700"), 10),
        ])
        .await
    }

    async fn with_stock(stock: Vec<StockLine>) -> Self {
        let simulators = kit::simulators(stock).await;
        let (twilio, vapi) = (kit::twilio(&simulators), kit::vapi(&simulators));
        Self { simulators, twilio, vapi }
    }

    fn fault(&self, provider: &str, operation: &str, kind: Kind) {
        self.add(Fault::new(provider, operation, kind));
    }

    fn add(&self, fault: Fault) {
        self.simulators.faults.add(fault).unwrap();
    }

    /// How many requests of an operation have arrived.
    fn asked(&self, provider: &str, operation: &str) -> usize {
        let state = match provider {
            "twilio" => self.simulators.twilio.state(),
            _ => self.simulators.vapi.state(),
        };
        kit::asked(&state, operation)
    }

    async fn offered(&self, country: CountryCode, kind: NumberKind) -> E164 {
        let filter = SearchFilter { limit: 1, ..SearchFilter::default() };
        self.twilio.number_search(country, kind, &filter).await.unwrap().remove(0).e164
    }

    async fn assistant(&self) -> String {
        self.vapi.agent_create("Reception", None, "agt-of-the-test").await.unwrap()
    }
}

fn order(e164: &E164, tag: &str) -> BuyOrder {
    BuyOrder {
        e164: e164.clone(),
        tag: tag.to_owned(),
        webhooks: Webhooks {
            voice: "https://h.example/voice?tenant=t1".to_owned(),
            voice_fallback: "https://f.example/voice?tenant=t1".to_owned(),
            status: "https://h.example/status?tenant=t1".to_owned(),
        },
        sms: true,
        papers: Papers::default(),
    }
}

fn connect(assistant: &str, tag: &str) -> ConnectOrder {
    ConnectOrder {
        tag: tag.to_owned(),
        platform_agent_id: assistant.to_owned(),
        e164: known(),
        access: Access::Dial(SecretString::from("0123456789abcdefghijABCDEFGHIJ")),
    }
}

mod twilio {
    use super::*;

    #[tokio::test]
    async fn a_search_shows_what_is_sold() {
        let world = World::new().await;
        let filter = SearchFilter { area_code: Some("808".to_owned()), limit: 5, ..SearchFilter::default() };
        let offers = world.twilio.number_search(CountryCode::US, NumberKind::Local, &filter).await.unwrap();
        assert_eq!(offers.len(), 5);
        for offer in offers {
            assert!(offer.e164.as_str().starts_with("+1808"), "{offer:?}");
            assert_eq!(offer.capabilities, Capabilities { voice: true, sms: true, mms: true });
            assert_eq!(offer.address_requirement, AddressRequirement::None);
            assert_eq!(offer.region.as_deref(), Some("HI"));
        }
    }

    #[tokio::test]
    async fn a_search_keeps_to_its_filters() {
        let world = World::new().await;
        let check = async |country, kind, filter: SearchFilter, expected: Result<usize, ProviderErrorKind>| {
            let case = format!("{country} {kind:?} {filter:?}");
            let found = world.twilio.number_search(country, kind, &SearchFilter { limit: 50, ..filter }).await;
            assert_eq!(found.map(|offers| offers.len()).map_err(|error| error.kind), expected, "{case}");
        };
        let any = SearchFilter::default;
        check(CountryCode::US, NumberKind::Local, any(), Ok(50)).await;
        check(CountryCode::US, NumberKind::TollFree, any(), Ok(10)).await;
        check(CountryCode::GB, NumberKind::Mobile, any(), Ok(10)).await;
        let region = |region: &str| SearchFilter { region: Some(region.to_owned()), ..any() };
        check(CountryCode::US, NumberKind::Local, region("HI"), Ok(40)).await;
        check(CountryCode::US, NumberKind::Local, region("NY"), Ok(0)).await;
        let contains = |digits: &str| SearchFilter { contains: Some(digits.to_owned()), ..any() };
        check(CountryCode::US, NumberKind::Local, contains("999999999"), Ok(0)).await;
        check(CountryCode::US, NumberKind::Local, contains("9"), Err(Rejected(Reason::Other))).await;
        check(CountryCode::US, NumberKind::Local, SearchFilter { voice: Some(false), ..any() }, Ok(0)).await;
        check(CountryCode::US, NumberKind::Mobile, any(), Err(NotFound)).await;
        check("XX".parse().unwrap(), NumberKind::Local, any(), Err(NotFound)).await;
        let asked = world.asked("twilio", "numbers.search");
        check(CountryCode::US, NumberKind::Vanity, any(), Err(NotFound)).await;
        check(CountryCode::US, NumberKind::International, any(), Err(NotFound)).await;
        assert_eq!(world.asked("twilio", "numbers.search"), asked);
    }

    #[tokio::test]
    async fn a_number_is_bought_found_and_given_back() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        assert_eq!(world.twilio.number_find(&e164).await, Ok(None));

        let before = Timestamp::now();
        let bought = world.twilio.number_buy(&order(&e164, TAG)).await.unwrap().sold().unwrap();
        assert_eq!((&bought.e164, bought.tag.as_str()), (&e164, TAG));
        assert!(bought.capabilities.voice);
        // The carrier's date has no fractions of a second.
        assert!(bought.created_at.as_second() >= before.as_second());
        assert_eq!(world.twilio.number_find(&e164).await, Ok(Some(bought.clone())));
        assert_eq!(world.twilio.number_get(&bought.id).await, Ok(bought.clone()));

        world.twilio.number_release(&bought.id).await.unwrap();
        assert_eq!(world.twilio.number_find(&e164).await, Ok(None));
        assert_eq!(kind(world.twilio.number_get(&bought.id).await), NotFound);
        assert_eq!(kind(world.twilio.number_release(&bought.id).await), NotFound);
        // Nobody gets it back at once.
        assert_eq!(kind(world.twilio.number_buy(&order(&e164, TAG)).await), Rejected(Reason::Taken));
    }

    #[tokio::test]
    async fn the_carrier_is_given_our_webhooks_and_no_sms_settings() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        world.twilio.number_buy(&order(&e164, TAG)).await.unwrap();
        let state = world.simulators.twilio.state();
        let number = &state["numbers"][0];
        assert_eq!(number["name"], TAG);
        assert_eq!(number["voice_url"], "https://h.example/voice?tenant=t1");
    }

    #[tokio::test]
    async fn all_numbers_are_listed_whoever_named_them() {
        let world = World::new().await;
        world.simulators.twilio.own_already(StockLine::new("US", NumberType::Local, Some("212"), 2_500)).unwrap();
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        world.twilio.number_buy(&order(&e164, TAG)).await.unwrap();
        let (mut listed, mut next) = (Vec::new(), None);
        for expected in [1_000, 1_000, 501] {
            let page = world.twilio.number_list(next.as_deref()).await.unwrap();
            assert_eq!((page.items.len(), page.others), (expected, 0));
            listed.extend(page.items);
            next = page.next;
        }
        assert_eq!(next, None);
        assert_eq!(listed.iter().filter(|number| number.tag == TAG).count(), 1);
        let distinct: std::collections::BTreeSet<_> = listed.iter().map(|number| &number.e164).collect();
        assert_eq!(distinct.len(), 2_501);
        let old = listed.last().unwrap();
        assert_eq!(&world.twilio.number_get(&old.id).await.unwrap(), old);
    }

    #[tokio::test]
    async fn a_number_is_named_and_set_up_as_often_as_one_likes() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        let bought = world.twilio.number_buy(&order(&e164, TAG)).await.unwrap().sold().unwrap();
        let past = NumberSettings {
            trunk: Some(world.simulators.twilio.trunk("theirs", "sip:x.example")),
            webhooks: Webhooks { voice: "GET https://x.example/".to_owned(), ..order(&e164, TAG).webhooks },
            application: None,
        };
        for (tag, settings) in [("theirs", &past), ("theirs", &past), (TAG, &bought.settings), (TAG, &bought.settings)]
        {
            let configured = world.twilio.number_configure(&bought.id, tag, settings).await.unwrap();
            assert_eq!((configured.tag.as_str(), &configured.settings), (tag, settings));
            assert_eq!(world.twilio.number_get(&bought.id).await.unwrap(), configured);
        }
        world.twilio.number_release(&bought.id).await.unwrap();
        assert_eq!(kind(world.twilio.number_configure(&bought.id, TAG, &past).await), NotFound);
    }

    #[tokio::test]
    async fn buying_an_owned_number_again_renames_it() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        let first = world.twilio.number_buy(&order(&e164, TAG)).await.unwrap().sold().unwrap();
        let second = world.twilio.number_buy(&order(&e164, OTHER_TAG)).await.unwrap().sold().unwrap();
        assert_eq!(second.id, first.id);
        assert_eq!(second.created_at, first.created_at);
        assert_eq!(second.tag, OTHER_TAG);
    }

    #[tokio::test]
    async fn a_number_is_not_mistaken_for_another() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        world.twilio.number_buy(&order(&e164, TAG)).await.unwrap();
        // A beginning of its digits, which the carrier's filter also matches.
        let part: E164 = e164.as_str()[..10].parse().unwrap();
        assert_eq!(world.twilio.number_find(&part).await, Ok(None));
    }

    #[tokio::test]
    async fn papers_are_asked_for_by_their_kind() {
        let line = |area: &str| StockLine::new("US", NumberType::Local, Some(area), 1);
        let world = World::with_stock(vec![
            StockLine { address_requirement: simulators::AddressRequirement::Any, ..line("205") },
            StockLine { address_requirement: simulators::AddressRequirement::Local, ..line("212") },
            StockLine { bundle_required: true, ..line("305") },
        ])
        .await;
        let check = async |area: &str, asks: AddressRequirement, expected: Reason| {
            let filter = SearchFilter { area_code: Some(area.to_owned()), limit: 1, ..SearchFilter::default() };
            let offers = world.twilio.number_search(CountryCode::US, NumberKind::Local, &filter).await.unwrap();
            assert_eq!(offers[0].address_requirement, asks, "{area}");
            let refused = world.twilio.number_buy(&order(&offers[0].e164, TAG)).await;
            assert_eq!(kind(refused), Rejected(expected), "{area}");
        };
        check("205", AddressRequirement::Any, Reason::AddressRequired).await;
        check("212", AddressRequirement::Local, Reason::AddressRequired).await;
        check("305", AddressRequirement::None, Reason::BundleRequired).await;
    }

    #[tokio::test]
    async fn papers_go_with_the_order() {
        let line = StockLine::new("US", NumberType::Local, Some("212"), 1);
        let needs = StockLine { address_requirement: simulators::AddressRequirement::Local, ..line };
        let world = World::with_stock(vec![needs]).await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        let with = |address: &str| {
            let papers = Papers { address: Some(address.parse().unwrap()), bundle: None };
            BuyOrder { papers, ..order(&e164, TAG) }
        };
        let (british, american) =
            (world.simulators.twilio.file_address("GB"), world.simulators.twilio.file_address("US"));
        assert_eq!(kind(world.twilio.number_buy(&with(&british)).await), Rejected(Reason::AddressRequired));
        world.twilio.number_buy(&with(&american)).await.unwrap();
        assert_eq!(world.simulators.twilio.state()["numbers"][0]["address"], american);
    }

    #[tokio::test]
    async fn an_offer_may_be_gone_when_it_is_bought() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        world.simulators.twilio.sold_elsewhere(e164.as_str());
        assert_eq!(kind(world.twilio.number_buy(&order(&e164, TAG)).await), Rejected(Reason::Taken));
        assert_eq!(world.twilio.number_find(&e164).await, Ok(None));
    }

    #[tokio::test]
    async fn a_trial_account_may_have_no_more() {
        let world = World::new().await;
        world.simulators.twilio.set_trial(true);
        let first = world.offered(CountryCode::US, NumberKind::Local).await;
        world.twilio.number_buy(&order(&first, TAG)).await.unwrap();
        let second = world.offered(CountryCode::US, NumberKind::TollFree).await;
        let refused = world.twilio.number_buy(&order(&second, OTHER_TAG)).await;
        assert_eq!(kind(refused), Rejected(Reason::LimitReached));
    }

    #[tokio::test]
    async fn test_credentials_have_their_magic_numbers() {
        let world = World::new().await;
        let test = Twilio::new(TwilioConfig {
            account_sid: simulators::twilio::TEST_ACCOUNT_SID.to_owned(),
            credentials: Credentials::AuthToken(SecretString::from(simulators::twilio::TEST_AUTH_TOKEN)),
            ..twilio_config(&world.simulators)
        });
        let check = async |e164: &str, expected: Result<(), ProviderErrorKind>| {
            let bought = test.number_buy(&order(&e164.parse().unwrap(), TAG)).await;
            assert_eq!(bought.map(drop).map_err(|error| error.kind), expected, "{e164}");
        };
        check("+15005550006", Ok(())).await;
        check("+15005550000", Err(Rejected(Reason::Taken))).await;
        check("+15005550001", Err(Rejected(Reason::Other))).await;
        // Nothing but buying is theirs.
        assert_eq!(kind(test.number_find(&"+15005550006".parse().unwrap()).await), Misconfigured);
    }

    /// What goes wrong with a purchase, what is reported, whether it happened, and how often it was asked for.
    #[tokio::test]
    async fn a_failed_purchase_says_whether_it_happened() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool, asked: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
            // Looking first, as every buyer must, also leaves a used connection in the pool.
            assert_eq!(world.twilio.number_find(&e164).await, Ok(None));
            world.add(fault);
            let result = world.twilio.number_buy(&order(&e164, TAG)).await;
            assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
            let found = world.twilio.number_find(&e164).await.unwrap();
            assert_eq!(found.map(|number| number.tag).as_deref(), happened.then_some(TAG), "{case}");
            assert_eq!(world.asked("twilio", "numbers.create"), asked, "{case}");
        }
        let fault = |kind| Fault::new("twilio", "numbers.create", kind);
        let status = |status| Fault { status: Some(status), ..fault(Kind::Error) };
        let code = |status, code: &str| Fault { code: Some(code.to_owned()), ..status_of(&fault(Kind::Error), status) };
        check(fault(Kind::LostReply), Err(Unknown), true, 1).await;
        check(fault(Kind::Timeout), Err(Unknown), false, 1).await;
        check(fault(Kind::Error), Err(Unknown), false, 1).await;
        check(status(503), Err(Unknown), false, 1).await;
        check(code(500, "20500"), Err(Unknown), false, 1).await;
        check(fault(Kind::RateLimit), Ok(()), true, 2).await;
        check(Fault { times: 2, ..fault(Kind::RateLimit) }, Ok(()), true, 3).await;
        check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), false, 3).await;
        check(status(401), Err(Misconfigured), false, 1).await;
        check(code(401, "20003"), Err(Misconfigured), false, 1).await;
        check(code(403, "20005"), Err(Misconfigured), false, 1).await;
        check(status(404), Err(Misconfigured), false, 1).await;
        check(code(400, "21422"), Err(Rejected(Reason::Taken)), false, 1).await;
        check(code(400, "21404"), Err(Rejected(Reason::LimitReached)), false, 1).await;
        check(code(400, "21631"), Err(Rejected(Reason::AddressRequired)), false, 1).await;
        check(code(400, "21649"), Err(Rejected(Reason::BundleRequired)), false, 1).await;
        check(code(400, "21421"), Err(Rejected(Reason::Other)), false, 1).await;
        check(Fault { ms: Some(300), ..fault(Kind::Delay) }, Ok(()), true, 1).await;
    }

    #[tokio::test]
    async fn a_purchase_that_outlasts_our_patience_is_in_doubt() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        let hasty = Twilio::new(twilio_config(&world.simulators)).with_timeout(std::time::Duration::from_millis(300));
        world.add(Fault { ms: Some(60_000), ..Fault::new("twilio", "numbers.create", Kind::Delay) });
        assert_eq!(kind(hasty.number_buy(&order(&e164, TAG)).await), Unknown);
        world.add(Fault { ms: Some(60_000), ..Fault::new("twilio", "numbers.list", Kind::Delay) });
        assert_eq!(kind(hasty.number_find(&e164).await), Unavailable);
    }

    #[tokio::test]
    async fn a_failed_release_says_whether_it_happened() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
            let bought = world.twilio.number_buy(&order(&e164, TAG)).await.unwrap().sold().unwrap();
            world.add(fault);
            let result = world.twilio.number_release(&bought.id).await;
            assert_eq!(result.map_err(|error| error.kind), expected, "{case}");
            let again = world.twilio.number_release(&bought.id).await.map_err(|error| error.kind);
            assert_eq!(again, if happened { Err(NotFound) } else { Ok(()) }, "{case}");
        }
        let fault = |kind| Fault::new("twilio", "numbers.delete", kind);
        check(fault(Kind::LostReply), Err(Unknown), true).await;
        check(fault(Kind::Timeout), Err(Unknown), false).await;
        check(fault(Kind::Error), Err(Unknown), false).await;
        check(fault(Kind::RateLimit), Ok(()), true).await;
        check(status_of(&fault(Kind::Error), 403), Err(Misconfigured), false).await;
        check(status_of(&fault(Kind::Error), 409), Err(Rejected(Reason::Other)), false).await;
    }

    #[tokio::test]
    async fn a_read_is_asked_for_again_once_and_is_never_in_doubt() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, asked: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let e164: E164 = "+14155550123".parse().unwrap();
            world.add(fault);
            let found = world.twilio.number_find(&e164).await;
            assert_eq!(found.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.asked("twilio", "numbers.list"), asked, "{case}");
        }
        let fault = |kind| Fault::new("twilio", "numbers.list", kind);
        check(fault(Kind::Error), Ok(()), 2).await;
        check(Fault { times: 2, ..fault(Kind::Error) }, Err(Unavailable), 2).await;
        check(fault(Kind::LostReply), Ok(()), 2).await;
        check(Fault { times: 2, ..fault(Kind::Timeout) }, Err(Unavailable), 2).await;
        check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), 3).await;
        check(status_of(&fault(Kind::Error), 401), Err(Misconfigured), 1).await;
        check(status_of(&fault(Kind::Error), 404), Err(Misconfigured), 1).await;
    }

    #[tokio::test]
    async fn wrong_credentials_are_told_from_everything_else() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        let credentials = Credentials::AuthToken(SecretString::from("an old token"));
        let stranger = Twilio::new(TwilioConfig { credentials, ..twilio_config(&world.simulators) });
        let search = stranger.number_search(CountryCode::US, NumberKind::Local, &SearchFilter::default()).await;
        assert_eq!(kind(search), Misconfigured);
        assert_eq!(kind(stranger.number_find(&e164).await), Misconfigured);
        assert_eq!(kind(stranger.number_get("PN0123456789abcdef0123456789abcdef").await), Misconfigured);
        assert_eq!(kind(stranger.number_buy(&order(&e164, TAG)).await), Misconfigured);
        assert_eq!(kind(stranger.number_release("PN0123456789abcdef0123456789abcdef").await), Misconfigured);

        let account_sid = "AC0123456789abcdef0123456789abcdef".to_owned();
        let nowhere = Twilio::new(TwilioConfig { account_sid, ..twilio_config(&world.simulators) });
        assert_eq!(kind(nowhere.number_find(&e164).await), Misconfigured);
        assert_eq!(kind(nowhere.number_buy(&order(&e164, TAG)).await), Misconfigured);

        let api_base_url = "not a url".to_owned();
        let lost = Twilio::new(TwilioConfig { api_base_url, ..twilio_config(&world.simulators) });
        assert_eq!(kind(lost.number_buy(&order(&e164, TAG)).await), Misconfigured);
    }

    #[tokio::test]
    async fn a_carrier_that_is_gone_did_nothing() {
        let world = World::new().await;
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        let config = twilio_config(&world.simulators);
        drop(world);
        assert_eq!(kind(Twilio::new(config).number_buy(&order(&e164, TAG)).await), Unavailable);
    }
}

fn status_of(fault: &Fault, status: u16) -> Fault {
    Fault { status: Some(status), ..fault.clone() }
}

mod vapi {
    use super::*;

    #[tokio::test]
    async fn an_agent_is_made_found_and_removed() {
        let world = World::new().await;
        assert_eq!(world.vapi.agent_find("agt-1").await, Ok(None));
        let name = "A receptionist whose name is longer than Vapi takes";
        let id = world.vapi.agent_create(name, Some("tr-TR"), "agt-1").await.unwrap();
        let other = world.vapi.agent_create("Other", None, "agt-2").await.unwrap();
        assert_eq!(world.vapi.agent_find("agt-1").await, Ok(Some(id.clone())));
        assert_eq!(world.vapi.agent_find("agt-2").await, Ok(Some(other)));
        assert_eq!(world.vapi.agent_find("agt").await, Ok(None));
        assert_eq!(world.vapi.agent_exists(&id).await, Ok(true));

        world.vapi.agent_delete(&id).await.unwrap();
        assert_eq!(world.vapi.agent_exists(&id).await, Ok(false));
        assert_eq!(world.vapi.agent_find("agt-1").await, Ok(None));
        assert_eq!(kind(world.vapi.agent_delete(&id).await), NotFound);
        assert_eq!(world.vapi.agent_exists("not-an-id").await, Ok(false));
    }

    #[tokio::test]
    async fn a_number_is_connected_bound_and_removed() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(Vec::new()));

        let number = world.vapi.number_connect(&connect(&assistant, TAG)).await.unwrap();
        assert_eq!(number.tag, TAG);
        assert_eq!(number.sip_uri, Some(format!("sip:{TAG}@sip.vapi.ai")));
        assert_eq!(number.platform_agent_id.as_ref(), Some(&assistant));
        assert_eq!(world.vapi.number_get(&number.id).await, Ok(number.clone()));
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(vec![number.clone()]));
        assert_eq!(world.vapi.number_find(&known(), OTHER_TAG).await, Ok(Vec::new()));

        let other = world.vapi.agent_create("Other", None, "agt-2").await.unwrap();
        for _ in 0..2 {
            let bound = world.vapi.number_bind(&number.id, HandOver, Some(&other)).await.unwrap();
            assert_eq!((&bound.id, bound.platform_agent_id.as_ref()), (&number.id, Some(&other)));
        }

        world.vapi.number_remove(&number.id).await.unwrap();
        assert_eq!(kind(world.vapi.number_remove(&number.id).await), NotFound);
        assert_eq!(kind(world.vapi.number_get(&number.id).await), NotFound);
        assert_eq!(kind(world.vapi.number_bind(&number.id, HandOver, Some(&other)).await), NotFound);
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn all_numbers_with_an_address_are_listed_whoever_named_them() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        for tag in [TAG, OTHER_TAG, "theirs"] {
            world.vapi.number_connect(&connect(&assistant, tag)).await.unwrap();
        }
        let page = world.vapi.number_list(None).await.unwrap();
        let tags: Vec<_> = page.items.iter().map(|number| number.tag.as_str()).collect();
        assert_eq!((tags, page.next, page.others), (vec![TAG, OTHER_TAG, "theirs"], None, 0));
    }

    #[tokio::test]
    async fn a_number_is_not_mistaken_for_one_whose_tag_goes_on() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        let longer = format!("{TAG}-2");
        let second = world.vapi.number_connect(&connect(&assistant, &longer)).await.unwrap();
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(Vec::new()));
        assert_eq!(world.vapi.number_find(&known(), &longer).await, Ok(vec![second]));
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_looked_for_and_found() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        let number = world.vapi.number_connect(&connect(&assistant, TAG)).await.unwrap();
        assert_eq!(kind(world.vapi.number_connect(&connect(&assistant, TAG)).await), Unknown);
        assert_eq!(world.vapi.number_find(&known(), TAG).await, Ok(vec![number]));
    }

    #[tokio::test]
    async fn an_unknown_agent_is_refused_for_good() {
        let world = World::new().await;
        let nobody = "00000000-0000-4000-8000-000000000000";
        let refused = kind(world.vapi.number_connect(&connect(nobody, TAG)).await);
        assert_eq!(refused, Rejected(Reason::Other));
    }

    #[tokio::test]
    async fn a_failed_connection_says_whether_it_happened() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool, asked: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let assistant = world.assistant().await;
            world.add(fault);
            let result = world.vapi.number_connect(&connect(&assistant, TAG)).await;
            assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.vapi.number_find(&known(), TAG).await.unwrap().len(), usize::from(happened), "{case}");
            assert_eq!(world.asked("vapi", "numbers.create"), asked, "{case}");
        }
        let fault = |kind| Fault::new("vapi", "numbers.create", kind);
        check(fault(Kind::LostReply), Err(Unknown), true, 1).await;
        check(fault(Kind::Timeout), Err(Unknown), false, 1).await;
        check(fault(Kind::Error), Err(Unknown), false, 1).await;
        check(fault(Kind::RateLimit), Ok(()), true, 2).await;
        check(Fault { times: 3, ..fault(Kind::RateLimit) }, Err(RateLimited), false, 3).await;
        check(status_of(&fault(Kind::Error), 400), Err(Rejected(Reason::Other)), false, 1).await;
        check(status_of(&fault(Kind::Error), 401), Err(Misconfigured), false, 1).await;
    }

    #[tokio::test]
    async fn every_write_can_be_in_doubt_and_every_read_cannot() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        let number = world.vapi.number_connect(&connect(&assistant, TAG)).await.unwrap();
        let vapi = &world.vapi;
        world.fault("vapi", "agents.create", Kind::LostReply);
        assert_eq!(kind(vapi.agent_create("Lost", None, "agt-lost").await), Unknown);
        assert!(vapi.agent_find("agt-lost").await.unwrap().is_some());
        world.fault("vapi", "numbers.update", Kind::LostReply);
        assert_eq!(kind(vapi.number_bind(&number.id, HandOver, Some(&assistant)).await), Unknown);
        for operation in ["agents.get", "numbers.get", "numbers.list"] {
            world.add(Fault { times: 2, ..Fault::new("vapi", operation, Kind::Timeout) });
        }
        assert_eq!(kind(vapi.agent_exists(&assistant).await), Unavailable);
        assert_eq!(kind(vapi.number_get(&number.id).await), Unavailable);
        assert_eq!(kind(vapi.number_find(&known(), TAG).await), Unavailable);
        world.fault("vapi", "numbers.delete", Kind::LostReply);
        assert_eq!(kind(vapi.number_remove(&number.id).await), Unknown);
        assert_eq!(kind(vapi.number_remove(&number.id).await), NotFound);
        world.fault("vapi", "agents.delete", Kind::LostReply);
        assert_eq!(kind(vapi.agent_delete(&assistant).await), Unknown);
        assert_eq!(kind(vapi.agent_delete(&assistant).await), NotFound);
    }

    #[tokio::test]
    async fn a_wrong_key_is_told_from_everything_else() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        let api_key = SecretString::from("an old key");
        let stranger = Vapi::new(VapiConfig { api_key, ..vapi_config(&world.simulators) });
        assert_eq!(kind(stranger.agent_create("A", None, "r").await), Misconfigured);
        assert_eq!(kind(stranger.agent_find("r").await), Misconfigured);
        assert_eq!(kind(stranger.agent_exists(&assistant).await), Misconfigured);
        assert_eq!(kind(stranger.agent_delete(&assistant).await), Misconfigured);
        assert_eq!(kind(stranger.number_find(&known(), TAG).await), Misconfigured);
        assert_eq!(kind(stranger.number_connect(&connect(&assistant, TAG)).await), Misconfigured);
    }
}

mod call {
    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode, Uri, header};
    use axum::response::IntoResponse;
    use axum::routing::post;
    use providers::twilio::{signature, twiml};
    use simulators::twilio::CallRequest;

    use super::*;

    const PUBLIC: &str = "https://h.example";

    /// Answers a webhook that is Twilio's with a document, and anything else with 403.
    async fn webhook(
        State((token, sip)): State<(SecretString, twiml::Sip)>,
        uri: Uri,
        headers: HeaderMap,
        body: bytes::Bytes,
    ) -> axum::response::Response {
        let signed = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let params = signature::form_pairs(&body);
        if !signature::verify(&[token], &[format!("{PUBLIC}{uri}")], &params, signed) {
            return StatusCode::FORBIDDEN.into_response();
        }
        let caller = params.iter().find(|(name, _)| name == "From").map(|(_, value)| value.clone()).unwrap();
        let dial = twiml::Dial {
            action: Some(format!("{PUBLIC}/done?tenant=t1&n=2")),
            timeout_s: 20,
            caller_id: None,
            target: twiml::Target::Sip(sip.header("X-Caller", caller)),
        };
        let document = if uri.path() == "/voice" {
            twiml::Response::new().then(dial)
        } else {
            twiml::Response::new().then(twiml::Verb::Hangup)
        };
        ([(header::CONTENT_TYPE, "text/xml")], document.render()).into_response()
    }

    #[tokio::test]
    async fn a_caller_reaches_the_agent() {
        let world = World::new().await;
        let assistant = world.assistant().await;
        let number = world.vapi.number_connect(&connect(&assistant, TAG)).await.unwrap();
        let e164 = world.offered(CountryCode::US, NumberKind::Local).await;
        world.twilio.number_buy(&order(&e164, TAG)).await.unwrap();

        let token = SecretString::from(world.simulators.twilio.auth_token.clone());
        let Access::Dial(password) = connect(&assistant, TAG).access else { panic!("it is dialled") };
        let sip = twiml::Sip::new(number.sip_uri.unwrap(), Some((TAG.into(), password)));
        let routes = Router::new().fallback(post(webhook)).with_state((token, sip));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let actual = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        world.simulators.route_public(PUBLIC, &actual);

        let request = CallRequest { to: e164.to_string(), from: "+14155550100".to_owned(), answer: None };
        let played = world.simulators.twilio.call(request).await.unwrap();
        assert_eq!(played["status"], "completed", "{played}");
        let calls = world.simulators.vapi.state()["calls"].clone();
        assert_eq!(calls[0]["agent"], assistant, "{played} {calls}");
    }
}

/// The number that is made known.
fn known() -> E164 {
    "+12025550123".parse().unwrap()
}
