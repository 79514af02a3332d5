//! Waiting for somebody outside, and for digits that a carrier tells later.

use super::*;

#[test]
fn what_waits_for_somebody_outside_is_looked_at_ever_more_rarely_without_an_end() {
    let waiting = || {
        let mut op = begun(Kind::PurchaseFor, Step::Buy);
        acted(&mut op, Step::Buy, Acted::Waiting("the carrier takes its time".into()), start());
        assert_eq!(op.status, OperationStatus::Waiting);
        op
    };
    let mut op = waiting();
    let mut now = start();
    let minutes = [1, 1, 2, 4, 8, 16, 32].into_iter().chain(std::iter::repeat_n(60, 500));
    for (look, wait) in minutes.enumerate() {
        assert_eq!(what_next(&op, now), Next::Wait(now + secs(wait * 60)), "{look}");
        now += secs(wait * 60);
        assert_eq!(what_next(&op, now), Next::Probe(Step::Buy), "{look}");
        let still = Probed::Waiting("the carrier takes its time".into());
        let outcome = if look % 2 == 0 { still } else { Probed::Failed(error(Unavailable)) };
        probed(&mut op, Step::Buy, outcome, now);
        assert_eq!(op.status, OperationStatus::Waiting, "{look}");
    }
    probed(&mut op, Step::Buy, Probed::Present(learned(Step::Buy)), now);
    assert_eq!((op.status, what_next(&op, now)), (OperationStatus::Running, Next::Act(Step::Connect)));

    let mut lost = waiting();
    probed(&mut lost, Step::Buy, Probed::Foreign, now);
    assert_eq!((lost.status, what_next(&lost, now)), (OperationStatus::Running, Next::Swap));
    let mut strange = waiting();
    probed(&mut strange, Step::Buy, Probed::Suspicious("older than the order".into()), now);
    assert_eq!((strange.status, what_next(&strange, now)), (OperationStatus::Stuck, Next::Stop));

    // Gone is what was waited for only when it was not there twice, and then nobody orders it again unasked.
    let mut gone = waiting();
    probed(&mut gone, Step::Buy, Probed::Absent, start() + secs(60));
    assert_eq!(
        (gone.status, shown(&gone, start() + secs(60)).as_str()),
        (OperationStatus::Waiting, "wait 30 s, then probe buy")
    );
    probed(&mut gone, Step::Buy, Probed::Absent, start() + secs(90));
    let mut there = gone.clone();
    probed(&mut gone, Step::Buy, Probed::Absent, start() + secs(150));
    assert_eq!(shown(&gone, start() + secs(150)), "abort carrier_unavailable");
    assert!(purchase(&gone).doubt, "it may yet turn up");
    probed(&mut there, Step::Buy, Probed::Waiting("it is there".into()), start() + secs(150));
    probed(&mut there, Step::Buy, Probed::Absent, start() + secs(300));
    assert_eq!(there.status, OperationStatus::Waiting, "one look is none");

    // A look after a lost answer may find what is to be waited for.
    let mut lost = begun(Kind::PurchaseFor, Step::Buy);
    acted(&mut lost, Step::Buy, Acted::Failed(error(Unknown)), start());
    probed(&mut lost, Step::Buy, Probed::Waiting("it is there".into()), start());
    assert_eq!((lost.status, lost.troubled_since), (OperationStatus::Waiting, None));
}

#[test]
fn digits_that_the_carrier_told_are_claimed_before_anything_goes_by_them() {
    let bought = || {
        let mut op = begin(Kind::PurchaseAwaited);
        play(&mut op, start(), &["done"]);
        assert_eq!((shown(&op, start()).as_str(), told(&op)), ("name", Some(&e164(123))));
        op
    };
    let mut op = bought();
    let slot = op.saga.e164().clone();
    play(&mut op, start(), &["named"]);
    assert_eq!((shown(&op, start()).as_str(), op.saga.e164(), told(&op)), ("act connect", &e164(123), None));
    assert_eq!(purchase(&op).slot.as_ref().map(|kept| &kept.e164), Some(&slot));
    play(&mut op, start(), &["done"]);
    assert_eq!(shown(&op, start()), "commit");

    let mut by_hand = bought();
    named(&mut by_hand, None, false);
    assert_eq!((by_hand.saga.e164(), &purchase(&by_hand).slot), (&e164(123), &None));

    let mut kept = bought();
    play(&mut kept, start(), &["kept back", "done"]);
    assert_eq!(shown(&kept, start()), "abort number_unavailable");

    let mut taken = bought();
    play(&mut taken, start(), &["another's"]);
    assert_eq!(shown(&taken, start()), "stuck needs_operator");
    resumed(&mut taken, start());
    assert_eq!(shown(&taken, start()), "name");
}
