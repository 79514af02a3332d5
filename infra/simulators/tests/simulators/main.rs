//! Every quirk of the simulated third parties, seen from outside with a plain HTTP client.

mod elevenlabs;
mod elevenlabs_calls;
mod faults;
mod kept;
mod kit;
mod netgsm;
mod placed_calls;
mod retell;
mod retell_calls;
mod stripe;
mod stripe_events;
mod stripe_keys;
mod stripe_kit;
mod stripe_subscriptions;
mod trunks;
mod twilio;
mod vapi;
mod vapi_messages;
mod webhooks;
