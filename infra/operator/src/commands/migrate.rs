//! A number for every agent of a list: looked at row by row, reckoned up by tenant, confirmed, and only then bought, each
//! under a key made of its content. Looking moves nothing and says what became of a row that was sent before, so that the
//! same list goes on where it was stopped, and only what was confirmed is ever bought.

use serde_json::{Value, json};

use super::import::of_the_row;
use super::{Desk, Verdict};
use crate::client::{Answer, Ask};
use crate::failure::{Failure, Refusal};
use crate::reckoning::{Price, Reckoning};
use crate::table::{Side, Table, cell, items};
use crate::wish::Wish;

const IF_LOST: &str = "It may be bought all the same.";
const REPEAT: &str = "Repeat the same command: it goes on from there, and nothing is bought twice.";

/// How it stands with a row.
#[derive(Debug, Clone)]
enum Fate {
    /// Such a number can be bought, for so much.
    Can(Value, Price),
    /// Bought by this command.
    Bought(Value),
    /// Bought for this row before this command.
    Before(Value),
    /// The agent has a number, and not from this row.
    Has(Value),
    /// Its operation goes on by itself, or waits for somebody.
    Running(Value),
    /// Bought for this row, and not what its agent answers.
    Unanswered(Value),
    /// It is not to be had.
    Refused(Refusal),
}

pub(super) async fn run(
    desk: &mut Desk<'_, '_>,
    rows: &[Wish],
    dry_run: bool,
    key: Option<&str>,
) -> Result<Verdict, Failure> {
    let prefix = key.unwrap_or("migrate");
    let (mut reckoning, mut fates) = (Reckoning::default(), Vec::with_capacity(rows.len()));
    for (n, row) in rows.iter().enumerate() {
        let fate = look(desk, row, prefix, &mut reckoning).await?;
        progress(desk, (n, rows.len()), row, &fate);
        fates.push(fate);
    }
    if !dry_run {
        buy(desk, rows, prefix, &reckoning, &mut fates).await?;
        if let Err(failure) = follow(desk, rows, prefix, &mut fates).await {
            desk.terminal.note(&format!("All rows were sent. {}\n{REPEAT}", counts(&summary(false, rows, &fates))));
            return Err(failure);
        }
    }
    let mut summary = summary(dry_run, rows, &fates);
    if dry_run {
        summary["tenants"] = reckoning.document();
    }
    let sums = reckoning.table();
    desk.show(&summary, |summary| shown(summary, rows, &fates, &sums))?;
    let open = |fate: &Fate| matches!(fate, Fate::Running(_) | Fate::Unanswered(_) | Fate::Refused(_));
    Ok(Verdict::found(fates.iter().any(open)))
}

/// How a row stands: what could be bought, or what became of it. Moves nothing.
async fn look(desk: &Desk<'_, '_>, row: &Wish, prefix: &str, reckoning: &mut Reckoning) -> Result<Fate, Failure> {
    match ask(desk, row, prefix, true).await? {
        Ok(Answer { status: 200, body }) => Ok(match reckoning.take(&row.tenant_id, &body)? {
            Ok(price) => Fate::Can(body, price),
            Err(refusal) => Fate::Refused(refusal),
        }),
        Ok(answer) => Ok(Fate::of(row, answer, Fate::Before)),
        Err(refusal) => Ok(Fate::not(refusal)),
    }
}

/// Buys what can be bought, once somebody said so.
async fn buy(
    desk: &mut Desk<'_, '_>,
    rows: &[Wish],
    prefix: &str,
    reckoning: &Reckoning,
    fates: &mut [Fate],
) -> Result<(), Failure> {
    let open: Vec<usize> = (0..fates.len()).filter(|n| matches!(fates[*n], Fate::Can(..))).collect();
    if open.is_empty() {
        return Ok(());
    }
    desk.confirm(&plan(open.len(), reckoning, fates))?;
    for (sent, n) in open.iter().enumerate() {
        let row = &rows[*n];
        fates[*n] = match ask(desk, row, prefix, false).await {
            Ok(Ok(answer)) => Fate::of(row, answer, Fate::Bought),
            Ok(Err(refusal)) => Fate::not(refusal),
            Err(failure) => {
                let so_far = counts(&summary(false, rows, fates));
                desk.terminal.note(&format!("{sent} of {} were sent before this. {so_far}\n{REPEAT}", open.len()));
                return Err(failure);
            }
        };
        progress(desk, (sent, open.len()), row, &fates[*n]);
    }
    Ok(())
}

/// Looks after those that still run, until they are over or patience is.
async fn follow(desk: &mut Desk<'_, '_>, rows: &[Wish], prefix: &str, fates: &mut [Fate]) -> Result<(), Failure> {
    // A purchase takes seconds; what takes longer has the queue and needs nobody to watch.
    for _ in 0..desk.api.patience.looks.min(20) {
        let open: Vec<usize> = (0..fates.len()).filter(|n| matches!(fates[*n], Fate::Running(_))).collect();
        if open.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(desk.api.patience.look_every).await;
        for n in open {
            let row = &rows[n];
            fates[n] = match ask(desk, row, prefix, true).await? {
                Ok(answer) => Fate::of(row, answer, Fate::Bought),
                Err(refusal) => Fate::not(refusal),
            };
            if !matches!(fates[n], Fate::Running(_)) {
                progress(desk, (n, rows.len()), row, &fates[n]);
            }
        }
    }
    Ok(())
}

/// Sends a row; what is refused for the row alone ends nothing.
async fn ask(desk: &Desk<'_, '_>, row: &Wish, prefix: &str, dry_run: bool) -> Result<Result<Answer, Refusal>, Failure> {
    let if_lost = if dry_run { "" } else { IF_LOST };
    let ask = Ask::keyed(row.path(), row.key(prefix), row.body(), if_lost);
    let ask = ask.query("tenant_id", Some(&row.tenant_id)).query("dry_run", dry_run.then_some(true));
    match desk.api.send(&ask).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(Failure::Refused(refusal)) if of_the_row(&refusal) => Ok(Err(*refusal)),
        Err(other) => Err(other),
    }
}

impl Fate {
    /// What an answer about an operation says; one that ended well is this.
    fn of(row: &Wish, Answer { status, body }: Answer, well: fn(Value) -> Self) -> Self {
        let answered = body.pointer("/number/agent_id").is_some_and(|agent| *agent == row.agent_id.as_str());
        match status {
            202 => Self::Running(body),
            _ if answered => well(body),
            _ => Self::Unanswered(body),
        }
    }

    fn not(refusal: Refusal) -> Self {
        if refusal.code == "agent_has_number" { Self::Has(refusal.document) } else { Self::Refused(refusal) }
    }

    /// What it is in the document, and the answer it was read from.
    fn named(&self) -> (&'static str, &Value) {
        match self {
            Self::Can(body, _) => ("can_buy", body),
            Self::Bought(body) => ("bought", body),
            Self::Before(body) => ("bought_before", body),
            Self::Has(document) => ("has_number", document),
            Self::Running(body) => ("running", body),
            Self::Unanswered(body) => ("unanswered", body),
            Self::Refused(refusal) => ("refused", &refusal.document),
        }
    }

    fn told(&self, row: &Wish) -> String {
        let number = |body| cell(body, "/number/e164");
        match self {
            Self::Can(body, _) => {
                let [e164, kind, country] = ["/offer/e164", "/offer/type", "/offer/country"].map(|at| cell(body, at));
                match row.e164 {
                    Some(_) => format!("can have {e164}"),
                    None => format!("can have one such as {e164} ({country} {kind})"),
                }
            }
            Self::Bought(body) => format!("bought {}", number(body)),
            Self::Before(body) => format!("has {} from this list", number(body)),
            Self::Has(_) => "has a number".into(),
            Self::Running(body) => {
                let [id, status] = ["/operation/id", "/operation/status"].map(|at| cell(body, at));
                format!("its operation {id} is {status}")
            }
            Self::Unanswered(body) => {
                let reason = body.pointer("/number/link/reason").and_then(Value::as_str);
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("does not answer {} ({}){reason}", number(body), cell(body, "/number/status"))
            }
            Self::Refused(refusal) => format!("cannot: {}", refusal.brief()),
        }
    }
}

fn progress(desk: &mut Desk<'_, '_>, (n, all): (usize, usize), row: &Wish, fate: &Fate) {
    desk.terminal.note(&format!("{} of {all}: {} of {}: {}", n + 1, row.agent_id, row.tenant_id, fate.told(row)));
}

/// What is about to happen.
fn plan(numbers: usize, reckoning: &Reckoning, fates: &[Fate]) -> String {
    let other = fates.len() - numbers;
    let rest = match other {
        0 => String::new(),
        _ => format!("\n{other} others have a number, or cannot be given one now, and are left alone."),
    };
    let (total, sums) = (reckoning.total(), reckoning.table());
    format!("Buy {numbers} numbers, for {total} now and what they cost each month after:\n{sums}{rest}")
}

/// What a list came to, or would, as one document.
fn summary(dry_run: bool, rows: &[Wish], fates: &[Fate]) -> Value {
    let row = |(row, fate): (&Wish, &Fate)| {
        let (result, answer) = fate.named();
        let (tenant, agent) = (row.tenant_id.as_str(), row.agent_id.as_str());
        let mut document = json!({ "line": row.line, "tenant_id": tenant, "agent_id": agent, "result": result });
        document["answer"] = answer.clone();
        if let Fate::Can(_, price) = fate {
            document["cost"] = price.document();
        }
        document
    };
    let results: Vec<Value> = rows.iter().zip(fates).map(row).collect();
    let mut summary = json!({ "dry_run": dry_run });
    for name in ["can_buy", "bought", "bought_before", "has_number", "running", "unanswered", "refused"] {
        summary[name] = results.iter().filter(|row| row["result"] == name).count().into();
    }
    summary["rows"] = results.into();
    summary
}

/// Every row of a dry run, with the sums; afterwards what a person must look at. Then the counts.
fn shown(summary: &Value, rows: &[Wish], fates: &[Fate], sums: &str) -> String {
    let dry_run = summary["dry_run"] == json!(true);
    let columns = [
        ("line", Side::Right),
        ("tenant", Side::Left),
        ("agent", Side::Left),
        ("costs now", Side::Right),
        ("what", Side::Left),
    ];
    let mut table = Table::new(columns);
    for ((row, fate), document) in rows.iter().zip(fates).zip(items(summary, "rows")) {
        let done = matches!(fate, Fate::Can(..) | Fate::Bought(_) | Fate::Before(_) | Fate::Has(_));
        if dry_run || !done {
            let (line, cost) = (row.line.to_string(), cell(document, "/cost"));
            table.row([line, row.tenant_id.to_string(), row.agent_id.to_string(), cost, fate.told(row)]);
        }
    }
    let rows = table.render(if rows.is_empty() { "The file names no agents." } else { "Every row is well." });
    let sums = if dry_run { format!("{sums}\n") } else { String::new() };
    format!("{rows}\n{sums}{}\n", counts(summary))
}

fn counts(summary: &Value) -> String {
    let names = ["can_buy", "bought", "bought_before", "has_number", "running", "unanswered", "refused"];
    let [can, bought, before, has, running, unanswered, refused] = names.map(|name| cell(summary, &format!("/{name}")));
    let there = format!("Had from this list: {before}. Had another: {has}.");
    let open = format!("Still running: {running}. Not answered: {unanswered}. Refused: {refused}.");
    match summary["dry_run"] == json!(true) {
        true => format!("Could be bought: {can}. {there} {open} Nothing was bought."),
        false => format!("Bought: {bought}. {there} {open}"),
    }
}
