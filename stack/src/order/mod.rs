//! In which order services start and end.

mod cycle;
mod graph;
mod levels;

pub use cycle::Cycle;
pub use graph::Graph;
pub use levels::Order;
