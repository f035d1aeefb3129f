//! Classic BPF: the filter that the kernel runs before every system call.

mod assembler;
mod compiler;
mod instruction;
mod interpret;
mod recording;

pub use compiler::{CompileError, compile};
pub use instruction::{BpfProgram, SockFilter};
pub use interpret::{BrokenProgram, interpret};
pub use recording::{Answer, NOTIFY, RETURN_FROM_SIGNAL, answer, compile_recording, goes_unasked};
