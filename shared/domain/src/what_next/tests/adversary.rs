//! Third parties that answer at random, drivers that die and sweeps that come late, against a tiny driver without any
//! input or output. Whatever they do, an operation ends, and on its way keeps the rules below.
//!
//! The driver watches the rules with its own eyes: it keeps what it did and heard, and does not ask the record.

use proptest::prelude::*;

use super::*;

/// Calls in one operation, at most. A day of the shortest waits is some thousands.
const CALLS_MAX: usize = 20_000;
/// Calls without any waiting in between, at most: three offers, both steps, one undo, and looks.
const CALLS_IN_A_ROW_MAX: u32 = 16;

/// What a third party answers to whatever it is asked.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Yes,
    /// To a look that nothing is there; otherwise as `Yes`.
    YesButAbsent,
    /// To an act an error; to a look that nothing is there; to an undo an error.
    No(ProviderErrorKind),
    /// To a look that it failed; otherwise as `No`.
    Failed(ProviderErrorKind),
    /// To a look that it is somebody else's; otherwise taken.
    Foreign,
    Suspicious,
    /// Whoever asked dies before the answer is written down.
    Death,
}

/// What meets an operation at one call.
#[derive(Debug, Clone, Copy)]
struct Event {
    answer: Answer,
    /// How long the answer takes, in seconds.
    takes_s: i64,
    /// How much later than due the driver comes after a wait, in seconds.
    late_s: i64,
}

impl Event {
    /// The same, less those answers that no third party's return would undo.
    fn without_what_a_person_must_end(self) -> Self {
        let answer = match self.answer {
            Answer::Foreign | Answer::Suspicious | Answer::No(Rejected(_) | NotFound) => Answer::No(Unknown),
            Answer::Failed(Rejected(_) | NotFound) => Answer::Failed(Unavailable),
            Answer::Yes | Answer::YesButAbsent | Answer::No(_) | Answer::Failed(_) | Answer::Death => self.answer,
        };
        Self { answer, ..self }
    }
}

fn kinds() -> impl Strategy<Value = ProviderErrorKind> {
    proptest::sample::select(&KINDS[..])
}

fn event() -> impl Strategy<Value = Event> {
    let answer = prop_oneof![
        3 => Just(Answer::Yes),
        1 => Just(Answer::YesButAbsent),
        8 => kinds().prop_map(Answer::No),
        4 => kinds().prop_map(Answer::Failed),
        4 => prop_oneof![Just(Answer::No(Unknown)), Just(Answer::No(Unavailable)), Just(Answer::Failed(Unavailable))],
        1 => Just(Answer::Foreign),
        1 => Just(Answer::Suspicious),
        1 => Just(Answer::Death),
    ];
    (answer, 0_i64..=30, prop_oneof![3 => 0_i64..=60, 1 => 0_i64..=7_200]).prop_map(|(answer, takes_s, late_s)| Event {
        answer,
        takes_s,
        late_s,
    })
}

/// A script that is repeated for ever: the nastiest third parties are those that keep failing in the same way. Death
/// alone decides nothing, so there is at least one answer.
fn script() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(event(), 1..=12)
        .prop_filter("nothing but death", |events| events.iter().any(|event| !matches!(event.answer, Answer::Death)))
}

/// What may stand between this step and doing it again.
#[derive(Debug, Clone)]
struct Doubt {
    since: Timestamp,
    absent_at: Vec<Timestamp>,
}

#[derive(Debug)]
struct Driver {
    op: Operation,
    now: Timestamp,
    progress_at: Timestamp,
    /// Of the step that creates something and whose outcome is not known.
    doubt: Option<Doubt>,
    in_a_row: u32,
    /// The longest that anything took beyond what was asked for.
    latest_s: i64,
}

impl Driver {
    fn new(kind: Kind) -> Self {
        Self { op: begin(kind), now: start(), progress_at: start(), doubt: None, in_a_row: 0, latest_s: 0 }
    }

    /// Drives to the end; returns what the last word was.
    fn run(&mut self, script: &[Event]) -> Next {
        let mut events = script.iter().cycle().take(CALLS_MAX);
        assert!(events.any(|event| self.step(*event)), "it never ends: {:?}", self.op);
        what_next(&self.op, self.now)
    }

    /// Makes one call, after waiting where told; `true` when there is none to make any more.
    fn step(&mut self, event: Event) -> bool {
        self.latest_s = self.latest_s.max(event.takes_s + event.late_s);
        if let Next::Wait(until) = what_next(&self.op, self.now) {
            assert!(until > self.now, "a wait is in the future");
            self.now = until + secs(event.late_s);
            self.in_a_row = 0;
        }
        let next = what_next(&self.op, self.now);
        self.check(next);
        match next {
            Next::Commit | Next::Abort | Next::Stop => return true,
            Next::Act(step) => self.act(step, event),
            Next::Probe(step) => self.probe(step, event),
            Next::Undo(step) => self.undo(step, event),
            Next::Swap => {
                self.doubt = None;
                if !swap(&mut self.op) {
                    out_of_offers(&mut self.op);
                }
            }
            Next::Name => match event.answer {
                Answer::Foreign => kept_back(&mut self.op),
                Answer::Suspicious => contradicted(&mut self.op, "the digits are another's".into()),
                Answer::Death => self.die(),
                Answer::Yes | Answer::YesButAbsent | Answer::No(_) | Answer::Failed(_) => {
                    named(&mut self.op, None, true);
                }
            },
            Next::Wait(until) => panic!("due at {until}, waited, and still to wait"),
        }
        self.in_a_row += 1;
        assert!(self.in_a_row <= CALLS_IN_A_ROW_MAX, "a loop without a wait: {:?}", self.op);
        false
    }

    /// The rules, before each call.
    fn check(&self, next: Next) {
        let op = &self.op;
        let any = |is: fn(StepState) -> bool| op.steps.iter().any(|record| is(record.state));
        match next {
            Next::Abort => {
                let left =
                    |state| matches!(state, StepState::Started { .. } | StepState::Finished | StepState::Undoing);
                assert!(!any(left), "given up with something left behind: {op:?}");
                assert!(op.failure.is_some(), "given up without a reason: {op:?}");
            }
            Next::Commit => {
                let done = |record: &StepRecord| matches!(record.state, StepState::Finished | StepState::Skipped);
                assert!(op.steps.iter().all(done) && op.failure.is_none(), "not done: {op:?}");
            }
            Next::Stop => {
                assert_eq!(op.status, OperationStatus::Stuck);
                assert!(op.failure.is_some() && op.trouble.is_some() && op.due_at.is_none(), "nobody is told: {op:?}");
            }
            Next::Swap => assert!(!any(|state| state == StepState::Finished), "swaps what is bought: {op:?}"),
            Next::Act(step) => {
                assert!(op.failure.is_none(), "goes on although it failed: {op:?}");
                assert!(step == Step::Buy || op.saga.e164().is_known(), "goes by what is no number: {op:?}");
            }
            Next::Name => assert!(op.failure.is_none() && !op.saga.e164().is_known(), "named twice: {op:?}"),
            Next::Probe(_) | Next::Undo(_) | Next::Wait(_) => {}
        }
        if op.saga.forward_only() {
            assert!(!matches!(next, Next::Undo(_) | Next::Abort | Next::Swap), "a way back: {next:?} of {op:?}");
        }
        // A day, and the calls it takes to be sure when that is over: an order, a look too early, and two that count.
        let idle = self.now.duration_since(self.progress_at);
        let slack = (limits::BACKOFF_LAST + secs(self.latest_s) + limits::LEASE) * 4;
        assert!(idle <= limits::STUCK_AFTER + slack, "{idle:?} without progress: {op:?}");
    }

    fn act(&mut self, step: Step, event: Event) {
        if let Some(doubt) = self.doubt.take_if(|_| !step.repeatable()) {
            let [.., first, second] = doubt.absent_at[..] else { panic!("{step:?} again in doubt: {doubt:?}") };
            assert!(first >= doubt.since + limits::ABSENT_COUNTS_AFTER, "{step:?} again too soon: {doubt:?}");
            assert!(second > first, "one sighting counted twice: {doubt:?}");
        }
        let begun = self.now;
        started(&mut self.op, step, begun);
        self.now += secs(event.takes_s);
        // What may be repeated is no doubt to whatever comes after it.
        let in_doubt = (!step.repeatable()).then(|| Doubt { since: begun, absent_at: Vec::new() });
        let outcome = match event.answer {
            Answer::Death => {
                self.doubt = in_doubt;
                return self.die();
            }
            Answer::Yes | Answer::YesButAbsent => Acted::Done(learned(step)),
            Answer::Suspicious => Acted::Suspicious("not ours".into()),
            Answer::Foreign => Acted::Failed(error(Rejected(Taken))),
            Answer::No(kind) | Answer::Failed(kind) => Acted::Failed(error(kind)),
        };
        if matches!(&outcome, Acted::Failed(error) if !error.did_not_happen()) {
            self.doubt = in_doubt;
        }
        self.take_in(|op, now| acted(op, step, outcome, now));
    }

    fn probe(&mut self, step: Step, event: Event) {
        self.now += secs(event.takes_s);
        let outcome = match event.answer {
            Answer::Death => return self.die(),
            Answer::Yes => Probed::Present(learned(step)),
            Answer::No(_) | Answer::YesButAbsent => Probed::Absent,
            Answer::Failed(kind) => Probed::Failed(error(kind)),
            Answer::Foreign => Probed::Foreign,
            Answer::Suspicious => Probed::Suspicious("not ours".into()),
        };
        match (&outcome, &mut self.doubt) {
            (Probed::Absent, Some(doubt)) if self.now >= doubt.since + limits::ABSENT_COUNTS_AFTER => {
                doubt.absent_at.push(self.now);
            }
            (Probed::Absent | Probed::Waiting(_) | Probed::Failed(_) | Probed::Suspicious(_), _) => {}
            (Probed::Present(_) | Probed::Foreign | Probed::Refused(_), _) => self.doubt = None,
        }
        self.take_in(|op, now| probed(op, step, outcome, now));
    }

    fn undo(&mut self, step: Step, event: Event) {
        undoing(&mut self.op, step);
        self.now += secs(event.takes_s);
        let outcome = match event.answer {
            Answer::Death => return self.die(),
            Answer::Yes | Answer::YesButAbsent => Ok(()),
            Answer::No(kind) | Answer::Failed(kind) => Err(error(kind)),
            Answer::Foreign | Answer::Suspicious => Err(error(Rejected(Other))),
        };
        self.take_in(|op, now| undone(op, step, outcome, now));
    }

    /// The answer is written down; the clock of progress starts anew when it got the operation somewhere.
    fn take_in(&mut self, outcome: impl FnOnce(&mut Operation, Timestamp)) {
        let before = self.settled();
        outcome(&mut self.op, self.now);
        if self.settled() != before {
            self.progress_at = self.now;
        }
    }

    /// Steps that are settled, whichever way, and whether the operation has turned back.
    fn settled(&self) -> (Vec<Step>, bool) {
        let settled = |state| match state {
            StepState::Finished | StepState::Skipped | StepState::Undone | StepState::Lost => true,
            StepState::Pending | StepState::Started { .. } | StepState::Undoing => false,
        };
        let steps = self.op.steps.iter().filter(|record| settled(record.state)).map(|record| record.step);
        (steps.collect(), self.op.failure.is_some())
    }

    /// Nothing is written down; somebody else comes when the lease is over.
    fn die(&mut self) {
        self.now += limits::LEASE;
        self.in_a_row = 0;
    }
}

proptest! {
    // Every failure prints its smallest script, which becomes a story; nothing is kept beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_third_parties_do_an_operation_ends_by_the_rules(
        kind in proptest::sample::select(&ALL[..]),
        script in script(),
    ) {
        Driver::new(kind).run(&script);
    }

    #[test]
    fn a_stuck_operation_that_is_resumed_ends_by_the_same_rules(
        kind in proptest::sample::select(&ALL[..]),
        first in script(),
        then in script(),
    ) {
        let mut driver = Driver::new(kind);
        if driver.run(&first) == Next::Stop {
            driver.now += secs(3_600);
            (driver.progress_at, driver.in_a_row) = (driver.now, 0);
            resumed(&mut driver.op, driver.now);
            driver.run(&then);
        }
    }

    #[test]
    fn third_parties_that_come_back_see_an_operation_end_within_a_quarter_of_an_hour(
        kind in proptest::sample::select(&ALL[..]),
        script in script(),
        calls in 0_usize..200,
    ) {
        let mut driver = Driver::new(kind);
        let trouble = script.iter().map(|event| event.without_what_a_person_must_end());
        for event in trouble.cycle().take(calls) {
            if driver.step(event) {
                return Ok(());
            }
        }
        // From here on all is well; what was ordered and is not there is ordered again.
        let back_at = driver.now;
        let never_placed = Event { answer: Answer::YesButAbsent, takes_s: 1, late_s: 0 };
        while !driver.step(never_placed) {}
        let took = driver.now.duration_since(back_at);
        prop_assert!(took <= SignedDuration::from_mins(15), "{took:?}: {:?}", driver.op);
    }
}
