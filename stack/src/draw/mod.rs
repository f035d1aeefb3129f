//! The graph of a project's services, in the languages of programs that draw.

mod dot;
mod edges;
mod json;
mod mermaid;

pub use dot::dot;
pub use edges::{Edge, edges};
pub use json::json;
pub use mermaid::mermaid;
