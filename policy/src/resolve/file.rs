//! One file, resolved: trust files read and checked, names looked up, entries held against their tiers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::iter;

use perry_sandbox_reference::Digest;

use super::parts::{Parts, SignerEntry, SignerKind, Tier};
use super::references::Missing;
use super::tiers::resolve_tiers;
use crate::at::At;
use crate::grants::Grants;
use crate::limits::EntryLimits;
use crate::names::{ImageRuleName, SignerName, TierName, TrustRootName};
use crate::pattern::{Pattern, PatternSet};
use crate::read::{Document, RootDoc, SignerBy, SignerDoc};
use crate::refusal::{Refusal, RefusalCode, Refusals};
use crate::requirement::{TrustRoot, TrustRootSource};
use crate::source::{PolicyFiles, SourceName, Span};

/// Larger than any key or trust root that is meant seriously.
const MAX_KEY_BYTES: usize = 64 << 10;
const MAX_ROOT_BYTES: usize = 4 << 20;

/// Resolves one file; names that other files may define are returned beside it.
pub(crate) fn resolve_file(
    document: Document,
    name: &SourceName,
    files: &dyn PolicyFiles,
    builtin: &BTreeMap<TierName, Tier>,
    refusals: &mut Refusals,
) -> (Parts, Vec<Missing>) {
    let profiles = FileResolver { name, files, refusals }.profiles(&document.profiles);
    let mut tiers = resolve_tiers(&document.tiers, (builtin, &profiles), refusals);
    let defined: BTreeSet<TierName> = document.tiers.keys().chain(builtin.keys()).cloned().collect();
    let open_tiers = document.open.contains("tier");
    for (name, tier) in builtin.iter().filter(|_| !open_tiers) {
        if !document.tiers.contains_key(name) {
            tiers.insert(name.clone(), tier.clone());
        }
    }
    let mut resolver = FileResolver { name, files, refusals };
    let trust_roots = document
        .roots
        .iter()
        .filter_map(|(name, root)| Some((name.clone(), resolver.trust_root(name, root)?)))
        .collect();
    let signers = document
        .signers
        .iter()
        .filter_map(|(name, signer)| Some((name.clone(), resolver.signer(signer)?)))
        .collect();
    let missing = references(&document, &defined);
    let parts = Parts {
        names: document.name.into_iter().collect(),
        descriptions: document.description.into_iter().collect(),
        open: document.open,
        trust_roots,
        signers,
        images: document.images,
        tiers,
        capabilities: document.capabilities,
        services: document.services,
        ad_hoc: document.ad_hoc,
        exceptions: document.exceptions,
        audit: document.audit,
        denied: document.denied,
    };
    resolver.entries_under_tiers(&parts, builtin);
    resolver.ambiguous_lists(&parts);
    let (deferred, refused): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|missing| parts.is_open(missing.kind));
    for missing in refused {
        let known: BTreeSet<&str> = match missing.kind {
            "trust-root" => parts.trust_roots.keys().map(TrustRootName::as_str).collect(),
            "signer" => parts.signers.keys().map(SignerName::as_str).collect(),
            "image" => parts.images.keys().map(ImageRuleName::as_str).collect(),
            _ => defined.iter().map(TierName::as_str).collect(),
        };
        refusals.push(missing.refusal(known));
    }
    (parts, deferred)
}

pub(super) struct FileResolver<'a> {
    name: &'a SourceName,
    files: &'a dyn PolicyFiles,
    pub(super) refusals: &'a mut Refusals,
}

impl FileResolver<'_> {
    fn read(&mut self, path: &At<String>, most: usize) -> Option<String> {
        let span = path.span?;
        let bytes = match self.files.read(self.name, &path.value) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.refusals.push(Refusal::new(RefusalCode::File, span, error.to_string()));
                return None;
            }
        };
        let problem = if bytes.len() > most {
            format!("`{}` has {} bytes, at most {most} are read", path.value, bytes.len())
        } else if let Ok(text) = String::from_utf8(bytes) {
            return Some(text);
        } else {
            format!("`{}` is not text", path.value)
        };
        self.refusals.push(Refusal::new(RefusalCode::File, span, problem));
        None
    }

    /// Reads a file whose digest the policy pins.
    pub(super) fn pinned(&mut self, path: &At<String>, sha256: &At<String>, most: usize) -> Option<String> {
        let text = self.read(path, most)?;
        let digest = Digest::of(text.as_bytes());
        if digest.hex() == sha256.value {
            return Some(text);
        }
        let message = format!("`{}` has changed: its digest is {digest}", path.value);
        let span = sha256.span.or(path.span)?;
        self.refusals.push(
            Refusal::new(RefusalCode::File, span, message)
                .label("the policy pins another digest")
                .help("find out who changed the file before pinning the new digest"),
        );
        None
    }

    fn trust_root(&mut self, name: &TrustRootName, root: &At<RootDoc>) -> Option<At<TrustRoot>> {
        let value = match &root.value {
            RootDoc::Public { max_age } => TrustRoot {
                name: name.clone(),
                json: String::new(),
                digest: Digest::of(b""),
                source: TrustRootSource::SigstorePublic { max_age: max_age.duration() },
            },
            RootDoc::File { path, sha256 } => {
                let json = self.pinned(path, sha256, MAX_ROOT_BYTES)?;
                let digest = Digest::of(json.as_bytes());
                TrustRoot { name: name.clone(), json, digest, source: TrustRootSource::File }
            }
            RootDoc::Folder { path, sha256 } => self.folder(name, path, sha256)?,
        };
        Some(At { value, span: root.span })
    }

    /// Reads a folder of trust roots whose list the policy pins.
    fn folder(&mut self, name: &TrustRootName, path: &At<String>, sha256: &At<String>) -> Option<TrustRoot> {
        let span = path.span?;
        let root = match self.files.read_folder(self.name, &path.value) {
            Ok(files) => folder_of(name, files, &path.value),
            Err(error) => Err(error.to_string()),
        };
        let root = root.map_err(|problem| self.refusals.push(Refusal::new(RefusalCode::File, span, problem)));
        let root = root.ok()?;
        if root.digest.hex() == sha256.value {
            return Some(root);
        }
        let message = format!("`{}` has changed: the digest of its list is {}", path.value, root.digest);
        self.refusals.push(
            Refusal::new(RefusalCode::File, sha256.span.unwrap_or(span), message)
                .label("the policy pins another digest")
                .help("find out who changed the folder before pinning the new digest"),
        );
        None
    }

    fn signer(&mut self, signer: &At<SignerDoc>) -> Option<At<SignerEntry>> {
        let by = match &signer.value.by {
            SignerBy::Key { path, root } => {
                let pem = self.read(path, MAX_KEY_BYTES)?;
                if crate::key::fingerprint(&pem).is_none() {
                    let private = if pem.contains("PRIVATE KEY") { ": it holds a private key" } else { "" };
                    let message = format!("`{}` is not a public key in PEM{private}", path.value);
                    self.refusals.push(Refusal::new(RefusalCode::File, path.span?, message));
                    return None;
                }
                SignerKind::Key { pem, root: root.as_ref().map(|root| root.value.clone()) }
            }
            SignerBy::Keyless { root, issuer, subject, claims } => SignerKind::Keyless {
                issuer: issuer.clone(),
                subject: subject.clone(),
                claims: claims.clone(),
                root: root.value.clone(),
            },
        };
        Some(At { value: SignerEntry { by, window: signer.value.window }, span: signer.span })
    }

    /// Refuses entries that grant more than their own file's tier allows.
    fn entries_under_tiers(&mut self, parts: &Parts, builtin: &BTreeMap<TierName, Tier>) {
        let capabilities = parts.capabilities.iter().map(|(name, entry)| {
            let capability = &entry.value;
            (format!("the capability `{name}`"), &capability.tiers, &capability.grants, &capability.limits)
        });
        let services = parts.services.iter().map(|(name, entry)| {
            let service = &entry.value;
            (format!("the service `{name}`"), &service.tiers, &service.grants, &service.limits)
        });
        for (what, tiers, grants, limits) in capabilities.chain(services) {
            for name in &tiers.value {
                if let Some(tier) = parts.tiers.get(name).or_else(|| builtin.get(name)) {
                    self.under_tier(&what, name, tier, grants, limits);
                }
            }
        }
    }

    fn under_tier(
        &mut self,
        what: &str,
        name: &TierName,
        tier: &Tier,
        grants: &Grants,
        limits: &EntryLimits,
    ) {
        let ceiling = &tier.ceiling.grants;
        self.inside(what, name, "egress", &grants.egress, &ceiling.egress);
        self.inside(what, name, "mounts.read", &grants.mounts_read, &ceiling.mounts_read);
        self.inside(what, name, "mounts.write", &grants.mounts_write, &ceiling.mounts_write);
        self.inside(what, name, "mounts.exec", &grants.mounts_exec, &ceiling.mounts_exec);
        self.inside(what, name, "env", &grants.env, &ceiling.env);
        self.inside(what, name, "secrets", &grants.secrets, &ceiling.secrets);
        self.inside(what, name, "devices", &grants.devices, &ceiling.devices);
        self.inside(what, name, "linux-caps", &grants.linux_caps, &ceiling.linux_caps);
        for limit in tier.ceiling.limits.exceeded(limits) {
            let Some(span) = limit.wanted_at else { continue };
            let message = format!(
                "{what} sets limits.{} = {}, and its tier `{name}` allows at most {}",
                limit.name, limit.wanted, limit.ceiling
            );
            self.wider(span, limit.ceiling_at, message);
        }
    }

    fn inside<T: Pattern + Display>(
        &mut self,
        what: &str,
        tier: &TierName,
        field: &str,
        granted: &PatternSet<T>,
        ceiling: &PatternSet<T>,
    ) {
        for (item, span) in granted.iter().filter(|(item, _)| !ceiling.includes(item)) {
            let Some(span) = span else { continue };
            let message = format!("{what} is granted {field} {item}, which its tier `{tier}` does not allow");
            self.wider(span, ceiling.iter().find_map(|(_, span)| span), message);
        }
    }

    fn wider(&mut self, span: Span, ceiling: Option<Span>, message: String) {
        let mut refusal = Refusal::new(RefusalCode::Wider, span, message)
            .label("outside of the tier's ceiling")
            .help("drop it here, or allow it in the tier and in what the tier extends");
        if let Some(span) = ceiling {
            refusal = refusal.related(span, "the ceiling");
        }
        self.refusals.push(refusal);
    }

    /// Two rules of one list for one repository could never be told apart.
    fn ambiguous_lists(&mut self, parts: &Parts) {
        let lists = parts
            .services
            .values()
            .filter_map(|service| service.value.images.as_ref())
            .chain(parts.ad_hoc.iter().map(|entry| &entry.value.images));
        for list in lists {
            let mut seen: BTreeMap<&perry_sandbox_reference::Repository, &ImageRuleName> = BTreeMap::new();
            for name in &list.value {
                let Some(rule) = parts.images.get(name) else { continue };
                let first = seen.insert(&rule.value.repository.value, name);
                if let (Some(first), Some(span)) = (first, list.span) {
                    let message =
                        format!("the image rules `{first}` and `{name}` are for the same repository");
                    self.refusals
                        .push(Refusal::new(RefusalCode::Ambiguous, span, message).help("list one of them"));
                }
            }
        }
    }
}

/// Every name that is mentioned and not defined here, with the names that are.
fn references(document: &Document, tiers: &BTreeSet<TierName>) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut look = |kind: &'static str, name: &str, span: Option<Span>, is_known: bool| {
        if let Some(span) = span.filter(|_| !is_known) {
            missing.push(Missing { kind, name: name.to_owned(), span });
        }
    };
    for signer in document.signers.values() {
        let root = match &signer.value.by {
            SignerBy::Key { root, .. } => root.as_ref(),
            SignerBy::Keyless { root, .. } => Some(root),
        };
        if let Some(root) = root {
            look("trust-root", root.value.as_str(), root.span, document.roots.contains_key(&root.value));
        }
    }
    let rules = document.images.values().map(|rule| &rule.value);
    for rule in
        rules.flat_map(|rule| iter::once(rule).chain(rule.trial.iter().map(|trial| trial.value.as_ref())))
    {
        let quorum = &rule.quorum;
        for signer in &quorum.signers.value {
            let must = quorum.required.value.contains(signer);
            let span = if must { quorum.required.span } else { quorum.signers.span };
            look("signer", signer.as_str(), span, document.signers.contains_key(signer));
        }
        if let Some(provenance) = &rule.provenance {
            for signer in &provenance.value.by {
                look("signer", signer.as_str(), provenance.span, document.signers.contains_key(signer));
            }
        }
    }
    for capability in document.capabilities.values().map(|capability| &capability.value) {
        let image = &capability.image;
        look("image", image.value.as_str(), image.span, document.images.contains_key(&image.value));
        for tier in &capability.tiers.value {
            look("tier", tier.as_str(), capability.tiers.span, tiers.contains(tier));
        }
    }
    for build in document.services.values().filter_map(|service| service.value.build.as_ref()) {
        let signer = &build.signer;
        look("signer", signer.value.as_str(), signer.span, document.signers.contains_key(&signer.value));
    }
    let lists = document
        .services
        .values()
        .map(|service| (&service.value.tiers, service.value.images.as_ref()))
        .chain(document.ad_hoc.iter().map(|entry| (&entry.value.tiers, Some(&entry.value.images))));
    for (entry_tiers, list) in lists {
        for tier in &entry_tiers.value {
            look("tier", tier.as_str(), entry_tiers.span, tiers.contains(tier));
        }
        for (image, span) in list.iter().flat_map(|list| list.value.iter().map(|image| (image, list.span))) {
            look("image", image.as_str(), span, document.images.contains_key(image));
        }
    }
    for exception in document.exceptions.values() {
        let tier = &exception.tier;
        look("tier", tier.as_str(), exception.span, tiers.contains(tier));
    }
    missing
}

/// A folder's files as a trust root, or what is wrong with them.
fn folder_of(name: &TrustRootName, files: Vec<(String, Vec<u8>)>, path: &str) -> Result<TrustRoot, String> {
    let mut texts = Vec::with_capacity(files.len());
    for (file, bytes) in files {
        if bytes.len() > MAX_ROOT_BYTES {
            return Err(format!(
                "`{path}/{file}` has {} bytes, at most {MAX_ROOT_BYTES} are read",
                bytes.len()
            ));
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("`{path}/{file}` is not text"))?;
        texts.push((file, text));
    }
    TrustRoot::folder(name.clone(), texts).map_err(|error| format!("`{path}`: {error}"))
}
