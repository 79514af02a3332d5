//! Stories over HTTP: what a client, a caller, the operator or a third party does, and all that follows from it.
//!
//! Everything is real and in memory: functions, sagas, books, clients; only the third parties are simulated.

mod kit;
mod ways;

mod agent_numbers;
mod agents;
mod authorization;
mod bad_input;
mod buying;
mod by_hand;
mod calling;
mod conformance;
mod custom;
mod importing;
mod late_reports;
mod linking;
mod migrating;
mod money;
mod native;
mod netgsm;
mod parking;
mod projects;
mod releasing;
mod requirements;
mod signatures;
mod tenants;
mod terminal;
mod topping_up;
mod topping_up_by_itself;
