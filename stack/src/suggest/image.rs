use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use perry_sandbox_image::ImageName;
use perry_sandbox_policy::{Policy, SignerName};
use perry_sandbox_reference::Repository;

use crate::demand::Demand;

use super::lines::{free_name, list, quoted};

/// The signer that what is built here is signed by, as `perry-compose build --generate-key` calls it.
const LOCAL: &str = "local";

/// Image rules that are there, and those that are missing.
pub(super) struct Images<'a> {
    policy: Option<&'a Policy>,
    new: BTreeMap<Repository, String>,
    /// Those of them whose images are built here.
    local: BTreeSet<Repository>,
}

impl<'a> Images<'a> {
    pub(super) const fn of(policy: Option<&'a Policy>) -> Self {
        Self { policy, new: BTreeMap::new(), local: BTreeSet::new() }
    }

    /// The rule for an image: one that covers it, else a new one; nothing if the image has no repository to go by.
    pub(super) fn rule(&mut self, image: &str) -> Option<String> {
        let name: ImageName = image.parse().ok()?;
        let Some(reference) = name.reference() else {
            let mut rules = self.policy?.images();
            let only = rules.next().filter(|_| rules.next().is_none());
            return only.map(|(name, _)| name.to_string());
        };
        let repository = reference.repository();
        let rules = self.policy.into_iter().flat_map(Policy::images);
        let best =
            rules.filter(|(_, rule)| rule.covers(repository)).max_by_key(|(_, rule)| rule.specificity());
        if let Some((name, _)) = best {
            return Some(name.to_string());
        }
        if let Some(known) = self.new.get(repository) {
            return Some(known.clone());
        }
        let last = repository.path().rsplit('/').next().unwrap_or_default();
        let taken = |name: &str| {
            let mut rules = self.policy.into_iter().flat_map(Policy::images);
            rules.any(|(known, _)| known.as_str() == name) || self.new.values().any(|known| known == name)
        };
        let name = free_name(last, taken);
        self.new.insert(repository.clone(), name.clone());
        Some(name)
    }

    /// The rule for an image that is built here.
    pub(super) fn built(&mut self, demand: &Demand) -> Option<String> {
        let repository = built_as(demand)?;
        if !self.policy.into_iter().flat_map(Policy::images).any(|(_, rule)| rule.covers(&repository)) {
            self.local.insert(repository.clone());
        }
        self.rule(&repository.to_string())
    }

    /// What has to be done so that the key of this machine is known, where a new rule names it.
    fn key(&self) -> String {
        let known = self.policy.into_iter().flat_map(Policy::signers).any(|name| name.as_str() == LOCAL);
        if self.local.is_empty() || known {
            return String::new();
        }
        format!(
            "# Missing: the key that signs what is built here. Put what `perry-compose build --generate-key {LOCAL}` prints here.\n\n"
        )
    }

    /// The new rules. Who must have signed is said where only one signer can be meant.
    pub(super) fn text(&self) -> String {
        let signers: Vec<&str> =
            self.policy.into_iter().flat_map(Policy::signers).map(SignerName::as_str).collect();
        let mut text = self.key();
        for (repository, name) in &self.new {
            let _ = writeln!(text, "[image.{name}]\nrepository = {}", quoted(&repository.to_string()));
            let _ = match signers.as_slice() {
                _ if self.local.contains(repository) => {
                    writeln!(text, "signed-by = {{ at-least = 1, of = {} }}\n", list([LOCAL]))
                }
                [only] => writeln!(text, "signed-by = {{ at-least = 1, of = {} }}\n", list([only])),
                [] => writeln!(
                    text,
                    "# Missing: who signs this image. Add a `[signer.NAME]` with its key or identity, and name it here:\n\
                     # signed-by = {{ at-least = 1, of = [\"NAME\"] }}\n"
                ),
                several => writeln!(
                    text,
                    "# Missing: which of the policy's signers sign this image. Leave those here that do:\n\
                     # signed-by = {{ at-least = 1, of = {} }}\n",
                    list(several)
                ),
            };
        }
        text
    }
}

/// The repository that a service's image is built as: a name that no registry of others has.
fn built_as(demand: &Demand) -> Option<Repository> {
    format!("localhost/{}", demand.service.as_ref()?).parse().ok()
}

/// The grant of a build, for a service that has no image but what is built.
pub(super) fn build_grant(demand: &Demand) -> Option<String> {
    let build = demand.build.as_ref().filter(|_| demand.image.is_none())?;
    let (context, repository) = (quoted(&build.context), quoted(&built_as(demand)?.to_string()));
    let signer = quoted(LOCAL);
    Some(format!(
        "build = {{ context = {context}, repository = {repository}, signer = {signer}, network = \"none\" }}\n"
    ))
}
