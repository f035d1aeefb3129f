//! What a graph may say, what is found to be wrong with it, and in which way it is brought up.
#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

mod made_up;
mod planning;
mod reading;
