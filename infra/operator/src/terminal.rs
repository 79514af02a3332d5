//! Where results, remarks and answers go. Results are what was asked for, and alone on stdout; everything else is a remark.

use std::fmt;
use std::io::{BufRead, ErrorKind, Write};

use crate::failure::Failure;
use crate::table::printable;

/// Stdout, stderr, and somebody to ask, if there is anybody.
pub struct Terminal<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    answers: Option<&'a mut dyn BufRead>,
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terminal(answered: {})", self.answers.is_some())
    }
}

impl<'a> Terminal<'a> {
    /// Results here, remarks there, and nobody to ask.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err, answers: None }
    }

    /// Somebody answers.
    #[must_use]
    pub fn answered_by(self, answers: &'a mut dyn BufRead) -> Self {
        Self { answers: Some(answers), ..self }
    }

    /// A result.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Failure> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            // `… | head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(Failure::NoAnswer(format!("the result could not be written: {error}"))),
        }
    }

    /// A remark, on a line of its own; a lost one changes nothing.
    pub(crate) fn note(&mut self, text: &str) {
        let lines = text.lines().map(|line| printable(line) + "\n").collect::<String>();
        let _ = self.err.write_all(lines.as_bytes()).and_then(|()| self.err.flush());
    }

    /// Says what is about to happen, and returns only when it may.
    pub(crate) fn confirm(&mut self, what: &str, yes: bool) -> Result<(), Failure> {
        self.note(what);
        if yes {
            return Ok(());
        }
        let nobody = || Failure::NotConfirmed("nobody to ask here: repeat it with --yes. Nothing was changed.".into());
        let answers = self.answers.as_mut().ok_or_else(nobody)?;
        let _ = self.err.write_all(b"Go on? [y/N] ").and_then(|()| self.err.flush());
        let mut answer = String::new();
        // A terminal that is gone has not said yes.
        let _ = answers.read_line(&mut answer);
        if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Ok(());
        }
        Err(Failure::NotConfirmed("not confirmed. Nothing was changed.".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        let check = |answer: Option<&str>, yes: bool, ok: bool| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut input = answer.unwrap_or_default().as_bytes();
            let terminal = Terminal::new(&mut out, &mut err);
            let mut terminal = if answer.is_some() { terminal.answered_by(&mut input) } else { terminal };
            assert_eq!(terminal.confirm("Do it.", yes).is_ok(), ok, "{answer:?}");
            assert!(out.is_empty() && String::from_utf8(err).unwrap().starts_with("Do it.\n"));
        };
        check(Some("y\n"), false, true);
        check(Some(" YES \r\n"), false, true);
        check(Some("\n"), false, false);
        check(Some("yesterday\n"), false, false);
        check(Some("n\n"), false, false);
        check(Some(""), false, false);
        check(None, false, false);
        check(None, true, true);
    }
}
