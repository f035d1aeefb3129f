//! Text to trees: YAML as the standard's reader reads it, within bounds.

mod budget;
mod compose;
mod end;
mod merge_key;
mod scalar;
mod tag;
mod timestamp;

pub use budget::Budget;
pub use compose::parse;

pub(crate) use compose::parse_within;
pub(crate) use scalar::plain;
