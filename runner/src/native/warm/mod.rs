//! Sandboxes that are ready before they are called: a call passes arguments and environment, and the program starts.
//!
//! Everything is done ahead but the last two steps, the filter and exec: namespaces, mounts, limits, cgroups, privileges. Until
//! then nothing but our own steps has run inside. Each takes one call and is gone after it.
//!
//! SECURITY: a call goes through every gate as without a pool. It takes a sandbox only where the steps that its plan asks
//! for at that moment are, one by one, those that were done; anything else is launched anew.

mod call;
mod held;
mod pool;
mod take;

#[cfg(test)]
pub(super) use call::split;
pub(super) use pool::Pool;
pub(super) use take::{Warmth, release};
