//! Classic BPF: the filter that the kernel runs before every system call.

mod assembler;
mod compiler;
mod instruction;
mod interpret;

pub use compiler::{CompileError, compile};
pub use instruction::{BpfProgram, SockFilter};
pub use interpret::{BrokenProgram, interpret};
