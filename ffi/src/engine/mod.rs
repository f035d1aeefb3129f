//! What one process has of the library: a pipeline, a launcher process, threads, running calls.

mod begin;
mod environment;
mod hook;
mod pool;
mod state;

pub use environment::variable;
pub(crate) use environment::variables;
pub use hook::launcher_hook;
pub(crate) use pool::{Lane, STACK, leave_signals_to_the_program};
pub use state::Engine;
