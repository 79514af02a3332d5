//! Vapi as a carrier, against one that remembers: orders by area code, and numbers of its own among all that it knows.

use domain::E164;
use domain::number::Capabilities;
use domain::numbering::{CountryCode, NumberKind};
use domain::ports::{
    Access, AreaOrder, AreaOrders, BuyOrder, Carrier, ConnectOrder, NumberSettings, ProviderErrorKind, Reason,
    SearchFilter, Standing, VoicePlatform, Webhooks,
};
use domain::requirement::Papers;
use providers::{Vapi, VapiNumbers};
use secrecy::SecretString;
use serde_json::json;
use simulators::vapi::{Manner, Tells};
use simulators::{Fault, Kind, Simulators};

use crate::kit::{self, TAG};
use ProviderErrorKind::{Misconfigured, NotFound, Rejected, Unavailable, Unknown};

const NATIVE: &str = "+12055550142";

struct World {
    simulators: Simulators,
    platform: Vapi,
    carrier: VapiNumbers,
    assistant: String,
}

impl World {
    /// With an assistant, and [`NATIVE`] the next that is sold.
    async fn new() -> Self {
        let simulators = kit::simulators(Vec::new()).await;
        simulators.vapi.stock(&json!({ "e164": [NATIVE] })).unwrap();
        let (platform, carrier) = (kit::vapi(&simulators), VapiNumbers::of(kit::vapi(&simulators)));
        let assistant = platform.agent_create("Reception", None, "agt-1").await.unwrap();
        Self { simulators, platform, carrier, assistant }
    }

    fn sells(&self, tells: Tells, activation_s: i64) {
        self.simulators.vapi.set_manner(Manner { tells, activation_s, ..Manner::default() });
    }

    /// The kind of the refusal to an order in this area code.
    async fn refusal(&self, area_code: &str) -> ProviderErrorKind {
        self.carrier.order_place(area_code, TAG).await.unwrap_err().kind
    }
}

fn native() -> E164 {
    NATIVE.parse().unwrap()
}

fn is_awaited(order: &AreaOrder) -> bool {
    matches!(order.standing, Standing::Awaited(_))
}

#[tokio::test]
async fn an_order_is_found_by_its_tag_and_sold_once_it_is_usable() {
    let world = World::new().await;
    assert_eq!(world.carrier.order_find(TAG).await.unwrap(), []);
    let ordered = world.carrier.order_place("205", TAG).await.unwrap();
    assert!(is_awaited(&ordered), "{ordered:?}");
    for tells in [Tells::AtOnce, Tells::WhenActive] {
        world.sells(tells, 120);
        let found = world.carrier.order_find(TAG).await.unwrap();
        assert!(found.len() == 1 && found[0].id == ordered.id && is_awaited(&found[0]), "{found:?}");
    }
    assert_eq!(world.carrier.number_get(&ordered.id).await.unwrap_err().kind, Unavailable);
    world.sells(Tells::WhenActive, 0);
    let found = world.carrier.order_find(TAG).await.unwrap();
    let Standing::Sold(sold) = &found[0].standing else { panic!("{found:?}") };
    assert_eq!((&sold.e164, sold.tag.as_str(), &sold.id), (&native(), TAG, &ordered.id));
    assert_eq!(
        (sold.capabilities, &sold.settings),
        (Capabilities { voice: true, sms: false, mms: false }, &NumberSettings::none())
    );
    // A part of a tag is none.
    assert_eq!(world.carrier.order_find(&TAG[..20]).await.unwrap(), []);

    // Nothing makes an order idempotent.
    world.simulators.vapi.stock(&json!({ "country": "US", "type": "local", "area_code": "205", "count": 1 })).unwrap();
    let _ = world.carrier.order_place("205", TAG).await.unwrap();
    let twice = world.carrier.order_find(TAG).await.unwrap();
    assert!(twice.len() == 2 && twice[0].id == ordered.id, "{twice:?}");
    world.carrier.order_remove(&twice[1].id).await.unwrap();
    assert_eq!(world.carrier.order_remove(&twice[1].id).await.unwrap_err().kind, NotFound);
}

#[tokio::test]
async fn a_refused_order_says_why_and_a_lost_answer_leaves_doubt() {
    let world = World::new().await;
    assert_eq!(world.refusal("599").await, Rejected(Reason::Taken));
    world.simulators.vapi.set_manner(Manner { most: 0, ..Manner::default() });
    assert_eq!(world.refusal("205").await, Rejected(Reason::LimitReached));
    world.simulators.vapi.set_manner(Manner::default());
    for (status, kind) in [(401, Misconfigured), (400, Rejected(Reason::Other)), (500, Unknown), (404, Misconfigured)] {
        let fault = Fault { status: Some(status), ..Fault::new("vapi", "numbers.create", Kind::Error) };
        world.simulators.faults.add(fault).unwrap();
        assert_eq!(world.refusal("205").await, kind, "{status}");
    }
    world.simulators.faults.add(Fault::new("vapi", "numbers.create", Kind::LostReply)).unwrap();
    assert_eq!(world.refusal("205").await, Unknown);
    assert_eq!(world.carrier.order_find(TAG).await.unwrap().len(), 1);
}

#[tokio::test]
async fn carrier_and_platform_have_each_their_own() {
    let world = World::new().await;
    world.sells(Tells::AtOnce, 0);
    let access = Access::Dial(SecretString::from("0123456789abcdefghijABCDEFGHIJ"));
    let order = ConnectOrder { tag: TAG.into(), e164: native(), platform_agent_id: world.assistant.clone(), access };
    let address = world.platform.number_connect(&order).await.unwrap();
    let Standing::Sold(sold) = world.carrier.order_place("205", TAG).await.unwrap().standing else {
        panic!("not sold")
    };

    let at_carrier = world.carrier.number_list(None).await.unwrap();
    assert_eq!((at_carrier.items, at_carrier.others, at_carrier.next), (vec![sold.clone()], 1, None));
    let at_platform = world.platform.number_list(None).await.unwrap();
    assert_eq!((at_platform.items.as_slice(), at_platform.others), (std::slice::from_ref(&address), 1));
    assert_eq!(world.platform.number_find(&native(), TAG).await.unwrap(), std::slice::from_ref(&address));
    assert_eq!(world.carrier.number_find(&native()).await.unwrap(), Some(sold.clone()));
    assert_eq!(world.carrier.number_get(&sold.id).await, Ok(sold.clone()));
    assert_eq!(world.carrier.number_get(&address.id).await.unwrap_err().kind, NotFound);
    world.carrier.number_release(&sold.id).await.unwrap();
    assert_eq!(world.carrier.number_find(&native()).await, Ok(None));
    assert_eq!(world.carrier.number_release(&sold.id).await.unwrap_err().kind, NotFound);
}

#[tokio::test]
async fn who_answers_is_set_and_read_back() {
    let world = World::new().await;
    world.sells(Tells::AtOnce, 0);
    let id = world.carrier.order_place("205", TAG).await.unwrap().id;
    let answered = |by: Option<&str>| NumberSettings { application: by.map(str::to_owned), ..NumberSettings::none() };
    for by in
        [Some(world.assistant.as_str()), None, Some("squad:s-1"), Some("workflow:w-1"), Some(&world.assistant), None]
    {
        let set = world.carrier.number_configure(&id, "Reception", &answered(by)).await.unwrap();
        assert_eq!((set.tag.as_str(), &set.settings), ("Reception", &answered(by)));
        assert_eq!(world.carrier.number_get(&id).await, Ok(set));
    }
    let gone = world.carrier.number_configure(&id, TAG, &answered(Some("nobody"))).await.unwrap_err();
    assert_eq!(gone.kind, Rejected(Reason::Other));
    let webhooks = Webhooks { voice: "https://us.test/".into(), ..NumberSettings::none().webhooks };
    let webhooks = NumberSettings::by_webhooks(webhooks);
    assert_eq!(world.carrier.number_configure(&id, TAG, &webhooks).await.unwrap_err().kind, Rejected(Reason::Other));
}

#[tokio::test]
async fn nobody_chooses_a_number() {
    let world = World::new().await;
    let offers = world.carrier.number_search(CountryCode::US, NumberKind::Local, &SearchFilter::default()).await;
    assert_eq!(offers, Ok(Vec::new()));
    let (e164, webhooks) = (native(), NumberSettings::none().webhooks);
    let order = BuyOrder { e164, tag: TAG.into(), webhooks, sms: false, papers: Papers::default() };
    assert_eq!(world.carrier.number_buy(&order).await.unwrap_err().kind, Rejected(Reason::Other));
    assert_eq!(world.carrier.prices(CountryCode::US).await, Ok(Vec::new()));
    assert_eq!(world.carrier.prices(CountryCode::CA).await.unwrap_err().kind, NotFound);
}
