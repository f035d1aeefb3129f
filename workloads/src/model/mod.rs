//! What a graph is, once it is read: nothing in here can be wrong any more.

mod graph;
mod node;
mod reference;

pub use graph::{Edge, Graph};
pub use node::{Health, Network, Node, Port};
pub use reference::{Projection, Reference};
