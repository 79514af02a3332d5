//! The common crate of all functions: use cases, sagas, the HTTP surface, jobs, hosting.
//!
//! A function crate holds one endpoint and depends on this crate alone. Use cases get everything they need (store,
//! carriers, platforms, clock, ids) in [`App`]; only [`boot`] reads the environment and names concrete third parties.
//! Reading order: a use case, the saga it begins, the driver, then hosting.

pub mod app;
pub mod error;

pub mod use_cases;

pub mod saga;

pub mod billing;
pub mod jobs;
pub mod reconcile;

pub mod api;
pub mod http;
#[cfg(feature = "openapi")]
pub mod openapi;

pub mod boot;
mod sealed;
pub mod secrets;
pub mod serve;

pub use app::App;
pub use domain;
pub use error::Error;
pub use store;
