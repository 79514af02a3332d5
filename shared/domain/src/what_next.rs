//! The saga driver's judgement, pure: what to do next, and what an outcome does to the record.
//!
//! The driver in `shared::saga` is a loop around [`what_next`]: it reaches out where told, and hands back what it heard.
//! Rules (DESIGN): unknown → probe, never a blind retry; presence counts at once, absence only from 90 s after the start
//! and seen twice; waits grow from one minute to ten; 24 hours without progress end in giving up when nothing can have
//! happened, and in `stuck` when something may have.

use jiff::{SignedDuration, Timestamp};

use crate::claim::Claim;
use crate::limits;
use crate::number::{Before, CarrierRef, PlatformRef, Reach};
use crate::numbering::E164;
use crate::operation::{Failure, FailureCode, Operation, OperationStatus, Saga, Slot, Step, StepState};
use crate::ports::{NumberSettings, ProviderError, ProviderErrorKind, Reason};

/// What the driver does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Do this step for the first time, or again after it is known not to have happened.
    Act(Step),
    /// Find out whether this step happened.
    Probe(Step),
    /// Undo this step.
    Undo(Step),
    /// Try the next offer under the same hold.
    Swap,
    /// Claim the digits that the carrier has told.
    Name,
    /// Write the success, in one transaction.
    Commit,
    /// Write the failure, in one transaction.
    Abort,
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Nothing at all: over, stuck, or waiting for a person.
    Stop,
}

/// What a third party's success taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Learned {
    /// Nothing to keep.
    Nothing,
    /// The carrier sold the number, with these digits.
    Bought(CarrierRef, Timestamp, E164),
    /// The number the carrier has is ours now.
    Imported(CarrierRef),
    /// The platform knows the number.
    Connected(PlatformRef),
    /// This is how the platform set the number up at its carrier.
    Routed(Box<NumberSettings>),
}

/// What became of acting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acted {
    /// It happened.
    Done(Learned),
    /// It did not, or may have.
    Failed(ProviderError),
    /// It was asked for and somebody outside has to do their part: a person, or a carrier that takes its time.
    Waiting(String),
    /// Nothing was done: it is no longer as recorded, but like this. What it is to be put back to must be on record first.
    Outdated(Box<Before>),
    /// It seems to have happened, but to somebody else's thing: hands off.
    Suspicious(String),
}

/// What became of looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// It is there, and ours.
    Present(Learned),
    /// It is not there.
    Absent,
    /// It was asked for, and somebody outside still has to do their part.
    Waiting(String),
    /// It is there, and somebody else's.
    Foreign,
    /// Whoever was waited for will not have it.
    Refused(ProviderError),
    /// It is there under our tag but cannot be from this step: hands off.
    Suspicious(String),
    /// Could not look.
    Failed(ProviderError),
}

/// Decides what to do next with a record.
#[must_use]
pub fn what_next(op: &Operation, now: Timestamp) -> Next {
    match op.status {
        OperationStatus::Running | OperationStatus::Waiting => {}
        OperationStatus::Succeeded | OperationStatus::Failed | OperationStatus::Stuck => return Next::Stop,
    }
    if (op.attempts > 0 || op.status == OperationStatus::Waiting)
        && let Some(due) = op.due_at
        && due > now
    {
        return Next::Wait(due);
    }
    if op.failure.is_some() { backwards(op) } else { forwards(op) }
}

fn forwards(op: &Operation) -> Next {
    for record in &op.steps {
        match record.state {
            StepState::Pending => return Next::Act(record.step),
            StepState::Started { .. } => return Next::Probe(record.step),
            StepState::Lost => return Next::Swap,
            // A link that was given up while its number is kept.
            StepState::Undoing => return Next::Undo(record.step),
            // Nothing goes by a number that is not claimed.
            StepState::Finished if record.step == Step::Buy && told(op).is_some() => return Next::Name,
            StepState::Finished | StepState::Skipped | StepState::Undone => {}
        }
    }
    Next::Commit
}

/// The digits that the carrier told and that are not claimed yet.
#[must_use]
pub fn told(op: &Operation) -> Option<&E164> {
    op.saga.purchase()?.told.as_ref()
}

fn backwards(op: &Operation) -> Next {
    for record in op.steps.iter().rev() {
        match record.state {
            StepState::Finished | StepState::Undoing => return Next::Undo(record.step),
            StepState::Started { .. } => return Next::Probe(record.step),
            StepState::Pending | StepState::Lost | StepState::Skipped | StepState::Undone => {}
        }
    }
    Next::Abort
}

/// Marks a step as begun; to be written before reaching out.
pub fn started(op: &mut Operation, step: Step, now: Timestamp) {
    set(op, step, StepState::Started { at: now, absent_seen: 0 });
}

/// Marks a step as being undone; to be written before reaching out.
pub fn undoing(op: &mut Operation, step: Step) {
    set(op, step, StepState::Undoing);
}

/// Takes in what became of acting.
pub fn acted(op: &mut Operation, step: Step, outcome: Acted, now: Timestamp) {
    match outcome {
        Acted::Done(learned) => finished(op, step, learned),
        Acted::Suspicious(why) => stuck(op, why),
        Acted::Waiting(why) => {
            recovered(op);
            op.status = OperationStatus::Waiting;
            look_again(op, step, why, now);
        }
        Acted::Outdated(before) => outdated(op, step, *before, now),
        Acted::Failed(error) => match error.kind {
            ProviderErrorKind::Unknown => doubt(op, step, &error),
            ProviderErrorKind::Rejected(Reason::Taken) if has_next_offer(op, step) => set(op, step, StepState::Lost),
            ProviderErrorKind::Rejected(_) | ProviderErrorKind::NotFound => refused(op, step, &error),
            ProviderErrorKind::Misconfigured if !op.saga.forward_only() => refused(op, step, &error),
            ProviderErrorKind::Misconfigured | ProviderErrorKind::RateLimited | ProviderErrorKind::Unavailable => {
                set(op, step, StepState::Pending);
                got_nowhere(op, step, &error, now);
            }
        },
    }
}

/// Takes in what became of looking whether a started step happened.
pub fn probed(op: &mut Operation, step: Step, outcome: Probed, now: Timestamp) {
    let StepState::Started { at, absent_seen } = op.state(step).unwrap_or(StepState::Pending) else { return };
    if op.status == OperationStatus::Waiting {
        match outcome {
            // Whoever is waited for may take as long as they like.
            Probed::Failed(error) => return look_again(op, step, error.detail, now),
            Probed::Absent => return vanished(op, step, at, absent_seen, now),
            Probed::Waiting(_) | Probed::Present(_) | Probed::Foreign | Probed::Refused(_) | Probed::Suspicious(_) => {
                op.status = OperationStatus::Running
            }
        }
    }
    match outcome {
        Probed::Present(learned) => finished(op, step, learned),
        Probed::Waiting(why) => {
            recovered(op);
            set(op, step, StepState::Started { at, absent_seen: 0 });
            op.status = OperationStatus::Waiting;
            look_again(op, step, why, now);
        }
        Probed::Suspicious(why) => stuck(op, why),
        Probed::Refused(error) => {
            if has_next_offer(op, step) {
                set(op, step, StepState::Lost)
            } else {
                refused(op, step, &error)
            }
        }
        Probed::Foreign => {
            let error = ProviderError::new(
                ProviderErrorKind::Rejected(Reason::Taken),
                "The number belongs to somebody else by now.",
            );
            if has_next_offer(op, step) { set(op, step, StepState::Lost) } else { refused(op, step, &error) }
        }
        Probed::Absent if step.repeatable() => again(op, step, at, now),
        Probed::Absent => absent(op, step, at, absent_seen, now),
        Probed::Failed(error) => got_nowhere(op, step, &error, now),
    }
}

/// Takes in what became of undoing. `NotFound` is success: it is gone.
pub fn undone(op: &mut Operation, step: Step, outcome: Result<(), ProviderError>, now: Timestamp) {
    match outcome {
        Ok(()) => {
            set(op, step, StepState::Undone);
            recovered(op);
        }
        Err(error) => match error.kind {
            ProviderErrorKind::NotFound => undone(op, step, Ok(()), now),
            ProviderErrorKind::Rejected(_) => {
                stuck(op, format!("{} cannot be undone: {}", step.as_str(), error.detail))
            }
            ProviderErrorKind::RateLimited
            | ProviderErrorKind::Unavailable
            | ProviderErrorKind::Unknown
            | ProviderErrorKind::Misconfigured => got_nowhere(op, step, &error, now),
        },
    }
}

/// Takes in that there is no further offer to swap to.
pub fn out_of_offers(op: &mut Operation) {
    let detail = "The number was taken while it was being bought, and so were the others on offer. Search again.";
    for record in &mut op.steps {
        if record.state == StepState::Lost {
            record.state = StepState::Pending;
        }
    }
    op.failure = Some(Failure::new(FailureCode::NumberUnavailable, detail));
}

/// Moves a purchase to the digits that the carrier told, over which this claim stood before; what stood for them is a slot
/// of the carrier's pool that is kept, or is given up. To be written with the claims, in one transaction.
pub fn named(op: &mut Operation, previous_claim: Option<Claim>, keeps_slot: bool) {
    let Saga::Purchase(purchase) = &mut op.saga else { return };
    let Some(told) = purchase.told.take() else { return };
    let e164 = std::mem::replace(&mut purchase.e164, told);
    let before = std::mem::replace(&mut purchase.previous_claim, previous_claim);
    purchase.slot = keeps_slot.then_some(Slot { e164, previous_claim: before });
}

/// Takes in that the digits the carrier told are kept back for somebody: the number goes back.
pub fn kept_back(op: &mut Operation) {
    let detail = "The number the carrier gave cannot be had now and was given back. Order again.";
    op.failure = Some(Failure::new(FailureCode::NumberUnavailable, detail));
    recovered(op);
}

/// Takes in that somebody outside has done by hand what was waited for, or cannot. `false` when nothing of the sort is.
#[must_use]
pub fn done_by_hand(op: &mut Operation, outcome: Result<Learned, ProviderError>, now: Timestamp) -> bool {
    let waiting = op.status == OperationStatus::Waiting && op.failure.is_none();
    let Some(step) = op.by_hand().filter(|_| waiting) else { return false };
    op.status = OperationStatus::Running;
    match outcome {
        Ok(learned) => finished(op, step, learned),
        Err(error) => refused(op, step, &error),
    }
    op.due_at = Some(now);
    true
}

/// Takes in that the books do not let the operation go on or end: a person has to look at both.
pub fn contradicted(op: &mut Operation, why: String) {
    stuck(op, why);
}

/// The number, or the wallet that pays for its calls, is no longer as the operation needs it at its end. For a suspension, and
/// for barring calls, that is news, not a contradiction: it was paid for. Puts it back to `before`, with its reason to fail;
/// `false` for every other operation.
#[must_use]
pub fn overtaken(op: &mut Operation, before: OperationStatus) -> bool {
    let suspends = match &op.saga {
        Saga::Suspend(_) => op.failure.is_none(),
        Saga::Bar(bar) => bar.barred && op.failure.is_none(),
        Saga::Purchase(_)
        | Saga::Import(_)
        | Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Resume(_)
        | Saga::Restore(_) => false,
    };
    if suspends {
        op.status = before;
        op.failure = Some(Failure::new(FailureCode::NotNeeded, "It was paid for meanwhile."));
    }
    suspends
}

/// An operator's wish to try a stuck operation again, from where it is. What only goes forward and may be done twice is done
/// at once: to look for it first would only put off what the operator waits for. Anything else is looked for, as always.
pub fn resumed(op: &mut Operation, now: Timestamp) {
    op.status = OperationStatus::Running;
    if op.failure.as_ref().is_some_and(|failure| failure.code == FailureCode::NeedsOperator) {
        op.failure = None;
    }
    let forward_only = op.saga.forward_only() && op.failure.is_none();
    for record in op.steps.iter_mut().filter(|record| forward_only && record.step.repeatable()) {
        if let StepState::Started { .. } = record.state {
            record.state = StepState::Pending;
        }
    }
    recovered(op);
    op.due_at = Some(now);
}

/// Wait before attempt `n + 1` after `n` in a row that got nowhere: 1, 2, 4, 8, 10, 10 … minutes.
#[must_use]
pub fn backoff(attempts: u32) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(8);
    let wait = (0..doublings).fold(limits::BACKOFF_FIRST, |wait, _| wait.saturating_add(wait));
    wait.min(limits::BACKOFF_LAST)
}

/// Looks whether somebody outside has done their part, a while later: as long as it has waited by now, which for a carrier
/// is minutes at first, and for a person an hour soon.
fn look_again(op: &mut Operation, step: Step, why: String, now: Timestamp) {
    let begun = if let Some(StepState::Started { at, .. }) = op.state(step) { at } else { now };
    let waited = now.duration_since(begun);
    op.trouble = Some(why);
    op.due_at = Some(later(now, waited.clamp(limits::BACKOFF_FIRST, limits::WAITING_LOOKS_EVERY)));
}

/// What was asked for and waited for is not to be seen any more. Once that counts it is not asked for again unasked: whoever
/// took it away would be asked for ever.
fn vanished(op: &mut Operation, step: Step, at: Timestamp, absent_seen: u8, now: Timestamp) {
    absent(op, step, at, absent_seen, now);
    if op.state(step) == Some(StepState::Pending) {
        op.status = OperationStatus::Running;
        let gone = "What was ordered is not there any more.";
        refused(op, step, &ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), gone));
    }
}

/// It had not happened and is simply done again. The wait counts from when it was begun: added to the wait for the look, it
/// would keep an operation waiting for twenty minutes after the third party is back.
fn again(op: &mut Operation, step: Step, at: Timestamp, now: Timestamp) {
    let error = ProviderError::new(ProviderErrorKind::Unavailable, "It had not happened and is done again.");
    doubt(op, step, &error);
    set(op, step, StepState::Pending);
    if a_day_in_trouble(op, now) {
        give_up(op, step, &error);
    } else {
        let due = later(at, backoff(op.attempts.saturating_add(1))).max(now);
        wait(op, &error, now, due.duration_since(now));
    }
}

fn absent(op: &mut Operation, step: Step, at: Timestamp, absent_seen: u8, now: Timestamp) {
    let counts_from = later(at, limits::ABSENT_COUNTS_AFTER);
    let unseen = ProviderError::new(ProviderErrorKind::Unknown, "The answer was lost; it is not to be seen yet.");
    // Whoever has to look does not know, be it that no answer came or that the driver died waiting for one.
    doubt(op, step, &unseen);
    if now < counts_from {
        wait(op, &unseen, now, counts_from.duration_since(now));
        return;
    }
    let absent_seen = absent_seen.saturating_add(1);
    if absent_seen < limits::ABSENT_SIGHTINGS {
        set(op, step, StepState::Started { at, absent_seen });
        wait(op, &unseen, now, limits::BACKOFF_FIRST);
    } else {
        // It may be done again at once. That is no progress, though: the day goes on counting, or a third party that
        // never answers would be asked for ever.
        set(op, step, StepState::Pending);
        op.attempts = 0;
        if a_day_in_trouble(op, now) {
            let silent =
                ProviderError::new(ProviderErrorKind::Unknown, "No answer came for a day, however often asked.");
            give_up(op, step, &silent);
        }
    }
}

fn finished(op: &mut Operation, step: Step, learned: Learned) {
    match (learned, &mut op.saga) {
        (Learned::Nothing, _) => {}
        (Learned::Bought(carrier, sold_at, e164), Saga::Purchase(purchase)) => {
            purchase.told = Some(e164).filter(|_| !purchase.e164.is_known());
            purchase.bought = Some(carrier);
            purchase.sold_at = Some(sold_at);
        }
        (Learned::Imported(carrier), Saga::Import(import)) => import.imported = Some(carrier),
        (Learned::Connected(platform), Saga::Purchase(purchase)) => purchase.connected = Some(platform),
        (Learned::Connected(platform), Saga::Import(import)) => import.connected = Some(platform),
        (Learned::Connected(platform), Saga::Link(link)) => link.connected = Some(platform),
        (Learned::Routed(settings), Saga::Purchase(purchase)) => routed(purchase.connected.as_mut(), settings),
        (Learned::Routed(settings), Saga::Import(import)) => routed(import.connected.as_mut(), settings),
        (Learned::Routed(settings), Saga::Link(link)) => routed(link.connected.as_mut(), settings),
        (
            Learned::Bought(..) | Learned::Imported(_) | Learned::Connected(_) | Learned::Routed(_),
            Saga::Purchase(_)
            | Saga::Import(_)
            | Saga::Link(_)
            | Saga::Unlink(_)
            | Saga::Release(_)
            | Saga::Suspend(_)
            | Saga::Resume(_)
            | Saga::Bar(_)
            | Saga::Restore(_),
        ) => {}
    }
    set(op, step, StepState::Finished);
    recovered(op);
}

fn routed(connected: Option<&mut PlatformRef>, by_platform: Box<NumberSettings>) {
    if let Some(Reach::Import { settings }) = connected.map(|connected| &mut connected.reach) {
        *settings = Some(by_platform);
    }
}

fn doubt(op: &mut Operation, step: Step, error: &ProviderError) {
    match (&mut op.saga, step) {
        (Saga::Purchase(purchase), Step::Buy) => purchase.doubt = true,
        (Saga::Import(import), Step::ImportAtCarrier) => import.doubt = true,
        (
            Saga::Purchase(_)
            | Saga::Import(_)
            | Saga::Link(_)
            | Saga::Unlink(_)
            | Saga::Release(_)
            | Saga::Suspend(_)
            | Saga::Resume(_)
            | Saga::Bar(_)
            | Saga::Restore(_),
            Step::Buy
            | Step::ImportAtCarrier
            | Step::Connect
            | Step::Rebind
            | Step::Unbind
            | Step::Disconnect
            | Step::ReleaseAtCarrier
            | Step::Configure
            | Step::Route,
        ) => {}
    }
    op.trouble = Some(error.detail.clone());
}

/// What the step goes by was read before and is not so any more: recorded as it is now, and done again with that.
fn outdated(op: &mut Operation, step: Step, now_is: Before, now: Timestamp) {
    if let Saga::Import(import) = &mut op.saga {
        import.before = Some(now_is);
    }
    set(op, step, StepState::Pending);
    let error = ProviderError::new(ProviderErrorKind::Unavailable, "Somebody else changes it at the same time.");
    got_nowhere(op, step, &error, now);
}

/// The third party will not have it. Forward-only sagas need a person; a purchase or import keeps a number it could not
/// link.
fn refused(op: &mut Operation, step: Step, error: &ProviderError) {
    if op.saga.forward_only() {
        stuck(op, format!("{} was refused: {}", step.as_str(), error.detail));
        return;
    }
    // The link is made, and the number goes by it: what is left of the one before is found by reconciliation.
    if let (Saga::Link(_), Step::Disconnect) = (&op.saga, step) {
        set(op, step, StepState::Skipped);
        recovered(op);
        return;
    }
    let kept_without = match &mut op.saga {
        Saga::Purchase(purchase) if !purchase.all_or_nothing => {
            Some((&mut purchase.link_refused, &mut purchase.connected))
        }
        Saga::Import(import) if !import.all_or_nothing => Some((&mut import.link_refused, &mut import.connected)),
        Saga::Purchase(_)
        | Saga::Import(_)
        | Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => None,
    };
    let failure = Failure::at(step, error);
    match (step, kept_without) {
        (Step::Connect | Step::Route, Some((link_refused, connected))) => {
            *link_refused = Some(failure.detail);
            *connected = None;
            // What the platform knows by now is removed there before the number is kept without it.
            let made = if step == Step::Route { StepState::Undoing } else { StepState::Skipped };
            set(op, Step::Connect, made);
            set(op, Step::Route, StepState::Skipped);
        }
        (_, _) => {
            set(op, step, StepState::Pending);
            op.failure = Some(failure);
        }
    }
    recovered(op);
}

/// One more attempt without progress: wait, or after a day stop trying.
fn got_nowhere(op: &mut Operation, step: Step, error: &ProviderError, now: Timestamp) {
    if a_day_in_trouble(op, now) {
        give_up(op, step, error);
    } else {
        wait(op, error, now, backoff(op.attempts.saturating_add(1)));
    }
}

fn a_day_in_trouble(op: &Operation, now: Timestamp) -> bool {
    op.troubled_since.is_some_and(|since| now.duration_since(since) >= limits::STUCK_AFTER)
}

/// Stops trying: what cannot have happened has failed, a person is asked about the rest.
fn give_up(op: &mut Operation, step: Step, error: &ProviderError) {
    let in_doubt = matches!(op.state(step), Some(StepState::Started { .. } | StepState::Undoing | StepState::Finished));
    let optional = matches!((&op.saga, step), (Saga::Link(_), Step::Disconnect));
    if (in_doubt && !optional) || op.saga.forward_only() {
        stuck(op, format!("{} got nowhere for a day: {}", step.as_str(), error.detail));
    } else {
        refused(op, step, error);
    }
}

fn wait(op: &mut Operation, error: &ProviderError, now: Timestamp, for_: SignedDuration) {
    op.troubled_since.get_or_insert(now);
    op.attempts = op.attempts.saturating_add(1);
    op.trouble = Some(error.detail.clone());
    op.due_at = Some(later(now, for_));
}

fn recovered(op: &mut Operation) {
    op.attempts = 0;
    op.troubled_since = None;
    op.trouble = None;
}

fn stuck(op: &mut Operation, why: String) {
    op.status = OperationStatus::Stuck;
    op.trouble = Some(why.clone());
    op.due_at = None;
    // An operation that was being undone keeps the reason for that; the trouble says why it got stuck.
    if op.failure.is_none() {
        op.failure = Some(Failure::new(FailureCode::NeedsOperator, why));
    }
}

/// Only the order itself can go to another number: once one is bought, whatever a platform says is not about offers.
fn has_next_offer(op: &Operation, step: Step) -> bool {
    match &op.saga {
        Saga::Purchase(purchase) => {
            step == Step::Buy && !purchase.candidates.is_empty() && purchase.attempt < limits::OFFER_ATTEMPTS_MAX
        }
        Saga::Import(_)
        | Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => false,
    }
}

fn set(op: &mut Operation, step: Step, state: StepState) {
    if let Some(record) = op.steps.iter_mut().find(|record| record.step == step) {
        record.state = state;
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
