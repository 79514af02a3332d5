//! Charges everything a wallet owes, oldest first, in batches of one transaction each.
//!
//! A batch moves every number's `paid_through` forward under the condition that it is what was read, writes one entry with
//! a line a period, and takes the sum from the wallet. A condition that is lost means that somebody else changed something:
//! the plan is made afresh. An answer that is lost is read back in the same way. So it may run twice, at once, and be killed
//! anywhere.

use std::collections::{BTreeMap, BTreeSet};

use domain::billing::{self, Candidate, Charge, Settled};
use domain::dunning::Policy;
use domain::ids::EntryId;
use domain::number::NumberStatus;
use domain::period::Period;
use domain::wallet::{Account, Entry, EntryKind, WalletRef};
use domain::{Money, NumberId, limits};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use store::job::Job;
use store::queue::{ChargeCause, ChargeMessage};
use store::{StoreError, TransactError, Write};

use super::plan::{self, Plan};
use super::usage::Calls;
use super::{Failed, Report, bar, count, daily, dun, event, notice, period_end, resume, usage};
use crate::App;
use crate::use_cases::recovery;

/// How far a message was worked off.
enum Reached {
    /// All of it.
    End,
    /// Somebody else changed what the plan stands on.
    Change,
    /// The time for one message is over.
    Deadline,
}

/// Works one message off: charges what is due, resumes what owes nothing any more, and (for dunning) goes on with what
/// still owes. When its time is over it sends the rest on.
///
/// # Errors
/// When the store or the queue does not answer; the message is then delivered again.
pub async fn charge(app: &App, message: &ChargeMessage) -> Result<Report, StoreError> {
    let ChargeMessage { wallet, date, cause } = message;
    let until = app.clock.real_now().saturating_add(limits::CHARGE_DRIVES_FOR).unwrap_or(Timestamp::MAX);
    let mut report = Report::default();
    let mut done = charge_due(app, message, until, &mut report).await?;
    if done {
        done = resume::ready(app, wallet, *date, until).await?;
    }
    if done && let ChargeCause::Unparked { number_id } = cause {
        period_end::settled(app, wallet, number_id, &mut report).await?;
    }
    if done && *cause == ChargeCause::Dunning {
        done = dun::go_on(app, wallet, *date, until, &mut report).await?;
    }
    let mut calls = Calls::Unknown;
    if done {
        calls = usage::charge_unpaid(app, wallet, until).await?;
        done = match calls {
            Calls::Paid => bar::unbar(app, wallet, until).await?,
            Calls::Owed(_) => true,
            Calls::Unknown => false,
        };
    }
    if done {
        // What comes in by itself is charged, and its message unbars what is barred now.
        let owed = if let Calls::Owed(micros) = calls { micros } else { 0 };
        let came_in = recovery::top_up(app, wallet, owed).await;
        if owed > 0 && !came_in {
            done = bar::bar(app, wallet, until).await?;
        }
    }
    if !done {
        app.charges.send(message).await?;
        return Ok(report);
    }
    match cause {
        ChargeCause::Renewal { .. } => daily::done(app, Job::Renewals, wallet, *date).await?,
        ChargeCause::Dunning => daily::done(app, Job::Dunning, wallet, *date).await?,
        ChargeCause::Credit | ChargeCause::Unparked { .. } => {}
    }
    Ok(report)
}

/// Charges what is due and covered, and notes what is not. `false` when there was not enough time.
async fn charge_due(
    app: &App,
    message: &ChargeMessage,
    until: Timestamp,
    report: &mut Report,
) -> Result<bool, StoreError> {
    let ChargeMessage { wallet, date, cause } = message;
    let mut asked_for_money = false;
    let mut charged = BTreeSet::new();
    for _ in 0..limits::CHARGE_PLANS_MAX {
        let mut plan = plan::read(app, wallet, *date, cause).await?;
        let covered = plan.covered();
        if covered < plan.charges.len() && !asked_for_money {
            asked_for_money = true;
            let owed = plan.charges.iter().fold(0i64, |sum, charge| sum.saturating_add(charge.micros));
            if recovery::top_up(app, wallet, owed).await {
                continue;
            }
        }
        let work = Work { app, wallet, date: *date, until };
        match work.charge_all(&mut plan, covered, &mut charged).await? {
            Reached::End => {}
            Reached::Change => continue,
            Reached::Deadline => return Ok(false),
        }
        let failing = work.failing(&plan, covered);
        if let Reached::Change = work.note_past_due(&failing).await? {
            continue;
        }
        let left = plan.candidates.iter().filter(|number| !charged.contains(&number.id)).count();
        report.examined += count(charged.len() + left);
        report.changed += count(charged.len());
        report.skipped += count(left.saturating_sub(failing.len()));
        let failed = |number: &&Candidate| Failed { id: number.id.to_string(), code: "insufficient_balance" };
        report.failed.extend(failing.iter().map(failed));
        return Ok(true);
    }
    Ok(false)
}

/// One plan's carrying out.
struct Work<'a> {
    app: &'a App,
    wallet: &'a WalletRef,
    date: Date,
    until: Timestamp,
}

/// What one transaction charges: the numbers with what it changes of each, in the order of their first charge.
struct Batch {
    charges: Vec<Charge>,
    settled: Vec<(usize, Settled)>,
}

impl Work<'_> {
    /// Charges the first `covered` of a plan, batch by batch.
    async fn charge_all(
        &self,
        plan: &mut Plan,
        covered: usize,
        charged: &mut BTreeSet<NumberId>,
    ) -> Result<Reached, StoreError> {
        let mut next = 0;
        while next < covered {
            if self.app.clock.real_now() >= self.until {
                return Ok(Reached::Deadline);
            }
            let batch = self.batch(plan, next, covered);
            next += batch.charges.len();
            match self.app.store.transact(self.writes(plan, &batch)?).await {
                Ok(()) => {}
                Err(TransactError::Lost(_)) => return Ok(Reached::Change),
                Err(TransactError::Store(error)) => return Err(error),
            }
            self.written(plan, batch, charged);
        }
        Ok(Reached::End)
    }

    /// As many charges from `first` on as fit into one transaction.
    fn batch(&self, plan: &Plan, first: usize, covered: usize) -> Batch {
        // Wallet, entry and event; and the count of places, should one change hands.
        let places = plan.candidates.iter().any(|number| number.included != number.was_included);
        let mut room = limits::TRANSACTION_WRITES_MAX - 3 - usize::from(places);
        let mut last: BTreeMap<usize, Period> = BTreeMap::new();
        let (mut order, mut charges) = (Vec::new(), Vec::new());
        for charge in plan.charges[first..covered].iter().take(limits::CHARGE_LINES_MAX) {
            if !last.contains_key(&charge.candidate) {
                let Some(left) = room.checked_sub(self.writes_of(&plan.candidates[charge.candidate])) else { break };
                room = left;
                order.push(charge.candidate);
            }
            last.insert(charge.candidate, charge.period);
            charges.push(*charge);
        }
        let book = &self.app.price_book;
        let settle = |n: usize| (n, plan.candidates[n].settled(last[&n], self.date, book));
        Batch { charges, settled: order.into_iter().map(settle).collect() }
    }

    /// Writes a number may take: itself; claim and event when it recovers; an event when its price changes.
    fn writes_of(&self, number: &Candidate) -> usize {
        let listed = self.app.price_book.line_of(number.carrier, number.country, number.kind).map(|line| line.price);
        let dearer = number.price_change.is_some() || listed.is_some_and(|listed| listed != number.price);
        1 + if number.dunning.is_some() { 2 } else { 0 } + usize::from(dearer)
    }

    fn writes(&self, plan: &Plan, batch: &Batch) -> Result<Vec<Write>, StoreError> {
        let (app, wallet, now) = (self.app, self.wallet, self.app.clock.now());
        let sum = batch.charges.iter().fold(0i64, |sum, charge| sum.saturating_add(charge.micros));
        let amount = Money::from_micros(sum, wallet.currency);
        let lines: Vec<_> =
            batch.charges.iter().map(|charge| billing::line(&plan.candidates[charge.candidate], charge)).collect();
        let entry = Entry {
            id: EntryId::fresh(&*app.ids, now),
            kind: EntryKind::NumberCharge,
            currency: wallet.currency,
            postings: Entry::postings(amount.negated(), Account::Revenue),
            number_id: None,
            period: None,
            operation_id: None,
            effective_at: now,
            created_at: now,
            explain: format!("Renewal of {}", numbers(batch.settled.len())),
            lines,
        };
        // A suspended number counts as overdue until it is resumed.
        let active =
            |(n, settled): &&(usize, Settled)| settled.recovered && plan.candidates[*n].status == NumberStatus::PastDue;
        let recovered = batch.settled.iter().filter(active).count();
        let mut writes = Vec::from(store::wallet::charge(wallet, &entry, -i64::try_from(recovered).unwrap_or(0))?);
        let data = json!({ "entry_id": entry.id, "amount": amount, "numbers": batch.settled.len() });
        writes.push(event(app, &wallet.tenant_id, "wallet.charged", data)?);
        let mut places = 0i64;
        for (n, settled) in &batch.settled {
            let number = &plan.candidates[*n];
            writes.push(store::number::charged(wallet, number, settled, now)?);
            places += i64::from(number.included) - i64::from(number.was_included);
            if settled.recovered && number.status == NumberStatus::PastDue {
                writes.push(store::claim::meet(&number.e164, &number.id, NumberStatus::Active)?);
                let data = json!({ "number_id": number.id, "entry_id": entry.id });
                writes.push(event(app, &wallet.tenant_id, "number.recovered", data)?);
            }
            if let Some(change) = settled.announced {
                let data = json!({ "number_id": number.id, "price": change.price, "from": change.from });
                writes.push(event(app, &wallet.tenant_id, "number.price_change_announced", data)?);
            }
        }
        if places != 0 {
            writes.push(store::tenant::places(&wallet.tenant_id, plan.places_taken, places)?);
        }
        Ok(writes)
    }

    /// Takes into the plan what a batch has written, for the batches after it.
    fn written(&self, plan: &mut Plan, batch: Batch, charged: &mut BTreeSet<NumberId>) {
        for (n, settled) in batch.settled {
            let number = &mut plan.candidates[n];
            charged.insert(number.id.clone());
            match (number.was_included, number.included) {
                (false, true) => plan.places_taken += 1,
                (true, false) => plan.places_taken = plan.places_taken.saturating_sub(1),
                (true, true) | (false, false) => {}
            }
            number.was_included = number.included;
            (number.paid_through, number.price) = (settled.paid_through, settled.price);
            number.price_change = settled.price_change;
            if settled.recovered {
                number.dunning = None;
            }
        }
    }

    /// Numbers of which something is due that the money does not cover.
    fn failing<'p>(&self, plan: &'p Plan, covered: usize) -> Vec<&'p Candidate> {
        let failing: BTreeSet<usize> = plan.charges[covered..].iter().map(|charge| charge.candidate).collect();
        failing.into_iter().map(|n| &plan.candidates[n]).collect()
    }

    /// Records the first failed charge of numbers that serve: day 0 of their dunning. One that is about to be released is not
    /// dunned: it goes with what could be charged, as one does that nobody pays for.
    async fn note_past_due(&self, failing: &[&Candidate]) -> Result<Reached, StoreError> {
        let (app, wallet, now) = (self.app, self.wallet, self.app.clock.now());
        let stays = |number: &&&Candidate| number.status == NumberStatus::Active && number.served_until.is_none();
        let fresh: Vec<_> = failing.iter().filter(stays).collect();
        for some in fresh.chunks((limits::TRANSACTION_WRITES_MAX - 1) / 3) {
            let mut writes = vec![store::wallet::overdue(wallet, i64::try_from(some.len()).unwrap_or(0))?];
            for number in some {
                let dunning = Policy::begin(self.date);
                writes.push(store::number::past_due(wallet, number, &dunning, now)?);
                writes.push(store::claim::meet(&number.e164, &number.id, NumberStatus::PastDue)?);
                writes.push(notice(app, &wallet.tenant_id, &number.id, dunning.day)?);
            }
            match app.store.transact(writes).await {
                Ok(()) => {}
                Err(TransactError::Lost(_)) => return Ok(Reached::Change),
                Err(TransactError::Store(error)) => return Err(error),
            }
        }
        Ok(Reached::End)
    }
}

fn numbers(count: usize) -> String {
    if count == 1 { "1 number".to_owned() } else { format!("{count} numbers") }
}
