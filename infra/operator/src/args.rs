//! The command line, read strictly: what cannot be meant so is refused before anything is sent.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use domain::{Currency, Money, NumberId, OperationId, TenantId};
use jiff::Timestamp;
use jiff::civil::Date;
use lexopt::prelude::{Long, Short, Value, ValueExt};

use crate::failure::Failure;
use crate::help::{self, COMMANDS, COMMON, FLAGS, Spec, VALUES};
use crate::row::Row;
use crate::sheet::Sheet as _;

/// Items of a list at most, unless `--limit` says otherwise.
const LIMIT: usize = 10_000;

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Show this.
    Help(String),
    /// Do this.
    Do(Options, Box<Command>),
}

/// What every command takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) url: Option<String>,
    pub(crate) token: Option<Token>,
    pub(crate) json: bool,
    pub(crate) yes: bool,
    pub(crate) limit: usize,
}

/// Where the token is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Here.
    Given(String),
    /// In a file.
    In(PathBuf),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Which operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Stuck,
    Waiting,
}

/// What becomes of a parked number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Keep,
    Release,
}

/// What numbers to import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    One(Row),
    File(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Operations(Which),
    Resume(OperationId),
    Complete { operation: OperationId, file: Option<PathBuf> },
    Parked,
    Park { number: NumberId, tenant: TenantId, reason: String },
    Resolve { number: NumberId, tenant: TenantId, decision: Decision, reason: String },
    LedgerVerify { tenant: Option<TenantId> },
    Reconcile { dry_run: bool },
    ReconcileLatest,
    Agreement { date: Option<Date> },
    BillingPreview { date: Option<Date> },
    Renew { dry_run: bool },
    Dun { dry_run: bool },
    Margin { tenant: TenantId, currency: Option<Currency> },
    Tenants,
    Plan { tenant: TenantId, plan: String },
    Adjust { tenant: TenantId, amount: Money, reason: String, key: Option<String> },
    Import { source: Source, dry_run: bool, key: Option<String> },
    Migrate { file: PathBuf, dry_run: bool, key: Option<String> },
    Audit { from: Option<String>, to: Option<String> },
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, Failure> {
    let mut given = Given::read(arguments)?;
    let Some(spec) = given.command() else {
        return match (given.flag("help"), given.words.first()) {
            (true, _) => Ok(Asked::Help(help::overview())),
            (false, None) => Err(Failure::usage(help::overview())),
            (false, Some(word)) => Err(Failure::usage(format!("there is no command `{word}`; see trunkline --help"))),
        };
    };
    if given.flag("help") {
        return Ok(Asked::Help(spec.page()));
    }
    let mut arguments = given.words.split_off(spec.words.len());
    let known = |name: &&String| !COMMON.contains(&name.as_str()) && !spec.options.contains(&name.as_str());
    let wrong = match (given.options.keys().find(known), arguments.get(spec.arguments)) {
        (Some(option), _) => Some(format!("--{option} has no meaning here")),
        (None, Some(word)) => Some(format!("`{word}` has no meaning here")),
        (None, None) => None,
    };
    let read = match wrong {
        Some(wrong) => Err(Failure::Usage(wrong)),
        None => given.options().and_then(|options| Ok((options, build(spec, &mut given, arguments.pop())?))),
    };
    match read {
        Ok((options, command)) => Ok(Asked::Do(options, Box::new(command))),
        Err(Failure::Usage(why)) => Err(Failure::Usage(format!("{why}\n\n    {}", spec.synopsis()))),
        Err(other) => Err(other),
    }
}

fn build(spec: &Spec, given: &mut Given, argument: Option<String>) -> Result<Command, Failure> {
    let dry_run = given.flag("dry-run");
    Ok(match spec.words {
        ["operations"] => Command::Operations(match given.one_of("stuck", "waiting")? {
            Some("waiting") => Which::Waiting,
            Some(_) | None => Which::Stuck,
        }),
        ["resume"] => Command::Resume(number_or_operation(argument, "an operation's id")?),
        ["complete"] => Command::Complete {
            operation: number_or_operation(argument, "an operation's id")?,
            file: given.take("file").map(PathBuf::from),
        },
        ["parked"] => Command::Parked,
        ["park"] => Command::Park {
            number: number_or_operation(argument, "a number's id")?,
            tenant: given.required("tenant")?,
            reason: given.reason()?,
        },
        ["resolve"] => Command::Resolve {
            number: number_or_operation(argument, "a number's id")?,
            tenant: given.required("tenant")?,
            decision: match given.one_of("keep", "release")? {
                Some("keep") => Decision::Keep,
                Some(_) => Decision::Release,
                None => return Err(Failure::usage("either --keep or --release is needed")),
            },
            reason: given.reason()?,
        },
        ["ledger", "verify"] => Command::LedgerVerify { tenant: given.optional("tenant")? },
        ["reconcile"] => Command::Reconcile { dry_run },
        ["reconcile", "latest"] => Command::ReconcileLatest,
        ["agreement"] => Command::Agreement { date: argument.map(|text| date(&text)).transpose()? },
        ["billing", "preview"] => {
            Command::BillingPreview { date: given.take("date").map(|text| date(&text)).transpose()? }
        }
        ["renew"] => Command::Renew { dry_run },
        ["dun"] => Command::Dun { dry_run },
        ["margin"] => Command::Margin { tenant: given.required("tenant")?, currency: given.optional("currency")? },
        ["tenants"] => Command::Tenants,
        ["plan"] => {
            let missing = || Failure::usage("which plan?");
            Command::Plan { tenant: given.required("tenant")?, plan: argument.ok_or_else(missing)? }
        }
        ["adjust"] => Command::Adjust {
            tenant: given.required("tenant")?,
            amount: given.amount()?,
            reason: given.reason()?,
            key: given.key()?,
        },
        ["import"] => Command::Import { key: given.key()?, source: given.source()?, dry_run },
        ["migrate"] => {
            let file = argument.ok_or_else(|| Failure::usage("which file?"))?;
            Command::Migrate { file: file.into(), dry_run, key: given.key()? }
        }
        ["audit"] => Command::Audit { from: given.moment("from")?, to: given.moment("to")? },
        other => return Err(Failure::Usage(format!("`{}` is not known", other.join(" ")))),
    })
}

fn number_or_operation<T: std::str::FromStr>(argument: Option<String>, what: &str) -> Result<T, Failure> {
    let text = argument.ok_or_else(|| Failure::Usage(format!("{what} is needed")))?;
    text.parse().map_err(|_| Failure::Usage(format!("`{text}` is not {what}")))
}

fn date(text: &str) -> Result<Date, Failure> {
    text.parse().map_err(|_| Failure::Usage(format!("`{text}` is not a date such as 2027-01-31")))
}

/// Words and options as they stand there.
#[derive(Debug, Default)]
struct Given {
    words: Vec<String>,
    options: BTreeMap<String, String>,
}

impl Given {
    fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Failure> {
        let bad = |error: lexopt::Error| Failure::Usage(format!("{error}; see trunkline --help"));
        let mut parser = lexopt::Parser::from_args(arguments);
        let mut given = Self::default();
        while let Some(argument) = parser.next().map_err(bad)? {
            let name = match argument {
                Value(word) => {
                    given.words.push(word.string().map_err(bad)?);
                    continue;
                }
                Short('h') => "help".to_owned(),
                Long(name) if FLAGS.contains(&name) || VALUES.contains(&name) => name.to_owned(),
                Long(_) | Short(_) => return Err(bad(argument.unexpected())),
            };
            let value = match VALUES.contains(&name.as_str()) {
                true => parser.value().and_then(|value| value.string()).map_err(bad)?,
                false => String::new(),
            };
            if VALUES.contains(&name.as_str()) && value.trim().is_empty() {
                return Err(Failure::Usage(format!("--{name} is empty")));
            }
            if given.options.insert(name.clone(), value).is_some() {
                return Err(Failure::Usage(format!("--{name} is given twice")));
            }
        }
        Ok(given)
    }

    /// The command with the most words among those that are meant.
    fn command(&self) -> Option<&'static Spec> {
        let meant = |spec: &&Spec| {
            self.words.len() >= spec.words.len() && self.words.iter().zip(spec.words).all(|(a, b)| a == b)
        };
        COMMANDS.iter().filter(meant).max_by_key(|spec| spec.words.len())
    }

    fn options(&mut self) -> Result<Options, Failure> {
        let token = match (self.take("token"), self.take("token-file")) {
            (Some(_), Some(_)) => return Err(Failure::usage("--token and --token-file are one too many")),
            (Some(token), None) => Some(Token::Given(token)),
            (None, Some(file)) => Some(Token::In(file.into())),
            (None, None) => None,
        };
        let limit = match self.take("limit") {
            None => LIMIT,
            Some(text) => match text.parse() {
                Ok(limit) if limit > 0 => limit,
                Ok(_) | Err(_) => return Err(Failure::usage("--limit is a whole number from 1")),
            },
        };
        Ok(Options { url: self.take("url"), token, json: self.flag("json"), yes: self.flag("yes"), limit })
    }

    fn flag(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.options.remove(name)
    }

    fn one_of(&self, a: &'static str, b: &'static str) -> Result<Option<&'static str>, Failure> {
        match (self.flag(a), self.flag(b)) {
            (true, true) => Err(Failure::Usage(format!("--{a} and --{b} are one too many"))),
            (true, false) => Ok(Some(a)),
            (false, true) => Ok(Some(b)),
            (false, false) => Ok(None),
        }
    }

    fn optional<T: std::str::FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Failure::Usage(format!("--{name}: `{text}` cannot be one")))
    }

    fn required<T: std::str::FromStr>(&mut self, name: &str) -> Result<T, Failure> {
        self.optional(name)?.ok_or_else(|| Failure::Usage(format!("--{name} is needed")))
    }

    fn reason(&mut self) -> Result<String, Failure> {
        self.required("reason")
    }

    fn amount(&mut self) -> Result<Money, Failure> {
        let (amount, currency): (String, Currency) = (self.required("amount")?, self.required("currency")?);
        match Money::parse(&amount, currency) {
            Ok(money) if money.micros != 0 => Ok(money),
            Ok(_) => Err(Failure::usage("--amount: nothing would move")),
            Err(error) => Err(Failure::Usage(format!("--amount: {error}"))),
        }
    }

    /// A word that goes into a header.
    fn key(&mut self) -> Result<Option<String>, Failure> {
        let fits = |key: &String| key.len() <= 100 && key.bytes().all(|b| b.is_ascii_graphic());
        match self.take("key") {
            Some(key) if !fits(&key) => Err(Failure::usage("--key: at most 100 letters, digits and signs")),
            key => Ok(key),
        }
    }

    fn moment(&mut self, name: &str) -> Result<Option<String>, Failure> {
        let Some(text) = self.take(name) else { return Ok(None) };
        if text.parse::<Date>().is_ok() || text.parse::<Timestamp>().is_ok() {
            return Ok(Some(text));
        }
        Err(Failure::Usage(format!("--{name}: `{text}` is neither a date nor an instant")))
    }

    fn source(&mut self) -> Result<Source, Failure> {
        let one = ["carrier", "e164", "tenant", "name", "agent", "on-end"].map(|name| (name, self.take(name)));
        if let Some(file) = self.take("csv") {
            return match one.iter().find(|(_, value)| value.is_some()) {
                Some((name, _)) => Err(Failure::Usage(format!("--{name} stands in the file, for each number"))),
                None => Ok(Source::File(file.into())),
            };
        }
        let given: BTreeMap<&str, &String> =
            one.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).collect();
        if let Some(missing) = ["carrier", "e164", "tenant"].iter().find(|name| !given.contains_key(**name)) {
            return Err(Failure::Usage(format!("--{missing} is needed, or --csv")));
        }
        let column = |name: &str| {
            let option = match name {
                "tenant_id" => "tenant",
                "agent_id" => "agent",
                "on_end" => "on-end",
                other => other,
            };
            given.get(option).map(|value| value.as_str())
        };
        let why = |wrong: Vec<crate::csv::Wrong>| wrong.into_iter().map(|one| one.why).collect::<Vec<_>>().join("\n");
        Row::check(0, column).map(Source::One).map_err(|wrong| Failure::Usage(why(wrong)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
    const OPERATION: &str = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

    fn read(line: &[&str]) -> Result<Asked, Failure> {
        parse(line.iter().map(OsString::from))
    }

    fn tenant() -> TenantId {
        "acme".parse().unwrap()
    }

    #[test]
    fn what_is_typed_is_what_is_meant() {
        let check = |line: &[&str], expected: Command| match read(line) {
            Ok(Asked::Do(_, command)) => assert_eq!(*command, expected, "{line:?}"),
            other => panic!("{line:?}: {other:?}"),
        };
        let (number, reason) = (NUMBER.parse::<NumberId>().unwrap(), "because".to_owned());
        let usd = |text: &str| Money::parse(text, Currency::USD).unwrap();
        check(&["operations"], Command::Operations(Which::Stuck));
        check(&["operations", "--stuck"], Command::Operations(Which::Stuck));
        check(&["--waiting", "operations"], Command::Operations(Which::Waiting));
        check(&["resume", OPERATION], Command::Resume(OPERATION.parse().unwrap()));
        let operation: OperationId = OPERATION.parse().unwrap();
        check(&["complete", OPERATION], Command::Complete { operation: operation.clone(), file: None });
        check(
            &["complete", OPERATION, "--file", "number.json"],
            Command::Complete { operation, file: Some("number.json".into()) },
        );
        check(&["parked", "--json"], Command::Parked);
        check(
            &["park", NUMBER, "--tenant=acme", "--reason", "because"],
            Command::Park { number: number.clone(), tenant: tenant(), reason: reason.clone() },
        );
        for (flag, decision) in [("--keep", Decision::Keep), ("--release", Decision::Release)] {
            check(
                &["resolve", "--tenant", "acme", flag, NUMBER, "--reason", "because"],
                Command::Resolve { number: number.clone(), tenant: tenant(), decision, reason: reason.clone() },
            );
        }
        check(&["ledger", "verify"], Command::LedgerVerify { tenant: None });
        check(&["ledger", "verify", "--tenant", "acme"], Command::LedgerVerify { tenant: Some(tenant()) });
        check(&["reconcile"], Command::Reconcile { dry_run: false });
        check(&["reconcile", "--dry-run"], Command::Reconcile { dry_run: true });
        check(&["reconcile", "latest"], Command::ReconcileLatest);
        let day: Date = "2027-01-31".parse().unwrap();
        check(&["agreement"], Command::Agreement { date: None });
        check(&["agreement", "2027-01-31"], Command::Agreement { date: Some(day) });
        check(&["billing", "preview", "--date", "2027-01-31"], Command::BillingPreview { date: Some(day) });
        check(&["renew", "--dry-run"], Command::Renew { dry_run: true });
        check(&["dun"], Command::Dun { dry_run: false });
        check(&["margin", "--tenant", "acme"], Command::Margin { tenant: tenant(), currency: None });
        check(&["tenants", "--limit", "5"], Command::Tenants);
        check(&["plan", "PRO", "--tenant", "acme"], Command::Plan { tenant: tenant(), plan: "PRO".into() });
        check(
            &[
                "adjust",
                "--tenant",
                "acme",
                "--amount",
                "-5.00",
                "--currency",
                "USD",
                "--reason",
                "because",
                "--key",
                "k",
            ],
            Command::Adjust { tenant: tenant(), amount: usd("-5.00"), reason, key: Some("k".into()) },
        );
        check(
            &["import", "--csv", "a.csv", "--dry-run"],
            Command::Import { source: Source::File("a.csv".into()), dry_run: true, key: None },
        );
        let row = Row {
            line: 0,
            carrier: "twilio".into(),
            e164: "+12125550123".parse().unwrap(),
            tenant_id: tenant(),
            name: None,
            agent_id: None,
            on_end: Some("detach".into()),
        };
        check(
            &["import", "--carrier", "twilio", "--e164", "+12125550123", "--tenant", "acme", "--on-end", "detach"],
            Command::Import { source: Source::One(row), dry_run: false, key: None },
        );
        check(
            &["migrate", "agents.csv", "--dry-run"],
            Command::Migrate { file: "agents.csv".into(), dry_run: true, key: None },
        );
        check(
            &["audit", "--from", "2027-01-01", "--to", "2027-01-02T00:00:00Z"],
            Command::Audit { from: Some("2027-01-01".into()), to: Some("2027-01-02T00:00:00Z".into()) },
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let check = |line: &[&str], why: &str| match read(line) {
            Err(Failure::Usage(said)) => assert!(said.contains(why), "{line:?}: {said}"),
            other => panic!("{line:?}: {other:?}"),
        };
        check(&[], "trunkline COMMAND");
        check(&["tenant"], "there is no command `tenant`");
        check(&["ledger"], "there is no command `ledger`");
        check(&["tenants", "all"], "`all` has no meaning here");
        check(&["tenants", "--dry-run"], "--dry-run has no meaning here");
        check(&["tenants", "--all"], "--all");
        check(&["tenants", "-x"], "-x");
        check(&["tenants", "--limit", "0"], "--limit is a whole number from 1");
        check(&["tenants", "--limit"], "--limit");
        check(&["tenants", "--json=yes"], "--json");
        check(&["tenants", "--json", "--json"], "--json is given twice");
        check(&["tenants", "--url", ""], "--url is empty");
        check(&["tenants", "--token", "a", "--token-file", "b"], "one too many");
        check(&["operations", "--stuck", "--waiting"], "one too many");
        check(&["resume"], "an operation's id is needed");
        check(&["complete", "--file", "number.json"], "an operation's id is needed");
        check(&["resume", NUMBER], "is not an operation's id");
        check(&["resume", OPERATION, OPERATION], "has no meaning here");
        check(&["park", NUMBER, "--tenant", "acme"], "--reason is needed");
        check(&["resolve", NUMBER, "--tenant", "acme", "--reason", "r"], "either --keep or --release is needed");
        check(&["resolve", NUMBER, "--tenant", "acme", "--reason", "r", "--keep", "--release"], "one too many");
        check(&["resolve", NUMBER, "--tenant", "a b", "--reason", "r", "--keep"], "--tenant: `a b`");
        check(&["agreement", "yesterday"], "is not a date");
        check(&["billing", "preview", "--date", "2027-02-30"], "is not a date");
        check(&["plan", "--tenant", "acme"], "which plan?");
        let adjust = |amount: &'static str, currency: &'static str| {
            ["adjust", "--tenant", "acme", "--amount", amount, "--currency", currency, "--reason", "r"]
        };
        check(&adjust("5,00", "USD"), "--amount: an amount is a decimal number");
        check(&adjust("0.00", "USD"), "nothing would move");
        check(&adjust("5.00", "usd"), "--currency: `usd`");
        check(&[&adjust("5.00", "USD")[..], &["--key", "a b"]].concat(), "--key");
        check(&["adjust", "--tenant", "acme", "--amount", "5", "--currency", "USD"], "--reason is needed");
        check(&["import"], "--carrier is needed, or --csv");
        check(&["import", "--csv", "a.csv", "--tenant", "acme"], "--tenant stands in the file");
        check(&["import", "--carrier", "twilio", "--e164", "0212", "--tenant", "acme"], "e164: `0212`");
        check(&["migrate"], "which file?");
        check(&["migrate", "a.csv", "--tenant", "acme"], "--tenant has no meaning here");
        check(&["audit", "--from", "May"], "--from: `May`");
    }

    #[test]
    fn every_command_has_a_page_with_an_example_that_reads() {
        for spec in &COMMANDS {
            let line = [spec.words, &["--help"]].concat();
            let Ok(Asked::Help(page)) = read(&line) else { panic!("{line:?}") };
            assert!(page.contains("Example:") && page.contains("Exit codes"), "{page}");
            // Quotes as a shell reads them.
            let example = spec.example.split('\'').enumerate().flat_map(|(n, part)| match n % 2 {
                0 => part.split_whitespace().collect::<Vec<_>>(),
                _ => vec![part],
            });
            let example: Vec<&str> = example.collect();
            assert!(matches!(read(&example), Ok(Asked::Do(..))), "{example:?}: {:?}", read(&example));
            assert!(spec.options.iter().all(|option| FLAGS.contains(option) || VALUES.contains(option)));
        }
        assert!(matches!(read(&["--help"]), Ok(Asked::Help(text)) if text.contains("ledger verify")));
    }

    #[test]
    fn a_token_is_shown_nowhere() {
        let asked = read(&["tenants", "--token", "very secret"]).unwrap();
        assert!(!format!("{asked:?}").contains("secret"), "{asked:?}");
    }
}
