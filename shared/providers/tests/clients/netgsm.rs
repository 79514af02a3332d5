//! The Netgsm client against a carrier that remembers, answers in every manner its sheet knows, and loses its answers.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, Uri};
use axum::routing::post;
use domain::money::{Currency, Money};
use domain::numbering::{CountryCode, E164, NumberKind};
use domain::ports::{
    BuyOrder, Carrier, CarrierNumber, NumberSettings, ProviderError, ProviderErrorKind, Reason, Sale, SearchFilter,
    Webhooks,
};
use domain::requirement::Papers;
use jiff::Timestamp;
use providers::netgsm::{Cancellation, NetgsmErrorKind, Order};
use providers::{Netgsm, NetgsmConfig};
use secrecy::{ExposeSecret, SecretString};
use simulators::netgsm::{Manner, YEARLY_KURUS};
use simulators::{Fault, Kind, NumberType, Simulators, StockLine};

use crate::kit::{self, OTHER_TAG, TAG};
use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};

struct World {
    simulators: Simulators,
    netgsm: Netgsm,
}

impl World {
    async fn new() -> Self {
        let stock = vec![StockLine::new("TR", NumberType::National, None, 20)];
        let simulators = kit::simulators(stock).await;
        let netgsm = Netgsm::new(config_of(&simulators));
        Self { simulators, netgsm }
    }

    async fn with(manner: Manner) -> Self {
        let world = Self::new().await;
        world.simulators.netgsm.set_manner(manner);
        world
    }

    fn add(&self, fault: Fault) {
        self.simulators.faults.add(fault).unwrap();
    }

    fn orders(&self) -> usize {
        self.simulators.netgsm.state()["orders"].as_array().unwrap().len()
    }

    fn asked(&self, operation: &str) -> usize {
        kit::asked(&self.simulators.netgsm.state(), operation)
    }

    async fn offered(&self) -> E164 {
        let filter = SearchFilter { limit: 1, ..SearchFilter::default() };
        self.search(filter).await.unwrap().remove(0)
    }

    async fn search(&self, filter: SearchFilter) -> Result<Vec<E164>, ProviderError> {
        let found = self.netgsm.number_search(CountryCode::TR, NumberKind::National, &filter).await?;
        Ok(found.into_iter().map(|offer| offer.e164).collect())
    }

    async fn bought(&self) -> CarrierNumber {
        let e164 = self.offered().await;
        sold(self.netgsm.number_buy(&order(&e164, TAG)).await)
    }
}

fn config_of(simulators: &Simulators) -> NetgsmConfig {
    NetgsmConfig {
        usercode: simulators.netgsm.usercode.clone(),
        password: SecretString::from(simulators.netgsm.password.clone()),
        base_url: simulators.netgsm.url.clone(),
        signalling: vec!["203.0.113.0/28".parse().unwrap()],
    }
}

fn nothing() -> Webhooks {
    Webhooks { voice: String::new(), voice_fallback: String::new(), status: String::new() }
}

fn order(e164: &E164, tag: &str) -> BuyOrder {
    BuyOrder { e164: e164.clone(), tag: tag.to_owned(), webhooks: nothing(), sms: false, papers: Papers::default() }
}

fn sold(sale: Result<Sale, ProviderError>) -> CarrierNumber {
    let Ok(Sale::Sold(number)) = sale else { panic!("{sale:?}") };
    number
}

fn kind<T: std::fmt::Debug>(result: Result<T, ProviderError>) -> ProviderErrorKind {
    let error = result.unwrap_err();
    assert!(error.detail.chars().count() <= 300 && error.detail.contains("Netgsm"), "{error}");
    error.kind
}

fn fault(operation: &str, kind: Kind) -> Fault {
    Fault::new("netgsm", operation, kind)
}

mod buying {
    use super::*;

    #[tokio::test]
    async fn a_number_is_bought_found_and_given_back() {
        for manner in [
            Manner::default(),
            Manner { bare: true, ..Manner::default() },
            Manner { latin5: true, ..Manner::default() },
        ] {
            let world = World::with(manner).await;
            let e164 = world.offered().await;
            assert_eq!(world.netgsm.number_find(&e164).await, Ok(None));
            let bought = sold(world.netgsm.number_buy(&order(&e164, TAG)).await);
            assert_eq!((&bought.e164, bought.tag.as_str()), (&e164, TAG));
            assert!(bought.capabilities.voice && !bought.capabilities.sms);
            assert_eq!(bought.settings, NumberSettings::by_webhooks(nothing()));
            // The day has begun, in Turkey.
            let age = Timestamp::now().duration_since(bought.created_at);
            assert!(age.as_secs() >= 0 && age.as_hours() < 24, "{age:?}");
            assert_eq!(world.netgsm.number_find(&e164).await, Ok(Some(bought.clone())));
            assert_eq!(world.netgsm.number_get(&bought.id).await, Ok(bought.clone()));

            world.netgsm.number_release(&bought.id).await.unwrap();
            assert_eq!(kind(world.netgsm.number_release(&bought.id).await), NotFound);
            assert_eq!(kind(world.netgsm.number_get(&bought.id).await), NotFound);
            assert_eq!(world.netgsm.number_find(&e164).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn the_same_order_again_buys_no_second_time() {
        let world = World::new().await;
        let e164 = world.offered().await;
        let first = sold(world.netgsm.number_buy(&order(&e164, TAG)).await);
        assert_eq!(sold(world.netgsm.number_buy(&order(&e164, TAG)).await), first);
        assert_eq!((world.orders(), world.asked("numbers.create")), (1, 1));
        // Nor does another order for the same number, nor the same order for another number.
        assert_eq!(kind(world.netgsm.number_buy(&order(&e164, OTHER_TAG)).await), Rejected(Reason::Taken));
        let other = world.offered().await;
        assert_eq!(kind(world.netgsm.number_buy(&order(&other, TAG)).await), Unknown);
        assert_eq!((world.orders(), world.asked("numbers.create")), (1, 1));
    }

    #[tokio::test]
    async fn a_lost_answer_is_found_by_its_reference() {
        let world = World::new().await;
        let e164 = world.offered().await;
        world.add(fault("numbers.create", Kind::LostReply));
        let bought = sold(world.netgsm.number_buy(&order(&e164, TAG)).await);
        assert_eq!((&bought.e164, bought.tag.as_str(), world.orders()), (&e164, TAG, 1));
        assert_eq!(world.netgsm.number_find(&e164).await, Ok(Some(bought)));
    }

    #[tokio::test]
    async fn a_lost_answer_is_found_among_our_numbers_where_no_reference_is_kept() {
        let world = World::with(Manner { echo: false, ..Manner::default() }).await;
        let e164 = world.offered().await;
        world.add(fault("numbers.create", Kind::LostReply));
        let bought = sold(world.netgsm.number_buy(&order(&e164, TAG)).await);
        assert_eq!((&bought.e164, bought.tag.as_str(), world.orders()), (&e164, TAG, 1));
        // Whoever comes later cannot tell whose it is, and buys nothing.
        assert_eq!(world.netgsm.number_find(&e164).await.unwrap().unwrap().tag, "");
        assert_eq!(kind(world.netgsm.number_buy(&order(&e164, TAG)).await), Unknown);
        assert_eq!(world.orders(), 1);
    }

    #[tokio::test]
    async fn a_lost_answer_that_cannot_be_looked_for_stays_in_doubt() {
        let world = World::new().await;
        let e164 = world.offered().await;
        world.add(fault("numbers.create", Kind::LostReply));
        // The looks before the order are let through.
        world.add(Fault { after: 1, times: 2, ..fault("numbers.get", Kind::Timeout) });
        world.add(Fault { after: 1, times: 2, ..fault("numbers.list", Kind::Timeout) });
        assert_eq!(kind(world.netgsm.number_buy(&order(&e164, TAG)).await), Unknown);
        let bought = sold(world.netgsm.number_buy(&order(&e164, TAG)).await);
        assert_eq!((&bought.e164, world.orders()), (&e164, 1));
    }

    #[tokio::test]
    async fn a_failed_order_says_whether_it_happened() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, orders: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let e164 = world.offered().await;
            world.add(fault);
            let result = world.netgsm.number_buy(&order(&e164, TAG)).await;
            assert_eq!(result.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!((world.orders(), world.asked("numbers.create")), (orders, 1), "{case}");
        }
        let code = |code: &str| Fault { code: Some(code.to_owned()), ..fault("numbers.create", Kind::Error) };
        check(fault("numbers.create", Kind::LostReply), Ok(()), 1).await;
        check(fault("numbers.create", Kind::Timeout), Err(Unknown), 0).await;
        check(fault("numbers.create", Kind::Error), Err(Unknown), 0).await;
        check(fault("numbers.create", Kind::RateLimit), Err(Unknown), 0).await;
        check(code("30"), Err(Misconfigured), 0).await;
        check(code("70"), Err(Rejected(Reason::Other)), 0).await;
        check(code("40"), Err(Rejected(Reason::Taken)), 0).await;
        check(code("46"), Err(Rejected(Reason::LimitReached)), 0).await;
        check(code("85"), Err(RateLimited), 0).await;
        check(code("101"), Err(Unknown), 0).await;
        check(code("77"), Err(Unknown), 0).await;
    }

    #[tokio::test]
    async fn nothing_is_ordered_while_it_cannot_be_looked() {
        for (operation, times) in [("numbers.get", 2), ("numbers.list", 2), ("numbers.search", 2)] {
            let world = World::new().await;
            let e164 = world.offered().await;
            world.add(Fault { times, ..fault(operation, Kind::Timeout) });
            assert_eq!(kind(world.netgsm.number_buy(&order(&e164, TAG)).await), Unavailable, "{operation}");
            assert_eq!(world.asked("numbers.create"), 0, "{operation}");
        }
    }

    #[tokio::test]
    async fn an_order_can_be_too_late_or_too_dear() {
        let world = World::new().await;
        let e164 = world.offered().await;
        world.simulators.netgsm.set_balance(YEARLY_KURUS - 1);
        assert_eq!(kind(world.netgsm.number_buy(&order(&e164, TAG)).await), Rejected(Reason::LimitReached));
        world.simulators.netgsm.sold_elsewhere(e164.as_str());
        assert_eq!(kind(world.netgsm.number_buy(&order(&e164, TAG)).await), Rejected(Reason::Taken));
        let on_offer = world.netgsm.list_available("850", 1).await.unwrap().remove(0);
        world.simulators.netgsm.sold_elsewhere(on_offer.e164.as_str());
        let late = world.netgsm.order(TAG, &on_offer.carrier_number_id).await.unwrap_err();
        assert_eq!(late.kind, NetgsmErrorKind::NoStock);
        assert_eq!(world.orders(), 0);
    }

    #[tokio::test]
    async fn a_sale_that_waits_is_asked_for_by_the_same_order() {
        let world = World::with(Manner { slow: true, ..Manner::default() }).await;
        let e164 = world.offered().await;
        let buy = || async { world.netgsm.number_buy(&order(&e164, TAG)).await };
        for _ in 0..2 {
            let Ok(Sale::Pending(awaited)) = buy().await else { panic!("it waits") };
            assert!(awaited.contains("approval"), "{awaited}");
            assert_eq!(world.netgsm.number_find(&e164).await, Ok(None), "not ours yet");
        }
        let id = world.simulators.netgsm.state()["orders"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!(kind(world.netgsm.number_get(&id).await), Unavailable, "nor certainly not ours");
        world.simulators.netgsm.settle(e164.as_str(), "aktif").unwrap();
        assert_eq!(sold(buy().await).id, id);
        world.simulators.netgsm.settle(e164.as_str(), "askida").unwrap();
        assert_eq!(sold(buy().await).id, id, "suspended, and paid for");
        world.simulators.netgsm.settle(e164.as_str(), "iptal").unwrap();
        assert_eq!(kind(buy().await), Rejected(Reason::Other));
        assert_eq!((world.orders(), world.asked("numbers.create")), (1, 1));
    }

    #[tokio::test]
    async fn a_waiting_sale_whose_answer_was_lost_still_waits() {
        let world = World::with(Manner { slow: true, ..Manner::default() }).await;
        let e164 = world.offered().await;
        world.add(fault("numbers.create", Kind::LostReply));
        let sale = world.netgsm.number_buy(&order(&e164, TAG)).await;
        assert!(matches!(sale, Ok(Sale::Pending(_))), "{sale:?}");
        assert_eq!(world.netgsm.order_status(TAG).await, Ok(Some(Order::Pending)));
        assert_eq!(world.netgsm.order_status(OTHER_TAG).await, Ok(None));
    }
}

mod having {
    use super::*;

    #[tokio::test]
    async fn a_search_keeps_to_its_filters() {
        let world = World::new().await;
        let check = async |filter: SearchFilter, expected: usize| {
            let case = format!("{filter:?}");
            let found = world.search(SearchFilter { limit: 50, ..filter }).await.unwrap();
            assert_eq!(found.len(), expected, "{case}");
        };
        let any = SearchFilter::default;
        check(any(), 20).await;
        check(SearchFilter { area_code: Some("850".into()), ..any() }, 20).await;
        check(SearchFilter { area_code: Some("212".into()), ..any() }, 0).await;
        check(SearchFilter { contains: Some("999999".into()), ..any() }, 0).await;
        check(SearchFilter { voice: Some(true), sms: Some(false), ..any() }, 20).await;
        check(SearchFilter { sms: Some(true), ..any() }, 0).await;
        check(SearchFilter { locality: Some("İstanbul".into()), ..any() }, 0).await;
        let one = world.offered().await;
        check(SearchFilter { contains: Some(one.as_str()[3..].to_owned()), ..any() }, 1).await;
        for (country, kind) in [(CountryCode::TR, NumberKind::Local), (CountryCode::US, NumberKind::National)] {
            let found = world.netgsm.number_search(country, kind, &any()).await;
            assert_eq!(super::kind(found), NotFound);
        }
        assert_eq!(world.netgsm.list_available("850", 3).await.unwrap().len(), 3);
        let offer = world.netgsm.list_available("850", 1).await.unwrap().remove(0);
        assert_eq!((offer.yearly_fee, offer.setup_fee), (Money::parse("191.00", Currency::TRY).unwrap(), None));
    }

    #[tokio::test]
    async fn a_number_is_reached_by_its_sip_account() {
        let world = World::new().await;
        let number = world.bought().await;
        let trunk = world.netgsm.sip_trunk(&number.id).await.unwrap();
        assert_eq!((trunk.host.as_str(), trunk.port, trunk.register), ("sip.netgsm.com.tr", Some(5060), true));
        let (user, password) = trunk.credentials.as_ref().unwrap();
        assert_eq!(user, &number.e164.as_str()[3..]);
        assert_eq!(trunk.signalling, ["203.0.113.0/28".parse().unwrap()]);
        let shown = format!("{trunk:?} {:?}", world.netgsm.sip_credentials(&number.id).await.unwrap());
        assert!(!shown.contains(password.expose_secret()), "{shown}");
        assert_eq!(kind(world.netgsm.sip_trunk("40000099").await), NotFound);
        world.add(Fault { times: 2, ..fault("credentials.create", Kind::LostReply) });
        assert_eq!(kind(world.netgsm.sip_trunk(&number.id).await), Unavailable);
    }

    #[tokio::test]
    async fn there_is_nothing_to_set_up() {
        let world = World::new().await;
        let number = world.bought().await;
        let empty = NumberSettings::by_webhooks(nothing());
        assert_eq!(world.netgsm.number_configure(&number.id, TAG, &empty).await, Ok(number.clone()));
        let renamed = world.netgsm.number_configure(&number.id, OTHER_TAG, &empty).await;
        assert_eq!(kind(renamed), Rejected(Reason::Other));
        let with_voice = Webhooks { voice: "https://h.example/voice".to_owned(), ..nothing() };
        for settings in [
            NumberSettings::by_webhooks(with_voice),
            NumberSettings { trunk: Some("TK1".to_owned()), ..empty.clone() },
            NumberSettings { application: Some("AP1".to_owned()), ..empty },
        ] {
            let set = world.netgsm.number_configure(&number.id, TAG, &settings).await;
            assert_eq!(kind(set), Rejected(Reason::Other));
        }
        let to: E164 = "+905321234567".parse().unwrap();
        let called = world.netgsm.call_create(&number.e164, &to, "<Response/>", "https://h.example/").await;
        assert_eq!(kind(called), Rejected(Reason::Other));
    }

    #[tokio::test]
    async fn all_numbers_are_listed_whoever_ordered_them() {
        let world = World::new().await;
        for tag in [TAG, "the operator's own", ""] {
            let e164 = world.offered().await;
            let offer = world.netgsm.list_available(&e164.as_str()[3..], 1).await.unwrap().remove(0);
            world.netgsm.order(tag, &offer.carrier_number_id).await.unwrap();
        }
        let page = world.netgsm.number_list(None).await.unwrap();
        let tags: Vec<_> = page.items.iter().map(|number| number.tag.as_str()).collect();
        assert_eq!((tags, page.others, page.next), (vec![TAG, "the operator's own", ""], 0, None));
        assert_eq!(world.netgsm.number_list(Some("2")).await.unwrap().items.len(), 0);
        assert_eq!(kind(world.netgsm.number_list(Some("x")).await), Rejected(Reason::Other));
    }

    #[tokio::test]
    async fn a_cancellation_says_whether_it_happened() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, happened: bool) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let number = world.bought().await;
            world.add(fault);
            let result = world.netgsm.number_release(&number.id).await;
            assert_eq!(result.map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.asked("numbers.delete"), 1, "{case}");
            let again = world.netgsm.number_release(&number.id).await.map_err(|error| error.kind);
            assert_eq!(again, if happened { Err(NotFound) } else { Ok(()) }, "{case}");
        }
        let code = |code: &str| Fault { code: Some(code.to_owned()), ..fault("numbers.delete", Kind::Error) };
        check(fault("numbers.delete", Kind::LostReply), Err(Unknown), true).await;
        check(fault("numbers.delete", Kind::Timeout), Err(Unknown), false).await;
        check(fault("numbers.delete", Kind::Error), Err(Unknown), false).await;
        check(Fault { status: Some(404), ..fault("numbers.delete", Kind::Error) }, Err(Unknown), false).await;
        check(code("100"), Err(Unknown), false).await;
        check(code("30"), Err(Misconfigured), false).await;
        check(code("12"), Err(Unknown), false).await;
    }

    #[tokio::test]
    async fn a_cancellation_may_wait() {
        let world = World::new().await;
        let number = world.bought().await;
        world.simulators.netgsm.set_manner(Manner { slow: true, ..Manner::default() });
        assert_eq!(world.netgsm.cancel(&number.id).await, Ok(Cancellation::Pending));
        assert_eq!(kind(world.netgsm.number_release(&number.id).await), Unknown);
        world.simulators.netgsm.settle(number.e164.as_str(), "iptal").unwrap();
        assert_eq!(kind(world.netgsm.number_release(&number.id).await), NotFound);
    }

    #[tokio::test]
    async fn a_year_has_no_monthly_price_and_the_balance_a_comma() {
        let world = World::new().await;
        assert_eq!(world.netgsm.prices(CountryCode::TR).await, Ok(Vec::new()));
        assert_eq!(kind(world.netgsm.prices(CountryCode::US).await), NotFound);
        world.simulators.netgsm.set_balance(3_402);
        assert_eq!(world.netgsm.balance().await, Ok(Money::parse("34.02", Currency::TRY).unwrap()));
        world.add(Fault { code: Some("70".to_owned()), ..fault("balance.get", Kind::Error) });
        assert_eq!(world.netgsm.balance().await.unwrap_err().kind, NetgsmErrorKind::BadRequest);
    }
}

mod being_refused {
    use super::*;

    #[tokio::test]
    async fn a_stranger_is_told_from_everything_else() {
        for manner in [Manner::default(), Manner { bare: true, ..Manner::default() }] {
            let world = World::with(manner).await;
            let e164 = world.offered().await;
            let password = SecretString::from("hunter22");
            let stranger = Netgsm::new(NetgsmConfig { password, ..config_of(&world.simulators) });
            assert_eq!(kind(stranger.number_find(&e164).await), Misconfigured);
            assert_eq!(kind(stranger.number_buy(&order(&e164, TAG)).await), Misconfigured);
            assert_eq!(kind(stranger.number_release("40000001").await), Misconfigured);
            assert_eq!(stranger.balance().await.unwrap_err().kind, NetgsmErrorKind::Auth);
            assert!(!format!("{stranger:?}").contains("hunter22"));
            world.simulators.netgsm.set_manner(Manner { elsewhere: true, ..manner });
            assert_eq!(kind(world.netgsm.number_find(&e164).await), Misconfigured);
        }
    }

    #[tokio::test]
    async fn who_asks_too_often_did_nothing() {
        let world = World::with(Manner { per_minute: Some(2), ..Manner::default() }).await;
        let e164 = world.offered().await;
        for expected in [Ok(None), Ok(None), Err(RateLimited)] {
            assert_eq!(world.netgsm.number_find(&e164).await.map_err(|error| error.kind), expected);
        }
        assert_eq!(kind(world.netgsm.number_buy(&order(&e164, TAG)).await), RateLimited);
        assert_eq!(world.asked("numbers.create"), 0);
    }

    #[tokio::test]
    async fn a_read_is_asked_for_again_once_and_is_never_in_doubt() {
        async fn check(fault: Fault, expected: Result<(), ProviderErrorKind>, asked: usize) {
            let case = format!("{fault:?}");
            let world = World::new().await;
            let e164 = world.offered().await;
            world.add(fault);
            let found = world.netgsm.number_find(&e164).await;
            assert_eq!(found.map(drop).map_err(|error| error.kind), expected, "{case}");
            assert_eq!(world.asked("numbers.list"), asked, "{case}");
        }
        let list = |kind| fault("numbers.list", kind);
        check(list(Kind::Error), Ok(()), 2).await;
        check(Fault { times: 2, ..list(Kind::Error) }, Err(Unavailable), 2).await;
        check(list(Kind::LostReply), Ok(()), 2).await;
        check(Fault { times: 2, ..list(Kind::Timeout) }, Err(Unavailable), 2).await;
        check(Fault { status: Some(403), ..list(Kind::Error) }, Err(Misconfigured), 1).await;
        check(Fault { status: Some(404), ..list(Kind::Error) }, Err(Misconfigured), 1).await;
        check(Fault { code: Some("60".into()), ..list(Kind::Error) }, Err(Unavailable), 1).await;
    }

    #[tokio::test]
    async fn a_carrier_that_is_gone_did_nothing() {
        let world = World::new().await;
        let e164 = world.offered().await;
        let config = config_of(&world.simulators);
        drop(world);
        assert_eq!(kind(Netgsm::new(config.clone()).number_buy(&order(&e164, TAG)).await), Unavailable);
        assert_eq!(kind(Netgsm::new(config).number_release("40000001").await), Unavailable);
    }

    /// A carrier that answers every request so.
    async fn answering(body: &'static str) -> Netgsm {
        let routes = Router::new().fallback(post(async move || body));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let password = SecretString::from("hunter22");
        Netgsm::new(NetgsmConfig { usercode: "850".to_owned(), password, base_url, signalling: Vec::new() })
    }

    #[tokio::test]
    async fn credentials_go_in_the_body_and_nowhere_else() {
        let seen: Arc<Mutex<Vec<(Uri, HeaderMap, String)>>> = Arc::default();
        let keep = seen.clone();
        let routes = Router::new().fallback(post(async move |uri: Uri, headers: HeaderMap, body: String| {
            keep.lock().unwrap().push((uri, headers, body));
            "99"
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let password = SecretString::from("hunter22");
        let config = NetgsmConfig { usercode: "8500000001".to_owned(), password, base_url, signalling: Vec::new() };
        let netgsm = Netgsm::new(config);
        netgsm.list_available("850", 1).await.unwrap_err();
        netgsm.order(TAG, "1").await.unwrap_err();
        netgsm.order_status(TAG).await.unwrap_err();
        netgsm.sip_credentials("1").await.unwrap_err();
        netgsm.cancel("1").await.unwrap_err();
        netgsm.balance().await.unwrap_err();
        let seen = seen.lock().unwrap();
        let paths: Vec<_> = seen.iter().map(|(uri, ..)| uri.to_string()).collect();
        let expected =
            ["liste", "satin-al", "durum", "sip-bilgileri", "iptal"].map(|it| format!("/santral/numara/{it}"));
        assert_eq!(paths[..5], expected);
        assert_eq!(paths[5], "/balance/list/xml");
        for (uri, headers, body) in seen.iter() {
            assert!(body.contains("hunter22") && body.contains("8500000001"), "{body}");
            assert!(!format!("{uri} {headers:?}").contains("hunter22") && !headers.contains_key("authorization"));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_no_proof_of_anything() {
        for body in ["", "OK", "<html></html>", "00", r#"{"status":"Success"}"#, r#"{"code":"00","numaralar":7}"#] {
            let netgsm = answering(body).await;
            let e164 = "+908501234567".parse().unwrap();
            assert_eq!(kind(netgsm.number_find(&e164).await), Unavailable, "{body}");
            let ordered = netgsm.order(TAG, "40000001").await.unwrap_err();
            assert_eq!(ordered.kind, NetgsmErrorKind::Protocol, "{body}");
            assert_eq!(ProviderError::from(ordered).kind, Unknown, "{body}");
            assert_eq!(netgsm.balance().await.unwrap_err().kind, NetgsmErrorKind::Protocol, "{body}");
        }
    }

    #[tokio::test]
    async fn an_answer_about_another_order_is_not_believed() {
        let body = r#"{"code":"00","durum":"aktif","numara_id":"1","numara":"8501234567","referans":"another","alis_tarihi":"01.01.2026"}"#;
        let netgsm = answering(body).await;
        assert_eq!(netgsm.order_status(TAG).await.unwrap_err().kind, NetgsmErrorKind::Protocol);
        assert_eq!(kind(netgsm.number_get("2").await), Unavailable);
        assert_eq!(netgsm.number_get("1").await.unwrap().tag, "another");
    }

    #[tokio::test]
    async fn a_refusal_keeps_password_and_number_to_itself() {
        let netgsm = answering(r#"{"code":"70","message":"hunter22 ve 8501234567 hatalı"}"#).await;
        let refused = netgsm.order(TAG, "40000001").await.unwrap_err();
        assert_eq!(refused.detail, "Netgsm 70: … ve …4567 hatalı");
    }
}
