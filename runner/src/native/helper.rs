//! This very program as a process of ours: a launcher, or the supervisor of a detached sandbox.
//!
//! A program that uses this library is executed again under a name of ours, with a socket of ours as its standard input.
//! Both must be there: no variable of the environment decides, and a user who runs the program by hand under such a name
//! gets the program itself. So does whoever runs a program that is more than its user (set-id bits, file capabilities).

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use nix::sys::signal::SigSet;
use nix::sys::socket::{AddressFamily, SockType, SockaddrLike as _, getsockname, getsockopt, sockopt};

use super::launcher::serve;
use super::message::is_ours;
use super::sys::{NoBrokenPipeSignal, close_from, exit_now, is_privileged};

/// What a process of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Clones sandboxes for its program, and ends with it.
    Launcher,
    /// Starts a supervisor that nobody is the parent of, and ends.
    Detacher,
    /// Stays with one sandbox to its end.
    Supervisor,
    /// Removes the sandbox of an engine when its runner is killed.
    Guard,
    /// Keeps a network of an ordinary user.
    Keeper,
    /// Starts a sandbox of an engine that is asked over a socket, and passes its streams on.
    Client,
    /// Starts the monitor of one microvm, and stays with it.
    Machine,
    /// Runs one WebAssembly module.
    #[cfg(feature = "wasm")]
    Module,
}

impl Role {
    const ALL: &[Self] = &[
        Self::Launcher,
        Self::Detacher,
        Self::Supervisor,
        Self::Guard,
        Self::Keeper,
        Self::Client,
        Self::Machine,
        #[cfg(feature = "wasm")]
        Self::Module,
    ];

    /// The name that such a process is started with.
    const fn name(self) -> &'static str {
        match self {
            Self::Launcher => "perry-sandbox-launcher",
            Self::Detacher => "perry-sandbox-detacher",
            Self::Supervisor => "perry-sandbox-supervisor",
            Self::Machine => "perry-sandbox-machine",
            Self::Guard => "perry-sandbox-guard",
            Self::Keeper => "perry-sandbox-keeper",
            Self::Client => "perry-sandbox-client",
            #[cfg(feature = "wasm")]
            Self::Module => "perry-sandbox-module",
        }
    }

    /// Whether a process of this name may start one of another: whoever serves as one has called the hook.
    const fn may_start(self, other: Self) -> bool {
        match self {
            Self::Detacher => matches!(other, Self::Supervisor),
            // One sandbox each, and none of these starts anything.
            Self::Supervisor => {
                !matches!(other, Self::Launcher | Self::Detacher | Self::Supervisor | Self::Keeper)
            }
            Self::Launcher | Self::Guard | Self::Keeper | Self::Client | Self::Machine => false,
            #[cfg(feature = "wasm")]
            Self::Module => false,
        }
    }
}

/// Starts a program as a process of ours. It gets nothing of this process but the socket.
///
/// SECURITY: a program that does not call the hook would run its own `main` again here, start another of itself, and so on
/// without end. So a process with one of our names starts none but those that [`Role::may_start`] names.
pub(crate) fn start(program: &Path, role: Role, control: OwnedFd) -> io::Result<Child> {
    if !named().is_none_or(|own| own.may_start(role)) {
        let why =
            "this program was executed again to serve as a helper and did not call `helper_hook` first thing";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    if is_privileged() {
        let why = "this program has more rights than its user, by set-id bits or file capabilities, and is not executed again as a helper; take them away";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Command::new(program)
        .arg0(role.name())
        .env_clear()
        .current_dir("/")
        .stdin(control)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// What this process is called, if that is one of our names.
fn named() -> Option<Role> {
    // Not from the standard library: before `main` it may not know the arguments yet.
    let mut text = [0; 64];
    let length = File::open("/proc/self/cmdline").and_then(|mut file| file.read(&mut text)).ok()?;
    let name = text.get(..length)?.split(|byte| *byte == 0).next()?;
    Role::ALL.iter().copied().find(|role| role.name().as_bytes() == name)
}

/// What this process was started as, and its socket.
///
/// SECURITY: name and socket are the choice of whoever executes the program, and who is a helper obeys the socket. A program
/// that got rights from its file, which its user has not, would lend them to that user.
fn role() -> Option<(Role, UnixStream)> {
    let role = named().filter(|_| !is_privileged())?;
    let control = io::stdin().as_fd().try_clone_to_owned().ok()?;
    let family = getsockname::<nix::sys::socket::SockaddrStorage>(std::os::fd::AsRawFd::as_raw_fd(&control));
    let unix = family.is_ok_and(|address| address.family() == Some(AddressFamily::Unix));
    let stream = getsockopt(&control, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream);
    let control = UnixStream::from(control);
    (unix && stream && is_ours(&control)).then_some((role, control))
}

/// Serves as a launcher process or supervisor if this process was started as one, and answers how it should exit.
///
/// [`helper_hook`] is the form for programs whose `main` is not theirs.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     if let Some(code) = perry_sandbox_runner::launcher_main() {
///         return code;
///     }
///     // … the program itself
///     std::process::ExitCode::SUCCESS
/// }
/// ```
pub fn launcher_main() -> Option<ExitCode> {
    serve_if_helper().map(|served| if served { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns at once in an ordinary process. In one that was started as a launcher process or supervisor it serves, and
/// ends the process without returning.
///
/// May be called first thing in `main`, or before it from an ELF constructor (`.init_array`) of a program whose `main`
/// is not ours, such as a compiled Perry program: it needs nothing that a `main` sets up, runs no exit handler, and in
/// an ordinary process only reads `/proc/self/cmdline`. One call serves for both kinds of process.
pub fn helper_hook() {
    if let Some(served) = serve_if_helper() {
        exit_now(i32::from(!served));
    }
}

fn serve_if_helper() -> Option<bool> {
    let (role, control) = role()?;
    // The program that started us may have had descriptors that are not closed by exec.
    drop(control);
    close_from(3);
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    // Before `main` nobody has said yet that writing to a closed pipe is only an error.
    let _signal = NoBrokenPipeSignal::new().ok()?;
    let answer = match role {
        Role::Launcher => deaf().and_then(|()| serve(&control)),
        Role::Detacher => detach(control),
        Role::Supervisor => crate::lifecycle::supervise_detached(&control),
        Role::Machine => deaf().and_then(|()| crate::microvm::serve(&control)),
        Role::Keeper => deaf().and_then(|()| crate::project::keep(&control)),
        Role::Guard => deaf().and_then(|()| crate::backends::guard(&control)),
        Role::Client => deaf().and_then(|()| crate::backends::attend(&control)),
        #[cfg(feature = "wasm")]
        Role::Module => crate::wasm::serve(&control),
    };
    Some(answer.is_ok())
}

/// What is sent to all of a program's group, ^C among it, is for the program to act on: its sandboxes are ended by it, or with
/// it, and a launcher process that ended first could remove nothing. What it starts hears signals again.
fn deaf() -> io::Result<()> {
    Ok(SigSet::all().thread_block()?)
}

/// In a session of its own and without a parent that must collect it, a supervisor is nobody's business.
fn detach(control: UnixStream) -> io::Result<()> {
    nix::unistd::setsid()?;
    // Not waited for: it is to outlive this process.
    start(Path::new("/proc/self/exe"), Role::Supervisor, control.into()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_ours_starts_one_other_kind_or_none() {
        let pairs = Role::ALL.iter().flat_map(|own| Role::ALL.iter().map(move |other| (*own, *other)));
        let may: Vec<_> = pairs.filter(|(own, other)| own.may_start(*other)).collect();
        assert!(may.contains(&(Role::Detacher, Role::Supervisor)), "{may:?}");
        let others = may.into_iter().filter(|(own, _)| *own != Role::Detacher);
        let starters: Vec<_> = others.filter(|(own, _)| *own != Role::Supervisor).collect();
        assert_eq!(starters, [], "only a supervisor starts a sandbox");
        // No way back: the line of those who start each other ends.
        for own in [Role::Launcher, Role::Detacher, Role::Supervisor] {
            assert!(!Role::Supervisor.may_start(own));
        }
    }
}
