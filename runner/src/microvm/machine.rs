//! Which monitor, kernel and accelerator this host has, found by looking and by asking the monitor itself.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::command::SANDBOX;
use super::guest_program::guest_program;

/// What the caller lets this backend use. The environment is read by nobody here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Folders in which the monitor is looked for, as in `PATH`.
    pub(crate) folders: Vec<PathBuf>,
    /// Kernel images for the guest, the preferred first: `vmlinux` with a serial port, initramfs, tmpfs and cgroups built in.
    pub(crate) kernels: Vec<PathBuf>,
    /// Whether a machine may be emulated where the processor cannot help: it holds, and takes seconds.
    pub(crate) emulation: bool,
}

/// How the guest's instructions are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Accelerator {
    /// By the processor.
    Kvm,
    /// By translation, in the monitor.
    Tcg,
}

/// Everything of the host that a microvm is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The monitor, without links.
    pub(crate) program: PathBuf,
    /// Its version, as it says itself.
    pub(crate) version: String,
    /// The guest's kernel, without links.
    pub(crate) kernel: PathBuf,
    /// Who runs the guest's instructions.
    pub(crate) accelerator: Accelerator,
    /// Whether the monitor has a seccomp filter for itself.
    pub(crate) filtered: bool,
    /// Whether it gets namespaces of its own.
    pub(crate) namespaces: bool,
    /// Whether Landlock keeps it from the host's files.
    pub(crate) landlock: bool,
}

/// Why there is no microvm on this host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Missing {
    /// No monitor at all.
    #[error("there is no {PROGRAM} in the folders of PATH")]
    Program,
    /// A monitor that nobody should execute, or that cannot do this.
    #[error("{} cannot be used: {why}", path.display())]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// No kernel.
    #[error("there is no kernel image for the guest (looked for: {0})")]
    Kernel(String),
    /// Nobody runs the guest's instructions.
    #[error("the processor's help is not there ({0}), and emulation is not allowed")]
    Accelerator(&'static str),
    /// Built without.
    #[error("this program was built without the guest's program")]
    Guest,
}

impl Missing {
    /// What the user can do.
    pub(crate) const fn remedy(&self) -> &'static str {
        match self {
            Self::Program => "install QEMU for x86_64 (qemu-system-x86)",
            Self::Unusable { .. } => {
                "use a file of root or of this user that nobody else can write, from the distribution's own package"
            }
            Self::Kernel(_) => "put an unpacked vmlinux at one of these places",
            Self::Accelerator(_) => {
                "load kvm_intel or kvm_amd and give this user /dev/kvm, or allow emulation, which takes seconds for each run"
            }
            Self::Guest => {
                "build it on a machine with a static C library (libc6-dev, glibc-static), for x86_64"
            }
        }
    }
}

/// The monitor's name.
const PROGRAM: &str = "qemu-system-x86_64";
/// How long the monitor may think about all questions together.
const PATIENCE: Duration = Duration::from_secs(2);

/// The monitor: its path, its version, and whether it has a filter for itself. Nothing where there is none.
pub(crate) fn monitor(folders: &[PathBuf]) -> Result<(PathBuf, String, bool), Missing> {
    let found = folders.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(PROGRAM));
    let path = found.into_iter().find(|path| path.is_file()).ok_or(Missing::Program)?;
    let path = trusted(&path)?;
    let unusable = |why: &str| Missing::Unusable { path: path.clone(), why: why.to_owned() };
    let now = Instant::now();
    let until = now.checked_add(PATIENCE).unwrap_or(now);
    let version = ask(&path, &["--version"], until).ok_or_else(|| unusable("it does not say its version"))?;
    let version = version.lines().next().and_then(|line| line.split("version ").nth(1)).unwrap_or_default();
    let version: String =
        version.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').take(20).collect();
    // With its own filter on, where it has one: it then says whether it knows this kind of machine.
    let with_filter = ask(&path, &["-sandbox", SANDBOX, "-machine", "help"], until);
    let filtered = with_filter.is_some();
    let kinds = with_filter.or_else(|| ask(&path, &["-machine", "help"], until)).unwrap_or_default();
    if !kinds.lines().any(|line| line.starts_with("microvm ")) {
        return Err(unusable("it knows no machine `microvm`"));
    }
    Ok((path, version, filtered))
}

/// The rest of a machine.
pub(crate) fn machine(choice: &Choice) -> Result<Machine, Missing> {
    let (program, version, filtered) = monitor(&choice.folders)?;
    guest_program().ok_or(Missing::Guest)?;
    let kernel = choice.kernels.iter().find(|path| path.is_file()).ok_or_else(|| {
        let all: Vec<_> = choice.kernels.iter().map(|path| path.display().to_string()).collect();
        Missing::Kernel(all.join(", "))
    })?;
    let kernel = trusted(kernel)?;
    let accelerator = accelerator(Path::new("/sys/module"), Path::new("/dev/kvm"));
    let accelerator = match accelerator {
        Ok(()) => Accelerator::Kvm,
        Err(_) if choice.emulation => Accelerator::Tcg,
        Err(why) => return Err(Missing::Accelerator(why)),
    };
    let namespaces = crate::native::try_namespaces().is_ok();
    let landlock = crate::native::has_domains();
    Ok(Machine { program, version, kernel, accelerator, filtered, namespaces, landlock })
}

/// Whether the processor itself can run a guest. A /dev/kvm alone says little: with other modules behind it (PVM) a stock
/// guest is interpreted, and hangs.
fn accelerator(modules: &Path, device: &Path) -> Result<(), &'static str> {
    if !["kvm_intel", "kvm_amd"].iter().any(|name| modules.join(name).is_dir()) {
        return Err("neither kvm_intel nor kvm_amd is loaded");
    }
    let opened = OpenOptions::new().read(true).write(true).open(device);
    opened.map(drop).map_err(|_| "/dev/kvm cannot be opened")
}

/// The file behind a path, if only root or this user can have written it.
///
/// SECURITY: it is executed, or is the kernel of the wall: whoever can write it can do what this user can.
fn trusted(path: &Path) -> Result<PathBuf, Missing> {
    let unusable = |why: String| Missing::Unusable { path: path.to_owned(), why };
    let real = fs::canonicalize(path).map_err(|error| unusable(error.to_string()))?;
    let found = fs::metadata(&real).map_err(|error| unusable(error.to_string()))?;
    let own = nix::unistd::geteuid().as_raw();
    if !found.is_file() || (found.uid() != 0 && found.uid() != own) || found.mode() & 0o022 != 0 {
        let why = format!("it is of user {} with mode {:o}", found.uid(), found.mode() & 0o7777);
        return Err(unusable(why));
    }
    File::open(&real).map_err(|error| unusable(error.to_string()))?;
    Ok(real)
}

/// What the monitor answers; nothing when it fails, or says nothing for too long.
fn ask(program: &Path, arguments: &[&str], until: Instant) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => break None,
        }
    };
    if status.is_none() {
        // It is gone already, or ends here.
        drop(child.kill());
        drop(child.wait());
    }
    let mut text = String::new();
    // It has ended: what it wrote is in the pipe, which holds more than is read.
    child.stdout.take()?.take(60_000).read_to_string(&mut text).ok()?;
    status.filter(std::process::ExitStatus::success).map(|_| text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_device_without_the_processors_modules_is_no_accelerator() {
        let place = tempfile::tempdir().unwrap();
        let (modules, device) = (place.path().join("module"), place.path().join("kvm"));
        fs::create_dir_all(modules.join("kvm_pvm")).unwrap();
        fs::write(&device, "").unwrap();
        assert_eq!(accelerator(&modules, &device), Err("neither kvm_intel nor kvm_amd is loaded"));
        fs::create_dir(modules.join("kvm_amd")).unwrap();
        assert_eq!(accelerator(&modules, &device), Ok(()));
        assert_eq!(accelerator(&modules, &place.path().join("none")), Err("/dev/kvm cannot be opened"));
    }

    #[test]
    fn a_file_that_others_can_write_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("vmlinux");
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(trusted(&file).is_ok());
        for mode in [0o664, 0o646] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let refused = trusted(&file).unwrap_err().to_string();
            assert!(refused.contains("with mode 6"), "{refused}");
        }
        assert!(trusted(place.path()).is_err(), "a folder");
    }

    #[test]
    fn a_monitor_that_says_nothing_or_knows_no_such_machine_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let folders = [PathBuf::from("relative"), place.path().to_owned()];
        assert_eq!(monitor(&folders), Err(Missing::Program));
        let file = place.path().join(PROGRAM);
        let script = |text: &str| {
            perry_sandbox_testkit::write_program(&file, &format!("#!/bin/sh\n{text}\n"));
            monitor(&folders)
        };
        assert!(script("exit 1").unwrap_err().to_string().contains("does not say its version"));
        let other = "[ $1 = --version ] && echo 'QEMU emulator version 7.2.1 (x)' || echo 'pc  old'";
        assert!(script(other).unwrap_err().to_string().contains("knows no machine `microvm`"));
        let unfiltered = "case $1 in --version) echo 'QEMU emulator version 7.2.1 (x)';; -sandbox) exit 1;; *) echo 'microvm  m';; esac";
        assert_eq!(script(unfiltered).unwrap(), (file.canonicalize().unwrap(), "7.2.1".to_owned(), false));
    }
}
