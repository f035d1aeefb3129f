//! Trust roots, signers and image rules.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use super::document::{RootDoc, SignerDoc};
use super::reader::Reader;
use super::tree::Node;
use crate::at::At;
use crate::entries::{ImageRule, Provenance};
use crate::names::SignerName;
use crate::quantity::WallTime;
use crate::refusal::{Refusal, RefusalCode, suggestion};
use crate::requirement::LogRule;

/// Material of the public instance that no policy gives an age for.
const DEFAULT_MAX_AGE_SECS: u64 = 24 * 60 * 60;
/// More signers than any quorum needs.
const MOST_SIGNERS: u32 = 1000;

impl Reader<'_> {
    /// Refuses keys that a table of this kind does not have.
    fn only(&mut self, node: &Node, kind: &str, allowed: &[&str]) {
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

    fn needs(&mut self, node: &Node, kind: &str, key: &str) {
        if node.entry(key).is_none() {
            self.refusals.push(Refusal::new(
                RefusalCode::MissingKey,
                node.span,
                format!("{kind} needs `{key}`"),
            ));
        }
    }

    pub(super) fn trust_root(&mut self, node: &Node) -> Option<RootDoc> {
        let kind =
            self.optional(node, "kind", |reader, node| reader.word(node, &["sigstore-public", "file"]))?;
        if kind == "sigstore-public" {
            self.only(node, "the public trust root", &["kind", "max-age"]);
            let max_age = self.optional(node, "max-age", Self::parsed::<WallTime>);
            let max_age =
                max_age.map(|age| age.value).or_else(|| WallTime::from_secs(DEFAULT_MAX_AGE_SECS))?;
            return Some(RootDoc::Public { max_age });
        }
        let kind = "a trust root from a file";
        self.only(node, kind, &["kind", "path", "sha256"]);
        self.needs(node, kind, "path");
        self.needs(node, kind, "sha256");
        let path = self.optional(node, "path", Self::line);
        let sha256 = self.optional(node, "sha256", Self::sha256);
        Some(RootDoc::File { path: path?, sha256: sha256? })
    }

    fn sha256(&mut self, node: &Node) -> Option<At<String>> {
        let text = self.text(node)?;
        let is_hex =
            text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_hex {
            self.bad(node, "expected a SHA-256 digest as 64 digits of 0-9 and a-f");
            return None;
        }
        Some(At::new(text.to_owned(), node.span))
    }

    pub(super) fn signer(&mut self, node: &Node) -> Option<SignerDoc> {
        let root = self.optional(node, "root", Self::parsed);
        if node.entry("public-key").is_some() {
            self.only(node, "a signer with a key", &["root", "public-key"]);
            let path = self.optional(node, "public-key", Self::line)?;
            return Some(SignerDoc::Key { path, root });
        }
        // SECURITY: a subject without an issuer, or an issuer without a subject, lets others sign (VERIFIER.md).
        for key in ["root", "issuer", "subject"] {
            self.needs(node, "a signer without a `public-key`", key);
        }
        let issuer = self.optional(node, "issuer", Self::issuer);
        let subject = self.optional(node, "subject", Self::subject);
        let claims = self.claims(node);
        Some(SignerDoc::Keyless { root: root?, issuer: issuer?, subject: subject?, claims })
    }

    fn issuer(&mut self, node: &Node) -> Option<At<String>> {
        let issuer = self.line(node)?;
        if issuer.value.contains('*') {
            self.bad(node, "an issuer is always exact: `*` has no meaning in it");
            return None;
        }
        Some(issuer)
    }

    fn subject(&mut self, node: &Node) -> Option<At<String>> {
        let subject = self.line(node)?;
        if subject.value.chars().all(|c| matches!(c, '*' | '/' | ':' | '.' | '@')) {
            self.bad(node, "this subject is any subject: write out at least the repository and the workflow");
            return None;
        }
        Some(subject)
    }

    fn claims(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut claims = BTreeMap::new();
        let Some(entry) = node.entry("claims") else { return claims };
        for claim in self.table(&entry.node).unwrap_or_default() {
            if let Some(value) = self.line(&claim.node) {
                claims.insert(claim.key.clone(), value.value);
            }
        }
        claims
    }

    pub(super) fn image_rule(&mut self, node: &Node) -> Option<ImageRule> {
        let repository = self.optional(node, "repository", Self::parsed);
        let digests = node.entry("digests").map(|entry| {
            let items = self.parsed_list(&entry.node);
            if items.is_empty() {
                self.bad(
                    &entry.node,
                    "no image has a digest of an empty list: list one, or leave the key out",
                );
            }
            At::new(items.into_iter().map(|item| item.value).collect::<BTreeSet<_>>(), entry.node.span)
        });
        let quorum = self.optional(node, "signed-by", |reader, node| Some(reader.quorum(node)));
        let provenance = self.optional(node, "provenance", |reader, node| {
            let predicate = reader.optional(node, "predicate", Self::line)?;
            let by = reader.optional(node, "by", Self::signers)?;
            Some(At::new(Provenance { predicate: predicate.value, by: by.value }, node.span))
        });
        let max_age = self.optional(node, "max-age", Self::parsed);
        let log = self.optional(node, "log", |reader, node| {
            let required = reader.word(node, &["optional", "required"])? == "required";
            Some(At::new(if required { LogRule::Required } else { LogRule::Optional }, node.span))
        });
        let (at_least, signers) = quorum?;
        Some(ImageRule {
            repository: repository?,
            digests,
            signers: signers?,
            at_least: at_least?,
            provenance,
            max_age,
            log: log.unwrap_or(At::nowhere(LogRule::Optional)),
        })
    }

    fn quorum(&mut self, node: &Node) -> (Option<At<NonZeroU32>>, Option<At<BTreeSet<SignerName>>>) {
        let at_least = self.optional(node, "at-least", |reader, node| reader.whole(node, MOST_SIGNERS));
        let signers = self.optional(node, "of", Self::signers);
        if let (Some(at_least), Some(signers)) = (&at_least, &signers) {
            let listed = u32::try_from(signers.value.len()).unwrap_or(u32::MAX);
            if at_least.value.get() > listed {
                let mut refusal = Refusal::new(
                    RefusalCode::Unsatisfiable,
                    at_least.span.unwrap_or(node.span),
                    format!("{} signatures are asked of {listed} signers", at_least.value),
                );
                if let Some(span) = signers.span {
                    refusal = refusal.related(span, "the signers");
                }
                self.refusals.push(refusal);
            }
        }
        (at_least, signers)
    }

    fn signers(&mut self, node: &Node) -> Option<At<BTreeSet<SignerName>>> {
        let names: BTreeSet<SignerName> = self.parsed_list(node).into_iter().map(|name| name.value).collect();
        if names.is_empty() {
            self.bad(node, "list at least one signer");
            return None;
        }
        Some(At::new(names, node.span))
    }
}
