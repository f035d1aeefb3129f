//! From a name to a verified image: what is signed is looked for while the image itself is resolved.
//!
//! Both begin with the digest that the name stands for, and neither needs the other before signatures are read. Which
//! answer comes first changes nothing: an image that cannot be resolved is that, whatever was found of signatures.

use std::slice;

use perry_sandbox_image::{ReadError, ResolveError, ResolvedImage, Source, Wanted, digest_of_name, resolve};
use perry_sandbox_policy::Requirement;
use perry_sandbox_reference::{Digest, Platform};
use thiserror::Error;

use crate::budget::{Clock, Reader, is_far};
use crate::denial::{Denial, Reason};
use crate::discover::{Discovery, Found};
use crate::fetch;

/// An image by name, and what must be proved about it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Where its content comes from.
    pub source: &'a dyn Source,
    /// Which image of it.
    pub wanted: &'a Wanted,
    /// For which platform.
    pub platform: &'a Platform,
    /// What must be proved.
    pub requirement: &'a Requirement,
    /// When it is, and when everything must have come to an end, the resolution of the name included.
    pub clock: Clock,
}

/// Why a name led to no verified image.
#[derive(Debug, Error)]
pub enum Unverified {
    /// The image was not found, or is not one.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The image was found, and is not verified.
    #[error(transparent)]
    Denied(Box<Denial>),
}

impl From<Denial> for Unverified {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

impl<'a> Named<'a> {
    /// The digest that the name stands for now.
    pub(crate) fn top(&self) -> Result<Digest, Unverified> {
        digest_of_name(self.source, self.wanted).map_err(|error| self.unresolved(error))
    }

    /// A source that did not answer before the deadline is too slow, whatever else the error says.
    fn unresolved(&self, error: ResolveError) -> Unverified {
        let unanswered =
            |read: &ReadError| !read.is_content_fault() && !matches!(read, ReadError::NotFound { .. });
        let is_late = matches!(&error, ResolveError::Read(read) if unanswered(read)) && self.clock.is_over();
        if !is_late {
            return error.into();
        }
        let reason = Reason { signer: None, finding: Clock::ran_out(error.to_string()) };
        Denial::new(self.wanted.to_string(), self.source.describe(), vec![reason], Vec::new()).into()
    }

    /// Resolves what is below the top, and looks for signatures of the top meanwhile where `look` says so.
    pub(crate) fn resolve(
        &self,
        top: &Digest,
        look: bool,
    ) -> Result<(ResolvedImage, Option<Ahead<'a>>), Unverified> {
        let Self { source, platform, requirement, clock, .. } = *self;
        let resolve = || resolve(source, &Wanted::Digest(top.clone()), platform);
        if !look || !self.is_worth_looking(top) {
            return Ok((resolve().map_err(|error| self.unresolved(error))?, None));
        }
        let (image, ahead) =
            fetch::both(resolve, || Ahead::look(source, slice::from_ref(top), requirement, clock));
        Ok((image.map_err(|error| self.unresolved(error))?, ahead))
    }

    /// Files answer at once, and where no signature would help none is fetched.
    fn is_worth_looking(&self, top: &Digest) -> bool {
        let Requirement { signers, denied, .. } = self.requirement;
        is_far(self.source) && !signers.is_empty() && denied.image([top]).is_none()
    }
}

/// What was found at an image's top.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    pub(crate) reader: Reader<'a>,
    pub(crate) discovery: Discovery,
    pub(crate) found: Found,
}

impl<'a> Ahead<'a> {
    /// Looks for what is attached to the top of an image.
    pub(crate) fn look(
        source: &'a dyn Source,
        top: &[Digest],
        requirement: &Requirement,
        clock: Clock,
    ) -> Self {
        let predicate = requirement.provenance.as_ref().map(|rule| rule.predicate.as_str());
        let (mut reader, mut discovery) = (Reader::new(source, clock), Discovery::new(predicate));
        let found = discovery.look_at(&mut reader, top);
        Self { reader, discovery, found }
    }
}
