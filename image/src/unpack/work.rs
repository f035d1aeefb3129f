//! All layers of an image, several at once, into one tree.
//!
//! Each layer is unpacked into a directory of its own, because then decompressing, hashing, and writing run
//! in parallel for all layers; pipes into one ordered writer would let only one layer write. What remains
//! in order is cheap: most of a layer goes on top of the others by renaming whole directories.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use perry_sandbox_reference::Digest;

use super::error::UnpackError;
use super::finish::finish;
use super::layer::{Layer, unpack_layer};
use super::merge::Merged;
use super::stream::{Budget, LayerStream, check_media_type, most_at_once};
use super::tree;
use crate::descriptor::Descriptor;
use crate::limits::UnpackLimits;
use crate::progress::{Counted, Progress};
use crate::source::Source;

/// What is to be unpacked, and where.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) layers: &'a [Descriptor],
    pub(crate) diff_ids: &'a [Digest],
    pub(crate) limits: UnpackLimits,
    /// An empty directory of ours, with room for one directory a layer.
    pub(crate) place: &'a OwnedFd,
    /// Whether files get the owners that the archive names: only root can.
    pub(crate) owners: bool,
}

/// Unpacks every layer and gives the name, in the job's place, of the directory that is the root file system.
pub(crate) fn unpack(job: &Job<'_>, progress: &dyn Progress) -> Result<OsString, UnpackError> {
    for layer in job.layers {
        check_media_type(layer)?;
    }
    let budget = Budget::new(job.limits.clone());
    let slots: Vec<Mutex<Option<Layer>>> = job.layers.iter().map(|_| Mutex::new(None)).collect();
    let failure: Mutex<Option<UnpackError>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some(layer), Some(slot)) = (job.layers.get(at), slots.get(at)) else { break };
            match one_layer(job, at, layer, &budget, progress) {
                Ok(done) => *lock(slot) = Some(done),
                Err(error) => {
                    budget.stop();
                    let mut first = lock(&failure);
                    if first.as_ref().is_none_or(|known| matches!(known, UnpackError::Stopped)) {
                        *first = Some(error);
                    }
                    break;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads(job) {
            // This thread works as well, and perhaps alone.
            if std::thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
        worker();
    });
    if let Some(error) = lock(&failure).take() {
        return Err(error);
    }
    let mut layers = slots.iter().filter_map(|slot| lock(slot).take());
    let missing = || UnpackError::Stopped;
    let mut merged = Merged::start(layers.next().ok_or_else(missing)?)?;
    for layer in layers {
        merged.add(&layer)?;
    }
    finish(&mut merged, job.owners)?;
    Ok(name(0))
}

fn one_layer(
    job: &Job<'_>,
    at: usize,
    layer: &Descriptor,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Layer, UnpackError> {
    let diff_id = job.diff_ids.get(at).ok_or(UnpackError::Stopped)?;
    let io =
        |error| UnpackError::Io { what: format!("layer {}", layer.digest), source: tree::io_error(error) };
    let own = name(at);
    tree::make_dir(job.place, &own).map_err(io)?;
    let root = tree::open_dir(job.place, own.as_ref()).map_err(io)?;
    let blob = job.source.blob(&layer.digest, Some(layer.size), layer.size)?;
    let blob: Box<dyn Read + Send> = Box::new(Counted::new(blob, progress));
    let stream = LayerStream::new(blob, layer, diff_id, budget)?;
    unpack_layer(stream, diff_id, root, &layer.digest, budget, job.owners)
}

fn threads(job: &Job<'_>) -> usize {
    let wanted = match job.limits.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    wanted.min(most_at_once(job.layers)).clamp(1, job.layers.len().max(1))
}

fn name(at: usize) -> OsString {
    OsStr::new(&format!("layer-{at}")).to_owned()
}

/// A lock whose holder cannot have left half-done work: a poisoned one is as good.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
