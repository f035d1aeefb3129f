//! Relative paths made absolute.

mod resolve;

pub(crate) use resolve::{Base, resolve};
