//! Decides what a sandboxed program may ask of the kernel: which system calls, with which arguments, which Linux
//! caps there are, and which files of `/proc` and `/sys` stay hidden.
//!
//! Everything here is data and pure functions: nothing is read at run time, nothing is loaded into the kernel. The
//! runner loads what [`bpf::compile`] makes; backends that run other programs get [`to_oci_json`]. Both come from one
//! [`SeccompProfile`], so they admit the same.
//!
//! ```
//! use perry_sandbox_profiles::{Action, Arch, SeccompProfile, SyscallAttempt, bpf};
//!
//! let minimal = SeccompProfile::builtin("perry-minimal").ok_or("no such profile")?;
//! let default = SeccompProfile::builtin("perry-default").ok_or("no such profile")?;
//!
//! // Which of two is tighter is computed from what they admit, never from their names.
//! assert!(minimal.admits_no_more_than(default));
//! assert_eq!(default.meet(minimal), *minimal);
//!
//! // A filter is compiled for one architecture, and can be tried without a kernel.
//! let filter = bpf::compile(minimal, Arch::X86_64)?;
//! let unshare = SyscallAttempt { number: 272, audit_arch: Arch::X86_64.audit_value(), args: [0x1000_0000, 0, 0, 0, 0, 0] };
//! let verdict = bpf::interpret(filter.instructions(), &unshare)?;
//! assert_eq!(verdict, minimal.verdict(Arch::X86_64, &unshare).return_value());
//! assert_ne!(verdict, Action::Allow.return_value());
//!
//! // Every entry has a reason.
//! assert!(minimal.reason("unshare".parse()?).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//!
//! - A filter agrees with [`SeccompProfile::verdict`] on every attempt; a property test compares both with another
//!   project's compiler.
//! - A foreign ABI (the 32-bit entry, x32) kills the process. No profile can say otherwise.
//! - [`SeccompProfile::meet`] admits exactly what both admit, and is the same in whatever order it is computed.
//! - Equal profiles have equal [canonical JSON](SeccompProfile::canonical_json), byte for byte, and so one digest.
//! - A profile that cannot be read exactly is refused whole.
//!
//! # What this does not do
//!
//! It reads no pointers: a filter sees numbers and register values only, so calls whose arguments stand in memory
//! (`clone3`, `sched_setattr`) are refused as a whole. It knows `x86_64` and `aarch64` on Linux, both little-endian.
//! The format of profiles is described in `builtin/README.md`.
#![forbid(unsafe_code)]

mod arch;
pub mod bpf;
mod linux_cap;
mod paths;
mod recording;
mod runtime;
mod seccomp;
mod syscall;

pub use arch::{Arch, UnknownArch};
pub use linux_cap::{LinuxCap, LinuxCapSet, UnknownLinuxCap};
pub use paths::{MaskKind, MaskedPath, ReadOnlyPath, masked_paths, read_only_paths};
pub use recording::{Draft, MergeError, Outside, Recording, Run, Sight};
pub use runtime::Runtime;
pub use seccomp::{
    Action, Admission, ArgTest, Beyond, CallRule, Clause, ConditionProblem, Entry, Errno, NamedTest,
    ProfileDigest, ProfileError, ProfileName, Recorded, Refusal, SeccompProfile, SyscallAttempt,
    UnknownErrno, UnusableName, Verb, to_oci_json,
};
pub use syscall::{Syscall, UnknownSyscall};
