//! Every client against a third party that remembers, refuses, loses answers and dies: what is asked, what is believed, and
//! what a failure says about whether the thing happened.

mod kit;

mod against_simulators;
mod calls;
mod elevenlabs;
mod netgsm;
mod prices;
mod retell;
mod stripe;
mod vapi_native;
mod vapi_numbers;
