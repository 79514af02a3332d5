//! Whether the ledger adds up.

use domain::TenantId;
use serde_json::{Value, json};

use super::{Desk, Verdict};
use crate::client::Ask;
use crate::failure::Failure;
use crate::table::{Side, Table, cell, items};

pub(super) async fn verify(desk: &mut Desk<'_, '_>, tenant: Option<&TenantId>) -> Result<Verdict, Failure> {
    let mut check = one(desk, tenant.map(TenantId::as_str)).await?;
    if tenant.is_none() && check["complete"] == json!(false) {
        desk.terminal.note("Too much for one request: tenant by tenant.");
        check = by_tenant(desk, &check["now"]).await?;
    }
    desk.show(&check, table)?;
    Ok(Verdict::found(check["ok"] != json!(true) || check["complete"] != json!(true)))
}

async fn one(desk: &Desk<'_, '_>, tenant: Option<&str>) -> Result<Value, Failure> {
    let ask = Ask::get("/v1/operator/ledger/verify").query("tenant_id", tenant);
    Ok(desk.api.send(&ask).await?.body)
}

/// One check of all tenants, put together from a check of each.
async fn by_tenant(desk: &mut Desk<'_, '_>, now: &Value) -> Result<Value, Failure> {
    let tenants = desk.api.list(Ask::get("/v1/operator/tenants"), usize::MAX).await?;
    let mut sum = json!({ "ok": true, "complete": true, "now": now, "wallets": 0, "entries": 0, "violations": [] });
    let all = items(&tenants, "items");
    for (n, tenant) in all.iter().enumerate() {
        let id = cell(tenant, "/id");
        desk.terminal.note(&format!("{} of {}: {id}", n + 1, all.len()));
        add(&mut sum, &one(desk, Some(&id)).await?);
    }
    Ok(sum)
}

fn add(sum: &mut Value, check: &Value) {
    for flag in ["ok", "complete"] {
        sum[flag] = (sum[flag] == json!(true) && check[flag] == json!(true)).into();
    }
    for count in ["wallets", "entries"] {
        sum[count] = (sum[count].as_u64().unwrap_or(0) + check[count].as_u64().unwrap_or(0)).into();
    }
    if let Some(violations) = sum["violations"].as_array_mut() {
        violations.extend(items(check, "violations").iter().cloned());
    }
}

fn table(check: &Value) -> String {
    let columns = ["tenant", "currency", "what"];
    let mut table = Table::new(columns.map(|name| (name, Side::Left)));
    for violation in items(check, "violations") {
        table.row(["/tenant_id", "/currency", "/detail"].map(|field| cell(violation, field)));
    }
    let missing = if check["complete"] == json!(true) { "" } else { " Not everything could be checked." };
    let (wallets, entries) = (cell(check, "/wallets"), cell(check, "/entries"));
    format!("{}Wallets checked: {wallets}, with {entries} entries.{missing}\n", table.render("Everything adds up."))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn checks_add_up_and_are_shown() {
        let good = json!({ "ok": true, "complete": true, "wallets": 2, "entries": 7, "violations": [] });
        let bad = json!({ "ok": false, "complete": false, "wallets": 1, "entries": 3, "violations": [
            { "tenant_id": "acme", "currency": "USD", "detail": "balance 5, the ledger has 4" }] });
        assert_snapshot!(table(&good), @r"
        Everything adds up.
        Wallets checked: 2, with 7 entries.
        ");
        let mut sum = good;
        add(&mut sum, &bad);
        assert_eq!((&sum["ok"], &sum["complete"], &sum["entries"]), (&json!(false), &json!(false), &json!(10)));
        assert_snapshot!(table(&sum), @r"
        tenant  currency  what
        acme    USD       balance 5, the ledger has 4
        Wallets checked: 3, with 10 entries. Not everything could be checked.
        ");
    }
}
