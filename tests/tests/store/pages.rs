//! Lists longer than a page: everything comes once, in order, whatever the page's size and the filter.

use domain::call::{Call, CallStatus};
use domain::number::{Capabilities, Carrier, Number, NumberStatus};
use domain::numbering::NumberKind;
use domain::{CountryCode, Currency, Money, NumberId, ProjectId};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Tenant, TestApp};

const ITEMS: usize = 137;

/// All pages of a list. None is longer than asked, and only the last may end it.
async fn pages(app: &TestApp, tenant: &Tenant, path: &str, limit: usize) -> Vec<Value> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..=2 * ITEMS {
        let page = app.get(tenant, &format!("{path}{sign}limit={limit}{cursor}")).await.expect(200);
        let items = page.body["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{} on a page of {limit}", items.len());
        all.extend(items.iter().cloned());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("{path} does not end");
}

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

fn number(app: &TestApp, tenant: &Tenant, n: usize, project: &ProjectId) -> Number {
    let now = app.system.app.clock.now();
    let status = if n.is_multiple_of(3) { NumberStatus::Released } else { NumberStatus::Failed };
    Number {
        id: format!("num_{n:032x}").parse::<NumberId>().unwrap(),
        tenant_id: tenant.id.parse().unwrap(),
        project_id: n.is_multiple_of(5).then(|| project.clone()),
        e164: format!("+1212555{n:04}").parse().unwrap(),
        country: CountryCode::US,
        kind: NumberKind::Local,
        carrier: Carrier::Twilio,
        status,
        name: None,
        notes: None,
        primary: false,
        locked: false,
        tags: if n.is_multiple_of(2) { vec!["even".into()] } else { Vec::new() },
        capabilities: Capabilities { voice: true, sms: true, mms: true },
        price: Money::from_micros(1_500_000, Currency::USD),
        fallback: None,
        agent_id: None,
        link: None,
        carrier_ref: None,
        platform_ref: None,
        anchor: None,
        paid_through: None,
        release_at: None,
        price_change: None,
        included: false,
        dunning: None,
        released_at: None,
        parked: false,
        parked_why: None,
        sip: None,
        barred: false,
        slot: None,
        parked_at: None,
        served_until: None,
        open_operation_id: None,
        created_at: now,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_number_comes_once_under_every_filter() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "0").await;
    let made = app.post(&tenant, "/v1/projects", "key", json!({ "name": "Downtown" })).await.expect(201);
    let project: ProjectId = made.text("/id").parse().unwrap();
    for n in 0..ITEMS {
        let insert = store::number::insert(&number(&app, &tenant, n, &project)).unwrap();
        app.system.undisturbed.store.transact(vec![insert]).await.unwrap();
    }
    let confined = app.token(&tenant, "owner", Some(project.as_str())).await;
    let check = async |who: &Tenant, filter: &str, wanted: fn(usize) -> bool| {
        let expected: Vec<String> = (0..ITEMS).filter(|n| wanted(*n)).map(|n| format!("num_{n:032x}")).collect();
        for limit in [1, 10, 50, 100] {
            let items = pages(&app, who, &format!("/v1/numbers{filter}"), limit).await;
            assert_eq!(texts(&items, "id"), expected, "{filter}, by {limit}");
        }
    };
    check(&tenant, "", |_| true).await;
    check(&tenant, "?status=released", |n| n.is_multiple_of(3)).await;
    check(&tenant, "?tag=even", |n| n.is_multiple_of(2)).await;
    check(&tenant, "?tag=even&status=released", |n| n.is_multiple_of(6)).await;
    check(&tenant, &format!("?project_id={project}"), |n| n.is_multiple_of(5)).await;
    check(&tenant, "?status=active", |_| false).await;
    check(&tenant, "?agent_id=none", |_| false).await;
    check(&confined, "", |n| n.is_multiple_of(5)).await;
    check(&confined, "?tag=even", |n| n.is_multiple_of(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_comes_once_across_months_newest_first() {
    let app = TestApp::start().await;
    let tenant = app.tenant("PRO", "10.00").await;
    let e164 = app.offers(&tenant, "212").await[0].clone();
    let bought = app.post(&tenant, "/v1/numbers", "key", json!({ "e164": e164 })).await.expect(201);
    let path = format!("/v1/numbers/{}/calls", bought.text("/number/id"));
    let begun = app.system.app.clock.now();
    let mut expected = Vec::new();
    for n in 0..ITEMS {
        // One each day from mid-January on, and now and then two at the same instant.
        let day = i64::try_from(n - n % 7 / 6).unwrap();
        let started_at: Timestamp = begun + SignedDuration::from_hours(24 * day);
        let call = Call {
            call_sid: format!("CA{n:04}"),
            tenant_id: tenant.id.parse().unwrap(),
            e164: e164.parse().unwrap(),
            direction: "inbound".into(),
            from: "+14155550199".into(),
            to: e164.clone(),
            status: CallStatus::Completed,
            started_at,
            duration_s: Some(1),
            cost: None,
            paid: false,
            included_minutes: 0,
            routed_to: None,
            routed_why: None,
            agent_id: None,
            answer: None,
        };
        app.system.undisturbed.store.call_insert(&call).await.unwrap();
        expected.insert(0, call.call_sid);
    }
    let end = begun + SignedDuration::from_hours(24 * 150);
    let _ = app.local("clock", Some(json!({ "to": end, "run_jobs": false }))).await.expect(200);
    let tenant = app.token(&tenant, "owner", None).await;
    for limit in [1, 10, 50, 100] {
        let items = pages(&app, &tenant, &path, limit).await;
        assert_eq!(texts(&items, "call_sid"), expected, "by {limit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_comes_once_with_what_was_left_after_it() {
    let app = TestApp::start().await;
    let (tenant, operator) = (app.tenant("PRO", "0").await, app.operator().await);
    let path = format!("/v1/operator/tenants/{}/adjustments", tenant.id);
    let mut expected = Vec::new();
    let mut cents = 0;
    for n in 1..=ITEMS {
        let amount = format!("{}.{:02}", n / 100, n % 100);
        let body = json!({ "amount": amount, "currency": "USD", "reason": "Agreed" });
        let _ = app.send(Method::POST, &path, &operator.token, &[], Some(body)).await.expect(201);
        cents += n;
        expected.insert(0, (amount, format!("{}.{:02}", cents / 100, cents % 100)));
        // Entries are ordered by their instant.
        let later = app.system.app.clock.now() + SignedDuration::from_secs(1);
        app.system.clock.move_to(later).unwrap();
    }
    for limit in [1, 10, 50, 100] {
        let items = pages(&app, &tenant, "/v1/wallet/entries", limit).await;
        let amount = |item: &Value, of: &str| item[of]["amount"].as_str().unwrap().to_owned();
        let shown: Vec<_> = items.iter().map(|item| (amount(item, "amount"), amount(item, "balance_after"))).collect();
        assert_eq!(shown, expected, "by {limit}");
    }
}
