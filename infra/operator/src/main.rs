//! `trunkline`: the operator's command line.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::process::ExitCode;

use operator::{Environment, Patience, Terminal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let environment = Environment {
        url: std::env::var("TRUNKLINE_URL").ok().filter(|url| !url.is_empty()),
        token: std::env::var("TRUNKLINE_TOKEN").ok().filter(|token| !token.is_empty()).map(Into::into),
        patience: Patience::default(),
    };
    let (mut out, mut err, mut answers) = (stdout().lock(), stderr().lock(), stdin().lock());
    let mut terminal = Terminal::new(&mut out, &mut err);
    // The question goes to stderr: without both there is nobody to ask.
    if stdin().is_terminal() && stderr().is_terminal() {
        terminal = terminal.answered_by(&mut answers);
    }
    ExitCode::from(operator::run(std::env::args_os().skip(1), &environment, &mut terminal).await)
}
