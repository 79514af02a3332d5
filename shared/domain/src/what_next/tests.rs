//! Tables of what every outcome means. Whole operations are in [`stories`], random ones in [`adversary`].

use super::*;
use crate::agent::{Method, Platform};
use crate::number::{AtEnd, Before, Capabilities, CarrierRef, PlatformRef};
use crate::operation::{AgentBinding, Import, Link, OnEnd, Purchase, Release, ReleaseWhy, StepRecord, Unlink};
use crate::ports::{NumberSettings, Webhooks};
use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};
use Reason::{AddressRequired, BundleRequired, LimitReached, Other, Taken};

mod adversary;
mod stories;
mod waiting;

const HEX: &str = "0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
const KINDS: [ProviderErrorKind; 10] = [
    Rejected(Taken),
    Rejected(AddressRequired),
    Rejected(BundleRequired),
    Rejected(LimitReached),
    Rejected(Other),
    NotFound,
    RateLimited,
    Unavailable,
    Unknown,
    Misconfigured,
];

// ---- what there is to be driven ----

/// The sagas there are, and for each the ways in which it differs to the judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One exact number, for no agent.
    Purchase,
    /// Any number, with two offers to fall back on.
    PurchaseAny,
    /// A number for an agent, kept if it cannot be linked.
    PurchaseFor,
    /// A number for an agent, given back if it cannot be linked.
    PurchaseAllOrNothing,
    /// A number for an agent, whose digits the carrier tells once it has sold it.
    PurchaseAwaited,
    /// A number of the operator's own, for no agent.
    Import,
    /// A number of the operator's own for an agent, kept if it cannot be linked.
    ImportFor,
    /// A number of the operator's own for an agent, put back to what it was if it cannot be linked.
    ImportAllOrNothing,
    /// An agent for a number that has none.
    Link,
    /// Another agent for a number.
    Relink,
    Unlink,
    /// A number no platform knows.
    UnlinkNothing,
    Release,
    /// A number without an agent.
    ReleaseUnlinked,
}

const ALL: [Kind; 14] = [
    Kind::Purchase,
    Kind::PurchaseAny,
    Kind::PurchaseFor,
    Kind::PurchaseAllOrNothing,
    Kind::PurchaseAwaited,
    Kind::Import,
    Kind::ImportFor,
    Kind::ImportAllOrNothing,
    Kind::Link,
    Kind::Relink,
    Kind::Unlink,
    Kind::UnlinkNothing,
    Kind::Release,
    Kind::ReleaseUnlinked,
];

fn e164(line: u16) -> crate::E164 {
    format!("+1212555{line:04}").parse().unwrap()
}

fn carrier_ref() -> CarrierRef {
    CarrierRef { id: "PN1".into(), tag: format!("test-{HEX}"), at_end: AtEnd::Release }
}

fn before(name: &str) -> Before {
    let webhooks =
        Webhooks { voice: "https://example.test/".into(), voice_fallback: String::new(), status: String::new() };
    Before { name: name.into(), settings: NumberSettings::by_webhooks(webhooks) }
}

fn platform_ref() -> PlatformRef {
    PlatformRef {
        platform: Platform::Vapi,
        id: Some("v1".into()),
        tag: format!("test-{HEX}"),
        reach: Reach::Dial { sip_uri: "sip:test@sip.vapi.ai".into(), key_id: "k1".into() },
        platform_agent_id: "assistant".into(),
        since: None,
    }
}

fn saga(kind: Kind) -> Saga {
    let agent = AgentBinding {
        agent_id: format!("agt_{HEX}").parse().unwrap(),
        platform: Platform::Vapi,
        platform_agent_id: "assistant".into(),
        method: Method::HandOver,
    };
    let agent_id = Some(agent.agent_id.clone());
    let purchase = |candidates: &[u16], agent, all_or_nothing| {
        Saga::Purchase(Box::new(Purchase {
            e164: e164(123),
            country: crate::CountryCode::US,
            kind: crate::numbering::NumberKind::Local,
            capabilities: Capabilities { voice: true, sms: true, mms: false },
            price: crate::Money::from_micros(1_500_000, crate::Currency::USD),
            by_hand: false,
            area_code: None,
            candidates: candidates.iter().map(|line| e164(*line)).collect(),
            papers: std::collections::BTreeMap::new(),
            attempt: 1,
            doubt: false,
            previous_claim: None,
            agent,
            all_or_nothing,
            included: false,
            slot: None,
            told: None,
            bought: None,
            sold_at: None,
            connected: None,
            link_refused: None,
        }))
    };
    let import = |agent, all_or_nothing| {
        Saga::Import(Box::new(Import {
            e164: e164(123),
            country: crate::CountryCode::US,
            kind: crate::numbering::NumberKind::Local,
            price: crate::Money::from_micros(1_500_000, crate::Currency::USD),
            included: false,
            on_end: OnEnd::Detach,
            slot: None,
            before: Some(before("the operator's own")),
            doubt: false,
            previous_claim: None,
            agent,
            all_or_nothing,
            imported: None,
            connected: None,
            link_refused: None,
        }))
    };
    let link = |previous| Link {
        e164: e164(123),
        agent: agent.clone(),
        previous_agent: None,
        previous,
        connected: None,
        since: None,
    };
    let release = |agent_id, platform| {
        let (e164, why) = (e164(123), ReleaseWhy::Asked);
        Release { e164, agent_id, platform, why, included: false, slot: None }
    };
    match kind {
        Kind::Purchase => purchase(&[], None, false),
        Kind::PurchaseAny => purchase(&[124, 125], None, false),
        Kind::PurchaseFor => purchase(&[124, 125], Some(agent), false),
        Kind::PurchaseAllOrNothing => purchase(&[], Some(agent), true),
        Kind::PurchaseAwaited => match purchase(&[], Some(agent), false) {
            Saga::Purchase(wish) => {
                let e164 = crate::number::Carrier::Vapi.awaited(2);
                Saga::Purchase(Box::new(Purchase { e164, area_code: Some("205".into()), ..*wish }))
            }
            other => other,
        },
        Kind::Import => import(None, false),
        Kind::ImportFor => import(Some(agent), false),
        Kind::ImportAllOrNothing => import(Some(agent), true),
        Kind::Link => Saga::Link(Box::new(link(None))),
        Kind::Relink => Saga::Link(Box::new(link(Some(platform_ref())))),
        Kind::Unlink => Saga::Unlink(Box::new(Unlink { e164: e164(123), agent_id, platform: Some(platform_ref()) })),
        Kind::UnlinkNothing => Saga::Unlink(Box::new(Unlink { e164: e164(123), agent_id, platform: None })),
        Kind::Release => Saga::Release(Box::new(release(agent_id, Some(platform_ref())))),
        Kind::ReleaseUnlinked => Saga::Release(Box::new(release(None, None))),
    }
}

#[derive(Debug)]
struct At(Timestamp);

impl crate::Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }
    fn real_now(&self) -> Timestamp {
        self.0
    }
}

fn start() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

fn begin(kind: Kind) -> Operation {
    let id = format!("op_{HEX}").parse().unwrap();
    Operation::begin(id, &crate::number::tests::number(), saga(kind), &At(start()))
}

fn secs(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

fn error(kind: ProviderErrorKind) -> ProviderError {
    ProviderError::new(kind, "no")
}

/// What a third party's success at this step teaches.
fn learned(step: Step) -> Learned {
    match step {
        Step::Buy => Learned::Bought(carrier_ref(), start(), e164(123)),
        Step::ImportAtCarrier => Learned::Imported(carrier_ref()),
        Step::Connect | Step::Rebind => Learned::Connected(platform_ref()),
        Step::Unbind | Step::Disconnect | Step::ReleaseAtCarrier | Step::Configure | Step::Route => Learned::Nothing,
    }
}

fn purchase(op: &Operation) -> &Purchase {
    let Saga::Purchase(purchase) = &op.saga else { panic!("not a purchase: {op:?}") };
    purchase
}

/// Goes to the next offer, as the driver does in one transaction; `false` when there is none.
fn swap(op: &mut Operation) -> bool {
    let Saga::Purchase(purchase) = &mut op.saga else { return false };
    if purchase.candidates.is_empty() {
        return false;
    }
    purchase.e164 = purchase.candidates.remove(0);
    (purchase.attempt, purchase.doubt) = (purchase.attempt + 1, false);
    set(op, Step::Buy, StepState::Pending);
    true
}

// ---- reading it ----

/// What is next, in words: `wait 60 s, then act buy`; the end with its code: `abort number_unavailable`.
fn shown(op: &Operation, now: Timestamp) -> String {
    let code = op.failure.as_ref().map_or("", |failure| failure.code.as_str());
    match what_next(op, now) {
        Next::Act(step) => format!("act {}", step.as_str()),
        Next::Probe(step) => format!("probe {}", step.as_str()),
        Next::Undo(step) => format!("undo {}", step.as_str()),
        Next::Swap => "swap".into(),
        Next::Name => "name".into(),
        Next::Commit => "commit".into(),
        Next::Abort => format!("abort {code}"),
        Next::Wait(until) => format!("wait {} s, then {}", until.duration_since(now).as_secs(), shown(op, until)),
        Next::Stop => format!("{} {code}", op.status.as_str()),
    }
}

/// An operation that has come as far as `step`: the steps before it are done.
fn come_to(kind: Kind, step: Step) -> Operation {
    let mut op = begin(kind);
    for StepRecord { step: before, .. } in op.steps.clone() {
        if before == step {
            return op;
        }
        started(&mut op, before, start());
        acted(&mut op, before, Acted::Done(learned(before)), start());
        named(&mut op, None, true);
    }
    panic!("{} is not a step of {kind:?}", step.as_str());
}

/// An operation in which `step` was begun at the start.
fn begun(kind: Kind, step: Step) -> Operation {
    let mut op = come_to(kind, step);
    started(&mut op, step, start());
    op
}

/// An operation that gives its number back, since it could not be linked.
fn giving_back() -> Operation {
    let mut op = begun(Kind::PurchaseAllOrNothing, Step::Connect);
    acted(&mut op, Step::Connect, Acted::Failed(error(Rejected(Other))), start());
    assert_eq!(shown(&op, start()), "undo buy");
    undoing(&mut op, Step::Buy);
    op
}

/// Does what is next with these outcomes, one after the other, waiting where told; returns the instant it got to.
fn play(op: &mut Operation, from: Timestamp, outcomes: &[&str]) -> Timestamp {
    let mut now = from;
    for outcome in outcomes {
        if let Next::Wait(until) = what_next(op, now) {
            now = until;
        }
        let failed = |kind| error(kind);
        match (what_next(op, now), *outcome) {
            (Next::Act(step), outcome) => {
                started(op, step, now);
                match outcome {
                    "died" => {}
                    "done" => acted(op, step, Acted::Done(learned(step)), now),
                    "lost" => acted(op, step, Acted::Failed(failed(Unknown)), now),
                    "taken" => acted(op, step, Acted::Failed(failed(Rejected(Taken))), now),
                    "refused" => acted(op, step, Acted::Failed(failed(Rejected(Other))), now),
                    "down" => acted(op, step, Acted::Failed(failed(Unavailable)), now),
                    other => panic!("{other} of an act"),
                }
            }
            (Next::Probe(step), "there") => probed(op, step, Probed::Present(learned(step)), now),
            (Next::Probe(step), "absent") => probed(op, step, Probed::Absent, now),
            (Next::Probe(step), "down") => probed(op, step, Probed::Failed(failed(Unavailable)), now),
            (Next::Undo(step), outcome) => {
                undoing(op, step);
                match outcome {
                    "died" => {}
                    "done" => undone(op, step, Ok(()), now),
                    "gone" => undone(op, step, Err(failed(NotFound)), now),
                    "refused" => undone(op, step, Err(failed(Rejected(Other))), now),
                    "down" => undone(op, step, Err(failed(Unavailable)), now),
                    other => panic!("{other} of an undo"),
                }
            }
            (Next::Swap, "swapped") => assert!(swap(op)),
            (Next::Swap, "none left") => out_of_offers(op),
            (Next::Name, "named") => named(op, None, true),
            (Next::Name, "kept back") => kept_back(op),
            (Next::Name, "another's") => contradicted(op, "the digits are another's".into()),
            (next, outcome) => panic!("{outcome} does not answer {next:?}"),
        }
    }
    now
}

/// Repeats these outcomes until the operation is over or stuck; returns how long that took.
fn play_until_over(op: &mut Operation, from: Timestamp, outcomes: &[&str]) -> SignedDuration {
    let mut now = from;
    for outcome in outcomes.iter().cycle().take(10_000) {
        if let Next::Wait(until) = what_next(op, now) {
            now = until;
        }
        match what_next(op, now) {
            Next::Stop | Next::Commit | Next::Abort => return now.duration_since(from),
            Next::Act(_) | Next::Probe(_) | Next::Undo(_) | Next::Swap | Next::Name | Next::Wait(_) => {
                now = play(op, now, &[*outcome]);
            }
        }
    }
    panic!("it never ends: {op:?}");
}

// ---- tables ----

#[test]
fn waits_double_from_one_minute_to_ten() {
    let check = |attempts: u32, minutes: i64| assert_eq!(backoff(attempts), secs(60 * minutes), "{attempts}");
    check(0, 1);
    check(1, 1);
    check(2, 2);
    check(3, 4);
    check(4, 8);
    check(5, 10);
    check(6, 10);
    check(1_000, 10);
    check(u32::MAX, 10);
}

#[test]
fn every_saga_begins_with_its_first_step() {
    let check = |kind: Kind, expected: &str| assert_eq!(shown(&begin(kind), start()), expected, "{kind:?}");
    check(Kind::Purchase, "act buy");
    check(Kind::PurchaseAny, "act buy");
    check(Kind::PurchaseFor, "act buy");
    check(Kind::PurchaseAllOrNothing, "act buy");
    check(Kind::Import, "act import_at_carrier");
    check(Kind::ImportFor, "act import_at_carrier");
    check(Kind::Link, "act connect");
    check(Kind::Relink, "act rebind");
    check(Kind::Unlink, "act disconnect");
    check(Kind::UnlinkNothing, "commit");
    check(Kind::Release, "act disconnect");
    check(Kind::ReleaseUnlinked, "act release_at_carrier");
}

#[test]
fn a_step_that_is_done_leads_to_the_next() {
    let check = |kind: Kind, step: Step, expected: &str| {
        let mut op = begun(kind, step);
        acted(&mut op, step, Acted::Done(learned(step)), start());
        assert_eq!(shown(&op, start()), expected, "{kind:?} {step:?}");
    };
    check(Kind::Purchase, Step::Buy, "commit");
    check(Kind::PurchaseFor, Step::Buy, "act connect");
    check(Kind::PurchaseFor, Step::Connect, "commit");
    check(Kind::Import, Step::ImportAtCarrier, "commit");
    check(Kind::ImportFor, Step::ImportAtCarrier, "act connect");
    check(Kind::ImportFor, Step::Connect, "commit");
    check(Kind::Link, Step::Connect, "commit");
    check(Kind::Relink, Step::Rebind, "commit");
    check(Kind::Unlink, Step::Disconnect, "commit");
    check(Kind::Release, Step::Disconnect, "act release_at_carrier");
    check(Kind::Release, Step::ReleaseAtCarrier, "commit");
    check(Kind::ReleaseUnlinked, Step::ReleaseAtCarrier, "commit");
}

/// One row for every step of every saga: each kind of error is in exactly one of its columns.
#[test]
fn what_a_failed_act_leads_to() {
    let check = |kind: Kind, step: Step, columns: &[(&str, &[ProviderErrorKind])]| {
        for error_kind in KINDS {
            let mut op = begun(kind, step);
            acted(&mut op, step, Acted::Failed(error(error_kind)), start());
            let columns: Vec<_> = columns.iter().filter(|(_, kinds)| kinds.contains(&error_kind)).collect();
            let [(expected, _)] = columns[..] else { panic!("{error_kind:?} is not in one column: {columns:?}") };
            assert_eq!(shown(&op, start()), *expected, "{kind:?} {step:?} {error_kind:?}");
        }
    };
    let refusals = [Rejected(Taken), Rejected(AddressRequired), Rejected(BundleRequired), Rejected(LimitReached)];
    let refused = [&refusals[..], &[Rejected(Other), NotFound]].concat();
    let refused_or_set_up_wrong = [&refused[..], &[Misconfigured]].concat();
    let did_not_happen: &[_] = &[RateLimited, Unavailable];
    let did_not_happen_yet: &[_] = &[RateLimited, Unavailable, Misconfigured];

    let buying: [(&str, &[ProviderErrorKind]); 6] = [
        ("abort address_required", &[Rejected(AddressRequired)]),
        ("abort bundle_required", &[Rejected(BundleRequired)]),
        ("abort carrier_unavailable", &[Rejected(LimitReached), Rejected(Other), NotFound]),
        ("abort carrier_not_configured", &[Misconfigured]),
        ("wait 60 s, then act buy", did_not_happen),
        ("probe buy", &[Unknown]),
    ];
    let taken: &[_] = &[Rejected(Taken)];
    check(Kind::Purchase, Step::Buy, &[&[("abort number_unavailable", taken)], &buying[..]].concat());
    check(Kind::PurchaseAllOrNothing, Step::Buy, &[&[("abort number_unavailable", taken)], &buying[..]].concat());
    check(Kind::PurchaseAny, Step::Buy, &[&[("swap", taken)], &buying[..]].concat());
    check(Kind::PurchaseFor, Step::Buy, &[&[("swap", taken)], &buying[..]].concat());

    let importing: [(&str, &[ProviderErrorKind]); 8] = [
        ("abort number_unavailable", taken),
        ("abort not_found", &[NotFound]),
        ("abort address_required", &[Rejected(AddressRequired)]),
        ("abort bundle_required", &[Rejected(BundleRequired)]),
        ("abort carrier_unavailable", &[Rejected(LimitReached), Rejected(Other)]),
        ("abort carrier_not_configured", &[Misconfigured]),
        ("wait 60 s, then act import_at_carrier", did_not_happen),
        ("probe import_at_carrier", &[Unknown]),
    ];
    check(Kind::Import, Step::ImportAtCarrier, &importing);
    check(Kind::ImportFor, Step::ImportAtCarrier, &importing);

    let connecting = |refused: &'static str| {
        [
            (refused, &refused_or_set_up_wrong[..]),
            ("wait 60 s, then act connect", did_not_happen),
            ("probe connect", &[Unknown]),
        ]
    };
    check(Kind::PurchaseFor, Step::Connect, &connecting("commit"));
    check(Kind::PurchaseAllOrNothing, Step::Connect, &connecting("undo buy"));
    check(Kind::ImportFor, Step::Connect, &connecting("commit"));
    check(Kind::ImportAllOrNothing, Step::Connect, &connecting("undo import_at_carrier"));
    check(Kind::Link, Step::Connect, &connecting("abort platform_unavailable"));
    check(
        Kind::Relink,
        Step::Rebind,
        &[
            ("abort platform_unavailable", &refused_or_set_up_wrong),
            ("wait 60 s, then act rebind", did_not_happen),
            ("probe rebind", &[Unknown]),
        ],
    );

    let removing = |again: &'static str, probe: &'static str| {
        [("stuck needs_operator", &refused[..]), (again, did_not_happen_yet), (probe, &[Unknown])]
    };
    check(Kind::Unlink, Step::Disconnect, &removing("wait 60 s, then act disconnect", "probe disconnect"));
    check(Kind::Release, Step::Disconnect, &removing("wait 60 s, then act disconnect", "probe disconnect"));
    let (again, probe) = ("wait 60 s, then act release_at_carrier", "probe release_at_carrier");
    check(Kind::Release, Step::ReleaseAtCarrier, &removing(again, probe));
    check(Kind::ReleaseUnlinked, Step::ReleaseAtCarrier, &removing(again, probe));
}

#[test]
fn what_a_look_leads_to() {
    let check = |kind: Kind, step: Step, outcome: Probed, expected: &str| {
        let mut op = begun(kind, step);
        probed(&mut op, step, outcome.clone(), start());
        assert_eq!(shown(&op, start()), expected, "{kind:?} {step:?} {outcome:?}");
    };
    let there = |step| Probed::Present(learned(step));
    // Presence counts at once.
    check(Kind::Purchase, Step::Buy, there(Step::Buy), "commit");
    check(Kind::PurchaseFor, Step::Buy, there(Step::Buy), "act connect");
    check(Kind::PurchaseFor, Step::Connect, there(Step::Connect), "commit");
    check(Kind::Import, Step::ImportAtCarrier, there(Step::ImportAtCarrier), "commit");
    check(Kind::ImportFor, Step::Connect, there(Step::Connect), "commit");
    check(Kind::Link, Step::Connect, there(Step::Connect), "commit");
    check(Kind::Relink, Step::Rebind, there(Step::Rebind), "commit");
    check(Kind::Release, Step::Disconnect, there(Step::Disconnect), "act release_at_carrier");
    // Absence of what cannot be repeated has to wait; what can be repeated is repeated, not at once.
    check(Kind::Purchase, Step::Buy, Probed::Absent, "wait 90 s, then probe buy");
    check(Kind::PurchaseFor, Step::Connect, Probed::Absent, "wait 90 s, then probe connect");
    check(Kind::Link, Step::Connect, Probed::Absent, "wait 90 s, then probe connect");
    check(Kind::Relink, Step::Rebind, Probed::Absent, "wait 60 s, then act rebind");
    check(Kind::Import, Step::ImportAtCarrier, Probed::Absent, "wait 60 s, then act import_at_carrier");
    check(Kind::Unlink, Step::Disconnect, Probed::Absent, "wait 60 s, then act disconnect");
    check(Kind::Release, Step::ReleaseAtCarrier, Probed::Absent, "wait 60 s, then act release_at_carrier");
    // Somebody else's: as good as taken.
    check(Kind::Purchase, Step::Buy, Probed::Foreign, "abort number_unavailable");
    check(Kind::PurchaseAny, Step::Buy, Probed::Foreign, "swap");
    check(Kind::PurchaseFor, Step::Connect, Probed::Foreign, "commit");
    check(Kind::PurchaseAllOrNothing, Step::Connect, Probed::Foreign, "undo buy");
    check(Kind::Import, Step::ImportAtCarrier, Probed::Foreign, "abort number_unavailable");
    check(Kind::Link, Step::Connect, Probed::Foreign, "abort platform_unavailable");
    check(Kind::Unlink, Step::Disconnect, Probed::Foreign, "stuck needs_operator");
    check(Kind::Release, Step::ReleaseAtCarrier, Probed::Foreign, "stuck needs_operator");
    // Could not look: whatever the reason, nothing is known.
    for kind in KINDS {
        let failed = || Probed::Failed(error(kind));
        check(Kind::Purchase, Step::Buy, failed(), "wait 60 s, then probe buy");
        check(Kind::PurchaseFor, Step::Connect, failed(), "wait 60 s, then probe connect");
        check(Kind::Relink, Step::Rebind, failed(), "wait 60 s, then probe rebind");
        check(Kind::Release, Step::Disconnect, failed(), "wait 60 s, then probe disconnect");
    }
    // Seems to be somebody else's doing: a person looks.
    for kind in ALL {
        for record in begin(kind).steps {
            check(kind, record.step, Probed::Suspicious("older than the order".into()), "stuck needs_operator");
        }
    }
}

#[test]
fn absence_counts_from_ninety_seconds_and_when_seen_twice() {
    let check = |after_s: i64, seen: u8, expected: &str| {
        let mut op = begun(Kind::Purchase, Step::Buy);
        set(&mut op, Step::Buy, StepState::Started { at: start(), absent_seen: seen });
        let now = start() + secs(after_s);
        probed(&mut op, Step::Buy, Probed::Absent, now);
        assert_eq!(shown(&op, now), expected, "after {after_s} s, seen {seen} times");
    };
    check(0, 0, "wait 90 s, then probe buy");
    check(1, 0, "wait 89 s, then probe buy");
    check(89, 0, "wait 1 s, then probe buy");
    check(89, 1, "wait 1 s, then probe buy");
    check(90, 0, "wait 60 s, then probe buy");
    check(90, 1, "act buy");
    check(3_600, 0, "wait 60 s, then probe buy");
    check(3_600, 1, "act buy");
}

#[test]
fn what_an_undo_leads_to() {
    let check = |outcome: Result<(), ProviderErrorKind>, expected: &str| {
        let mut op = giving_back();
        undone(&mut op, Step::Buy, outcome.map_err(error), start());
        assert_eq!(shown(&op, start()), expected, "{outcome:?}");
    };
    check(Ok(()), "abort platform_unavailable");
    check(Err(NotFound), "abort platform_unavailable");
    check(Err(RateLimited), "wait 60 s, then undo buy");
    check(Err(Unavailable), "wait 60 s, then undo buy");
    check(Err(Unknown), "wait 60 s, then undo buy");
    check(Err(Misconfigured), "wait 60 s, then undo buy");
    for reason in [Taken, AddressRequired, BundleRequired, LimitReached, Other] {
        check(Err(Rejected(reason)), "stuck platform_unavailable");
    }
}

#[test]
fn the_next_offer_is_tried_while_there_is_one_and_three_times_at_most() {
    let check = |candidates: usize, attempt: u8, expected: &str| {
        let mut op = begun(Kind::PurchaseAny, Step::Buy);
        let Saga::Purchase(purchase) = &mut op.saga else { panic!() };
        purchase.candidates.truncate(candidates);
        purchase.attempt = attempt;
        acted(&mut op, Step::Buy, Acted::Failed(error(Rejected(Taken))), start());
        assert_eq!(shown(&op, start()), expected, "{candidates} left at attempt {attempt}");
    };
    check(2, 1, "swap");
    check(1, 2, "swap");
    check(2, 3, "abort number_unavailable");
    check(0, 1, "abort number_unavailable");
    check(0, 3, "abort number_unavailable");
}

#[test]
fn a_wait_is_over_at_its_instant() {
    let mut op = begun(Kind::Purchase, Step::Buy);
    acted(&mut op, Step::Buy, Acted::Failed(error(RateLimited)), start());
    let check = |after_ms: i64, expected: Next| {
        assert_eq!(what_next(&op, start() + SignedDuration::from_millis(after_ms)), expected, "{after_ms} ms");
    };
    let due = start() + secs(60);
    check(0, Next::Wait(due));
    check(59_999, Next::Wait(due));
    check(60_000, Next::Act(Step::Buy));
    check(86_400_000, Next::Act(Step::Buy));
}

#[test]
fn what_does_not_run_is_left_alone() {
    use OperationStatus::{Failed, Running, Stuck, Succeeded};
    for kind in ALL {
        for status in [Succeeded, Failed, Stuck] {
            assert_eq!(what_next(&Operation { status, ..begin(kind) }, start()), Next::Stop, "{kind:?} {status:?}");
        }
        assert_ne!(what_next(&Operation { status: Running, ..begin(kind) }, start()), Next::Stop, "{kind:?}");
    }
}

#[test]
fn news_of_a_look_nobody_waits_for_changes_nothing() {
    let mut op = come_to(Kind::PurchaseFor, Step::Connect);
    let before = op.clone();
    for step in [Step::Buy, Step::Connect, Step::Rebind] {
        probed(&mut op, step, Probed::Absent, start());
        probed(&mut op, step, Probed::Foreign, start());
        probed(&mut op, step, Probed::Suspicious("late".into()), start());
    }
    assert_eq!(op, before);
}
