//! What is to be done so that what there is becomes what there is to be. Pure.

mod again;
mod down;
mod up;

pub use again::{Again, restart, start, without_network};
pub use down::{Down, down, own_volumes, stop};
pub use up::{Recreate, Up, reconcile};
