//! What a supervisor and those who speak to it say to each other, and where.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::error::FailureKind;
use super::health::HealthOrder;
use super::id::SandboxId;
use super::log::LogBounds;
use super::restart::Restart;
use super::tree::Load;
use crate::backends::Work;
use crate::native::{Process, Settings, is_ours, open_pidfd, peek_exited};

/// The socket's name in a sandbox's folder.
const SOCKET: &str = "control";

/// What a supervisor is started with, beside the root folder, the lock, what keeps the image's tree in the store, the
/// values of the settings' secrets, and the input if there is one. There is no other way to make it start anything.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) settings: Settings,
    /// What is executed where an engine of the host runs it, and not we.
    pub(super) engine: Option<Work>,
    /// Where the image's root folder is.
    pub(super) root: PathBuf,
    pub(super) runtime: PathBuf,
    pub(super) id: SandboxId,
    /// Digest of the plan.
    pub(super) plan: Digest,
    /// What the plan of a program that joins must have in common with it.
    pub(super) shape: Digest,
    pub(super) manifest: Digest,
    /// The trail's folder, and the number of the line that says that this was started.
    pub(super) trail: Option<(PathBuf, u64)>,
    pub(super) window: (u16, u16),
    pub(super) input: bool,
    pub(super) restart: Restart,
    pub(super) log: LogBounds,
    pub(super) health: Option<HealthOrder>,
}

/// What a supervisor answers to its order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The program runs.
    Started,
    /// It does not, and nothing is left. Says whether the trail has the end of the run.
    Failed { kind: FailureKind, why: String, traced: bool },
}

/// What a supervisor can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Ask {
    /// To send a signal, and to kill when the sandbox has not ended in this time.
    Stop { signal: i32, grace: Duration },
    /// To send a signal, and nothing more.
    Signal { signal: i32 },
    /// To stop its processes, or to let them go on; answered by [`Answered`].
    Pause(Pause),
    /// To hand over the root folder of its first process; answered by [`Answered::Done`], with the descriptor.
    Root,
    /// To say what it uses; answered by [`Answered`].
    Measure,
    /// To list its processes; answered by [`Answered`].
    List,
    /// To let a program join; report and three streams come with it.
    Join(AskedJoin),
    /// To let one join that makes a terminal in the place of its streams. Not a flag of the other: a supervisor of an older
    /// version would not see it, and the program would say nothing and hear nothing.
    JoinOnTerminal(AskedJoin),
}

/// Whether its processes go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Pause {
    Begin,
    End,
}

/// What a supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answered {
    Done,
    Load(Load),
    Processes(Vec<u32>),
    Refused(String),
}

/// What is a joining program's own, and what its plan has in common with the sandbox's.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AskedJoin {
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: String,
    pub(super) shape: Digest,
    pub(super) manifest: Digest,
}

/// The socket's address by way of the folder's descriptor: a socket's own path may have 107 bytes only.
fn address(folder: &Path) -> io::Result<(File, PathBuf)> {
    let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let folder = OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd());
    Ok((folder, path.into()))
}

/// Listens for those who want something of a supervisor. Called with the sandbox's lock held: what is there is an old one.
pub(super) fn listen(folder: &Path) -> io::Result<UnixListener> {
    let (_folder, path) = address(folder)?;
    forget(folder);
    UnixListener::bind(path)
}

/// Removes the socket's name.
pub(super) fn forget(folder: &Path) {
    // One that is not there is what we want.
    fs::remove_file(folder.join(SOCKET)).ok();
}

/// Connects to a supervisor.
pub(super) fn connect(folder: &Path) -> io::Result<UnixStream> {
    let (_folder, path) = address(folder)?;
    let stream = UnixStream::connect(path)?;
    if is_ours(&stream) { Ok(stream) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Waits until a process is gone, at most so long; answers whether it is.
pub(super) fn gone_within(process: Process, patience: Option<Duration>) -> io::Result<bool> {
    match descriptor_of(process)? {
        None => Ok(true),
        Some(pidfd) => {
            let timeout = patience.map_or(PollTimeout::NONE, |patience| {
                PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)
            });
            loop {
                match poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], timeout) {
                    Ok(_) => return Ok(peek_exited(pidfd.as_fd())),
                    Err(nix::errno::Errno::EINTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }
}

/// A descriptor of a living process; nothing when it is gone.
pub(super) fn descriptor_of(process: Process) -> io::Result<Option<OwnedFd>> {
    let pidfd = match open_pidfd(process.pid) {
        Ok(pidfd) => pidfd,
        Err(errno) if errno.0 == libc::ESRCH => return Ok(None),
        Err(errno) => return Err(errno.into()),
    };
    // The descriptor first: when the number still stands for this process afterwards, so does the descriptor.
    Ok(process.is_alive().then_some(pidfd))
}
