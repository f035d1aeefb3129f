//! The canonical model: what each attribute is, and the reading of a tree into it.
//!
//! The tables say for each part of a project which attributes it has, in the order in which `config` prints them, what
//! kind of value each is, and when it is left out. Reading a tree by them gives a tree again, of the same types: a size
//! is the text of a number, a command is a list. Printing goes by the same tables.

mod command;
mod decode;
mod duration;
mod kind;
mod maps;
mod scalar;
mod sections;
mod service;

pub(crate) use decode::decode;
pub(crate) use kind::{EXTENSIONS, Field, Keep, Kind, Shape};
pub(crate) use sections::PROJECT;
pub(crate) use service::SERVICE;
