//! Work that needs a person, and what persons did.

use domain::OperationId;
use serde_json::{Value, json};

use super::{Desk, Verdict};
use crate::args::Which;
use crate::client::Ask;
use crate::failure::Failure;
use crate::table::{Side, Table, cell, items};

pub(super) async fn list(desk: &mut Desk<'_, '_>, which: Which) -> Result<Verdict, Failure> {
    let (status, empty) = match which {
        Which::Stuck => ("stuck", "Nothing is stuck."),
        Which::Waiting => ("waiting", "Nothing waits for anybody."),
    };
    let ask = Ask::get("/v1/operator/operations").query("status", Some(status));
    let found = desk.api.list(ask, desk.limit).await?;
    desk.show(&found, |found| operations(found, empty))?;
    Ok(Verdict::found(which == Which::Stuck && !items(&found, "items").is_empty()))
}

fn operations(found: &Value, empty: &str) -> String {
    let mut table = Table::new([
        ("operation", Side::Left),
        ("kind", Side::Left),
        ("tenant", Side::Left),
        ("number", Side::Left),
        ("since", Side::Left),
        ("attempts", Side::Right),
        ("trouble", Side::Left),
        ("advice", Side::Left),
    ]);
    for op in items(found, "items") {
        // Older deployments name neither the digits nor since when.
        let first =
            |a: &str, b: &str| if op.pointer(a).is_some_and(|v| !v.is_null()) { cell(op, a) } else { cell(op, b) };
        table.row([
            cell(op, "/id"),
            cell(op, "/kind"),
            cell(op, "/tenant_id"),
            first("/e164", "/number_id"),
            first("/since", "/created_at"),
            cell(op, "/attempts"),
            first("/trouble", "/error/detail"),
            cell(op, "/advice"),
        ]);
    }
    table.render(empty)
}

pub(super) async fn resume(desk: &mut Desk<'_, '_>, id: &OperationId) -> Result<Verdict, Failure> {
    desk.confirm(&format!("Let operation {id} go on from where it is."))?;
    let ask = Ask::once(
        format!("/v1/operator/operations/{id}/resume"),
        None,
        "It may go on all the same: see `trunkline operations --stuck`.",
    );
    let answer = desk.api.send(&ask).await?;
    desk.show(&answer.body, |op| {
        format!("Operation {} of {} is {}.\n", cell(op, "/id"), cell(op, "/tenant_id"), cell(op, "/status"))
    })?;
    Ok(Verdict::Good)
}

pub(super) async fn complete(
    desk: &mut Desk<'_, '_>,
    id: &OperationId,
    told: Option<Value>,
) -> Result<Verdict, Failure> {
    let done = match &told {
        Some(told) if told.get("refused").is_some() => format!("no number can be had: {}", cell(told, "/refused")),
        Some(told) => format!("{} was ordered in the carrier's panel", cell(told, "/e164")),
        None => "the number was cancelled in the carrier's panel".to_owned(),
    };
    desk.confirm(&format!("Say for operation {id} that {done}."))?;
    let ask = Ask::once(
        format!("/v1/operator/operations/{id}/complete"),
        Some(told.unwrap_or_else(|| json!({}))),
        "It may be completed all the same: see `trunkline operations --waiting`.",
    );
    let answer = desk.api.send(&ask).await?;
    desk.show(&answer.body, |op| {
        format!("Operation {} of {} is {}.\n", cell(op, "/id"), cell(op, "/tenant_id"), cell(op, "/status"))
    })?;
    Ok(Verdict::Good)
}

pub(super) async fn audit(desk: &mut Desk<'_, '_>, from: Option<&str>, to: Option<&str>) -> Result<Verdict, Failure> {
    let ask = Ask::get("/v1/operator/audit").query("from", from).query("to", to);
    let found = desk.api.list(ask, desk.limit).await?;
    desk.show(&found, deeds)?;
    Ok(Verdict::Good)
}

fn deeds(found: &Value) -> String {
    let columns = ["at", "actor", "action", "tenant", "subject", "reason", "detail"];
    let mut table = Table::new(columns.map(|name| (name, Side::Left)));
    for deed in items(found, "items") {
        let fields = ["/at", "/actor", "/action", "/tenant_id", "/subject", "/reason", "/detail"];
        table.row(fields.map(|field| cell(deed, field)));
    }
    table.render("Nobody did anything then.")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_of_this_and_of_older_deployments_are_shown() {
        let found = json!({ "items": [
            { "id": "op_1", "kind": "purchase", "tenant_id": "acme", "e164": "+12125550123", "since": "2027-01-15T10:00:00Z",
              "attempts": 12, "trouble": "carrier: timeout", "advice": "Resume it once the carrier answers." },
            { "id": "op_2", "kind": "release", "tenant_id": "b", "number_id": "num_2", "created_at": "2027-01-16T10:00:00Z",
              "attempts": 3, "trouble": null, "error": { "code": "needs_operator", "detail": "sold twice" } },
        ], "next_cursor": null });
        assert_snapshot!(operations(&found, ""), @r"
        operation  kind      tenant  number        since                 attempts  trouble           advice
        op_1       purchase  acme    +12125550123  2027-01-15T10:00:00Z        12  carrier: timeout  Resume it once the carrier answers.
        op_2       release   b       num_2         2027-01-16T10:00:00Z         3  sold twice        –
        ");
        assert_snapshot!(operations(&json!({ "items": [] }), "Nothing is stuck."), @"Nothing is stuck.");
    }

    #[test]
    fn deeds_are_shown() {
        let found = json!({ "items": [{ "id": "aud_1", "at": "2027-01-15T10:00:00Z", "actor": "ada", "action": "park",
            "tenant_id": "acme", "subject": "num_1", "reason": "listed twice", "detail": { "status": "active" } }] });
        assert_snapshot!(deeds(&found), @r#"
        at                    actor  action  tenant  subject  reason        detail
        2027-01-15T10:00:00Z  ada    park    acme    num_1    listed twice  {"status":"active"}
        "#);
        assert_snapshot!(deeds(&json!({ "items": [] })), @"Nobody did anything then.");
    }
}
