//! How far the books agree with the world: comparisons, and the daily statement.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Desk, Verdict};
use crate::client::{Ask, unusable};
use crate::failure::Failure;
use crate::table::{Side, Table, cell, items};

const IF_LOST: &str = "It may run all the same: see `trunkline reconcile latest`.";

pub(super) async fn reconcile(desk: &mut Desk<'_, '_>, dry_run: bool) -> Result<Verdict, Failure> {
    if !dry_run {
        desk.confirm("Compare the books with carriers and platforms, and repair what is safe to repair.")?;
    }
    let ask = Ask::once("/v1/operator/reconcile", Some(json!({ "dry_run": dry_run })), IF_LOST);
    let mut run = desk.api.send(&ask).await?.body;
    let mut looks = 0;
    while run["status"] == json!("running") {
        let id = run["run_id"].as_str().ok_or_else(|| unusable("it names no run"))?.to_owned();
        if looks >= desk.api.patience.looks {
            return Err(Failure::NoAnswer(format!(
                "run {id} still goes on, by itself: see `trunkline reconcile latest`"
            )));
        }
        looks += 1;
        desk.terminal.note(&format!("{} {}", cell(&run, "/phase"), cell(&run, "/progress")));
        tokio::time::sleep(desk.api.patience.look_every).await;
        run = desk.api.send(&Ask::get(format!("/v1/operator/reconcile/{id}"))).await?.body;
    }
    finished(desk, &run)
}

pub(super) async fn latest(desk: &mut Desk<'_, '_>) -> Result<Verdict, Failure> {
    let run = desk.api.send(&Ask::get("/v1/operator/reconcile/latest")).await?.body;
    finished(desk, &run)
}

pub(super) async fn of_day(desk: &mut Desk<'_, '_>, date: Option<Date>) -> Result<Verdict, Failure> {
    let date = date.unwrap_or_else(|| Timestamp::now().to_zoned(TimeZone::UTC).date());
    let statement = desk.api.send(&Ask::get(format!("/v1/operator/agreement/{date}"))).await?.body;
    desk.show(&statement, statements)?;
    Ok(Verdict::found(is_open(&statement)))
}

fn finished(desk: &mut Desk<'_, '_>, run: &Value) -> Result<Verdict, Failure> {
    desk.show(run, report)?;
    // A run that still goes on has not found everything.
    let over = run["status"] != json!("running");
    Ok(Verdict::found(!over || is_open(run)))
}

/// Whether something was found that nothing was done about. A dry run does nothing about anything.
fn is_open(run: &Value) -> bool {
    let done = ["repaired", "released", "adopted"];
    let dry = run["dry_run"] == json!(true);
    items(run, "findings")
        .iter()
        .any(|found| dry || found["action"].as_str().is_none_or(|action| !done.contains(&action)))
}

fn findings(run: &Value) -> String {
    let columns = ["kind", "number", "tenant", "where", "action", "what"];
    let mut table = Table::new(columns.map(|name| (name, Side::Left)));
    for found in items(run, "findings") {
        let first = |a: &str, b: &str| {
            if found.pointer(a).is_some_and(|v| !v.is_null()) { cell(found, a) } else { cell(found, b) }
        };
        table.row([
            cell(found, "/kind"),
            first("/e164", "/number_id"),
            cell(found, "/tenant_id"),
            first("/platform", "/carrier"),
            cell(found, "/action"),
            cell(found, "/detail"),
        ]);
    }
    table.render("Nothing disagrees.")
}

fn report(run: &Value) -> String {
    let kind = if run["dry_run"] == json!(true) { "dry run" } else { "run" };
    let (id, at, status) = (cell(run, "/run_id"), cell(run, "/now"), cell(run, "/status"));
    let (compared, agreeing) = (cell(run, "/compared"), cell(run, "/agreeing"));
    format!("{}{kind} {id} of {at}, {status}: {agreeing} of {compared} agree.\n", findings(run))
}

fn statements(day: &Value) -> String {
    let mut table = Table::new([
        ("with", Side::Left),
        ("compared", Side::Right),
        ("agreeing", Side::Right),
        ("%", Side::Right),
        ("exceptions", Side::Right),
    ]);
    for line in items(day, "statements") {
        let with = if line.get("carrier").is_some_and(Value::is_string) { "/carrier" } else { "/platform" };
        table.row([with, "/compared", "/agreeing", "/percentage", "/exceptions"].map(|field| cell(line, field)));
    }
    let (date, run) = (cell(day, "/date"), cell(day, "/run_id"));
    format!("{date}, run {run}\n\n{}\n{}", table.render("Nothing was compared."), findings(day))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn what_nothing_was_done_about_is_open() {
        let check = |dry_run: bool, actions: &[&str], open: bool| {
            let findings: Vec<Value> = actions.iter().map(|action| json!({ "action": action })).collect();
            assert_eq!(is_open(&json!({ "dry_run": dry_run, "findings": findings })), open, "{actions:?}");
        };
        check(false, &[], false);
        check(false, &["repaired", "released", "adopted"], false);
        check(false, &["repaired", "reported"], true);
        check(false, &["parked"], true);
        check(false, &["something new"], true);
        check(true, &[], false);
        check(true, &["repaired"], true);
    }

    #[test]
    fn runs_and_statements_are_shown() {
        let finding = json!({ "kind": "routing_drift", "e164": "+12125550123", "number_id": "num_1", "tenant_id": "acme",
            "carrier": "twilio", "action": "repaired", "detail": "the voice URL was another" });
        let run = json!({ "run_id": "run_1", "status": "finished", "dry_run": true, "now": "2027-01-15T10:00:00Z",
            "compared": 40, "agreeing": 39, "findings": [finding] });
        assert_snapshot!(report(&run), @r"
        kind           number        tenant  where   action    what
        routing_drift  +12125550123  acme    twilio  repaired  the voice URL was another
        dry run run_1 of 2027-01-15T10:00:00Z, finished: 39 of 40 agree.
        ");
        let day = json!({ "date": "2027-01-15", "run_id": "run_1", "findings": [], "statements": [
            { "carrier": "twilio", "compared": 40, "agreeing": 39, "percentage": "97.50", "exceptions": 1 },
            { "platform": "vapi", "compared": 7, "agreeing": 7, "percentage": "100.00", "exceptions": 0 }] });
        assert_snapshot!(statements(&day), @r"
        2027-01-15, run run_1

        with    compared  agreeing       %  exceptions
        twilio        40        39   97.50           1
        vapi           7         7  100.00           0

        Nothing disagrees.
        ");
    }
}
