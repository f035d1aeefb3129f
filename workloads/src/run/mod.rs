//! Graphs that run: brought up, looked at, ended, found again by name.

mod memory;
mod status;
mod workloads;

pub use status::{GraphStatus, NodeStatus, State};
pub use workloads::{Raised, Up, Workloads};
