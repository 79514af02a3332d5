//! The functions as they are shipped: each binary is started behind a Lambda runtime API and given the event of its name
//! from `events/`, as it lies there.
//!
//! `world` is what the events speak of; `events` sends each its own; `webhooks` sends what a gateway may make of one, and
//! what it must never pass; `workers` sends queue and schedule what they may bring, and `money` those of renewals, dunning
//! and releases.

mod world;

mod events;
mod million;
mod money;
mod webhooks;
mod workers;
