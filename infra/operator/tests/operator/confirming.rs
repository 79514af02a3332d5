//! Money and numbers change only after somebody said so.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::stand_in::{Reply, StandIn, TOKEN};

const NUMBER: &str = "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
const OPERATION: &str = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

/// Everything that changes something, and part of what is said before.
fn rows() -> Vec<(Vec<&'static str>, &'static str)> {
    let adjust =
        |amount| vec!["adjust", "--tenant", "acme", "--amount", amount, "--currency", "USD", "--reason", "because"];
    vec![
        (vec!["resume", OPERATION], "go on from where it is"),
        (vec!["complete", OPERATION], "was cancelled in the carrier's panel"),
        (vec!["park", NUMBER, "--tenant", "acme", "--reason", "r"], "neither charged nor released"),
        (vec!["resolve", NUMBER, "--tenant", "acme", "--keep", "--reason", "r"], "Keep it"),
        (vec!["resolve", NUMBER, "--tenant", "acme", "--release", "--reason", "r"], "Release it for good"),
        (vec!["reconcile"], "repair what is safe"),
        (vec!["renew"], "Charge every wallet"),
        (vec!["dun"], "suspend, release"),
        (vec!["plan", "PRO", "--tenant", "acme"], "Move acme to the plan PRO"),
        (adjust("5.00"), "Put 5.00 USD into the wallet of acme: because"),
        (adjust("-5.00"), "Take 5.00 USD out of the wallet of acme: because"),
    ]
}

#[tokio::test]
async fn nothing_is_changed_unless_somebody_said_so() {
    let api = StandIn::start(|_| Reply::Json(200, json!({ "status": "finished" }))).await;
    for (line, said) in rows() {
        for answer in [None, Some("n\n"), Some("\n"), Some("")] {
            let ran = api.run_answered(&line, answer).await.exits(2);
            assert!(ran.err.contains(said) && ran.err.contains("Nothing was changed."), "{line:?}: {ran:?}");
            assert_eq!((api.lines(), ran.out.as_str()), (vec![], ""), "{line:?}");
        }
        let ran = api.run_answered(&line, Some("y\n")).await.exits(0);
        assert!(ran.err.contains(said), "{ran:?}");
        let asked = api.seen();
        let yes = [&line[..], &["--yes"]].concat();
        let _ = api.run(&yes).await.exits(0);
        let unasked = api.seen();
        assert_eq!((asked.len(), asked[0].line()), (1, unasked[0].line()), "{line:?}");
        assert!(asked[0].method != "GET", "{line:?}");
    }
}

#[tokio::test]
async fn a_dry_run_asks_nobody() {
    let api = StandIn::start(|_| Reply::Json(200, json!({ "status": "finished", "dry_run": true }))).await;
    for name in ["reconcile", "renew", "dun"] {
        let _ = api.run(&[name, "--dry-run"]).await.exits(0);
        assert_eq!(api.seen()[0].body, json!({ "dry_run": true }), "{name}");
    }
}

#[test]
fn the_program_itself_refuses_without_a_terminal() {
    let program = |line: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command
            .args(line)
            .stdin(Stdio::null())
            .env("TRUNKLINE_TOKEN", TOKEN)
            .env("TRUNKLINE_URL", "http://127.0.0.1:1");
        let done = command.output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (done.status.code(), text(done.stdout), text(done.stderr))
    };
    let (code, out, err) = program(&["plan", "PRO", "--tenant", "acme"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("repeat it with --yes"), "{err}");
    let (code, out, err) = program(&["--help"]);
    assert!(code == Some(0) && out.contains("ledger verify") && err.is_empty(), "{err}");
    let (code, out, err) = program(&["tenants", "--frobnicate"]);
    assert!(code == Some(2) && out.is_empty() && err.contains("--frobnicate"), "{err}");
}
