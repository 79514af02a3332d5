//! Tenants and their plans.

use domain::TenantId;
use serde_json::{Value, json};

use super::{Desk, Verdict};
use crate::client::Ask;
use crate::failure::Failure;
use crate::table::{Side, Table, cell, items};

pub(super) async fn list(desk: &mut Desk<'_, '_>) -> Result<Verdict, Failure> {
    let found = desk.api.list(Ask::get("/v1/operator/tenants"), desk.limit).await?;
    desk.show(&found, table)?;
    Ok(Verdict::Good)
}

/// A line a wallet; a tenant without one has a line all the same.
fn table(found: &Value) -> String {
    let mut table = Table::new([
        ("tenant", Side::Left),
        ("plan", Side::Left),
        ("standing", Side::Left),
        ("numbers", Side::Right),
        ("overdue", Side::Right),
        ("balance", Side::Right),
        ("held", Side::Right),
        ("available", Side::Right),
    ]);
    for tenant in items(found, "items") {
        let standing = match (&tenant["suspended"], &tenant["outage_mode"]) {
            (Value::Bool(true), _) => "suspended",
            (_, Value::Bool(true)) => "outage mode",
            (_, _) => "good",
        };
        let [id, plan, numbers, overdue] =
            ["/id", "/plan", "/numbers_held", "/overdue"].map(|field| cell(tenant, field));
        let none = [Value::Null];
        let wallets = Some(items(tenant, "wallets")).filter(|some| !some.is_empty()).unwrap_or(&none);
        for (n, wallet) in wallets.iter().enumerate() {
            let [balance, held, available] = ["/balance", "/held", "/available"].map(|field| cell(wallet, field));
            let of_tenant = [&id, &plan, &standing.to_owned(), &numbers, &overdue];
            let [id, plan, standing, numbers, overdue] =
                of_tenant.map(|cell| if n == 0 { cell.clone() } else { String::new() });
            table.row([id, plan, standing, numbers, overdue, balance, held, available]);
        }
    }
    table.render("There are no tenants.")
}

pub(super) async fn plan(desk: &mut Desk<'_, '_>, tenant: &TenantId, plan: &str) -> Result<Verdict, Failure> {
    desk.confirm(&format!("Move {tenant} to the plan {plan}."))?;
    let ask = Ask::put(format!("/v1/operator/tenants/{tenant}"), json!({ "plan": plan }));
    let answer = desk.api.send(&ask).await?;
    desk.show(&answer.body, |tenant| format!("{} has the plan {}.\n", cell(tenant, "/id"), cell(tenant, "/plan")))?;
    Ok(Verdict::Good)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_tenant_has_a_line_for_each_wallet_and_at_least_one() {
        let wallet = |amount: &str, currency: &str| {
            let sum = json!({ "amount": amount, "currency": currency });
            json!({ "currency": currency, "balance": sum, "held": { "amount": "0.00", "currency": currency }, "available": sum })
        };
        let tenant = |id: &str, suspended: bool, wallets: Value| {
            json!({ "id": id, "plan": "PRO", "suspended": suspended, "outage_mode": false, "numbers_held": 12, "overdue": 0,
                "wallets": wallets })
        };
        let found = json!({ "items": [
            tenant("acme", false, json!([wallet("20.00", "TRY"), wallet("1006.25", "USD")])),
            tenant("nobody", true, json!([])),
        ] });
        assert_snapshot!(table(&found), @r"
        tenant  plan  standing   numbers  overdue      balance      held    available
        acme    PRO   good            12        0    20.00 TRY  0.00 TRY    20.00 TRY
                                                   1006.25 USD  0.00 USD  1006.25 USD
        nobody  PRO   suspended       12        0            –         –            –
        ");
        assert_snapshot!(table(&json!({ "items": [] })), @"There are no tenants.");
    }
}
