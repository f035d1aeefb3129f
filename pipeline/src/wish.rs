//! From a caller's words to the request that the policy decides.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_image::ImageName;
use perry_sandbox_policy::{
    CapabilityName, FileSource, Policy, Request, SecretName, ServiceName, Target, Terminal, TierName,
    WantedGrants, WantedLimits, WantedProject,
};
use perry_sandbox_reference::{Platform, Reference, Repository};
use serde::{Deserialize, Serialize};

use crate::error::PipelineError;
use crate::policies::PolicyChoice;
use crate::signer::SignerChoice;
use crate::sources::AccessChoice;

/// What a caller asks for, before any file is read. Can be written down: a sandbox that is started or joined later is
/// asked for again, by these very words. Values of `env` may be secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wish {
    /// Who decides.
    pub policy: PolicyChoice,
    /// Who must have signed, beside or instead of the policy's signers.
    pub signer: SignerChoice,
    /// How registries are reached.
    pub access: AccessChoice,
    /// What should run.
    pub target: TargetChoice,
    /// Where a capability's image is read from; none: the image rule's repository.
    pub image: Option<String>,
    /// Tier asked for; it can only tighten.
    pub tier: Option<TierName>,
    /// This backend and no other.
    pub backend: Option<String>,
    /// Repository that the signature of a layout or archive must name.
    pub repository: Option<Repository>,
    /// Platform; none: this machine's.
    pub platform: Option<Platform>,
    /// Program that replaces the image's entry point.
    pub entrypoint: Option<String>,
    /// Arguments of the capability, or the command of the image.
    pub args: Vec<String>,
    /// Variables with their values.
    pub env: BTreeMap<String, String>,
    /// The user, in the place of the one that the image names; services only. What the policy says of users holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where the program begins, in the place of what the image says; services only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    /// Grants beyond what the policy's entry gives by itself.
    pub grants: WantedGrants,
    /// What is wanted of the compose project; services only.
    #[serde(default)]
    pub project: WantedProject,
    /// Limits; each can only lower.
    pub limits: WantedLimits,
    /// Whether a terminal is wanted.
    pub terminal: Terminal,
}

/// What should run, in the caller's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetChoice {
    /// A capability of the policy, or an image: what a person types.
    Word(String),
    /// A capability of the policy.
    Capability(String),
    /// An image: a registry reference, `oci:DIR[:TAG|@DIGEST]`, or `docker-archive:FILE`.
    Image(String),
    /// A service of a compose project or a node of a workload, and its image as for `Image`.
    Service {
        /// Which.
        name: ServiceName,
        /// Its image.
        image: String,
    },
}

impl Wish {
    /// Wishes for that target and nothing else.
    pub fn of(target: TargetChoice) -> Self {
        Self {
            policy: PolicyChoice::default(),
            signer: SignerChoice::default(),
            access: AccessChoice::default(),
            target,
            image: None,
            tier: None,
            backend: None,
            repository: None,
            platform: None,
            entrypoint: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            user: None,
            working_dir: None,
            grants: WantedGrants::default(),
            project: WantedProject::default(),
            limits: WantedLimits::default(),
            terminal: Terminal::None,
        }
    }

    /// The secrets that it asks for, by their names.
    pub fn secrets(&self) -> BTreeSet<&SecretName> {
        let placed = self.project.files.iter().filter_map(|file| match &file.source {
            FileSource::Secret(name) => Some(name),
            FileSource::Config { .. } => None,
        });
        self.grants.secrets.iter().chain(placed).collect()
    }

    /// What it means under this policy: the request, and the image that would run.
    ///
    /// # Errors
    /// The target is neither a capability of the policy nor an image.
    pub(crate) fn under(&self, policy: &Policy) -> Result<(Request, ImageName), PipelineError> {
        let (target, image) = self.target(policy)?;
        let request = Request {
            target,
            tier: self.tier.clone(),
            args: self.args.clone(),
            entrypoint: self.entrypoint.clone(),
            env: self.env.clone(),
            grants: self.grants.clone(),
            project: self.project.clone(),
            limits: self.limits.clone(),
            terminal: self.terminal,
        };
        Ok((request, image))
    }

    fn target(&self, policy: &Policy) -> Result<(Target, ImageName), PipelineError> {
        let known =
            |word: &str| word.parse::<CapabilityName>().ok().filter(|name| policy.capability(name).is_some());
        let capability = match &self.target {
            TargetChoice::Image(_) | TargetChoice::Service { .. } => None,
            TargetChoice::Word(word) => known(word),
            TargetChoice::Capability(word) => {
                Some(known(word).ok_or_else(|| unknown_capability(policy, word))?)
            }
        };
        if let Some(name) = capability {
            let image = match &self.image {
                Some(image) => image.parse()?,
                None => ImageName::Registry(image_of(policy, &name)?),
            };
            return Ok((Target::Capability(name), image));
        }
        let word = match &self.target {
            TargetChoice::Word(word) | TargetChoice::Capability(word) | TargetChoice::Image(word) => word,
            TargetChoice::Service { name, image } => {
                return Ok((Target::Service(name.clone()), image.parse()?));
            }
        };
        if self.image.is_some() || !looks_like_an_image(word) {
            return Err(unknown_capability(policy, word));
        }
        Ok((Target::AdHoc, word.parse()?))
    }
}

/// A plain word is never looked up at a public registry: it is a capability that the policy lacks.
fn looks_like_an_image(word: &str) -> bool {
    word.contains(['/', ':', '@'])
}

fn unknown_capability(policy: &Policy, word: &str) -> PipelineError {
    let names: Vec<_> = policy.capabilities().map(|(name, _)| name.to_string()).collect();
    let known = if names.is_empty() {
        "the policy has none".to_owned()
    } else {
        format!("the policy has {}", names.join(", "))
    };
    PipelineError::UnknownCapability { word: word.to_owned(), known, remedy: instead_of(word) }
}

/// What to write instead of a word that is neither a capability nor an image: never a name that would be refused.
fn instead_of(word: &str) -> String {
    let public = format!("docker.io/library/{word}");
    if word.starts_with('-') {
        "flags stand before the image or capability".to_owned()
    } else if looks_like_an_image(word) {
        "to run an image by itself, name no other image beside it".to_owned()
    } else if public.parse::<Reference>().is_ok() {
        format!("for an image, write its registry or repository, as {public}")
    } else {
        "an image is written as REGISTRY/REPOSITORY[:TAG|@DIGEST], oci:DIR[:TAG|@DIGEST] or docker-archive:FILE"
            .to_owned()
    }
}

/// The image that a capability's rule names: the one pinned digest, or the tag `latest`.
fn image_of(policy: &Policy, name: &CapabilityName) -> Result<Reference, PipelineError> {
    let rule = policy.capability(name).and_then(|capability| {
        policy.images().find(|(name, _)| **name == capability.image.value).map(|(_, rule)| rule)
    });
    let rule = rule.ok_or_else(|| PipelineError::NoImageRule(name.clone()))?;
    let repository = rule.repository.value.clone();
    let mut digests = rule.digests.iter().flat_map(|digests| &digests.value);
    match (digests.next(), digests.next()) {
        (Some(only), None) => Ok(Reference::pinned(repository, only.clone())),
        (Some(_), Some(_)) => Err(PipelineError::SeveralDigests { name: name.clone(), repository }),
        (None, _) => Ok(repository.to_string().parse()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_suggested_that_would_be_refused() {
        assert!(instead_of("alpine").ends_with("docker.io/library/alpine"));
        for word in ["--privileged", "-it", "a b", "", "Alpine", "a\nb", "r.example/a:v1", "-", "ä"] {
            let remedy = instead_of(word);
            assert!(!remedy.contains("docker.io") && !remedy.is_empty(), "{word:?}: {remedy}");
        }
    }
}
