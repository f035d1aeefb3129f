//! Services of a Compose stack.

mod mounts;
mod service;
mod stack;

pub(crate) use stack::read_compose;
