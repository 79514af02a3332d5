//! What went wrong at Netgsm, in a closed set of kinds. Codes differ by call, and a code that is not known is never a success.

use domain::ports::{ProviderError, ProviderErrorKind, Reason};

use super::Call;
use super::wire::DONE;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetgsmErrorKind {
    /// Wrong credentials, no right to this call, or an address that is not on the subscriber's list.
    Auth,
    /// Something missing or wrong in the request.
    BadRequest,
    /// No such number or order.
    NotFound,
    /// Asked too often.
    RateLimited,
    /// The number is not on sale (any more).
    NoStock,
    /// The prepaid money does not reach.
    InsufficientCarrierBalance,
    /// Not reached, not answered in time, broken, or a code that is not known.
    Unavailable,
    /// An answer that cannot be read.
    Protocol,
}

/// A failed call to Netgsm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {detail}")]
pub struct NetgsmError {
    /// What went wrong.
    pub kind: NetgsmErrorKind,
    /// What Netgsm said, for operators and logs; free of credentials.
    pub detail: String,
    happened: ProviderErrorKind,
}

impl NetgsmError {
    /// Of a kind that says by itself whether it happened.
    pub(super) fn new(kind: NetgsmErrorKind, happened: ProviderErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), happened }
    }

    /// A code that refuses. `None` for the one that does not.
    pub(super) fn of_code(call: Call, code: &str, detail: String) -> Option<Self> {
        use NetgsmErrorKind::{
            Auth, BadRequest, InsufficientCarrierBalance, NoStock, NotFound, RateLimited, Unavailable,
        };
        let (kind, happened) = match (code, call) {
            (DONE, _) => return None,
            ("30", _) => (Auth, ProviderErrorKind::Misconfigured),
            ("50" | "70", _) => (BadRequest, ProviderErrorKind::Rejected(Reason::Other)),
            // What an order answers is not published: these two are as much a placeholder as its path.
            ("40", Call::Buy) => (NoStock, ProviderErrorKind::Rejected(Reason::Taken)),
            ("46", Call::Buy) => (InsufficientCarrierBalance, ProviderErrorKind::Rejected(Reason::LimitReached)),
            ("40", Call::List | Call::Status | Call::Sip | Call::Cancel) => (NotFound, ProviderErrorKind::NotFound),
            ("80" | "85", _) => (RateLimited, ProviderErrorKind::RateLimited),
            // "System error or rate limit": a write may have happened before the system failed.
            ("100" | "101", _) if call.writes() => (RateLimited, ProviderErrorKind::Unknown),
            ("100" | "101", _) => (RateLimited, ProviderErrorKind::RateLimited),
            (_, _) => (Unavailable, call.doubt()),
        };
        Some(Self::new(kind, happened, detail))
    }

    /// Whether it may have happened all the same.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.happened == ProviderErrorKind::Unknown
    }
}

/// What never became an answer.
impl From<ProviderError> for NetgsmError {
    fn from(error: ProviderError) -> Self {
        let kind = match error.kind {
            ProviderErrorKind::Misconfigured => NetgsmErrorKind::BadRequest,
            ProviderErrorKind::RateLimited => NetgsmErrorKind::RateLimited,
            ProviderErrorKind::NotFound => NetgsmErrorKind::NotFound,
            ProviderErrorKind::Rejected(_) | ProviderErrorKind::Unavailable | ProviderErrorKind::Unknown => {
                NetgsmErrorKind::Unavailable
            }
        };
        Self::new(kind, error.kind, format!("Netgsm: {}", error.detail))
    }
}

impl From<NetgsmError> for ProviderError {
    fn from(error: NetgsmError) -> Self {
        Self::new(error.happened, error.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unavailable, Unknown};

    #[test]
    fn a_code_means_what_its_call_makes_of_it() {
        let check = |call: Call, code: &str, expected: Option<(NetgsmErrorKind, ProviderErrorKind)>| {
            let error = NetgsmError::of_code(call, code, String::new());
            assert_eq!(error.map(|error| (error.kind, error.happened)), expected, "{call:?} {code}");
        };
        use NetgsmErrorKind as Kind;
        for call in [Call::List, Call::Buy, Call::Status, Call::Sip, Call::Cancel, Call::Balance] {
            let doubt = if call.writes() { Unknown } else { Unavailable };
            let limited = if call.writes() { Unknown } else { RateLimited };
            check(call, "00", None);
            check(call, "30", Some((Kind::Auth, Misconfigured)));
            check(call, "50", Some((Kind::BadRequest, Rejected(Reason::Other))));
            check(call, "70", Some((Kind::BadRequest, Rejected(Reason::Other))));
            check(call, "80", Some((Kind::RateLimited, RateLimited)));
            check(call, "100", Some((Kind::RateLimited, limited)));
            check(call, "101", Some((Kind::RateLimited, limited)));
            for unknown in ["01", "02", "20", "60", "99", "000"] {
                check(call, unknown, Some((Kind::Unavailable, doubt)));
            }
        }
        check(Call::Buy, "40", Some((Kind::NoStock, Rejected(Reason::Taken))));
        check(Call::Cancel, "40", Some((Kind::NotFound, NotFound)));
        check(Call::Status, "40", Some((Kind::NotFound, NotFound)));
        check(Call::Balance, "40", Some((Kind::Unavailable, Unavailable)));
        check(Call::Buy, "46", Some((Kind::InsufficientCarrierBalance, Rejected(Reason::LimitReached))));
        check(Call::List, "46", Some((Kind::Unavailable, Unavailable)));
    }
}
