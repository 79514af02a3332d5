//! Numbers that were set aside.

use domain::{NumberId, TenantId};
use serde_json::{Value, json};

use super::{Desk, Verdict};
use crate::args::Decision;
use crate::client::Ask;
use crate::failure::Failure;
use crate::table::{Side, Table, cell, items};

const IF_LOST: &str = "It may be done all the same: see `trunkline parked`.";

pub(super) async fn parked(desk: &mut Desk<'_, '_>) -> Result<Verdict, Failure> {
    let found = desk.api.list(Ask::get("/v1/operator/numbers").query("parked", Some(true)), desk.limit).await?;
    desk.show(&found, table)?;
    Ok(Verdict::found(!items(&found, "items").is_empty()))
}

fn table(found: &Value) -> String {
    let columns = ["number", "digits", "tenant", "status", "since", "why"];
    let mut table = Table::new(columns.map(|name| (name, Side::Left)));
    for number in items(found, "items") {
        let fields = ["/number_id", "/e164", "/tenant_id", "/status", "/parked_at", "/parked_why"];
        table.row(fields.map(|field| cell(number, field)));
    }
    table.render("No number is parked.")
}

pub(super) async fn park(
    desk: &mut Desk<'_, '_>,
    number: &NumberId,
    tenant: &TenantId,
    reason: &str,
) -> Result<Verdict, Failure> {
    desk.confirm(&format!("Park {number} of {tenant}: it is neither charged nor released until it is resolved."))?;
    let body = json!({ "tenant_id": tenant.as_str(), "reason": reason });
    let ask = Ask::once(format!("/v1/operator/numbers/{number}/park"), Some(body), IF_LOST);
    let answer = desk.api.send(&ask).await?;
    desk.show(&answer.body, |_| format!("{number} is parked.\n"))?;
    Ok(Verdict::Good)
}

pub(super) async fn resolve(
    desk: &mut Desk<'_, '_>,
    number: &NumberId,
    tenant: &TenantId,
    decision: Decision,
    reason: &str,
) -> Result<Verdict, Failure> {
    let (decided, what) = match decision {
        Decision::Keep => ("keep", "Keep it: the periods it served are charged, and it goes on"),
        Decision::Release => ("release", "Release it for good: its callers reach nobody any more"),
    };
    desk.confirm(&format!("Resolve {number} of {tenant}. {what}."))?;
    let body = json!({ "tenant_id": tenant.as_str(), "decision": decided, "reason": reason });
    let ask = Ask::once(format!("/v1/operator/numbers/{number}/resolve"), Some(body), IF_LOST);
    let answer = desk.api.send(&ask).await?;
    desk.show(&answer.body, |body| resolved(number, body))?;
    Ok(Verdict::Good)
}

fn resolved(number: &NumberId, body: &Value) -> String {
    let status = match body.pointer("/number/status") {
        Some(_) => format!(" and {}", cell(body, "/number/status")),
        None => String::new(),
    };
    let operation = match body.pointer("/operation/id") {
        Some(_) => format!(" Operation {} is {}.", cell(body, "/operation/id"), cell(body, "/operation/status")),
        None => String::new(),
    };
    format!("{number} is no longer parked{status}.{operation}\n")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn parked_numbers_are_shown() {
        let found = json!({ "items": [{ "number_id": "num_1", "e164": "+12125550123", "tenant_id": "acme",
            "status": "active", "parked_at": "2027-01-15T10:00:00Z", "parked_why": "missing at the carrier" }] });
        assert_snapshot!(table(&found), @r"
        number  digits        tenant  status  since                 why
        num_1   +12125550123  acme    active  2027-01-15T10:00:00Z  missing at the carrier
        ");
        assert_snapshot!(table(&json!({ "items": [] })), @"No number is parked.");
    }

    #[test]
    fn a_resolution_says_what_became_of_it() {
        let id: NumberId = "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let kept = json!({ "number": { "status": "active" } });
        assert_snapshot!(resolved(&id, &kept), @"num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b is no longer parked and active.");
        let released =
            json!({ "number": { "status": "releasing" }, "operation": { "id": "op_1", "status": "running" } });
        assert_snapshot!(resolved(&id, &released), @"num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b is no longer parked and releasing. Operation op_1 is running.");
    }
}
