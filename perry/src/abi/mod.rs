//! The boundary with Perry's runtime, and the only unsafe code of the crate.
//!
//! - [`layout`]: how Perry stores a string, and the probe that finds out whether this is still so.
//! - [`runtime`]: the runtime's functions that are called.
//! - [`entries`]: the functions that Perry calls.
//! - [`start`]: what runs before Perry's `main`.
#![expect(
    unsafe_code,
    reason = "a C ABI: pointers of another language come in and go out here, and nowhere else"
)]

mod entries;
#[cfg(test)]
mod fake;
mod layout;
mod runtime;
mod start;

pub use entries::{js_psb_abi, js_psb_call, js_psb_call_sync, js_psb_take};
pub use layout::StringHeader;
