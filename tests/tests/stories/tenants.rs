//! The operator's list of tenants.

use serde_json::{Value, json};
use tests::{Tenant, TestApp};

use crate::kit::{list, word};

/// All tenants, page by page, so many at once.
async fn all(app: &TestApp, operator: &Tenant, limit: u16) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app.get(operator, &format!("/v1/operator/tenants?limit={limit}{cursor}")).await.expect(200);
        found.extend(list(&page.body, "items").iter().cloned());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

#[tokio::test]
async fn every_tenant_is_listed_once_however_it_began_and_however_it_is_paged() {
    let app = TestApp::start().await;
    let operator = app.operator().await;
    assert_eq!(all(&app, &operator, 1).await, [] as [Value; 0]);

    // Set up, without money.
    let _ = app.put(&operator, "/v1/operator/tenants/a-b", json!({ "plan": "ENTERPRISE" })).await.expect(200);
    // Money of two currencies, never set up.
    for (currency, amount) in [("USD", "5.00"), ("TRY", "20.00"), ("USD", "1.25")] {
        let body = json!({ "amount": amount, "currency": currency, "reason": "Opening balance" });
        let path = "/v1/operator/tenants/a/adjustments";
        let _ = app.post(&operator, path, &format!("{currency}{amount}"), body).await.expect(201);
    }
    // Set up, with money and a number.
    let tenant = app.tenant("PRO", "10.00").await;
    let offer = &app.offers(&tenant, "212").await[0];
    let _ = app.post(&tenant, "/v1/numbers", "number", json!({ "e164": offer })).await.expect(201);
    // Paid by card before anybody set it up.
    let payer = app.token(&Tenant { id: "b".into(), token: String::new() }, "owner", None).await;
    let top_up = json!({ "amount": "25", "currency": "USD" });
    let started = app.post(&payer, "/v1/wallet/top-ups", "top-up", top_up).await.expect(201);
    let pay = json!({ "session": started.text("/session"), "outcome": "paid" });
    let _ = app.local("simulators/stripe/pay", Some(pay)).await.expect(200);

    let tenants = all(&app, &operator, 100).await;
    let ids: Vec<String> = tenants.iter().map(|tenant| word(tenant, "/id")).collect();
    assert_eq!(ids, ["a", "a-b", "b", tenant.id.as_str()]);
    let money = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
    let wallet = |amount: &str, currency: &str| {
        let (sum, none) = (money(amount, currency), money("0.00", currency));
        json!({ "currency": currency, "balance": sum, "held": none, "available": sum })
    };
    let row = |id: &str, plan: &str, numbers: u32, wallets: Value| {
        json!({
            "id": id, "plan": plan, "suspended": false, "outage_mode": false, "numbers_held": numbers, "overdue": 0,
            "wallets": wallets,
        })
    };
    assert_eq!(tenants[0], row("a", "FREE", 0, json!([wallet("20.00", "TRY"), wallet("6.25", "USD")])));
    assert_eq!(tenants[1], row("a-b", "ENTERPRISE", 0, json!([])));
    assert_eq!(tenants[2], row("b", "FREE", 0, json!([wallet("25.00", "USD")])));
    assert_eq!(tenants[3], row(&tenant.id, "PRO", 1, json!([wallet("8.50", "USD")])));
    for limit in 1..=4 {
        assert_eq!(all(&app, &operator, limit).await, tenants, "{limit}");
    }
    for cursor in ["nonsense", "fn5-", "IA"] {
        let page = app.get(&operator, &format!("/v1/operator/tenants?cursor={cursor}")).await;
        assert_eq!((page.status.as_u16(), page.code()), (400, "invalid_request"), "{cursor}");
    }
    app.verify().await;
}
