//! One file, typed: nothing is resolved yet.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_profiles::ProfileName;

use super::reader::Reader;
use super::shape::{KINDS, POLICY};
use super::tier::TierDoc;
use super::tree::{MAX_BYTES, Node, parse};
use crate::at::At;
use crate::deny_list::DenyList;
use crate::entries::{AdHoc, Audit, Capability, Exception, ImageRule, Service, ServicePattern};
use crate::identity::{IssuerPattern, SubjectPattern};
use crate::names::{CapabilityName, ImageRuleName, SignerName, TierName, TrustRootName};
use crate::quantity::WallTime;
use crate::refusal::{Refusal, RefusalCode, Refusals, shown};
use crate::source::{Format, Span};
use crate::window::SigningWindow;

/// The only schema string.
pub(crate) const SCHEMA: &str = "perry-sandbox/policy/v1";

/// One policy file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) open: BTreeSet<&'static str>,
    pub(crate) roots: BTreeMap<TrustRootName, At<RootDoc>>,
    pub(crate) profiles: BTreeMap<ProfileName, At<ProfileDoc>>,
    pub(crate) signers: BTreeMap<SignerName, At<SignerDoc>>,
    pub(crate) images: BTreeMap<ImageRuleName, At<ImageRule>>,
    pub(crate) tiers: BTreeMap<TierName, TierDoc>,
    pub(crate) capabilities: BTreeMap<CapabilityName, At<Capability>>,
    pub(crate) services: BTreeMap<ServicePattern, At<Service>>,
    pub(crate) ad_hoc: Option<At<AdHoc>>,
    pub(crate) exceptions: BTreeMap<String, Exception>,
    pub(crate) audit: Option<Audit>,
    pub(crate) denied: DenyList,
}

/// A trust root as written.
#[derive(Debug)]
pub(crate) enum RootDoc {
    Public { max_age: WallTime },
    File { path: At<String>, sha256: At<String> },
    Folder { path: At<String>, sha256: At<String> },
}

/// A seccomp profile as written.
#[derive(Debug)]
pub(crate) struct ProfileDoc {
    pub(crate) path: At<String>,
    pub(crate) sha256: At<String>,
}

/// A signer as written.
#[derive(Debug)]
pub(crate) struct SignerDoc {
    pub(crate) by: SignerBy,
    pub(crate) window: SigningWindow,
}

/// What a signer is recognised by, as written.
#[derive(Debug)]
pub(crate) enum SignerBy {
    Key {
        path: At<String>,
        root: Option<At<TrustRootName>>,
    },
    Keyless {
        root: At<TrustRootName>,
        issuer: IssuerPattern,
        subject: SubjectPattern,
        claims: BTreeMap<String, String>,
    },
}

/// Reads one file; what is wrong with it goes to `refusals`.
pub(crate) fn read(bytes: &[u8], format: Format, source: u32, refusals: &mut Refusals) -> Option<Document> {
    document_of(bytes, format, source, refusals).map(|(_, document)| document)
}

/// Reads one file, and keeps its tree.
pub(crate) fn document_of(
    bytes: &[u8],
    format: Format,
    source: u32,
    refusals: &mut Refusals,
) -> Option<(Node, Document)> {
    let start = Span { source, start: 0, end: 0 };
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, and a policy has at most {MAX_BYTES}", bytes.len());
        refusals.push(Refusal::new(RefusalCode::TooLarge, start, message));
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        refusals.push(Refusal::new(RefusalCode::NotText, start, "the file is not UTF-8 text"));
        return None;
    };
    let tree = parse(text, format, source, refusals)?;
    let mut reader = Reader { refusals, expressions: 0 };
    if !reader.schema(&tree) {
        return None;
    }
    reader.check(&tree, &POLICY);
    let document = reader.document(&tree);
    Some((tree, document))
}

impl Reader<'_> {
    /// A file of another schema is not read any further: its keys mean something else.
    fn schema(&mut self, tree: &Node) -> bool {
        let Some(entry) = tree.entry("schema") else {
            let start = Span { end: tree.span.start, ..tree.span };
            self.refusals.push(
                Refusal::new(RefusalCode::Schema, start, "the file does not say which schema it follows")
                    .help(format!("begin it with `schema = \"{SCHEMA}\"`")),
            );
            return false;
        };
        let Some(text) = self.text(&entry.node) else { return false };
        if text == SCHEMA {
            return true;
        }
        self.refusals.push(
            Refusal::new(RefusalCode::Schema, entry.node.span, format!("unknown schema `{}`", shown(text)))
                .help(format!("this version reads `{SCHEMA}` and nothing else")),
        );
        false
    }

    fn document(&mut self, tree: &Node) -> Document {
        Document {
            name: self
                .optional(tree, "name", Self::parsed::<crate::names::PolicyName>)
                .map(|n| n.value.into()),
            description: self.optional(tree, "description", Self::prose),
            open: self.open(tree),
            roots: self.named(tree, "trust-root", Self::trust_root),
            profiles: self.named(tree, "seccomp", Self::profile),
            signers: self.named(tree, "signer", Self::signer),
            images: self.named(tree, "image", Self::image_rule),
            tiers: self
                .named(tree, "tier", Self::tier)
                .into_iter()
                .map(|(name, tier): (TierName, _)| (name, tier.value))
                .collect(),
            capabilities: self.named(tree, "capability", Self::capability),
            services: self.named(tree, "service", Self::service),
            ad_hoc: tree
                .entry("ad-hoc")
                .and_then(|entry| self.ad_hoc(&entry.node).map(|value| At::new(value, entry.key_span))),
            exceptions: self.exceptions(tree),
            audit: tree.entry("audit").map(|entry| self.audit(&entry.node)),
            denied: self.deny_list(tree),
        }
    }

    /// A key that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        node: &Node,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        node.entry(key).and_then(|entry| read(self, &entry.node))
    }

    /// Longer text for people.
    fn prose(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if text.len() > 4096 || text.chars().any(|c| c.is_control() && c != '\n') {
            self.bad(node, "expected at most 4096 bytes without control characters");
            return None;
        }
        Some(text.to_owned())
    }

    /// Tables by names that the author chooses; each value with the place of its name.
    fn named<K, T>(
        &mut self,
        tree: &Node,
        key: &str,
        read: impl Fn(&mut Self, &Node) -> Option<T>,
    ) -> BTreeMap<K, At<T>>
    where
        K: Ord + std::str::FromStr<Err: std::fmt::Display>,
    {
        let mut named = BTreeMap::new();
        let Some(entry) = tree.entry(key) else { return named };
        for entry in self.table(&entry.node).unwrap_or_default() {
            let name = self.key::<K>(entry);
            let value = read(self, &entry.node);
            if let (Some(name), Some(value)) = (name, value) {
                named.insert(name.value, At::new(value, entry.key_span));
            }
        }
        named
    }

    fn open(&mut self, tree: &Node) -> BTreeSet<&'static str> {
        let Some(entry) = tree.entry("open") else { return BTreeSet::new() };
        let items = self.list(&entry.node);
        items.iter().filter_map(|item| self.word(item, KINDS)).collect()
    }
}
