//! What may be built for a compose service on this machine, and whether a build is that.

use perry_sandbox_reference::{Digest, Repository};
use serde::{Deserialize, Serialize};

use crate::at::At;
use crate::denial::{Denial, DenyCode, DenyReason, Reasons};
use crate::names::SignerName;
use crate::pattern::{HostPath, Pattern as _};
use crate::policy::Policy;
use crate::project::ServiceName;

/// What a service's entry grants of builds. Without it nothing is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildGrant {
    /// The folder that a build reads, with all below it.
    pub context: At<HostPath>,
    /// The repository that the result is signed as.
    pub repository: At<Repository>,
    /// Whose key signs: one of this machine.
    pub signer: At<SignerName>,
    /// What a build reaches.
    pub network: BuildNetwork,
}

/// What a build reaches; less is tighter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildNetwork {
    /// Nothing: neither its steps, nor the builder for images that are not here.
    #[default]
    None,
    /// What its builder lets it reach. Images that it begins with are pulled, and verified by nobody.
    Builder,
}

impl BuildNetwork {
    /// Its word in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Builder => "builder",
        }
    }
}

impl BuildGrant {
    /// What both grant; nothing where they grant different things.
    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        if self.repository != other.repository || self.signer != other.signer {
            return None;
        }
        let context = At { value: self.context.value.meet(&other.context.value)?, span: self.context.span };
        Some(Self { context, network: self.network.min(other.network), ..self.clone() })
    }
}

/// A build that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedBuild {
    /// The service.
    pub service: ServiceName,
    /// The folder that would be read, absolute and without links.
    pub context: String,
}

/// A build that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedBuild {
    /// The folder that it may read.
    pub context: HostPath,
    /// The repository that the result is signed as.
    pub repository: Repository,
    /// Whose key signs.
    pub signer: SignerName,
    /// The digest of that signer's public key, as evidence names keys.
    pub key: Digest,
    /// What it reaches.
    pub network: BuildNetwork,
}

impl AllowedBuild {
    /// Whether a folder, absolute and without links, is one that may be read.
    pub fn covers(&self, folder: &str) -> bool {
        folder.parse::<HostPath>().is_ok_and(|folder| self.context.includes(&folder))
    }
}

/// Decides whether a service's image may be built on this machine.
///
/// # Errors
/// Every reason why not.
pub fn decide_build(policy: &Policy, wanted: &WantedBuild) -> Result<AllowedBuild, Denial> {
    let mut reasons = Reasons::new(policy.anchor());
    let allowed = allowed(policy, wanted, &mut reasons);
    match (allowed, reasons.into_denial()) {
        (Some(allowed), None) => Ok(allowed),
        (_, Some(denial)) => Err(denial),
        (None, None) => Err(Denial::one(DenyReason::new(
            DenyCode::Build,
            "build",
            wanted.context.clone(),
            "no entry of the policy grants it",
            [Some(policy.anchor())],
        ))),
    }
}

fn allowed(policy: &Policy, wanted: &WantedBuild, reasons: &mut Reasons) -> Option<AllowedBuild> {
    let entry = policy.service_entry(&wanted.service);
    let Some(grant) = entry.and_then(|entry| entry.value.build.as_ref()) else {
        let found = "the service's entry grants no build";
        let place = [entry.and_then(|entry| entry.span)];
        let reason = DenyReason::new(DenyCode::Build, "build", wanted.context.clone(), found, place);
        let remedy = "name a signed image, or grant the build in the entry's `build`";
        reasons.add(reason.remedy(remedy));
        return None;
    };
    let context = wanted.context.parse::<HostPath>();
    if !context.is_ok_and(|context| grant.context.value.includes(&context)) {
        let found = format!("the service's entry grants `{}` as its context", grant.context.value);
        let place = [grant.context.span];
        let reason = DenyReason::new(DenyCode::Build, "build", wanted.context.clone(), found, place);
        reasons.add(reason.remedy("build in that folder, or grant this one"));
    }
    let signer = &grant.signer;
    let Some(key) = policy.fingerprints.get(&signer.value) else {
        let found = "it has no key of its own, and a build is signed by a key of this machine";
        let wanted = format!("signed by `{}`", signer.value);
        let reason = DenyReason::new(DenyCode::Build, "build", wanted, found, [signer.span]);
        reasons.add(reason.remedy("name a signer with a `public-key`"));
        return None;
    };
    Some(AllowedBuild {
        context: grant.context.value.clone(),
        repository: grant.repository.value.clone(),
        signer: signer.value.clone(),
        key: key.clone(),
        network: grant.network,
    })
}
