//! The books under many hands and by the bill: what happens when several want the same at once, and what each thing costs.
//!
//! `races` sends what is to be decided over HTTP and holds the outcome against the invariants; `pages` lists more than a
//! page; `calls` tells a call's news in every order; `capacity` asserts requests and capacity units exactly.

mod capacity;
mod races;

mod audit;
mod calls;
mod pages;
