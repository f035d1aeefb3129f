//! All services past the desks, before anything else.

mod desks;
mod judged;
mod must;

pub use desks::{Desks, judge};
pub use judged::{Allowed, Judged, Judgement, Signed};
