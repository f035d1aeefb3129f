//! Apple's `container`: each container is a machine with a kernel of its own.

mod engine;
mod words;

pub(super) use engine::Apple;
