//! What a carrier or a country asks for before it sells: attached where it is on file, named before any money moves where it
//! is not, and never borrowed from another tenant.

use domain::catalog::PRICE_BOOK;
use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant, TestApp};

use crate::kit::{Story, client, list, word};

/// A story whose operator has business addresses in these countries.
async fn with_addresses(countries: &'static [&'static str]) -> Story {
    begin(PRICE_BOOK.to_owned(), countries).await
}

/// A story in which British local numbers need a bundle besides.
async fn with_bundles_required(countries: &'static [&'static str]) -> Story {
    let strict = PRICE_BOOK.replacen("[\"address\"]", "[\"address\", \"bundle\"]", 1);
    assert_ne!(strict, PRICE_BOOK);
    begin(strict, countries).await
}

async fn begin(price_book: String, countries: &'static [&'static str]) -> Story {
    let app = TestApp::requiring(price_book, countries).await;
    let tenant = app.tenant("PRO", "10.00").await;
    Story { app, tenant }
}

impl Story {
    /// New offers in an area, all asking for the same.
    async fn asking(&self, country: &str, area: &str, count: u64, address: &str) -> Vec<String> {
        let line = json!({
            "country": country, "type": "local", "area_code": area, "count": count, "address_requirement": address,
        });
        let stocked = self.app.local("simulators/twilio/stock", Some(line)).await.expect(200).body;
        list(&stocked, "e164").iter().map(|e164| e164.as_str().expect("text").to_owned()).collect()
    }

    /// A new British offer that is sold with a bundle only.
    async fn asking_for_a_bundle(&self) -> String {
        let line = json!({ "country": "GB", "type": "local", "area_code": "113", "count": 1, "bundle_required": true });
        self.app.local("simulators/twilio/stock", Some(line)).await.expect(200).text("/e164/0")
    }

    /// POST /v1/numbers?dry_run=true.
    async fn dry_run(&self, request: Value) -> Answer {
        self.app.send(Method::POST, "/v1/numbers?dry_run=true", &self.tenant.token, &[], Some(request)).await
    }

    /// The operator files an address at the carrier; its sid.
    async fn address_filed(&self, country: &str) -> String {
        let who = [("CustomerName", "Acme"), ("Street", "1 High Street"), ("City", "Leeds")];
        let place = [("Region", "Yorkshire"), ("PostalCode", "LS1 1AA"), ("IsoCountry", country)];
        word(&self.at_the_carrier("Addresses", &[who, place].concat()).await, "/sid")
    }

    /// The operator files a bundle at the carrier, which approves it; its sid.
    async fn bundle_filed(&self, country: &str, kind: &str) -> String {
        let twilio = &self.app.system.simulators.twilio;
        let bundles = format!("{}/v2/RegulatoryCompliance/Bundles", twilio.numbers_url);
        let post = |url: String, form: Vec<(&'static str, String)>| async move {
            let request = client().post(url).basic_auth(&twilio.account_sid, Some(&twilio.auth_token)).form(&form);
            let answer = request.send().await.expect("the carrier answers");
            assert!(answer.status().is_success(), "{}", answer.status());
            answer.json::<Value>().await.expect("JSON")
        };
        let form = [("FriendlyName", "Acme"), ("Email", "a@acme.example"), ("EndUserType", "business")];
        let form = form.into_iter().chain([("IsoCountry", country), ("NumberType", kind)]);
        let sid =
            word(&post(bundles.clone(), form.map(|(name, value)| (name, value.to_owned())).collect()).await, "/sid");
        let _ = post(format!("{bundles}/{sid}"), vec![("Status", "pending-review".to_owned())]).await;
        sid
    }

    /// The operator's own address at the carrier in this country.
    async fn address_of_the_operator(&self, country: &str) -> String {
        let state = self.app.state("twilio").await;
        let addresses = list(&state, "addresses");
        let filed = |one: &&Value| one["iso_country"] == country && one["customer_name"] == "The operator";
        word(addresses.iter().find(filed).expect("an address"), "/sid")
    }

    /// With which address and bundle the carrier sold this number.
    async fn papers(&self, e164: &str) -> (String, String) {
        let state = self.app.state("twilio").await;
        let sold = list(&state, "numbers").into_iter().find(|number| number["e164"] == e164).expect("it was sold");
        (word(&sold, "/address"), word(&sold, "/bundle"))
    }

    /// What the countries say of a country: what it requires, and of a type whether the tenant is ready.
    async fn country(&self, country: &str, kind: &str) -> (Value, Value, Value) {
        let items = list(&self.get("/v1/countries").await.expect(200).body, "items");
        let view = items.into_iter().find(|view| view["country"] == country).expect("sold there");
        let kind = list(&view, "types").into_iter().find(|sold| sold["type"] == kind).expect("sold there");
        (view["requires"].clone(), kind["requires"].clone(), kind["ready"].clone())
    }
}

#[tokio::test]
async fn an_address_that_is_not_on_file_is_named_before_any_money_moves() {
    let story = with_addresses(&["US"]).await;
    let local = story.asking("CA", "587", 2, "local").await;
    let foreign = story.asking("US", "907", 2, "foreign").await;
    let offers = story.get("/v1/available-numbers?country=US&area_code=907&limit=1").await.expect(200);
    assert_eq!(offers.text("/items/0/address_requirement"), "foreign");
    for (request, line) in [
        (
            json!({ "e164": local[0] }),
            "422 address_required: It is sold only with a business address in CA on file at the carrier. Ask the operator to file it.",
        ),
        (
            json!({ "country": "CA", "area_code": "587" }),
            "422 address_required: It is sold only with a business address in CA on file at the carrier. Ask the operator to file it.",
        ),
        (
            json!({ "e164": foreign[0] }),
            "422 address_required: It is sold only with a business address outside US on file at the carrier. Ask the operator to file it.",
        ),
    ] {
        assert_eq!(story.line(&story.dry_run(request.clone()).await), line);
        assert_eq!(story.line(&story.buy("key", request).await), line);
    }
    assert_snapshot!(story.told().await, @r#"
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     7 × numbers.search 200
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
}

#[tokio::test]
async fn an_operator_without_any_address_is_told_which_would_do() {
    let story = with_addresses(&[]).await;
    let any = story.asking("US", "907", 1, "any").await;
    let refused = story.buy("key", json!({ "e164": any[0] })).await.expect(422);
    assert_snapshot!(story.line(&refused), @"422 address_required: It is sold only with a business address on file at the carrier. Ask the operator to file it.");
    // The price book asks for one though the offer does not.
    let refused = story.buy("key", json!({ "country": "GB" })).await.expect(422);
    assert_eq!(refused.code(), "address_required");
    assert_eq!(story.country("GB", "local").await, (json!(["address"]), json!(["address"]), json!(false)));
    assert_eq!(story.country("US", "local").await, (json!([]), json!([]), json!(true)));
    // A tenant with one of its own may buy, under the key that was refused.
    let own = story.address_filed("IE").await;
    let _ = story.operator_sets(json!({ "addresses": { "IE": own } })).await.expect(200);
    assert_eq!(story.country("GB", "local").await.2, json!(true));
    let _ = story.buy("key", json!({ "e164": any[0] })).await.expect(201);
    assert_eq!(story.papers(&any[0]).await, (own, "-".into()));
    story.app.verify().await;
}

#[tokio::test]
async fn the_operators_address_goes_with_the_order_whoever_drives_it() {
    let story = with_addresses(&["US", "GB"]).await;
    let (american, british) = (story.address_of_the_operator("US").await, story.address_of_the_operator("GB").await);
    assert_ne!(american, british);
    let any = story.asking("US", "907", 1, "any").await.remove(0);
    let local = story.asking("GB", "113", 1, "local").await.remove(0);
    let foreign = story.asking("US", "939", 1, "foreign").await.remove(0);
    let none = story.asking("US", "938", 1, "none").await.remove(0);
    for (e164, address) in [(&any, american.as_str()), (&local, &british), (&foreign, &british), (&none, "-")] {
        // Nobody waits for it: the queue buys, from what the operation's record says.
        let headers = [("Idempotency-Key", e164.as_str()), ("Prefer", "respond-async")];
        let (path, body) = ("/v1/numbers", json!({ "e164": e164 }));
        let _ = story.app.send(Method::POST, path, &story.tenant.token, &headers, Some(body)).await.expect(202);
        let _ = story.app.drain().await.expect(200);
        assert_eq!(story.papers(e164).await, (address.to_owned(), "-".to_owned()), "{e164}");
    }
    story.app.verify().await;
}

#[tokio::test]
async fn a_bundle_the_price_book_asks_for_is_named_before_any_money_moves() {
    let story = with_bundles_required(&["GB"]).await;
    let e164 = story.asking_for_a_bundle().await;
    let request = json!({ "e164": e164 });
    assert_eq!(
        story.country("GB", "local").await,
        (json!(["address", "bundle"]), json!(["address", "bundle"]), json!(false))
    );
    assert_eq!(story.country("GB", "mobile").await.1, json!(["address"]));
    let refused = story.dry_run(request.clone()).await.expect(422);
    assert_snapshot!(story.line(&refused), @"422 bundle_required: It is sold only with a regulatory bundle of yours for local GB numbers on file at the carrier. Ask the operator to file it.");
    assert_eq!(story.buy("key", request.clone()).await.expect(422).body, refused.body);
    assert_snapshot!(story.told().await, @r#"
    wallet    10.00, held 0.00, available 10.00, lasts until -
    ledger    adjustment 10.00, then 10.00: Opening balance
    asked     2 × numbers.search 200
    asked     
    event     wallet.adjusted {"amount":{"amount":"10.00","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
    // A bundle for another type does not help, one for these numbers does.
    let mobile = story.bundle_filed("GB", "mobile").await;
    let _ = story.operator_sets(json!({ "bundles": { "GB/mobile": mobile } })).await.expect(200);
    let _ = story.buy("key", request.clone()).await.expect(422);
    let bundle = story.bundle_filed("GB", "local").await;
    let _ = story.operator_sets(json!({ "bundles": { "GB/mobile": mobile, "GB/local": bundle } })).await.expect(200);
    assert_eq!(story.country("GB", "local").await.2, json!(true));
    let _ = story.dry_run(request.clone()).await.expect(200);
    let _ = story.buy("key", request).await.expect(201);
    assert_eq!(story.papers(&e164).await, (story.address_of_the_operator("GB").await, bundle));
    story.app.verify().await;
}

#[tokio::test]
async fn what_is_missing_is_named_all_at_once() {
    let story = with_bundles_required(&[]).await;
    let refused = story.dry_run(json!({ "country": "GB" })).await.expect(422);
    assert_snapshot!(story.line(&refused), @"422 address_required: It is sold only with a business address and a regulatory bundle of yours for local GB numbers on file at the carrier. Ask the operator to file it.");
}

#[tokio::test]
async fn a_tenants_own_papers_come_before_the_operators() {
    let story = with_addresses(&["GB"]).await;
    let e164 = story.asking_for_a_bundle().await;
    let (address, bundle) = (story.address_filed("GB").await, story.bundle_filed("GB", "local").await);
    let papers = json!({ "addresses": { "GB": address }, "bundles": { "GB/local": bundle } });
    let _ = story.operator_sets(papers).await.expect(200);
    // The price book says nothing of bundles, and the carrier would have asked for one.
    let _ = story.bought(&e164).await;
    assert_eq!(story.papers(&e164).await, (address, bundle));
    story.app.verify().await;
}

#[tokio::test]
async fn another_tenants_papers_are_never_used() {
    let story = with_bundles_required(&["GB"]).await;
    let british = story.asking_for_a_bundle().await;
    let canadian = story.asking("CA", "587", 1, "local").await.remove(0);
    let (address, bundle) = (story.address_filed("CA").await, story.bundle_filed("GB", "local").await);
    let papers = json!({ "addresses": { "CA": address }, "bundles": { "GB/local": bundle } });
    let _ = story.operator_sets(papers).await.expect(200);
    let rival = story.app.tenant("PRO", "10.00").await;
    let (owner, rival) = (story.tenant.clone(), Story { tenant: rival, ..story });
    assert_eq!(rival.country("GB", "local").await.2, json!(false));
    for (e164, code) in [(&british, "bundle_required"), (&canadian, "address_required")] {
        let refused = rival.buy("key", json!({ "e164": e164 })).await.expect(422);
        assert_eq!(refused.code(), code);
        for sid in [&address, &bundle] {
            assert!(!refused.body.to_string().contains(sid.as_str()), "{}", refused.body);
        }
    }
    assert_eq!(rival.app.asked("twilio", "numbers.create").await, 0);
    let owner = Story { tenant: owner, ..rival };
    for e164 in [&british, &canadian] {
        let _ = owner.bought(e164).await;
    }
    assert_eq!(owner.papers(&canadian).await, (address, "-".into()));
    owner.app.verify().await;
}

#[tokio::test]
async fn any_number_is_one_whose_papers_are_on_file() {
    let story = with_addresses(&["US"]).await;
    let _ = story.asking("US", "907", 5, "foreign").await;
    let fine = [story.asking("US", "907", 1, "any").await, story.asking("US", "907", 1, "none").await].concat();
    let mut bought = Vec::new();
    for key in ["first", "second"] {
        let answer = story.buy(key, json!({ "country": "US", "area_code": "907" })).await.expect(201);
        bought.push(answer.text("/number/e164"));
    }
    bought.sort();
    assert_eq!(bought, fine);
    let refused = story.buy("third", json!({ "country": "US", "area_code": "907" })).await.expect(422);
    assert_eq!(refused.code(), "address_required");
    assert_eq!(story.app.asked("twilio", "numbers.create").await, 2);
    story.app.verify().await;
}

#[tokio::test]
async fn the_next_offer_goes_with_papers_of_its_own() {
    let story = with_addresses(&["US", "GB"]).await;
    let (american, british) = (story.address_of_the_operator("US").await, story.address_of_the_operator("GB").await);
    let local = story.asking("US", "907", 1, "local").await.remove(0);
    let foreign = story.asking("US", "907", 1, "foreign").await.remove(0);
    let none = story.asking("US", "907", 1, "none").await.remove(0);
    let mut sold = Vec::new();
    for (key, gone) in [("first", 2), ("second", 1), ("third", 0)] {
        // So many are somebody else's for a moment, whichever are tried first.
        if gone > 0 {
            story
                .app
                .fault(json!({
                    "provider": "twilio", "operation": "numbers.create", "kind": "error",
                    "status": 400, "code": 21422, "times": gone,
                }))
                .await;
        }
        let bought = story.buy(key, json!({ "country": "US", "area_code": "907" })).await.expect(201);
        let e164 = bought.text("/number/e164");
        let (address, _) = story.papers(&e164).await;
        sold.push((e164, address));
    }
    sold.sort();
    assert_eq!(sold, [(local, american), (foreign, british), (none, "-".to_owned())]);
    assert_eq!(story.app.asked("twilio", "numbers.create").await, 6);
    story.app.verify().await;
}

#[tokio::test]
async fn a_carrier_that_refuses_all_the_same_ends_in_a_failed_operation() {
    let story = with_addresses(&["US"]).await;
    let offers = story.asking("US", "907", 4, "local").await;
    let cases = [(21615, "address_required"), (21631, "address_required"), (21649, "bundle_required")];
    for ((carriers, ours), e164) in cases.into_iter().zip(&offers) {
        story.refusal("twilio", "numbers.create", 400, Some(carriers)).await;
        let refused = story.buy(e164, json!({ "e164": e164 })).await.expect(422);
        assert_eq!(refused.code(), ours, "{carriers}");
        let op = story.get(&format!("/v1/operations/{}", refused.text("/operation_id"))).await.expect(200);
        assert_eq!((op.text("/status"), op.text("/error/code")), ("failed".into(), ours.into()));
        assert_eq!(story.app.wallet(&story.tenant).await, ("10.00".into(), "0.00".into(), "10.00".into()));
        // For ever under this key; the number is free again at once.
        let again = story.buy(e164, json!({ "e164": e164 })).await.expect(422);
        assert_eq!(again.body, refused.body);
    }
    let _ = story.buy("fresh", json!({ "e164": offers[0] })).await.expect(201);
    story.app.verify().await;
}

#[tokio::test]
async fn what_the_operator_puts_on_file_is_checked_and_replaced_as_a_whole() {
    let story = with_addresses(&["US"]).await;
    let (address, bundle) = (format!("AD{:032x}", 1), format!("BU{:032x}", 2));
    for (changes, field) in [
        (json!({ "addresses": { "GB": bundle } }), "addresses"),
        (json!({ "addresses": { "GB": &address[..33] } }), "addresses"),
        (json!({ "addresses": { "XX": address } }), "addresses"),
        (json!({ "addresses": { "gb": address } }), "addresses"),
        (json!({ "bundles": { "GB/local": address } }), "bundles"),
        (json!({ "bundles": { "GB": bundle } }), "bundles"),
        (json!({ "bundles": { "GB/toll-free": bundle } }), "bundles"),
        (json!({ "bundles": { "US/mobile": bundle } }), "bundles"),
        (json!({ "bundles": { "DE/local": bundle } }), "bundles"),
    ] {
        let refused = story.operator_sets(changes.clone()).await.expect(400);
        assert_eq!(refused.text("/errors/0/field"), field, "{changes}");
    }
    let set = story.operator_sets(json!({ "addresses": { "DE": address }, "bundles": { "GB/local": bundle } })).await;
    let set = set.expect(200);
    let (addresses, bundles) = (json!({ "DE": address }), json!({ "GB/local": bundle }));
    assert_eq!((&set.body["addresses"], &set.body["bundles"]), (&addresses, &bundles));
    let kept = story.operator_sets(json!({ "suspended": false })).await.expect(200);
    assert_eq!((&kept.body["addresses"], &kept.body["bundles"]), (&addresses, &bundles));
    let cleared = story.operator_sets(json!({ "bundles": {} })).await.expect(200);
    assert_eq!((&cleared.body["addresses"], &cleared.body["bundles"]), (&addresses, &json!({})));
    let member: Tenant = story.app.token(&story.tenant, "owner", None).await;
    let path = format!("/v1/operator/tenants/{}", story.tenant.id);
    let _ = story.app.put(&member, &path, json!({ "addresses": {} })).await.expect(403);
}
