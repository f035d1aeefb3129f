//! What runtimes need of a profile for themselves (`builtin/runtimes.toml`).

use std::sync::LazyLock;

use serde::Deserialize;

use crate::arch::Arch;
use crate::seccomp::SeccompProfile;
use crate::syscall::Syscall;

/// A runtime, and the calls that it makes between loading the filter and the start of the program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    name: String,
    measured: Vec<String>,
    calls: Vec<Syscall>,
    #[serde(default)]
    sometimes: Vec<Syscall>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    runtime: Vec<Runtime>,
}

static TABLE: LazyLock<Vec<Runtime>> = LazyLock::new(|| {
    let table: Result<Table, _> = toml::from_str(include_str!("../builtin/runtimes.toml"));
    // INVARIANT: a test reads the table; without it no runtime would be known, and nothing be said to start.
    table.map(|table| table.runtime).unwrap_or_default()
});

impl Runtime {
    /// Finds a runtime that was measured.
    pub fn find(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|runtime| runtime.name == name)
    }

    /// Lists the names of all that were measured.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|runtime| runtime.name.as_str())
    }

    /// Gives the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lists the versions that were measured.
    pub fn measured(&self) -> &[String] {
        &self.measured
    }

    /// Lists the calls without which it starts nothing.
    pub fn calls(&self) -> &[Syscall] {
        &self.calls
    }

    /// Lists the calls that some starts need and others do not, by the chance of its threads.
    pub fn sometimes(&self) -> &[Syscall] {
        &self.sometimes
    }

    /// Lists the calls that a profile never admits: it starts nothing under this runtime, or not every time. One that it admits with some
    /// arguments counts as there; the builtin profiles start everything, and have conditions on some.
    pub fn missing_from(&self, profile: &SeccompProfile, arch: Arch) -> Vec<Syscall> {
        let there =
            self.calls.iter().chain(&self.sometimes).copied().filter(|call| call.number(arch).is_some());
        there.filter(|call| profile.admission(arch, *call).is_none()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_the_builtin_profiles_start_everything_in_it() {
        assert!(Runtime::names().any(|name| name == "native"));
        for runtime in TABLE.iter() {
            assert!(runtime.calls.iter().any(|call| call.name() == "execve"));
            for name in SeccompProfile::builtin_names() {
                let profile = SeccompProfile::builtin(name).unwrap();
                assert_eq!(runtime.missing_from(profile, Arch::X86_64), [], "{name} under {}", runtime.name);
            }
        }
        assert!(Runtime::find("none").is_none());
    }
}
