//! The operations, one file per group: arguments in, a JSON value or a fault out.

mod audit;
mod backends;
mod build;
mod compose;
mod explain;
mod graph;
mod images;
mod io;
mod logs;
mod operation;
mod policy;
mod project;
mod raising;
mod refused;
mod result;
mod run;
mod sandboxes;
mod secrets;
mod stream;
mod table;
mod target;
mod verify;
mod wanted;

pub(crate) use operation::{Lanes, Mode, Operation, Work};
pub(crate) use policy::refusals;
pub(crate) use table::names;
