//! A layer's bytes on their way: hashed as they are stored, decompressed, counted, hashed again as the config
//! names them. Nothing is kept.

use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use perry_sandbox_reference::{Digest, Hasher};

use super::error::UnpackError;
use super::zstd::{Frames, MAX_AT_ONCE};
use crate::descriptor::{Descriptor, media_type};
use crate::limits::UnpackLimits;
use crate::source::ReadError;

/// How much is asked of the disk at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// What all layers of one image share.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limits: UnpackLimits,
    bytes: AtomicU64,
    entries: AtomicU64,
    stopped: AtomicBool,
}

impl Budget {
    pub(crate) fn new(limits: UnpackLimits) -> Self {
        Self { limits, bytes: AtomicU64::new(0), entries: AtomicU64::new(0), stopped: AtomicBool::new(false) }
    }

    /// Makes every other layer stop at its next read.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Counts some bytes of any layer.
    pub(crate) fn take_bytes(&self, layer: &Digest, count: u64) -> Result<(), UnpackError> {
        let limit = self.limits.bytes;
        let before = self.bytes.fetch_add(count, Ordering::Relaxed);
        self.within(layer, "bytes", before.saturating_add(count), limit)
    }

    /// Counts one entry of any layer.
    pub(crate) fn take_entry(&self, layer: &Digest) -> Result<(), UnpackError> {
        let before = self.entries.fetch_add(1, Ordering::Relaxed);
        self.within(layer, "entries", before.saturating_add(1), self.limits.entries)
    }

    fn within(&self, layer: &Digest, what: &'static str, now: u64, limit: u64) -> Result<(), UnpackError> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(UnpackError::Stopped);
        }
        if now <= limit { Ok(()) } else { Err(UnpackError::Limit { layer: layer.clone(), what, limit }) }
    }
}

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

fn packing(layer: &Descriptor) -> Result<Packing, UnpackError> {
    match layer.media_type.as_str() {
        media_type::OCI_LAYER | media_type::DOCKER_LAYER => Ok(Packing::Plain),
        media_type::OCI_LAYER_GZIP | media_type::DOCKER_LAYER_GZIP => Ok(Packing::Gzip),
        media_type::OCI_LAYER_ZSTD => Ok(Packing::Zstd),
        other => Err(UnpackError::MediaType { layer: layer.digest.clone(), media_type: other.to_owned() }),
    }
}

/// Refuses layers of kinds that are not unpacked, before anything is fetched.
pub(crate) fn check_media_type(layer: &Descriptor) -> Result<(), UnpackError> {
    packing(layer).map(drop)
}

/// How many of these layers may be unpacked at once, for the memory that their decoders hold.
pub(crate) fn most_at_once(layers: &[Descriptor]) -> usize {
    let zstd = layers.iter().any(|layer| packing(layer).is_ok_and(|packing| packing == Packing::Zstd));
    if zstd { MAX_AT_ONCE } else { usize::MAX }
}

/// A layer's content after decompression.
pub(crate) struct LayerStream<'a> {
    inner: Unpacked<Box<dyn Read + Send + 'a>>,
    layer: &'a Descriptor,
    budget: &'a Budget,
    hasher: Hasher,
    done: u64,
}

/// The three packings, with access to what lies after the packed stream.
enum Unpacked<R: Read> {
    Plain(BufReader<R>),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<R>>>),
    Zstd(Box<Frames<R>>),
}

impl<R: Read> Unpacked<R> {
    fn packed(&mut self) -> &mut BufReader<R> {
        match self {
            Self::Plain(reader) => reader,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd(frames) => frames.packed(),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buf),
            Self::Gzip(decoder) => decoder.read(buf),
            Self::Zstd(frames) => frames.read(buf),
        }
    }
}

impl std::fmt::Debug for LayerStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerStream").field("layer", &self.layer.digest).field("done", &self.done).finish()
    }
}

impl<'a> LayerStream<'a> {
    /// `blob` must check its own digest and size.
    pub(crate) fn new(
        blob: Box<dyn Read + Send + 'a>,
        layer: &'a Descriptor,
        diff_id: &Digest,
        budget: &'a Budget,
    ) -> Result<Self, UnpackError> {
        let packed = BufReader::with_capacity(CHUNK, blob);
        let inner = match packing(layer)? {
            Packing::Plain => Unpacked::Plain(packed),
            Packing::Gzip => Unpacked::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(packed))),
            Packing::Zstd => Unpacked::Zstd(Box::new(Frames::new(packed))),
        };
        Ok(Self { inner, layer, budget, hasher: Hasher::new(diff_id.algorithm()), done: 0 })
    }

    /// Reads what follows the archive, and checks both digests.
    pub(crate) fn finish(mut self, diff_id: &Digest) -> Result<(), UnpackError> {
        io::copy(&mut self, &mut io::sink()).map_err(|error| layer_error(&self.layer.digest, error))?;
        // The decoder may have stopped before the blob's last byte: only there is its digest checked.
        let rest = io::copy(self.inner.packed(), &mut io::sink())
            .map_err(|error| layer_error(&self.layer.digest, error))?;
        if rest > 0 {
            let reason = format!("{rest} bytes follow the compressed stream");
            return Err(UnpackError::Archive { layer: self.layer.digest.clone(), reason });
        }
        let found = self.hasher.finish();
        if found == *diff_id {
            return Ok(());
        }
        Err(UnpackError::DiffId { layer: self.layer.digest.clone(), expected: diff_id.clone(), found })
    }

    /// Counts bytes that come out of the layer: read from it, or holes in a file.
    pub(crate) fn count(&mut self, count: u64) -> Result<(), UnpackError> {
        self.done = self.done.saturating_add(count);
        self.budget.take_bytes(&self.layer.digest, count)?;
        let limits = &self.budget.limits;
        let most = self.layer.size.saturating_mul(limits.ratio).max(limits.ratio_grace);
        if self.done > most {
            let layer = self.layer.digest.clone();
            return Err(UnpackError::Limit { layer, what: "bytes for its compressed size", limit: most });
        }
        Ok(())
    }
}

impl Read for LayerStream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.count(u64::try_from(count).unwrap_or(u64::MAX))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.hasher.update(buf.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Takes our own error back out of an [`io::Error`] that passed through a decoder.
pub(crate) fn layer_error(layer: &Digest, error: io::Error) -> UnpackError {
    let error = match error.downcast::<UnpackError>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    match error.downcast::<ReadError>() {
        Ok(own) => own.into(),
        Err(error) if error.raw_os_error().is_some() => {
            UnpackError::Io { what: format!("layer {layer}"), source: error }
        }
        Err(error) => UnpackError::Archive { layer: layer.clone(), reason: error.to_string() },
    }
}
