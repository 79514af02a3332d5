//! Dunning: what happens to a number that cannot be charged, and that money ends it.

use serde_json::json;

use crate::kit::{Story, text};

#[tokio::test]
async fn a_number_nobody_pays_for_goes_through_every_stage() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    let check = async |instant: &str, status: &str, notices: &[u64]| {
        story.to(instant).await;
        assert_eq!(story.status(&number).await, status, "{instant}");
        assert_eq!(story.told(&number).await, notices, "{instant}");
    };
    check("2027-03-09T23:30:00Z", "active", &[]).await;
    check("2027-03-10T00:30:00Z", "past_due", &[0]).await;
    check("2027-03-12T23:30:00Z", "past_due", &[0]).await;
    check("2027-03-13T00:30:00Z", "past_due", &[0, 3]).await;
    check("2027-03-16T00:30:00Z", "past_due", &[0, 3, 6]).await;
    check("2027-03-17T00:30:00Z", "suspended", &[0, 3, 6, 7]).await;
    assert_eq!(story.number(&number).await["release_at"], "2027-03-31T00:00:00Z");
    check("2027-03-30T23:30:00Z", "suspended", &[0, 3, 6, 7]).await;
    check("2027-03-31T00:30:00Z", "released", &[0, 3, 6, 7]).await;
    assert_eq!(story.balance().await, "0.00");
    story.app.verify().await;
}

/// Numbers by the day they were bought on, and when they are released although an outage of forty days struck them on 20
/// March: on day 0, between the notices, on the day before suspension, and suspended.
const OUTAGES: [(&str, &str); 4] = [
    ("2027-02-20", "2027-05-19"),
    ("2027-02-16", "2027-05-15"),
    ("2027-02-14", "2027-05-13"),
    ("2027-02-10", "2027-05-09"),
];

#[tokio::test]
async fn forty_days_of_our_own_silence_suspend_and_release_nobody_in_any_phase() {
    let story = Story::on("2027-02-10", "PRO", "6.00").await;
    let mut numbers = Vec::new();
    for (bought_on, released_on) in OUTAGES.iter().rev() {
        story.to(&format!("{bought_on}T12:00:00Z")).await;
        numbers.push((story.bought(bought_on).await, released_on));
    }
    story.to("2027-03-20T12:00:00Z").await;
    let ids: Vec<&String> = numbers.iter().map(|(id, _)| id).collect();
    let at_the_outage = ["suspended", "past_due", "past_due", "past_due"];
    assert_eq!(story.statuses(&ids).await, at_the_outage);
    story.outage_until("2027-04-29T12:30:00Z").await;
    assert_eq!(story.statuses(&ids).await, at_the_outage);
    let look = async |id: &String| (text(&story.number(id).await, "/release_at"), story.told(id).await.len());
    let mut before = Vec::new();
    for id in &ids {
        before.push(look(id).await);
    }
    // Day by day: one stage a tick, and the date of a release only moves later.
    for day in jiff::civil::date(2027, 4, 29).series(jiff::Span::new().days(1)).take(21) {
        story.to(&format!("{day}T13:00:00Z")).await;
        for (n, (id, released_on)) in numbers.iter().enumerate() {
            let (now, status) = (look(id).await, story.status(id).await);
            assert!(now.1 <= before[n].1 + 1, "{day}: {:?} and then {now:?}", before[n]);
            assert_eq!(status == "released", day.to_string().as_str() >= **released_on, "{day}: {status}, {now:?}");
            if status != "released" {
                assert!(before[n].0 <= now.0, "{day}: {:?} and then {now:?}", before[n]);
            } else if !before[n].0.is_empty() {
                assert_eq!(before[n].0, format!("{released_on}T00:00:00Z"));
            }
            before[n] = now;
        }
    }
    for id in ids {
        assert_eq!(story.told(id).await, [0, 3, 6, 7]);
    }
    story.app.verify().await;
}

#[tokio::test]
async fn each_notice_comes_once_though_ticks_come_often_and_at_once() {
    let story = Story::on("2027-02-10", "PRO", "3.00").await;
    let numbers = [story.bought("one").await, story.bought("two").await];
    story.to("2027-03-09T23:30:00Z").await;
    for day in 10..=17 {
        story.outage_until(&format!("2027-03-{day}T00:30:00Z")).await;
        tokio::join!(story.job("renew"), story.job("dun"), story.job("dun"), story.job("renew"), story.job("dun"));
        let at_once = async || {
            let wallet = domain::wallet::WalletRef {
                tenant_id: story.tenant.id.parse().expect("a tenant"),
                currency: domain::Currency::USD,
            };
            let date = jiff::civil::date(2027, 3, day);
            let cause = store::queue::ChargeCause::Dunning;
            let message = store::queue::ChargeMessage { wallet, date, cause };
            let _ = shared::billing::charge(&story.app.system.app, &message).await.expect("it is worked off");
        };
        tokio::join!(at_once(), at_once(), at_once());
    }
    for number in &numbers {
        assert_eq!(story.told(number).await, [0, 3, 6, 7]);
        assert_eq!(story.status(number).await, "suspended");
    }
    assert_eq!(story.events("number.suspended").await.len(), 2);
    story.app.verify().await;
}

#[tokio::test]
async fn a_second_cycle_tells_again() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-14T12:00:00Z").await;
    assert_eq!(story.told(&number).await, [0, 3]);
    story.recover("1.50").await;
    assert_eq!(story.status(&number).await, "active");
    story.to("2027-04-13T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "past_due");
    assert_eq!(story.told(&number).await, [0, 0, 3, 3]);
    story.app.verify().await;
}

#[tokio::test]
async fn callers_of_a_suspended_number_hear_the_tenants_message_or_reach_the_fallback() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought_with_an_agent("one").await;
    let path = format!("/v1/operator/tenants/{}", story.tenant.id);
    let message = json!({ "suspended_message": "We will be back." });
    let _ = story.app.put(&story.app.operator().await, &path, message).await.expect(200);
    story.to("2027-03-12T12:00:00Z").await;
    assert!(story.call(&number, "completed").await[0].contains("<Sip "), "past due, it serves");
    story.to("2027-03-18T12:00:00Z").await;
    assert!(story.call(&number, "completed").await[0].contains("<Say>We will be back.</Say>"));
    story.edit(&number, json!({ "fallback": "+14155550100" })).await;
    assert!(story.call(&number, "completed").await[0].contains("<Number>+14155550100</Number>"));
    story.recover("20.00").await;
    assert_eq!(story.status(&number).await, "active");
    assert!(story.call(&number, "completed").await[0].contains("<Sip "), "recovered, the agent answers again");
    story.app.verify().await;
}

#[tokio::test]
async fn an_unpaid_release_takes_a_primary_and_a_locked_number_too_and_frees_what_they_held() {
    let story = Story::on("2027-02-10", "PRO", "3.00").await;
    let primary = story.bought_with_an_agent("primary").await;
    let locked = story.bought("locked").await;
    story.edit(&primary, json!({ "primary": true })).await;
    story.edit(&locked, json!({ "locked": true })).await;
    let agent = text(&story.number(&primary).await, "/agent_id");
    story.to("2027-03-31T01:00:00Z").await;
    assert_eq!(story.statuses(&[&primary, &locked]).await, ["released", "released"]);
    assert_eq!(story.app.asked("twilio", "numbers.delete").await, 2);
    assert!(story.app.state("vapi").await["numbers"].as_array().is_some_and(Vec::is_empty));
    // The agent is free, and so are the places: the tenant may begin anew.
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{agent}")).await.expect(204);
    story.recover("1.50").await;
    let another = story.bought("another").await;
    story.edit(&another, json!({ "primary": true })).await;
    story.app.verify().await;
}

#[tokio::test]
async fn a_tenant_lets_a_number_go_that_it_does_not_pay_for() {
    for (day, status) in [("2027-03-12", "past_due"), ("2027-03-18", "suspended")] {
        let story = Story::on("2027-02-10", "PRO", "1.50").await;
        let number = story.bought("one").await;
        story.to(&format!("{day}T12:00:00Z")).await;
        assert_eq!(story.status(&number).await, status);
        let _ = story.release(&number).await.expect(200);
        let told = story.told(&number).await;
        story.recover("10.00").await;
        story.to("2027-04-12T12:00:00Z").await;
        assert_eq!(story.status(&number).await, "released");
        assert_eq!((story.balance().await.as_str(), story.told(&number).await), ("10.00", told));
        story.app.verify().await;
    }
}

#[tokio::test]
async fn a_number_that_is_past_due_is_linked_and_goes_on_in_its_dunning() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-12T12:00:00Z").await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let path = format!("/v1/numbers/{number}/agent");
    let linked = story.app.put(&story.tenant, &path, json!({ "agent_id": agent })).await.expect(200);
    assert_eq!(linked.text("/number/status"), "past_due");
    assert!(story.call(&number, "completed").await[0].contains("<Sip "));
    story.to("2027-03-18T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "suspended");
    let again = story.app.put(&story.tenant, &path, json!({ "agent_id": agent })).await.expect(409);
    assert_eq!(again.code(), "number_not_active");
    story.app.verify().await;
}

#[tokio::test]
async fn a_link_that_is_stuck_puts_off_the_suspension_until_it_is_over() {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.to("2027-03-14T12:00:00Z").await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    for operation in ["numbers.create", "numbers.list"] {
        let silence = json!({ "provider": "vapi", "operation": operation, "kind": "timeout", "times": 1_000_000 });
        story.app.fault(silence).await;
    }
    let path = format!("/v1/numbers/{number}/agent");
    let link = json!({ "agent_id": agent });
    let asked = story.app.put(&story.tenant, &path, link.clone()).await;
    assert!(matches!(asked.status.as_u16(), 202 | 503), "{}", asked.body);
    story.to("2027-03-14T12:05:00Z").await;
    assert_ne!(story.number(&number).await["open_operation_id"], json!(null));
    for day in 15..=19 {
        // The operation's own patience is not what this is about.
        story.outage_until(&format!("2027-03-{day}T00:30:00Z")).await;
        story.job("dun").await;
        assert_eq!(story.status(&number).await, "past_due", "{day}");
    }
    story.app.no_faults();
    story.app.restart_workers().await;
    story.to("2027-03-20T01:00:00Z").await;
    if let Some(op) = story.number(&number).await["open_operation_id"].as_str() {
        let resume = format!("/v1/operator/operations/{op}/resume");
        let _ = story.app.post(&story.app.operator().await, &resume, "resume", json!({})).await.expect(200);
    }
    story.to("2027-03-22T01:00:00Z").await;
    let now = story.number(&number).await;
    assert_eq!((&now["status"], &now["open_operation_id"]), (&json!("suspended"), &json!(null)), "{now}");
    assert_eq!(story.events("number.suspended").await.len(), 1);
    story.app.verify().await;
}

#[tokio::test]
async fn a_parked_number_that_owes_is_neither_suspended_nor_released_and_then_a_stage_a_day() {
    let story = Story::on("2027-02-10", "PRO", "3.00").await;
    let (owing, leaving) = (story.bought("owing").await, story.bought("leaving").await);
    let path = format!("/v1/numbers/{leaving}?when=period_end");
    let _ = story.app.delete(&story.tenant, &path).await.expect(200);
    story.to("2027-03-09T12:00:00Z").await;
    let _ = story.park(&leaving).await.expect(200);
    story.to("2027-03-10T12:00:00Z").await;
    assert_eq!(story.statuses(&[&owing, &leaving]).await, ["past_due", "active"]);
    let _ = story.park(&owing).await.expect(200);
    for day in 11..=31 {
        story.outage_until(&format!("2027-03-{day}T12:00:00Z")).await;
        story.job("dun").await;
        story.job("release").await;
    }
    assert_eq!(story.statuses(&[&owing, &leaving]).await, ["past_due", "active"]);
    assert_eq!(story.told(&owing).await, [0]);
    story.app.verify().await;
    for number in [&owing, &leaving] {
        let _ = story.resolve(number, "keep").await.expect(200);
    }
    story.to("2027-04-01T12:00:00Z").await;
    assert_eq!(story.statuses(&[&owing, &leaving]).await, ["past_due", "released"]);
    assert_eq!(story.told(&owing).await, [0, 3]);
    story.app.verify().await;
}

/// A tick of this job: how many numbers it changed, and how many operations it began that are not at their end.
async fn changed_and_begun(story: &Story, job: &str) -> (Option<u64>, Option<u64>) {
    let ticked = story.app.local(&format!("jobs/{job}"), Some(json!({}))).await.expect(200).body;
    (ticked["changed"].as_u64(), ticked["begun"].as_u64())
}

#[tokio::test]
async fn a_tick_counts_what_it_began_as_changed_only_when_it_is_done() {
    for (method, silent, expected) in
        [("hand_over", false, (1, 0)), ("hand_over", true, (1, 0)), ("import", false, (1, 0)), ("import", true, (0, 1))]
    {
        let story = Story::on("2027-02-10", "PRO", "1.50").await;
        let agent = story.app.agent(&story.tenant, "Front desk").await;
        let wish = json!({ "country": "US", "area_code": "212", "agent_id": agent, "method": method });
        let bought = story.app.post(&story.tenant, "/v1/numbers", "one", wish).await.expect(201);
        let number = bought.text("/number/id");
        story.to("2027-03-16T23:30:00Z").await;
        story.outage_until("2027-03-17T00:30:00Z").await;
        if silent {
            let fault = json!({ "provider": "twilio", "operation": "numbers.get", "kind": "error", "times": 1_000 });
            story.app.fault(fault).await;
        }
        let counts = changed_and_begun(&story, "dun").await;
        assert_eq!(counts, (Some(expected.0), Some(expected.1)), "{method}, silent: {silent}");
        let status = if expected.1 == 0 { "suspended" } else { "past_due" };
        assert_eq!(story.status(&number).await, status, "{method}, silent: {silent}");
        story.app.no_faults();
        let _ = story.app.advance("PT15M").await;
        assert_eq!(story.status(&number).await, "suspended", "{method}, silent: {silent}");
        story.app.verify().await;
    }
}
