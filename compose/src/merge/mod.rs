//! What a later file does to an earlier one, by tables of paths.

mod directives;
mod entries;
mod ipam;
mod rules;
mod same;
mod unique;

pub(crate) use directives::{Directives, take_directives};
pub(crate) use rules::{merge, merge_service};
pub(crate) use same::same_value;
pub(crate) use unique::make_unique;
