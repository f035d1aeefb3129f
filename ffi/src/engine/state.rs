//! The engine itself, and what operations need of it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use perry_sandbox_pipeline::{Environment, Pipeline, PipelineError};
use perry_sandbox_runner::Launcher;

use super::{Lane, hook};
use crate::calls::Calls;
use crate::code::Code;
use crate::fault::Fault;
use crate::lock::lock;
use crate::streams::Streams;

/// Sandboxes that run at once; more wait.
const MOST_RUNS: usize = 64;
/// Short calls at once.
const MOST_SHORT: usize = 8;

/// Waits for something elsewhere at once; such a thread does nothing.
const MOST_WAITS: usize = 256;

/// Looks a variable of the environment up.
type Lookup = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Everything that lives between two calls. A process has one; tests make more.
pub struct Engine {
    pub(crate) calls: Arc<Calls>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) runs: Lane,
    pub(crate) short: Lane,
    pub(crate) waits: Lane,
    lookup: Lookup,
    data_dir: Option<PathBuf>,
    /// Only this process may use it: one that was forked off has none of its threads.
    process: u32,
    pipeline: RwLock<Option<Arc<Pipeline>>>,
    launcher: Mutex<Option<Arc<Launcher>>>,
    /// The backend that the caller pinned, and whether one was used already.
    backend: Mutex<(Option<String>, bool)>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("calls", &self.calls).field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine that finds its folders through `lookup` at the first call that needs them.
    pub fn new(lookup: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self {
            calls: Arc::default(),
            streams: Arc::default(),
            runs: Lane::new("psb-run", MOST_RUNS),
            short: Lane::new("psb-call", MOST_SHORT),
            waits: Lane::new("psb-wait", MOST_WAITS),
            lookup: Box::new(lookup),
            data_dir: None,
            process: std::process::id(),
            pipeline: RwLock::default(),
            launcher: Mutex::default(),
            backend: Mutex::default(),
        }
    }

    /// Keeps images and the trail in this folder, whatever the environment says.
    #[must_use]
    pub fn with_data_dir(mut self, folder: &Path) -> Self {
        self.data_dir = Some(folder.to_owned());
        self
    }

    /// Refuses calls of a process that was forked off.
    pub(super) fn check_process(&self) -> Result<(), Fault> {
        if std::process::id() == self.process {
            return Ok(());
        }
        Err(Fault::new(
            Code::NotAvailable,
            "this process was forked from the one that uses the library: execute a program instead",
        ))
    }

    /// The pipeline, opened at the first need.
    pub(crate) fn pipeline(&self) -> Result<Arc<Pipeline>, Fault> {
        if let Some(pipeline) = &*self.pipeline.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(pipeline));
        }
        let mut slot = self.pipeline.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = &*slot {
            return Ok(Arc::clone(pipeline));
        }
        let environment =
            Environment::new(&*self.lookup, self.data_dir.as_deref()).map_err(PipelineError::from)?;
        let pipeline = Arc::new(Pipeline::open(environment)?);
        *slot = Some(Arc::clone(&pipeline));
        Ok(pipeline)
    }

    /// The launcher process, started at the first need; it starts itself again when it has died.
    pub(crate) fn launcher(&self) -> Result<Arc<Launcher>, Fault> {
        let mut slot = lock(&self.launcher);
        if let Some(launcher) = &*slot {
            return Ok(Arc::clone(launcher));
        }
        let launcher = Arc::new(hook::start()?);
        *slot = Some(Arc::clone(&launcher));
        Ok(launcher)
    }

    /// Refuses to start anything by this program where it cannot be executed again as a launcher or supervisor.
    pub(crate) fn check_hook(&self) -> Result<(), Fault> {
        self.check_process()?;
        hook::check()
    }

    /// The backend that a call without one of its own uses; from here on it cannot be changed.
    pub(crate) fn use_backend(&self) -> Option<String> {
        let mut backend = lock(&self.backend);
        backend.1 = true;
        backend.0.clone()
    }

    /// The backend that was pinned, if one was.
    pub(crate) fn pinned_backend(&self) -> Option<String> {
        lock(&self.backend).0.clone()
    }

    /// Pins a backend for all later calls.
    pub(crate) fn pin_backend(&self, name: &str) -> Result<(), Fault> {
        let mut backend = lock(&self.backend);
        if backend.1 {
            return Err(Fault::new(
                Code::Conflict,
                "a backend was used already: it is chosen before the first call that runs or explains something",
            ));
        }
        backend.0 = Some(name.to_owned());
        Ok(())
    }

    /// Ends everything, waits for it, and refuses what comes later.
    pub(crate) fn close(&self) -> Result<(), Fault> {
        self.check_process()?;
        if !self.calls.close() {
            return Err(Fault::closed());
        }
        self.streams.close();
        self.calls.wait();
        self.runs.close();
        self.short.close();
        self.waits.close();
        // Its process ends with the last who holds it, and nobody runs any more.
        drop(lock(&self.launcher).take());
        drop(self.pipeline.write().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Closed already is what we want; a process that was forked off has nothing to close.
        self.close().ok();
    }
}
