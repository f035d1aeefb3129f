//! The resolved content of a policy: what its digest is over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use crate::at::At;
use crate::ceiling::Ceiling;
use crate::deny_list::DenyList;
use crate::entries::{AdHoc, Audit, Capability, Exception, ImageRule, Service, ServicePattern};
use crate::identity::{IssuerPattern, SubjectPattern};
use crate::names::{CapabilityName, ImageRuleName, SignerName, TierName, TrustRootName};
use crate::requirement::TrustRoot;
use crate::window::SigningWindow;

/// Everything that a policy says, with names resolved. Places are kept but do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Parts {
    pub(crate) names: BTreeSet<String>,
    #[serde(skip)]
    pub(crate) descriptions: BTreeSet<String>,
    pub(crate) open: BTreeSet<&'static str>,
    pub(crate) trust_roots: BTreeMap<TrustRootName, At<TrustRoot>>,
    pub(crate) signers: BTreeMap<SignerName, At<SignerEntry>>,
    pub(crate) images: BTreeMap<ImageRuleName, At<ImageRule>>,
    pub(crate) tiers: BTreeMap<TierName, Tier>,
    pub(crate) capabilities: BTreeMap<CapabilityName, At<Capability>>,
    pub(crate) services: BTreeMap<ServicePattern, At<Service>>,
    pub(crate) ad_hoc: Option<At<AdHoc>>,
    pub(crate) exceptions: BTreeMap<String, Exception>,
    pub(crate) audit: Option<Audit>,
    #[serde(skip_serializing_if = "DenyList::is_empty")]
    pub(crate) denied: DenyList,
}

impl Parts {
    /// Whether other files may add entries of this kind.
    pub(crate) fn is_open(&self, kind: &str) -> bool {
        self.open.contains(kind)
    }
}

/// A tier with everything that it inherits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tier {
    /// What it allows.
    #[serde(flatten)]
    pub(crate) ceiling: Ceiling,
    /// What it is the meet of, for people: `default ∧ hardened`.
    #[serde(skip)]
    pub(crate) chain: At<BTreeSet<TierName>>,
}

/// A signer whose trust root is still a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SignerEntry {
    #[serde(flatten)]
    pub(crate) by: SignerKind,
    #[serde(flatten)]
    pub(crate) window: SigningWindow,
}

/// What a signer is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SignerKind {
    Key {
        pem: String,
        root: Option<TrustRootName>,
    },
    Keyless {
        #[serde(serialize_with = "plain_if_exact")]
        issuer: IssuerPattern,
        subject: SubjectPattern,
        claims: BTreeMap<String, String>,
        root: TrustRootName,
    },
}

/// An exact issuer is plain text in the canonical form, as it was before there were others.
fn plain_if_exact<S: Serializer>(issuer: &IssuerPattern, serializer: S) -> Result<S::Ok, S::Error> {
    match issuer {
        IssuerPattern::Exact(text) => serializer.serialize_str(text),
        IssuerPattern::WholeRegexp(_) => issuer.serialize(serializer),
    }
}
