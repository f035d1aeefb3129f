//! The monitor's process: started with as little as possible, and gone when this value is.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::command::{Size, arguments};
use super::machine::{Accelerator, Machine};
use super::order::VmOrder;
use crate::native::{
    Domain, Ids, RANGE_BASE, RANGE_LENGTH, Walls, domain_of_monitor, open_pidfd, spawn_walled,
};

/// Memory of the monitor itself, with the code that it translates to.
const OWN_MEMORY: u64 = 768 << 20;

/// Where programs have their libraries and data.
const SYSTEM: [&str; 5] = ["/usr", "/lib", "/lib64", "/nix/store", "/gnu/store"];

/// What the monitor may touch of the host's files: programs and libraries, to read them; the kernel; the accelerator.
fn domain(machine: &Machine) -> Option<Domain> {
    if !machine.landlock {
        return None;
    }
    let there = |path: &Path| path.canonicalize().ok();
    // Beside `bin` a program has its own data.
    let own = machine.program.parent().and_then(Path::parent).filter(|folder| folder.parent().is_some());
    let folders: Vec<_> =
        SYSTEM.iter().map(Path::new).chain(own).filter_map(there).filter(|path| path.is_dir()).collect();
    let files = [machine.program.as_path(), &machine.kernel, Path::new("/etc/ld.so.cache")];
    let files: Vec<_> = files.into_iter().filter_map(there).collect();
    let devices = [Path::new("/dev/kvm")];
    let devices = devices.into_iter().filter(|_| machine.accelerator == Accelerator::Kvm);
    let devices: Vec<_> = devices.filter_map(there).collect();
    domain_of_monitor(&folders, &files, &devices)
}

/// A monitor that runs.
#[derive(Debug)]
pub(crate) struct Monitor {
    child: Child,
    pidfd: OwnedFd,
    /// The guest's serial port; never blocks.
    pub(crate) port: UnixStream,
    /// What the monitor says about itself.
    pub(crate) words: Option<ChildStderr>,
}

impl Monitor {
    /// Starts it. The kernel is opened here: the monitor may be a user that cannot reach its folder.
    pub(crate) fn start(order: &VmOrder, disk: &File, size: Size) -> io::Result<Self> {
        let kernel = File::open(&order.machine.kernel)?;
        let (port, inner) = UnixStream::pair()?;
        port.set_nonblocking(true)?;
        let inner = OwnedFd::from(inner);
        let kept = (kernel.as_raw_fd(), disk.as_raw_fd());
        let mut command = Command::new(&order.machine.program);
        command
            .args(arguments(&order.machine, kept, size, order.writable()))
            .env_clear()
            .current_dir("/")
            // What is sent to all of the caller's group is for the caller to act on.
            .process_group(0)
            .stdin(inner.try_clone()?)
            .stdout(inner)
            .stderr(Stdio::piped());
        if Ids::of_this_process() == Ids::Range {
            let (uid, gid) = nobody_else(order.machine.accelerator);
            command.uid(uid).gid(gid);
        }
        let walls = Walls {
            namespaces: order.machine.namespaces,
            memory: size.mebibytes.saturating_mul(1 << 20).saturating_add(OWN_MEMORY),
            domain: domain(&order.machine),
        };
        let mut child = spawn_walled(&mut command, vec![kept.0, kept.1], &walls)?;
        let words = child.stderr.take();
        match open_pidfd(child.id()) {
            Ok(pidfd) => Ok(Self { child, pidfd, port, words }),
            Err(errno) => {
                end(&mut child);
                Err(errno.into())
            }
        }
    }

    /// Readable when it is gone.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Ends it.
    pub(crate) fn end(&mut self) {
        end(&mut self.child);
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end();
    }
}

fn end(child: &mut Child) {
    // One that is gone needs no signal, and is collected all the same.
    drop(child.kill());
    drop(child.wait());
}

/// A user that no file of the host belongs to, nor any sandbox, nor another monitor: beyond the range of the sandboxes, by
/// the number of this very process.
fn nobody_else(accelerator: Accelerator) -> (u32, u32) {
    let beyond = RANGE_BASE.saturating_add(RANGE_LENGTH).saturating_add(1);
    let id = beyond.saturating_add(std::process::id());
    let group = std::fs::metadata("/dev/kvm").ok().filter(|_| accelerator == Accelerator::Kvm);
    // The device is its group's, where it is not everybody's.
    let group = group.filter(|found| found.mode() & 0o060 == 0o060).map(|found| found.gid());
    (id, group.filter(|group| *group != 0).unwrap_or(id))
}
