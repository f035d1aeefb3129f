//! The user's side of a run: signals are passed on, and with `-t` the user's terminal is raw while the sandbox's own
//! terminal does the editing.

use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use perry_sandbox_policy::Terminal;
use perry_sandbox_runner::{Command, CommandSource, Commands, Input, Output, Streams};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use terminal_size::{Height, Width, terminal_size};

/// Signals that a user or a service manager sends to end or poke a program. They are passed on even where a shell
/// that started us in the background had them ignored, as docker does.
const FORWARDED: [i32; 5] = [SIGINT, SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2];

/// What has to be put back at the end.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Rows and columns.
    pub(crate) window: (u16, u16),
    before: Option<Termios>,
}

/// The signals that reach us, as commands to the sandbox.
#[derive(Debug)]
struct Forwarded {
    /// Readable when a signal has come.
    wake: UnixStream,
    signals: Mutex<SignalDelivery<UnixStream, SignalOnly>>,
    /// Whether the program has been asked to end, where a second time kills it.
    asked: Option<AtomicBool>,
}

impl Forwarded {
    /// Whether it is the second SIGTERM. What is typed means what the program makes of it, however often.
    fn is_enough(&self, number: i32) -> bool {
        number == SIGTERM && self.asked.as_ref().is_some_and(|asked| asked.swap(true, Ordering::Relaxed))
    }
}

impl CommandSource for Forwarded {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn take(&self) -> Vec<Command> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let command = |number| match number {
            SIGWINCH => {
                let (rows, columns) = window();
                Command::Window { rows, columns }
            }
            other if self.is_enough(other) => Command::Kill,
            other => Command::Signal(other),
        };
        signals.pending().map(command).collect()
    }
}

/// Begins to collect signals.
fn forwarded(asked: Option<AtomicBool>) -> io::Result<Forwarded> {
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let numbers = FORWARDED.into_iter().chain([SIGWINCH]).chain(hangup);
    let (read, write) = UnixStream::pair()?;
    let wake = read.try_clone()?;
    let signals = Mutex::new(SignalDelivery::with_pipe(read, write, SignalOnly, numbers)?);
    Ok(Forwarded { wake, signals, asked })
}

/// Rows and columns of the user's terminal, or of one as it is thought of.
///
/// # Errors
/// There is one, and its settings cannot be read: it could not be made raw.
pub(crate) fn usable() -> anyhow::Result<(u16, u16)> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        tcgetattr(stdin.as_fd()).context("reading the terminal's settings")?;
    }
    Ok(window())
}

/// Makes the user's terminal raw where there is one, as long as the sandbox's own does the editing.
///
/// # Errors
/// The system refuses.
pub(crate) fn raw() -> anyhow::Result<Attached> {
    let window = usable()?;
    let before = if io::stdin().is_terminal() { Some(make_raw()?) } else { None };
    Ok(Attached { window, before })
}

/// Begins to pass signals on, and makes the user's terminal raw where the sandbox has one of its own. With `asked` a second
/// SIGTERM kills: a program that joins has no stop of its own.
///
/// # Errors
/// The system refuses.
pub(crate) fn attach(terminal: Terminal, asked: Option<AtomicBool>) -> anyhow::Result<(Attached, Commands)> {
    let commands = Commands::of(forwarded(asked).context("listening for signals")?);
    let attached =
        if terminal == Terminal::Own { raw()? } else { Attached { window: window(), before: None } };
    Ok((attached, commands))
}

/// The user's own streams; with `capture`, what the program writes is kept instead.
///
/// # Errors
/// One of them is not there.
pub(crate) fn streams(capture: bool) -> anyhow::Result<Streams> {
    let own = "duplicating a standard stream";
    let stdin = Input::Descriptor(io::stdin().as_fd().try_clone_to_owned().context(own)?);
    if capture {
        return Ok(Streams { stdin, stdout: Output::Capture, stderr: Output::Capture });
    }
    Ok(Streams {
        stdin,
        stdout: Output::Descriptor(io::stdout().as_fd().try_clone_to_owned().context(own)?),
        stderr: Output::Descriptor(io::stderr().as_fd().try_clone_to_owned().context(own)?),
    })
}

/// Whether we were started with that signal ignored, as `nohup` does with SIGHUP.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    u32::try_from(number)
        .is_ok_and(|number| mask.checked_shr(number.saturating_sub(1)).is_some_and(|rest| rest & 1 == 1))
}

fn window() -> (u16, u16) {
    terminal_size().map_or((24, 80), |(Width(columns), Height(rows))| (rows, columns))
}

fn make_raw() -> anyhow::Result<Termios> {
    let stdin = io::stdin();
    let before = tcgetattr(stdin.as_fd()).context("reading the terminal's settings")?;
    let mut raw = before.clone();
    cfmakeraw(&mut raw);
    tcsetattr(stdin.as_fd(), SetArg::TCSADRAIN, &raw).context("making the terminal raw")?;
    Ok(before)
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The terminal may be gone; then there is nothing to put back.
            let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSADRAIN, before);
        }
    }
}
