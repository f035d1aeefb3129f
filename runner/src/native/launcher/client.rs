//! The program's side.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::sync::{Mutex, PoisonError};

use super::frame;
use crate::native::helper::{self, Role};
use crate::native::spec::Spec;
use crate::native::start::Given;

/// A launcher process. It ends, and with it every sandbox that it started, when this value is dropped or this process
/// dies, however it dies.
#[derive(Debug)]
pub struct Launcher {
    /// Requests must not mix.
    control: Mutex<Option<UnixStream>>,
    process: Child,
}

impl Launcher {
    /// Starts one from a program that calls [`launcher_main`](crate::launcher_main) first thing: usually this program
    /// itself, `std::env::current_exe()`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(program: &Path) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let process = helper::start(program, Role::Launcher, theirs.into())?;
        Ok(Self { control: Mutex::new(Some(ours)), process })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn send(&self, spec: &Spec, given: &Given) -> io::Result<()> {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || io::Error::new(io::ErrorKind::BrokenPipe, "the launcher process has died");
        frame::send(control.as_ref().ok_or_else(closed)?, spec, given)
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // Closing the socket ends it.
        drop(self.control.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        // It is collected so that no zombie stays; it cannot be waited for twice.
        self.process.wait().ok();
    }
}
