//! What is to be done so that what there is becomes what there is to be. Pure.

mod down;
mod up;

pub use down::{Down, down};
pub use up::{Recreate, Up, reconcile};
