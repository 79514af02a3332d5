//! Prices, subscriptions and their items: what fits into one, what does not, and who is told.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, answer, each, operations};
use crate::stripe_kit::{Endpoint, text};

const PRICES: &str = "/v1/prices";
const SUBSCRIPTIONS: &str = "/v1/subscriptions";
const ITEMS: &str = "/v1/subscription_items";

const PRICE: [(&str, &str); 4] = [
    ("currency", "usd"),
    ("unit_amount", "300"),
    ("recurring[interval]", "month"),
    ("product_data[name]", "Phone number"),
];
/// 1 January, 1 February and 1 March 2027.
const MONTHS: [i64; 3] = [1_798_761_600, 1_801_440_000, 1_803_859_200];

impl World {
    /// [`PRICE`] and more; what comes later wins.
    async fn price(&self, more: &[(&str, &str)]) -> String {
        text(&self.stripe_made(PRICES, &[&PRICE, more].concat()).await["id"])
    }

    /// Of a new customer.
    async fn subscription(&self, prices: &[String]) -> Value {
        let customer = self.customer().await;
        let names: Vec<String> = (0..prices.len()).map(|place| format!("items[{place}][price]")).collect();
        let items = names.iter().map(String::as_str).zip(prices.iter().map(String::as_str));
        let form: Vec<(&str, &str)> = [("customer", customer.as_str())].into_iter().chain(items).collect();
        self.stripe_made(SUBSCRIPTIONS, &form).await
    }

    async fn item(&self, subscription: &str, price: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let form = [("subscription", subscription), ("price", price)];
        self.stripe_post(ITEMS, &[&form, more].concat()).await
    }

    async fn stripe_delete(&self, path: &str) -> (u16, Value) {
        answer(self.stripe(Method::DELETE, path)).await
    }

    async fn subscribed(&self, id: &str) -> Value {
        let (status, subscription) = self.stripe_get(&format!("{SUBSCRIPTIONS}/{id}")).await;
        assert_eq!(status, 200, "{subscription}");
        subscription
    }
}

fn items(subscription: &Value) -> &Value {
    &subscription["items"]["data"]
}

fn item_id(subscription: &Value, place: usize) -> String {
    text(&items(subscription)[place]["id"])
}

fn joined<'a>(form: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [form, more].concat()
}

fn path(item: &str) -> String {
    format!("{ITEMS}/{item}")
}

#[tokio::test]
async fn a_price_is_made_read_and_found() {
    let world = World::new().await;
    let more = [("lookup_key", "number_us"), ("metadata[kind]", "local"), ("recurring[interval_count]", "3")];
    let made = world.stripe_made(PRICES, &[&PRICE[..], &more].concat()).await;
    assert_eq!(
        (&made["object"], &made["type"], &made["unit_amount"], &made["unit_amount_decimal"]),
        (&json!("price"), &json!("recurring"), &json!(300), &json!("300"))
    );
    assert_eq!(
        (&made["recurring"]["interval"], &made["recurring"]["interval_count"], &made["metadata"]),
        (&json!("month"), &json!(3), &json!({ "kind": "local" }))
    );
    let id = text(&made["id"]);
    assert!(id.starts_with("price_") && text(&made["product"]).starts_with("prod_"), "{made}");
    assert_eq!(world.stripe_get(&format!("{PRICES}/{id}")).await, (200, made.clone()));

    let product = text(&made["product"]);
    let once = [("currency", "eur"), ("unit_amount", "0"), ("product", &*product)];
    let once = world.stripe_made(PRICES, &once).await;
    assert_eq!(
        (&once["type"], &once["recurring"], &once["product"]),
        (&json!("one_time"), &Value::Null, &json!(product))
    );
    for (query, found) in [
        ("", vec![&once["id"], &made["id"]]),
        ("?lookup_keys[]=number_us", vec![&made["id"]]),
        ("?type=one_time&currency=eur", vec![&once["id"]]),
        ("?active=false", vec![]),
    ] {
        let (_, list) = world.stripe_get(&format!("{PRICES}{query}")).await;
        assert_eq!(json!(each(&list["data"], "id")), json!(found), "{query}");
    }
}

#[tokio::test]
async fn a_subscription_is_made_read_and_cancelled() {
    let world = World::new().await;
    let price = world.price(&[]).await;
    let (customer, card) = world.saved_card().await;
    let form = [
        ("customer", customer.as_str()),
        ("default_payment_method", &card),
        ("items[0][price]", &price),
        ("items[0][quantity]", "2"),
        ("items[0][metadata][kind]", "local"),
        ("metadata[tenant_id]", "t1"),
        ("payment_behavior", "error_if_incomplete"),
        ("expand[]", "customer"),
    ];
    let made = world.stripe_made(SUBSCRIPTIONS, &form).await;
    assert_eq!(
        (&made["object"], &made["status"], &made["currency"]),
        (&json!("subscription"), &json!("active"), &json!("usd"))
    );
    assert_eq!(made["customer"]["id"], customer);
    assert_eq!((&made["metadata"], &made["default_payment_method"]), (&json!({ "tenant_id": "t1" }), &json!(card)));
    let id = text(&made["id"]);
    let item = &items(&made)[0];
    assert_eq!((&item["object"], &item["subscription"]), (&json!("subscription_item"), &json!(id)));
    assert_eq!((&item["quantity"], &item["metadata"]), (&json!(2), &json!({ "kind": "local" })));
    assert_eq!((&item["price"]["id"], &item["price"]["unit_amount"]), (&json!(price), &json!(300)));

    let at = format!("{SUBSCRIPTIONS}/{id}");
    let in_body = world.stripe(Method::DELETE, &at).form(&[("prorate", "false")]);
    assert_eq!(answer(in_body).await.0, 400, "parameters travel in the query");
    let query = "invoice_now=false&prorate=false&cancellation_details[feedback]=unused";
    let (status, gone) = world.stripe_delete(&format!("{at}?{query}")).await;
    assert_eq!((status, &gone["status"], &gone["canceled_at"]), (200, &json!("canceled"), &json!(MONTHS[0])));
    assert_eq!(gone["cancellation_details"]["feedback"], "unused");
    assert_eq!(world.subscribed(&id).await, gone, "it can still be read");
    let (status, body) = world.stripe_delete(&at).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("resource_missing")), "and not be cancelled again");
    let other = world.price(&[]).await;
    assert_eq!(world.item(&id, &other, &[]).await.0, 400);
    assert_eq!(world.stripe_post(&path(&text(&item["id"])), &[("quantity", "3")]).await.0, 400);
    assert_eq!(world.stripe_delete(&path(&text(&item["id"]))).await.0, 400);
    assert_eq!(world.subscribed(&id).await, gone);
}

#[tokio::test]
async fn an_item_is_added_changed_listed_and_removed() {
    let world = World::new().await;
    let (base, second) = (world.price(&[]).await, world.price(&[("unit_amount", "150")]).await);
    let subscription = text(&world.subscription(&[base]).await["id"]);
    let more = [("quantity", "1"), ("proration_behavior", "none"), ("metadata[number]", "pn_1")];
    let (status, item) = world.item(&subscription, &second, &more).await;
    assert_eq!((status, &item["object"], &item["quantity"]), (200, &json!("subscription_item"), &json!(1)));
    assert_eq!((&item["metadata"], &item["price"]["id"]), (&json!({ "number": "pn_1" }), &json!(second)));
    let id = text(&item["id"]);
    let quantity = [("quantity", "4"), ("proration_behavior", "always_invoice"), ("metadata[number]", "")];
    let changed = world.stripe_made(&path(&id), &quantity).await;
    assert_eq!((&changed["quantity"], &changed["metadata"]), (&json!(4), &json!({})));
    assert_eq!(world.stripe_get(&path(&id)).await, (200, changed.clone()));
    assert_eq!(items(&world.subscribed(&subscription).await)[1], changed);
    let shown = world.sims.stripe.state()["subscriptions"][0]["items"][1].clone();
    assert_eq!(
        (&shown["id"], &shown["quantity"], &shown["unit_amount"], &shown["proration_behavior"]),
        (&json!(id), &json!(4), &json!("1.50"), &json!("always_invoice"))
    );

    let list = async |query: &str| world.stripe_get(&format!("{ITEMS}?subscription={subscription}{query}")).await.1;
    let all = list("").await;
    assert_eq!(
        (&all["data"][0], &all["has_more"], all["data"].as_array().map(Vec::len)),
        (&changed, &json!(false), Some(2))
    );
    let first = list("&limit=1").await;
    assert_eq!((each(&first["data"], "id"), &first["has_more"]), (vec![&*id], &json!(true)));
    let rest = list(&format!("&limit=1&starting_after={id}")).await;
    assert_eq!((&rest["data"][0], &rest["has_more"]), (&all["data"][1], &json!(false)));

    let in_body = world.stripe(Method::DELETE, &path(&id)).form(&[("proration_behavior", "none")]);
    assert_eq!(answer(in_body).await.0, 400, "parameters travel in the query");
    let (status, gone) = world.stripe_delete(&format!("{}?proration_behavior=none", path(&id))).await;
    assert_eq!((status, gone), (200, json!({ "id": id, "object": "subscription_item", "deleted": true })));
    assert_eq!(world.stripe_get(&path(&id)).await.0, 404);
    assert_eq!(world.stripe_delete(&path(&id)).await.0, 404);
    let left = world.subscribed(&subscription).await;
    assert_eq!(
        (&left["status"], items(&left)),
        (&json!("active"), &json!([all["data"][1]])),
        "nothing else goes with it"
    );
    assert_eq!(world.item(&subscription, &second, &[]).await.0, 200, "its price may come back");
}

#[tokio::test]
async fn the_same_price_is_not_taken_twice() {
    let world = World::new().await;
    let price = world.price(&[]).await;
    let made = world.subscription(std::slice::from_ref(&price)).await;
    let id = text(&made["id"]);
    let customer = text(&made["customer"]);
    let twice = [("customer", &*customer), ("items[0][price]", &*price), ("items[1][price]", &*price)];
    for (status, body) in [world.item(&id, &price, &[]).await, world.stripe_post(SUBSCRIPTIONS, &twice).await] {
        let error = &body["error"];
        assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")));
        assert!(text(&error["message"]).starts_with("Cannot add multiple subscription items with the same plan"));
    }
    assert_eq!(world.subscribed(&id).await, made);
    assert_eq!(world.sims.stripe.state()["subscriptions"].as_array().map(Vec::len), Some(1));
    let same = world.price(&[]).await;
    assert_eq!(world.item(&id, &same, &[]).await.0, 200, "another price may cost the same");
    let other = world.subscription(std::slice::from_ref(&price)).await;
    assert_eq!(other["status"], "active", "in another subscription it is another matter");
}

#[tokio::test]
async fn twenty_items_are_taken_and_no_more() {
    let world = World::new().await;
    let mut prices = Vec::new();
    for _ in 0..21 {
        prices.push(world.price(&[]).await);
    }
    let made = world.subscription(&prices[..19]).await;
    let id = text(&made["id"]);
    assert_eq!(world.item(&id, &prices[19], &[]).await.0, 200);
    let (status, body) = world.item(&id, &prices[20], &[]).await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("invalid_request_error")));
    let full = world.subscribed(&id).await;
    assert_eq!((items(&full).as_array().map(Vec::len), &full["items"]["has_more"]), (Some(20), &json!(false)));
    assert_eq!(world.stripe_delete(&path(&item_id(&full, 0))).await.0, 200);
    assert_eq!(world.item(&id, &prices[20], &[]).await.0, 200, "one went, one may come");

    let names: Vec<String> = (0..21).map(|place| format!("items[{place}][price]")).collect();
    let customer = world.customer().await;
    let all = names.iter().map(String::as_str).zip(prices.iter().map(String::as_str));
    let form: Vec<(&str, &str)> = [("customer", customer.as_str())].into_iter().chain(all).collect();
    assert_eq!(world.stripe_post(SUBSCRIPTIONS, &form).await.0, 400, "nor all at once");
    assert_eq!(world.stripe_post(SUBSCRIPTIONS, &form[..21]).await.0, 200);
}

#[tokio::test]
async fn the_last_item_stays_until_the_subscription_goes() {
    let world = World::new().await;
    let made = world.subscription(&[world.price(&[]).await]).await;
    let (status, body) = world.stripe_delete(&path(&item_id(&made, 0))).await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("invalid_request_error")));
    let id = text(&made["id"]);
    assert_eq!(world.subscribed(&id).await, made);
    let none = world.stripe_made(&path(&item_id(&made, 0)), &[("quantity", "0")]).await;
    assert_eq!(none["quantity"], 0, "of which there may be none");
}

#[tokio::test]
async fn what_is_wrong_with_a_subscription_is_said_with_code_and_parameter() {
    let world = World::new().await;
    let price = world.price(&[]).await;
    let euro = world.price(&[("currency", "eur")]).await;
    let idle = world.price(&[("active", "false")]).await;
    let once = [("currency", "usd"), ("unit_amount", "1"), ("product_data[name]", "Fee")];
    let once = text(&world.stripe_made(PRICES, &once).await["id"]);
    let made = world.subscription(std::slice::from_ref(&price)).await;
    let (id, customer) = (text(&made["id"]), text(&made["customer"]));
    let (_, foreign) = world.saved_card().await;
    let item = path(&item_id(&made, 0));
    let before = world.sims.stripe.state();

    let (of_customer, of_subscription) = ([("customer", &*customer)], [("subscription", &*id)]);
    let unknown = || json!("parameter_unknown");
    let missing = || json!("parameter_missing");
    let nowhere = || json!("resource_missing");
    let integer = || json!("parameter_invalid_integer");
    let long = "x".repeat(501);
    let cases = [
        (PRICES, joined(&PRICE, &[("price", "1")]), unknown(), "price"),
        (PRICES, joined(&PRICE, &[("recurring[period]", "month")]), unknown(), "recurring[period]"),
        (PRICES, PRICE[1..].to_vec(), missing(), "currency"),
        (PRICES, PRICE[..3].to_vec(), missing(), "product_data[name]"),
        (PRICES, vec![PRICE[0], PRICE[3]], missing(), "unit_amount"),
        (PRICES, joined(&PRICE, &[("recurring[interval]", "decade")]), Value::Null, "recurring[interval]"),
        (PRICES, joined(&PRICE, &[("recurring[interval_count]", "0")]), integer(), "recurring[interval_count]"),
        (PRICES, joined(&PRICE, &[("recurring[interval_count]", "37")]), Value::Null, "recurring[interval_count]"),
        (PRICES, joined(&PRICE, &[("recurring[usage_type]", "metered")]), Value::Null, "recurring[usage_type]"),
        (PRICES, joined(&PRICE, &[("billing_scheme", "tiered")]), Value::Null, "billing_scheme"),
        (PRICES, joined(&PRICE, &[("unit_amount", "-1")]), integer(), "unit_amount"),
        (PRICES, joined(&PRICE, &[("product", "prod_none")]), nowhere(), "product"),
        (SUBSCRIPTIONS, joined(&[], &[("items[0][price]", &price)]), missing(), "customer"),
        (SUBSCRIPTIONS, joined(&of_customer, &[]), missing(), "items"),
        (SUBSCRIPTIONS, joined(&of_customer, &[("items[0][quantity]", "1")]), missing(), "items[0][price]"),
        (SUBSCRIPTIONS, joined(&of_customer, &[("items[0][price]", "price_none")]), nowhere(), "items[0][price]"),
        (SUBSCRIPTIONS, joined(&[], &[("customer", "cus_none"), ("items[0][price]", &price)]), nowhere(), "customer"),
        (SUBSCRIPTIONS, joined(&of_customer, &[("items[0][price]", &once)]), Value::Null, "items[0][price]"),
        (
            SUBSCRIPTIONS,
            joined(&of_customer, &[("items[0][price]", &price), ("items[1][price]", &euro)]),
            Value::Null,
            "items[1][price]",
        ),
        (SUBSCRIPTIONS, joined(&of_customer, &[("items[0][price]", &price), ("price", &price)]), unknown(), "price"),
        (
            SUBSCRIPTIONS,
            joined(&of_customer, &[("items[0][price]", &price), ("default_payment_method", &foreign)]),
            Value::Null,
            "default_payment_method",
        ),
        (
            SUBSCRIPTIONS,
            joined(&of_customer, &[("items[0][price]", &price), ("items[0][metadata][a]", &long)]),
            Value::Null,
            "items[0][metadata][a]",
        ),
        (ITEMS, joined(&[], &[("price", &price)]), missing(), "subscription"),
        (ITEMS, joined(&[], &[("subscription", "sub_none"), ("price", &price)]), nowhere(), "subscription"),
        (ITEMS, joined(&of_subscription, &[]), missing(), "price"),
        (ITEMS, joined(&of_subscription, &[("price", "price_none")]), nowhere(), "price"),
        (ITEMS, joined(&of_subscription, &[("price", &idle)]), Value::Null, "price"),
        (ITEMS, joined(&of_subscription, &[("price", &once)]), Value::Null, "price"),
        (ITEMS, joined(&of_subscription, &[("price", &euro)]), Value::Null, "price"),
        (ITEMS, joined(&of_subscription, &[("price", &price), ("quantity", "-1")]), integer(), "quantity"),
        (
            ITEMS,
            joined(&of_subscription, &[("price", &price), ("proration_behavior", "some")]),
            Value::Null,
            "proration_behavior",
        ),
        (ITEMS, joined(&of_subscription, &[("price", &price), ("number", "pn_1")]), unknown(), "number"),
        (&item, joined(&[], &[("quantity", "1.5")]), integer(), "quantity"),
        (&item, joined(&[], &[("quantity", "-1")]), integer(), "quantity"),
        (&item, joined(&[], &[("subscription", &id)]), unknown(), "subscription"),
    ];
    for (path, form, code, param) in cases {
        let (status, body) = world.stripe_post(path, &form).await;
        let error = &body["error"];
        assert_eq!((status, &error["type"]), (400, &json!("invalid_request_error")), "{form:?} {body}");
        assert_eq!((&error["code"], &error["param"]), (&code, &json!(param)), "{form:?}");
    }
    let odd = "?quantity=1";
    for (method, path, status, code) in [
        (Method::DELETE, format!("{item}{odd}"), 400, "parameter_unknown"),
        (Method::DELETE, format!("{SUBSCRIPTIONS}/{id}{odd}"), 400, "parameter_unknown"),
        (Method::GET, format!("{ITEMS}{odd}"), 400, "parameter_unknown"),
        (Method::GET, ITEMS.to_owned(), 400, "parameter_missing"),
        (Method::GET, format!("{ITEMS}?subscription=sub_none"), 400, "resource_missing"),
        (Method::GET, format!("{ITEMS}?subscription={id}&created=1"), 400, "parameter_unknown"),
        (Method::GET, format!("{PRICES}/price_x"), 404, "resource_missing"),
        (Method::GET, format!("{SUBSCRIPTIONS}/sub_x"), 404, "resource_missing"),
        (Method::DELETE, format!("{SUBSCRIPTIONS}/sub_x"), 404, "resource_missing"),
        (Method::POST, format!("{ITEMS}/si_x"), 404, "resource_missing"),
        (Method::DELETE, format!("{ITEMS}/si_x"), 404, "resource_missing"),
    ] {
        let (answered, body) = answer(world.stripe(method.clone(), &path)).await;
        assert_eq!((answered, &body["error"]["code"]), (status, &json!(code)), "{method} {path}");
    }
    let after = world.sims.stripe.state();
    assert_eq!((&after["subscriptions"], &after["events"]), (&before["subscriptions"], &before["events"]));
    let key = world.price(&[("lookup_key", "k")]).await;
    let (status, body) = world.stripe_post(PRICES, &[&PRICE[..], &[("lookup_key", "k")]].concat()).await;
    assert_eq!((status, &body["error"]["param"]), (400, &json!("lookup_key")), "{key} has it");
}

#[tokio::test]
async fn periods_are_the_items_own_and_pass_with_the_clock() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let (month, year) = (world.price(&[]).await, world.price(&[("recurring[interval]", "year")]).await);
    let made = world.subscription(&[month, year]).await;
    let id = text(&made["id"]);
    let period = |item: &Value| (item["current_period_start"].as_i64(), item["current_period_end"].as_i64());
    assert_eq!(period(&made), (None, None), "the subscription has none");
    assert_eq!(period(&items(&made)[0]), (Some(MONTHS[0]), Some(MONTHS[1])));
    let whole_year = (Some(MONTHS[0]), Some(MONTHS[0] + 365 * 24 * 60 * 60));
    assert_eq!(period(&items(&made)[1]), whole_year);

    world.pass(SignedDuration::from_hours(10 * 24));
    let late = world.item(&id, &world.price(&[]).await, &[]).await.1;
    assert_eq!(period(&late), (Some(MONTHS[0]), Some(MONTHS[1])), "renewed with the others");
    endpoint.kinds_of(2).await;
    world.pass(SignedDuration::from_hours(21 * 24) - SignedDuration::from_secs(1));
    assert_eq!(period(&items(&world.subscribed(&id).await)[0]).0, Some(MONTHS[0]));
    world.pass(SignedDuration::from_secs(1));
    let renewed = world.subscribed(&id).await;
    assert_eq!(period(&items(&renewed)[0]), (Some(MONTHS[1]), Some(MONTHS[2])));
    assert_eq!(period(&items(&renewed)[1]), whole_year);
    assert_eq!(endpoint.kinds_of(1).await, ["customer.subscription.updated"]);

    world.stripe_delete(&format!("{SUBSCRIPTIONS}/{id}")).await;
    let gone = world.subscribed(&id).await;
    world.pass(SignedDuration::from_hours(60 * 24));
    assert_eq!(world.subscribed(&id).await, gone, "what is cancelled begins no period");
}

#[tokio::test]
async fn each_change_is_told_with_the_whole_subscription() {
    let world = World::new().await;
    let endpoint = Endpoint::start(&world).await;
    let (first, second) = (world.price(&[]).await, world.price(&[]).await);
    let made = world.subscription(&[first]).await;
    let id = text(&made["id"]);
    let item = text(&world.item(&id, &second, &[]).await.1["id"]);
    world.stripe_made(&path(&item), &[("quantity", "2")]).await;
    world.stripe_made(&path(&item), &[("quantity", "2")]).await;
    world.stripe_delete(&path(&item)).await;
    world.stripe_delete(&format!("{SUBSCRIPTIONS}/{id}")).await;
    for _ in 0..500 {
        if endpoint.told().len() >= 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let objects: Vec<Value> = endpoint.told().iter().map(|told| told.event()["data"]["object"].clone()).collect();
    let kinds = endpoint.kinds();
    assert_eq!(
        kinds,
        [
            "customer.subscription.created",
            "customer.subscription.updated",
            "customer.subscription.updated",
            "customer.subscription.updated",
            "customer.subscription.deleted",
        ],
        "nothing is told of a change that changes nothing"
    );
    assert_eq!(objects[0], made);
    let quantities = |object: &Value| -> Vec<u64> {
        items(object).as_array().into_iter().flatten().filter_map(|item| item["quantity"].as_u64()).collect()
    };
    assert_eq!(objects.iter().map(quantities).collect::<Vec<_>>(), [vec![1], vec![1, 1], vec![1, 2], vec![1], vec![1]]);
    assert_eq!((&objects[3]["status"], &objects[4]["status"]), (&json!("active"), &json!("canceled")));
}

#[tokio::test]
async fn a_key_makes_one_item_however_often_it_is_asked_for() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let (first, second) = (world.price(&[]).await, world.price(&[]).await);
    let id = text(&world.subscription(&[first]).await["id"]);
    let form = [("subscription", &*id), ("price", &*second)];
    let add = |world: &World, key: &str| world.stripe(Method::POST, ITEMS).header("Idempotency-Key", key).form(&form);
    world.sims.faults.add(Fault::new("stripe", "subscription_items.create", Kind::LostReply)).expect("a valid fault");
    assert!(add(&world, "k1").send().await.is_err());
    let lost = items(&world.subscribed(&id).await)[1].clone();
    drop(world);
    let world = open().await;
    assert_eq!(answer(add(&world, "k1")).await, (200, lost), "the answer that was lost");
    assert_eq!(answer(add(&world, "k2")).await.0, 400, "without the key the price is there already");
    assert_eq!(items(&world.subscribed(&id).await).as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn subscriptions_are_there_again_after_a_restart() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let (first, second) = (world.price(&[]).await, world.price(&[]).await);
    let made = world.subscription(&[first, second.clone()]).await;
    let id = text(&made["id"]);
    world.stripe_made(&path(&item_id(&made, 0)), &[("quantity", "7")]).await;
    world.stripe_delete(&path(&item_id(&made, 1))).await;
    let gone = text(&world.subscription(std::slice::from_ref(&second)).await["id"]);
    world.stripe_delete(&format!("{SUBSCRIPTIONS}/{gone}")).await;
    let (kept, state) = (world.subscribed(&id).await, world.sims.stripe.state());
    drop(world);
    let world = open().await;
    assert_eq!(world.sims.stripe.state(), state);
    assert_eq!(world.subscribed(&id).await, kept);
    assert_eq!(
        (each(&state["subscriptions"], "status"), &items(&kept)[0]["quantity"]),
        (vec!["active", "canceled"], &json!(7))
    );
    let again = world.item(&id, &second, &[]).await.1;
    assert!(text(&again["id"]) != item_id(&made, 1), "no id is given twice");
}

#[tokio::test]
async fn each_operation_of_subscriptions_can_be_struck() {
    let world = World::new().await;
    for (method, path, operation) in [
        (Method::POST, PRICES, "prices.create"),
        (Method::GET, PRICES, "prices.list"),
        (Method::GET, "/v1/prices/x", "prices.get"),
        (Method::POST, SUBSCRIPTIONS, "subscriptions.create"),
        (Method::GET, "/v1/subscriptions/x", "subscriptions.get"),
        (Method::DELETE, "/v1/subscriptions/x", "subscriptions.delete"),
        (Method::POST, ITEMS, "subscription_items.create"),
        (Method::GET, ITEMS, "subscription_items.list"),
        (Method::GET, "/v1/subscription_items/x", "subscription_items.get"),
        (Method::POST, "/v1/subscription_items/x", "subscription_items.update"),
        (Method::DELETE, "/v1/subscription_items/x", "subscription_items.delete"),
    ] {
        world.sims.faults.add(Fault::new("stripe", operation, Kind::RateLimit)).expect("a valid fault");
        let (status, body) = answer(world.stripe(method, path)).await;
        assert_eq!((status, &body["error"]["code"]), (429, &json!("rate_limit")), "{operation}");
        assert_eq!(operations(&world.sims.stripe.state()).last(), Some(&(operation.to_owned(), 429)));
    }
}
