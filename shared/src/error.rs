//! Why a use case refused. One enum for all of them, since most reasons are common; it knows nothing of HTTP, and
//! [`crate::http::problem`] alone turns it into an answer.

use domain::operation::{Failure, OperationStatus};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::requirement::Missing;
use domain::{Money, OperationId};
use store::{StoreError, TransactError};

/// Why a use case refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Not there, or not the caller's.
    #[error("not found")]
    NotFound,
    /// A field that cannot be.
    #[error("{field}: {why}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What it must be.
        why: String,
    },
    /// A POST that buys came without its key.
    #[error("an Idempotency-Key is required")]
    IdempotencyKeyRequired,
    /// The key came with another request before.
    #[error("the Idempotency-Key was used for another request")]
    IdempotencyKeyReused,
    /// Not enough money.
    #[error("insufficient balance: {required} required, {available} available")]
    InsufficientBalance {
        /// What it takes.
        required: Money,
        /// What there is.
        available: Money,
    },
    /// The plan allows no numbers at all.
    #[error("the plan holds no numbers")]
    PlanForbidsNumbers,
    /// The plan allows no more numbers.
    #[error("the plan's limit of {0} numbers is reached")]
    NumberLimitReached(u32),
    /// Taken, claimed, quarantined, blocked, or not on offer: all the same to a tenant.
    #[error("the number is not available")]
    NumberUnavailable,
    /// All places of the carrier's pool are taken.
    #[error("the carrier's pool is exhausted")]
    PoolExhausted,
    /// The carrier's account does not have the number that is to be imported.
    #[error("the carrier's account has no such number")]
    NotAtCarrier,
    /// No numbers are imported from this carrier.
    #[error("no numbers are imported from this carrier")]
    CarrierUnsupported,
    /// Nothing of this country is sold.
    #[error("unsupported country")]
    UnsupportedCountry,
    /// Nothing of this type is sold in the country.
    #[error("unsupported type")]
    UnsupportedType,
    /// The carrier or the country asks for what is not on file; at least one.
    #[error("not on file: {0:?}")]
    NotOnFile(Vec<Missing>),
    /// Another operation works on the number.
    #[error("another operation is working on the number")]
    OperationInProgress(Option<OperationId>),
    /// The number is not in service.
    #[error("the number is not active")]
    NumberNotActive,
    /// No agent answers the number.
    #[error("the number is not linked")]
    NumberNotLinked,
    /// The number is the primary one.
    #[error("the number is the primary number")]
    PrimaryNumber,
    /// The number is locked against release.
    #[error("the number is locked")]
    NumberLocked,
    /// The release of the number has begun.
    #[error("the release has started")]
    ReleaseStarted,
    /// The number is not going to be released.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// The number is inconsistent and waits for an operator.
    #[error("the number is parked")]
    NumberParked,
    /// The number is not parked, so that there is nothing to resolve.
    #[error("the number is not parked")]
    NumberNotParked,
    /// The agent is still linked.
    #[error("the agent is in use")]
    AgentInUse,
    /// The agent answers a number, or is being given one.
    #[error("the agent has a number")]
    AgentHasNumber,
    /// Something is still in the project.
    #[error("the project is in use")]
    ProjectInUse,
    /// No such voice platform here, or not for this.
    #[error("unsupported platform")]
    PlatformUnsupported,
    /// The plan is not in the plan file.
    #[error("unknown plan")]
    UnknownPlan(Vec<String>),
    /// The operation is not one that can be resumed.
    #[error("the operation is {}", .0.as_str())]
    NotStuck(OperationStatus),
    /// The caller may not do this.
    #[error("forbidden")]
    Forbidden,
    /// The operation ran and failed.
    #[error("the operation failed: {}", .1.detail)]
    Operation(OperationId, Failure),
    /// The carrier cannot be reached or refuses.
    #[error("the carrier is unavailable: {0}")]
    Carrier(ProviderError),
    /// The voice platform cannot be reached or refuses.
    #[error("the voice platform is unavailable: {0}")]
    Platform(ProviderError),
    /// A top-up is too small, too large, or finer than the currency.
    #[error("the amount is out of range")]
    AmountOutOfRange {
        /// The least.
        min: Money,
        /// The most.
        max: Money,
    },
    /// There is no card to charge without the tenant being there.
    #[error("no saved card")]
    NoSavedCard,
    /// The top-up of this key came to nothing.
    #[error("the top-up failed: {0}")]
    TopUpFailed(String),
    /// The payment provider cannot be reached or refuses.
    #[error("the payment provider is unavailable: {0}")]
    Payments(ProviderError),
    /// The store did not answer; whether a write happened is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A field that cannot be.
    pub(crate) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }

    /// Whether a third party's refusal is about our own set-up.
    pub(crate) fn misconfigured(error: &ProviderError) -> bool {
        matches!(error.kind, ProviderErrorKind::Misconfigured)
    }
}

impl From<TransactError> for Error {
    /// For transactions whose lost conditions were not told apart: the thing changed under the caller's hands.
    fn from(error: TransactError) -> Self {
        match error {
            TransactError::Lost(_) => Self::OperationInProgress(None),
            TransactError::Store(error) => Self::Store(error),
        }
    }
}
