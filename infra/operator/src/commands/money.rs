//! What a day of money comes to: previews, ticks by hand, margins.

use domain::{Currency, TenantId};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Desk, Verdict, lines};
use crate::client::Ask;
use crate::failure::Failure;
use crate::table::{Side, Table, cell, items};

pub(super) async fn preview(desk: &mut Desk<'_, '_>, date: Option<Date>) -> Result<Verdict, Failure> {
    let found = desk.api.list(Ask::get("/v1/operator/billing/preview").query("date", date), desk.limit).await?;
    desk.show(&found, |found| charges(found, "items"))?;
    Ok(Verdict::Good)
}

pub(super) async fn renew(desk: &mut Desk<'_, '_>, dry_run: bool) -> Result<Verdict, Failure> {
    let what = "Charge every wallet for what begins today.";
    tick(desk, "/v1/operator/renew", what, dry_run, |run| charges(run, "charges")).await
}

pub(super) async fn dun(desk: &mut Desk<'_, '_>, dry_run: bool) -> Result<Verdict, Failure> {
    let what = "Go on with overdue numbers: charge, remind, suspend, release, as each is due today.";
    tick(desk, "/v1/operator/dun", what, dry_run, stages).await
}

async fn tick(
    desk: &mut Desk<'_, '_>,
    path: &str,
    what: &str,
    dry_run: bool,
    foreseen: fn(&Value) -> String,
) -> Result<Verdict, Failure> {
    if !dry_run {
        desk.confirm(what)?;
    }
    // A day that was sent out already is sent no second time (the API's words).
    let run = desk.api.send(&Ask::repeatable(path, json!({ "dry_run": dry_run }))).await?.body;
    desk.show(&run, |run| match dry_run {
        true => foreseen(run),
        false => format!("Wallets queued: {}.\n", cell(run, "/queued")),
    })?;
    Ok(Verdict::Good)
}

fn charges(document: &Value, name: &str) -> String {
    let mut table = Table::new([
        ("tenant", Side::Left),
        ("date", Side::Left),
        ("numbers", Side::Right),
        ("periods", Side::Right),
        ("amount", Side::Right),
        ("cost", Side::Right),
        ("margin", Side::Right),
        ("available", Side::Right),
        ("covered", Side::Right),
        ("would fail", Side::Right),
    ]);
    for line in items(document, name) {
        let fields =
            ["/tenant_id", "/date", "/numbers", "/periods", "/amount", "/cost", "/margin", "/available", "/covered"];
        let [a, b, c, d, e, f, g, h, i] = fields.map(|field| cell(line, field));
        table.row([a, b, c, d, e, f, g, h, i, items(line, "failing").len().to_string()]);
    }
    table.render("Nothing is due.")
}

fn stages(run: &Value) -> String {
    let mut table = Table::new([
        ("tenant", Side::Left),
        ("number", Side::Left),
        ("would", Side::Left),
        ("day", Side::Right),
        ("counted", Side::Right),
        ("release at", Side::Left),
    ]);
    for stage in items(run, "stages") {
        let fields = ["/tenant_id", "/number_id", "/action", "/day", "/counted", "/release_at"];
        table.row(fields.map(|field| cell(stage, field)));
    }
    table.render("Nothing is overdue.")
}

pub(super) async fn margin(
    desk: &mut Desk<'_, '_>,
    tenant: &TenantId,
    currency: Option<Currency>,
) -> Result<Verdict, Failure> {
    let ask = Ask::get(format!("/v1/operator/tenants/{tenant}/margin")).query("currency", currency);
    let found = desk.api.send(&ask).await?.body;
    desk.show(&found, |found| {
        let names = [
            ("numbers", "/numbers"),
            ("revenue", "/revenue"),
            ("cost", "/cost"),
            ("margin", "/margin"),
            ("months charged", "/months_charged"),
            ("months at the carrier", "/months_at_carrier"),
            ("of these not charged", "/months_not_charged"),
        ];
        lines(found, &names)
    })?;
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_day_of_money_is_shown() {
        let usd = |amount: &str| json!({ "amount": amount, "currency": "USD" });
        let line = json!({ "tenant_id": "acme", "date": "2027-02-01", "numbers": 3, "periods": 4, "amount": usd("6.00"),
            "cost": usd("4.60"), "margin": usd("1.40"), "available": usd("4.50"), "covered": 3, "failing": ["num_3"] });
        assert_snapshot!(charges(&json!({ "items": [line] }), "items"), @r"
        tenant  date        numbers  periods    amount      cost    margin  available  covered  would fail
        acme    2027-02-01        3        4  6.00 USD  4.60 USD  1.40 USD   4.50 USD        3           1
        ");
        assert_snapshot!(charges(&json!({ "charges": [] }), "charges"), @"Nothing is due.");
        let stage = json!({ "tenant_id": "acme", "number_id": "num_3", "action": "notice", "day": 3, "counted": 3,
            "release_at": null });
        assert_snapshot!(stages(&json!({ "stages": [stage] })), @r"
        tenant  number  would   day  counted  release at
        acme    num_3   notice    3        3  –
        ");
        assert_snapshot!(stages(&json!({ "stages": [] })), @"Nothing is overdue.");
    }
}
