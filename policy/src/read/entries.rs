//! Capabilities, services, ad-hoc runs, exceptions, audit.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use super::tree::Node;
use crate::at::At;
use crate::build::{BuildGrant, BuildNetwork};
use crate::entries::{AdHoc, ArgLimits, Audit, AuditField, AuditLog, Capability, Exception, Service, Tiers};
use crate::names::{ImageRuleName, TierName};
use crate::refusal::{Refusal, RefusalCode};

/// More arguments than a kernel takes at once.
const MOST_ARGS: u32 = 4096;
/// The kernel's own bound on one argument (`MAX_ARG_STRLEN`), less the NUL.
const LONGEST_ARG: u32 = 131_071;
/// Sandboxes of one capability that wait for a call.
const MOST_WARM: u32 = 64;
/// Fixed words of a command.
const MOST_WORDS: usize = 256;

impl Reader<'_> {
    fn tiers(&mut self, node: &Node) -> Option<Tiers> {
        let tier = self.optional(node, "tier", Self::parsed::<TierName>)?;
        Some(At { value: BTreeSet::from([tier.value]), span: tier.span })
    }

    fn image_names(&mut self, node: &Node) -> Option<At<BTreeSet<ImageRuleName>>> {
        let entry = node.entry("image")?;
        let names = self.parsed_list::<ImageRuleName>(&entry.node);
        if names.is_empty() {
            self.bad(&entry.node, "list at least one image rule");
            return None;
        }
        Some(At::new(names.into_iter().map(|name| name.value).collect(), entry.node.span))
    }

    pub(super) fn capability(&mut self, node: &Node) -> Option<Capability> {
        let tiers = self.tiers(node);
        let image = self.optional(node, "image", Self::parsed);
        let command = self.optional(node, "command", Self::command);
        let args = self.optional(node, "args", |reader, node| {
            let max = reader.optional(node, "max", |reader, node| reader.whole(node, MOST_ARGS));
            let each_max = reader.optional(node, "each-max", |reader, node| reader.whole(node, LONGEST_ARG));
            Some(At::new(ArgLimits { max: max?.value, each_max: each_max?.value }, node.span))
        });
        let warm = self.optional(node, "warm", |reader, node| reader.whole(node, MOST_WARM));
        let limits = self.limits(node);
        let (grants, project) = match node.entry("grants") {
            Some(entry) => self.grants(&entry.node),
            None => Default::default(),
        };
        if !project.is_empty() {
            self.refusals.push(
                Refusal::new(
                    RefusalCode::BadValue,
                    node.entry("grants").map_or(node.span, |entry| entry.node.span),
                    "networks, publish and volumes belong to a compose project, and a capability has none",
                )
                .help("write them in a `[service.\"project/name\"]` entry"),
            );
        }
        Some(Capability { tiers: tiers?, image: image?, command: command?, args, warm, grants, limits })
    }

    fn command(&mut self, node: &Node) -> Option<At<Vec<String>>> {
        let mut words = Vec::new();
        for item in self.list(node) {
            let word = self.text(item)?;
            if word.contains('\0') || word.len() > 4096 {
                self.bad(item, "a word of a command has at most 4096 bytes and no NUL");
                return None;
            }
            words.push(word.to_owned());
        }
        let program = words.first().map(String::as_str).unwrap_or_default();
        if program.is_empty() || words.len() > MOST_WORDS {
            self.bad(node, format!("a command has a program and at most {MOST_WORDS} words"));
            return None;
        }
        if !program.starts_with('/') && program.contains('/') {
            self.bad(
                node,
                "a program is an absolute path, or a name without a slash that the image's PATH finds",
            );
            return None;
        }
        Some(At::new(words, node.span))
    }

    pub(super) fn service(&mut self, node: &Node) -> Option<Service> {
        let tiers = self.tiers(node);
        let images = self.image_names(node);
        let limits = self.limits(node);
        let (grants, project) = match node.entry("grants") {
            Some(entry) => self.grants(&entry.node),
            None => Default::default(),
        };
        let build = match node.entry("build") {
            Some(entry) => Some(self.build(&entry.node)?),
            None => None,
        };
        Some(Service { tiers: tiers?, images: Some(images?), grants, project, limits, build })
    }

    fn build(&mut self, node: &Node) -> Option<BuildGrant> {
        let context = self.optional(node, "context", Self::parsed);
        let repository = self.optional(node, "repository", Self::parsed);
        let signer = self.optional(node, "signer", Self::parsed);
        let words = [("none", BuildNetwork::None), ("builder", BuildNetwork::Builder)];
        let network = self.choice(node, "network", words).map_or(BuildNetwork::None, |word| word.value);
        Some(BuildGrant { context: context?, repository: repository?, signer: signer?, network })
    }

    pub(super) fn ad_hoc(&mut self, node: &Node) -> Option<AdHoc> {
        let tiers = self.tiers(node);
        let images = self.image_names(node);
        Some(AdHoc { tiers: tiers?, images: images? })
    }

    pub(super) fn exceptions(&mut self, tree: &Node) -> BTreeMap<String, Exception> {
        let mut exceptions = BTreeMap::new();
        let Some(entry) = tree.entry("exception") else { return exceptions };
        for node in self.list(&entry.node) {
            let id = self.optional(node, "id", Self::parsed::<crate::names::PolicyName>);
            let (Some(id), Some(exception)) = (id, self.exception(node)) else { continue };
            if exceptions.insert(String::from(id.value), exception).is_some() {
                self.bad(node, "two exceptions have this id");
            }
        }
        exceptions
    }

    fn exception(&mut self, node: &Node) -> Option<Exception> {
        let allows = node.entry("allows").map(|entry| &entry.node);
        let tier = allows.and_then(|node| self.optional(node, "tier", Self::parsed::<TierName>));
        let isolation = allows.and_then(|node| self.levels(node, "isolation"));
        let host = self.optional(node, "host", Self::line);
        let reason = self.optional(node, "reason", Self::line);
        let owner = self.optional(node, "owner", Self::line);
        let until = self.optional(node, "until", Self::date);
        Some(Exception {
            tier: tier?.value,
            isolation: isolation?.value.into_iter().map(|level| level.value).collect(),
            host: host?.value,
            reason: reason?.value,
            owner: owner?.value,
            until: until?.value,
            span: Some(node.span),
        })
    }

    pub(super) fn audit(&mut self, node: &Node) -> Audit {
        let log = self.choice(node, "log", [("chained", AuditLog::Chained), ("off", AuditLog::Off)]);
        let mut audit = Audit { log: log.map_or(AuditLog::Chained, |log| log.value), ..Audit::default() };
        if let Some(entry) = node.entry("include") {
            audit.include = self
                .list(&entry.node)
                .iter()
                .filter_map(|item| match self.text(item)? {
                    "decision" => Some(AuditField::Decision),
                    "explain" => Some(AuditField::Explain),
                    "resource-use" => Some(AuditField::ResourceUse),
                    "arguments" => Some(AuditField::Arguments),
                    // Refused with the list of the known ones when the keys were checked.
                    _ => None,
                })
                .collect();
        }
        audit
    }
}
