//! The operator at a terminal: the command line against the whole system.

use std::ffi::OsString;
use std::time::Duration;

use operator::{Environment, Patience, Terminal};
use serde_json::{Value, json};

use crate::kit::{NUMBER, Story, list, word};

/// Runs a command line where nobody answers; it finds its token by itself. Exit code, stdout, stderr.
pub(crate) async fn run(story: &Story, line: &str) -> (u8, String, String) {
    // Nobody waits here: the clock stands still, and is moved by the story.
    let (first_wait, look_every) = (Duration::ZERO, Duration::ZERO);
    let patience = Patience { first_wait, look_every, looks: 3, ..Patience::default() };
    let environment = Environment { url: Some(story.app.system.url.clone()), token: None, patience };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal::new(&mut out, &mut err);
    let code = operator::run(line.split_whitespace().map(OsString::from), &environment, &mut terminal).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (code, text(out), text(err))
}

/// A command that must come to this; its stdout.
pub(crate) async fn check(story: &Story, line: &str, code: u8) -> String {
    let (exited, out, err) = run(story, line).await;
    assert_eq!(exited, code, "{line}: {out}{err}");
    out
}

#[tokio::test]
async fn an_operator_looks_after_money_and_plans_from_a_terminal() {
    let (story, number) = Story::with_a_number().await;
    let tenant = story.tenant.id.clone();
    let out = check(&story, "tenants", 0).await;
    let row: Vec<&str> = out.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row, [&tenant, "PRO", "good", "1", "0", "8.50", "USD", "0.00", "USD", "8.50", "USD"]);

    let adjust = format!("adjust --tenant {tenant} --currency USD --reason Goodwill --amount");
    let (code, out, err) = run(&story, &format!("{adjust} 5.00")).await;
    assert!(code == 2 && out.is_empty() && err.contains("Nothing was changed."), "{code} {out} {err}");
    // The same key twice, and once more after a lost answer of the books: booked once.
    story.app.fault(json!({ "provider": "dynamodb", "operation": "transact", "kind": "lost_reply", "times": 1 })).await;
    for _ in 0..2 {
        let _ = check(&story, &format!("{adjust} 5.00 --key may --yes"), 0).await;
    }
    assert_eq!(story.app.wallet(&story.tenant).await.0, "13.50");
    let (code, _, err) = run(&story, &format!("{adjust} -100.00 --yes")).await;
    assert!(code == 3 && err.contains("refused: insufficient_balance: It takes 100.00 USD"), "{code} {err}");

    let plan = check(&story, &format!("plan ENTERPRISE --tenant {tenant} --yes"), 0).await;
    assert_eq!(plan, format!("{tenant} has the plan ENTERPRISE.\n"));
    let (code, _, err) = run(&story, &format!("plan GOLD --tenant {tenant} --yes")).await;
    assert!(code == 3 && err.contains("refused: unknown_plan: Plans: "), "{code} {err}");

    let preview: Value =
        serde_json::from_str(&check(&story, "billing preview --date 2027-02-15 --json", 0).await).unwrap();
    assert_eq!(word(&list(&preview, "items")[0], "/amount/amount"), "1.50");
    assert!(check(&story, "renew --dry-run", 0).await.contains("Nothing is due."));
    assert!(check(&story, "dun --dry-run", 0).await.contains("Nothing is overdue."));
    assert_eq!(check(&story, "renew --yes", 0).await, "Wallets queued: 1.\n");
    assert!(check(&story, &format!("margin --tenant {tenant}"), 0).await.contains("margin                 0.35 USD\n"));
    let ledger = check(&story, "ledger verify", 0).await;
    assert_eq!(ledger, "Everything adds up.\nWallets checked: 1, with 3 entries.\n");
    assert_eq!(check(&story, "operations --stuck", 0).await, "Nothing is stuck.\n");
    let held: Value = story.get(&format!("/v1/numbers/{number}")).await.expect(200).body;
    assert_eq!(word(&held, "/e164"), NUMBER);
    story.app.verify().await;
}

#[tokio::test]
async fn an_operator_finds_a_stuck_operation_and_lets_it_go_on_from_a_terminal() {
    let (story, number) = Story::with_a_number().await;
    let held = list(&story.app.state("twilio").await, "numbers").remove(0);
    let resource = format!("IncomingPhoneNumbers/{}", word(&held, "/id"));
    let _ = story.at_the_carrier(&resource, &[("FriendlyName", "Keep this one")]).await;
    let stuck = story.release(&number).await.expect(202).text("/operation/id");
    let shown = check(&story, "operations", 1).await;
    assert!(shown.contains(&stuck) && shown.contains("another name at the carrier"), "{shown}");
    // Put right, it goes on from where it was.
    let _ = story.at_the_carrier(&resource, &[("FriendlyName", &word(&held, "/name"))]).await;
    let resumed = check(&story, &format!("resume {stuck} --yes"), 0).await;
    assert_eq!(resumed, format!("Operation {stuck} of {} is running.\n", story.tenant.id));
    let _ = story.app.advance("PT2M").await;
    let _ = story.release(&number).await.expect(200);
    assert_eq!(check(&story, "operations", 0).await, "Nothing is stuck.\n");
    let (code, _, err) = run(&story, &format!("resume {stuck} --yes")).await;
    assert!(code == 3 && err.contains("not_found"), "{code} {err}");
    story.app.verify().await;
}
