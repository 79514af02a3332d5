//! The part of the year with money: what is bought renews on its days, each period once, whatever happens to us.

use jiff::civil::Date;
use serde_json::json;

use super::{Outcome, Year, at, check, line};

pub(super) async fn first_money(year: &mut Year<'_>) -> Outcome {
    let events = year.pays("first", "25.00").await?;
    check("more than one event tells of it", true, events.len() > 1)?;
    let again = json!({ "events": events, "times": 2, "together": true });
    let again = year.stage.local("simulators/stripe/deliver", Some(again)).await?;
    // One that meets another of the same payment may be asked to come again.
    let taken = again.list("/events").iter().all(|event| event["status"] == 200 || event["status"] == 503);
    check("every event is taken", true, taken)?;
    let entries = year.stage.get(&year.tenant, "/v1/wallet/entries").await?;
    check("entries in the ledger", 1, entries.list("/items").len())?;
    year.wallet_adds_up().await?;
    line("repeated", "all of them once more, twice and together: credited once");
    year.show_ledger(1).await
}

pub(super) async fn three_numbers(year: &mut Year<'_>) -> Outcome {
    let agent = year.agent.0.clone();
    let (january_15, january_31, february_5) = (year.day(1, 15)?, year.day(1, 31)?, year.day(2, 5)?);
    year.stage.to(at(january_15, 12, 0)?).await?;
    let wish = json!({ "country": "US", "area_code": "212", "name": "Front desk" });
    year.front = year.buys("front", &wish).await?;
    year.stage.to(at(january_31, 12, 0)?).await?;
    let wish = json!({ "country": "US", "area_code": "415", "name": "Support", "agent_id": agent });
    year.support = year.buys("support", &wish).await?;
    year.stage.to(at(february_5, 12, 0)?).await?;
    let wish = json!({ "country": "US", "area_code": "212", "name": "Sales" });
    year.sales = year.buys("sales", &wish).await?;
    for (name, number, day) in [
        ("Front desk", &year.front, january_15),
        ("Support", &year.support, january_31),
        ("Sales", &year.sales, february_5),
    ] {
        line("bought", &format!("{}  {name:<10}  on {day}, for {} a month", number.e164, year.price));
    }
    year.reaches_the_agent(&year.support.clone()).await?;
    let end_of_february = february_5.last_of_month();
    year.upcoming(&[year.day(2, 15)?, end_of_february, year.day(3, 5)?]).await?;
    year.lasts_until(6, 29).await?;
    year.stage.tell(&year.tenant).await
}

pub(super) async fn two_months(year: &mut Year<'_>) -> Outcome {
    year.stage.to(at(year.day(4, 1)?, 12, 0)?).await?;
    year.pays_months(5)?;
    year.wallet_adds_up().await?;
    check_renewals(year, 4, 1).await?;
    year.show_ledger(5).await?;
    year.upcoming(&[year.day(4, 5)?, year.day(4, 15)?, year.day(4, 30)?]).await?;
    year.lasts_until(6, 29).await
}

pub(super) async fn outage(year: &mut Year<'_>) -> Outcome {
    let back = year.day(5, 11)?;
    year.stage.outage_until(at(back, 12, 0)?).await?;
    line("outage", &format!("nothing of ours ran until {back}; callers were put through all the time"));
    year.reaches_the_agent(&year.support.clone()).await?;
    year.stage.to(at(back, 13, 30)?).await?;
    year.pays_months(4)?;
    year.wallet_adds_up().await?;
    check_renewals(year, 5, 11).await?;
    year.show_ledger(4).await?;
    for number in [&year.front, &year.support, &year.sales] {
        year.is(number, "active").await?;
    }
    check("notices", 0, year.times_told("number.dunning_notice").await?)?;
    line("caught up", "every period that began, oldest first; nobody was reminded, let alone suspended");
    year.lasts_until(6, 29).await
}

pub(super) async fn three_ticks(year: &mut Year<'_>) -> Outcome {
    year.stage.outage_until(at(year.day(5, 15)?, 0, 30)?).await?;
    let tick = || year.stage.local("jobs/renew", Some(json!({})));
    let (one, two, three) = tokio::join!(tick(), tick(), tick());
    for answer in [one?, two?, three?] {
        line("tick", &format!("renewals of {}: {} charged", year.day(5, 15)?, answer.body["changed"]));
    }
    year.pays_months(1)?;
    year.wallet_adds_up().await?;
    check_renewals(year, 5, 15).await?;
    year.show_ledger(1).await
}

pub(super) async fn deaths(year: &mut Year<'_>) -> Outcome {
    year.stage.to(at(year.day(5, 30)?, 23, 30)?).await?;
    dies(year, "put", year.day(5, 31)?, "it had noted whom to charge, and nobody was charged").await?;
    check_renewals(year, 5, 31).await?;
    year.stage.to(at(year.day(6, 4)?, 23, 30)?).await?;
    dies(year, "transact", year.day(6, 5)?, "the money was taken, and nobody knew that the work was done").await?;
    check_renewals(year, 6, 5).await?;
    year.show_ledger(2).await?;
    year.lasts_until(6, 29).await?;
    year.stage.tell(&year.tenant).await
}

/// The system dies over a day's renewals, after the next of these commits, and is started again. One number renews.
async fn dies(year: &mut Year<'_>, operation: &str, day: Date, meaning: &str) -> Outcome {
    let crash = json!({ "provider": "dynamodb", "operation": operation, "kind": "crash" });
    year.stage.local("faults", Some(crash)).await?;
    let midnight = json!({ "to": at(day, 0, 30)? });
    if let Ok(answer) = year.stage.child()?.local("clock", Some(&midnight)).await {
        return Err(format!("the system was to die, and answered {}: {}", answer.status, answer.body).into());
    }
    year.stage.wait_for_its_death().await?;
    line("died", &format!("{day}: {meaning}"));
    year.stage.start().await?;
    year.stage.to(at(day, 1, 30)?).await?;
    year.stage.local("drain", Some(json!({}))).await?;
    year.pays_months(1)?;
    year.wallet_adds_up().await?;
    line("started", "again on the same data: the renewal is complete, and charged once");
    Ok(())
}

/// What began up to this day was charged, on the right days, once.
async fn check_renewals(year: &Year<'_>, month: i8, day: i8) -> Outcome {
    let until = year.day(month, day)?;
    for (number, first, anchor) in [(&year.front, 1, 15), (&year.support, 1, 31), (&year.sales, 2, 5)] {
        let mut days = year.anchors(first, month, anchor)?;
        days.retain(|day| *day <= until);
        year.check_periods(number, &days).await?;
    }
    Ok(())
}
