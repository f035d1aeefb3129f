//! Links a module to WASI preview 1, and runs it.

use std::os::fd::OwnedFd;
use std::time::Duration;

use perry_sandbox_policy::MountAccess;
use tokio::runtime::{Builder, Runtime};
use wasmtime::{Engine, InstancePre, Linker, Module, Store, Trap, UnknownImportError};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_async};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

use super::answer::{Failure, FailureKind, WasmAnswer};
use super::confine::{Trees, name_of};
use super::limiter::Limiter;
use super::order::WasmOrder;
use super::streams::{Inlet, Outlet};
use crate::outcome::{End, Limit};

/// What belongs to the running module.
pub(super) struct Guest {
    wasi: WasiP1Ctx,
    limiter: Limiter,
}

/// Drives the one thread that runs the module.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::MAX)
        .thread_stack_size(256 << 10)
        .build()
        .map_err(Failure::setup("cannot start the runtime"))
}

/// Makes the thread that reads files where that may take long. Later the filter lets the process make none.
pub(super) fn start_threads(runtime: &Runtime) -> Result<(), Failure> {
    let made = runtime.block_on(runtime.spawn_blocking(|| ()));
    made.map_err(Failure::setup("cannot start a thread"))
}

/// What the module gets: arguments, environment, streams and folders of the order, and nothing else.
pub(super) fn guest(
    order: &WasmOrder,
    streams: [OwnedFd; 3],
    trees: &Trees,
    runtime: &Runtime,
) -> Result<Guest, Failure> {
    let _inside = runtime.enter();
    let [stdin, stdout, stderr] = streams;
    let inlet = Inlet::new(stdin).map_err(Failure::setup("cannot use standard input"))?;
    let outlet = |descriptor| Outlet::new(descriptor).map_err(Failure::setup("cannot use an output"));
    let mut wasi = WasiCtxBuilder::new();
    wasi.allow_blocking_current_thread(true)
        .allow_tcp(false)
        .allow_udp(false)
        .stdin(inlet)
        .stdout(outlet(stdout)?)
        .stderr(outlet(stderr)?)
        .args(&order.argv);
    for (name, value) in &order.env {
        wasi.env(name, value);
    }
    let given = [(&trees.image, "/", FsPerms::ReadOnly), (&trees.tmp, "/tmp", FsPerms::ReadWrite)];
    let secrets = trees.secrets.iter().map(|tree| (tree, "/run/secrets", FsPerms::ReadOnly));
    let folders = order.mounts.iter().zip(&trees.folders).map(|(mount, tree)| {
        let may = if mount.access == MountAccess::Write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        (tree, mount.inside.as_str(), may)
    });
    for (tree, path, may) in given.into_iter().chain(secrets).chain(folders) {
        wasi.preopened_dir(name_of(tree), path, may)
            .map_err(Failure::setup("cannot open a folder for the module"))?;
    }
    Ok(Guest { wasi: wasi.build_p1(), limiter: Limiter::new(order.limits.memory) })
}

/// wasmtime's own `proc_exit` takes a code above 125 for a trap.
fn exit_as_processes_do(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let exit = |code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) };
    linker.allow_shadowing(true).func_wrap("wasi_snapshot_preview1", "proc_exit", exit).map(drop)
}

/// Finds everything that the module imports.
pub(super) fn link(engine: &Engine, module: &Module) -> Result<InstancePre<Guest>, Failure> {
    let mut linker = Linker::new(engine);
    add_to_linker_async(&mut linker, |guest: &mut Guest| &mut guest.wasi)
        .and_then(|()| exit_as_processes_do(&mut linker))
        .map_err(Failure::setup("cannot offer WASI preview 1"))?;
    let unfit = |text: String| Failure::new(FailureKind::ModuleUnfit, text);
    let found = linker.instantiate_pre(module).map_err(|error| {
        unfit(error.downcast_ref::<UnknownImportError>().map_or_else(
            || format!("the module does not fit WASI preview 1: {error:#}"),
            |unknown| {
                format!(
                    "the module imports `{}` of `{}`, which is not here: only WASI preview 1 (`wasi_snapshot_preview1`) is; build for wasm32-wasip1",
                    unknown.name(),
                    unknown.module()
                )
            },
        ))
    })?;
    let start = module.get_export("_start");
    let start = start.as_ref().and_then(wasmtime::ExternType::func);
    if start.is_none_or(|start| start.params().len() > 0 || start.results().len() > 0) {
        return Err(unfit(
            "the module exports no function `_start`, so it is a library and no program: build a command"
                .to_owned(),
        ));
    }
    Ok(found)
}

/// Runs it to its end.
pub(super) fn run(
    engine: &Engine,
    module: &InstancePre<Guest>,
    guest: Guest,
    runtime: &Runtime,
) -> WasmAnswer {
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    let ended = runtime.block_on(async {
        let instance = module.instantiate_async(&mut store).await?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        start.call_async(&mut store, ()).await
    });
    let refused = store.data().limiter.has_refused();
    // A memory that cannot even be as large as it starts is an error of its own, and no trap.
    conclude(ended, refused)
}

fn conclude(ended: wasmtime::Result<()>, refused: bool) -> WasmAnswer {
    let limit = refused.then_some(Limit::Memory);
    let Err(error) = ended else { return WasmAnswer::ended(End::Exited(0), None) };
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        // As the kernel does it for every process.
        let code = code & 0xff;
        return WasmAnswer::ended(End::Exited(code), limit.filter(|_| code != 0));
    }
    let trap = error.downcast_ref::<Trap>();
    let signal = if trap.is_none() && refused { libc::SIGKILL } else { signal_of(trap) };
    let text = trap.map_or_else(|| format!("{error:#}"), ToString::to_string);
    WasmAnswer { end: Some(End::Killed(signal)), limit, failure: Some(Failure::new(FailureKind::Trap, text)) }
}

/// The signal that a native program gets for the same.
fn signal_of(trap: Option<&Trap>) -> i32 {
    match trap {
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds | Trap::HeapMisaligned) => libc::SIGSEGV,
        Some(Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger) => {
            libc::SIGFPE
        }
        // Among them `unreachable`, which is what `abort` is compiled to.
        _ => libc::SIGABRT,
    }
}
