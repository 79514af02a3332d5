//! The operator's command line: everything `/v1/operator` offers, for a person at a terminal and for scripts.
//!
//! It knows the API by its documents only, and nothing of how a deployment is built. What it must never get wrong: money and
//! numbers change only after somebody said so, a request whose answer was lost is sent again only where that is harmless, and
//! the exit code says what came of it. Read [`args`] for what can be asked, [`client`] for how, `commands` for what is shown.

mod args;
mod help;

mod commands;

mod csv;
mod reckoning;
mod row;
mod sheet;
mod wish;

mod client;
mod failure;
mod table;
mod terminal;

use std::ffi::OsString;

pub use client::Patience;
pub use terminal::Terminal;

use args::{Asked, Options};
use client::Api;
use commands::Desk;
use failure::Failure;

/// What the environment says, for what the command line leaves out.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `TRUNKLINE_URL`.
    pub url: Option<String>,
    /// `TRUNKLINE_TOKEN`; shown nowhere.
    pub token: Option<secrecy::SecretString>,
    /// How long to try.
    pub patience: Patience,
}

/// Does what the arguments (without the program's name) ask for, and says how to exit: 0 done and good, 1 it found
/// something, 2 wrong use or not confirmed, 3 the API refused, 4 no usable answer.
pub async fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> u8 {
    let asked = match args::parse(arguments) {
        Ok(asked) => asked,
        Err(failure) => return fail(&failure, false, terminal),
    };
    match asked {
        Asked::Help(text) => match terminal.say(&text) {
            Ok(()) => 0,
            Err(failure) => fail(&failure, false, terminal),
        },
        Asked::Do(options, command) => match work(&options, &command, environment, terminal).await {
            Ok(verdict) => verdict.exit_code(),
            Err(failure) => fail(&failure, options.json, terminal),
        },
    }
}

async fn work(
    options: &Options,
    command: &args::Command,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<commands::Verdict, Failure> {
    // What is wrong with a file is known before anybody is asked for a token.
    let prepared = commands::prepare(command)?;
    let api = Api::connect(options, environment).await?;
    let mut desk = Desk { api, terminal, json: options.json, yes: options.yes, limit: options.limit };
    commands::run(&mut desk, command, prepared).await
}

fn fail(failure: &Failure, json: bool, terminal: &mut Terminal<'_>) -> u8 {
    terminal.note(&failure.to_string());
    if let Failure::Refused(refusal) = failure
        && json
    {
        // Nobody reads it any more: the exit code says the same.
        let _ = terminal.say(&format!("{:#}\n", refusal.document));
    }
    failure.exit_code()
}
