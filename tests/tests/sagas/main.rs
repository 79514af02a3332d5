//! The saga matrix: every saga × every call to a third party and every write to the books × every way to fail there.
//!
//! [`scenario`] says which sagas there are, [`ways`] those past our webhook, [`fault`] what can go wrong and how the saga
//! must end then, [`case`] plays one
//! failure and holds the books against the world, [`matrix`] finds the places and goes through all of them. What takes two
//! failures in a row is told in [`stories`].

mod case;
mod fault;
mod matrix;
mod scenario;
mod stories;
mod ways;
mod world;
