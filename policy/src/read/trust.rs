//! Trust roots, seccomp profiles, signers and image rules.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{ProfileDoc, RootDoc};
use super::reader::Reader;
use super::tree::{Node, Value};
use crate::at::At;
use crate::entries::{ImageRule, Provenance, SignedAs};
use crate::identity::SubjectPattern;
use crate::predicate::{Condition, PredicateRule, SLSA_PREDICATES, is_pointer};
use crate::quantity::WallTime;
use crate::refusal::{Refusal, RefusalCode, suggestion};
use crate::requirement::LogRule;

/// Material of the public instance that no policy gives an age for.
const DEFAULT_MAX_AGE_SECS: u64 = 24 * 60 * 60;

impl Reader<'_> {
    /// Refuses keys that a table of this kind does not have.
    pub(super) fn only(&mut self, node: &Node, kind: &str, allowed: &[&str]) {
        for entry in self.table(node).unwrap_or_default() {
            if !allowed.contains(&entry.key.as_str()) {
                self.refusals.push(
                    Refusal::new(
                        RefusalCode::UnknownKey,
                        entry.key_span,
                        format!("`{}` means nothing for {kind}", crate::refusal::shown(&entry.key)),
                    )
                    .help(suggestion(&entry.key, allowed.iter().copied())),
                );
            }
        }
    }

    pub(super) fn needs(&mut self, node: &Node, kind: &str, key: &str) {
        if node.entry(key).is_none() {
            self.refusals.push(Refusal::new(
                RefusalCode::MissingKey,
                node.span,
                format!("{kind} needs `{key}`"),
            ));
        }
    }

    pub(super) fn trust_root(&mut self, node: &Node) -> Option<RootDoc> {
        let kind = self.optional(node, "kind", |reader, node| {
            reader.word(node, &["sigstore-public", "file", "folder"])
        })?;
        if kind == "sigstore-public" {
            self.only(node, "the public trust root", &["kind", "max-age"]);
            let max_age = self.optional(node, "max-age", Self::parsed::<WallTime>);
            let max_age =
                max_age.map(|age| age.value).or_else(|| WallTime::from_secs(DEFAULT_MAX_AGE_SECS))?;
            return Some(RootDoc::Public { max_age });
        }
        let is_folder = kind == "folder";
        let kind = if is_folder { "a trust root from a folder" } else { "a trust root from a file" };
        self.only(node, kind, &["kind", "path", "sha256"]);
        self.needs(node, kind, "path");
        self.needs(node, kind, "sha256");
        let path = self.optional(node, "path", Self::line);
        let sha256 = self.optional(node, "sha256", Self::sha256);
        let (path, sha256) = (path?, sha256?);
        Some(if is_folder { RootDoc::Folder { path, sha256 } } else { RootDoc::File { path, sha256 } })
    }

    /// A seccomp profile in a file.
    pub(super) fn profile(&mut self, node: &Node) -> Option<ProfileDoc> {
        let path = self.optional(node, "path", Self::line);
        let sha256 = self.optional(node, "sha256", Self::sha256);
        Some(ProfileDoc { path: path?, sha256: sha256? })
    }

    pub(super) fn sha256(&mut self, node: &Node) -> Option<At<String>> {
        let text = self.text(node)?;
        let is_hex =
            text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_hex {
            self.bad(node, "expected a SHA-256 digest as 64 digits of 0-9 and a-f");
            return None;
        }
        Some(At::new(text.to_owned(), node.span))
    }

    pub(super) fn image_rule(&mut self, node: &Node) -> Option<ImageRule> {
        let mut rule = self.demands(node, None)?;
        let base = rule.clone();
        rule.trial = self.optional(node, "trial", |reader, node| {
            let trial = reader.demands(node, Some(&base))?;
            if trial == base {
                reader.bad(node, "the trial asks for what the rule itself asks for");
                return None;
            }
            Some(At::new(Box::new(trial), node.span))
        });
        Some(rule)
    }

    /// What an image rule asks for; a trial asks for what its rule does where it does not say.
    fn demands(&mut self, node: &Node, base: Option<&ImageRule>) -> Option<ImageRule> {
        let repository = self.optional(node, "repository", Self::parsed);
        let digests = node.entry("digests").map(|entry| {
            let items = self.parsed_list(&entry.node);
            // Items that cannot be read have said so.
            if matches!(&entry.node.value, Value::List(written) if written.is_empty()) {
                self.bad(
                    &entry.node,
                    "no image has a digest of an empty list: list one, or leave the key out",
                );
            }
            At::new(items.into_iter().map(|item| item.value).collect::<BTreeSet<_>>(), entry.node.span)
        });
        // A quorum that cannot be read is not the rule's own.
        let quorum = self.optional(node, "signed-by", |reader, node| Some(reader.quorum(node)));
        let provenance = self.optional(node, "provenance", |reader, node| {
            let predicate = reader.optional(node, "predicate", Self::line)?;
            let says = reader.predicate_rule(node, &predicate.value);
            let by = reader.optional(node, "by", Self::signers)?;
            Some(At::new(Provenance { predicate: predicate.value, by: by.value, says: says? }, node.span))
        });
        let max_age = self.optional(node, "max-age", Self::parsed);
        let log = self.optional(node, "log", |reader, node| {
            let required = reader.word(node, &["optional", "required"])? == "required";
            Some(At::new(if required { LogRule::Required } else { LogRule::Optional }, node.span))
        });
        let signed_after = self.optional(node, "signed-after", Self::moment);
        let annotations = self.annotations(node);
        let words = [("exact", SignedAs::Exact), ("prefix", SignedAs::Prefix), ("ignore", SignedAs::Ignore)];
        let signed_as = self.choice(node, "signed-as", words);
        let mirror_of = self.optional(node, "mirror-of", Self::parsed);
        let verify_timeout = self.optional(node, "verify-timeout", Self::verify_timeout);
        let quorum = match quorum {
            Some(quorum) => quorum?,
            None => base?.quorum.clone(),
        };
        let mut rule = ImageRule {
            repository: repository.or_else(|| base.map(|base| base.repository.clone()))?,
            digests: digests.or_else(|| base?.digests.clone()),
            quorum,
            provenance: provenance.or_else(|| base?.provenance.clone()),
            max_age: max_age.or_else(|| base?.max_age),
            log: log.or(base.map(|base| base.log)).unwrap_or(At::nowhere(LogRule::Optional)),
            signed_after: signed_after.or_else(|| base?.signed_after),
            annotations: base.map(|base| base.annotations.clone()).unwrap_or_default(),
            signed_as: signed_as.or(base.map(|base| base.signed_as)).unwrap_or(At::nowhere(SignedAs::Exact)),
            mirror_of: mirror_of.or_else(|| base?.mirror_of.clone()),
            verify_timeout: verify_timeout.unwrap_or(At::nowhere(WallTime::VERIFY_TIMEOUT)),
            trial: None,
        };
        rule.annotations.extend(annotations);
        Some(rule)
    }

    fn verify_timeout(&mut self, node: &Node) -> Option<At<WallTime>> {
        let time = self.parsed::<WallTime>(node)?;
        let most = WallTime::MAX_VERIFY_TIMEOUT;
        if time.value > most {
            self.out_of_range(
                node,
                format!("`{}` is longer than the {most} that a verification may take", time.value),
            );
            return None;
        }
        Some(time)
    }

    fn annotations(&mut self, node: &Node) -> BTreeMap<String, At<String>> {
        let mut annotations = BTreeMap::new();
        let Some(entry) = node.entry("annotations") else { return annotations };
        for annotation in self.table(&entry.node).unwrap_or_default() {
            if let Some(value) = self.line(&annotation.node) {
                annotations.insert(annotation.key.clone(), value);
            }
        }
        annotations
    }

    /// What a predicate must say; nothing if what is asked cannot be found in one of that type.
    fn predicate_rule(&mut self, node: &Node, predicate: &str) -> Option<PredicateRule> {
        let builder = self.optional(node, "builder", Self::subject);
        let source = self.optional(node, "source", Self::line);
        let source_ref = self.optional(node, "ref", Self::line);
        let build_type = self.optional(node, "build-type", Self::line);
        let pattern = |at: At<String>| SubjectPattern::from_policy(&at.value);
        let rule = PredicateRule {
            builder: builder.map(pattern),
            source: source.map(|at| at.value),
            source_ref: source_ref.map(pattern),
            build_type: build_type.map(|at| at.value),
            conditions: self.conditions(node),
        };
        if rule.needs_slsa() && !SLSA_PREDICATES.contains(&predicate) {
            let known = SLSA_PREDICATES.join("` and `");
            self.bad(node, format!("builder, source, ref and build-type are read in `{known}` only"));
            return None;
        }
        Some(rule)
    }

    fn conditions(&mut self, node: &Node) -> BTreeSet<Condition> {
        let Some(entry) = node.entry("conditions") else { return BTreeSet::new() };
        let mut conditions = BTreeSet::new();
        for node in self.list(&entry.node) {
            let at = self.optional(node, "at", Self::pointer);
            let one_of = self.optional(node, "one-of", |reader, node| {
                let items = reader.list(node).iter().map(|item| reader.text(item).map(str::to_owned));
                let items = items.collect::<Option<BTreeSet<_>>>()?;
                if items.is_empty() {
                    reader.bad(node, "list at least one value that is accepted");
                    return None;
                }
                Some(items)
            });
            if let (Some(at), Some(one_of)) = (at, one_of) {
                conditions.insert(Condition { at, one_of });
            }
        }
        conditions
    }

    fn pointer(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if text.len() > 4096 || !is_pointer(text) {
            self.bad(node, "expected a JSON pointer such as `/buildDefinition/buildType`");
            return None;
        }
        Some(text.to_owned())
    }
}
