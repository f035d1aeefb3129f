//! All services past the desks, before anything else.

mod built;
mod desks;
mod judged;
mod must;

pub use built::Built;
pub use desks::{Desks, judge};
pub use judged::{Allowed, Judged, Judgement, Signed};
