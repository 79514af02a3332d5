//! Files of numbers: checked whole, tried dry, sent once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::file::File;
use crate::stand_in::{Reply, Seen, StandIn, problem};

/// Imports as the API does: a key has one answer for ever, a number one owner, and two numbers cannot be had.
#[derive(Default)]
struct Books {
    by_key: BTreeMap<String, Value>,
    owned: BTreeMap<String, String>,
    /// Sendings that are worked off and whose answer is lost.
    losing: usize,
    /// Sendings that are answered while the operation runs.
    slow: usize,
}

impl Books {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let word = |name: &str| seen.body[name].as_str().unwrap_or_default().to_owned();
        let (e164, tenant) = (word("e164"), word("tenant_id"));
        let key = seen.key.clone().expect("a key");
        let free = !self.owned.contains_key(&e164) && !e164.ends_with('0');
        match seen.path.as_str() {
            "/v1/numbers/import?dry_run=true" if free => Reply::Json(200, json!({ "would": seen.body })),
            "/v1/numbers/import?dry_run=true" => problem(409, "number_unavailable"),
            "/v1/numbers/import" => {
                if !self.by_key.contains_key(&key) {
                    if !free {
                        return problem(409, "number_unavailable");
                    }
                    self.owned.insert(e164.clone(), tenant);
                    let operation = json!({ "id": "op_1", "status": "succeeded" });
                    let made =
                        json!({ "number": { "id": format!("num_{e164}"), "e164": e164 }, "operation": operation });
                    self.by_key.insert(key.clone(), made);
                }
                if self.losing > 0 {
                    self.losing -= 1;
                    return Reply::HangUp;
                }
                if self.slow > 0 {
                    self.slow -= 1;
                    return Reply::Json(202, json!({ "operation": { "id": "op_1", "status": "running" } }));
                }
                Reply::Json(201, self.by_key[&key].clone())
            }
            other => panic!("{other}"),
        }
    }
}

async fn books(mut books: Books) -> StandIn {
    StandIn::start(move |seen| books.answer(seen)).await
}

/// Keys and numbers of what was really sent.
fn sent(seen: Vec<Seen>) -> Vec<(String, String)> {
    let real = seen.into_iter().filter(|one| one.path == "/v1/numbers/import");
    real.map(|one| (one.body["e164"].as_str().unwrap_or_default().to_owned(), one.key.unwrap_or_default())).collect()
}

const THREE: &[u8] =
    b"e164,tenant_id,name\r\n+12125550121,acme,\"Front, desk\"\r\n+12125550122,acme,\r\n+12125550123,b,\r\n";

#[tokio::test]
async fn a_file_sent_twice_imports_nothing_twice() {
    let api = books(Books::default()).await;
    let file = File::of("twice", THREE);
    let line = ["import", "--csv", file.path(), "--yes"];
    let ran = api.run(&line).await.exits(0);
    assert_eq!(ran.out, "Every row is well.\nImported: 3. Already there: 0. Still running: 0. Refused: 0.\n");
    assert!(ran.err.contains("1 of 3: +12125550121 for acme: imported\n"), "{ran:?}");
    let seen = api.seen();
    let body = json!({ "carrier": "twilio", "e164": "+12125550121", "tenant_id": "acme", "name": "Front, desk" });
    assert_eq!((seen[0].path.as_str(), &seen[0].body), ("/v1/numbers/import?dry_run=true", &body));
    assert!(seen[0].key != seen[3].key, "a dry run has a key of its own");
    let first = sent(seen);

    let again = api.run(&line).await.exits(0);
    assert_eq!(again.out, "Every row is well.\nImported: 0. Already there: 3. Still running: 0. Refused: 0.\n");
    assert_eq!(sent(api.seen()), first);
    // In another order, with other line ends and a column more: the same rows.
    let file = File::of(
        "reordered",
        b"tenant_id,carrier,name,e164\nb,,,+12125550123\nacme,twilio,\"Front, desk\",+12125550121\nacme,,,+12125550122\n",
    );
    let _ = api.run(&["import", "--csv", file.path(), "--yes"]).await.exits(0);
    let mut reordered = sent(api.seen());
    reordered.sort();
    assert_eq!(reordered, first);
    // Under another word every row is another request.
    let _ = api.run(&[&line[..], &["--key", "again"]].concat()).await.exits(1);
    assert!(sent(api.seen()).iter().all(|(_, key)| key.starts_with("again-")));
}

#[tokio::test]
async fn what_is_refused_is_counted_and_the_rest_goes_on() {
    let api = books(Books::default()).await;
    let file = File::of("refused", b"e164,tenant_id\n+12125550121,acme\n+12125550120,acme\n+12125550123,b\n");
    let dry = api.run(&["import", "--csv", file.path(), "--dry-run"]).await.exits(1);
    assert!(dry.out.ends_with("Could be imported: 2. Could not, or there already: 1. Nothing was sent.\n"), "{dry:?}");
    assert_eq!(sent(api.seen()), []);
    let ran = api.run(&["import", "--csv", file.path(), "--yes"]).await.exits(1);
    insta::assert_snapshot!(ran.out, @r"
    line  digits        tenant  what
       3  +12125550120  acme    number_unavailable: Because of number_unavailable.
    Imported: 2. Already there: 0. Still running: 0. Refused: 1.
    ");
    let _ = api.seen();
    let json = api.run(&["import", "--csv", file.path(), "--yes", "--json"]).await.exits(1).json();
    assert_eq!((&json["imported"], &json["already_there"], &json["refused"]), (&json!(0), &json!(2), &json!(1)));
    assert_eq!(json["rows"][1]["answer"]["code"], "number_unavailable");
}

#[tokio::test]
async fn nothing_is_sent_of_a_file_that_is_wrong() {
    let api = books(Books::default()).await;
    let rows: [(&str, &[u8], &str); 4] = [
        ("fields", b"e164,tenant_id\n+12125550121,acme\n+12125550122\n2125550123,acme\n", "line 3: 1 fields"),
        ("double", b"e164,tenant_id\n+12125550121,acme\n+12125550121,b\n", "line 3: +12125550121 stands on line 2"),
        ("bytes", b"e164,tenant_id,name\n+12125550121,acme,M\xfcller\n", "line 2: not UTF-8"),
        ("header", b"+12125550121,acme\n", "line 1: column `e164` is missing"),
    ];
    for (name, text, why) in rows {
        let file = File::of(name, text);
        let ran = api.run(&["import", "--csv", file.path(), "--yes"]).await.exits(2);
        assert!(ran.err.contains(why) && ran.out.is_empty(), "{name}: {ran:?}");
    }
    let ran = api.run(&["import", "--csv", "/nowhere/at-all.csv", "--yes"]).await.exits(2);
    assert!(ran.err.contains("/nowhere/at-all.csv"), "{ran:?}");
    assert_eq!(api.lines(), [] as [String; 0]);
}

#[tokio::test]
async fn nothing_is_imported_before_somebody_said_so() {
    let api = books(Books::default()).await;
    let file = File::of("unsaid", THREE);
    let ran = api.run(&["import", "--csv", file.path()]).await.exits(2);
    assert!(ran.err.contains("Import 3 numbers. 3 can be imported now."), "{ran:?}");
    let _ = api.run_answered(&["import", "--csv", file.path()], Some("no\n")).await.exits(2);
    assert_eq!(sent(api.seen()), []);
    let _ = api.run_answered(&["import", "--csv", file.path()], Some("y\n")).await.exits(0);
    assert_eq!(sent(api.seen()).len(), 3);
}

#[tokio::test]
async fn an_import_whose_answers_are_lost_is_finished_by_the_same_command() {
    // All tries of the second row are lost; each of them reached the books.
    let (mut sendings, mut inner) = (0, Books::default());
    let api = StandIn::start(move |seen| {
        sendings += usize::from(seen.path == "/v1/numbers/import");
        inner.losing = usize::from((2..=5).contains(&sendings));
        inner.answer(seen)
    })
    .await;
    let file = File::of("lost", THREE);
    let line = ["import", "--csv", file.path(), "--yes"];
    let ran = api.run(&line).await.exits(4);
    assert!(ran.err.contains("1 of 3 rows were sent before this. Imported: 1."), "{ran:?}");
    assert!(ran.err.contains("nothing is imported twice"), "{ran:?}");
    let again = api.run(&line).await.exits(0);
    assert_eq!(again.out, "Every row is well.\nImported: 1. Already there: 2. Still running: 0. Refused: 0.\n");
}

#[tokio::test]
async fn an_outage_ends_it_and_what_is_left_is_sent_by_the_same_command() {
    let (mut sendings, mut inner) = (0, Books::default());
    let api = StandIn::start(move |seen| {
        let real = seen.path == "/v1/numbers/import";
        sendings += usize::from(real);
        match real && (2..=5).contains(&sendings) {
            true => problem(503, "carrier_unavailable"),
            false => inner.answer(seen),
        }
    })
    .await;
    let file = File::of("outage", THREE);
    let line = ["import", "--csv", file.path(), "--yes"];
    let ran = api.run(&line).await.exits(3);
    assert!(ran.err.contains("1 of 3 rows were sent") && ran.err.contains("refused: carrier_unavailable"), "{ran:?}");
    assert_eq!(sent(api.seen()).len(), 5);
    let again = api.run(&line).await.exits(0);
    assert_eq!(again.out, "Every row is well.\nImported: 2. Already there: 1. Still running: 0. Refused: 0.\n");
}

#[tokio::test]
async fn what_still_runs_is_looked_after_for_a_while() {
    let file = File::of("slow", THREE);
    let line = ["import", "--csv", file.path(), "--yes"];
    let api = books(Books { slow: 5, ..Books::default() }).await;
    let ran = api.run(&line).await.exits(0);
    assert!(ran.out.ends_with("Imported: 3. Already there: 0. Still running: 0. Refused: 0.\n"), "{ran:?}");
    let keys = sent(api.seen());
    assert_eq!(keys.iter().map(|(_, key)| key).collect::<std::collections::BTreeSet<_>>().len(), 3, "{keys:?}");
    let api = books(Books { slow: usize::MAX, ..Books::default() }).await;
    let ran = api.run(&line).await.exits(1);
    assert!(ran.out.ends_with("Imported: 0. Already there: 0. Still running: 3. Refused: 0.\n"), "{ran:?}");
}

#[tokio::test]
async fn who_may_not_import_is_told_once() {
    for (status, code) in [(401, "unauthenticated"), (403, "forbidden")] {
        let api = StandIn::start(move |_| problem(status, code)).await;
        let file = File::of(code, THREE);
        let ran = api.run(&["import", "--csv", file.path(), "--yes"]).await.exits(3);
        assert!(ran.err.contains(code) && api.lines().len() == 1, "{ran:?}");
    }
}

#[tokio::test]
async fn one_number_is_imported_under_the_key_it_has_in_a_file() {
    let api = books(Books::default()).await;
    let one = ["import", "--carrier", "twilio", "--e164", "+12125550122", "--tenant", "acme"];
    let dry = api.run(&[&one[..], &["--dry-run", "--json"]].concat()).await.exits(0);
    assert_eq!(dry.json()["would"]["e164"], "+12125550122");
    let ran = api.run(&[&one[..], &["--yes", "--json"]].concat()).await.exits(0);
    assert_eq!(ran.json()["number"]["id"], "num_+12125550122");
    let key = sent(api.seen());
    let file = File::of("one", THREE);
    let _ = api.run(&["import", "--csv", file.path(), "--yes"]).await.exits(0);
    assert!(sent(api.seen()).contains(&key[0]));
    // Not to be had: the API's own refusal.
    let line = ["import", "--carrier", "twilio", "--e164", "+12125550120", "--tenant", "acme", "--yes"];
    let ran = api.run(&line).await.exits(3);
    assert!(ran.err.contains("refused: number_unavailable"), "{ran:?}");
}
