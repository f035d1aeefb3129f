//! The one table of keys: what a policy may contain. The reader refuses by it, the JSON Schema and the canonical
//! form are made from it, so none of them can know a key that another does not.

mod entries;
mod policy;
mod table;
mod trust;

pub(crate) use policy::{KINDS, POLICY};
pub(crate) use table::{Grammar, Kind, Shape};
