//! Requests and replies: strict on the way in, always an envelope on the way out.

mod fields;
mod reply;
mod request;
mod tree;

pub(crate) use fields::Fields;
pub(crate) use reply::{answer, json};
pub(crate) use request::{Request, read};
pub(crate) use tree::Tree;
