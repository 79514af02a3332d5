//! Agreement with the world: what changes behind our back at carrier and platform is found, put right where that may be
//! done, and told where not.
//!
//! `outside` has the hands of the world, `stories` plays one change at a time, `platforms` the same on every platform, `random` any sequence of them, `survives`
//! lets a run fail anywhere and be gone on with.

mod outside;
mod platforms;
mod random;
mod stories;
mod survives;
