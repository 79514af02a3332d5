//! The invariants I1–I5 held against everything that is kept: the whole table, and what carrier and platform believe.
//!
//! Resources without our tag belong to the operator and are no violation; what an open operation is working on may be
//! half-done.

mod payments;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::agent::{Agent, Platform};
use domain::call::Call;
use domain::claim::{Claim, ClaimState};
use domain::number::{AtEnd, Carrier, Number, NumberStatus};
use domain::numbering::E164;
use domain::operation::{Operation, Saga, is_our_tag};
use domain::reversal::{DisputeRecord, DisputeState, PaymentRecord, RefundRecord};
use domain::tenant::{Holdings, Project};
use domain::top_up::TopUp;
use domain::wallet::{Entry, EntryKind, Hold, HoldState, Wallet};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::store::{Item, keys};
use simulators::Simulators;

use crate::system::{DEPLOYMENT, TABLE};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which invariant, `I1` to `I5`.
    pub invariant: &'static str,
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub detail: String,
}

/// Why the books could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the books cannot be read: {0}")]
pub struct Unreadable(String);

/// Everything in the table, by noun.
#[derive(Debug, Default)]
struct Books {
    numbers: Vec<Number>,
    operations: BTreeMap<String, Operation>,
    claims: Vec<Claim>,
    agents: Vec<Agent>,
    projects: Vec<Project>,
    holdings: BTreeMap<String, Holdings>,
    wallets: BTreeMap<(String, String), Wallet>,
    holds: Vec<(String, Hold)>,
    entries: Vec<(String, Entry)>,
    calls: Vec<Call>,
    /// Included minutes that are used up, by tenant and the sort key of their month.
    minutes: BTreeMap<(String, String), u32>,
    top_ups: Vec<TopUp>,
    payments: Vec<PaymentRecord>,
    refunds: Vec<RefundRecord>,
    disputes: Vec<DisputeRecord>,
}

/// What a third party has under our tag: id, tag.
type Resources = BTreeMap<String, String>;

/// What third parties have under our tag.
struct World {
    carriers: BTreeMap<Carrier, Resources>,
    platforms: BTreeMap<Platform, Resources>,
}

impl World {
    fn of(simulators: &Simulators) -> Self {
        let carrier = |carrier| match carrier {
            Carrier::Twilio => ours(&simulators.twilio.state()),
            Carrier::Netgsm => ours(&simulators.netgsm.state()),
            Carrier::Vapi => ours(&native(&simulators.vapi.state(), true)),
            Carrier::Custom => Resources::new(),
        };
        let platform = |platform| match platform {
            Platform::Vapi => ours(&native(&simulators.vapi.state(), false)),
            Platform::Retell => ours(&simulators.retell.state()),
            Platform::ElevenLabs => ours(&simulators.elevenlabs.state()),
        };
        Self {
            carriers: Carrier::ALL.into_iter().map(|it| (it, carrier(it))).collect(),
            platforms: Platform::ALL.into_iter().map(|it| (it, platform(it))).collect(),
        }
    }
}

/// Reads everything and answers what must not be.
///
/// # Errors
/// When an item cannot be read.
pub async fn run(table: &aws_sdk_dynamodb::Client, simulators: &Simulators) -> Result<Vec<Violation>, Unreadable> {
    let books = read(table).await?;
    let mut found = Vec::new();
    one_owner(&books, &mut found);
    nothing_lost(&books, &World::of(simulators), &mut found);
    holds_resolve_once(&books, &mut found);
    money_adds_up(&books, &mut found);
    charged_once(&books, &mut found);
    minutes_used_up(&books, &mut found);
    dunning(&books, &mut found);
    payments::paid_in_once(&books, &simulators.stripe.state(), &mut found);
    counts(&books, &mut found);
    Ok(found)
}

async fn read(table: &aws_sdk_dynamodb::Client) -> Result<Books, Unreadable> {
    let (mut books, mut start) = (Books::default(), None);
    loop {
        let page = table.scan().table_name(TABLE).consistent_read(true).set_exclusive_start_key(start).send().await;
        let page = page.map_err(|error| Unreadable(format!("{error:?}")))?;
        for item in page.items.unwrap_or_default() {
            books.take(item)?;
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return Ok(books);
        }
    }
}

impl Books {
    fn take(&mut self, item: Item) -> Result<(), Unreadable> {
        let text = |name: &str| match item.get(name) {
            Some(AttributeValue::S(text)) => text.clone(),
            Some(_) | None => String::new(),
        };
        let (pk, sk) = (text(keys::PK), text(keys::SK));
        let tenant = keys::read_tenant(&pk).unwrap_or_default().to_owned();
        match sk.split_once('#').map_or(sk.as_str(), |(kind, _)| kind) {
            "NUM" => self.numbers.push(decode(item)?),
            "OP" => {
                let op: Operation = decode(item)?;
                self.operations.insert(op.id.to_string(), op);
            }
            "CLAIM" => self.claims.push(decode(item)?),
            "AGT" => self.agents.push(decode(item)?),
            "PRJ" => self.projects.push(decode(item)?),
            "MIN" => {
                let used = item.get("used").and_then(|used| used.as_n().ok()?.parse().ok());
                self.minutes.insert((tenant, sk), used.unwrap_or_default());
            }
            "META" if pk.starts_with(keys::CALL) => self.calls.push(decode(item)?),
            "COUNT" => {
                self.holdings.insert(tenant, decode(item)?);
            }
            "WALLET" => {
                let wallet: Wallet = decode(item)?;
                self.wallets.insert((tenant, wallet.currency.to_string()), wallet);
            }
            "HOLD" => self.holds.push((tenant, decode(item)?)),
            "LED" => self.entries.push((tenant, decode(item)?)),
            "TOPUP" => self.top_ups.push(decode(item)?),
            "META" if pk.starts_with(keys::PAYMENTS) => self.payments.push(decode(item)?),
            "REF" => self.refunds.push(decode(item)?),
            "DSP" => self.disputes.push(decode(item)?),
            _ => {}
        }
        Ok(())
    }

    fn open(&self, number: &Number) -> bool {
        let op = number.open_operation_id.as_ref().and_then(|id| self.operations.get(id.as_str()));
        op.is_some_and(Operation::open)
    }

    /// Tags of operations that are still being worked on.
    fn open_tags(&self) -> BTreeSet<String> {
        let open = self.operations.values().filter(|op| op.open());
        open.map(|op| op.tag(DEPLOYMENT)).collect()
    }
}

fn decode<T: DeserializeOwned>(item: Item) -> Result<T, Unreadable> {
    serde_dynamo::from_item(item).map_err(|error| Unreadable(error.to_string()))
}

/// Of Vapi's numbers those that it is the carrier of, or the others.
fn native(state: &Value, wanted: bool) -> Value {
    let is_native = |number: &&Value| (number["provider"] == "vapi" && number.get("sip_uri").is_none()) == wanted;
    let numbers = state["numbers"].as_array().into_iter().flatten().filter(is_native);
    serde_json::json!({ "numbers": numbers.collect::<Vec<_>>() })
}

/// Resources of a third party that have our tag.
fn ours(state: &Value) -> Resources {
    let numbers = state.get("numbers").and_then(Value::as_array).into_iter().flatten();
    let tagged = numbers.filter_map(|number| {
        let (id, tag) = (number.get("id")?.as_str()?, number.get("name")?.as_str()?);
        is_our_tag(tag, DEPLOYMENT).then(|| (id.to_owned(), tag.to_owned()))
    });
    tagged.collect()
}

fn violation(found: &mut Vec<Violation>, invariant: &'static str, subject: &str, detail: impl Into<String>) {
    found.push(Violation { invariant, subject: subject.to_owned(), detail: detail.into() });
}

/// I1: a number that is held has the one claim on its E.164, and on its place in its carrier's pool; a claim that is held has
/// its number.
fn one_owner(books: &Books, found: &mut Vec<Violation>) {
    let claims: BTreeMap<&str, &Claim> = books.claims.iter().map(|claim| (claim.e164.as_str(), claim)).collect();
    for number in books.numbers.iter().filter(|number| number.status.held()) {
        let has = |e164: &E164| {
            let claim = claims.get(e164.as_str());
            claim.is_some_and(|claim| claim.state == ClaimState::Held && claim.number_id == number.id)
        };
        if !has(&number.e164) {
            violation(found, "I1", number.id.as_str(), format!("is {} without the claim", number.status.as_str()));
        }
        if number.slot.as_ref().is_some_and(|slot| !has(slot)) {
            violation(found, "I1", number.id.as_str(), "has a slot of a pool without the claim on it");
        }
        if !number.e164.is_known() && !books.open(number) {
            violation(found, "I1", number.id.as_str(), "has no digits, and nobody waits for them");
        }
    }
    for claim in books.claims.iter().filter(|claim| claim.state == ClaimState::Held) {
        let number = books.numbers.iter().find(|number| number.id == claim.number_id);
        let is_its = |number: &Number| number.e164 == claim.e164 || number.slot.as_ref() == Some(&claim.e164);
        if !number.is_some_and(|number| number.status.held() && is_its(number)) {
            violation(found, "I1", claim.e164.as_str(), "is claimed for a number that does not hold it");
        }
        // What stands for digits is called by nobody.
        let wanted = number.filter(|_| claim.e164.is_known()).map(Number::route);
        let agrees = claim.route == wanted;
        if !agrees && !number.is_some_and(|number| books.open(number)) {
            violation(found, "I1", claim.e164.as_str(), "its route says other than its number");
        }
    }
}

/// I2: what the operator pays for under our tag is in the books, and what the books say is served is there.
fn nothing_lost(books: &Books, world: &World, found: &mut Vec<Violation>) {
    let open = books.open_tags();
    let held = || books.numbers.iter().filter(|number| number.status.held());
    let sold = |number: &Number| Some((number.carrier.as_str(), number.carrier_ref.as_ref()?.id.clone()));
    let known = |number: &Number| {
        let known = number.platform_ref.as_ref()?;
        Some((known.platform.as_str(), known.id.clone()?))
    };
    let recorded: BTreeSet<_> = held().filter_map(sold).chain(held().filter_map(known)).collect();
    let carriers = world.carriers.iter().map(|(carrier, there)| (carrier.as_str(), there));
    let platforms = world.platforms.iter().map(|(platform, there)| (platform.as_str(), there));
    for (which, there) in carriers.chain(platforms) {
        for (id, tag) in there {
            if !recorded.contains(&(which, id.clone())) && !open.contains(tag) {
                violation(found, "I2", id, format!("{which} has {tag}, and the books have nothing of it"));
            }
        }
    }
    // One that is parked is known not to agree, and waits for a person.
    let settled = |number: &&Number| number.status.held() && !number.parked && !books.open(number);
    for number in books.numbers.iter().filter(settled) {
        let carrier = world.carriers.get(&number.carrier);
        let bought = number.carrier_ref.as_ref().is_some_and(|known| {
            // Nothing was done at a carrier of the tenant's own; what was done by hand nobody can look at.
            matches!(known.at_end, AtEnd::Leave | AtEnd::ByHand) || is_there(carrier, &known.id, &known.tag)
        });
        if !bought {
            violation(found, "I2", number.id.as_str(), "the carrier does not have it under its tag");
        }
        let connected = number.platform_ref.as_ref().is_none_or(|known| {
            let platform = world.platforms.get(&known.platform);
            known.id.as_ref().is_none_or(|id| is_there(platform, id, &known.tag))
        });
        if !connected {
            violation(found, "I2", number.id.as_str(), "the platform does not have it under its tag");
        }
    }
}

fn is_there(resources: Option<&Resources>, id: &str, tag: &str) -> bool {
    resources.and_then(|there| there.get(id)).is_some_and(|there| there == tag)
}

/// I3: a hold is held exactly while its operation is open, or its dispute neither withdrawn nor over.
fn holds_resolve_once(books: &Books, found: &mut Vec<Violation>) {
    for (_, hold) in &books.holds {
        let contested = books.disputes.iter().any(|dispute| {
            let held = dispute.state == DisputeState::Held && hold.amount.micros == dispute.booked;
            dispute.dispute == hold.cause && held
        });
        let open = contested || books.operations.get(hold.cause.as_str()).is_some_and(Operation::open);
        if (hold.state == HoldState::Held) != open {
            let state = format!("{:?}", hold.state).to_lowercase();
            violation(found, "I3", &hold.cause, format!("its hold is {state}"));
        }
    }
    let costs = |op: &&Operation| match &op.saga {
        Saga::Purchase(purchase) => purchase.cost().micros > 0,
        Saga::Import(import) => import.cost().micros > 0,
        Saga::Link(_)
        | Saga::Unlink(_)
        | Saga::Release(_)
        | Saga::Suspend(_)
        | Saga::Resume(_)
        | Saga::Bar(_)
        | Saga::Restore(_) => false,
    };
    for op in books.operations.values().filter(costs) {
        if !books.holds.iter().any(|(_, hold)| hold.cause == op.id.as_str()) {
            violation(found, "I3", op.id.as_str(), "a number to be had without a hold");
        }
    }
    for dispute in books.disputes.iter().filter(|dispute| dispute.state == DisputeState::Held && dispute.booked > 0) {
        if !books.holds.iter().any(|(_, hold)| hold.cause == dispute.dispute && hold.state == HoldState::Held) {
            violation(found, "I3", &dispute.dispute, "an open dispute without a hold");
        }
    }
}

/// I4: every entry balances, and every wallet is the sum of its entries and holds.
fn money_adds_up(books: &Books, found: &mut Vec<Violation>) {
    let mut sums: BTreeMap<(String, String), (i64, u64, i64)> = BTreeMap::new();
    for (tenant, entry) in &books.entries {
        if !entry.balances() {
            violation(found, "I4", entry.id.as_str(), "its postings do not add up to zero");
        }
        let lines: i64 = entry.lines.iter().map(|line| line.micros).sum();
        if !entry.lines.is_empty() && lines != -entry.wallet_micros() {
            violation(found, "I4", entry.id.as_str(), "its lines are not what it moved");
        }
        let sum = sums.entry((tenant.clone(), entry.currency.to_string())).or_default();
        (sum.0, sum.1) = (sum.0 + entry.wallet_micros(), sum.1 + 1);
    }
    for (tenant, hold) in books.holds.iter().filter(|(_, hold)| hold.state == HoldState::Held) {
        sums.entry((tenant.clone(), hold.amount.currency.to_string())).or_default().2 += hold.amount.micros;
    }
    for key in sums.keys().filter(|key| !books.wallets.contains_key(*key)) {
        violation(found, "I4", &key.0, format!("has entries or holds in {} and no wallet", key.1));
    }
    for ((tenant, currency), wallet) in &books.wallets {
        let (balance, entries, held) = sums.get(&(tenant.clone(), currency.clone())).copied().unwrap_or_default();
        let says = (wallet.balance, wallet.entries, wallet.held, wallet.available);
        let must = (balance, entries, held, balance - held);
        if says != must {
            let detail = format!("{currency}: (balance, entries, held, available) is {says:?} and must be {must:?}");
            violation(found, "I4", tenant, detail);
        }
        // Money that went back at the payment provider may leave less than nothing; nothing else may.
        if wallet.available.saturating_add(payments::went_back(books, tenant, currency)) < 0 {
            violation(found, "I4", tenant, format!("{currency}: available is below zero"));
        }
    }
}

/// I5: a number's periods follow each other from its anchor, each charged once, up to its `paid_through`.
fn charged_once(books: &Books, found: &mut Vec<Violation>) {
    let mut charged: BTreeMap<&str, Vec<domain::period::Period>> = BTreeMap::new();
    for (_, entry) in books.entries.iter().filter(|(_, entry)| entry.kind == EntryKind::NumberCharge) {
        if let (Some(number), Some(period)) = (&entry.number_id, entry.period) {
            charged.entry(number.as_str()).or_default().push(period);
        }
        for line in &entry.lines {
            let period = domain::period::Period { start: line.start, end: line.end };
            charged.entry(line.number_id.as_str()).or_default().push(period);
        }
    }
    for number in &books.numbers {
        let mut periods = charged.remove(number.id.as_str()).unwrap_or_default();
        periods.sort_by_key(|period| period.start);
        if periods.windows(2).any(|pair| pair[0].end > pair[1].start) {
            violation(found, "I5", number.id.as_str(), "a period was charged twice");
        }
        if periods.windows(2).any(|pair| pair[0].end < pair[1].start) {
            violation(found, "I5", number.id.as_str(), "a period was left out");
        }
        if periods.last().map(|period| period.end) != number.paid_through {
            violation(found, "I5", number.id.as_str(), "is paid through another day than was charged");
        }
        let never = matches!(number.status, NumberStatus::Pending | NumberStatus::Failed);
        if never && !periods.is_empty() {
            violation(found, "I5", number.id.as_str(), "was charged and never bought");
        }
    }
    for number in charged.keys() {
        violation(found, "I5", number, "was charged and is not in the books");
    }
}

/// I5: the minutes that a plan's months have paid for are those of the calls that were paid for so.
fn minutes_used_up(books: &Books, found: &mut Vec<Violation>) {
    let mut paid: BTreeMap<(String, String), u32> = BTreeMap::new();
    for call in books.calls.iter().filter(|call| call.included_minutes > 0) {
        let month = keys::minutes(&call.tenant_id, &call.started_at.strftime("%Y-%m").to_string()).sk;
        *paid.entry((call.tenant_id.to_string(), month)).or_default() += call.included_minutes;
    }
    let months: BTreeSet<_> = paid.keys().chain(books.minutes.keys()).collect();
    for month in months {
        let [paid, used] = [&paid, &books.minutes].map(|all| all.get(month).copied().unwrap_or_default());
        if paid != used {
            let detail = format!("{used} included minutes are used up in {}, and calls have had {paid}", month.1);
            violation(found, "I5", &month.0, detail);
        }
    }
}

/// What dunning says of a number fits its status, every wallet counts the numbers that owe it, and calls are barred only where
/// a wallet still says so.
fn dunning(books: &Books, found: &mut Vec<Violation>) {
    let mut overdue: BTreeMap<(String, String), u32> = BTreeMap::new();
    for number in &books.numbers {
        let fits = match number.status {
            NumberStatus::PastDue => number.dunning.is_some_and(|dunning| dunning.suspended_on.is_none()),
            // Paid for and about to be resumed, or not.
            NumberStatus::Suspended => number.dunning.is_none_or(|dunning| dunning.suspended_on.is_some()),
            NumberStatus::Pending
            | NumberStatus::Active
            | NumberStatus::Releasing
            | NumberStatus::Released
            | NumberStatus::Failed => number.dunning.is_none(),
        };
        if !fits {
            let status = number.status.as_str();
            violation(found, "I4", number.id.as_str(), format!("is {status} with dunning {:?}", number.dunning));
        }
        let of_tenant = |key: &(String, String)| key.0 == number.tenant_id.as_str();
        let wanted = books.wallets.iter().any(|(key, wallet)| of_tenant(key) && wallet.barring.is_some());
        if number.barred && !wanted && !books.open(number) {
            violation(found, "I4", number.id.as_str(), "its calls are barred, and no wallet asks for it");
        }
        if number.status.overdue() {
            *overdue.entry((number.tenant_id.to_string(), number.price.currency.to_string())).or_default() += 1;
        }
    }
    for (key, wallet) in &books.wallets {
        let really = overdue.remove(key).unwrap_or(0);
        if wallet.overdue != really {
            violation(found, "I4", &key.0, format!("counts {} overdue numbers and has {really}", wallet.overdue));
        }
    }
    for (tenant, _) in overdue.keys() {
        violation(found, "I4", tenant, "has overdue numbers and no wallet");
    }
}

/// The counts that limits are held against: part of I4's "adds up", for things instead of money.
fn counts(books: &Books, found: &mut Vec<Violation>) {
    let mut held: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for number in books.numbers.iter().filter(|number| number.status.held()) {
        let (numbers, included) = held.entry(number.tenant_id.as_str()).or_default();
        (*numbers, *included) = (*numbers + 1, *included + u32::from(number.included));
    }
    for (tenant, holdings) in &books.holdings {
        let really = held.remove(tenant.as_str()).unwrap_or_default();
        let counts = (holdings.numbers, holdings.included);
        if counts != really {
            violation(found, "I4", tenant, format!("counts (numbers, included) {counts:?} and holds {really:?}"));
        }
    }
    for (tenant, really) in held {
        violation(found, "I4", tenant, format!("counts no numbers and holds {really:?}"));
    }
    for agent in &books.agents {
        let linked = books.numbers.iter().filter(|number| number.agent_id.as_ref() == Some(&agent.id)).count();
        let linking = books.operations.values().filter(|op| op.open()).filter(|op| match &op.saga {
            Saga::Import(saga) => saga.agent.as_ref().is_some_and(|binding| binding.agent_id == agent.id),
            Saga::Purchase(saga) => saga.agent.as_ref().is_some_and(|binding| binding.agent_id == agent.id),
            Saga::Link(saga) => saga.agent.agent_id == agent.id,
            Saga::Unlink(_)
            | Saga::Release(_)
            | Saga::Suspend(_)
            | Saga::Resume(_)
            | Saga::Bar(_)
            | Saga::Restore(_) => false,
        });
        let really = linked + linking.count();
        if usize::try_from(agent.links).ok() != Some(really) {
            violation(found, "I4", agent.id.as_str(), format!("counts {} links and has {really}", agent.links));
        }
    }
    for project in &books.projects {
        let inside = Some(&project.id);
        let numbers = books.numbers.iter().filter(|n| n.status.held() && n.project_id.as_ref() == inside).count();
        let really = numbers + books.agents.iter().filter(|agent| agent.project_id.as_ref() == inside).count();
        if usize::try_from(project.uses).ok() != Some(really) {
            violation(found, "I4", project.id.as_str(), format!("counts {} uses and has {really}", project.uses));
        }
    }
}
