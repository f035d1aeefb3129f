//! A process of ours that outlives a killed runner: an engine keeps a sandbox whoever asked for it.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use super::place::abandoned;
use crate::native::{Role, receive, send, start_helper};

/// How long its start may take, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a dead runner may keep its lock, and an engine fail to remove a sandbox.
const DYING: Duration = Duration::from_secs(60);
const READY: &[u8] = b"ready";

/// Waits for the end of this process, to remove a sandbox then.
#[derive(Debug)]
pub(super) struct Guard {
    /// There until this is dropped.
    child: Option<Child>,
    folder: PathBuf,
    control: Option<UnixStream>,
}

impl Guard {
    /// Starts one for the sandbox of this folder.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = start_helper(Path::new("/proc/self/exe"), Role::Guard, theirs.into())?;
        let guard = Self { child: Some(child), folder: folder.to_owned(), control: Some(ours) };
        let text = serde_json::to_vec(folder)?;
        guard.control().and_then(|control| send(control, &text, &[]))?;
        Ok(guard)
    }

    fn control(&self) -> io::Result<&UnixStream> {
        self.control.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Waits until it guards. Only then may there be something to remove.
    pub(super) fn ready(&self) -> io::Result<()> {
        let control = self.control()?;
        control.set_read_timeout(Some(PATIENCE))?;
        let mut word = [0; READY.len()];
        (&*control).read_exact(&mut word).map_err(|error| {
            let why = "the program was executed again to guard the sandbox and does not call `helper_hook` first thing";
            io::Error::new(error.kind(), why)
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.control.take());
        let Some(mut child) = self.child.take() else { return };
        if self.folder.exists() {
            // An engine that does not answer may keep it for long, and how the run ended is told meanwhile.
            std::thread::spawn(move || child.wait());
        } else {
            // What it guarded is gone.
            drop(child.wait());
        }
    }
}

/// What such a process does.
pub(crate) fn guard(control: &UnixStream) -> io::Result<()> {
    // What kills the runner's whole group is to leave this one alive.
    nix::unistd::setsid()?;
    let Some((text, _)) = receive(control)? else { return Ok(()) };
    let folder: PathBuf = serde_json::from_slice(&text)?;
    io::Write::write_all(&mut &*control, READY)?;
    // Nothing is ever sent: this waits for the runner's end.
    let mut rest = [0; 1];
    while (&*control).read(&mut rest).is_ok_and(|read| read > 0) {}
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    while folder.exists() && begun.elapsed() < DYING {
        if abandoned(&folder).is_ok_and(|done| done) {
            break;
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_secs(1));
    }
    Ok(())
}
