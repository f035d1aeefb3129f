//! Machines of their own: a kernel for one program, in QEMU's `microvm` with one serial port and nothing else.
//!
//! The image is copied into the machine's memory. Inside, a small static program of ours puts up the same walls as the native
//! backend; outside, a helper process (this very program, executed again) starts the monitor and stays with it.

mod channel;
mod command;
mod cpio;
mod disk;
mod facts;
mod frame;
mod fuzzing;
mod guest_program;
mod limit;
mod machine;
mod monitor;
mod order;
mod report;
mod serve;
mod session;
mod stream;
mod task;
mod tree;
mod write;

#[cfg(test)]
#[path = "guest/read.rs"]
mod read;
#[cfg(test)]
mod tests;

pub use fuzzing::microvm;
pub(crate) use serve::serve;
pub(crate) use {
    facts::table,
    machine::{Accelerator, Choice, Machine, Missing, machine},
    order::{VmOrder, order},
    report::{FailureKind, VmReport},
};
