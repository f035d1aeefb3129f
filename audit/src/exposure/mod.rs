//! How much a target leaves open, as one number from 0 to 10. It compares, and shows which way a change goes; it is no gate,
//! no verdict reads it, and it says nothing of what the program inside does.

mod controls;
mod number;

pub use controls::{CONTROLS, Control};
pub use number::{Exposure, TargetExposure};

pub(crate) use number::exposures;
