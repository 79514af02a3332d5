//! What a person does at a carrier, and says when it is done (`use_cases::by_hand`). Nothing is asked of the carrier.

use domain::operation::Purchase;
use domain::ports::{ProviderError, ProviderErrorKind, Reason};

/// What is waited for when a number is bought.
pub(super) const ORDER: &str =
    "An operator orders the number in the carrier's panel and then completes this operation.";
/// What is waited for when a number is given back.
pub(super) const CANCEL: &str =
    "An operator cancels the number in the carrier's panel and then completes this operation.";

/// Nothing was ordered before somebody said so; what was cannot be given back by a program.
pub(super) fn undo(purchase: &Purchase) -> Result<(), ProviderError> {
    match &purchase.bought {
        None => Ok(()),
        Some(bought) => {
            let why = format!("{} was ordered by hand: cancel it in the carrier's panel", bought.id);
            Err(ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), why))
        }
    }
}
