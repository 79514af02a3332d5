//! The audit trail: every line once, newest first, over months and pages, and never changed.

use domain::audit::{Action, Actor, Record};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tests::{Tenant, TestApp};

const LINES: usize = 45;

/// One line every four days from mid-January on: half a year.
async fn write(app: &TestApp) -> Vec<Record> {
    let begun = app.system.app.clock.now();
    let mut lines = Vec::new();
    for n in 0..LINES {
        let at: Timestamp = begun + SignedDuration::from_hours(96 * i64::try_from(n).unwrap());
        let id = format!("aud_{:012x}{n:020x}", at.as_millisecond());
        let line = Record {
            id: id.parse().unwrap(),
            at,
            actor: Actor::schedule("reconcile"),
            action: Action::ALL[n % Action::ALL.len()],
            tenant_id: None,
            subject: format!("PN{n}"),
            reason: None,
            detail: format!("line {n}"),
        };
        app.system.undisturbed.store.audit_put(&line).await.unwrap();
        lines.push(line);
    }
    lines
}

/// All pages of the trail; pages may be short.
async fn pages(app: &TestApp, operator: &Tenant, query: &str, limit: usize) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    for _ in 0..=2 * LINES {
        let path = format!("/v1/operator/audit?limit={limit}{query}{cursor}");
        let page = app.get(operator, &path).await.expect(200).body;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{} on a page of {limit}", items.len());
        all.extend(items.iter().map(|line| line["subject"].as_str().unwrap_or_default().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
    panic!("{query} does not end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_comes_once_newest_first_over_months() {
    let app = TestApp::start().await;
    let lines = write(&app).await;
    let end = lines[LINES - 1].at;
    let _ = app.local("clock", Some(serde_json::json!({ "to": end, "run_jobs": false }))).await.expect(200);
    let operator = app.operator().await;
    let check = async |query: &str, within: &dyn Fn(Timestamp) -> bool| {
        let newest_first = lines.iter().rev().filter(|line| within(line.at));
        let expected: Vec<String> = newest_first.map(|line| line.subject.clone()).collect();
        for limit in [1, 7, 100] {
            assert_eq!(pages(&app, &operator, query, limit).await, expected, "{query}, by {limit}");
        }
    };
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    check("", &|_| true).await;
    check("&from=2027-03-01", &|line| line >= at("2027-03-01T00:00:00Z")).await;
    check("&to=2027-03-31", &|line| line < at("2027-04-01T00:00:00Z")).await;
    let within = |line: Timestamp| at("2027-02-04T10:00:00Z") <= line && line < at("2027-04-01T00:00:00Z");
    check("&from=2027-02-04T10:00:00Z&to=2027-04-01T00:00:00Z", &within).await;
    // Years without a line end too.
    check("&from=2020-01-01&to=2026-12-31", &|_| false).await;
}

#[tokio::test]
async fn a_line_that_is_there_stays_as_it_is() {
    let app = TestApp::start().await;
    let store = &app.system.undisturbed.store;
    let line = write(&app).await.remove(0);
    let other = Record { detail: "something else".into(), ..line.clone() };
    store.audit_put(&other).await.unwrap();
    let lost = store.transact(vec![store::audit::append(&other).unwrap()]).await.unwrap_err();
    assert!(lost.lost(store::Guard::Audit), "{lost}");
    assert_eq!(store.audit_get(&line.id, line.at).await.unwrap(), Some(line));
    assert_eq!(
        Value::Null,
        app.get(&app.operator().await, "/v1/operator/audit?to=2020-01-01").await.expect(200).body["next_cursor"]
    );
}
