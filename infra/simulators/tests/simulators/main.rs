//! Every quirk of the simulated third parties, seen from outside with a plain HTTP client.

mod faults;
mod kept;
mod kit;
mod twilio;
mod vapi;
mod webhooks;
