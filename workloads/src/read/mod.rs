//! From JSON to a graph. Everything that is wrong with it is found at once.

mod checks;
mod graph;
mod node;
mod object;
mod parts;
mod problem;
mod variable;

pub use problem::{Problem, Problems};
