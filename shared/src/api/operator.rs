//! What only the operator is shown: work that does not end, parked numbers, the audit trail.

use domain::advice;
use domain::audit::Record;
use domain::number::Number;
use domain::operation::Operation;
use jiff::Timestamp;
use serde::Serialize;

use super::{OperationView, StepView};

/// An operation as the operator sees it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = OperatorOperation))]
pub struct OperatorOperationView {
    tenant_id: String,
    /// Which number it is about, or was to be; null while the carrier has not told it yet.
    e164: Option<String>,
    /// The step it does not get past; null when all are done and only its end is missing.
    step: Option<StepView>,
    /// Since when it has got nowhere.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    since: Timestamp,
    /// Attempts in a row that got nowhere.
    attempts: u32,
    /// What went wrong last, as the third party said it.
    trouble: Option<String>,
    /// When it is tried next; null when nobody will.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    next_attempt_at: Option<Timestamp>,
    /// What that means, what resuming it would do, and what to check before.
    advice: String,
    #[serde(flatten)]
    operation: OperationView,
}

impl From<Operation> for OperatorOperationView {
    fn from(op: Operation) -> Self {
        let step = advice::step_in_trouble(&op);
        Self {
            tenant_id: op.tenant_id.as_str().to_owned(),
            e164: op.saga.e164().known().map(ToString::to_string),
            step: step.map(|record| StepView { name: record.step.as_str(), status: record.state.as_str() }),
            since: advice::since(&op),
            attempts: op.attempts,
            trouble: op.trouble.clone(),
            next_attempt_at: op.due_at,
            advice: advice::advice(&op),
            operation: op.into(),
        }
    }
}

/// A parked number as the operator sees it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ParkedNumber))]
pub struct ParkedView {
    number_id: String,
    tenant_id: String,
    e164: String,
    /// `active`, `past_due` or `suspended`.
    status: &'static str,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    parked_at: Option<Timestamp>,
    /// What does not agree.
    parked_why: Option<String>,
}

impl From<Number> for ParkedView {
    fn from(number: Number) -> Self {
        Self {
            number_id: number.id.into(),
            tenant_id: number.tenant_id.into(),
            e164: number.e164.into(),
            status: number.status.as_str(),
            parked_at: number.parked_at,
            parked_why: number.parked_why,
        }
    }
}

/// Who did something.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Actor))]
pub struct ActorView {
    /// `operator` or `schedule`.
    kind: &'static str,
    /// The subject of the operator's token, or the job's name.
    name: String,
}

/// A line of the audit trail.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AuditRecord))]
pub struct AuditView {
    id: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    at: Timestamp,
    actor: ActorView,
    /// `number_parked`, `number_unparked`, `number_release_ordered`, `operation_resumed`, `operation_completed`, `wallet_adjusted`, `tenant_changed`,
    /// `drift_repaired`, `orphan_released`, `number_adopted` or `number_imported`.
    action: &'static str,
    /// Whose; null when it is the operator's own.
    tenant_id: Option<String>,
    /// To what: an id, or an E.164.
    subject: String,
    /// Why, in the actor's words.
    reason: Option<String>,
    /// What changed, in words.
    detail: String,
}

impl From<Record> for AuditView {
    fn from(record: Record) -> Self {
        let Record { id, at, actor, action, tenant_id, subject, reason, detail } = record;
        let (kind, name) = (actor.kind(), actor.name().to_owned());
        Self {
            id: id.into(),
            at,
            actor: ActorView { kind, name },
            action: action.as_str(),
            tenant_id: tenant_id.map(Into::into),
            subject,
            reason,
            detail,
        }
    }
}
