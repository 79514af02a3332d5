//! Lists of agents that are to have numbers: looked at whole, said with their cost, bought once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::file::File;
use crate::stand_in::{Reply, Seen, StandIn, problem};

/// Agents by their last letter: `f` has a number, `0` is not there, all others can have one.
const AGENT: &str = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5";

/// Gives numbers as the API does: a key has one answer for ever, an agent one number.
#[derive(Default)]
struct Books {
    by_key: BTreeMap<String, Value>,
    /// Answers while the operation runs.
    slow: usize,
}

impl Books {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let (path, query) = seen.path.split_once('?').expect("a query");
        let agent = path.trim_start_matches("/v1/agents/").trim_end_matches("/number").to_owned();
        let (key, dry_run) = (seen.key.clone().expect("a key"), query.ends_with("&dry_run=true"));
        assert!(["tenant_id=acme", "tenant_id=b"].contains(&query.trim_end_matches("&dry_run=true")), "{query}");
        if let Some(made) = self.by_key.get(&key) {
            if self.slow > 0 {
                self.slow -= 1;
                return Reply::Json(202, json!({ "operation": { "id": "op_1", "status": "running" } }));
            }
            return Reply::Json(201, made.clone());
        }
        let usd = |amount: &str| json!({ "amount": amount, "currency": "USD" });
        match agent.chars().last() {
            Some('f') => problem(409, "agent_has_number"),
            Some('0') => problem(404, "not_found"),
            _ if dry_run => {
                let offer = json!({ "e164": "+12125550123", "country": "US", "type": "local", "price": usd("1.50") });
                let available = usd("4.00");
                Reply::Json(
                    200,
                    json!({ "offer": offer, "numbers_left": 9, "included_left": 0, "available": available }),
                )
            }
            _ => {
                let number = json!({ "e164": format!("+1212555012{}", self.by_key.len()), "agent_id": agent });
                let operation = json!({ "id": "op_1", "status": "succeeded" });
                self.by_key.insert(key.clone(), json!({ "number": number, "operation": operation }));
                self.answer(seen)
            }
        }
    }
}

async fn books(mut books: Books) -> StandIn {
    StandIn::start(move |seen| books.answer(seen)).await
}

/// Agents and keys of what was really sent.
fn sent(seen: Vec<Seen>) -> Vec<(String, String)> {
    let real = seen.into_iter().filter(|one| !one.path.contains("dry_run"));
    real.map(|one| (one.path.replace(AGENT, "…"), one.key.unwrap_or_default())).collect()
}

/// A list of these agents: tenant, last letter, e164.
fn list(name: &str, rows: &[(&str, char, &str)]) -> File {
    let rows: String = rows.iter().map(|(tenant, last, e164)| format!("{tenant},{AGENT}{last},{e164}\n")).collect();
    File::of(name, format!("tenant_id,agent_id,e164\n{rows}").as_bytes())
}

fn three(name: &str) -> File {
    list(name, &[("acme", '1', ""), ("acme", '2', "+12125550123"), ("b", '3', "")])
}

#[tokio::test]
async fn a_dry_run_says_what_every_row_would_cost_and_buys_nothing() {
    let api = books(Books::default()).await;
    let rows = [
        ("acme", '1', ""),
        ("acme", '2', "+12125550123"),
        ("acme", '4', ""),
        ("b", '3', ""),
        ("b", 'f', ""),
        ("b", '0', ""),
    ];
    let file = list("migrate-dry", &rows);
    let ran = api.run(&["migrate", file.path(), "--dry-run"]).await.exits(1);
    insta::assert_snapshot!(ran.out, @r"
    line  tenant  agent                                 costs now  what
       2  acme    agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a51   1.50 USD  can have one such as +12125550123 (US local)
       3  acme    agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a52   1.50 USD  can have +12125550123
       4  acme    agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a54          –  cannot: insufficient_balance: It takes 1.50 USD, and the rows before this leave 1.00 USD.
       5  b       agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a53   1.50 USD  can have one such as +12125550123 (US local)
       6  b       agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5f          –  has a number
       7  b       agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a50          –  cannot: not_found: Because of not_found.

    tenant  numbers  cost now  available
    acme          2  3.00 USD   4.00 USD
    b             1  1.50 USD   4.00 USD

    Could be bought: 3. Had from this list: 0. Had another: 1. Still running: 0. Not answered: 0. Refused: 2. Nothing was bought.
    ");
    assert!(ran.err.contains(&format!("1 of 6: {AGENT}1 of acme: can have one such as +12125550123")), "{ran:?}");
    let json = api.run(&["migrate", file.path(), "--dry-run", "--json"]).await.exits(1).json();
    assert_eq!((&json["can_buy"], &json["has_number"], &json["refused"]), (&json!(3), &json!(1), &json!(2)));
    assert_eq!(json["tenants"][0]["cost"], json!({ "amount": "3.00", "currency": "USD" }));
    assert_eq!(json["rows"][2]["answer"]["code"], "insufficient_balance");
    assert_eq!(sent(api.seen()), []);
}

#[tokio::test]
async fn a_list_sent_twice_buys_nothing_twice() {
    let api = books(Books::default()).await;
    let file = three("migrate-twice");
    let line = ["migrate", file.path(), "--yes"];
    let ran = api.run(&line).await.exits(0);
    let bought = "Bought: 3. Had from this list: 0. Had another: 0. Still running: 0. Not answered: 0. Refused: 0.\n";
    assert_eq!(ran.out, format!("Every row is well.\n\n{bought}"));
    assert!(ran.err.contains("Buy 3 numbers, for 4.50 USD now"), "{ran:?}");
    let first = api.seen();
    assert_eq!(first[1].body, json!({ "e164": "+12125550123" }));
    // A look and the purchase it leads to are of one key, so that the look tells what became of the purchase.
    assert_eq!((first.len(), &first[0].key), (6, &first[3].key));
    assert_eq!(sent(first).len(), 3);
    let again = api.run(&line).await.exits(0);
    assert!(again.out.contains("Bought: 0. Had from this list: 3."), "{again:?}");
    assert_eq!(sent(api.seen()), []);
}

#[tokio::test]
async fn only_what_was_confirmed_is_bought() {
    let api = books(Books::default()).await;
    let file = list("migrate-unsaid", &[("acme", '1', ""), ("acme", '0', ""), ("b", 'f', "")]);
    let ran = api.run(&["migrate", file.path()]).await.exits(2);
    assert!(ran.err.contains("Buy 1 numbers, for 1.50 USD now"), "{ran:?}");
    assert!(ran.err.contains("2 others have a number, or cannot be given one now, and are left alone."), "{ran:?}");
    let _ = api.run_answered(&["migrate", file.path()], Some("no\n")).await.exits(2);
    assert_eq!(sent(api.seen()), []);
    let _ = api.run_answered(&["migrate", file.path()], Some("y\n")).await.exits(1);
    let asked = sent(api.seen());
    assert_eq!(
        asked.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["/v1/agents/…1/number?tenant_id=acme"]
    );
    // With nothing to buy nobody is asked.
    let file = list("migrate-nothing", &[("b", 'f', "")]);
    let _ = api.run(&["migrate", file.path()]).await.exits(0);
}

#[tokio::test]
async fn nothing_is_sent_of_a_list_that_is_wrong() {
    let api = books(Books::default()).await;
    let twice = format!("tenant_id,agent_id\nacme,{AGENT}1\nacme,{AGENT}2\nb,{AGENT}1\nb,agt_1\n");
    let file = File::of("migrate-wrong", twice.as_bytes());
    let ran = api.run(&["migrate", file.path(), "--yes"]).await.exits(2);
    assert!(ran.err.contains(&format!("line 4: {AGENT}1 stands on line 2 already")), "{ran:?}");
    assert!(ran.err.contains("line 5: agent_id: `agt_1` is not an agent's id") && ran.out.is_empty(), "{ran:?}");
    assert_eq!(api.lines(), [] as [String; 0]);
}

#[tokio::test]
async fn a_list_whose_answers_are_lost_is_finished_by_the_same_command() {
    // The second purchase is made, and no answer of it arrives.
    let (mut sendings, mut inner) = (0, Books::default());
    let api = StandIn::start(move |seen| {
        sendings += usize::from(!seen.path.contains("dry_run"));
        let reply = inner.answer(seen);
        if !seen.path.contains("dry_run") && (2..=5).contains(&sendings) { Reply::HangUp } else { reply }
    })
    .await;
    let file = three("migrate-lost");
    let line = ["migrate", file.path(), "--yes"];
    let ran = api.run(&line).await.exits(4);
    assert!(
        ran.err.contains("1 of 3 were sent before this. Bought: 1.") && ran.err.contains("bought twice"),
        "{ran:?}"
    );
    assert_eq!(sent(api.seen()).len(), 5);
    let again = api.run(&line).await.exits(0);
    assert!(again.out.contains("Bought: 1. Had from this list: 2."), "{again:?}");
    assert_eq!(sent(api.seen()).len(), 1);
}

#[tokio::test]
async fn what_still_runs_is_looked_after_and_never_sent_again() {
    let file = three("migrate-slow");
    let line = ["migrate", file.path(), "--yes"];
    let api = books(Books { slow: 5, ..Books::default() }).await;
    let ran = api.run(&line).await.exits(0);
    assert!(ran.out.contains("Bought: 3."), "{ran:?}");
    assert_eq!(sent(api.seen()).len(), 3);
    let api = books(Books { slow: usize::MAX, ..Books::default() }).await;
    let ran = api.run(&line).await.exits(1);
    assert!(ran.out.contains("its operation op_1 is running") && ran.out.contains("Still running: 3."), "{ran:?}");
    assert_eq!(sent(api.seen()).len(), 3);
}

#[tokio::test]
async fn an_outage_or_a_wrong_token_ends_it_before_anything_is_bought() {
    for (status, code) in [(401, "unauthenticated"), (403, "forbidden"), (503, "carrier_unavailable")] {
        let api = StandIn::start(move |_| problem(status, code)).await;
        let file = three(code);
        let ran = api.run(&["migrate", file.path(), "--yes"]).await.exits(3);
        assert!(ran.err.contains(code) && sent(api.seen()).is_empty(), "{ran:?}");
    }
}
