//! Functions as programs: the binaries that are shipped, behind a Lambda runtime API.
//!
//! `binaries` builds them, `api` is what Lambda shows a function, `function` runs one.

pub mod binaries;

mod api;
pub mod function;

pub use api::Outcome;
pub use function::{Environment, Function};
