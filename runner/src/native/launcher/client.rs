//! The program's side.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::frame;
use super::turns::{Turn, Turns};
use crate::native::helper::{self, Role};
use crate::native::spec::Spec;
use crate::native::start::Given;
use crate::native::sys::open_pidfd;
use crate::native::wait::await_readable;
use crate::native::warm::Pool;

/// A launcher process. It ends, and with it every sandbox that it started, when this value is dropped or this process
/// dies, however it dies.
///
/// Any number of threads may launch at once: as many run as this process has descriptors for, less a quarter for sandboxes that
/// wait for a call, and the others wait for their turn in the order in which they came. When the launcher process dies, the runs that it had started end with an
/// error that says so, and the next one starts another.
#[derive(Debug)]
pub struct Launcher {
    // Its sandboxes are gone before the process is: the fields are dropped in this order.
    pool: Pool,
    cloner: Arc<Cloner>,
    turns: Turns,
}

/// The program's end of a launcher process, and how another is started in its place.
#[derive(Debug)]
pub(crate) struct Cloner {
    program: PathBuf,
    /// Requests must not mix.
    process: Mutex<Process>,
}

#[derive(Debug)]
struct Process {
    control: Option<UnixStream>,
    child: Child,
    /// Whose child it is.
    program: u32,
}

/// How long one may take to end after it was told to.
const PATIENCE: Duration = Duration::from_secs(5);

impl Process {
    fn start(program: &Path) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = helper::start(program, Role::Launcher, theirs.into())?;
        Ok(Self { control: Some(ours), child, program: std::process::id() })
    }

    fn send(&self, spec: &Spec, given: &Given, live: &Path) -> io::Result<()> {
        let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "the launcher process has died");
        frame::send(self.control.as_ref().ok_or_else(closed)?, spec, given, live)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A copy of the program that was forked off has a copy of the socket: it is not the one to end anything.
        if self.program != std::process::id() {
            return;
        }
        // Closing the socket ends it as well, where it is dead already or does not read.
        if let Some(control) = self.control.take() {
            control.set_nonblocking(true).and_then(|()| frame::leave(&control)).ok();
        }
        let ends = |pidfd: OwnedFd| await_readable(&pidfd, PATIENCE).unwrap_or(false);
        if !open_pidfd(self.child.id()).is_ok_and(ends) {
            // One that was stopped, say. Its sandboxes die with it.
            self.child.kill().ok();
        }
        // It is collected so that no zombie stays; it cannot be waited for twice.
        self.child.wait().ok();
    }
}

impl Launcher {
    /// Starts one from a program that calls [`helper_hook`](crate::helper_hook) or
    /// [`launcher_main`](crate::launcher_main) first thing: usually this program itself, `/proc/self/exe`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(program: &Path) -> io::Result<Self> {
        let process = Mutex::new(Process::start(program)?);
        let cloner = Arc::new(Cloner { program: program.to_owned(), process });
        let (turns, ready) = Turns::by_descriptors();
        Ok(Self { pool: Pool::new(Arc::clone(&cloner), ready), cloner, turns })
    }

    /// Its process id; another one after it has died and been started again.
    pub fn id(&self) -> u32 {
        self.cloner.process().child.id()
    }

    /// How many sandboxes are ready for a call; plans say how many of each kind are kept.
    pub fn ready(&self) -> usize {
        self.pool.ready()
    }

    /// Waits for a turn to launch.
    pub(crate) fn turn(&self) -> Turn<'_> {
        self.turns.enter()
    }

    /// The sandboxes that are ready.
    pub(crate) const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Hands a request over.
    pub(crate) fn send(&self, spec: &Spec, given: &Given, live: &Path) -> io::Result<()> {
        self.cloner.send(spec, given, live)
    }
}

impl Cloner {
    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A launcher process that is dead has not taken the request: another one is started, once.
    pub(crate) fn send(&self, spec: &Spec, given: &Given, live: &Path) -> io::Result<()> {
        let mut process = self.process();
        match process.send(spec, given, live) {
            Err(error) if is_death(&error) => {
                *process = Process::start(&self.program)?;
                process.send(spec, given, live)
            }
            other => other,
        }
    }
}

fn is_death(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
