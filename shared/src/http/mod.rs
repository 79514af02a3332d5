//! The HTTP surface: routes with who may use them, what is read from a request, and how a refusal is answered.
//!
//! Hosts put the caller's claims into the request; everything else is the same on Lambda and on one machine.

pub mod auth;
pub mod extract;
pub mod paths;
pub mod platform;
pub mod problem;
pub mod routes;
pub mod stripe;
pub mod twilio;

pub use auth::{Caller, Who};
pub use extract::{Body, IdempotencyKey, NullableBody, PathId, Query, RespondAsync};
pub use problem::Problem;
pub use routes::{Access, Routes};
