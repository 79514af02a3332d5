//! Seeded simulation: random tenants, requests, faults, deaths and days, held against a small model of what must be true.
//!
//! `TRUNKLINE_SEED=123` plays one seed, `TRUNKLINE_SEEDS=500` that many; without either it is a fixed set. A failure prints
//! its seed and every step until then. [`model`] is what the test knows, [`actions`] what happens, [`play`] the rules by
//! which both are compared; [`years`] lets months pass instead of hours.

mod actions;
mod model;
mod play;
mod years;

use std::io::Write;

use tokio::task::JoinSet;

/// Steps of one seed.
const STEPS: usize = 120;
/// Seeds played when the environment names none.
const SEEDS: u64 = 12;
/// Seeds of months played when the environment names none.
const SEEDS_OF_YEARS: u64 = 4;
/// Seeds at once.
const SIDE_BY_SIDE: usize = 4;

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_happens_the_books_agree_with_the_world() {
    let mut seeds = match number_of("TRUNKLINE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number_of("TRUNKLINE_SEEDS").unwrap_or(SEEDS),
    };
    let (mut running, mut failed, mut happened) = (JoinSet::new(), Vec::new(), 0);
    loop {
        while running.len() < SIDE_BY_SIDE
            && let Some(seed) = seeds.next()
        {
            running.spawn(async move { (seed, play::play(seed, STEPS).await) });
        }
        let Some(played) = running.join_next().await else { break };
        let (seed, played) = played.expect("a player does not panic");
        happened += played.happened;
        if played.broken.is_some() || number_of("TRUNKLINE_SEED").is_some() {
            let (trace, why) = (played.trace.join("\n"), played.broken.as_deref().unwrap_or("all is well"));
            // Past the capture of a test's output, so that it is there however the test is run.
            let _ = writeln!(std::io::stderr(), "{trace}\nTRUNKLINE_SEED={seed}: {why}\n");
        }
        failed.extend(played.broken.map(|_| seed));
    }
    let _ = writeln!(std::io::stderr(), "{happened} faults struck");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}; TRUNKLINE_SEED replays one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_replays_exactly() {
    let (first, second) = tokio::join!(play::play(4_711, STEPS), play::play(4_711, STEPS));
    assert_eq!(first.broken, None);
    for (step, (one, other)) in first.trace.iter().zip(&second.trace).enumerate() {
        assert_eq!(one, other, "the runs part at line {step}");
    }
    assert_eq!(first.trace.len(), second.trace.len());
    assert!(first.trace.len() > STEPS && first.happened > 0, "nothing happened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_the_months_pass_every_period_is_charged_once_or_dunned() {
    let mut seeds = match number_of("TRUNKLINE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number_of("TRUNKLINE_SEEDS").unwrap_or(SEEDS_OF_YEARS),
    };
    let (mut running, mut failed, mut happened) = (JoinSet::new(), Vec::new(), 0);
    loop {
        while running.len() < SIDE_BY_SIDE
            && let Some(seed) = seeds.next()
        {
            running.spawn(async move { (seed, years::live(seed).await) });
        }
        let Some(lived) = running.join_next().await else { break };
        let (seed, lived) = lived.expect("a player does not panic");
        happened += lived.happened;
        if lived.broken.is_some() || number_of("TRUNKLINE_SEED").is_some() {
            let (trace, why) = (lived.trace.join("\n"), lived.broken.as_deref().unwrap_or("all is well"));
            let _ = writeln!(std::io::stderr(), "{trace}\nTRUNKLINE_SEED={seed}: {why}\n");
        }
        failed.extend(lived.broken.map(|_| seed));
    }
    let _ = writeln!(std::io::stderr(), "{happened} faults struck");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}; TRUNKLINE_SEED replays one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_replay_exactly() {
    let (first, second) = tokio::join!(years::live(4_711), years::live(4_711));
    assert_eq!(first.broken, None);
    assert_eq!(first.trace, second.trace);
    assert!(first.happened > 0, "nothing happened");
}
