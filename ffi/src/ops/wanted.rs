//! Content that is read only while somebody waits for it.

use std::fmt;
use std::io::{self, Read};
use std::time::Instant;

use perry_sandbox_image::{Descriptor, RawManifest, ReadError, Source};
use perry_sandbox_reference::{Digest, Repository};

use crate::calls::Call;

/// A source that gives nothing more once its call was cancelled.
pub(super) struct WhileWanted<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) call: &'a Call,
}

/// The same of one blob.
struct Blob<'a> {
    bytes: Box<dyn Read + Send + 'a>,
    call: &'a Call,
}

impl fmt::Debug for WhileWanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhileWanted").field("source", &self.source).finish_non_exhaustive()
    }
}

fn check(call: &Call) -> io::Result<()> {
    if call.go_on() { Ok(()) } else { Err(io::Error::other("nobody waits for it any more")) }
}

impl WhileWanted<'_> {
    fn check(&self) -> Result<(), ReadError> {
        check(self.call).map_err(|error| ReadError::from_io(self.source.describe(), error))
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        check(self.call)?;
        self.bytes.read(into)
    }
}

impl Source for WhileWanted<'_> {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        self.check()?;
        self.source.tag(tag)
    }

    fn only(&self) -> Result<Digest, ReadError> {
        self.check()?;
        self.source.only()
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        self.check()?;
        self.source.manifest(digest)
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        self.check()?;
        let bytes = self.source.blob(digest, size, cap)?;
        Ok(Box::new(Blob { bytes, call: self.call }))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        self.check()?;
        self.source.referrers(subject)
    }

    fn stamp(&self, digest: &Digest) -> Option<String> {
        self.source.stamp(digest)
    }

    fn set_deadline(&self, deadline: Option<Instant>) {
        self.source.set_deadline(deadline);
    }

    fn repository(&self) -> Option<&Repository> {
        self.source.repository()
    }

    fn describe(&self) -> String {
        self.source.describe()
    }
}
