//! A loaded policy: everything resolved, composed and checked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use perry_sandbox_reference::Digest;
use serde::Serialize;

use crate::at::At;
use crate::canonical::digest_of;
use crate::ceiling::Ceiling;
use crate::deny_list::DenyList;
use crate::entries::{AdHoc, Audit, Capability, Exception, ImageRule, Service, ServicePattern};
use crate::grants::Grants;
use crate::names::{CapabilityName, ImageRuleName, SignerName, TierName, TrustRootName};
use crate::project::ServiceName;
use crate::refusal::{LoadError, Refusal, RefusalCode, Refusals};
use crate::request::Target;
use crate::requirement::{LogRule, Signer, SignerIdentity, TrustRoot};
use crate::resolve::{
    BUILTIN_SOURCE, Missing, Parts, SignerEntry, SignerKind, Tier, builtin_tiers, compose, resolve_file,
};
use crate::seccomp::SharedProfile;
use crate::source::{Place, PolicyFiles, PolicySource, SourceName, Sources, Span};

/// The digest of a resolved policy's canonical JSON (RFC 8785): what decisions cite and `--require-policy` pins.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PolicyDigest(pub(crate) Digest);

impl PolicyDigest {
    /// The digest itself.
    pub const fn as_digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for PolicyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A policy that was read, resolved, composed and found sound. [`load`] and [`Policy::command_line`] make one.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) parts: Parts,
    /// The signers of which all is known, by name.
    pub(crate) signers: BTreeMap<SignerName, Signer>,
    /// Fingerprints of the signers that are keys.
    pub(crate) fingerprints: BTreeMap<SignerName, Digest>,
    /// The signer given on the command line.
    pub(crate) command_line: Option<CommandLineSigner>,
    /// Whether any file was read.
    pub(crate) from_files: bool,
    digest: PolicyDigest,
    sources: Arc<Sources>,
}

/// A signer that was given by flags, beside or instead of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandLineSigner {
    /// The key or identity.
    pub signer: Signer,
    /// Whether `--require-log` was given.
    pub log: LogRule,
}

/// The built-in tiers stand first among a policy's sources; the first file is the next.
const FIRST_FILE: u32 = 1;
const BUILTIN_NAME: &str = "(built-in tiers)";

/// Loads a policy from one or more files, composed by meet; their order changes nothing.
///
/// # Errors
///
/// Everything that is wrong, at once. Nothing is repaired, ignored or replaced by a default.
pub fn load(sources: &[PolicySource], files: &dyn PolicyFiles) -> Result<Policy, LoadError> {
    let mut ordered: Vec<&PolicySource> = sources.iter().collect();
    ordered.sort_by(|a, b| (&a.name, &a.bytes).cmp(&(&b.name, &b.bytes)));
    let texts = ordered
        .iter()
        .map(|source| (source.name.clone(), String::from_utf8_lossy(&source.bytes).into_owned()));
    let known = Sources::new(
        std::iter::once((SourceName::from(BUILTIN_NAME), crate::resolve::BUILTIN_TIERS.to_owned()))
            .chain(texts),
    );
    let mut refusals = Refusals::default();
    match load_ordered(&ordered, files, &mut refusals) {
        Some(parts) if refusals.is_empty() => Ok(Policy::new(parts, None, true, known)),
        _ => Err(LoadError::new(refusals.into_vec(), known)),
    }
}

fn load_ordered(
    ordered: &[&PolicySource],
    files: &dyn PolicyFiles,
    refusals: &mut Refusals,
) -> Option<Parts> {
    let builtin = builtin_tiers(refusals);
    let mut composed: Option<Parts> = None;
    let mut missing = Vec::new();
    let mut defined: BTreeSet<(&'static str, String)> = BTreeSet::new();
    for (source, number) in ordered.iter().zip(1_u32..) {
        let Some(document) = crate::read::read(&source.bytes, source.format, number, refusals) else {
            continue;
        };
        let (parts, open) = resolve_file(document, &source.name, files, builtin, refusals);
        missing.extend(open);
        defined.extend(names_of(&parts));
        composed = Some(match composed {
            Some(known) => compose(&known, &parts, refusals),
            None => parts,
        });
    }
    if ordered.is_empty() {
        let start = Span { source: BUILTIN_SOURCE, start: 0, end: 0 };
        refusals.push(Refusal::new(RefusalCode::MissingKey, start, "no policy file was given"));
    }
    for Missing { kind, name, span } in missing {
        if !defined.contains(&(kind, name.clone())) {
            let known: Vec<&str> =
                defined.iter().filter(|(known, _)| *known == kind).map(|(_, name)| name.as_str()).collect();
            refusals.push(Missing { kind, name, span }.refusal(known));
        }
    }
    let mut parts = composed?;
    // A kind that every file leaves open still has the built-in tiers.
    for (name, tier) in builtin {
        parts.tiers.entry(name.clone()).or_insert_with(|| tier.clone());
    }
    Some(parts)
}

fn names_of(parts: &Parts) -> Vec<(&'static str, String)> {
    let mut names = Vec::new();
    names.extend(parts.trust_roots.keys().map(|name| ("trust-root", name.to_string())));
    names.extend(parts.signers.keys().map(|name| ("signer", name.to_string())));
    names.extend(parts.images.keys().map(|name| ("image", name.to_string())));
    names.extend(parts.tiers.keys().map(|name| ("tier", name.to_string())));
    names
}

impl Policy {
    fn new(
        parts: Parts,
        command_line: Option<CommandLineSigner>,
        from_files: bool,
        sources: Sources,
    ) -> Self {
        let signers: BTreeMap<SignerName, Signer> = parts
            .signers
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), signer(name, &entry.value, &parts)?)))
            .collect();
        let given = command_line.as_ref().map(|given| &given.signer);
        let fingerprints = signers
            .values()
            .chain(given)
            .filter_map(|signer| match &signer.identity {
                SignerIdentity::Key { pem, .. } => Some((signer.name.clone(), crate::key::fingerprint(pem)?)),
                SignerIdentity::Keyless { .. } => None,
            })
            .collect();
        let digest = PolicyDigest(digest_of(&(&parts, &command_line)));
        Self { parts, signers, fingerprints, command_line, from_files, digest, sources: Arc::new(sources) }
    }

    /// The policy of a caller that names a signer and no file: built-in tiers, ad-hoc images only, at tier `isolated`.
    pub fn command_line(signer: CommandLineSigner) -> Self {
        let mut refusals = Refusals::default();
        let tiers = builtin_tiers(&mut refusals).clone();
        let parts = Parts { tiers, ..Parts::default() };
        let sources =
            Sources::new([(SourceName::from(BUILTIN_NAME), crate::resolve::BUILTIN_TIERS.to_owned())]);
        Self::new(parts, Some(signer), false, sources)
    }

    /// This policy and a signer given beside it: an ad-hoc image must satisfy both (see
    /// [`decide_requirement`](crate::decide_requirement)).
    #[must_use]
    pub fn with_command_line_signer(self, signer: CommandLineSigner) -> Self {
        let sources = Arc::unwrap_or_clone(self.sources);
        Self::new(self.parts, Some(signer), self.from_files, sources)
    }

    /// This policy as if an entry had another tier, for the question "what if". Its digest is another one, so nothing
    /// that is decided by it can be taken for a decision of this policy.
    #[must_use]
    pub fn what_if(&self, target: &Target, tier: &TierName) -> Self {
        let mut parts = self.parts.clone();
        let tiers = || At::nowhere(BTreeSet::from([tier.clone()]));
        match target {
            Target::Capability(name) => {
                if let Some(entry) = parts.capabilities.get_mut(name) {
                    entry.value.tiers = tiers();
                }
            }
            Target::Service(name) => {
                for (_, entry) in parts.services.iter_mut().filter(|(pattern, _)| pattern.matches(name)) {
                    entry.value.tiers = tiers();
                }
            }
            Target::AdHoc => {
                if let Some(entry) = &mut parts.ad_hoc {
                    entry.value.tiers = tiers();
                }
            }
        }
        let sources = Sources::clone(&self.sources);
        Self::new(parts, self.command_line.clone(), self.from_files, sources)
    }

    /// This policy with no tier that admits a system call beyond this profile. It can only tighten, and its digest is
    /// another one.
    #[must_use]
    pub fn under_profile(&self, profile: &SharedProfile) -> Self {
        let mut parts = self.parts.clone();
        for tier in parts.tiers.values_mut() {
            tier.ceiling.seccomp.value = tier.ceiling.seccomp.value.meet(profile);
        }
        let sources = Sources::clone(&self.sources);
        Self::new(parts, self.command_line.clone(), self.from_files, sources)
    }

    /// Whether the entry of a target passes this variable of the caller's environment on.
    pub fn passes_variable(&self, target: &Target, name: &str) -> bool {
        let granted = |grants: &Grants| grants.env.iter().any(|(pattern, _)| pattern.matches(name));
        match target {
            Target::Capability(capability) => {
                self.capability(capability).is_some_and(|capability| granted(&capability.grants))
            }
            Target::Service(service) => {
                self.service_entry(service).is_some_and(|entry| granted(&entry.value.grants))
            }
            Target::AdHoc => false,
        }
    }

    /// What the policy is called: its file's `name`, the names of all files joined by `+`, or `built-in`.
    pub fn name(&self) -> Cow<'_, str> {
        match self.parts.names.first() {
            Some(only) if self.parts.names.len() == 1 => Cow::Borrowed(only.as_str()),
            Some(_) => Cow::Owned(self.parts.names.iter().cloned().collect::<Vec<_>>().join("+")),
            None if self.from_files => Cow::Borrowed("unnamed"),
            None => Cow::Borrowed("built-in"),
        }
    }

    /// What the files say about themselves.
    pub fn descriptions(&self) -> impl Iterator<Item = &str> {
        self.parts.descriptions.iter().map(String::as_str)
    }

    /// The digest of the resolved policy.
    pub const fn digest(&self) -> &PolicyDigest {
        &self.digest
    }

    /// The resolved policy as JSON: what the digest is over, in canonical form.
    pub fn to_canonical_json(&self) -> String {
        crate::canonical::canonical_json(&(&self.parts, &self.command_line))
    }

    /// The ceiling of a tier.
    pub fn ceiling(&self, tier: &TierName) -> Option<&Ceiling> {
        self.parts.tiers.get(tier).map(|tier| &tier.ceiling)
    }

    pub(crate) fn tier(&self, tier: &TierName) -> Option<&Tier> {
        self.parts.tiers.get(tier)
    }

    /// The tier of whatever no entry names.
    pub(crate) fn baseline(&self) -> Option<&TierName> {
        self.parts.tiers.keys().find(|name| name.as_str() == "isolated")
    }

    /// All tiers, by name.
    pub fn tiers(&self) -> impl Iterator<Item = (&TierName, &Ceiling)> {
        self.parts.tiers.iter().map(|(name, tier)| (name, &tier.ceiling))
    }

    /// All capabilities, by name.
    pub fn capabilities(&self) -> impl Iterator<Item = (&CapabilityName, &Capability)> {
        self.parts.capabilities.iter().map(|(name, entry)| (name, &entry.value))
    }

    /// A capability.
    pub fn capability(&self, name: &CapabilityName) -> Option<&Capability> {
        self.parts.capabilities.get(name).map(|entry| &entry.value)
    }

    /// All image rules, by name.
    pub fn images(&self) -> impl Iterator<Item = (&ImageRuleName, &ImageRule)> {
        self.parts.images.iter().map(|(name, entry)| (name, &entry.value))
    }

    /// A trust root.
    pub fn trust_root(&self, name: &TrustRootName) -> Option<&TrustRoot> {
        self.parts.trust_roots.get(name).map(|root| &root.value)
    }

    /// The names of all signers of which all is known.
    pub fn signers(&self) -> impl Iterator<Item = &SignerName> {
        self.signers.keys()
    }

    /// All services, by pattern.
    pub fn services(&self) -> impl Iterator<Item = (&ServicePattern, &Service)> {
        self.parts.services.iter().map(|(pattern, entry)| (pattern, &entry.value))
    }

    /// The entry that applies to a service: the one of its own name before the one of its project.
    pub(crate) fn service_entry(&self, service: &ServiceName) -> Option<&At<Service>> {
        let matching = self.parts.services.iter().filter(|(pattern, _)| pattern.matches(service));
        matching.max_by_key(|(pattern, _)| pattern.is_exact()).map(|(_, entry)| entry)
    }

    /// The entry for images without a capability.
    pub fn ad_hoc(&self) -> Option<&AdHoc> {
        self.parts.ad_hoc.as_ref().map(|entry| &entry.value)
    }

    /// All exceptions, by id.
    pub fn exceptions(&self) -> impl Iterator<Item = (&str, &Exception)> {
        self.parts.exceptions.iter().map(|(id, exception)| (id.as_str(), exception))
    }

    /// What counts no more, whoever signed it.
    pub const fn denied(&self) -> &DenyList {
        &self.parts.denied
    }

    /// What is written down about every decision.
    pub fn audit(&self) -> Audit {
        self.parts.audit.clone().unwrap_or_default()
    }

    /// The place that is named where the policy says nothing: its beginning.
    pub(crate) fn anchor(&self) -> Span {
        Span { source: if self.from_files { FIRST_FILE } else { BUILTIN_SOURCE }, start: 0, end: 0 }
    }

    /// The file, line and bytes of a span.
    pub fn place(&self, span: Span) -> Option<Place> {
        self.sources.place(span)
    }
}

/// A signer with its trust root; nothing where the root was taken away by another file.
fn signer(name: &SignerName, entry: &SignerEntry, parts: &Parts) -> Option<Signer> {
    let find = |root| parts.trust_roots.get(root).map(|root| root.value.clone());
    let identity = match &entry.by {
        SignerKind::Key { pem, root: None } => SignerIdentity::Key { pem: pem.clone(), root: None },
        SignerKind::Key { pem, root: Some(root) } => {
            SignerIdentity::Key { pem: pem.clone(), root: Some(find(root)?) }
        }
        SignerKind::Keyless { issuer, subject, claims, root } => SignerIdentity::Keyless {
            issuer: issuer.clone(),
            subject: subject.clone(),
            claims: claims.clone(),
            root: find(root)?,
        },
    };
    Some(Signer { name: name.clone(), identity, window: entry.window })
}
