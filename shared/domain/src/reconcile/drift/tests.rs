//! The judgement as tables: one line a case, books on the left, world on the right.

use jiff::ToSpan;

use super::*;
use crate::agent::Platform;
use crate::catalog::{CostPeriod, PRICE_BOOK, PriceBook};
use crate::money::Currency;
use crate::number::{NumberStatus, PlatformRef};
use crate::numbering::{CountryCode, NumberKind};
use crate::ports::Webhooks;

const TAG: &str = "tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
const OTHER_TAG: &str = "tl-ffffffffffffffffffffffffffffffff";
const IMPORTED: &str = "tl-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b-i";

fn since() -> Timestamp {
    "2027-03-01T12:00:00Z".parse().unwrap()
}

fn settings(voice: &str) -> NumberSettings {
    let webhooks = Webhooks { voice: voice.into(), voice_fallback: "f".into(), status: "s".into() };
    NumberSettings::by_webhooks(webhooks)
}

fn number() -> Number {
    let at_end = crate::number::AtEnd::Release;
    let carrier_ref = Some(CarrierRef { id: "PN1".into(), tag: TAG.into(), at_end });
    Number { carrier_ref, status: NumberStatus::Active, open_operation_id: None, ..crate::number::tests::number() }
}

fn linked() -> Number {
    let platform_ref = PlatformRef {
        platform: Platform::Vapi,
        id: Some("v1".into()),
        tag: TAG.into(),
        reach: Reach::Dial { sip_uri: "sip:t@x".into(), key_id: "k".into() },
        platform_agent_id: "a1".into(),
        since: None,
    };
    let agent_id = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().ok();
    Number { platform_ref: Some(platform_ref), agent_id, ..number() }
}

fn claim(number: &Number, state: ClaimState) -> Claim {
    Claim {
        e164: number.e164.clone(),
        state,
        tenant_id: number.tenant_id.clone(),
        number_id: number.id.clone(),
        rev: "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap(),
        until: None,
        route: None,
    }
}

fn at(id: &str, tag: &str, settings: NumberSettings) -> CarrierNumber {
    CarrierNumber {
        id: id.into(),
        e164: number().e164,
        tag: tag.into(),
        created_at: since() - 240.hours(),
        capabilities: crate::number::Capabilities::default(),
        settings,
    }
}

/// A verdict in a word or two.
fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Agrees => "agrees".into(),
        Verdict::Skip => "skip".into(),
        Verdict::Drift(Drift { kind, repair, .. }) => {
            let repair = match repair {
                Repair::Person => "person",
                Repair::RestoreSettings => "restore",
                Repair::Adopt(_) => "adopt",
                Repair::Park => "park",
                Repair::Relink => "relink",
                Repair::Rebind => "rebind",
                Repair::ReleaseOrphan(_) | Repair::RemoveOrphan(_) => "remove",
            };
            format!("{} {repair}", kind.as_str())
        }
    }
}

#[test]
fn what_the_carrier_has() {
    let check = |books: Option<(Number, ClaimState)>, found: CarrierNumber, gone: bool, expected: &str| {
        let (number, state) = books.unzip();
        let claim = number.as_ref().zip(state).map(|(number, state)| claim(number, state));
        let expected_settings = settings("v");
        let books = Books {
            claim: claim.as_ref(),
            number: number.as_ref(),
            expected: &expected_settings,
            deployment: "tl",
            since: since(),
        };
        assert_eq!(short(&at_carrier(&books, &found, gone)), expected, "{found:?} {number:?}");
    };
    let held = || Some((number(), ClaimState::Held));
    let with = |change: fn(&mut Number)| {
        let mut number = number();
        change(&mut number);
        Some((number, ClaimState::Held))
    };
    let right = || settings("v");
    let trunk = NumberSettings { trunk: Some("TK1".into()), ..right() };
    let application = NumberSettings { application: Some("AP1".into()), ..right() };
    // Ours, as it should be or not.
    check(held(), at("PN1", TAG, right()), false, "agrees");
    check(held(), at("PN1", TAG, settings("elsewhere")), false, "routing_drift restore");
    check(held(), at("PN1", TAG, settings("")), false, "routing_drift restore");
    check(held(), at("PN1", TAG, trunk), false, "routing_drift restore");
    check(held(), at("PN1", TAG, application), false, "routing_drift restore");
    check(held(), at("PN1", "mine now", right()), false, "routing_drift person");
    check(held(), at("PN1", OTHER_TAG, settings("elsewhere")), false, "routing_drift person");
    // The same digits under another id.
    check(held(), at("PN2", TAG, right()), true, "orphan_tagged adopt");
    check(held(), at("PN2", "theirs", right()), true, "missing_at_carrier park");
    check(held(), at("PN2", OTHER_TAG, right()), true, "missing_at_carrier park");
    check(with(|number| number.parked = true), at("PN2", "theirs", right()), true, "missing_at_carrier person");
    check(held(), at("PN2", TAG, right()), false, "orphan_tagged person");
    check(held(), at("PN2", "theirs", right()), false, "orphan_untagged person");
    // Nobody's.
    check(None, at("PN1", TAG, right()), false, "orphan_tagged remove");
    check(None, at("PN1", IMPORTED, right()), false, "orphan_tagged person");
    check(None, at("PN1", "theirs", right()), false, "orphan_untagged person");
    check(None, at("PN1", "eu-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", right()), false, "orphan_untagged person");
    for state in [ClaimState::Quarantined, ClaimState::Blocked] {
        let mut released = number();
        (released.status, released.released_at) = (NumberStatus::Released, Some(since() - 1.second()));
        check(Some((released.clone(), state)), at("PN1", TAG, right()), false, "orphan_tagged remove");
        released.released_at = Some(since());
        check(Some((released, state)), at("PN1", TAG, right()), false, "skip");
    }
    check(with(|number| number.status = NumberStatus::Failed), at("PN1", TAG, right()), false, "orphan_tagged remove");
    // Somebody works on it.
    let working = |number: &mut Number| number.open_operation_id = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().ok();
    check(with(working), at("PN1", TAG, settings("elsewhere")), false, "skip");
    check(with(working), at("PN1", "theirs", right()), true, "skip");
}

#[test]
fn what_the_carrier_has_not() {
    let check = |change: fn(&mut Number), expected: &str| {
        let mut number = number();
        change(&mut number);
        assert_eq!(short(&missing_at_carrier(&number, since())), expected, "{number:?}");
    };
    check(|_| {}, "missing_at_carrier park");
    check(|number| number.status = NumberStatus::Suspended, "missing_at_carrier park");
    check(|number| number.parked = true, "missing_at_carrier person");
    check(|number| number.carrier_ref = None, "skip");
    check(|number| number.status = NumberStatus::Released, "skip");
    check(|number| number.open_operation_id = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().ok(), "skip");
}

#[test]
fn what_the_platform_knows() {
    let known = |tag: &str, uri: &str, agent: Option<&str>| PlatformNumber {
        id: "v1".into(),
        e164: None,
        tag: tag.into(),
        sip_uri: Some(uri.into()),
        platform_agent_id: agent.map(str::to_owned),
        created_at: Some(since() - 240.hours()),
    };
    let check = |change: fn(&mut Number), found: Option<PlatformNumber>, expected: &str| {
        let mut number = linked();
        change(&mut number);
        assert_eq!(short(&at_platform(&number, found.as_ref(), since())), expected, "{found:?} {number:?}");
    };
    let suspended: fn(&mut Number) = |number| number.status = NumberStatus::Suspended;
    check(|_| {}, Some(known(TAG, "sip:t@x", Some("a1"))), "agrees");
    check(|_| {}, Some(known(TAG, "sip:T@X", Some("a1"))), "agrees");
    check(|_| {}, Some(known(TAG, "sip:t@x", Some("a2"))), "binding_drift rebind");
    check(|_| {}, Some(known(TAG, "sip:t@x", None)), "binding_drift rebind");
    check(|_| {}, Some(known("theirs", "sip:t@x", Some("a2"))), "binding_drift person");
    check(|_| {}, Some(known(TAG, "sip:other@x", Some("a1"))), "binding_drift person");
    check(|_| {}, None, "missing_at_platform relink");
    check(|number| number.agent_id = None, None, "missing_at_platform person");
    check(suspended, None, "missing_at_platform person");
    check(suspended, Some(known(TAG, "sip:t@x", None)), "binding_drift person");
    check(|number| number.platform_ref = None, None, "skip");
    check(|number| number.status = NumberStatus::Released, None, "skip");
    check(|number| number.open_operation_id = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().ok(), None, "skip");

    let unknown = |tag: &str, hours: i64, working: bool, expected: &str| {
        let found = PlatformNumber { created_at: Some(since() - hours.hours()), ..known(tag, "sip:t@x", None) };
        assert_eq!(short(&unknown_at_platform(&found, working, "tl", since())), expected, "{tag} {hours} {working}");
    };
    unknown(TAG, 1, false, "orphan_at_platform remove");
    unknown(TAG, 1, true, "skip");
    unknown(TAG, -1, false, "skip");
    unknown("theirs", 1, false, "agrees");
    unknown("eu-0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", 1, false, "agrees");
}

#[test]
fn a_price_drifts_when_the_carrier_names_another() {
    let book = PriceBook::read(PRICE_BOOK).unwrap();
    let monthly = book.line(CountryCode::US, NumberKind::Local).unwrap().clone();
    let dollars = |amount: &str| Money::parse(amount, Currency::USD).unwrap();
    let yearly = PriceLine { cost: dollars("12.00"), cost_period: CostPeriod::Year, ..monthly.clone() };
    let check = |line: &PriceLine, found: Option<Money>, told: Option<&str>| {
        let drift = price(line, found);
        let whole =
            drift.as_ref().is_none_or(|drift| (drift.kind, &drift.repair) == (Kind::PriceDrift, &Repair::Person));
        assert!(whole, "{drift:?}");
        assert_eq!(drift.map(|drift| drift.detail).as_deref(), told);
    };
    let us = "US local costs 1.30 USD a month at the carrier and 1.15 USD in the price book";
    check(&monthly, None, None);
    check(&monthly, Some(dollars("1.15")), None);
    check(&monthly, Some(dollars("1.150")), None);
    check(&monthly, Some(dollars("1.30")), Some(us));
    check(&monthly, Some(dollars("1.14")), Some(&us.replace("1.30", "1.14")));
    check(&monthly, Some(dollars("1.150001")), Some(&us.replace("1.30", "1.150001")));
    check(&monthly, Some(dollars("0")), Some(&us.replace("1.30", "0.00")));
    let lira = Money::parse("1.15", Currency::TRY).unwrap();
    check(&monthly, Some(lira), Some(&us.replace("1.30 USD", "1.15 TRY")));
    check(&yearly, Some(dollars("1.00")), None);
    check(&yearly, Some(dollars("12.00")), Some(&us.replace("1.30", "12.00").replace("1.15", "1.00")));
}
