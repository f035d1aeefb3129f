//! The user's side of a run: signals are passed on, and with `-t` the user's terminal is raw while the sandbox's own
//! terminal does the editing.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use perry_sandbox_policy::Terminal;
use perry_sandbox_runner::Remote;
use terminal_size::{Height, Width, terminal_size};

/// Signals that a user or a service manager sends to end or poke a program.
const FORWARDED: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// What has to be put back at the end.
#[derive(Debug)]
pub(crate) struct Attached {
    /// Rows and columns.
    pub(crate) window: (u16, u16),
    before: Option<Termios>,
}

/// Begins to pass signals on, and makes the user's terminal raw where the sandbox has one of its own.
///
/// # Errors
/// The system refuses.
pub(crate) fn attach(terminal: Terminal, remote: Remote) -> anyhow::Result<Attached> {
    let mut signals = SigSet::empty();
    for signal in FORWARDED {
        signals.add(signal);
    }
    signals.add(Signal::SIGWINCH);
    // Blocked before the thread starts, so that they reach nobody but the descriptor.
    signals.thread_block().context("blocking signals")?;
    let descriptor =
        SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).context("listening for signals")?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || forward(&descriptor, &remote))?;
    let raw = terminal == Terminal::Own && std::io::stdin().is_terminal();
    Ok(Attached { window: window(), before: if raw { Some(make_raw()?) } else { None } })
}

fn forward(signals: &SignalFd, remote: &Remote) {
    while let Ok(Some(received)) = signals.read_signal() {
        let Ok(number) = i32::try_from(received.ssi_signo) else { continue };
        let sent = if Signal::try_from(number) == Ok(Signal::SIGWINCH) {
            let (rows, columns) = window();
            remote.resize(rows, columns)
        } else {
            remote.signal(number)
        };
        if sent.is_err() {
            return;
        }
    }
}

fn window() -> (u16, u16) {
    terminal_size().map_or((24, 80), |(Width(columns), Height(rows))| (rows, columns))
}

fn make_raw() -> anyhow::Result<Termios> {
    let stdin = std::io::stdin();
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
            let _ = tcsetattr(std::io::stdin().as_fd(), SetArg::TCSADRAIN, before);
        }
    }
}
