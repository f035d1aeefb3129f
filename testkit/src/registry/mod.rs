//! A registry on loopback, in threads of the test: pull and push by the OCI distribution spec, with or without
//! logging in, with or without a list of referrers, and as hostile as the test wants.

mod answer;
mod options;
mod push;
mod server;
mod state;

pub use options::{Hostile, LogIn, Options};
pub use server::TestRegistry;
pub use state::Asked;
