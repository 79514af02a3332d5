//! Every quirk of the simulated third parties, seen from outside with a plain HTTP client.

mod faults;
mod kept;
mod kit;
mod netgsm;
mod placed_calls;
mod stripe;
mod stripe_events;
mod stripe_keys;
mod stripe_kit;
mod stripe_subscriptions;
mod twilio;
mod vapi;
mod vapi_messages;
mod webhooks;
