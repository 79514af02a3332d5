//! What the tests share: the whole system in memory with a client in front of it, and the routes of all functions.

pub mod app;
pub mod routes;

pub use app::{Answer, Tenant, TestApp};
