//! Money over time, over HTTP on a movable clock: renewals, catching up, running dry, dunning, recovery, release. Every
//! story ends with every invariant held.

mod kit;

mod bundle;
mod dunning;
mod recovery;
mod renewals;
mod statements;
