//! Buy a number: check everything that costs nothing, resolve the request to one exact number, begin the saga, drive it.
//!
//! The wallet is asked before the carrier; the transaction that begins the saga asks it again, and that answer counts.

use domain::audit::{Action, Actor, Record};
use domain::catalog::{Plan, PriceLine};
use domain::claim::Claim;
use domain::number::{Capabilities, Carrier, Number, NumberStatus};
use domain::operation::{AgentBinding, Operation, OperationStatus, Purchase, Saga};
use domain::ports::{Offer, SearchFilter};
use domain::requirement::{OnFile, Papers};
use domain::{E164, Money, ProjectId, limits};
use serde::{Deserialize, Serialize};
use store::idempotency::{Idempotency, Made};
use store::{Guard, TransactError};

use crate::api::{OfferView, PurchasePreview};
use crate::http::auth::Caller;
use crate::http::extract::hash_request;
use crate::saga::{self, Deadline};
use crate::use_cases::linking::Answers;
use crate::use_cases::{agent_numbers, audit, pool, search};
use crate::{App, Error};

/// One exact number, or any of a country, type and area code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PurchaseRequest))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Exactly this number (E.164).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e164: Option<String>,
    /// Any number of this country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Of this type; `local` by default.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// With this area code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_code: Option<String>,
    /// From this carrier, where several sell the same: `twilio`, `netgsm`, or `vapi`, which lets nobody choose a number: name
    /// `country` and `area_code`, and it tells which number it is once it has sold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// Who is to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// How calls get there: `hand_over`, `trunk`, `import`, `direct` or `native`; as the platform is usually reached by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The tenant's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Where callers go when the agent cannot answer (E.164).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Give the number back if it cannot be linked.
    #[serde(default)]
    pub all_or_nothing: bool,
}

/// What a purchase (or an import) came to.
#[derive(Debug)]
pub enum Outcome<P = PurchasePreview> {
    /// The tenant holds the number.
    Bought(Box<Number>, Operation),
    /// Still running, or needing an operator; the operation can be followed.
    Running(Operation),
    /// Only checked.
    Previewed(P),
}

/// How a request wants to be answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mode {
    /// Check everything and move nothing.
    pub dry_run: bool,
    /// Do not wait for the end.
    pub respond_async: bool,
}

/// What was asked for, understood.
struct Wish<'a> {
    line: &'a PriceLine,
    exact: Option<E164>,
    area_code: Option<String>,
    name: Option<String>,
    fallback: Option<E164>,
    answers: Option<Answers>,
    project_id: Option<ProjectId>,
    all_or_nothing: bool,
}

/// Buys.
///
/// # Errors
/// Everything API.md lists for `POST /v1/numbers`. A refusal leaves nothing behind; [`Error::Operation`] means that it
/// was begun and undone.
pub async fn run(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    let request_hash = hash_request("POST /v1/numbers", request);
    if mode.dry_run {
        return attempt(app, caller, None, None, request, mode).await;
    }
    let key = key_hash.ok_or(Error::IdempotencyKeyRequired)?;
    once(app, caller, (key, &request_hash), attempt(app, caller, None, Some((key, &request_hash)), request, mode)).await
}

/// Attempts what is asked for under a key that is new; for one that is not, answers what it stands for.
pub(crate) async fn once<P>(
    app: &App,
    caller: &Caller,
    (key, request_hash): (&str, &str),
    attempt: impl Future<Output = Result<Outcome<P>, Error>>,
) -> Result<Outcome<P>, Error> {
    if let Some(before) = repeated(app, caller, key, request_hash).await? {
        return Ok(before);
    }
    let refusal = match attempt.await {
        Ok(outcome) => return Ok(outcome),
        Err(refusal) => refusal,
    };
    // The same request twice at once: what refused this one (the claim, the money, the limit) may be the other one's.
    match repeated(app, caller, key, request_hash).await {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) | Err(Error::Store(_)) => Err(refusal),
        Err(error) => Err(error),
    }
}

/// Checks and begins a purchase whose key is new, or (without a key) only checks it. `by` is who acts in the caller's place:
/// they give an agent its first number only, and it is told of them in the audit trail.
pub(crate) async fn attempt(
    app: &App,
    caller: &Caller,
    by: Option<&Actor>,
    idempotency: Option<(&str, &str)>,
    request: &Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    let wish = understand(app, caller, request)?;
    let Allowed { agent, terms, on_file, room } =
        allowed(app, caller, wish.line, wish.answers.as_ref(), wish.project_id.as_ref()).await?;
    let offers = match wish.line.carrier {
        carrier if carrier.sells_by_area() => pool::choices(app, wish.line.carrier),
        Carrier::Netgsm if app.settings.netgsm_by_hand => vec![to_be_ordered(app, &wish)?],
        Carrier::Twilio | Carrier::Netgsm | Carrier::Vapi | Carrier::Custom => resolve(app, &wish, &on_file).await?,
    };
    if mode.dry_run {
        return preview(app, caller, &wish, offers, room).await;
    }
    begin(app, caller, by, &wish, offers, agent, terms, idempotency, mode).await
}

/// What a tenant that may have one more number has it on.
pub(crate) struct Allowed {
    /// The agent as its platform knows it.
    pub(crate) agent: Option<AgentBinding>,
    /// The plan, and whether the number is one of those it includes.
    pub(crate) terms: (Plan, bool),
    /// The tenant's papers.
    pub(crate) on_file: OnFile,
    /// How much more it may have.
    room: Room,
}

/// What plan and wallet leave.
struct Room {
    numbers: u32,
    included: u32,
    available: Money,
}

/// What plan, wallet, project and agent say to one more number of this line.
pub(crate) async fn allowed(
    app: &App,
    caller: &Caller,
    line: &PriceLine,
    answers: Option<&Answers>,
    project_id: Option<&ProjectId>,
) -> Result<Allowed, Error> {
    let (tenant, price) = (&caller.tenant, line.price);
    let binding = async {
        match answers {
            Some(answers) => answers.binding(app, caller, line.carrier).await.map(Some),
            None => Ok(None),
        }
    };
    let (standing, holdings, wallet, agent) = tokio::try_join!(
        async { app.store.tenant_get(tenant).await.map_err(Error::from) },
        async { app.store.holdings_get(tenant).await.map_err(Error::from) },
        async { app.store.wallet_get(tenant, price.currency).await.map_err(Error::from) },
        binding,
    )?;
    let plan = app.plan(standing.as_ref());
    if plan.numbers == 0 {
        return Err(Error::PlanForbidsNumbers);
    }
    if holdings.numbers >= plan.numbers {
        return Err(Error::NumberLimitReached(plan.numbers));
    }
    if let Some(project) = project_id {
        app.store.project_get(tenant, project).await?.ok_or(Error::NotFound)?;
    }
    let included = holdings.included < plan.included;
    let available = wallet.map_or(0, |wallet| wallet.available);
    if !included && available < price.micros {
        return Err(insufficient(price, available));
    }
    let on_file = standing.map(|tenant| tenant.on_file).unwrap_or_default();
    let room = Room {
        numbers: plan.numbers.saturating_sub(holdings.numbers),
        included: plan.included.saturating_sub(holdings.included),
        available: Money::from_micros(available, price.currency),
    };
    Ok(Allowed { agent, terms: (plan, included), on_file, room })
}

/// What this key stands for already, if anything.
async fn repeated<P>(app: &App, caller: &Caller, key: &str, request_hash: &str) -> Result<Option<Outcome<P>>, Error> {
    let Some(record) = app.store.idempotency_get(&caller.tenant, key).await? else { return Ok(None) };
    let Made::Operation(id) = &record.made else { return Err(Error::IdempotencyKeyReused) };
    if record.request_hash != request_hash {
        return Err(Error::IdempotencyKeyReused);
    }
    let op = app.store.operation_get(&caller.tenant, id).await?.ok_or(Error::NotFound)?;
    if !caller.sees(op.project_id.as_ref()) {
        return Err(Error::NotFound);
    }
    outcome(app, op).await.map(Some)
}

fn understand<'a>(app: &'a App, caller: &Caller, request: &Request) -> Result<Wish<'a>, Error> {
    let e164 = |field: &'static str, text: &str| text.parse::<E164>().map_err(|e| Error::invalid(field, e.to_string()));
    let exact = request.e164.as_deref().map(|text| e164("e164", text)).transpose()?;
    let carrier = request.carrier.as_deref().map(seller).transpose()?;
    let chosen = carrier.is_some_and(Carrier::sells_by_area);
    if chosen && exact.is_some() {
        return Err(Error::invalid("e164", "this carrier lets nobody choose a number: name `country` and `area_code`"));
    }
    let line = match (&exact, &request.country) {
        (Some(_), Some(_)) => return Err(Error::invalid("country", "name either `e164` or `country`, not both")),
        (None, None) => return Err(Error::invalid("e164", "name either `e164` or `country`")),
        (Some(_), None) if request.kind.is_some() || request.area_code.is_some() => {
            return Err(Error::invalid("e164", "an exact number leaves no choice of `type` or `area_code`"));
        }
        (Some(exact), None) => {
            let (country, kind) = exact.classify().ok_or(Error::UnsupportedCountry)?;
            search::line_of(app, carrier, country.as_str(), Some(kind.as_str()))?
        }
        (None, Some(country)) => search::line_of(app, carrier, country, request.kind.as_deref())?,
    };
    let usual = app.settings.default_area_code.as_deref().filter(|_| chosen);
    let area_code =
        request.area_code.as_deref().or(usual).map(|code| search::area_code(line.country, code)).transpose()?;
    if chosen && area_code.is_none() {
        return Err(Error::invalid("area_code", "this carrier sells by area code: name one"));
    }
    let project_id = project(caller, request.project_id.as_deref())?;
    Ok(Wish {
        line,
        exact,
        area_code,
        name: request.name.as_deref().map(|name| super::check_name("name", name)).transpose()?,
        fallback: request.fallback.as_deref().map(|text| e164("fallback", text)).transpose()?,
        answers: Answers::read(request.agent_id.as_deref(), request.method.as_deref())?,
        project_id,
        all_or_nothing: request.all_or_nothing,
    })
}

/// A carrier that numbers are bought from.
fn seller(name: &str) -> Result<Carrier, Error> {
    match Carrier::from_name(name) {
        Some(carrier @ (Carrier::Twilio | Carrier::Netgsm | Carrier::Vapi)) => Ok(carrier),
        Some(Carrier::Custom) => Err(Error::invalid("carrier", "a number of your own carrier is imported, not bought")),
        None => Err(Error::invalid("carrier", "`twilio`, `netgsm` or `vapi`")),
    }
}

/// The project something goes into: the named one, or the one the caller is confined to. Another one is not there.
pub(crate) fn project(caller: &Caller, named: Option<&str>) -> Result<Option<ProjectId>, Error> {
    let named: Option<ProjectId> = named.map(|id| id.parse().map_err(|_| Error::NotFound)).transpose()?;
    match (&caller.project, named) {
        (None, named) => Ok(named),
        (Some(own), None) => Ok(Some(own.clone())),
        (Some(own), Some(named)) if *own == named => Ok(Some(named)),
        (Some(_), Some(_)) => Err(Error::NotFound),
    }
}

fn insufficient(price: Money, available: i64) -> Error {
    Error::InsufficientBalance { required: price, available: Money::from_micros(available, price.currency) }
}

/// An offer, and what goes with an order for it.
pub(crate) type Choice = (Offer, Papers);

/// The exact numbers to try, best first, each with what it asks for. All have the one price of their line, so none is
/// dearer than another.
async fn resolve(app: &App, wish: &Wish<'_>, on_file: &OnFile) -> Result<Vec<Choice>, Error> {
    let filter = SearchFilter {
        area_code: wish.area_code.clone(),
        contains: wish.exact.as_ref().map(|exact| exact.digits().to_owned()),
        limit: limits::OFFERS_LOOKED_AT,
        ..SearchFilter::default()
    };
    let mut offers = search::offers(app, wish.line, &filter).await?;
    if let Some(exact) = &wish.exact {
        offers.retain(|offer| offer.e164 == *exact);
    }
    let (mut choices, mut missing) = (Vec::new(), None);
    for offer in offers {
        match search::asked(wish.line, offer.address_requirement).met_by(on_file, &app.settings.addresses) {
            Ok(papers) => choices.push((offer, papers)),
            Err(not_there) => missing = missing.or(Some(not_there)),
        }
    }
    choices.truncate(limits::OFFER_CANDIDATES_MAX);
    if choices.is_empty() { Err(missing.map_or(Error::NumberUnavailable, Error::NotOnFile)) } else { Ok(choices) }
}

/// What stands for a number that somebody will order by hand.
fn to_be_ordered(app: &App, wish: &Wish<'_>) -> Result<Choice, Error> {
    if wish.exact.is_some() {
        return Err(Error::invalid("e164", "numbers of this carrier are ordered by hand: name `country` and `type`"));
    }
    if wish.all_or_nothing {
        return Err(Error::invalid("all_or_nothing", "a number that is ordered by hand cannot be given back at once"));
    }
    // Digits of its own, drawn like an id: nobody else's claim stands there.
    let fresh = domain::NumberId::fresh(&*app.ids, app.clock.now()).to_string();
    let n = fresh.get(fresh.len().saturating_sub(12)..).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    Ok(pool::choice(wish.line.carrier.awaited(n.unwrap_or_default())))
}

/// Why nothing of what was to be tried can be had.
fn none_left(wish: &Wish<'_>) -> Error {
    if wish.line.carrier.sells_by_area() { Error::PoolExhausted } else { Error::NumberUnavailable }
}

async fn preview(
    app: &App,
    caller: &Caller,
    wish: &Wish<'_>,
    offers: Vec<Choice>,
    room: Room,
) -> Result<Outcome, Error> {
    for (offer, _) in offers {
        let standing = app.store.claim_get(&offer.e164).await?;
        if Claim::may_take(standing.as_ref(), &caller.tenant, app.clock.now()) {
            let offer = OfferView::of(wish.line, offer);
            let Room { numbers: numbers_left, included: included_left, available } = room;
            let preview = PurchasePreview { dry_run: true, offer, numbers_left, included_left, available };
            return Ok(Outcome::Previewed(preview));
        }
    }
    Err(none_left(wish))
}

#[expect(clippy::too_many_arguments, reason = "one beginning, and every argument of it was checked before")]
async fn begin(
    app: &App,
    caller: &Caller,
    by: Option<&Actor>,
    wish: &Wish<'_>,
    offers: Vec<Choice>,
    agent: Option<AgentBinding>,
    (plan, included): (Plan, bool),
    idempotency: Option<(&str, &str)>,
    mode: Mode,
) -> Result<Outcome, Error> {
    let exact = wish.exact.is_some();
    for (n, (offer, _)) in offers.iter().enumerate() {
        let now = app.clock.now();
        let standing = app.store.claim_get(&offer.e164).await?;
        if !Claim::may_take(standing.as_ref(), &caller.tenant, now) {
            continue;
        }
        let rest = offers.get(n..).unwrap_or_default();
        let swaps = !exact && offer.e164.is_known();
        let candidates = rest.iter().skip(1).map(|(offer, _)| offer.e164.clone()).filter(|_| swaps).collect();
        let papers = rest.iter().filter(|(_, papers)| !papers.is_empty());
        let purchase = Purchase {
            e164: offer.e164.clone(),
            country: wish.line.country,
            kind: wish.line.kind,
            capabilities: offer.capabilities,
            price: wish.line.price,
            included,
            by_hand: !offer.e164.is_known() && !wish.line.carrier.sells_by_area(),
            area_code: wish.area_code.clone().filter(|_| !offer.e164.is_known()),
            candidates,
            papers: papers.map(|(offer, papers)| (offer.e164.clone(), papers.clone())).collect(),
            attempt: 1,
            doubt: false,
            previous_claim: standing,
            agent: agent.clone(),
            all_or_nothing: wish.all_or_nothing,
            slot: None,
            told: None,
            bought: None,
            sold_at: None,
            connected: None,
            link_refused: None,
        };
        let draft = Draft {
            e164: offer.e164.clone(),
            slot: Some(offer.e164.clone()).filter(|_| wish.line.carrier.sells_by_area()),
            line: wish.line,
            capabilities: offer.capabilities,
            included,
            name: wish.name.clone(),
            fallback: wish.fallback.clone(),
            project_id: wish.project_id.clone(),
        };
        let (number, mut op) = records(app, caller, draft, Saga::Purchase(Box::new(purchase.clone())));
        if mode.respond_async {
            (op.lease_until, op.due_at) = (None, Some(now));
        }
        let record = idempotency.map(|(key, request_hash)| {
            let made = Made::Operation(op.id.clone());
            (key, Idempotency { request_hash: request_hash.to_owned(), made, created_at: now })
        });
        let mut writes = saga::purchase::begin(&saga::purchase::Beginning {
            number: &number,
            op: &op,
            purchase: &purchase,
            plan,
            idempotency: record.as_ref().map(|(key, record)| (*key, record)),
            first: by.is_some(),
        })?;
        if let Some(by) = by {
            writes.push(store::audit::append(&ordered(app, by, &number, &op, agent.as_ref()))?);
        }
        match app.store.transact(writes).await {
            Ok(()) => return go_on(app, op, mode).await,
            Err(TransactError::Lost(guards)) => {
                if let (Some(_), Some(agent), true) = (by, &agent, guards.contains(&Guard::Agent)) {
                    agent_numbers::without(app, caller, &agent.agent_id).await?;
                }
                // Still here: somebody claimed this offer first, and the next one may be had.
                refused(app, caller, wish.line.price, &guards, plan.numbers).await?;
            }
            Err(TransactError::Store(error)) => {
                // It may have been written after all; then it is ours to go on with.
                let Some(begun) = app.store.operation_get(&caller.tenant, &op.id).await? else {
                    return Err(Error::Store(error));
                };
                return go_on(app, begun, mode).await;
            }
        }
    }
    Err(none_left(wish))
}

/// The line of the audit trail about a purchase in a tenant's place.
fn ordered(app: &App, by: &Actor, number: &Number, op: &Operation, agent: Option<&AgentBinding>) -> Record {
    let whose = agent.map(|agent| format!(" for {}", agent.agent_id)).unwrap_or_default();
    let what = number.e164.known().map_or_else(|| "a number it chooses".to_owned(), ToString::to_string);
    let detail = format!("{what} at {} a month{whose}, {}", number.price, op.id);
    let (action, tenant) = (Action::NumberPurchaseOrdered, Some(&op.tenant_id));
    audit::record(app, by, action, tenant, number.id.as_str(), None, detail)
}

/// A number as it begins.
pub(crate) struct Draft<'a> {
    pub(crate) e164: E164,
    pub(crate) slot: Option<E164>,
    pub(crate) line: &'a PriceLine,
    pub(crate) capabilities: Capabilities,
    pub(crate) included: bool,
    pub(crate) name: Option<String>,
    pub(crate) fallback: Option<E164>,
    pub(crate) project_id: Option<ProjectId>,
}

/// A number that is pending, and the operation that is to change that.
pub(crate) fn records(app: &App, caller: &Caller, draft: Draft<'_>, saga: Saga) -> (Number, Operation) {
    let now = app.clock.now();
    let (op_id, number_id) = (domain::OperationId::fresh(&*app.ids, now), domain::NumberId::fresh(&*app.ids, now));
    let number = Number {
        id: number_id.clone(),
        tenant_id: caller.tenant.clone(),
        project_id: draft.project_id,
        e164: draft.e164,
        slot: draft.slot,
        country: draft.line.country,
        kind: draft.line.kind,
        carrier: draft.line.carrier,
        status: NumberStatus::Pending,
        barred: false,
        name: draft.name,
        notes: None,
        primary: false,
        locked: false,
        tags: Vec::new(),
        sip: None,
        capabilities: draft.capabilities,
        price: draft.line.price,
        price_change: None,
        included: draft.included,
        fallback: draft.fallback,
        agent_id: None,
        link: None,
        carrier_ref: None,
        platform_ref: None,
        anchor: None,
        paid_through: None,
        release_at: None,
        dunning: None,
        released_at: None,
        parked: false,
        parked_why: None,
        parked_at: None,
        served_until: None,
        open_operation_id: Some(op_id.clone()),
        created_at: now,
    };
    let op = Operation::begin(op_id, &number, saga, &*app.clock);
    (number, op)
}

/// Why a purchase could not begin; nothing when only the claim was lost.
pub(crate) async fn refused(
    app: &App,
    caller: &Caller,
    price: Money,
    guards: &[Guard],
    limit: u32,
) -> Result<(), Error> {
    let lost = |guard: Guard| guards.contains(&guard);
    if lost(Guard::Idempotency) {
        // The same request, twice at once: the other one began it, and its outcome is looked up by the key.
        return Err(Error::IdempotencyKeyReused);
    }
    if lost(Guard::Wallet) {
        let wallet = app.store.wallet_get(&caller.tenant, price.currency).await?;
        return Err(insufficient(price, wallet.map_or(0, |wallet| wallet.available)));
    }
    if lost(Guard::Holdings) {
        // Or another purchase took the plan's last free place between our read and our write; then the next try pays.
        let reached = app.store.holdings_get(&caller.tenant).await?.numbers >= limit;
        return Err(if reached { Error::NumberLimitReached(limit) } else { Error::OperationInProgress(None) });
    }
    if lost(Guard::Agent) || lost(Guard::Project) {
        return Err(Error::NotFound);
    }
    Ok(())
}

/// Drives a purchase that was begun, for as long as its caller can wait.
pub(crate) async fn go_on<P>(app: &App, op: Operation, mode: Mode) -> Result<Outcome<P>, Error> {
    if mode.respond_async {
        saga::hint(app, &op).await;
        return Ok(Outcome::Running(op));
    }
    let op = drive(app, op).await;
    let outcome = outcome(app, op).await?;
    if let Outcome::Bought(number, _) = &outcome {
        super::recovery::spent(app, &number.wallet()).await;
    }
    Ok(outcome)
}

/// Drives an operation this request began; if the store goes away meanwhile, the sweep goes on from the journal.
pub(crate) async fn drive(app: &App, op: Operation) -> Operation {
    let begun = op.clone();
    match Box::pin(saga::drive(app, op, Deadline::of_a_request(app))).await {
        Ok(op) => {
            if op.status == OperationStatus::Running && op.due_at.is_some_and(|due| due <= app.clock.now()) {
                saga::hint(app, &op).await;
            }
            op
        }
        Err(error) => {
            tracing::error!(operation.id = %begun.id, %error, "the store did not answer; the sweep goes on with it");
            begun
        }
    }
}

async fn outcome<P>(app: &App, op: Operation) -> Result<Outcome<P>, Error> {
    match op.status {
        OperationStatus::Running | OperationStatus::Waiting | OperationStatus::Stuck => Ok(Outcome::Running(op)),
        OperationStatus::Succeeded => {
            let number = app.store.number_get(&op.tenant_id, &op.number_id).await?.ok_or(Error::NotFound)?;
            Ok(Outcome::Bought(Box::new(number), op))
        }
        OperationStatus::Failed => Err(failed(op)),
    }
}

/// The refusal a failed operation amounts to, for ever.
pub(crate) fn failed(op: Operation) -> Error {
    use domain::operation::{Failure, FailureCode};
    let unknown = || Failure::new(FailureCode::NeedsOperator, "The operation failed.");
    let failure = op.failure.clone().unwrap_or_else(unknown);
    Error::Operation(op.id, failure)
}
