//! The command line against a stand-in for the API: what is sent, what is sent again, what is shown, how it exits.

mod file;
mod stand_in;

mod confirming;
mod importing;
mod looking;
mod migrating;
mod trying;
