//! An operator has done by hand what an operation waited for: ordered a number in the carrier's panel, or cancelled it there.

use domain::audit::{Action, Actor};
use domain::claim::Claim;
use domain::number::{AtEnd, CarrierRef, Number};
use domain::operation::{Operation, Saga, Step};
use domain::ports::{ProviderError, ProviderErrorKind, Reason};
use domain::sip::OwnTrunk;
use domain::what_next::{self, Learned};
use domain::{E164, OperationId, limits};
use serde::{Deserialize, Serialize};
use store::{Guard, TransactError};

use crate::api::OperatorOperationView;
use crate::use_cases::{audit, custom, import};
use crate::{App, Error, saga};

/// What became of it. Of a number that was cancelled there is nothing to say.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CompleteRequest))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The number that was ordered (E.164).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e164: Option<String>,
    /// The carrier's id of it, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_number_id: Option<String>,
    /// The account by which it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<custom::Request>,
    /// Why no number can be had: the purchase fails, and its money is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Completes the step, and lets the operation go on; the queue has it next.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotWaiting`], [`Error::Invalid`], [`Error::NumberUnavailable`] when the number is
/// somebody's already or kept back.
pub async fn complete(
    app: &App,
    id: &OperationId,
    request: &Request,
    by: &Actor,
) -> Result<OperatorOperationView, Error> {
    let mut after = None;
    let found = loop {
        let waiting = app.store.operation_waiting(after.as_ref(), limits::PAGE_MAX).await?;
        if let Some(found) = waiting.iter().find(|found| found.operation_id == *id) {
            break found.clone();
        }
        after = Some(waiting.last().ok_or(Error::NotFound)?.cursor.clone());
    };
    let mut op = app.store.operation_get(&found.tenant_id, id).await?.ok_or(Error::NotFound)?;
    let step = op.by_hand().ok_or(Error::NotWaiting)?;
    let said = said(app, &op, step, request).await?;
    if !app.store.operation_lease(&mut op, app.clock.real_now()).await? {
        return Err(Error::OperationInProgress(Some(op.id)));
    }
    let (outcome, ordered, what) = match said {
        Said::Cancelled => (Ok(Learned::Nothing), None, op.saga.e164().to_string()),
        Said::Refused(why) => {
            let kind = ProviderErrorKind::Rejected(Reason::Taken);
            (Err(ProviderError::new(kind, why.clone())), None, format!("refused: {why}"))
        }
        Said::Ordered(ordered) => {
            let what = ordered.e164.to_string();
            let learned = Learned::Bought(ordered.carrier.clone(), app.clock.now(), ordered.e164.clone());
            (Ok(learned), Some(*ordered), what)
        }
    };
    if !what_next::done_by_hand(&mut op, outcome, app.clock.now()) {
        return Err(Error::NotWaiting);
    }
    // Its digits are claimed with the telling: nobody else can have them by the time the saga goes on.
    let mut writes = match ordered {
        Some(Ordered { number, standing, sip, .. }) => {
            saga::purchase::name_writes(&mut op, &number, standing, Some(&sip))?
        }
        None => Vec::new(),
    };
    op.lease_until = None;
    let detail = format!("{} of {}: {what}", step.as_str(), op.number_id);
    let line = audit::record(app, by, Action::OperationCompleted, Some(&op.tenant_id), op.id.as_str(), None, detail);
    writes.extend([store::operation::update(&op)?, store::audit::append(&line)?]);
    match app.store.transact(writes).await {
        Ok(()) => {}
        // Somebody claimed the digits between our read and our write; the operation waits on.
        Err(error) if error.lost(Guard::Claim) => return Err(Error::NumberUnavailable),
        Err(TransactError::Lost(_)) => return Err(Error::OperationInProgress(Some(op.id))),
        Err(TransactError::Store(error)) => return Err(error.into()),
    }
    tracing::info!(operation.id = %op.id, "an operator completed a step by hand");
    saga::hint(app, &op).await;
    Ok(op.into())
}

/// A number that was ordered by hand.
struct Ordered {
    carrier: CarrierRef,
    e164: E164,
    /// What stands over its digits.
    standing: Option<Claim>,
    /// Its record, in which something else stands for the digits.
    number: Number,
    /// The account by which it is reached.
    sip: OwnTrunk,
}

/// What was done, understood.
enum Said {
    /// A number was ordered.
    Ordered(Box<Ordered>),
    /// No number can be had.
    Refused(String),
    /// A number was cancelled.
    Cancelled,
}

async fn said(app: &App, op: &Operation, step: Step, request: &Request) -> Result<Said, Error> {
    let of_a_number = request.e164.is_some() || request.sip.is_some() || request.carrier_number_id.is_some();
    let Saga::Purchase(purchase) = &op.saga else {
        let why = format!("nothing is to be said of a number after {}", step.as_str());
        let nothing = !of_a_number && request.refused.is_none();
        return if nothing { Ok(Said::Cancelled) } else { Err(Error::invalid("e164", why)) };
    };
    if let Some(why) = request.refused.as_deref().map(str::trim) {
        let max = limits::REASON_CHARS_MAX;
        if of_a_number || !(1..=max).contains(&why.chars().count()) {
            return Err(Error::invalid("refused", format!("1 to {max} characters, and nothing else")));
        }
        return Ok(Said::Refused(why.to_owned()));
    }
    let text = request.e164.as_deref().ok_or_else(|| Error::invalid("e164", "the number that was ordered"))?;
    let e164: E164 = text.parse().map_err(|error| Error::invalid("e164", format!("{error}")))?;
    if e164.classify() != Some((purchase.country, purchase.kind)) {
        return Err(Error::invalid("e164", "it is of another country or type than was ordered"));
    }
    let id = request.carrier_number_id.as_deref().map_or(e164.digits(), str::trim).to_owned();
    if !(1..=limits::NAME_CHARS_MAX).contains(&id.chars().count()) || id.contains(char::is_control) {
        let why = format!("1 to {} characters on one line", limits::NAME_CHARS_MAX);
        return Err(Error::invalid("carrier_number_id", why));
    }
    let sip = request.sip.as_ref().ok_or_else(|| Error::invalid("sip", "the account by which it is reached"))?;
    let trunk = custom::understand(sip, app.settings.deployment == import::LOCAL)?;
    let standing = app.store.claim_get(&e164).await?;
    if !Claim::may_take(standing.as_ref(), &op.tenant_id, app.clock.now()) {
        return Err(Error::NumberUnavailable);
    }
    let number = app.store.number_get(&op.tenant_id, &op.number_id).await?.ok_or(Error::NotFound)?;
    let sip = custom::sealed(app, &number, &trunk).await?;
    let carrier = CarrierRef { id, tag: op.tag(&app.settings.deployment), at_end: AtEnd::ByHand };
    Ok(Said::Ordered(Box::new(Ordered { carrier, e164, standing, number, sip })))
}
