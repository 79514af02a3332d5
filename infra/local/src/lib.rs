//! The whole of Trunkline in one process, without any cloud account: `cargo dev`.
//!
//! The same routers, sagas and jobs as on Lambda, the real AWS SDK against embedded endpoints ([`aws`]), the real provider
//! clients against the simulators. What only exists here: a movable clock, tokens, a worker in place of event sources and
//! schedules, and the control surface under `/_local`. Start with [`system`].

pub mod system;

pub mod clock;
pub mod functions;
pub mod ids;
pub mod tokens;
mod top_ups;
pub mod worker;

pub mod control;
pub mod verify;

pub mod aws;

pub mod child;
pub mod demo;
