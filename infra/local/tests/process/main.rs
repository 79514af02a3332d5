//! The program itself, in processes of their own that are really killed: how it starts, what it keeps, what it makes of a
//! death in the middle of a purchase, and what its control surface refuses.

mod control;
mod crashes;
mod fixture;
mod kept;
mod starts;
