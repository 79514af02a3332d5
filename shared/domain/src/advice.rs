//! What an operator is told about an operation that does not end by itself: which step is in trouble, since when, what that
//! means, what a resume would do, and what to look at before. Words only; what happens is decided in [`crate::what_next`].

use jiff::Timestamp;

use crate::limits;
use crate::operation::{FailureCode, Operation, OperationStatus, Saga, Step, StepRecord, StepState};

/// The step an operation does not get past; none when its steps are done and only its end is missing.
#[must_use]
pub fn step_in_trouble(op: &Operation) -> Option<StepRecord> {
    let first = |is: fn(StepState) -> bool| op.steps.iter().find(|record| is(record.state)).copied();
    let undoing = first(|state| matches!(state, StepState::Undoing));
    let begun = first(|state| matches!(state, StepState::Started { .. } | StepState::Lost));
    let next = first(|state| matches!(state, StepState::Pending)).filter(|_| !is_undone(op));
    undoing.or(begun).or(next)
}

/// Since when it has got nowhere, as far as its record says.
#[must_use]
pub fn since(op: &Operation) -> Timestamp {
    let begun = step_in_trouble(op).and_then(|record| match record.state {
        StepState::Started { at, .. } => Some(at),
        StepState::Pending
        | StepState::Lost
        | StepState::Finished
        | StepState::Skipped
        | StepState::Undoing
        | StepState::Undone => None,
    });
    op.troubled_since.or(begun).unwrap_or(op.created_at)
}

/// Whether it has met trouble, or takes longer than work of ours takes.
#[must_use]
pub fn runs_late(op: &Operation, now: Timestamp) -> bool {
    let late = now.duration_since(op.created_at) >= limits::RUNS_LATE_AFTER;
    op.status == OperationStatus::Running && (op.troubled_since.is_some() || late)
}

/// What it means, what a resume does, and what to check.
#[must_use]
pub fn advice(op: &Operation) -> String {
    let who = match op.status {
        OperationStatus::Stuck => "Nobody works on it until it is resumed.",
        OperationStatus::Waiting => "It waits for somebody outside, and goes on when they have done their part.",
        OperationStatus::Running => "It goes on by itself, and is tried again after ever longer waits.",
        OperationStatus::Succeeded | OperationStatus::Failed => {
            return "It is over; there is nothing to do.".to_owned();
        }
    };
    let what = match step_in_trouble(op) {
        Some(record) => about_step(record),
        None => about_end(op),
    };
    format!("{what} {who}")
}

/// Whether it goes backwards: a failure that is not only a call for a person.
fn is_undone(op: &Operation) -> bool {
    op.failure.as_ref().is_some_and(|failure| failure.code != FailureCode::NeedsOperator)
}

/// What is known of a step that is in trouble.
enum Known {
    /// It may have happened.
    Doubt,
    /// It happened, and is to be undone.
    Undoing,
    /// It is known not to have happened, or is simply done again.
    NotYet,
}

fn known(state: StepState) -> Known {
    match state {
        StepState::Started { .. } => Known::Doubt,
        StepState::Undoing => Known::Undoing,
        StepState::Pending | StepState::Lost | StepState::Finished | StepState::Skipped | StepState::Undone => {
            Known::NotYet
        }
    }
}

fn about_step(record: StepRecord) -> &'static str {
    match (record.step, known(record.state)) {
        (Step::Buy, Known::Doubt) => {
            "The order was sent and its answer never came, or cannot be trusted: the carrier may have sold the number, and may \
             be charging for it. A resume looks for it under our name first, and orders again only after it was seen twice \
             not to be there. Check in the carrier's console whether the account has the number, and under which name."
        }
        (Step::Buy, Known::Undoing) => {
            "The number was bought and is to be given back, which the carrier would not do: it is still being paid for. A \
             resume gives it back again; one that is gone already counts as given back. Check at the carrier that the number \
             still has the name we gave it: one with another name is never touched."
        }
        (Step::Buy, Known::NotYet) => {
            "Nothing has been ordered that is known of, and the price is set aside. A resume orders the number. Check that \
             the carrier's account is open, funded, and may buy numbers of this country."
        }
        (Step::ImportAtCarrier, Known::Undoing) => {
            "The number was set up as the tenant's and is to be put back to what it was, which the carrier would not do. A \
             resume puts it back again, and only while it has the name we gave it. Check its name and webhooks at the carrier."
        }
        (Step::ImportAtCarrier, Known::Doubt | Known::NotYet) => {
            "It is not known whether the carrier's number has our name and webhooks yet. A resume looks, and sets them if they \
             are not. Check at the carrier that the account still has the number, and under which name."
        }
        (Step::Configure, Known::Doubt | Known::Undoing | Known::NotYet) => {
            "The number's webhooks at the carrier were changed by somebody and are to be restored; until then calls may go \
             astray. A resume restores them at once. Check at the carrier that the number still has the name we gave it."
        }
        (Step::Route, Known::Doubt | Known::Undoing | Known::NotYet) => {
            "It is not known whether the carrier sends the number's calls where they are to go now: to the voice platform, or \
             back to us. A resume sets that again at once. Check at the carrier that the number still has the name we gave it, \
             and whether the trunk it is to use is there."
        }
        (Step::Connect, Known::Doubt) => {
            "The number was to be made known at the voice platform and the answer never came: it may be known there. A resume \
             looks for it under our name first. Check at the platform whether it has the number, and under which name."
        }
        (Step::Connect, Known::Undoing) => {
            "The number is known at the voice platform and is to be removed there, which it would not do. A resume removes it \
             again; one that is gone already counts as removed. Check at the platform what uses the number."
        }
        (Step::Connect, Known::NotYet) => {
            "The number is not known at the voice platform yet. A resume makes it known there. Check that the platform's \
             account is open, and that the agent still exists there."
        }
        (Step::Rebind, Known::Undoing) => {
            "The number is to go back to the agent that answered before, which the voice platform would not do. A resume \
             tries that again. Check at the platform which agent answers, and that the one before still exists."
        }
        (Step::Rebind, Known::Doubt | Known::NotYet) => {
            "It is not known which agent the voice platform has answer the number. A resume looks, and binds the new one if it \
             is not bound. Check at the platform that the number and both agents still exist."
        }
        (Step::Unbind, Known::Doubt | Known::Undoing | Known::NotYet) => {
            "It is not known whether the voice platform still takes calls for the number, which is not paid for. A resume sets \
             that again at once. Check at the platform that the number is there, and which agent it has."
        }
        (Step::Disconnect, Known::Doubt | Known::Undoing | Known::NotYet) => {
            "The voice platform would not remove the number, so callers may still reach the agent. A resume removes it again \
             at once; one that is gone already counts as removed. Check at the platform what uses the number."
        }
        (Step::ReleaseAtCarrier, Known::Doubt | Known::Undoing | Known::NotYet) => {
            "The carrier has not taken the number back and may still be charging for it; callers are not put through any more \
             and the tenant is not charged. A resume gives it back again at once; one that is gone already counts as given \
             back. Check at the carrier that the number still has the name we gave it: one with another name is never touched."
        }
    }
}

fn about_end(op: &Operation) -> &'static str {
    let moves_money = match op.saga {
        Saga::Purchase(_) | Saga::Import(_) => true,
        Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => false,
    };
    if moves_money {
        "Every step is done, and the books would not take the end of it: somebody changed the number, its claim, the hold or \
         the wallet meanwhile. A resume writes the same end again, and succeeds only once they agree. Check the ledger, and \
         whether the carrier has the number."
    } else {
        "Every step is done, and the books would not take the end of it: somebody changed the number or its claim meanwhile. \
         A resume writes the same end again, and succeeds only once they agree. Check the number's record."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::NumberStatus;
    use crate::operation::{Failure, Purchase, Release, ReleaseWhy};

    #[derive(Debug)]
    struct At;

    impl crate::Clock for At {
        fn now(&self) -> Timestamp {
            "2027-01-01T00:00:00Z".parse().unwrap()
        }
        fn real_now(&self) -> Timestamp {
            self.now()
        }
    }

    fn op(saga: Saga, status: OperationStatus, states: &[StepState]) -> Operation {
        let id = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let mut op = Operation::begin(id, &crate::number::tests::number(), saga, &At);
        op.status = status;
        for (record, state) in op.steps.iter_mut().zip(states) {
            record.state = *state;
        }
        op
    }

    fn release() -> Saga {
        let (e164, why) = ("+12125550123".parse().unwrap(), ReleaseWhy::Asked);
        Saga::Release(Box::new(Release { e164, agent_id: None, platform: None, why, included: false, slot: None }))
    }

    fn purchase() -> Saga {
        let number = crate::number::tests::number();
        assert_eq!(number.status, NumberStatus::Active);
        Saga::Purchase(Box::new(Purchase {
            e164: number.e164,
            country: number.country,
            kind: number.kind,
            capabilities: number.capabilities,
            price: number.price,
            included: false,
            by_hand: false,
            area_code: None,
            candidates: Vec::new(),
            papers: std::collections::BTreeMap::new(),
            attempt: 1,
            doubt: true,
            previous_claim: None,
            agent: None,
            all_or_nothing: false,
            slot: None,
            told: None,
            bought: None,
            sold_at: None,
            connected: None,
            link_refused: None,
        }))
    }

    #[test]
    fn every_trouble_says_what_it_is_what_a_resume_does_and_what_to_check() {
        use OperationStatus::{Running, Stuck, Waiting};
        let started = StepState::Started { at: crate::Clock::now(&At), absent_seen: 0 };
        let check = |saga: Saga, status: OperationStatus, state: StepState, words: &[&str]| {
            let told = advice(&op(saga, status, &[state]));
            for word in words.iter().chain(&["A resume", "Check"]) {
                assert!(told.contains(word), "{word}: {told}");
            }
        };
        let stuck = "Nobody works on it";
        check(purchase(), Stuck, started, &["may have sold", "looks for it", "twice", stuck]);
        check(purchase(), Stuck, StepState::Undoing, &["given back", "another name", stuck]);
        check(purchase(), Running, StepState::Pending, &["Nothing has been ordered", "goes on by itself"]);
        check(purchase(), Waiting, StepState::Pending, &["waits for somebody outside"]);
        check(purchase(), Stuck, StepState::Finished, &["the wallet", stuck]);
        check(release(), Stuck, started, &["at once", "another name", "not charged", stuck]);
        check(release(), Running, StepState::Pending, &["not taken the number back", "goes on by itself"]);
        check(release(), Stuck, StepState::Finished, &["the number or its claim", stuck]);
        let over = op(release(), OperationStatus::Succeeded, &[StepState::Finished]);
        assert_eq!(advice(&over), "It is over; there is nothing to do.");
    }

    #[test]
    fn every_step_in_every_state_has_words_of_its_own() {
        let started = StepState::Started { at: crate::Clock::now(&At), absent_seen: 0 };
        let steps = [
            Step::Buy,
            Step::ImportAtCarrier,
            Step::Connect,
            Step::Rebind,
            Step::Unbind,
            Step::Disconnect,
            Step::ReleaseAtCarrier,
            Step::Configure,
            Step::Route,
        ];
        for step in steps {
            for state in [StepState::Pending, started, StepState::Lost, StepState::Undoing] {
                let told = about_step(StepRecord { step, state });
                let third_party = match step {
                    Step::Buy | Step::ImportAtCarrier | Step::ReleaseAtCarrier | Step::Configure | Step::Route => {
                        "carrier"
                    }
                    Step::Connect | Step::Rebind | Step::Unbind | Step::Disconnect => "platform",
                };
                for word in ["A resume", "Check", third_party] {
                    assert!(told.contains(word), "{step:?} {state:?}, {word}: {told}");
                }
                let acts_again = matches!((step, state), (Step::Buy | Step::Connect, s) if s == started);
                assert_eq!(told.contains("first"), acts_again, "a doubtful order is looked for: {told}");
            }
        }
    }

    #[test]
    fn the_step_in_trouble_is_the_one_that_may_have_happened() {
        let at = "2027-01-01T00:05:00Z".parse().unwrap();
        let started = StepState::Started { at, absent_seen: 1 };
        let check = |states: &[StepState], code: Option<FailureCode>, expected: Option<StepState>| {
            let mut it = op(purchase(), OperationStatus::Stuck, states);
            it.failure = code.map(|code| Failure::new(code, "no"));
            assert_eq!(step_in_trouble(&it).map(|record| record.state), expected, "{states:?} {code:?}");
            let since = since(&it);
            assert_eq!(since == at, expected == Some(started), "{since}");
        };
        check(&[started], Some(FailureCode::NeedsOperator), Some(started));
        check(&[StepState::Pending], None, Some(StepState::Pending));
        check(&[StepState::Undoing], Some(FailureCode::PlatformUnavailable), Some(StepState::Undoing));
        // Backwards, what was never begun is no trouble.
        check(&[StepState::Pending], Some(FailureCode::PlatformUnavailable), None);
        check(&[StepState::Finished], Some(FailureCode::NeedsOperator), None);
    }

    #[test]
    fn what_goes_as_it_should_is_not_late() {
        let check = |status: OperationStatus, troubled: bool, minutes: i64, expected: bool| {
            let mut it = op(release(), status, &[StepState::Pending]);
            it.troubled_since = Some(it.created_at).filter(|_| troubled);
            let now = it.created_at + jiff::SignedDuration::from_mins(minutes);
            assert_eq!(runs_late(&it, now), expected, "{status:?} {troubled} {minutes}");
        };
        check(OperationStatus::Running, false, 4, false);
        check(OperationStatus::Running, false, 5, true);
        check(OperationStatus::Running, true, 0, true);
        for status in [OperationStatus::Waiting, OperationStatus::Stuck, OperationStatus::Succeeded] {
            check(status, true, 60, false);
        }
    }

    #[test]
    fn trouble_that_was_noted_counts_from_then() {
        let mut it = op(release(), OperationStatus::Running, &[StepState::Pending]);
        assert_eq!(since(&it), it.created_at);
        it.troubled_since = "2027-01-02T00:00:00Z".parse().ok();
        assert_eq!(since(&it), it.troubled_since.unwrap());
    }
}
