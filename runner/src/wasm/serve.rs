//! The body of the process that runs one module.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::signal::{SigSet, Signal};

use super::answer::{Failure, FailureKind, Speaker, WasmAnswer};
use super::confine;
use super::execute;
use super::module;
use super::order::{FIRST_DESCRIPTORS, WasmOrder};
use super::watch::Watcher;
use crate::native::{Ids, filter_every_thread, receive};
use crate::outcome::{End, Limit};

/// Runs the module of the one order that comes, and ends the process with an answer.
pub(crate) fn serve(control: &UnixStream) -> io::Result<()> {
    let started = Instant::now();
    let Some((bytes, descriptors)) = receive(control)? else { return Ok(()) };
    let speaker = Arc::new(Speaker::new(control.try_clone()?));
    let answer = deaf()
        .map_err(Failure::setup("cannot hold signals back"))
        .and_then(|()| Delivery::new(&bytes, descriptors))
        .and_then(|delivery| run(delivery, &speaker, started));
    speaker.end(&answer.unwrap_or_else(WasmAnswer::not_started))
}

/// The order with its descriptors, each in its place.
struct Delivery {
    order: WasmOrder,
    streams: [OwnedFd; 3],
    image: OwnedFd,
    groups: Vec<OwnedFd>,
    secrets: Vec<OwnedFd>,
}

impl Delivery {
    fn new(bytes: &[u8], descriptors: Vec<OwnedFd>) -> Result<Self, Failure> {
        let broken = |why: &dyn std::fmt::Display| {
            Failure::new(FailureKind::Setup, format_args!("cannot understand the order: {why}"))
        };
        let order: WasmOrder = serde_json::from_slice(bytes).map_err(|error| broken(&error))?;
        let wanted = FIRST_DESCRIPTORS.saturating_add(order.joins).saturating_add(order.secrets.len());
        if descriptors.len() != wanted {
            return Err(broken(&format_args!("{} descriptors came, not {wanted}", descriptors.len())));
        }
        let mut rest = descriptors.into_iter();
        let mut next = || rest.next().ok_or_else(|| broken(&"a descriptor is missing"));
        let streams = [next()?, next()?, next()?];
        let image = next()?;
        let groups = rest.by_ref().take(order.joins).collect();
        Ok(Self { streams, image, groups, secrets: rest.collect(), order })
    }
}

/// What is sent to all of a program's group, ^C among it, is for the program to act on. Faults of compiled code, and
/// limits of the kernel, are still heard.
fn deaf() -> nix::Result<()> {
    let mut held = SigSet::all();
    let heard = [
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGFPE,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGABRT,
        Signal::SIGSYS,
        Signal::SIGXCPU,
        Signal::SIGXFSZ,
    ];
    for signal in heard {
        held.remove(signal);
    }
    held.thread_set_mask()
}

/// Takes everything from this process that it can do without, then looks at the module for the first time.
fn run(delivery: Delivery, speaker: &Arc<Speaker>, started: Instant) -> Result<WasmAnswer, Failure> {
    let Delivery { order, streams, image, groups, secrets } = delivery;
    confine::join(&groups)?;
    let ids = Ids::of_this_process();
    let trees = confine::enter(&order, ids, image.as_fd(), &secrets)?;
    drop((image, groups, secrets));
    let [_, _, stderr] = &streams;
    let mut complaints = File::from(stderr.try_clone().map_err(Failure::setup("cannot use a stream"))?);
    let runtime = execute::runtime()?;
    let guest = execute::guest(&order, streams, &trees, &runtime)?;
    let memory = confine::memory_of_this_process()?;
    confine::leave()?;
    confine::give_up(&order, ids)?;
    let tmp = trees.tmp.try_clone().map_err(Failure::setup("cannot watch /tmp"))?;
    let watcher = Watcher { speaker: Arc::clone(speaker), limits: order.limits, started, memory, tmp };
    watcher.start().map_err(Failure::setup("cannot start a thread"))?;
    execute::start_threads(&runtime)?;
    filter_every_thread(&order.compiling)
        .map_err(Failure::setup("cannot load the filter for the compiler"))?;
    let engine = module::engine()?;
    let bytes = module::read(trees.image.as_fd(), &order.candidates)?;
    let module = module::compile(&engine, &bytes)?;
    drop(bytes);
    let linked = execute::link(&engine, &module)?;
    filter_every_thread(&order.running).map_err(Failure::setup("cannot load the filter for the module"))?;
    let mut answer = execute::run(&engine, &linked, guest, &runtime);
    if answer.limit.is_none() && answer.end != Some(End::Exited(0)) && confine::is_full(&trees.tmp) {
        answer.limit = Some(Limit::Disk);
    }
    if let Some(failure) = &answer.failure {
        // Whoever closed the stream does not want to know.
        writeln!(complaints, "perry-sandbox: the module was ended: {}", failure.text).ok();
    }
    Ok(answer)
}
