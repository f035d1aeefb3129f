//! A small process of our own that clones sandboxes for a large or threaded program.
//!
//! Cloning copies the page tables of whoever clones: from a program of 512 MiB that is 28 ms. The launcher process is
//! small, has one thread, is started once, and dies with its program; its sandboxes die with it, and what those had on the host
//! it removes.

mod client;
mod frame;
mod server;
mod turns;

pub(crate) use client::Cloner;
pub use client::Launcher;
#[cfg(test)]
pub(crate) use frame::{leave, send};
pub(crate) use server::{serve, tell_exited, tell_refused, tell_started};
