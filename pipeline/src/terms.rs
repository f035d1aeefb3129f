//! What is settled before a wish is asked again: for a sandbox that is there already, or to prove a recording.

use perry_sandbox_image::{ImageName, ResolvedImage, Wanted};
use perry_sandbox_policy::{Denial, DenyCode, DenyReason, Policy, Request, SharedProfile, Target};
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
    /// A profile beyond which no system call is admitted.
    pub(crate) profile: Option<&'a SharedProfile>,
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

    /// The "no" to what only a program that joins can ask for.
    ///
    /// SECURITY: a capability's command may name its program's parts by relative paths. Begun in a folder that can be
    /// written, or that shows data, it would be another program than the policy's.
    pub(crate) fn refuse(&self, request: &Request, policy: &Policy) -> Option<Denial> {
        let Target::Capability(name) = &request.target else { return None };
        let capability = policy.capability(name).filter(|_| self.working_dir.is_some())?;
        Some(Denial::one(DenyReason {
            code: DenyCode::WorkingDirectory,
            row: "process",
            wanted: "another working directory".to_owned(),
            found: "a capability begins in its image's own".to_owned(),
            spans: capability.command.span.into_iter().collect(),
            remedy: Some("leave the working directory out".to_owned()),
        }))
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Environment, PolicyInput, TargetChoice, Wish, load_policy};

    /// Entry point and arguments of a program that joins.
    fn joined(target: TargetChoice, command: &[&str]) -> (Option<String>, Vec<String>) {
        let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
        let environment = Environment::new(&|_| None, Some(Path::new("/nowhere"))).unwrap();
        let loaded = load_policy(&[PolicyInput::File(hello.join("policy.toml"))], &environment).unwrap();
        let wish = Wish {
            entrypoint: Some("/before".to_owned()),
            args: vec!["before".to_owned()],
            ..Wish::of(target)
        };
        let (request, _) = wish.under(&loaded.policy).unwrap();
        let command: Vec<_> = command.iter().map(|word| (*word).to_owned()).collect();
        let request = Terms { command: Some(&command), ..Terms::default() }.request(request, &loaded.policy);
        (request.entrypoint, request.args)
    }

    #[test]
    fn a_program_that_joins_replaces_the_whole_command() {
        let image = || TargetChoice::Image("oci:image".to_owned());
        assert_eq!(joined(image(), &["/bin/a", "b"]), (Some("/bin/a".to_owned()), vec!["b".to_owned()]));
        let capability = || TargetChoice::Capability("count-words".to_owned());
        let own = joined(capability(), &["/bin/busybox", "wc", "-w", "x"]);
        assert_eq!(own, (None, vec!["x".to_owned()]), "its own command is no other entry point");
        for other in [&["/bin/busybox", "wc"][..], &["/bin/busybox", "sh", "-w"], &["wc", "-w"]] {
            let (entrypoint, _) = joined(capability(), other);
            assert_eq!(entrypoint.as_deref(), other.first().copied(), "the policy is asked about it");
        }
    }

    #[test]
    fn a_settled_digest_takes_the_place_of_a_tag() {
        let digest = Digest::of(b"image");
        let terms = Terms { image: Some(&digest), ..Terms::default() };
        for (before, after) in [
            ("registry.example/a/b:v1", format!("registry.example/a/b@{digest}")),
            ("registry.example/a/b", format!("registry.example/a/b@{digest}")),
            ("oci:/dir:v1", format!("oci:/dir@{digest}")),
            ("docker-archive:/file", "docker-archive:/file".to_owned()),
        ] {
            assert_eq!(terms.name(before.parse().unwrap()).to_string(), after);
        }
    }
}
