//! What the tests share: the whole system in memory with a client in front of it, and the functions themselves as
//! programs behind a Lambda runtime API.

pub mod app;
pub mod lambda;
pub mod template;
pub mod twilio;
pub mod unseen;

pub use app::{Answer, Tenant, TestApp};
