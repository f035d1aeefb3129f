//! Where content comes from: one trait for layouts, archives, registries, the store, and memory. Every byte
//! is hashed again while it is read, and every size is held.

use std::fmt::Debug;
use std::io::{self, Read};
use std::time::Instant;

use perry_sandbox_reference::{Digest, Hasher, Repository};
use thiserror::Error;

use crate::descriptor::Descriptor;
use crate::manifest::RawManifest;
use crate::remedy::{io_remedy, status_remedy};

/// Bounded, hash-checked content.
pub trait Source: Send + Sync + Debug {
    /// The digest that a tag names now, or `None` if there is no such tag. Callers ask once and use the digest
    /// from then on.
    ///
    /// # Errors
    /// [`ReadError`] when the source cannot answer.
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError>;

    /// The digest of the only image that the source holds, for sources that are named without a tag.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] when there is none or more than one.
    fn only(&self) -> Result<Digest, ReadError> {
        Err(ReadError::NotFound {
            what: format!("a single image in {}; name a tag or a digest", self.describe()),
        })
    }

    /// A manifest's bytes, at most 4 MiB, checked against the digest; `None` if it is not there.
    ///
    /// # Errors
    /// [`ReadError`] when it is too large, not what the digest names, or the source cannot answer.
    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError>;

    /// A blob as a stream that fails at its end if digest or size differ, and never yields more than `size`
    /// bytes, or `cap` bytes where the size is not known.
    ///
    /// # Errors
    /// [`ReadError`] when it is not there, or `size` is over `cap`.
    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError>;

    /// Manifests that may be about `subject`, at most 256: hints, whose own `subject` and type the caller
    /// checks after fetching them by digest.
    ///
    /// # Errors
    /// [`ReadError`] when the source cannot answer.
    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError>;

    /// Something that changes whenever the blob's file does, for sources that are files on this machine. Not a
    /// proof of anything: it only says when a blob is worth hashing again.
    fn stamp(&self, digest: &Digest) -> Option<String> {
        let _ = digest;
        None
    }

    /// Sets when everything that is asked from here on must have come; `None`: there is no such time. Sources that
    /// answer at once need not care.
    fn set_deadline(&self, deadline: Option<Instant>) {
        let _ = deadline;
    }

    /// The repository that the content was fetched from; `None` for a layout or archive.
    fn repository(&self) -> Option<&Repository>;

    /// The source as messages name it; never a secret.
    fn describe(&self) -> String;
}

/// Why content could not be read, or was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file could not be read.
    #[error("cannot read {what}: {source}{}", io_remedy(source))]
    Io {
        /// What was being read.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// The source does not have it.
    #[error("found no {what}")]
    NotFound {
        /// What was looked for, and where.
        what: String,
    },
    /// It is, or claims to be, larger than is read.
    #[error("{what} has {size} bytes, more than the {limit} that are read")]
    TooLarge {
        /// What was being read.
        what: String,
        /// Its size, or the size it claims.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are not those that the digest names.
    #[error(
        "the content of {expected} is not what its digest names: its bytes hash to {found}; it was damaged or replaced: fetch or copy it again"
    )]
    Digest {
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// The content is longer or shorter than its descriptor says.
    #[error(
        "{digest} should have {declared} bytes, but {found}; it was damaged or replaced: fetch or copy it again"
    )]
    Size {
        /// The digest asked for.
        digest: Digest,
        /// The descriptor's size.
        declared: u64,
        /// `has more`, or how many came.
        found: String,
    },
    /// What came is not in the form it must have.
    #[error("{what} cannot be used: {reason}")]
    Malformed {
        /// What was read.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A registry refused access.
    #[error("{registry} refused access to {what}: {reason}")]
    Denied {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// What it wanted, and what to do.
        reason: String,
    },
    /// A registry answered with an unexpected status.
    #[error("{registry} answered {status} for {what}{}", status_remedy(*status))]
    Status {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// A registry could not be reached, or its answer broke off.
    #[error(
        "cannot reach {registry} for {what}: {reason}; check its name, and that this machine may reach it"
    )]
    Transport {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// What failed.
        reason: String,
    },
    /// A registry wants something that is not safe to do.
    #[error("{registry} wants something unsafe for {what}: {reason}")]
    Unsafe {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// What it wanted.
        reason: String,
    },
}

impl ReadError {
    /// Takes a verifying reader's own error out of an [`io::Error`], or wraps another one.
    pub fn from_io(what: impl Into<String>, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io { what: what.into(), source },
        }
    }

    /// Whether the fault lies in the content itself, not in reaching it: such a fault does not go away by
    /// asking again.
    pub fn is_content_fault(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. } | Self::Digest { .. } | Self::Size { .. } | Self::Malformed { .. }
        )
    }
}

/// Hashes what passes through and fails at the end if digest or size are not as promised.
#[derive(Debug)]
pub struct Verified<R> {
    inner: R,
    digest: Digest,
    hasher: Option<Hasher>,
    size: Option<u64>,
    /// Bytes that may still come.
    left: u64,
    cap: u64,
    refused: bool,
}

impl<R: Read> Verified<R> {
    /// Wraps a stream that should be the content of `digest`.
    ///
    /// # Errors
    /// [`ReadError::TooLarge`] when `size` is over `cap`: nothing is read then.
    pub fn new(inner: R, digest: &Digest, size: Option<u64>, cap: u64) -> Result<Self, ReadError> {
        if let Some(size) = size.filter(|size| *size > cap) {
            return Err(ReadError::TooLarge { what: digest.to_string(), size, limit: cap });
        }
        Ok(Self {
            inner,
            digest: digest.clone(),
            hasher: Some(Hasher::new(digest.algorithm())),
            size,
            left: size.unwrap_or(cap),
            cap,
            refused: false,
        })
    }

    /// Called where the stream must end: one byte more is a lie about the size.
    fn finish(&mut self) -> Result<(), ReadError> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        if let Some(declared) = self.size {
            let came = declared.saturating_sub(self.left);
            if self.left > 0 {
                let found = format!("only {came} came");
                return Err(ReadError::Size { digest: self.digest.clone(), declared, found });
            }
        }
        let found = hasher.finish();
        if found == self.digest {
            return Ok(());
        }
        Err(ReadError::Digest { expected: self.digest.clone(), found })
    }

    fn overlong(&self) -> ReadError {
        match self.size {
            Some(declared) => {
                ReadError::Size { digest: self.digest.clone(), declared, found: "there are more".to_owned() }
            }
            None => ReadError::TooLarge {
                what: self.digest.to_string(),
                size: self.cap.saturating_add(1),
                limit: self.cap,
            },
        }
    }
}

impl<R> Verified<R> {
    /// A refused stream stays refused: a reader that asks again must not see a clean end.
    fn refuse(&mut self, error: ReadError) -> io::Error {
        self.refused = true;
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.refused {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the content was refused before"));
        }
        if buf.is_empty() || self.hasher.is_none() {
            return Ok(0);
        }
        if self.left == 0 {
            let mut extra = [0_u8; 1];
            if self.inner.read(&mut extra)? > 0 {
                let error = self.overlong();
                return Err(self.refuse(error));
            }
            return self.finish().map(|()| 0).map_err(|error| self.refuse(error));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let window = buf.get_mut(..most).unwrap_or_default();
        let count = self.inner.read(window)?;
        if count == 0 {
            return self.finish().map(|()| 0).map_err(|error| self.refuse(error));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(window.get(..count).unwrap_or_default());
        }
        self.left = self.left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// Reads a whole blob of at most `cap` bytes into memory, checked.
///
/// # Errors
/// [`ReadError`], as [`Source::blob`] and the stream that it gives.
pub fn read_blob(
    source: &dyn Source,
    digest: &Digest,
    size: Option<u64>,
    cap: u64,
) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let mut stream = source.blob(digest, size, cap)?;
    stream.read_to_end(&mut bytes).map_err(|error| ReadError::from_io(digest.to_string(), error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], digest: &Digest, size: Option<u64>, cap: u64) -> Result<Vec<u8>, ReadError> {
        let mut out = Vec::new();
        let mut stream = Verified::new(bytes, digest, size, cap)?;
        stream.read_to_end(&mut out).map_err(|error| ReadError::from_io("x", error))?;
        Ok(out)
    }

    #[test]
    fn honest_content_passes() {
        assert_eq!(read(b"abc", &Digest::of(b"abc"), Some(3), 3).unwrap(), b"abc");
        assert_eq!(read(b"abc", &Digest::of(b"abc"), None, 3).unwrap(), b"abc");
        assert_eq!(read(b"", &Digest::of(b""), Some(0), 0).unwrap(), b"");
    }

    #[test]
    fn a_wrong_byte_a_wrong_size_and_an_endless_stream_fail() {
        let digest = Digest::of(b"abc");
        assert!(matches!(read(b"abd", &digest, Some(3), 9), Err(ReadError::Digest { .. })));
        assert!(matches!(read(b"ab", &digest, Some(3), 9), Err(ReadError::Size { .. })));
        assert!(matches!(read(b"abc", &digest, Some(2), 9), Err(ReadError::Size { .. })));
        assert!(matches!(read(b"abc", &digest, None, 2), Err(ReadError::TooLarge { .. })));
        assert!(matches!(read(b"abc", &digest, Some(3), 2), Err(ReadError::TooLarge { .. })));
        let mut endless = Verified::new(io::repeat(0), &digest, Some(1 << 20), 1 << 20).unwrap();
        let count = io::copy(&mut endless, &mut io::sink()).unwrap_err();
        assert!(count.to_string().contains("there are more"));
    }
}
