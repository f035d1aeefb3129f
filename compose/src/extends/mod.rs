//! `extends`: a service that begins as a copy of another.

mod base;
mod chain;

pub(crate) use base::Base;
