//! System calls by name, with their number on each architecture.

mod name;
mod table;

pub use name::{Syscall, UnknownSyscall};
