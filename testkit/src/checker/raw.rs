//! System calls by number.

use std::ffi::c_long;

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
}

/// Error numbers that verdicts depend on.
pub const EPERM: i32 = 1;
/// No such file.
pub const ENOENT: i32 = 2;
/// Permission denied.
pub const EACCES: i32 = 13;
/// The program runs.
pub const ETXTBSY: i32 = 26;
/// Read-only file system.
pub const EROFS: i32 = 30;
/// No such call.
pub const ENOSYS: i32 = 38;

/// Makes a call and answers its result or error number.
pub fn call(number: i64, arguments: &[i64]) -> Result<i64, i32> {
    let at = |index: usize| arguments.get(index).copied().unwrap_or(0);
    // JUSTIFICATION: the point of this program is to make calls that no library makes.
    // SAFETY: callers pass null pointers, descriptors that do not exist, or memory that they own.
    let answer = unsafe { syscall(number, at(0), at(1), at(2), at(3), at(4), at(5)) };
    if answer == -1 { Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(answer) }
}

/// Makes a call in a child and answers how it ended: an error number, success, or death by a signal.
pub fn call_in_child(number: i64, arguments: &[i64]) -> Ended {
    in_child(|| match call(number, arguments) {
        Ok(_) => 0,
        Err(errno) => errno,
    })
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this code; 0 is success, others are error numbers.
    Code(i32),
    /// Killed by this signal.
    Signal(i32),
    /// There could be no child.
    NoChild(i32),
}

/// Runs something in a child: it may die of it.
pub fn in_child(work: impl FnOnce() -> i32) -> Ended {
    match call(FORK, &[]) {
        Err(errno) => Ended::NoChild(errno),
        Ok(0) => {
            let code = work();
            let _ = call(EXIT_GROUP, &[i64::from(code)]);
            Ended::Code(code)
        }
        Ok(pid) => {
            let mut status: i32 = 0;
            let _ = call(WAIT4, &[pid, (&raw mut status) as i64]);
            if status & 0x7f == 0 { Ended::Code((status >> 8) & 0xff) } else { Ended::Signal(status & 0x7f) }
        }
    }
}

const FORK: i64 = 57;
const EXIT_GROUP: i64 = 231;
const WAIT4: i64 = 61;
