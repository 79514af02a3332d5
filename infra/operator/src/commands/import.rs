//! Numbers the operator's accounts have already, given to tenants: tried dry, said, confirmed, and only then sent, each under
//! a key made of its content.

use serde_json::{Value, json};

use super::{Desk, Verdict};
use crate::args::Source;
use crate::client::{Answer, Ask, may_fare_better};
use crate::failure::{Failure, Refusal};
use crate::row::Row;
use crate::table::{Side, Table, cell, items};

const PATH: &str = "/v1/numbers/import";
const IF_LOST: &str = "It may be imported all the same.";
const REPEAT: &str = "Repeat the same command later: nothing is imported twice.";

/// What became of a row.
#[derive(Debug, Clone)]
enum Fate {
    /// It is the tenant's now.
    Imported(Value),
    /// It was before this command.
    AlreadyThere(Value),
    /// Its operation goes on by itself.
    Running(Value),
    /// It is not.
    Refused(Refusal),
}

pub(super) async fn run(
    desk: &mut Desk<'_, '_>,
    source: &Source,
    rows: Vec<Row>,
    dry_run: bool,
    key: Option<&str>,
) -> Result<Verdict, Failure> {
    let prefix = key.unwrap_or("import");
    if rows.is_empty() {
        desk.show(&summary(true, &[]), |_| "The file names no numbers.\n".into())?;
        return Ok(Verdict::Good);
    }
    let mut checked = Vec::with_capacity(rows.len());
    for (n, row) in rows.iter().enumerate() {
        let would = tried(desk, row, prefix).await?;
        let told = would.as_ref().map_or_else(|refusal| format!("cannot: {}", refusal.brief()), |_| "can".into());
        progress(desk, (n, rows.len()), row, &told);
        checked.push(would);
    }
    if dry_run {
        return told(desk, source, &rows, checked);
    }
    desk.confirm(&plan(&rows, &checked))?;
    let mut fates: Vec<Fate> = Vec::with_capacity(rows.len());
    for (n, (row, would)) in rows.iter().zip(&checked).enumerate() {
        let fate = match send(desk, row, prefix, would.is_ok()).await {
            Ok(fate) => fate,
            Err(failure) => {
                let sent = format!("{n} of {} rows were sent before this.", rows.len());
                desk.terminal.note(&format!("{sent} {}\n{REPEAT}", counts(&fates)));
                return Err(failure);
            }
        };
        progress(desk, (n, rows.len()), row, &fate.told());
        fates.push(fate);
    }
    if let Err(failure) = follow(desk, &rows, prefix, &checked, &mut fates).await {
        desk.terminal.note(&format!("All rows were sent. {}\n{REPEAT}", counts(&fates)));
        return Err(failure);
    }
    finished(desk, source, &rows, fates)
}

/// Whether a row could be imported. Moves nothing, under a key of its own.
async fn tried(desk: &Desk<'_, '_>, row: &Row, prefix: &str) -> Result<Result<Value, Refusal>, Failure> {
    let key = format!("{}-dry", row.key(prefix));
    let ask = Ask::keyed(PATH, key, row.body(), "").query("dry_run", Some(true));
    match desk.api.send(&ask).await {
        Ok(answer) => Ok(Ok(answer.body)),
        Err(Failure::Refused(refusal)) if of_the_row(&refusal) => Ok(Err(*refusal)),
        Err(other) => Err(other),
    }
}

/// Imports a row, or learns what became of it when it was sent before.
async fn send(desk: &Desk<'_, '_>, row: &Row, prefix: &str, was_free: bool) -> Result<Fate, Failure> {
    let ask = Ask::keyed(PATH, row.key(prefix), row.body(), IF_LOST);
    match desk.api.send(&ask).await {
        Ok(Answer { status: 202, body }) => Ok(Fate::Running(body)),
        Ok(Answer { body, .. }) if was_free => Ok(Fate::Imported(body)),
        // Its key has an answer, though it could not have been imported now.
        Ok(Answer { body, .. }) => Ok(Fate::AlreadyThere(body)),
        Err(Failure::Refused(refusal)) if of_the_row(&refusal) => Ok(Fate::Refused(*refusal)),
        Err(other) => Err(other),
    }
}

/// Whether a refusal is about this row, and the next may fare better. Not signed in, not the operator, no such route, too
/// fast or down for a while is the same for every row.
pub(super) fn of_the_row(refusal: &Refusal) -> bool {
    let of_the_caller = matches!(refusal.status, 401 | 405) || refusal.code == "forbidden";
    let of_the_route = refusal.code.starts_with("http_");
    !of_the_caller && !of_the_route && !may_fare_better(refusal.status, Some(&refusal.document))
}

/// Looks after those that still ran, by asking again under their keys, until they are over or patience is.
async fn follow(
    desk: &mut Desk<'_, '_>,
    rows: &[Row],
    prefix: &str,
    checked: &[Result<Value, Refusal>],
    fates: &mut [Fate],
) -> Result<(), Failure> {
    // An import takes seconds; what takes longer has the queue and needs nobody to watch.
    let looks = desk.api.patience.looks.min(20);
    for _ in 0..looks {
        let open: Vec<usize> = (0..fates.len()).filter(|n| matches!(fates[*n], Fate::Running(_))).collect();
        if open.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(desk.api.patience.look_every).await;
        for n in open {
            fates[n] = send(desk, &rows[n], prefix, checked[n].is_ok()).await?;
            if !matches!(fates[n], Fate::Running(_)) {
                let told = fates[n].told();
                progress(desk, (n, rows.len()), &rows[n], &told);
            }
        }
    }
    Ok(())
}

impl Fate {
    fn told(&self) -> String {
        match self {
            Self::Imported(_) => "imported".into(),
            Self::AlreadyThere(_) => "already there".into(),
            Self::Running(body) => format!("goes on as operation {}", cell(body, "/operation/id")),
            Self::Refused(refusal) => format!("refused: {}", refusal.brief()),
        }
    }

    fn document(&self, row: &Row) -> Value {
        let (result, answer) = match self {
            Self::Imported(body) => ("imported", body),
            Self::AlreadyThere(body) => ("already_there", body),
            Self::Running(body) => ("running", body),
            Self::Refused(refusal) => ("refused", &refusal.document),
        };
        document(row, result, answer)
    }
}

fn document(row: &Row, result: &str, answer: &Value) -> Value {
    let (e164, tenant) = (row.e164.as_str(), row.tenant_id.as_str());
    json!({ "line": row.line, "e164": e164, "tenant_id": tenant, "result": result, "answer": answer })
}

fn progress(desk: &mut Desk<'_, '_>, (n, all): (usize, usize), row: &Row, told: &str) {
    desk.terminal.note(&format!("{} of {all}: {} for {}: {told}", n + 1, row.e164, row.tenant_id));
}

/// What is about to happen.
fn plan(rows: &[Row], checked: &[Result<Value, Refusal>]) -> String {
    let can = checked.iter().filter(|would| would.is_ok()).count();
    let cannot = checked.len() - can;
    let rest = match cannot {
        0 => String::new(),
        _ => format!(" {cannot} cannot, or are there already; they are sent as well, to find out which."),
    };
    let text = match rows {
        [row] => format!("Import {} from {} for {}.", row.e164, row.carrier, row.tenant_id),
        rows => format!("Import {} numbers.", rows.len()),
    };
    format!("{text} {can} can be imported now.{rest}")
}

/// Ends a dry run.
fn told(
    desk: &mut Desk<'_, '_>,
    source: &Source,
    rows: &[Row],
    checked: Vec<Result<Value, Refusal>>,
) -> Result<Verdict, Failure> {
    let refused = checked.iter().filter(|would| would.is_err()).count();
    if let Source::One(_) = source {
        return match checked.into_iter().next() {
            Some(Err(refusal)) => Err(Failure::Refused(Box::new(refusal))),
            Some(Ok(would)) => {
                desk.show(&would, |_| "It can be imported.\n".into())?;
                Ok(Verdict::Good)
            }
            None => Ok(Verdict::Good),
        };
    }
    let result = |(row, would): (&Row, &Result<Value, Refusal>)| match would {
        Ok(would) => document(row, "importable", would),
        Err(refusal) => document(row, "refused", &refusal.document),
    };
    let results: Vec<Value> = rows.iter().zip(&checked).map(result).collect();
    desk.show(&summary(true, &results), shown)?;
    Ok(Verdict::found(refused > 0))
}

/// Ends an import.
fn finished(desk: &mut Desk<'_, '_>, source: &Source, rows: &[Row], fates: Vec<Fate>) -> Result<Verdict, Failure> {
    if let (Source::One(row), [fate]) = (source, fates.as_slice()) {
        let (body, verdict) = match fate {
            Fate::Imported(body) | Fate::AlreadyThere(body) => (body, Verdict::Good),
            Fate::Running(body) => (body, Verdict::Found),
            Fate::Refused(refusal) => return Err(Failure::Refused(Box::new(refusal.clone()))),
        };
        desk.show(body, |body| format!("{} ({}): {}.\n", row.e164, cell(body, "/number/id"), fate.told()))?;
        return Ok(verdict);
    }
    let results: Vec<Value> = rows.iter().zip(&fates).map(|(row, fate)| fate.document(row)).collect();
    desk.show(&summary(false, &results), shown)?;
    let open = |fate: &Fate| matches!(fate, Fate::Refused(_) | Fate::Running(_));
    Ok(Verdict::found(fates.iter().any(open)))
}

fn count(results: &[Value], name: &str) -> usize {
    results.iter().filter(|result| result["result"] == json!(name)).count()
}

fn counts(fates: &[Fate]) -> String {
    let of = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
    format!(
        "Imported: {}. Already there: {}. Still running: {}. Refused: {}.",
        of(|fate| matches!(fate, Fate::Imported(_))),
        of(|fate| matches!(fate, Fate::AlreadyThere(_))),
        of(|fate| matches!(fate, Fate::Running(_))),
        of(|fate| matches!(fate, Fate::Refused(_))),
    )
}

/// What a file came to, as one document.
fn summary(dry_run: bool, results: &[Value]) -> Value {
    let mut summary = json!({ "dry_run": dry_run, "rows": results });
    for name in ["importable", "imported", "already_there", "running", "refused"] {
        summary[name] = count(results, name).into();
    }
    summary
}

/// What a person must look at, and the counts.
fn shown(summary: &Value) -> String {
    let mut table =
        Table::new([("line", Side::Right), ("digits", Side::Left), ("tenant", Side::Left), ("what", Side::Left)]);
    for row in items(summary, "rows") {
        let what = match row["result"].as_str() {
            Some("refused") => Refusal::read(0, row["answer"].clone()).brief(),
            Some("running") => format!("goes on as operation {}", cell(row, "/answer/operation/id")),
            Some(_) | None => continue,
        };
        table.row([cell(row, "/line"), cell(row, "/e164"), cell(row, "/tenant_id"), what]);
    }
    let all = "Every row is well.";
    let [importable, imported, there, running, refused] =
        ["/importable", "/imported", "/already_there", "/running", "/refused"].map(|name| cell(summary, name));
    let counts = match summary["dry_run"] == json!(true) {
        true => format!("Could be imported: {importable}. Could not, or there already: {refused}. Nothing was sent."),
        false => {
            format!("Imported: {imported}. Already there: {there}. Still running: {running}. Refused: {refused}.")
        }
    };
    format!("{}{counts}\n", table.render(all))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn what_a_file_came_to_is_shown() {
        let row = |line: u32, result: &str, answer: Value| json!({ "line": line, "e164": "+12125550123", "tenant_id": "acme", "result": result, "answer": answer });
        let problem = json!({ "code": "number_unavailable", "detail": "It is taken or not on offer. Search again." });
        let rows = [
            row(2, "imported", json!({})),
            row(3, "already_there", json!({})),
            row(4, "running", json!({ "operation": { "id": "op_1" } })),
            row(5, "refused", problem),
        ];
        assert_snapshot!(shown(&summary(false, &rows)), @r"
        line  digits        tenant  what
           4  +12125550123  acme    goes on as operation op_1
           5  +12125550123  acme    number_unavailable: It is taken or not on offer. Search again.
        Imported: 1. Already there: 1. Still running: 1. Refused: 1.
        ");
        assert_snapshot!(shown(&summary(true, &[row(2, "importable", json!({}))])), @r"
        Every row is well.
        Could be imported: 1. Could not, or there already: 0. Nothing was sent.
        ");
    }

    #[test]
    fn a_refusal_of_every_row_ends_it() {
        let check = |status: u16, code: &str, of_row: bool| {
            assert_eq!(of_the_row(&Refusal::read(status, json!({ "code": code }))), of_row, "{code}");
        };
        check(409, "number_unavailable", true);
        check(403, "number_limit_reached", true);
        check(404, "not_found", true);
        check(503, "carrier_not_configured", true);
        check(503, "carrier_unavailable", false);
        check(401, "unauthenticated", false);
        check(403, "forbidden", false);
        check(429, "rate_limited", false);
        assert!(!of_the_row(&Refusal::read(404, json!({ "message": "Not Found" }))));
        // What an operation came to is its row's for ever.
        let failed = json!({ "code": "carrier_unavailable", "operation_id": "op_1" });
        assert!(of_the_row(&Refusal::read(503, failed)));
    }
}
