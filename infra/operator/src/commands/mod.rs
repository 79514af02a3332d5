//! What each command asks of the API and shows of the answer, one file per noun.

mod adjust;
mod agreement;
mod import;
mod ledger;
mod migrate;
mod money;
mod numbers;
mod operations;
mod tenants;

use serde_json::Value;

use crate::args::{Command, Source};
use crate::client::Api;
use crate::failure::Failure;
use crate::row::Row;
use crate::sheet;
use crate::table;
use crate::terminal::Terminal;
use crate::wish::Wish;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done and good.
    Good,
    /// Something was found that somebody has to look at.
    Found,
}

impl Verdict {
    /// Found, if so.
    pub(crate) const fn found(something: bool) -> Self {
        if something { Self::Found } else { Self::Good }
    }

    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Found => 1,
        }
    }
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Desk<'d, 't> {
    pub(crate) api: Api,
    pub(crate) terminal: &'d mut Terminal<'t>,
    pub(crate) json: bool,
    pub(crate) yes: bool,
    pub(crate) limit: usize,
}

impl Desk<'_, '_> {
    /// Shows a document as it is, or as a person reads it.
    pub(crate) fn show(&mut self, document: &Value, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        let text = if self.json { format!("{document:#}\n") } else { text(document) };
        self.terminal.say(&text)?;
        if document.get("next_cursor").is_some_and(Value::is_string) {
            self.terminal.note("There are more: raise --limit.");
        }
        Ok(())
    }

    pub(crate) fn confirm(&mut self, what: &str) -> Result<(), Failure> {
        self.terminal.confirm(what, self.yes)
    }
}

/// `name value` lines, aligned.
pub(crate) fn lines(document: &Value, names: &[(&str, &str)]) -> String {
    let width = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, pointer): &(&str, &str)| {
        format!("{name:width$}  {}\n", table::printable(&table::cell(document, pointer)))
    };
    names.iter().map(line).collect()
}

/// What a command works on.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// To import.
    numbers: Vec<Row>,
    /// To give numbers.
    agents: Vec<Wish>,
    /// What is told of a number that was ordered by hand.
    told: Option<Value>,
}

/// Reads and checks what a command works on, before anybody is asked for anything.
pub(crate) fn prepare(command: &Command) -> Result<Prepared, Failure> {
    let mut prepared = Prepared::default();
    match command {
        Command::Import { source: Source::File(file), .. } => prepared.numbers = sheet::file(file)?,
        Command::Import { source: Source::One(row), .. } => prepared.numbers.push(row.clone()),
        Command::Migrate { file, .. } => prepared.agents = sheet::file(file)?,
        Command::Complete { file: Some(file), .. } => prepared.told = Some(sheet::json(file)?),
        _ => {}
    }
    Ok(prepared)
}

/// Does it.
pub(crate) async fn run(desk: &mut Desk<'_, '_>, command: &Command, on: Prepared) -> Result<Verdict, Failure> {
    match command {
        Command::Operations(which) => operations::list(desk, *which).await,
        Command::Resume(id) => operations::resume(desk, id).await,
        Command::Complete { operation, .. } => operations::complete(desk, operation, on.told).await,
        Command::Parked => numbers::parked(desk).await,
        Command::Park { number, tenant, reason } => numbers::park(desk, number, tenant, reason).await,
        Command::Resolve { number, tenant, decision, reason } => {
            numbers::resolve(desk, number, tenant, *decision, reason).await
        }
        Command::LedgerVerify { tenant } => ledger::verify(desk, tenant.as_ref()).await,
        Command::Reconcile { dry_run } => agreement::reconcile(desk, *dry_run).await,
        Command::ReconcileLatest => agreement::latest(desk).await,
        Command::Agreement { date } => agreement::of_day(desk, *date).await,
        Command::BillingPreview { date } => money::preview(desk, *date).await,
        Command::Renew { dry_run } => money::renew(desk, *dry_run).await,
        Command::Dun { dry_run } => money::dun(desk, *dry_run).await,
        Command::Margin { tenant, currency } => money::margin(desk, tenant, *currency).await,
        Command::Tenants => tenants::list(desk).await,
        Command::Plan { tenant, plan } => tenants::plan(desk, tenant, plan).await,
        Command::Adjust { tenant, amount, reason, key } => {
            adjust::run(desk, tenant, *amount, reason, key.as_deref()).await
        }
        Command::Import { source, dry_run, key } => {
            import::run(desk, source, on.numbers, *dry_run, key.as_deref()).await
        }
        Command::Migrate { dry_run, key, .. } => migrate::run(desk, &on.agents, *dry_run, key.as_deref()).await,
        Command::Audit { from, to } => operations::audit(desk, from.as_deref(), to.as_deref()).await,
    }
}
