//! Every failure of every store call that a tick of money makes. The places are found by a run without failure; whatever
//! strikes one of them, once the workers are back and some hours have passed everything is as if it had not.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tests::TestApp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::kit::{Story, text};
use crate::moment::{Moment, Work};

/// Systems at once, all tests together; much of a case is waiting for somebody to ask again.
static SEATS: Semaphore = Semaphore::const_new(6);
static INJECTED: AtomicUsize = AtomicUsize::new(0);
static COPIES: AtomicUsize = AtomicUsize::new(0);

/// A failure of one store call, or (more often than the SDK repeats it) of this one and those after it.
#[derive(Debug, Clone)]
struct Fault {
    operation: &'static str,
    after: u64,
    kind: &'static str,
    times: u64,
}

/// A crash is the death after a call, which is the death before the next one.
const OF_WRITES: [(&str, u64); 6] =
    [("crash", 1), ("lost_reply", 4), ("timeout", 4), ("conflict", 10), ("throttle", 4), ("lost_reply", 1)];
const OF_READS: [(&str, u64); 3] = [("crash", 1), ("timeout", 4), ("throttle", 4)];
/// Of the reads, every so manieth fails unless all are asked for.
const STRIDE: usize = 9;

/// How everything stands, as far as it must not depend on what went wrong.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Id, status (or `barred`), paid through, release at.
    numbers: Vec<[String; 4]>,
    wallet: (String, String, String),
    lines: Vec<[String; 4]>,
    events: Vec<[String; 3]>,
    parked: Vec<bool>,
    trail: Vec<String>,
    /// Included minutes that are used up.
    minutes: Value,
}

impl Outcome {
    async fn of(story: &Story) -> Self {
        let listed = story.get("/v1/numbers?limit=100").await;
        let parts = |value: &Value, names: [&str; 4]| names.map(|name| text(value, name));
        let numbers = listed["items"].as_array().into_iter().flatten();
        let parked = numbers.clone().map(|number| number["parked"] == true).collect();
        let trail = story.operator_asks("audit?limit=100").await;
        let trail = trail["items"].as_array().into_iter().flatten().map(|line| text(line, "/action")).collect();
        let numbers = numbers.map(|number| {
            let mut shown = parts(number, ["/id", "/status", "/paid_through", "/release_at"]);
            if text(number, "/link/reason").contains("not paid for") {
                shown[1] = "barred".to_owned();
            }
            shown
        });
        let entries = story.entries("").await;
        let line = ["/kind", "/number_id", "/period/start", "/amount/amount"];
        let mut lines: Vec<_> = entries.iter().map(|entry| parts(entry, line)).collect();
        lines.sort();
        let events = story.all_events().await;
        let event =
            |event: &Value| [text(event, "/type"), text(event, "/data/number_id"), event["data"]["day"].to_string()];
        let mut events: Vec<_> = events.iter().map(event).collect();
        events.sort();
        let minutes = story.get("/v1/wallet").await["included_minutes"].clone();
        Self {
            numbers: numbers.collect(),
            wallet: story.app.wallet(&story.tenant).await,
            lines,
            events,
            parked,
            trail,
            minutes,
        }
    }
}

/// A moment that is kept in a folder: every case goes on from a copy of it.
struct Kept {
    moment: Moment,
    folder: PathBuf,
    /// Left alone from now on: while it lives, the files of its databases stay as they are.
    story: Story,
}

/// What came of a case.
struct Played {
    outcome: Outcome,
    /// Store calls of the tick, by operation.
    calls: BTreeMap<&'static str, u64>,
}

impl Kept {
    async fn of(moment: Moment) -> Self {
        let folder = scratch();
        let story = Story::kept_in(&folder, "2027-02-10", "PRO", moment.opening()).await;
        moment.lead_up(&story).await;
        Self { moment, folder, story }
    }

    /// The tick, with this failure in it, and some hours after it.
    async fn play(&self, fault: Option<&Fault>) -> Played {
        let folder = scratch();
        copy(&self.folder, &folder);
        let app = TestApp::kept_in(&folder, 2).await;
        let story = Story { app, tenant: self.story.tenant.clone() };
        story.outage_until(self.moment.at()).await;
        let system = &story.app.system;
        if let Some(Fault { operation, after, kind, times }) = fault {
            let fault = json!({
                "provider": "dynamodb", "operation": operation, "kind": kind, "after": after, "times": times,
            });
            story.app.fault(fault).await;
        }
        system.aws.dynamodb.reset_counts();
        let worker = system.worker.clone();
        let (work, app, tenant) = (self.moment.work(), system.app.clone(), story.tenant.id.clone());
        // A tick that fails is what was wanted, and so is a worker that dies.
        let _ = story
            .app
            .mortal(async move {
                match work {
                    Work::Tick(job) => worker.tick(job).await.is_ok(),
                    Work::Queue => worker.poll().await.is_ok(),
                    Work::Decision(decision) => decision.decide(&app, &tenant).await.is_ok(),
                }
            })
            .await;
        let calls = system.aws.dynamodb.requests();
        let struck = system.simulators.faults.list()["items"][0]["fired"].as_u64().unwrap_or(0);
        assert!(fault.is_none() || struck > 0, "the failure never struck");
        story.app.no_faults();
        system.aws.sqs.release_in_flight().expect("the queue can be read");
        story.app.restart_workers().await;
        if let Work::Decision(decision) = work {
            // Whoever was not answered asks again.
            decision.decide(&story.app.system.undisturbed, &story.tenant.id).await.expect("it is decided");
        }
        story.to(self.moment.hours_later()).await;
        let _ = story.app.drain().await.expect(200);
        story.app.verify().await;
        let outcome = Outcome::of(&story).await;
        drop(story);
        let _ = std::fs::remove_dir_all(&folder);
        Played { outcome, calls }
    }

    /// Every failure at every place; the rest of them only when all are asked for.
    fn faults(calls: &BTreeMap<&'static str, u64>) -> Vec<Fault> {
        let full = std::env::var("TRUNKLINE_MATRIX").is_ok_and(|matrix| matrix == "full");
        let mut faults = Vec::new();
        let (mut reads, mut writes) = (0usize, 0usize);
        for (&operation, &asked) in calls {
            for after in 0..asked {
                let at = |(kind, times): &(&'static str, u64)| Fault { operation, after, kind, times: *times };
                if matches!(operation, "get" | "query" | "batch_get" | "scan") {
                    let kinds = OF_READS.iter().filter(|(kind, _)| full || *kind == "crash");
                    faults.extend(kinds.filter(|_| full || reads.is_multiple_of(STRIDE)).map(at));
                    reads += 1;
                } else if full {
                    faults.extend(OF_WRITES.iter().map(at));
                } else {
                    // Death at every write, and the others in turn.
                    faults.extend([OF_WRITES[0], OF_WRITES[1 + writes % 5]].iter().map(at));
                    writes += 1;
                }
            }
        }
        faults
    }
}

/// Every failure of this moment's tick.
async fn survives(moment: Moment) {
    let kept = Arc::new(Kept::of(moment).await);
    let Played { outcome, calls } = kept.play(None).await;
    assert!(calls.contains_key("transact"), "{moment:?} changes nothing: {calls:?}");
    moment.check(&outcome.numbers.iter().map(|[_, status, ..]| status.as_str()).collect::<Vec<_>>());
    let outcome = Arc::new(outcome);
    let mut cases = JoinSet::new();
    for fault in Kept::faults(&calls) {
        let (kept, outcome) = (kept.clone(), outcome.clone());
        cases.spawn(async move {
            let _seat = SEATS.acquire().await.expect("seats are never closed");
            let name = format!("{fault:?}");
            let played = tokio::spawn(async move { kept.play(Some(&fault)).await.outcome }).await;
            match played {
                Ok(same) if same == *outcome => Ok(()),
                Ok(other) => Err(format!("{name}: {other:#?}\ninstead of {outcome:#?}")),
                Err(died) => Err(format!("{name}: {}", why(&*died.into_panic()))),
            }
        });
    }
    let (mut injected, mut failed) = (0, Vec::new());
    while let Some(case) = cases.join_next().await {
        injected += 1;
        failed.extend(case.expect("a case's wrapper does not panic").err());
    }
    let so_far = INJECTED.fetch_add(injected, Ordering::Relaxed) + injected;
    // Past the capture of a test's output: how much was tried belongs to the result.
    let _ = writeln!(std::io::stderr(), "{moment:?}: {injected} failures injected ({so_far} so far), {calls:?}");
    let _ = std::fs::remove_dir_all(&kept.folder);
    failed.sort();
    assert!(failed.is_empty(), "{} of {injected} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn why(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// A folder of one's own.
fn scratch() -> PathBuf {
    let nth = COPIES.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("trunkline-money-{}-{nth}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
    }
}

macro_rules! moments {
    ($($name:ident: $moment:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                survives(Moment::$moment).await;
            }
        )*
    };
}

moments! {
    a_renewal_survives: Renewal,
    the_first_failed_charge_survives: PastDue,
    a_notice_survives: Notice,
    a_suspension_survives: Suspension,
    a_recovery_survives: Recovery,
    an_unpaid_release_survives: UnpaidRelease,
    a_release_at_period_end_survives: PeriodEnd,
    a_usage_charge_survives: Usage,
    minutes_a_plan_includes_survive: Included,
    barring_calls_survives: Barring,
    the_end_of_barring_calls_survives: Unbarring,
    parking_a_number_survives: Parking,
    keeping_a_parked_number_survives: Keeping,
    keeping_a_parked_number_that_was_let_go_survives: Ending,
    giving_up_a_parked_number_survives: GivingUp,
}
