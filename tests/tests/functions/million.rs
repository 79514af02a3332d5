//! A large account: what reconciliation keeps in memory does not grow with it.
//!
//! The operator owns a million numbers besides ours, and the real program meets them page by page. `TRUNKLINE_OWNED` says
//! how many others there are to be.

use serde_json::{Value, json};
use simulators::{NumberType, StockLine};
use tests::lambda::Outcome;

use crate::world::{self, Stage};

/// Memory a run may take, program and all.
const KILOBYTES_MAX: u64 = 64 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_numbers_are_streamed_through_little_memory() {
    let owned = std::env::var("TRUNKLINE_OWNED").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let app = world::at(Stage::Linked).await;
    app.system.simulators.twilio.own_already(StockLine::new("US", NumberType::Local, Some("646"), owned)).unwrap();
    let mut function = world::function(&app, "reconcile-numbers").await;
    let begun = std::time::Instant::now();
    let Outcome::Answer(answer) = function.invoke(&world::event("reconcile-numbers")).await else {
        panic!("no answer")
    };
    let peak = function.memory_peak_kb();
    eprintln!("{owned} numbers in {} s, {peak:?} KB at most", begun.elapsed().as_secs());
    world::end(&app, function).await;
    let report = app.system.undisturbed.store.report_latest(true).await.unwrap().expect("a report");
    assert_eq!(answer, json!({ "run_id": report.run_id }));
    let met = report.places.iter().filter(|(_, tally)| tally.compared + tally.others > 0);
    let told: Value = json!(met.map(|(place, tally)| {
        json!({ "of": place.as_str(), "compared": tally.compared, "agreeing": tally.agreeing, "others": tally.others })
    }).collect::<Vec<_>>());
    let expected = json!([
        { "of": "twilio", "compared": 1, "agreeing": 1, "others": owned },
        // As a carrier it has the address of the number of ours, which is none of its own numbers; as a platform it knows it.
        { "of": "vapi", "compared": 0, "agreeing": 0, "others": 1 },
        { "of": "vapi", "compared": 1, "agreeing": 1, "others": 0 },
    ]);
    assert_eq!(told, expected);
    assert_eq!(report.totals.get("orphan_untagged"), Some(&owned));
    assert!(report.findings.len() <= domain::limits::FINDINGS_KEPT);
    match peak {
        Some(peak) => assert!(peak <= KILOBYTES_MAX, "{peak} KB"),
        None => eprintln!("skipped: this system does not tell a program's memory"),
    }
}
