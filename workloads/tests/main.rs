//! What a graph may say, what is found to be wrong with it, and in which way it is brought up.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "JSON that is written where it is used")]

mod made_up;
mod planning;
mod reading;
