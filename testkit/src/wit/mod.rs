//! The interface that `perry/wit` describes, as JSON has it: what a request may be, and what a reply has to be.

mod check;
mod probe;
mod read;
mod shape;

pub use check::Seen;
pub use probe::{Place, Samples};
pub use shape::{Field, Group, Interface, Much, Operation, Record, Shape};
