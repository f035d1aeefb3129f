//! The files and folders of `/proc` and `/sys` that a sandbox hides or may only read.

mod table;

/// What stands at a hidden path, which decides what is put over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaskKind {
    /// A file: a null device of the sandbox's own is put over it.
    File,
    /// A folder: an empty, read-only tmpfs is put over it.
    Folder,
}

/// A path that the sandbox hides, where the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MaskedPath {
    path: &'static str,
    kind: MaskKind,
    reason: &'static str,
}

impl MaskedPath {
    /// Gives the absolute path inside the sandbox.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Says what stands there.
    pub const fn kind(&self) -> MaskKind {
        self.kind
    }

    /// Gives the reason for hiding it.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// A path that the sandbox may read and not write, where the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReadOnlyPath {
    path: &'static str,
    reason: &'static str,
}

impl ReadOnlyPath {
    /// Gives the absolute path inside the sandbox.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Gives the reason for keeping it from being written.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// Lists the paths to hide, sorted.
///
/// A path that the running kernel does not have is left out by whoever applies the list; any other failure is one.
pub const fn masked_paths() -> &'static [MaskedPath] {
    table::MASKED
}

/// Lists the paths to make read-only, sorted; the same holds for those that the kernel does not have.
pub const fn read_only_paths() -> &'static [ReadOnlyPath] {
    table::READ_ONLY
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_path_is_normal_and_has_a_reason() {
        let masked = masked_paths().iter().map(|one| (one.path(), one.reason()));
        let read_only = read_only_paths().iter().map(|one| (one.path(), one.reason()));
        assert!(masked.clone().is_sorted_by(|left, right| left.0 < right.0));
        assert!(read_only.clone().is_sorted_by(|left, right| left.0 < right.0));
        for (path, reason) in masked.chain(read_only) {
            assert!(path == "/sys" || path.starts_with("/proc/") || path.starts_with("/sys/"), "{path}");
            let mut parts = Path::new(path).components();
            assert_eq!(parts.next(), Some(Component::RootDir));
            assert!(parts.all(|part| matches!(part, Component::Normal(_))), "{path}");
            assert!(!path.ends_with('/') && reason.len() > 10, "{path}");
        }
    }

    #[test]
    fn what_attacks_read_is_hidden_and_what_they_write_is_read_only() {
        let is_masked = |path| masked_paths().iter().any(|one| one.path() == path);
        for path in [
            "kcore",
            "kmsg",
            "keys",
            "timer_list",
            "kallsyms",
            "interrupts",
            "kpagecount",
            "config.gz",
            "cmdline",
            "version",
        ] {
            assert!(is_masked(format!("/proc/{path}")), "{path}");
        }
        for path in
            ["/sys/firmware", "/sys/kernel/debug", "/sys/devices/virtual/powercap", "/sys/kernel/vmcoreinfo"]
        {
            assert!(is_masked(path.to_owned()), "{path}");
        }
        for path in ["/proc/sys", "/proc/sysrq-trigger", "/proc/bus", "/proc/fs", "/proc/irq"] {
            assert!(read_only_paths().iter().any(|one| one.path() == path), "{path}");
        }
    }

    #[test]
    fn the_kind_of_every_masked_path_is_what_this_machine_has() {
        for one in masked_paths() {
            let Ok(found) = std::fs::symlink_metadata(one.path()) else { continue };
            assert_eq!(found.is_dir(), one.kind() == MaskKind::Folder, "{}", one.path());
            assert!(!found.is_symlink(), "{}", one.path());
        }
    }
}
