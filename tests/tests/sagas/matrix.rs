//! All failures of every saga. The places are found by a run without failure: what a saga asks of third parties and books
//! today is what is broken tomorrow.

use std::any::Any;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::case;
use crate::fault::{Fault, full, kinds};
use crate::scenario::{Driver, Scenario, Stage};
use crate::ways::Way;
use crate::world::{CARRIERS, PLATFORMS};

/// Systems at once, all tests together; much of a case is waiting for somebody to ask again.
static SEATS: Semaphore = Semaphore::const_new(16);
static INJECTED: AtomicUsize = AtomicUsize::new(0);

/// How often something is asked, by whom it is asked of and what it is.
type Places = BTreeMap<(&'static str, String), u64>;

/// Every failure of this scenario, driven by its request and by a worker; another way, by whoever drives it first.
async fn survives(scenario: Scenario) {
    let mut cases = JoinSet::new();
    let only = match scenario {
        Scenario::By(way) if !full() || way.driver() == Driver::Worker => Some(way.driver()),
        _ => None,
    };
    for driver in [Driver::Request, Driver::Worker].into_iter().filter(|driver| only.is_none_or(|only| only == *driver))
    {
        for fault in faults(scenario, driver, &places(scenario, driver).await) {
            cases.spawn(async move {
                let _seat = SEATS.acquire().await.expect("seats are never closed");
                let name = format!("{scenario:?} driven by the {driver:?}, {fault}");
                let played = tokio::spawn(Box::pin(case::play(scenario, driver, fault))).await;
                played.map_err(|died| format!("{name}: {}", why(&*died.into_panic())))
            });
        }
    }
    let (mut injected, mut failed) = (0, Vec::new());
    while let Some(case) = cases.join_next().await {
        injected += 1;
        failed.extend(case.expect("a case's wrapper does not panic").err());
    }
    let so_far = INJECTED.fetch_add(injected, Ordering::Relaxed) + injected;
    // Past the capture of a test's output: how much was tried belongs to the result.
    let _ = writeln!(std::io::stderr(), "{scenario:?}: {injected} failures injected ({so_far} so far)");
    failed.sort();
    assert!(failed.is_empty(), "{} of {injected} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn why(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// What a run without failure asks for, and that it ends as it should.
async fn places(scenario: Scenario, driver: Driver) -> Places {
    let stage = scenario.stage().await;
    stage.refuse();
    let mut before = Vec::new();
    for party in CARRIERS.into_iter().chain(PLATFORMS) {
        before.push((party, requests(&stage, party).await.len()));
    }
    stage.app.system.aws.dynamodb.reset_counts();
    stage.play(driver).await;
    let mut places = Places::new();
    for (operation, asked) in stage.app.system.aws.dynamodb.requests() {
        places.insert(("dynamodb", operation.to_owned()), asked);
    }
    for (party, before) in before {
        for request in requests(&stage, party).await.split_off(before) {
            let operation = request["operation"].as_str().unwrap_or_default().to_owned();
            *places.entry((party, operation)).or_default() += 1;
        }
    }
    case::relent(&stage).await;
    case::ended(&stage, scenario.natural(), false).await;
    places
}

async fn requests(stage: &Stage, party: &str) -> Vec<Value> {
    stage.app.state(party).await["requests"].as_array().cloned().unwrap_or_default()
}

/// Every way to fail at every one of these places.
fn faults(scenario: Scenario, driver: Driver, places: &Places) -> Vec<Fault> {
    let mut faults = Vec::new();
    for ((party, operation), asked) in places {
        let refused = scenario.refusal().is_some_and(|refusal| (refusal.0, refusal.1) == (*party, operation.as_str()));
        // The scenario's own refusal has the first place already.
        for after in u64::from(refused)..*asked {
            for (kind, span) in kinds(party, operation, driver, scenario) {
                faults.push(Fault { party, operation: operation.clone(), after, kind, span });
            }
        }
    }
    faults
}

macro_rules! sagas {
    ($($name:ident: $scenario:expr),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                survives($scenario).await;
            }
        )*
    };
}

sagas! {
    a_purchase_of_an_exact_number_survives: Scenario::PurchaseExact,
    a_purchase_of_any_number_survives: Scenario::PurchaseAny,
    a_purchase_that_moves_to_another_offer_survives: Scenario::PurchaseAnyTaken,
    a_purchase_with_an_agent_survives: Scenario::PurchaseLinked,
    a_purchase_whose_agent_is_refused_survives: Scenario::PurchaseLinkedRefused,
    a_purchase_of_all_or_nothing_survives: Scenario::PurchaseAllOrNothing,
    the_undoing_of_a_purchase_survives: Scenario::PurchaseAllOrNothingRefused,
    an_import_survives: Scenario::Import,
    an_import_with_an_agent_survives: Scenario::ImportLinked,
    an_import_whose_agent_is_refused_survives: Scenario::ImportLinkedRefused,
    the_undoing_of_an_import_survives: Scenario::ImportAllOrNothingRefused,
    a_link_survives: Scenario::LinkFresh,
    a_link_that_is_refused_survives: Scenario::LinkFreshRefused,
    a_relink_survives: Scenario::Relink,
    a_relink_that_is_refused_survives: Scenario::RelinkRefused,
    an_unlink_survives: Scenario::Unlink,
    a_release_of_a_linked_number_survives: Scenario::ReleaseLinked,
    a_release_of_an_unlinked_number_survives: Scenario::ReleaseUnlinked,
    the_detaching_of_an_imported_number_survives: Scenario::ReleaseImported,
    a_purchase_by_trunk_survives: Scenario::By(Way::PurchaseTrunk),
    a_purchase_whose_trunk_is_refused_survives: Scenario::By(Way::PurchaseTrunkRefused),
    a_purchase_whose_calls_are_registered_survives: Scenario::By(Way::PurchaseRegistered),
    a_link_by_import_at_elevenlabs_survives: Scenario::By(Way::LinkImportElevenLabs),
    a_link_by_import_at_vapi_survives: Scenario::By(Way::LinkImportVapi),
    a_move_to_a_trunk_survives: Scenario::By(Way::Move),
    a_move_to_a_trunk_that_is_refused_survives: Scenario::By(Way::MoveRefused),
    an_unlink_from_a_trunk_survives: Scenario::By(Way::UnlinkTrunk),
    a_release_of_a_number_on_a_trunk_survives: Scenario::By(Way::ReleaseTrunk),
    a_suspension_of_a_number_on_a_trunk_survives: Scenario::By(Way::SuspendTrunk),
    the_end_of_a_suspension_on_a_trunk_survives: Scenario::By(Way::ResumeTrunk),
    a_purchase_at_netgsm_survives: Scenario::By(Way::PurchaseDirect),
    a_release_at_netgsm_survives: Scenario::By(Way::ReleaseDirect),
    a_suspension_at_the_platform_survives: Scenario::By(Way::SuspendDirect),
    the_end_of_a_suspension_at_the_platform_survives: Scenario::By(Way::ResumeDirect),
    the_taking_in_of_a_tenants_own_number_survives: Scenario::By(Way::ImportOwn),
    the_release_of_a_tenants_own_number_survives: Scenario::By(Way::ReleaseOwn),
    a_purchase_of_a_native_number_survives: Scenario::By(Way::PurchaseNative),
    the_undoing_of_a_purchase_of_a_native_number_survives: Scenario::By(Way::PurchaseNativeRefused),
    a_relink_of_a_native_number_survives: Scenario::By(Way::RelinkNative),
    a_release_of_a_native_number_survives: Scenario::By(Way::ReleaseNative),
    a_suspension_of_a_native_number_survives: Scenario::By(Way::SuspendNative),
    the_end_of_a_suspension_of_a_native_number_survives: Scenario::By(Way::ResumeNative),
    the_barring_of_calls_on_a_trunk_survives: Scenario::By(Way::BarTrunk),
    the_end_of_barring_on_a_trunk_survives: Scenario::By(Way::UnbarTrunk),
    the_barring_of_calls_at_the_platform_survives: Scenario::By(Way::BarDirect),
    the_end_of_barring_at_the_platform_survives: Scenario::By(Way::UnbarDirect),
}
