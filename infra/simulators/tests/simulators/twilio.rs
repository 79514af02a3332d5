//! Finding, buying, changing and releasing at Twilio.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use simulators::{AddressRequirement, NumberType, StockLine};

use crate::kit::{World, answer, each, operations};

const E164: &str = "+12125550100";

fn line(area: &str, count: u64) -> StockLine {
    StockLine::new("US", NumberType::Local, Some(area), count)
}

#[tokio::test]
async fn only_the_right_credentials_and_account_are_let_in() {
    let world = World::new().await;
    let twilio = &world.sims.twilio;
    let url = format!("{}/2010-04-01/Accounts/{}/IncomingPhoneNumbers.json", twilio.url, twilio.account_sid);
    let (status, body) = answer(world.client().get(&url)).await;
    assert_eq!((status, &body["code"], &body["message"]), (401, &json!(20003), &json!("Authenticate")));
    let (status, _) = answer(world.client().get(&url).basic_auth(&twilio.account_sid, Some("guess"))).await;
    assert_eq!(status, 401);
    let other = url.replace(&twilio.account_sid, "AC99999999999999999999999999999999");
    let (status, body) =
        answer(world.client().get(other).basic_auth(&twilio.account_sid, Some(&twilio.auth_token))).await;
    assert_eq!((status, &body["code"], &body["status"]), (404, &json!(20404), &json!(404)));
    for url in [&twilio.trunking_url, &twilio.numbers_url, &twilio.pricing_url] {
        let url = format!("{url}/v1/None");
        let asked = answer(world.client().get(&url)).await;
        assert_eq!(asked.0, 401);
        let (status, body) =
            answer(world.client().get(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token))).await;
        assert_eq!((status, &body["code"]), (404, &json!(20404)));
    }
}

#[tokio::test]
async fn what_numbers_cost_is_told_by_country() {
    let world = World::new().await;
    let twilio = &world.sims.twilio;
    let prices = async |country: &str| {
        let url = format!("{}/v1/PhoneNumbers/Countries/{country}", twilio.pricing_url);
        answer(world.client().get(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token))).await
    };
    let of = |kind: &str, base: &str, current: &str| json!({ "number_type": kind, "base_price": base, "current_price": current });
    let (status, us) = prices("US").await;
    assert_eq!((status, &us["iso_country"], &us["price_unit"]), (200, &json!("US"), &json!("USD")));
    assert_eq!(us["phone_number_prices"], json!([of("local", "1.15", "1.15"), of("toll free", "2.15", "2.15")]));
    twilio.set_price("US", NumberType::TollFree, "2.40");
    let (_, us) = prices("US").await;
    assert_eq!(us["phone_number_prices"], json!([of("local", "1.15", "1.15"), of("toll free", "2.15", "2.40")]));
    let (_, ie) = prices("IE").await;
    assert_eq!(
        ie["phone_number_prices"][0],
        json!({ "number_type": "local", "base_price": null, "current_price": null })
    );
    let (status, body) = prices("XX").await;
    assert_eq!((status, &body["code"]), (404, &json!(20404)));
}

#[tokio::test]
async fn without_the_suffix_the_answer_is_xml() {
    let world = World::new().await;
    let response = world.twilio(Method::GET, "/IncomingPhoneNumbers").send().await.expect("an answer");
    assert_eq!(response.status(), 404);
    assert!(response.text().await.expect("a body").contains("<RestException><Code>20404</Code>"));
}

#[tokio::test]
async fn a_search_is_a_sample_without_pages_and_the_next_one_differs() {
    let world = World::new().await;
    let path = "/AvailablePhoneNumbers/US/Local.json?AreaCode=212&PageSize=20";
    let (status, first) = world.twilio_get(path).await;
    let (_, second) = world.twilio_get(path).await;
    assert_eq!(status, 200);
    assert_eq!(first.as_object().expect("an object").keys().collect::<Vec<_>>(), ["available_phone_numbers", "uri"]);
    let numbers = each(&first["available_phone_numbers"], "phone_number");
    assert_eq!(numbers.len(), 20);
    assert!(numbers.iter().all(|number| number.starts_with("+1212555")));
    assert_ne!(first, second);
    let offer = &first["available_phone_numbers"][0];
    assert_eq!(offer["locality"], "New York");
    assert_eq!(offer["latitude"], "40.714300");
    assert_eq!(offer["address_requirements"], "none");
    assert_eq!(offer["capabilities"], json!({ "voice": true, "sms": true, "mms": true }));

    let again = World::new().await;
    assert_eq!(again.twilio_get(path).await.1, first, "the same seed samples alike");
    let other = World::with(|config| config.seed = 8).await;
    assert_ne!(other.twilio_get(path).await.1, first);
}

#[tokio::test]
async fn types_and_countries_are_what_they_are_in_the_world() {
    let world = World::new().await;
    let cases = [
        ("US/Local", 200),
        ("US/TollFree", 200),
        ("US/Mobile", 404),
        ("US/Voip", 404),
        ("CA/TollFree", 200),
        ("GB/Local", 200),
        ("GB/TollFree", 200),
        ("GB/Mobile", 200),
        ("GB/National", 200),
        ("XX/Local", 404),
    ];
    for (resource, expected) in cases {
        let (status, body) = world.twilio_get(&format!("/AvailablePhoneNumbers/{resource}.json")).await;
        assert_eq!(status, expected, "{resource}: {body}");
    }
    let prefixes = [("GB/Local", "+44"), ("GB/Mobile", "+447"), ("GB/TollFree", "+44800"), ("US/TollFree", "+18")];
    for (resource, prefix) in prefixes {
        let (_, body) = world.twilio_get(&format!("/AvailablePhoneNumbers/{resource}.json")).await;
        let numbers = each(&body["available_phone_numbers"], "phone_number");
        assert!(!numbers.is_empty() && numbers.iter().all(|number| number.starts_with(prefix)), "{resource}");
    }
    let (_, none) = world.twilio_get("/AvailablePhoneNumbers/GB/National.json").await;
    assert_eq!(none["available_phone_numbers"], json!([]));
    let (_, countries) = world.twilio_get("/AvailablePhoneNumbers.json").await;
    assert_eq!(each(&countries["countries"], "country_code"), ["US", "CA", "GB"]);
    let uris = countries["countries"][0]["subresource_uris"].as_object().expect("uris");
    assert_eq!(uris.keys().collect::<Vec<_>>(), ["local", "toll_free"]);
}

#[tokio::test]
async fn a_search_narrows_by_pattern_place_and_capability() {
    let world = World::new().await;
    let cases = [
        ("US/Local.json?Contains=2125550123", 1),
        ("US/Local.json?Contains=%2B12125550123", 1),
        ("US/Local.json?Contains=*******777&AreaCode=415", 1),
        ("US/Local.json?Contains=%2B1512&PageSize=7", 7),
        ("US/Local.json?AreaCode=999", 0),
        ("US/Local.json?InRegion=TX&PageSize=5", 5),
        ("US/Local.json?InLocality=hilo&PageSize=5", 5),
        ("GB/Local.json?SmsEnabled=true", 0),
        ("GB/Mobile.json?SmsEnabled=true&PageSize=3", 3),
    ];
    for (search, count) in cases {
        let (status, body) = world.twilio_get(&format!("/AvailablePhoneNumbers/{search}")).await;
        assert_eq!(status, 200, "{search}: {body}");
        assert_eq!(body["available_phone_numbers"].as_array().map(Vec::len), Some(count), "{search}");
    }
    let (status, body) = world.twilio_get("/AvailablePhoneNumbers/US/Local.json?Contains=1").await;
    assert_eq!((status, body.get("code")), (400, None), "a code may be absent");
    let (status, body) = world.twilio_get("/AvailablePhoneNumbers/US/Local.json?AreaCode=21").await;
    assert_eq!((status, &body["code"]), (400, &json!(21451)));
}

#[tokio::test]
async fn a_purchase_is_written_as_twilio_writes_it() {
    let world = World::new().await;
    let form = [("PhoneNumber", E164), ("FriendlyName", "op_1"), ("VoiceUrl", "https://h.example/v?t=1#rc=2")];
    let (status, number) = world.buy(&form).await;
    assert_eq!(status, 201);
    let sid = number["sid"].as_str().expect("a sid");
    assert!(sid.starts_with("PN") && sid.len() == 34);
    assert_eq!(number["voice_url"], "https://h.example/v?t=1#rc=2");
    assert_eq!(number["date_created"], "Fri, 01 Jan 2027 00:00:00 +0000");
    assert_eq!(number["status"], "in-use");
    // Nothing is written now this way, now that.
    assert_eq!((&number["voice_application_sid"], &number["sms_url"]), (&json!(""), &json!("")));
    assert_eq!((&number["voice_fallback_url"], &number["trunk_sid"]), (&Value::Null, &Value::Null));
    let (_, second) = world.buy(&[("PhoneNumber", "+12125550101")]).await;
    assert_eq!((&second["voice_fallback_url"], &second["sms_url"]), (&json!(""), &Value::Null));
    assert_eq!(second["friendly_name"], "(212) 555-0101");

    let (status, fetched) = world.twilio_get(&format!("/IncomingPhoneNumbers/{sid}.json")).await;
    assert_eq!((status, &fetched), (200, &number));
}

#[tokio::test]
async fn buying_an_owned_number_answers_201_and_changes_it() {
    let world = World::new().await;
    let (_, first) =
        world.buy(&[("PhoneNumber", E164), ("FriendlyName", "a"), ("SmsUrl", "https://h.example/s")]).await;
    world.pass(SignedDuration::from_hours(1));
    let (status, second) = world.buy(&[("PhoneNumber", E164), ("FriendlyName", "b")]).await;
    assert_eq!(status, 201);
    assert_eq!(second["sid"], first["sid"]);
    assert_eq!(second["date_created"], first["date_created"]);
    assert_ne!(second["date_updated"], first["date_updated"]);
    assert_eq!((&second["friendly_name"], &second["sms_url"]), (&json!("b"), &json!("https://h.example/s")));
    assert_eq!(world.sims.twilio.state()["numbers"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_purchase_is_refused_with_twilios_own_codes() {
    let world = World::new().await;
    let long = "x".repeat(65);
    world.sims.twilio.sold_elsewhere("+12125550199");
    let cases: &[(&[(&str, &str)], u64)] = &[
        (&[], 21421),
        (&[("PhoneNumber", " 12125550100")], 21421),
        (&[("PhoneNumber", "2125550100")], 21421),
        (&[("PhoneNumber", "+12125550199")], 21422),
        (&[("PhoneNumber", "+19995550100")], 21422),
        (&[("AreaCode", "907")], 21452),
        (&[("AreaCode", "21")], 21451),
        (&[("PhoneNumber", E164), ("FriendlyName", &long)], 20002),
        (&[("PhoneNumber", E164), ("VoiceUrl", "not a url")], 21402),
        (&[("PhoneNumber", E164), ("VoiceMethod", "PUT")], 21403),
        (&[("PhoneNumber", E164), ("VoiceFallbackUrl", "https://h.example")], 21405),
        (&[("PhoneNumber", E164), ("SmsFallbackUrl", "https://h.example")], 21406),
        (&[("PhoneNumber", E164), ("AddressSid", "AD00000000000000000000000000000001")], 21628),
        (&[("PhoneNumber", "+442079460000"), ("SmsUrl", "https://h.example")], 21407),
    ];
    for (form, code) in cases {
        let (status, body) = world.buy(form).await;
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{form:?}: {body}");
        assert_eq!(body["more_info"], format!("https://www.twilio.com/docs/errors/{code}"));
    }
    assert_eq!(world.sims.twilio.state()["numbers"], json!([]), "a refusal leaves nothing behind");

    let raw = world.twilio(Method::POST, "/IncomingPhoneNumbers.json").body("PhoneNumber=+12125550100");
    let (status, body) = answer(raw.header("content-type", "application/x-www-form-urlencoded")).await;
    assert_eq!((status, &body["code"]), (400, &json!(21421)), "an unescaped plus sign is a space");
    let json = world.twilio(Method::POST, "/IncomingPhoneNumbers.json").json(&json!({ "PhoneNumber": E164 }));
    assert_eq!(answer(json).await.0, 400);
    let (status, _) = world.buy(&[("PhoneNumber", E164), ("VoiceURL", "misspelt"), ("Colour", "red")]).await;
    assert_eq!(status, 201, "unknown parameters are passed over");
}

#[tokio::test]
async fn the_sub_resources_sell_their_own_type_and_no_area_codes() {
    let world = World::new().await;
    let buy = |name: &'static str, form: &'static [(&'static str, &'static str)]| {
        let path = format!("/IncomingPhoneNumbers/{name}.json");
        let world = &world;
        async move { world.twilio_post(&path, form).await }
    };
    let (status, body) = buy("Local", &[("AreaCode", "212")]).await;
    assert_eq!((status, &body["code"]), (400, &json!(21457)));
    let (status, body) = buy("TollFree", &[("PhoneNumber", E164)]).await;
    assert_eq!((status, &body["code"]), (400, &json!(21458)));
    let (status, body) = buy("Mobile", &[("PhoneNumber", "+447700900000")]).await;
    assert_eq!((status, &body["type"]), (201, &json!("mobile")));
    let (status, body) = world.buy(&[("AreaCode", "628")]).await;
    assert_eq!(status, 201);
    assert!(body["phone_number"].as_str().is_some_and(|number| number.starts_with("+1628")));
}

/// A bundle for numbers of this country and type, sent in or not; its sid.
async fn filed(world: &World, country: &str, kind: &str, sent_in: bool) -> String {
    let bundles = format!("{}/v2/RegulatoryCompliance/Bundles", world.sims.twilio.numbers_url);
    let post = |url: String, form: Vec<(&'static str, String)>| {
        let request = world.client().post(url).form(&form);
        answer(request.basic_auth(&world.sims.twilio.account_sid, Some(&world.sims.twilio.auth_token)))
    };
    let form = [("FriendlyName", "Acme"), ("Email", "a@acme.example"), ("IsoCountry", country), ("NumberType", kind)];
    let form = form.into_iter().chain([("EndUserType", "business")]).map(|(name, value)| (name, value.to_owned()));
    let (status, made) = post(bundles.clone(), form.collect()).await;
    assert_eq!((status, &made["status"]), (201, &json!("draft")), "{made}");
    let sid = made["sid"].as_str().expect("a sid").to_owned();
    if sent_in {
        let form = vec![("Status", "pending-review".to_owned())];
        let (status, sent) = post(format!("{bundles}/{sid}"), form).await;
        assert_eq!((status, &sent["status"]), (200, &json!("pending-review")), "{sent}");
    }
    let wanted = if sent_in { "twilio-approved" } else { "draft" };
    let request = world.client().get(format!("{bundles}/{sid}"));
    let request = request.basic_auth(&world.sims.twilio.account_sid, Some(&world.sims.twilio.auth_token));
    assert_eq!(answer(request).await.1["status"], wanted);
    sid
}

#[tokio::test]
async fn a_bundle_is_filed_with_what_it_is_for() {
    let world = World::new().await;
    let bundles = format!("{}/v2/RegulatoryCompliance/Bundles", world.sims.twilio.numbers_url);
    let post = |url: &str, form: &[(&str, &str)]| {
        let request = world.client().post(url).form(form);
        answer(request.basic_auth(&world.sims.twilio.account_sid, Some(&world.sims.twilio.auth_token)))
    };
    let named = [("FriendlyName", "Acme"), ("Email", "a@acme.example")];
    let what = |kind| [&named[..], &[("IsoCountry", "GB"), ("NumberType", kind), ("EndUserType", "business")]].concat();
    for (form, code) in
        [(named[..1].to_vec(), Value::Null), (named.to_vec(), json!(22202)), (what("toll_free"), json!(22201))]
    {
        let (status, refused) = post(&bundles, &form).await;
        assert_eq!((status, &refused["code"]), (400, &code), "{refused}");
    }
    let (_, made) = post(&bundles, &what("toll-free")).await;
    let one = format!("{bundles}/{}", made["sid"].as_str().expect("a sid"));
    for (form, code) in [(vec![("Status", "done")], 22203), (vec![("Status", "draft"), ("Email", "b")], 22204)] {
        let (status, refused) = post(&one, &form).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{refused}");
    }
    assert_eq!(post(&format!("{bundles}/BU00"), &[]).await.0, 404);
}

#[tokio::test]
async fn papers_are_asked_for_where_the_stock_says_so() {
    let needs = |area, address_requirement, bundle_required| StockLine {
        address_requirement,
        bundle_required,
        ..StockLine::new("GB", NumberType::Local, Some(area), 5)
    };
    let world = World::stocked(vec![
        needs("20", AddressRequirement::Any, false),
        needs("161", AddressRequirement::Local, false),
        needs("121", AddressRequirement::None, true),
    ])
    .await;
    let (any, local, bundle) = ("+442079460000", "+441614960000", "+441215000000");
    for (number, code) in [(any, 21631), (local, 21615), (bundle, 21649)] {
        let (status, body) = world.buy(&[("PhoneNumber", number)]).await;
        assert_eq!((status, &body["code"]), (400, &json!(code)), "{number}");
    }
    let address = |country: &'static str| {
        let world = &world;
        async move {
            let form = [("CustomerName", "Acme"), ("Street", "1 High St"), ("City", "X"), ("Region", "Y")];
            let form = [&form[..], &[("PostalCode", "Z"), ("IsoCountry", country)]].concat();
            let (status, address) = world.twilio_post("/Addresses.json", &form).await;
            assert_eq!(status, 201, "{address}");
            address["sid"].as_str().expect("a sid").to_owned()
        }
    };
    let (american, british) = (address("US").await, address("GB").await);
    let (_, listed) = world.twilio_get("/Addresses.json?IsoCountry=GB").await;
    assert_eq!(each(&listed["addresses"], "sid"), [&british]);
    for (number, address, status) in [(local, &american, 400), (local, &british, 201), (any, &american, 201)] {
        assert_eq!(world.buy(&[("PhoneNumber", number), ("AddressSid", address)]).await.0, status, "{number}");
    }
    let (mobile, approved) = (filed(&world, "GB", "mobile", true).await, filed(&world, "GB", "local", true).await);
    let (german, draft) = (filed(&world, "DE", "local", true).await, filed(&world, "GB", "local", false).await);
    let unknown = "BU00000000000000000000000000000001".to_owned();
    for sid in [&mobile, &german, &draft, &unknown] {
        let (status, body) = world.buy(&[("PhoneNumber", bundle), ("BundleSid", sid)]).await;
        assert_eq!((status, &body["code"]), (400, &json!(21649)), "{body}");
    }
    assert_eq!(world.buy(&[("PhoneNumber", bundle), ("BundleSid", &approved)]).await.0, 201);
    let path = "/AvailablePhoneNumbers/GB/Local.json?ExcludeAllAddressRequired=true";
    let (_, spared) = world.twilio_get(path).await;
    assert!(each(&spared["available_phone_numbers"], "phone_number").iter().all(|it| it.starts_with("+44121")));
}

#[tokio::test]
async fn a_trial_account_has_one_number() {
    let world = World::new().await;
    world.sims.twilio.set_trial(true);
    world.bought(&[("PhoneNumber", E164)]).await;
    let (status, body) = world.buy(&[("PhoneNumber", "+12125550101")]).await;
    assert_eq!((status, &body["code"]), (400, &json!(21404)));
    let (_, account) = answer(
        world
            .client()
            .get(format!("{}/2010-04-01/Accounts/{}.json", world.sims.twilio.url, world.sims.twilio.account_sid))
            .basic_auth(&world.sims.twilio.account_sid, Some(&world.sims.twilio.auth_token)),
    )
    .await;
    assert_eq!(account["type"], "Trial");
}

#[tokio::test]
async fn a_trunk_and_an_application_clear_each_other_and_keep_the_voice_url() {
    let world = World::new().await;
    let sid = world.bought(&[("PhoneNumber", E164), ("VoiceUrl", "https://h.example/v")]).await;
    let path = format!("/IncomingPhoneNumbers/{sid}.json");
    let application = "AP00000000000000000000000000000001";
    let trunk = world.sims.twilio.trunk("retell", "sip:sip.retellai.com");
    let trunk = trunk.as_str();
    let (_, number) = world.twilio_post(&path, &[("TrunkSid", trunk)]).await;
    assert_eq!((&number["trunk_sid"], &number["voice_url"]), (&json!(trunk), &json!("https://h.example/v")));
    let (_, number) = world.twilio_post(&path, &[("VoiceApplicationSid", application)]).await;
    assert_eq!((&number["trunk_sid"], &number["voice_application_sid"]), (&Value::Null, &json!(application)));
    let (_, number) = world.twilio_post(&path, &[("TrunkSid", trunk)]).await;
    assert_eq!(number["voice_application_sid"], "");
    let (_, number) = world.twilio_post(&path, &[("TrunkSid", ""), ("VoiceUrl", "")]).await;
    assert_eq!((&number["trunk_sid"], &number["voice_url"]), (&Value::Null, &json!("")));
    assert_eq!(world.twilio_post(&path, &[("TrunkSid", "TK1")]).await.0, 400);
    let none = "TK00000000000000000000000000000001";
    assert_eq!(world.twilio_post(&path, &[("TrunkSid", none)]).await.1["code"], 21245);
    assert_eq!(world.buy(&[("PhoneNumber", "+12125550101"), ("TrunkSid", none)]).await.1["code"], 21245);
}

#[tokio::test]
async fn a_released_number_is_gone_and_nobodys_for_ten_days() {
    let world = World::new().await;
    let sid = world.bought(&[("PhoneNumber", E164)]).await;
    assert_eq!(world.release(&sid).await, 204);
    assert_eq!(world.release(&sid).await, 404);
    let (status, body) = world.twilio_get(&format!("/IncomingPhoneNumbers/{sid}.json")).await;
    assert_eq!((status, &body["code"]), (404, &json!(20404)));
    assert_eq!(world.buy(&[("PhoneNumber", E164)]).await.1["code"], 21422);
    let search = "/AvailablePhoneNumbers/US/Local.json?Contains=12125550100";
    assert_eq!(world.twilio_get(search).await.1["available_phone_numbers"], json!([]));
    world.pass(SignedDuration::from_hours(10 * 24));
    assert_eq!(world.twilio_get(search).await.1["available_phone_numbers"].as_array().map(Vec::len), Some(1));
    let (status, again) = world.buy(&[("PhoneNumber", E164)]).await;
    assert_eq!(status, 201);
    assert_ne!(again["sid"], json!(sid), "a new purchase");
}

#[tokio::test]
async fn an_active_emergency_address_keeps_a_number_from_being_released() {
    let world = World::new().await;
    let sid = world.bought(&[("PhoneNumber", E164), ("EmergencyStatus", "Active")]).await;
    assert_eq!(world.release(&sid).await, 400);
    let path = format!("/IncomingPhoneNumbers/{sid}.json");
    world.twilio_post(&path, &[("EmergencyStatus", "Inactive")]).await;
    assert_eq!(world.release(&sid).await, 204);
}

#[tokio::test]
async fn stock_wins_over_quarantine_and_adds_fresh_numbers() {
    let world = World::stocked(vec![line("212", 1)]).await;
    let sid = world.bought(&[("PhoneNumber", E164)]).await;
    world.release(&sid).await;
    world.sims.twilio.stock(&json!({ "e164": [E164, "+447911123456"] })).expect("a delivery");
    assert_eq!(world.buy(&[("PhoneNumber", E164)]).await.0, 201);
    let (_, mobiles) = world.twilio_get("/AvailablePhoneNumbers/GB/Mobile.json").await;
    assert_eq!(each(&mobiles["available_phone_numbers"], "phone_number"), ["+447911123456"]);

    let more = json!({ "country": "US", "type": "local", "area_code": "212", "count": 3 });
    let stocked = world.sims.twilio.stock(&more).expect("a delivery");
    assert_eq!(stocked["e164"], json!(["+12125550101", "+12125550102", "+12125550103"]));
    let (_, found) = world.twilio_get("/AvailablePhoneNumbers/US/Local.json?AreaCode=212").await;
    assert_eq!(found["available_phone_numbers"].as_array().map(Vec::len), Some(3));
    for wrong in [
        json!({ "e164": ["2125550100"] }),
        json!({ "country": "US", "type": "mobile", "count": 3 }),
        json!({ "country": "ZZ", "type": "local", "count": 3 }),
        json!({ "country": "US", "type": "local", "area_code": "212", "count": 0 }),
        json!({}),
    ] {
        assert!(world.sims.twilio.stock(&wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_million_numbers_cost_nothing_until_looked_at() {
    let world = World::stocked(vec![line("212", 1_000_000)]).await;
    let (_, found) = world.twilio_get("/AvailablePhoneNumbers/US/Local.json?AreaCode=212&PageSize=1000").await;
    let mut numbers = each(&found["available_phone_numbers"], "phone_number");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 1000);
    let last = *numbers.last().expect("a number");
    assert_eq!(world.buy(&[("PhoneNumber", last)]).await.0, 201);
}

#[tokio::test]
async fn a_list_is_paged_by_its_links_even_while_it_changes() {
    let world = World::new().await;
    let mut sids = Vec::new();
    for index in 0..5 {
        let e164 = format!("+1415555010{index}");
        sids.push(world.bought(&[("PhoneNumber", &e164), ("FriendlyName", "tag")]).await);
    }
    sids.reverse();
    let (_, first) = world.twilio_get("/IncomingPhoneNumbers.json?PageSize=2&FriendlyName=tag").await;
    assert_eq!(each(&first["incoming_phone_numbers"], "sid"), sids[..2]);
    assert_eq!((&first["page"], &first["start"], &first["end"]), (&json!(0), &json!(0), &json!(1)));
    let next = first["next_page_uri"].as_str().expect("a link").to_owned();
    assert!(next.starts_with("/2010-04-01/") && next.contains("Page=1") && next.contains("PageToken=PAPN"));
    assert!(next.contains("FriendlyName=tag"));

    // The last row shown goes and a new one comes: the second page is the same.
    world.release(&sids[1]).await;
    world.bought(&[("PhoneNumber", "+14155550109"), ("FriendlyName", "tag")]).await;
    let follow = |link: String| {
        let twilio = &world.sims.twilio;
        let request = world.client().get(format!("{}{link}", twilio.url));
        answer(request.basic_auth(&twilio.account_sid, Some(&twilio.auth_token)))
    };
    let (_, second) = follow(next).await;
    assert_eq!(each(&second["incoming_phone_numbers"], "sid"), sids[2..4]);
    let (_, third) = follow(second["next_page_uri"].as_str().expect("a link").to_owned()).await;
    assert_eq!(each(&third["incoming_phone_numbers"], "sid"), sids[4..]);
    assert_eq!(third["next_page_uri"], Value::Null);

    let (status, body) = world.twilio_get("/IncomingPhoneNumbers.json?PageSize=1001").await;
    assert_eq!((status, &body["code"]), (400, &json!(20007)));
}

#[tokio::test]
async fn a_list_filters_by_parts_of_the_number_and_the_whole_name() {
    let world = World::new().await;
    for (e164, name) in [("+14155550100", "op_1"), ("+14155550111", "op_12"), ("+442079460000", "op_1")] {
        world.bought(&[("PhoneNumber", e164), ("FriendlyName", name)]).await;
    }
    let cases = [
        ("PhoneNumber=%2B14155550100", 1),
        ("PhoneNumber=4155550", 2),
        ("PhoneNumber=415555***1", 1),
        ("PhoneNumber=+14155550100", 0),
        ("PhoneNumber=%2B19995550100", 0),
        ("FriendlyName=op_1", 2),
        ("FriendlyName=op", 0),
        ("FriendlyName=op_1&PhoneNumber=%2B14155550100", 1),
        ("Origin=hosted", 0),
        ("Origin=twilio", 3),
    ];
    for (query, count) in cases {
        let (_, list) = world.twilio_get(&format!("/IncomingPhoneNumbers.json?{query}")).await;
        assert_eq!(list["incoming_phone_numbers"].as_array().map(Vec::len), Some(count), "{query}");
    }
}

#[tokio::test]
async fn test_credentials_have_magic_inputs_and_no_memory() {
    let world = World::new().await;
    let (sid, token) = (simulators::twilio::TEST_ACCOUNT_SID, simulators::twilio::TEST_AUTH_TOKEN);
    let url = format!("{}/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json", world.sims.twilio.url);
    let cases = [
        (("PhoneNumber", "+15005550000"), 400, json!(21422)),
        (("PhoneNumber", "+15005550001"), 400, json!(21421)),
        (("AreaCode", "533"), 400, json!(21452)),
        (("PhoneNumber", "+15005550006"), 201, Value::Null),
        (("AreaCode", "500"), 201, Value::Null),
    ];
    for (input, expected, code) in cases {
        let request = world.client().post(&url).basic_auth(sid, Some(token)).form(&[input, ("FriendlyName", "echo")]);
        let (status, body) = answer(request).await;
        assert_eq!((status, &body["code"]), (expected, &code), "{input:?}");
        if status == 201 {
            assert_eq!((&body["phone_number"], &body["friendly_name"]), (&json!("+15005550006"), &json!("echo")));
        }
    }
    let (status, body) = answer(world.client().get(&url).basic_auth(sid, Some(token))).await;
    assert_eq!((status, &body["code"]), (403, &json!(20008)));
    assert_eq!(world.sims.twilio.state()["numbers"], json!([]));
}

#[tokio::test]
async fn the_state_shows_numbers_and_every_request() {
    let world = World::new().await;
    let sid =
        world.bought(&[("PhoneNumber", E164), ("FriendlyName", "op_1"), ("VoiceUrl", "https://h.example/v")]).await;
    world.twilio_get(&format!("/IncomingPhoneNumbers/{sid}.json")).await;
    world.twilio_get("/IncomingPhoneNumbers.json").await;
    world.twilio_get("/AvailablePhoneNumbers/US/Local.json").await;
    world.release("PN00000000000000000000000000000000").await;
    let state = world.sims.twilio.state();
    let number = &state["numbers"][0];
    assert_eq!((&number["id"], &number["e164"], &number["name"]), (&json!(sid), &json!(E164), &json!("op_1")));
    assert_eq!((&number["voice_url"], &number["trunk"]), (&json!("https://h.example/v"), &Value::Null));
    assert_eq!(number["created_at"], "2027-01-01T00:00:00Z");
    let expected = [
        ("numbers.create", 201),
        ("numbers.get", 200),
        ("numbers.list", 200),
        ("numbers.search", 200),
        ("numbers.delete", 404),
    ];
    assert_eq!(operations(&state), expected.map(|(operation, status)| (operation.to_owned(), status)));
    assert_eq!(state["requests"][0]["at"], "2027-01-01T00:00:00Z");
}
