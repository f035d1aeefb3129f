//! What is settled before a wish is asked again, for a sandbox that is there already.

use perry_sandbox_image::{ImageName, ResolvedImage, Wanted};
use perry_sandbox_policy::{Policy, Request, Target};
use perry_sandbox_reference::{Digest, Reference};

use crate::error::PipelineError;

/// What is settled beside the wish.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms<'a> {
    /// What the image's name stood for when the sandbox was created.
    pub(crate) image: Option<&'a Digest>,
    /// The whole command of a program that joins.
    pub(crate) command: Option<&'a [String]>,
    /// Where that program begins.
    pub(crate) working_dir: Option<&'a str>,
}

impl Terms<'_> {
    /// The request with the command that joins, if one does.
    pub(crate) fn request(&self, request: Request, policy: &Policy) -> Request {
        let Some(command) = self.command else { return request };
        let fixed = match &request.target {
            Target::Capability(name) => {
                policy.capability(name).map(|capability| capability.command.value.as_slice())
            }
            Target::AdHoc | Target::Service(_) => None,
        };
        // A capability's own program is no other entry point; whether any other may be, is for the policy to say.
        let (entrypoint, args) = match fixed.and_then(|fixed| command.strip_prefix(fixed)) {
            Some(args) => (None, args),
            None => match command.split_first() {
                Some((program, args)) => (Some(program.clone()), args),
                None => (Some(String::new()), command),
            },
        };
        Request { entrypoint, args: args.to_vec(), ..request }
    }

    /// The image's name with the digest that is settled: a tag is not looked up again.
    pub(crate) fn name(&self, name: ImageName) -> ImageName {
        let Some(digest) = self.image else { return name };
        match name {
            ImageName::Registry(reference) => {
                ImageName::Registry(Reference::pinned(reference.repository().clone(), digest.clone()))
            }
            ImageName::Layout { dir, .. } => {
                ImageName::Layout { dir, select: Wanted::Digest(digest.clone()) }
            }
            ImageName::Archive { file } => ImageName::Archive { file },
        }
    }

    /// Refuses another image than the one that is settled: an archive can be replaced, and so can what a policy's rule
    /// names.
    pub(crate) fn check(&self, resolved: &ResolvedImage) -> Result<(), PipelineError> {
        match self.image {
            Some(created) if created != resolved.top() => {
                Err(PipelineError::ImageReplaced { created: created.clone(), found: resolved.top().clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}
