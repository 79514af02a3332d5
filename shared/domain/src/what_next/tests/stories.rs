//! What drivers, third parties and operators do one after the other, and where it ends.

use super::*;

#[test]
fn a_purchase_keeps_what_it_learned() {
    let mut op = begin(Kind::PurchaseFor);
    let now = play(&mut op, start(), &["done", "done"]);
    assert_eq!(shown(&op, now), "commit");
    let purchase = purchase(&op);
    assert_eq!((&purchase.bought, purchase.sold_at), (&Some(carrier_ref()), Some(start())));
    assert_eq!((&purchase.connected, purchase.doubt), (&Some(platform_ref()), false));
}

#[test]
fn a_lost_reply_from_the_carrier_is_looked_for_and_not_repeated() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["lost", "there"]);
    assert_eq!((shown(&op, now).as_str(), now), ("commit", start()));
    assert!(purchase(&op).bought.is_some());
}

#[test]
fn an_order_that_was_never_placed_is_placed_again_after_two_looks() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["lost", "absent", "absent", "absent"]);
    assert_eq!((shown(&op, now).as_str(), now), ("act buy", start() + secs(150)));
    assert!(purchase(&op).doubt, "the first order may yet turn up");
    let now = play(&mut op, now, &["done"]);
    assert_eq!(shown(&op, now), "commit");
}

#[test]
fn looks_that_failed_do_not_count_as_absence() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["lost", "down", "down", "absent", "down"]);
    assert!(shown(&op, now).ends_with("then probe buy"), "{}", shown(&op, now));
    let now = play(&mut op, now, &["absent"]);
    assert_eq!(shown(&op, now), "act buy");
}

#[test]
fn a_driver_that_died_while_buying_leaves_doubt() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["died", "absent", "absent", "absent", "taken"]);
    assert_eq!(shown(&op, now), "abort number_unavailable");
    assert!(purchase(&op).doubt, "its order may yet be carried out, so nobody else may have the claim");
}

#[test]
fn a_refusal_without_any_doubt_leaves_none() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["down", "taken"]);
    assert_eq!(shown(&op, now), "abort number_unavailable");
    assert!(!purchase(&op).doubt);
}

#[test]
fn a_number_that_cannot_be_linked_is_kept() {
    let mut op = begin(Kind::PurchaseFor);
    let now = play(&mut op, start(), &["done", "refused"]);
    assert_eq!(shown(&op, now), "commit");
    assert_eq!(purchase(&op).link_refused.as_deref(), Some("no"));
    assert_eq!((purchase(&op).connected.is_none(), &op.failure), (true, &None));
    assert_eq!(op.state(Step::Connect), Some(StepState::Skipped));
}

#[test]
fn all_or_nothing_gives_the_number_back() {
    let mut op = begin(Kind::PurchaseAllOrNothing);
    let now = play(&mut op, start(), &["done", "refused", "done"]);
    assert_eq!(shown(&op, now), "abort platform_unavailable");
    assert_eq!(op.state(Step::Buy), Some(StepState::Undone));
    assert_eq!(purchase(&op).link_refused, None);
}

#[test]
fn an_undo_goes_on_where_its_driver_died() {
    let mut op = begin(Kind::PurchaseAllOrNothing);
    let now = play(&mut op, start(), &["done", "refused", "died", "down", "gone"]);
    assert_eq!(shown(&op, now), "abort platform_unavailable");
}

#[test]
fn a_platform_that_calls_the_number_taken_does_not_lose_the_number_bought() {
    let mut op = begin(Kind::PurchaseFor);
    assert!(!purchase(&op).candidates.is_empty());
    let now = play(&mut op, start(), &["done", "taken"]);
    assert_eq!(shown(&op, now), "commit");
    assert_eq!((purchase(&op).attempt, op.state(Step::Buy)), (1, Some(StepState::Finished)));
}

#[test]
fn a_purchase_of_any_number_takes_the_third_offer() {
    let mut op = begin(Kind::PurchaseAny);
    let now = play(&mut op, start(), &["taken", "swapped", "taken", "swapped", "done"]);
    assert_eq!((shown(&op, now).as_str(), now), ("commit", start()));
    assert_eq!((purchase(&op).attempt, &purchase(&op).e164), (3, &e164(125)));
}

#[test]
fn a_purchase_of_any_number_ends_when_all_offers_are_taken() {
    let mut op = begin(Kind::PurchaseAny);
    let now = play(&mut op, start(), &["taken", "swapped", "taken", "swapped", "taken"]);
    assert_eq!(shown(&op, now), "abort number_unavailable");
    let mut op = begin(Kind::PurchaseAny);
    let now = play(&mut op, start(), &["taken", "none left"]);
    assert_eq!(shown(&op, now), "abort number_unavailable");
    assert_eq!(op.state(Step::Buy), Some(StepState::Pending));
}

#[test]
fn attempts_that_get_nowhere_are_counted_until_one_gets_somewhere() {
    let mut op = begin(Kind::PurchaseFor);
    let now = play(&mut op, start(), &["down", "down", "down"]);
    assert_eq!((op.attempts, op.troubled_since), (3, Some(start())));
    assert_eq!(shown(&op, now), "wait 240 s, then act buy");
    let now = play(&mut op, now, &["done"]);
    assert_eq!((op.attempts, op.troubled_since, &op.trouble), (0, None, &None));
    assert_eq!(shown(&op, now), "act connect");
}

#[test]
fn a_day_without_progress_ends() {
    let day = limits::STUCK_AFTER;
    let check = |kind: Kind, lead_in: &[&str], again: &[&str], expected: &str| {
        let mut op = begin(kind);
        let now = play(&mut op, start(), lead_in);
        let took = play_until_over(&mut op, now, again);
        assert_eq!(shown(&op, now + took), expected, "{kind:?} {lead_in:?} {again:?}");
        assert!(took >= day && took <= day + limits::BACKOFF_LAST, "{kind:?} {again:?} took {took:?}");
        assert_eq!(op.status == OperationStatus::Stuck, op.due_at.is_none(), "what is stuck is not due");
    };
    // Nothing can have happened: given up.
    check(Kind::Purchase, &[], &["down"], "abort carrier_unavailable");
    check(Kind::PurchaseFor, &["done"], &["down"], "commit");
    check(Kind::Link, &[], &["down"], "abort platform_unavailable");
    check(Kind::Relink, &[], &["down"], "abort platform_unavailable");
    // Asked again and again, never answered, and never there: the same.
    check(Kind::Purchase, &[], &["lost", "absent", "absent", "absent"], "abort carrier_unavailable");
    check(Kind::PurchaseFor, &["done"], &["lost", "absent", "absent", "absent"], "commit");
    check(Kind::Relink, &[], &["lost", "absent"], "abort platform_unavailable");
    // Something may have happened: a person is asked.
    check(Kind::Purchase, &["lost"], &["down"], "stuck needs_operator");
    check(Kind::PurchaseFor, &["done", "lost"], &["down"], "stuck needs_operator");
    check(Kind::PurchaseAllOrNothing, &["done", "refused"], &["down"], "stuck platform_unavailable");
    // There is no way back.
    check(Kind::Unlink, &[], &["down"], "stuck needs_operator");
    check(Kind::Unlink, &[], &["lost", "absent"], "stuck needs_operator");
    check(Kind::Release, &["done"], &["down"], "stuck needs_operator");
    check(Kind::Release, &["done"], &["lost", "absent"], "stuck needs_operator");
}

#[test]
fn all_or_nothing_gives_back_after_a_day_at_the_platform() {
    let mut op = begin(Kind::PurchaseAllOrNothing);
    let now = play(&mut op, start(), &["done"]);
    let mut at = now;
    while what_next(&op, at) != Next::Undo(Step::Buy) {
        at = play(&mut op, at, &["down"]);
    }
    assert!(at.duration_since(now) >= limits::STUCK_AFTER);
    let at = play(&mut op, at, &["down", "done"]);
    assert_eq!(shown(&op, at), "abort platform_unavailable");
}

#[test]
fn an_operator_resumes_a_doubtful_purchase_with_a_look() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["lost"]);
    let now = now + play_until_over(&mut op, now, &["down"]);
    assert_eq!((shown(&op, now).as_str(), op.due_at), ("stuck needs_operator", None));
    resumed(&mut op, now);
    assert_eq!((shown(&op, now).as_str(), op.due_at), ("probe buy", Some(now)));
    assert_eq!((&op.failure, op.attempts, op.troubled_since), (&None, 0, None));
    let now = play(&mut op, now, &["there"]);
    assert_eq!(shown(&op, now), "commit");
}

#[test]
fn an_operator_resumes_an_undo_as_an_undo() {
    let mut op = begin(Kind::PurchaseAllOrNothing);
    let now = play(&mut op, start(), &["done", "refused", "refused"]);
    assert_eq!(shown(&op, now), "stuck platform_unavailable");
    assert_eq!(op.trouble.as_deref(), Some("buy cannot be undone: no"));
    resumed(&mut op, now);
    assert_eq!(shown(&op, now), "undo buy");
    let now = play(&mut op, now, &["done"]);
    assert_eq!(shown(&op, now), "abort platform_unavailable");
}

#[test]
fn an_operator_resumes_a_refused_release() {
    let mut op = begin(Kind::Release);
    let now = play(&mut op, start(), &["done", "refused"]);
    assert_eq!(shown(&op, now), "stuck needs_operator");
    assert_eq!(op.trouble.as_deref(), Some("release_at_carrier was refused: no"));
    resumed(&mut op, now);
    // At once: to look whether it is gone would be to release it anyway.
    assert_eq!(shown(&op, now), "act release_at_carrier");
    let now = play(&mut op, now, &["done"]);
    assert_eq!(shown(&op, now), "commit");
}

#[test]
fn an_operation_that_is_resumed_has_another_day() {
    let mut op = begin(Kind::Release);
    let now = start() + play_until_over(&mut op, start(), &["down"]);
    resumed(&mut op, now);
    let now = play(&mut op, now, &["down"]);
    assert_eq!(shown(&op, now), "wait 60 s, then act disconnect");
}

#[test]
fn an_act_that_met_somebody_elses_thing_is_left_to_a_person() {
    for kind in ALL {
        for StepRecord { step, .. } in begin(kind).steps {
            let mut op = begun(kind, step);
            acted(&mut op, step, Acted::Suspicious("sold before it was ordered".into()), start());
            assert_eq!(shown(&op, start()), "stuck needs_operator", "{kind:?} {step:?}");
            assert_eq!(op.trouble.as_deref(), Some("sold before it was ordered"));
            assert!(matches!(op.state(step), Some(StepState::Started { .. })), "it stays in doubt");
            resumed(&mut op, start());
            // What only goes forward is looked for by doing it again.
            let next = if op.saga.forward_only() { Next::Act(step) } else { Next::Probe(step) };
            assert_eq!(what_next(&op, start()), next);
        }
    }
}

#[test]
fn an_end_the_books_contradict_is_left_to_a_person_and_tried_again_when_resumed() {
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["done"]);
    contradicted(&mut op, "the claim is somebody else's".into());
    assert_eq!(shown(&op, now), "stuck needs_operator");
    resumed(&mut op, now);
    assert_eq!(shown(&op, now), "commit");
    let mut op = begin(Kind::Purchase);
    let now = play(&mut op, start(), &["taken"]);
    contradicted(&mut op, "the hold is gone".into());
    assert_eq!(shown(&op, now), "stuck number_unavailable");
    resumed(&mut op, now);
    assert_eq!(shown(&op, now), "abort number_unavailable");
}

fn import(op: &Operation) -> &Import {
    let Saga::Import(import) = &op.saga else { panic!("not an import: {op:?}") };
    import
}

#[test]
fn an_import_keeps_what_it_learned_and_what_to_put_back() {
    let mut op = begin(Kind::ImportFor);
    let now = play(&mut op, start(), &["done", "done"]);
    assert_eq!(shown(&op, now), "commit");
    assert_eq!(import(&op).imported, Some(carrier_ref()));
    assert_eq!(import(&op).connected, Some(platform_ref()));
    assert_eq!(import(&op).at_end(), AtEnd::Detach(Box::new(before("the operator's own"))));
    assert!(!import(&op).doubt);
}

#[test]
fn an_import_whose_answer_was_lost_is_looked_for_and_in_doubt_until_then() {
    let mut op = begin(Kind::Import);
    let now = play(&mut op, start(), &["lost", "there"]);
    assert_eq!(shown(&op, now), "commit");
    let mut op = begin(Kind::Import);
    let now = play(&mut op, start(), &["died", "absent", "refused"]);
    assert_eq!(shown(&op, now), "abort carrier_unavailable");
    assert!(import(&op).doubt, "whoever died may have asked for it");
}

#[test]
fn what_an_import_puts_back_is_what_the_number_was_like_just_before() {
    let mut op = begun(Kind::Import, Step::ImportAtCarrier);
    acted(&mut op, Step::ImportAtCarrier, Acted::Outdated(Box::new(before("renamed"))), start());
    assert_eq!(shown(&op, start()), "wait 60 s, then act import_at_carrier");
    assert_eq!(import(&op).before, Some(before("renamed")));
    assert!(!import(&op).doubt, "nothing was asked for");
    let now = play(&mut op, start(), &["done"]);
    assert_eq!(shown(&op, now), "commit");
}

#[test]
fn an_import_of_all_or_nothing_is_put_back_when_it_cannot_be_linked() {
    let mut op = begin(Kind::ImportAllOrNothing);
    let now = play(&mut op, start(), &["done", "refused", "died", "down", "gone"]);
    assert_eq!(shown(&op, now), "abort platform_unavailable");
    assert_eq!(op.state(Step::ImportAtCarrier), Some(StepState::Undone));
}
