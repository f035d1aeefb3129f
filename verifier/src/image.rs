//! The proof that an image was verified.

use perry_sandbox_image::ResolvedImage;
use perry_sandbox_policy::{Evidence, Trial};
use perry_sandbox_reference::Digest;

/// An image whose requirement was met. Only [`verify`](crate::verify()) makes one, and nothing changes it.
///
/// It can be read, and not be made:
///
/// ```
/// use perry_sandbox_verifier::VerifiedImage;
/// fn digest(image: &VerifiedImage) -> String {
///     image.manifest_digest().to_string()
/// }
/// ```
/// ```compile_fail,E0451
/// use perry_sandbox_verifier::VerifiedImage;
/// fn forge(image: perry_sandbox_image::ResolvedImage, evidence: perry_sandbox_policy::Evidence) -> VerifiedImage {
///     VerifiedImage { image, evidence }
/// }
/// ```
/// ```compile_fail,E0277
/// let forged: perry_sandbox_verifier::VerifiedImage = serde_json::from_str("{}")?;
/// # Ok::<(), serde_json::Error>(())
/// ```
/// ```compile_fail,E0616
/// fn swap(mut verified: perry_sandbox_verifier::VerifiedImage, other: perry_sandbox_image::ResolvedImage) {
///     verified.image = other;
/// }
/// ```
// INVARIANT: `evidence` is about `image`: both are private, set together, and there is no way to change either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedImage {
    image: ResolvedImage,
    evidence: Evidence,
}

impl VerifiedImage {
    pub(crate) fn new(image: ResolvedImage, evidence: Evidence) -> Self {
        Self { image, evidence }
    }

    /// The same proof under another name of its requirement: for one that was met with its trust roots filled in.
    pub(crate) fn for_requirement(mut self, requirement: Digest) -> Self {
        self.evidence.requirement = requirement;
        self
    }

    /// The same proof, and what a trial says beside it.
    pub(crate) fn with_trial(mut self, trial: Trial) -> Self {
        self.evidence.trial = Some(trial);
        self
    }

    /// The image: manifest bytes, layers, config digest.
    pub fn image(&self) -> &ResolvedImage {
        &self.image
    }

    /// What was proved.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The digest of the platform's manifest: what runs.
    pub fn manifest_digest(&self) -> &Digest {
        self.image.manifest_digest()
    }

    /// The digest that was asked for: an index, or the manifest.
    pub fn top(&self) -> &Digest {
        self.image.top()
    }

    /// The digest of the config.
    pub fn config_digest(&self) -> &Digest {
        self.image.config_digest()
    }
}
