//! Sandboxes that outlive their caller, through the same gates as every run.
//!
//! A sandbox keeps the words it was asked for ([`Wish`](crate::Wish)), and the digest that they came to. Whoever starts it
//! later asks again by those very words, of the policy and the verifier as they are then; whoever lets another program
//! join it asks for that program. A tag is never looked up again: the digest that was created is the one that runs.

mod exec;
mod kept;
mod long_running;
mod made;
mod upkeep;

pub use exec::Join;
pub use long_running::{LongRunning, signal_number};
pub use made::{Begin, Made, Named, Reply};
pub use upkeep::{Probe, Upkeep};
