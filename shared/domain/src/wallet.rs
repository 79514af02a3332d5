//! Wallet, holds and the double-entry ledger.
//!
//! A wallet is three sums of one currency that change together: `balance`, `held`, `available = balance − held`. Every
//! change of `balance` is a ledger entry whose postings add up to zero (invariant I4); a hold moves nothing, it only
//! keeps a part of the balance from being promised twice.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ids::{EntryId, NumberId, OperationId, TenantId};
use crate::money::{Currency, Money};
use crate::numbering::E164;
use crate::period::Period;

/// A tenant's wallet of one currency: who pays for a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WalletRef {
    /// Whose.
    pub tenant_id: TenantId,
    /// Of which currency.
    pub currency: Currency,
}

/// What a tenant has in one currency, in micro-units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Of which currency.
    pub currency: Currency,
    /// Sum of all entries.
    pub balance: i64,
    /// Promised to open operations.
    pub held: i64,
    /// What can still be promised.
    pub available: i64,
    /// Ledger entries so far.
    #[serde(default)]
    pub entries: u64,
    /// Numbers charged from here that are past due or suspended; money that comes in is theirs first.
    #[serde(default)]
    pub overdue: u32,
    /// Whether calls past us are barred, since the last ones could not be charged here; `false` while that is being ended.
    #[serde(default)]
    pub barring: Option<bool>,
}

/// A sum promised to an open operation, or contested in an open dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// For what: the operation's id, or the dispute's at the payment provider.
    #[serde(alias = "operation_id")]
    pub cause: String,
    /// How much.
    pub amount: Money,
    /// What became of it.
    pub state: HoldState,
}

/// A hold is resolved once (invariant I3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Still promised.
    Held,
    /// Charged.
    Captured,
    /// Given back.
    Voided,
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Periods of numbers.
    NumberCharge,
    /// Minutes of a call.
    UsageCharge,
    /// The operator put money in or took it out.
    Adjustment,
    /// The tenant paid money in.
    TopUp,
    /// Paid-in money went back to the tenant.
    Refund,
    /// A refund failed; its money is here again.
    RefundReturned,
    /// A card's holder contested a payment, and its money was taken.
    Dispute,
    /// Contested money came back.
    DisputeReturned,
}

impl EntryKind {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumberCharge => "number_charge",
            Self::UsageCharge => "usage_charge",
            Self::Adjustment => "adjustment",
            Self::TopUp => "top_up",
            Self::Refund => "refund",
            Self::RefundReturned => "refund_returned",
            Self::Dispute => "dispute",
            Self::DisputeReturned => "dispute_returned",
        }
    }
}

/// One side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What we owe the tenant.
    Wallet,
    /// What we earned.
    Revenue,
    /// What the operator gave or took by hand.
    Adjustments,
    /// What the payment provider has of ours.
    Payments,
}

/// An amount on one account, in micro-units; postings of an entry add up to zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// How much, signed.
    pub micros: i64,
}

/// One period of one number in an entry that charges many. Its names are short because there are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which number.
    #[serde(rename = "n")]
    pub number_id: NumberId,
    /// Its digits, as they were.
    #[serde(rename = "e")]
    pub e164: E164,
    /// First day of the period.
    #[serde(rename = "s")]
    pub start: Date,
    /// First day after the period.
    #[serde(rename = "u")]
    pub end: Date,
    /// What was charged, in micro-units; not negative.
    #[serde(rename = "m")]
    pub micros: i64,
    /// Why nothing was charged, if nothing was.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub free: Option<Free>,
}

/// Why a period costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Free {
    /// The number was suspended for the whole of it.
    #[serde(rename = "s")]
    Suspended,
    /// The plan includes the number.
    #[serde(rename = "i")]
    Included,
}

/// A movement of money and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub id: EntryId,
    /// What it is about.
    pub kind: EntryKind,
    /// Of which currency.
    pub currency: Currency,
    /// Both sides.
    pub postings: Vec<Posting>,
    /// For which number.
    pub number_id: Option<NumberId>,
    /// For which period.
    pub period: Option<Period>,
    /// By which operation.
    pub operation_id: Option<OperationId>,
    /// From when it counts.
    pub effective_at: Timestamp,
    /// When it was written.
    pub created_at: Timestamp,
    /// Why, in a sentence for the tenant.
    pub explain: String,
    /// What a renewal of many numbers consists of, in the order in which it was charged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
}

impl Entry {
    /// Two postings that move `amount` into the wallet (negative: out of it) against `other`.
    #[must_use]
    pub fn postings(amount: Money, other: Account) -> Vec<Posting> {
        vec![
            Posting { account: Account::Wallet, micros: amount.micros },
            Posting { account: other, micros: amount.negated().micros },
        ]
    }

    /// What the wallet gained (negative: lost), in micro-units.
    #[must_use]
    pub fn wallet_micros(&self) -> i64 {
        let wallet = self.postings.iter().filter(|posting| posting.account == Account::Wallet);
        wallet.fold(0, |sum, posting| sum.saturating_add(posting.micros))
    }

    /// Whether debits equal credits.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.postings.iter().try_fold(0i64, |sum, posting| sum.checked_add(posting.micros)) == Some(0)
    }
}
