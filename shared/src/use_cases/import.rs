//! Import a number: make one that the carrier's account has already a tenant's, or take in one of a tenant's own carrier.
//! Everything that costs nothing is checked first, the carrier last; then it is held, claimed and driven like a purchase.

use std::borrow::Cow;

use domain::audit::{Action, Actor, Record};
use domain::catalog::{CostPeriod, Plan, PriceLine};
use domain::claim::Claim;
use domain::money::Currency;
use domain::number::{AtEnd, Before, Capabilities, Carrier, CarrierRef, Number};
use domain::numbering::NumberKind;
use domain::operation::{AgentBinding, Import, OnEnd, Operation, Saga, is_tag};
use domain::ports::{CarrierNumber, ProviderErrorKind, SipTrunk};
use domain::tenant::Role;
use domain::{CountryCode, E164, Money, ProjectId, TenantId};
use serde::{Deserialize, Serialize};
use store::idempotency::{Idempotency, Made};
use store::{Guard, TransactError};

use crate::api::{ImportPreview, ImportableView};
use crate::http::auth::{Caller, Operator};
use crate::http::extract::{hash, hash_request};
use crate::use_cases::linking::Answers;
use crate::use_cases::purchase::{self, Draft, Mode};
use crate::use_cases::{audit, custom, pool, search};
use crate::{App, Error, saga};

/// What an import came to.
pub type Outcome = purchase::Outcome<ImportPreview>;

/// Which number, and for whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ImportRequest))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `twilio` or `vapi` for the operator, `custom` for a tenant.
    pub carrier: String,
    /// Exactly this number (E.164).
    pub e164: String,
    /// Who is to hold it; the operator says so, a tenant takes it in for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The tenant's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which of the tenant's projects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Which of the tenant's agents is to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// How calls get there: `hand_over`, `trunk`, `import`, `direct` or `native`; as the platform is usually reached by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Where callers go when the agent cannot answer (E.164).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Leave the number as it was if it cannot be linked.
    #[serde(default)]
    pub all_or_nothing: bool,
    /// What becomes of it when the tenant no longer holds it: `detach` (the default) puts it back to what it was before,
    /// `release` gives it back to the carrier. Of a tenant's own number nothing becomes there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_end: Option<String>,
    /// How to reach a number of a tenant's own carrier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<custom::Request>,
}

/// What was asked for, understood.
struct Wish<'a> {
    line: Cow<'a, PriceLine>,
    /// Of a number of the tenant's own carrier.
    trunk: Option<SipTrunk>,
    e164: E164,
    name: Option<String>,
    fallback: Option<E164>,
    answers: Option<Answers>,
    project_id: Option<ProjectId>,
    all_or_nothing: bool,
    on_end: OnEnd,
    /// In the tenant's place.
    by: Option<Actor>,
}

/// Imports, for the operator: the audit trail gets a line.
///
/// # Errors
/// As for a purchase, and [`Error::CarrierUnsupported`], [`Error::NotAtCarrier`]. A refusal leaves nothing behind;
/// [`Error::Operation`] means that it was begun and undone.
pub async fn run(
    app: &App,
    operator: &Operator,
    key_hash: Option<&str>,
    request: &Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    let caller = on_behalf_of(request)?;
    let by = Some(operator.actor());
    if mode.dry_run {
        return attempt(app, &caller, by, None, request, mode).await;
    }
    let key_hash = key_hash.ok_or(Error::IdempotencyKeyRequired)?;
    // The operator's keys are its own: one that the tenant used as well is another key.
    let key = hash(format!("operator {key_hash}").as_bytes());
    let key = (key.as_str(), hash_request("POST /v1/numbers/import", request));
    let key = (key.0, key.1.as_str());
    purchase::once(app, &caller, key, attempt(app, &caller, by, Some(key), request, mode)).await
}

/// Takes in a number of a tenant's own carrier, for the tenant.
///
/// # Errors
/// [`Error::Forbidden`] for a number of any other carrier; else as for a purchase.
pub async fn own(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    if request.carrier != Carrier::Custom.as_str() {
        return Err(Error::Forbidden);
    }
    if request.tenant_id.as_deref().is_some_and(|tenant| tenant != caller.tenant.as_str()) {
        return Err(Error::invalid("tenant_id", "a tenant takes numbers in for itself"));
    }
    if request.on_end.is_some() {
        return Err(Error::invalid("on_end", "nothing is done at a carrier of your own"));
    }
    if mode.dry_run {
        return attempt(app, caller, None, None, request, mode).await;
    }
    let key = (key_hash.ok_or(Error::IdempotencyKeyRequired)?, hash_request("POST /v1/numbers/import", request));
    let key = (key.0, key.1.as_str());
    purchase::once(app, caller, key, attempt(app, caller, None, Some(key), request, mode)).await
}

/// The operator in the tenant's place: what it names of the tenant's must be the tenant's.
fn on_behalf_of(request: &Request) -> Result<Caller, Error> {
    match request.carrier.as_str() {
        "twilio" | "vapi" => {}
        "netgsm" | "custom" => return Err(Error::CarrierUnsupported),
        _ => return Err(Error::invalid("carrier", "`twilio` or `vapi`")),
    }
    if request.sip.is_some() {
        return Err(Error::invalid("sip", "only for a number of a tenant's own carrier"));
    }
    let tenant = request.tenant_id.as_deref().ok_or_else(|| Error::invalid("tenant_id", "who is to hold it"))?;
    let tenant: TenantId = tenant.parse().map_err(|_| Error::invalid("tenant_id", "not an id of a tenant"))?;
    Ok(Caller { tenant, role: Role::Admin, project: None })
}

/// Checks and begins an import whose key is new, or (without a key) only checks it.
async fn attempt(
    app: &App,
    caller: &Caller,
    by: Option<Actor>,
    idempotency: Option<(&str, &str)>,
    request: &Request,
    mode: Mode,
) -> Result<Outcome, Error> {
    let wish = Wish { by, ..understand(app, caller, request)? };
    let purchase::Allowed { agent, terms: (plan, included), .. } =
        purchase::allowed(app, caller, &wish.line, wish.answers.as_ref(), wish.project_id.as_ref()).await?;
    // What costs nothing takes no place of those that the plan includes.
    let included = included && wish.trunk.is_none();
    if let (Some(agent), Some(trunk)) = (&agent, &wish.trunk) {
        custom::suits(agent.platform, trunk.register)?;
    }
    let standing = app.store.claim_get(&wish.e164).await?;
    if !Claim::may_take(standing.as_ref(), &caller.tenant, app.clock.now()) {
        return Err(Error::NumberUnavailable);
    }
    let found = match &wish.trunk {
        Some(_) => None,
        None => Some(at_carrier(app, &wish).await?),
    };
    let Some(key) = idempotency else {
        let would = importable(caller, &wish, found, included);
        return Ok(Outcome::Previewed(ImportPreview { would }));
    };
    let capabilities = found.as_ref().map_or(BY_SIP, |found| found.capabilities);
    let import = imports(&wish, agent, included, standing, found.map(Into::into));
    begin(app, caller, &wish, import, capabilities, plan, key, mode).await
}

fn understand<'a>(app: &'a App, caller: &Caller, request: &Request) -> Result<Wish<'a>, Error> {
    let e164 = |field: &'static str, text: &str| text.parse::<E164>().map_err(|e| Error::invalid(field, e.to_string()));
    let exact = e164("e164", &request.e164)?;
    let (line, trunk) = match &request.sip {
        Some(sip) => {
            let nearby = app.settings.deployment == LOCAL;
            (Cow::Owned(own_line(&exact)), Some(custom::understand(sip, nearby)?))
        }
        None if request.carrier == Carrier::Custom.as_str() => {
            return Err(Error::invalid("sip", "how the number's carrier is reached"));
        }
        None => {
            let (country, kind) = exact.classify().ok_or(Error::UnsupportedCountry)?;
            let carrier = Carrier::from_name(&request.carrier);
            (Cow::Borrowed(search::line_of(app, carrier, country.as_str(), Some(kind.as_str()))?), None)
        }
    };
    let on_end = request.on_end.as_deref().map_or(Some(OnEnd::Detach), OnEnd::from_name);
    Ok(Wish {
        line,
        trunk,
        e164: exact,
        name: request.name.as_deref().map(|name| super::check_name("name", name)).transpose()?,
        fallback: request.fallback.as_deref().map(|text| e164("fallback", text)).transpose()?,
        answers: Answers::read(request.agent_id.as_deref(), request.method.as_deref())?,
        project_id: purchase::project(caller, request.project_id.as_deref())?,
        all_or_nothing: request.all_or_nothing,
        on_end: on_end.ok_or_else(|| Error::invalid("on_end", "`detach` or `release`"))?,
        by: None,
    })
}

/// The deployment on one machine, which may reach what is on it.
pub(crate) const LOCAL: &str = "local";

/// What a number reached by SIP can do.
const BY_SIP: Capabilities = Capabilities { voice: true, sms: false, mms: false };

/// A number of a tenant's own costs nothing a month; where we sell nothing it is of no country we know.
fn own_line(e164: &E164) -> PriceLine {
    let (country, kind) = e164.classify().unwrap_or((CountryCode::UNKNOWN, NumberKind::International));
    let nothing = Money::zero(Currency::USD);
    let carrier = Carrier::Custom;
    let (cost_period, requires) = (CostPeriod::Month, Vec::new());
    PriceLine { country, kind, carrier, price: nothing, cost: nothing, cost_period, requires, minutes: None }
}

/// The number as the carrier has it now. One under a tag is this or another deployment's already.
async fn at_carrier(app: &App, wish: &Wish<'_>) -> Result<CarrierNumber, Error> {
    let carrier = app.providers.carrier(wish.line.carrier).await.map_err(Error::Carrier)?;
    match carrier.number_find(&wish.e164).await {
        Ok(None) => Err(Error::NotAtCarrier),
        Ok(Some(found)) if is_tag(&found.tag) => Err(Error::NumberUnavailable),
        Ok(Some(found)) => Ok(found),
        Err(error) => {
            if error.kind == ProviderErrorKind::Misconfigured {
                app.providers.credentials_refused();
            }
            Err(Error::Carrier(error))
        }
    }
}

fn importable(caller: &Caller, wish: &Wish<'_>, found: Option<CarrierNumber>, included: bool) -> ImportableView {
    let capabilities = found.as_ref().map_or(BY_SIP, |found| found.capabilities);
    let (carrier_id, carrier_name) = found.map_or((None, None), |found| (Some(found.id), Some(found.tag)));
    ImportableView {
        e164: wish.e164.clone().into(),
        tenant_id: caller.tenant.clone().into(),
        country: wish.line.country.into(),
        kind: wish.line.kind.as_str(),
        carrier: wish.line.carrier.as_str(),
        carrier_id,
        carrier_name,
        price: wish.line.price,
        included,
        capabilities: capabilities.into(),
        on_end: wish.on_end.as_str(),
    }
}

fn imports(
    wish: &Wish<'_>,
    agent: Option<AgentBinding>,
    included: bool,
    standing: Option<Claim>,
    before: Option<Before>,
) -> Import {
    Import {
        e164: wish.e164.clone(),
        country: wish.line.country,
        kind: wish.line.kind,
        price: wish.line.price,
        included,
        on_end: wish.on_end,
        slot: None,
        before,
        doubt: false,
        previous_claim: standing,
        agent,
        all_or_nothing: wish.all_or_nothing,
        imported: None,
        connected: None,
        link_refused: None,
    }
}

/// The line of the audit trail about an import in a tenant's place.
fn ordered(app: &App, by: &Actor, number: &Number, op: &Operation) -> Record {
    let detail = format!("{} from {} at {} a month, {}", number.e164, number.carrier.as_str(), number.price, op.id);
    let tenant = Some(&op.tenant_id);
    audit::record(app, by, Action::NumberImported, tenant, number.id.as_str(), None, detail)
}

#[expect(clippy::too_many_arguments, reason = "one beginning, and every argument of it was checked before")]
async fn begin(
    app: &App,
    caller: &Caller,
    wish: &Wish<'_>,
    mut import: Import,
    capabilities: Capabilities,
    plan: Plan,
    (key, request_hash): (&str, &str),
    mode: Mode,
) -> Result<Outcome, Error> {
    let draft = Draft {
        e164: wish.e164.clone(),
        slot: None,
        line: &wish.line,
        capabilities,
        included: import.included,
        name: wish.name.clone(),
        fallback: wish.fallback.clone(),
        project_id: wish.project_id.clone(),
    };
    let (mut number, mut op) = purchase::records(app, caller, draft, Saga::Import(Box::new(import.clone())));
    if let Some(trunk) = &wish.trunk {
        take_in(app, &mut number, &mut op, trunk).await?;
    }
    let now = app.clock.now();
    if mode.respond_async {
        (op.lease_until, op.due_at) = (None, Some(now));
    }
    let made = Made::Operation(op.id.clone());
    let record = Idempotency { request_hash: request_hash.to_owned(), made, created_at: now };
    let mut slots = pool::slots(app, wish.line.carrier);
    let begun = loop {
        import.slot = pool::next_free(app, &caller.tenant, &mut slots).await?;
        number.slot = import.slot.as_ref().map(|slot| slot.e164.clone());
        if let Saga::Import(saga) = &mut op.saga {
            saga.slot.clone_from(&import.slot);
        }
        let mut writes = saga::import::begin(&saga::import::Beginning {
            number: &number,
            op: &op,
            import: &import,
            plan,
            idempotency: (key, &record),
        })?;
        if let Some(by) = &wish.by {
            writes.push(store::audit::append(&ordered(app, by, &number, &op))?);
        }
        match app.store.transact(writes).await {
            // Somebody took the slot between our read and our write: the next one, then.
            Err(TransactError::Lost(guards)) if guards == [Guard::Slot] => {}
            other => break other,
        }
    };
    match begun {
        Ok(()) => purchase::go_on(app, op, mode).await,
        Err(TransactError::Lost(guards)) => {
            purchase::refused(app, caller, wish.line.price, &guards, plan.numbers).await?;
            Err(Error::NumberUnavailable)
        }
        Err(TransactError::Store(error)) => {
            // It may have been written after all; then it is ours to go on with.
            let begun = app.store.operation_get(&caller.tenant, &op.id).await?;
            purchase::go_on(app, begun.ok_or(Error::Store(error))?, mode).await
        }
    }
}

/// A number of the tenant's own carrier is the tenant's from the beginning; its trunk is kept with it.
async fn take_in(app: &App, number: &mut Number, op: &mut Operation, trunk: &SipTrunk) -> Result<(), Error> {
    number.sip = Some(Box::new(custom::sealed(app, number, trunk).await?));
    let tag = op.tag(&app.settings.deployment);
    if let Saga::Import(import) = &mut op.saga {
        import.imported = Some(CarrierRef { id: import.e164.as_str().to_owned(), tag, at_end: AtEnd::Leave });
    }
    Ok(())
}
