//! The wallet and the ledger that explains it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::kit::{NUMBER, Story, list, word};

/// All entries of a query, page by page: amount and the balance after it.
async fn entries(story: &Story, query: &str) -> Vec<(String, String)> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = story.get(&format!("/v1/wallet/entries?{query}{cursor}")).await.expect(200);
        let amounts = |entry: &Value| (word(entry, "/amount/amount"), word(entry, "/balance_after/amount"));
        found.extend(list(&page.body, "items").iter().map(amounts));
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn every_page_of_the_ledger_goes_on_with_the_running_balance() {
    let story = Story::begin("PRO", "10.00").await;
    for (n, e164) in [NUMBER, "+12125550124", "+12125550125"].into_iter().enumerate() {
        let _ = story.app.advance("PT1M").await;
        story.stock(&[e164]).await;
        let _ = story.bought(e164).await;
        let _ = story.app.advance("PT1M").await;
        let _ = story.adjust(&format!("key {n}"), "0.25", "A courtesy").await.expect(201);
    }
    let all = entries(&story, "limit=100").await;
    assert_snapshot!(format!("{all:?}"), @r#"[("0.25", "6.25"), ("-1.50", "6.00"), ("0.25", "7.50"), ("-1.50", "7.25"), ("0.25", "8.75"), ("-1.50", "8.50"), ("10.00", "10.00")]"#);
    for limit in 1..=7 {
        assert_eq!(entries(&story, &format!("limit={limit}")).await, all, "{limit}");
    }
    let number = word(&story.get("/v1/numbers?limit=1").await.body, "/items/0/id");
    assert_eq!(entries(&story, &format!("limit=1&number_id={number}")).await, [("-1.50".into(), "8.50".into())]);
    assert_eq!(entries(&story, "number_id=num_1").await, []);
    assert_eq!(entries(&story, "currency=EUR").await, []);
    story.app.verify().await;
}

#[tokio::test]
async fn an_adjustment_is_an_entry_that_says_why() {
    let story = Story::begin("PRO", "0").await;
    assert_eq!(story.get("/v1/wallet").await.expect(200).body, json!({ "wallets": [] }));
    let booked = story.adjust("key", "12.345678", "Bank transfer").await.expect(201);
    assert_snapshot!(story.redacted(&format!("{:#}", booked.body)), @r#"
    {
      "amount": {
        "amount": "12.345678",
        "currency": "USD"
      },
      "balance_after": {
        "amount": "12.345678",
        "currency": "USD"
      },
      "created_at": "2027-01-15T10:00:00Z",
      "effective_at": "2027-01-15T10:00:00Z",
      "explain": "Bank transfer",
      "id": "ent_<1>",
      "kind": "adjustment"
    }
    "#);
    assert_snapshot!(story.told().await, @r#"
    wallet    12.345678, held 0.00, available 12.345678, lasts until -
    ledger    adjustment 12.345678, then 12.345678: Bank transfer
    asked     
    asked     
    event     wallet.adjusted {"amount":{"amount":"12.345678","currency":"USD"},"entry_id":"ent_<1>"}
    "#);
}

#[tokio::test]
async fn an_adjustment_sent_twice_is_booked_once() {
    let story = Story::begin("PRO", "0").await;
    let first = story.adjust("key", "5.00", "Bank transfer").await.expect(201);
    let again = story.adjust("key", "5.00", "Bank transfer").await.expect(201);
    assert_eq!(again.body, first.body);
    // The entry, as it was, though the wallet has moved on.
    let _ = story.adjust("another key", "1.00", "More").await.expect(201);
    let (one, two) =
        tokio::join!(story.adjust("key", "5.00", "Bank transfer"), story.adjust("key", "5.00", "Bank transfer"));
    assert_eq!([&one.expect(201).body, &two.expect(201).body], [&first.body, &first.body]);
    let reused = story.adjust("key", "6.00", "Bank transfer").await.expect(422);
    assert_eq!(reused.code(), "idempotency_key_reused");
    assert_eq!(story.app.wallet(&story.tenant).await.0, "6.00");
    story.app.verify().await;
}

#[tokio::test]
async fn many_adjustments_at_once_are_all_booked() {
    let story = Story::begin("PRO", "1.00").await;
    let adjust = |key: &'static str| story.adjust(key, "0.10", "Bank transfer");
    let answers = tokio::join!(adjust("a"), adjust("b"), adjust("c"), adjust("d"), adjust("e"), adjust("f"));
    let (a, b, c, d, e, f) = answers;
    for answer in [a, b, c, d, e, f] {
        let _ = answer.expect(201);
    }
    assert_eq!(story.app.wallet(&story.tenant).await.0, "1.60");
    story.app.verify().await;
}

#[tokio::test]
async fn no_more_is_taken_out_than_is_available() {
    let story = Story::with_an_offer().await;
    story.fault("twilio", "numbers.create", "timeout", 1).await;
    let _ = story.buy("key", json!({ "e164": NUMBER })).await.expect(202);
    // 1.50 of the ten dollars is promised to the purchase.
    let refused = story.adjust("too much", "-8.51", "Refund").await.expect(402);
    assert_snapshot!(story.line(&refused), @"402 insufficient_balance: It takes 8.51 USD, and 8.50 USD is available. Top up and send the request again.");
    assert_eq!((refused.text("/required/amount"), refused.text("/available/amount")), ("8.51".into(), "8.50".into()));
    // Refused, its key is free.
    let _ = story.adjust("too much", "-8.50", "Refund").await.expect(201);
    assert_eq!(story.app.wallet(&story.tenant).await, ("1.50".into(), "1.50".into(), "0.00".into()));
    let _ = story.app.advance("PT10M").await;
    assert_eq!(story.app.wallet(&story.tenant).await, ("0.00".into(), "0.00".into(), "0.00".into()));
    story.app.verify().await;
}

#[tokio::test]
async fn money_can_only_be_taken_out_of_a_wallet_that_is_there() {
    let story = Story::begin("PRO", "0").await;
    let _ = story.adjust("key", "-0.000001", "Refund").await.expect(402);
    assert_eq!(story.get("/v1/wallet").await.body, json!({ "wallets": [] }));
    story.app.verify().await;
}

#[tokio::test]
async fn currencies_are_kept_apart() {
    let story = Story::begin("PRO", "0").await;
    let path = format!("/v1/operator/tenants/{}/adjustments", story.tenant.id);
    let request = json!({ "amount": "100", "currency": "EUR", "reason": "Bank transfer" });
    let _ = story.app.post(&story.app.operator().await, &path, "key", request).await.expect(201);
    story.stock(&[NUMBER]).await;
    assert_eq!(story.buy("key", json!({ "e164": NUMBER })).await.expect(402).text("/available/currency"), "USD");
    assert_eq!(word(&story.get("/v1/wallet").await.body, "/wallets/0/currency"), "EUR");
    assert_eq!(list(&story.get("/v1/wallet/entries?currency=EUR").await.body, "items").len(), 1);
    assert_eq!(list(&story.get("/v1/wallet/entries").await.body, "items").len(), 0);
    story.app.verify().await;
}

#[tokio::test]
async fn funds_last_until_the_last_day_that_is_covered() {
    let lasts = async |story: &Story| story.get("/v1/wallet").await.body["wallets"][0]["funds_last_until"].clone();
    let story = Story::begin("PRO", "10.00").await;
    // Nothing is to be charged.
    assert_eq!(lasts(&story).await, Value::Null);
    story.stock(&[NUMBER]).await;
    let number = story.bought(NUMBER).await;
    // 8.50 pays five months from 15 February, and not the sixth.
    assert_eq!(lasts(&story).await, "2027-07-14");
    let _ = story.adjust("key", "-8.50", "Refund").await.expect(201);
    assert_eq!(lasts(&story).await, "2027-02-14");
    let _ = story.release(&number).await.expect(200);
    assert_eq!(lasts(&story).await, Value::Null);
}

#[tokio::test]
async fn the_anchor_of_a_month_end_never_drifts() {
    let story = Story::begin("PRO", "10.00").await;
    let _ = story.app.local("clock", Some(json!({ "to": "2027-01-31T23:59:59Z" }))).await.expect(200);
    story.stock(&[NUMBER]).await;
    let bought = story.buy("key", json!({ "e164": NUMBER })).await.expect(201);
    assert_eq!(bought.text("/number/paid_through"), "2027-02-28T00:00:00Z");
    // Five more months: the sixth begins on the last of July.
    assert_eq!(word(&story.get("/v1/wallet").await.body, "/wallets/0/funds_last_until"), "2027-07-30");
    story.app.verify().await;
}
