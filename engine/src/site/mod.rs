//! Where whole projects are worked on: each verb takes the project, looks what there is, and does what is to be done.

mod ends;
mod look;
mod place;
mod raise;

pub use ends::{Anew, Ended};
pub use look::Look;
pub use place::{Site, no_secrets, run_id, seen};
pub use raise::{Raise, RaiseError, fetch};
