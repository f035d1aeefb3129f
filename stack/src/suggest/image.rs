use std::collections::BTreeMap;
use std::fmt::Write as _;

use perry_sandbox_image::ImageName;
use perry_sandbox_policy::{Policy, SignerName};
use perry_sandbox_reference::Repository;

use super::lines::{free_name, list, quoted};

/// Image rules that are there, and those that are missing.
pub(super) struct Images<'a> {
    policy: Option<&'a Policy>,
    new: BTreeMap<Repository, String>,
}

impl<'a> Images<'a> {
    pub(super) const fn of(policy: Option<&'a Policy>) -> Self {
        Self { policy, new: BTreeMap::new() }
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

    /// The new rules. Who must have signed is said where only one signer can be meant.
    pub(super) fn text(&self) -> String {
        let signers: Vec<&str> =
            self.policy.into_iter().flat_map(Policy::signers).map(SignerName::as_str).collect();
        let mut text = String::new();
        for (repository, name) in &self.new {
            let _ = writeln!(text, "[image.{name}]\nrepository = {}", quoted(&repository.to_string()));
            let _ = match signers.as_slice() {
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
