//! How a customer's saved card behaves when it is charged without the customer being there, and the
//! words for a decline.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What will become of an off-session payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Card {
    #[default]
    Ok,
    Declined,
    InsufficientFunds,
    #[serde(rename = "lost_card")]
    Lost,
    AuthenticationRequired,
    /// The bank takes its time; somebody has to end it.
    Processing,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Decline {
    pub(super) code: &'static str,
    pub(super) decline_code: &'static str,
    pub(super) advice_code: &'static str,
    pub(super) message: &'static str,
}

pub(super) const DECLINED: Decline = Decline {
    code: "card_declined",
    decline_code: "generic_decline",
    advice_code: "try_again_later",
    message: "Your card was declined.",
};
const INSUFFICIENT_FUNDS: Decline = Decline {
    code: "card_declined",
    decline_code: "insufficient_funds",
    advice_code: "try_again_later",
    message: "Your card has insufficient funds.",
};
const LOST_CARD: Decline = Decline {
    code: "card_declined",
    decline_code: "lost_card",
    advice_code: "do_not_try_again",
    message: "Your card was declined.",
};
const AUTHENTICATION_REQUIRED: Decline = Decline {
    code: "authentication_required",
    decline_code: "authentication_required",
    advice_code: "confirm_card_data",
    message: "Your card was declined. This transaction requires authentication.",
};
const EXPIRED_CARD: Decline = Decline {
    code: "expired_card",
    decline_code: "expired_card",
    advice_code: "confirm_card_data",
    message: "Your card has expired.",
};

impl Card {
    pub(super) fn decline(self) -> Option<Decline> {
        match self {
            Self::Ok | Self::Processing => None,
            Self::Declined => Some(DECLINED),
            Self::InsufficientFunds => Some(INSUFFICIENT_FUNDS),
            Self::Lost => Some(LOST_CARD),
            Self::AuthenticationRequired => Some(AUTHENTICATION_REQUIRED),
        }
    }
}

impl Decline {
    /// By a code or a decline code; anything unheard of is a plain decline.
    pub(super) fn named(code: &str) -> Self {
        let known = [INSUFFICIENT_FUNDS, LOST_CARD, AUTHENTICATION_REQUIRED, EXPIRED_CARD];
        known.into_iter().find(|decline| decline.decline_code == code).unwrap_or(DECLINED)
    }

    /// As an intent remembers its last error.
    pub(super) fn remembered(&self, charge: &str, method: &Value) -> Value {
        json!({
            "type": "card_error",
            "code": self.code,
            "decline_code": self.decline_code,
            "advice_code": self.advice_code,
            "message": self.message,
            "charge": charge,
            "payment_method": method,
        })
    }
}
