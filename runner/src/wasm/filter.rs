//! The filters of the process that runs a module. The module itself makes no system call.

use std::sync::OnceLock;

use perry_sandbox_profiles::{Arch, ProfileError, SeccompProfile, bpf};

use crate::demands::PlanError;
use crate::native::words;

/// What both filters admit.
const PROCESS: &str = include_str!("process.toml");

/// While the compiler runs.
const COMPILING: &str = r#"
[[allow]]
reason = "the compiled code is made executable, and every thread sees it"
calls  = ["mmap", "mprotect", "membarrier"]

[[allow]]
reason = "the filter of the running module is added"
calls  = ["seccomp"]
[[allow.when]] # SECCOMP_SET_MODE_FILTER
arg    = 0
bits   = 32
equals = 1
"#;

/// While the module runs.
const RUNNING: &str = r#"
[[allow]]
reason = "memory that is not executable"
calls  = ["mmap", "mprotect"]
[[allow.when]] # PROT_EXEC
arg    = 2
bits   = 64
mask   = 0x4
equals = 0
"#;

/// One word per instruction.
type Filter = Vec<u64>;

/// Both filters: that of the compiling process, and the narrower one for the running module.
pub(super) fn both() -> Result<(Filter, Filter), PlanError> {
    static BOTH: OnceLock<Result<(Filter, Filter), PlanError>> = OnceLock::new();
    BOTH.get_or_init(|| Ok((compiled(COMPILING)?, compiled(RUNNING)?))).clone()
}

fn profile(added: &str) -> Result<SeccompProfile, ProfileError> {
    SeccompProfile::parse(&format!("{PROCESS}{added}"))
}

fn compiled(added: &str) -> Result<Filter, PlanError> {
    let arch = Arch::host().ok_or(PlanError::Arch)?;
    let profile = profile(added).map_err(|error| PlanError::Seccomp(error.to_string()))?;
    bpf::compile(&profile, arch)
        .map(|program| words(&program))
        .map_err(|error| PlanError::Seccomp(error.to_string()))
}

#[cfg(test)]
mod unit {
    use perry_sandbox_profiles::Admission;

    use super::*;

    #[test]
    fn what_a_breakout_would_need_is_in_neither_filter() {
        for added in [COMPILING, RUNNING] {
            let profile = profile(added).unwrap();
            for name in [
                "execve",
                "execveat",
                "fork",
                "vfork",
                "clone",
                "clone3",
                "socket",
                "connect",
                "bind",
                "ptrace",
                "unshare",
                "setns",
                "mount",
                "chroot",
                "kill",
                "tgkill",
                "pidfd_open",
                "process_vm_writev",
                "io_uring_setup",
                "bpf",
                "keyctl",
                "userfaultfd",
                "perf_event_open",
                "fchmod",
                "fchmodat",
                "chmod",
                "mknodat",
                "open_by_handle_at",
                "memfd_create",
                "prctl",
                "ioctl",
            ] {
                for arch in [Arch::X86_64, Arch::Aarch64] {
                    if let Ok(call) = name.parse() {
                        assert!(profile.admission(arch, call).is_none_or(Admission::is_never), "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_compiler_may_make_memory_executable() {
        let admits = |added: &str| {
            let profile = profile(added).unwrap();
            ["mmap", "mprotect"].map(|name| {
                let admission = profile.admission(Arch::X86_64, name.parse().unwrap()).unwrap();
                [0_u64, 3, 4, 5, 7].map(|protection| admission.admits(&[0, 0, protection, 0, 0, 0]))
            })
        };
        assert_eq!(admits(RUNNING), [[true, true, false, false, false]; 2]);
        assert_eq!(admits(COMPILING), [[true; 5]; 2]);
    }
}
