//! What Trunkline's words mean: types, rules, state machines and the ports to third parties.
//!
//! Pure: this crate knows no runtime, no HTTP, no AWS, no clock and no environment. Whatever varies is an argument.
//! Modules in reading order; the sagas that act on these rules are in `shared::saga`, the items they are kept in are in
//! `store`.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::float_arithmetic, clippy::as_conversions, clippy::wildcard_enum_match_arm)
)]

pub mod ids;
pub mod limits;

pub mod money;
pub mod numbering;
pub mod period;

pub mod catalog;
pub mod requirement;
pub mod tenant;

pub mod agent;
pub mod claim;
pub mod number;
pub mod runway;
pub mod wallet;

pub mod billing;
pub mod dunning;
pub mod margin;
pub mod payment;
pub mod reversal;
pub mod top_up;

pub mod operation;
pub mod what_next;

pub mod advice;
pub mod audit;
pub mod parking;

pub mod call;
pub mod tenure;

pub mod ports;
pub mod sip;

pub mod reconcile;

pub use ids::{AgentId, AuditId, Ids, NumberId, OperationId, ProjectId, TenantId, TopUpId};
pub use money::{Currency, Money};
pub use numbering::{CountryCode, E164};

/// The two clocks. Business time may be moved (tests, the local system); real time never is.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Business time: periods, due dates, journals, what a tenant is shown.
    fn now(&self) -> jiff::Timestamp;
    /// Real time: leases, which guard against processes and not against dates.
    fn real_now(&self) -> jiff::Timestamp;
}
