//! What the tests share: the whole system in memory with a client in front of it.

pub mod app;

pub use app::{Answer, Tenant, TestApp};
