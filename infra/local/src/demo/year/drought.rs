//! The part of the year in which money runs short: what is announced, what money brings back by itself, what goes.

use reqwest::Method;
use serde_json::{Value, json};

use super::{MINUTE, Number, Outcome, Year, at, check, expect, line};
use crate::demo::paper::between;

/// Where callers go while the number is suspended.
const FALLBACK: &str = "+14155550199";

pub(super) async fn running_dry(year: &mut Year<'_>) -> Outcome {
    let support = year.support.clone();
    year.stage.to(at(year.day(6, 29)?, 23, 30)?).await?;
    year.is(&support, "active").await?;
    year.pays_months(1)?;
    year.wallet_adds_up().await?;
    line("wallet", &format!("{} USD on the evening of {}", year.balance.amount(), year.day(6, 29)?));
    stage_reached(year, (6, 30), "past_due", &[0]).await?;
    stage_reached(year, (7, 3), "past_due", &[0, 3]).await?;
    stage_reached(year, (7, 6), "past_due", &[0, 3, 6]).await?;
    year.reaches_the_agent(&support).await?;
    stage_reached(year, (7, 7), "suspended", &[0, 3, 6, 7]).await?;
    let said = year.stage.hears(&support.e164).await?;
    check("the caller hears a sentence", true, said.contains("not in service"))?;
    line("call", &format!("{} reaches nobody; the caller hears: {said}", support.e164));
    year.is(&year.sales, "past_due").await?;
    year.is(&year.front, "active").await?;
    line("others", &format!("{} is past due since July 5, {} is paid for", year.sales.e164, year.front.e164));
    year.wallet_adds_up().await?;
    year.stage.tell(&year.tenant).await
}

/// Moves to a day of the support number's dunning; it must have come so far.
async fn stage_reached(year: &Year<'_>, (month, day): (i8, i8), status: &str, notices: &[u64]) -> Outcome {
    year.to(month, day).await?;
    let number = year.shown(&year.support).await?;
    check("its status", status, number["status"].as_str().unwrap_or_default())?;
    let told = year.told("number.dunning_notice", &year.support).await?;
    let days: Vec<u64> = told.iter().filter_map(|told| told["day"].as_u64()).collect();
    // Notices of an earlier time were told before.
    let days = &days[days.len().saturating_sub(notices.len())..];
    check("the notices", notices, days)?;
    let release = number["release_at"].as_str().and_then(|at| at.get(..10));
    let release = release.map(|on| format!("; to be released on {on}")).unwrap_or_default();
    let day_of = notices.last().copied().unwrap_or_default();
    let (date, status) = (year.day(month, day)?, status.replace('_', " "));
    let told = days.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    line(&format!("day {day_of}"), &format!("{date}: {status}, told on days {told}{release}"));
    Ok(())
}

pub(super) async fn recovery(year: &mut Year<'_>) -> Outcome {
    year.stage.to(at(year.day(7, 8)?, 12, 0)?).await?;
    year.pays("recovery", "6.00").await?;
    year.stage.local("drain", Some(json!({}))).await?;
    year.pays_months(2)?;
    year.wallet_adds_up().await?;
    for number in [&year.front, &year.support, &year.sales] {
        let shown = year.shown(number).await?;
        check("its status", "active", shown["status"].as_str().unwrap_or_default())?;
        check("its release", &Value::Null, &shown["release_at"])?;
        let next = shown["next_charge_on"].as_str().and_then(|on| on.get(..10)).unwrap_or("-");
        line("number", &format!("{}  active  next charge {next}", number.e164));
    }
    year.reaches_the_agent(&year.support.clone()).await?;
    year.show_ledger(4).await
}

pub(super) async fn auto_top_up(year: &mut Year<'_>) -> Outcome {
    let rule = json!({ "currency": "USD", "below": "0.50", "amount": "6.00" });
    let set = year.stage.send(Method::PUT, &year.tenant, "/v1/wallet/auto-top-up", rule).await?;
    expect("the automatic top-up", 200, set)?;
    line("rule", "6.00 USD whenever less than 0.50 would be left");
    let notices = year.times_told("number.dunning_notice").await?;
    year.stage.to(at(year.day(8, 4)?, 23, 30)?).await?;
    year.pays_months(2)?;
    year.wallet_adds_up().await?;
    line("wallet", &format!("{} USD on the evening before {} is due", year.balance.amount(), year.price));
    year.to(8, 5).await?;
    year.moves("6.00")?;
    year.pays_months(1)?;
    year.wallet_adds_up().await?;
    year.is(&year.sales, "active").await?;
    check("notices", notices, year.times_told("number.dunning_notice").await?)?;
    check("payments at Stripe", 3, payments(year).await?)?;
    line("stripe", "the saved card paid 6.00 USD; nobody had to do anything");
    year.show_ledger(2).await
}

/// How often somebody paid.
async fn payments(year: &Year<'_>) -> Outcome<usize> {
    let stripe = year.stage.local("simulators/stripe/state", None).await?;
    Ok(stripe.list("/payments").iter().filter(|payment| payment["status"] == "succeeded").count())
}

pub(super) async fn period_end(year: &mut Year<'_>) -> Outcome {
    year.stage.to(at(year.day(8, 6)?, 12, 0)?).await?;
    let front = year.front.clone();
    let ends = at(year.day(8, 14)?, 22, 0)?.to_string();
    let (path, undo) =
        (format!("/v1/numbers/{}?when=period_end", front.id), format!("/v1/numbers/{}/undo-release", front.id));
    let (last_of_august, september_5) = (year.day(8, 31)?, year.day(9, 5)?);
    let gone = year.stage.send(Method::DELETE, &year.tenant, &path, Value::Null).await?;
    let gone = expect("the release", 200, gone)?;
    check("its status", "active", gone.text("/number/status"))?;
    check("its release", ends.as_str(), gone.text("/number/release_at"))?;
    line("let go", &format!("{}: it goes on {ends}, two hours before its period ends", front.e164));
    year.upcoming(&[last_of_august, september_5]).await?;
    let kept = year.stage.send(Method::POST, &year.tenant, &undo, json!({})).await?;
    let kept = expect("the undoing", 200, kept)?;
    check("its release", Some(&Value::Null), kept.body.get("release_at"))?;
    line("undone", &format!("{} stays", front.e164));
    year.upcoming(&[year.day(8, 15)?, last_of_august, september_5]).await?;
    expect("the release", 200, year.stage.send(Method::DELETE, &year.tenant, &path, Value::Null).await?)?;
    year.stage.to(at(year.day(8, 14)?, 21, 30)?).await?;
    year.is(&front, "active").await?;
    check("how often the carrier has it", 1, year.stage.carrier().await?.has(&front.e164))?;
    year.stage.to(at(year.day(8, 14)?, 22, 30)?).await?;
    year.is(&front, "released").await?;
    check("how often the carrier has it", 0, year.stage.carrier().await?.has(&front.e164))?;
    line("released", &format!("{} between 21:30 and 22:30 of {}", front.e164, year.day(8, 14)?));
    year.to(8, 15).await?;
    year.wallet_adds_up().await?;
    year.check_periods(&front, &year.anchors(1, 7, 15)?).await?;
    line("ledger", &format!("{} USD; {} brings no charge", year.balance.amount(), year.day(8, 15)?));
    Ok(())
}

pub(super) async fn declined(year: &mut Year<'_>) -> Outcome {
    let path = format!("/v1/numbers/{}", year.sales.id);
    expect("the release", 200, year.stage.send(Method::DELETE, &year.tenant, &path, Value::Null).await?)?;
    year.is(&year.sales, "released").await?;
    line("released", &format!("{} at once", year.sales.e164));
    let path = format!("/v1/numbers/{}", year.support.id);
    let wish = json!({ "fallback": FALLBACK });
    expect("the fallback", 200, year.stage.send(Method::PATCH, &year.tenant, &path, wish).await?)?;
    year.stage.local("simulators/stripe/card", Some(json!({ "card": "declined" }))).await?;
    let paid = payments(year).await?;
    year.stage.to(at(year.day(11, 29)?, 23, 30)?).await?;
    year.pays_months(3)?;
    year.wallet_adds_up().await?;
    year.show_ledger(3).await?;
    stage_reached(year, (11, 30), "past_due", &[0]).await?;
    stage_reached(year, (12, 3), "past_due", &[0, 3]).await?;
    check("declined payments the tenant was told of", 3, year.times_told("wallet.top_up_failed").await?)?;
    check("the end of automatic top-ups", 1, year.times_told("wallet.auto_top_up_disabled").await?)?;
    check("payments at Stripe", paid, payments(year).await?)?;
    line("stripe", "the saved card was declined on three days; it is not tried any more, and the tenant knows");
    stage_reached(year, (12, 6), "past_due", &[0, 3, 6]).await?;
    stage_reached(year, (12, 7), "suspended", &[0, 3, 6, 7]).await?;
    let call = year.stage.call(&year.support.e164).await?;
    let number = between(call.text("/twiml/0"), "<Number>", "</Number>");
    check("where the caller is put through", FALLBACK, number)?;
    line("call", &format!("{} is put through to its fallback number {FALLBACK}", year.support.e164));
    year.moves(&format!("-{MINUTE}"))?;
    year.stage.to(at(year.day(12, 20)?, 23, 30)?).await?;
    year.is(&year.support, "suspended").await?;
    year.to(12, 21).await?;
    year.is(&year.support, "released").await?;
    check("how often the carrier has it", 0, year.stage.carrier().await?.has(&year.support.e164))?;
    check("numbers at the platform", 0, year.stage.platform().await?.numbers().len())?;
    line("day 21", &format!("{}: released; the seven days it served unpaid are not asked for", year.day(12, 21)?));
    year.wallet_adds_up().await?;
    year.check_periods(&year.support, &year.anchors(1, 10, 31)?).await?;
    year.check_periods(&year.sales, &year.anchors(2, 8, 5)?).await?;
    year.stage.tell(&year.tenant).await
}

pub(super) async fn bought_back(year: &mut Year<'_>) -> Outcome {
    year.stage.to(at(year.day(12, 22)?, 12, 0)?).await?;
    let Number { e164, id } = year.support.clone();
    // The carrier would sell it again at once; that it goes to nobody else yet is our own rule.
    year.stage.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await?;
    let refused = year.stage.buy(&year.rival, "too soon", &json!({ "e164": e164 })).await?;
    let refused = expect("the purchase of a number in quarantine", 409, refused)?;
    check("the code", "number_unavailable", refused.text("/code"))?;
    line("refused", &format!("{}: {e164} is kept from other tenants for 30 days", year.rival.id));
    year.stage.local("simulators/stripe/card", Some(json!({ "card": "ok" }))).await?;
    year.pays("to come back", "5.00").await?;
    year.stage.local("drain", Some(json!({}))).await?;
    year.wallet_adds_up().await?;
    let wish = json!({ "e164": e164, "name": "Support", "agent_id": year.agent.0 });
    year.support = year.buys("back", &wish).await?;
    check("the number bought", &e164, &year.support.e164)?;
    check("it is a new number of ours", true, year.support.id != id)?;
    line("bought", &format!("{e164}, back after a day in quarantine"));
    year.reaches_the_agent(&year.support.clone()).await?;
    year.stage.tell(&year.tenant).await
}

pub(super) async fn disputed(year: &mut Year<'_>) -> Outcome {
    year.stage.local("simulators/stripe/dispute", Some(json!({ "payment_intent": year.payment }))).await?;
    year.moves("-5.00")?;
    year.wallet_adds_up().await?;
    check("less than nothing is there", true, year.balance.micros < 0)?;
    year.show_ledger(1).await?;
    let orders = year.stage.carrier().await?.asked("numbers.create");
    let wish = json!({ "country": "US", "area_code": "212" });
    let refused = expect("the purchase", 402, year.stage.buy(&year.tenant, "more", &wish).await?)?;
    check("the code", "insufficient_balance", refused.text("/code"))?;
    check("what is there", year.balance.amount().as_str(), refused.text("/available/amount"))?;
    check("orders at the carrier", orders, year.stage.carrier().await?.asked("numbers.create"))?;
    line("refused", refused.text("/detail"));
    year.is(&year.support, "active").await?;
    line("number", &format!("{} serves on: it is paid for", year.support.e164));
    Ok(())
}

pub(super) async fn verify(year: &mut Year<'_>) -> Outcome {
    let held = year.stage.local("verify", None).await?;
    check("violations", &json!([]), &held.body["violations"])?;
    check("all is well", &json!(true), &held.body["ok"])?;
    line("verified", "one owner, nothing lost, holds resolved, money adds up, charged once, paid as credited");
    let operator = year.stage.local("token", Some(json!({ "role": "operator" }))).await?;
    let (path, token) = ("/v1/operator/ledger/verify", operator.text("/token"));
    let ledger = expect(path, 200, year.stage.child()?.send(Method::GET, path, token, "", None).await?)?;
    check("what is wrong with the ledger", &json!([]), &ledger.body["violations"])?;
    check(
        "the ledger is well, all of it",
        (&json!(true), &json!(true)),
        (&ledger.body["ok"], &ledger.body["complete"]),
    )?;
    let (wallets, entries) = (&ledger.body["wallets"], &ledger.body["entries"]);
    line("operator", &format!("{wallets} wallets are the sum of their {entries} entries"));
    Ok(())
}
