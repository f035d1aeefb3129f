//! `up` without `--detach`: shows what services write, until all have ended or the user ends them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_engine::{Condition, Interrupt, Machine, StopHow, World as _, stop_heeding};
use perry_sandbox_runner::SandboxId;

use super::args::UpArgs;
use super::stream::{Look, Stream};
use crate::exit::Exit;
use crate::output::{self, Failure};

/// From one look at the services to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows what these write from then on, until the end; their ends decide the exit code where the user asks for it.
pub(super) fn follow(
    machine: &Machine<'_>,
    running: &[(String, String)],
    (args, since): (&UpArgs, Timestamp),
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let look = Look {
        timestamps: args.timestamps,
        prefix: !args.no_log_prefix,
        colour: output::has_colour(),
        since: Some(since),
        until: None,
    };
    let names = names(running);
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let enough = AtomicBool::new(false);
    let mut open = Vec::new();
    for (number, ((service, id), name)) in running.iter().zip(&names).enumerate() {
        let id: SandboxId = id.parse().map_err(|_| Failure::NoService(service.clone()))?;
        let logs = machine.sandboxes().logs(&id, None, true)?;
        open.push((Stream::new(name, number, width, look), logs));
    }
    thread::scope(|scope| {
        for (mut stream, mut logs) in open {
            let enough = &enough;
            scope.spawn(move || stream.print(&mut logs, enough));
        }
        let exit = watch(machine, running, args, interrupt);
        // Whatever they said at their end is still shown: a stream ends with its sandbox.
        if matches!(exit, Ok(Exit::Interrupted)) {
            enough.store(interrupt.times() > 1, Ordering::Relaxed);
        }
        exit
    })
}

/// What each is called: its service, with a number where there are several of that.
fn names(running: &[(String, String)]) -> Vec<String> {
    let of = |service: &String, until: usize| {
        running.iter().take(until).filter(|(other, _)| other == service).count()
    };
    let name = |(at, (service, _)): (usize, &(String, String))| {
        if of(service, running.len()) == 1 {
            return service.clone();
        }
        format!("{service}-{}", of(service, at).saturating_add(1))
    };
    running.iter().enumerate().map(name).collect()
}

/// Watches services until all have ended, one has that ends all, or the user has had enough.
fn watch(
    machine: &Machine<'_>,
    running: &[(String, String)],
    args: &UpArgs,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let mut over: BTreeSet<&str> = BTreeSet::new();
    let mut code = None;
    loop {
        for (service, id) in running {
            if over.contains(id.as_str()) {
                continue;
            }
            let ended = match machine.look(id) {
                Ok(Some(Condition::Exited(code))) => Some(code),
                // Killed, lost, or removed by somebody else.
                Ok(Some(Condition::Lost(_)) | None) | Err(_) => Some(137),
                Ok(Some(Condition::Created | Condition::Running(_) | Condition::Restarted(_))) => None,
            };
            let Some(ended) = ended else { continue };
            over.insert(id);
            output::note(&format!("{service} has ended with code {ended}"));
            if args.exit_code_from.as_ref() == Some(service) {
                code = Some(Exit::Code(ended));
            }
            let aborts = args.abort_on_container_exit || args.abort_on_container_failure && ended != 0;
            if (aborts || args.exit_code_from.is_some()) && code.is_none() {
                code = Some(Exit::Code(ended));
            }
        }
        if code.is_some() || interrupt.is_asked() {
            end_all(machine, running, args, interrupt);
            return Ok(code.unwrap_or(Exit::Interrupted));
        }
        if over.len() == running.len() {
            return Ok(Exit::Done);
        }
        thread::sleep(PAUSE);
    }
}

/// Ends all, the last started first; a second interrupt kills.
fn end_all(machine: &Machine<'_>, running: &[(String, String)], args: &UpArgs, interrupt: &Interrupt) {
    for (service, id) in running.iter().rev() {
        let own = machine.stop_how(id);
        let how = StopHow { grace: args.timeout.map(Duration::from_secs).or(own.grace), ..own };
        if let Err(error) = stop_heeding(machine, id, how, interrupt) {
            output::note(&format!("error: {service}: {error}"));
        }
    }
}
