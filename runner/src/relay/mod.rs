//! Bytes between two sockets, beside the supervision of one sandbox: what the way out and published ports share.
//!
//! Nothing here knows who may speak to whom. Every wait ends with the sandbox.

mod attendant;
mod pair;
mod wait;

pub(crate) use attendant::{Attendant, STACK, accept, connect};
pub(crate) use pair::{Held, Pair};
pub(crate) use wait::{Over, after, any, one};
