//! Third parties over HTTP: the clients behind the ports of `domain`.
//!
//! One folder per third party: `mod.rs` has the calls, `wire.rs` their JSON and their refusals. The clients are stateless
//! and know no tenant, price or operation; they turn one port method into requests and one answer into a typed result that
//! says whether the thing happened. What is done about a failure is decided in `shared::saga`.
//!
//! Start with [`twilio`]; `http` holds what all clients have in common, `api` what those of the voice platforms have, `webhook` what all webhooks have.

mod api;
mod http;
mod webhook;

pub mod elevenlabs;
pub mod netgsm;
pub mod retell;
pub mod stripe;
pub mod twilio;
pub mod vapi;

pub use elevenlabs::{ElevenLabs, ElevenLabsConfig};
pub use netgsm::{Netgsm, NetgsmConfig};
pub use retell::{Retell, RetellConfig};
pub use stripe::{Stripe, StripeConfig};
pub use twilio::{Twilio, TwilioConfig};
pub use vapi::{Vapi, VapiConfig, VapiNumbers};
pub use webhook::Unreadable;
