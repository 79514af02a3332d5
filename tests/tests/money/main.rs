//! Money over time, over HTTP on a movable clock: renewals, catching up, running dry, dunning, recovery, release. Every
//! story ends with every invariant held.

mod crowd;
mod kit;
mod moment;

mod barring;
mod bundle;
mod cost;
mod dunning;
mod large;
mod matrix;
mod minutes;
mod parking;
mod races;
mod recovery;
mod releases;
mod renewals;
mod statements;
mod usage;
