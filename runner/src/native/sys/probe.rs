//! Whether namespaces can be made: the only way to know is to make some.
#![expect(
    unsafe_code,
    reason = "a child that shares our memory must not return into Rust: clone and exit are one piece of assembly"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "registers: flags and process ids travel as machine words, as the kernel's ABI says"
)]

use core::arch::asm;
use core::mem::size_of;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd, RawFd};

use super::call::{self, Errno, Result};
use super::parent::wait_exit;

/// `struct clone_args` of linux/sched.h.
type CloneArgs = [u64; 11];

/// Makes a user and a mount namespace in a child that leaves at once.
///
/// The child borrows this memory while this thread stands still, as after vfork(2): a copy of a large program's memory,
/// made only to be thrown away, would cost more than all else that is asked before a run.
pub(crate) fn try_namespaces() -> Result<()> {
    let mut pidfd: RawFd = -1;
    let namespaces = libc::CLONE_NEWUSER | libc::CLONE_NEWNS;
    let flags = (namespaces | libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD) as u64;
    let args: CloneArgs = [flags, (&raw mut pidfd) as u64, 0, 0, libc::SIGCHLD as u64, 0, 0, 0, 0, 0, 0];
    // A handler of the host program must never run in the child, on this very stack.
    let mask = call::swap_signal_mask(u64::MAX)?;
    // JUSTIFICATION: no library function makes namespaces in a child that shares memory.
    // SAFETY: `args` leads to a live `pidfd` and shares neither file system nor handlers nor thread; the child ends inside.
    let answer = unsafe { clone_and_leave(&args) };
    // Restoring a mask that the kernel has just given out cannot fail.
    let _ = call::swap_signal_mask(mask);
    if answer < 0 {
        return Err(Errno(answer.wrapping_neg() as i32));
    }
    // JUSTIFICATION: the kernel has just made this descriptor; somebody must own it.
    // SAFETY: CLONE_PIDFD stored a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    wait_exit(pidfd.as_fd()).map(drop)
}

/// Clones a child that exits at once; answers its number or a negative error number.
///
/// # Safety
/// `args` must ask for a child that is no thread of ours and stops us until it has ended (`CLONE_VFORK`), and its
/// pointers must be valid.
#[cfg(target_arch = "x86_64")]
unsafe fn clone_and_leave(args: &CloneArgs) -> isize {
    let answer: isize;
    // JUSTIFICATION: between clone and exit the child may use neither this stack nor the C library.
    // SAFETY: the kernel reads `args`, of the size that is said; the child has registers of its own, writes no memory and
    // leaves by exit(2); `syscall` clobbers rcx and r11.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor edi, edi",
            "mov eax, {exit}",
            "syscall",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("rax") libc::SYS_clone3 as isize => answer,
            in("rdi") args.as_ptr(),
            in("rsi") size_of::<CloneArgs>(),
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    answer
}

/// As on `x86_64`.
///
/// # Safety
/// As on `x86_64`.
#[cfg(target_arch = "aarch64")]
unsafe fn clone_and_leave(args: &CloneArgs) -> isize {
    let answer: isize;
    // JUSTIFICATION: between clone and exit the child may use neither this stack nor the C library.
    // SAFETY: the kernel reads `args`, of the size that is said; the child has registers of its own, writes no memory and
    // leaves by exit(2), whose argument is the zero in x0.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x8, {exit}",
            "svc #0",
            "2:",
            exit = const libc::SYS_exit,
            inlateout("x0") args.as_ptr() => answer,
            in("x1") size_of::<CloneArgs>(),
            inlateout("x8") libc::SYS_clone3 => _,
        );
    }
    answer
}
