//! What is kept of an answer on disk: the evidence and the time in which it holds. The question is in the file's name.

use perry_sandbox_image::ResolvedImage;
use perry_sandbox_policy::{Evidence, TrustRootSource};
use perry_sandbox_reference::{Algorithm, Hasher};
use serde::{Deserialize, Serialize};

use super::memory::{Kept, Question, TopQuestion};
use super::validity::Span;
use crate::image::VerifiedImage;

/// The verifier that proves; what another one accepted proves nothing to this one. The number after its version counts
/// what evidence says: an answer that says less is asked for again.
const VERIFIER: &str = concat!("perry-sandbox-verifier ", env!("CARGO_PKG_VERSION"), " evidence 3");

/// One record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Record {
    from: i64,
    until: i64,
    evidence: Evidence,
}

/// The name under which the answer to a question is kept: a hash over the image's top and platform, from which all below
/// follows, the requirement, the trust roots, the reference rule (in the requirement) and the verifier. `None` where a
/// trust root is not what its digest says.
pub(super) fn name(question: TopQuestion<'_>) -> Option<String> {
    let mut parts = vec![VERIFIER.to_owned(), question.requirement.digest().to_string()];
    parts.push(question.top.to_string());
    parts.push(question.platform.to_string());
    parts.push(question.repository.map_or_else(String::new, ToString::to_string));
    for root in question.requirement.roots() {
        let digest = match &root.source {
            TrustRootSource::SigstorePublic { .. } if root.json.is_empty() => question.public_root?.clone(),
            TrustRootSource::SigstorePublic { .. }
            | TrustRootSource::File
            | TrustRootSource::Folder { .. } => root.is_whole().then(|| root.digest.clone())?,
        };
        parts.push(digest.to_string());
    }
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for part in parts {
        // With its length before it, no part can run into the next.
        hasher.update(&u64::try_from(part.len()).ok()?.to_le_bytes());
        hasher.update(part.as_bytes());
    }
    Some(hasher.finish().hex().to_owned())
}

/// The record of an answer.
pub(super) fn write(kept: &Kept) -> Option<Vec<u8>> {
    let evidence = kept.proof.evidence().clone();
    serde_json::to_vec(&Record { from: kept.span.from, until: kept.span.until, evidence }).ok()
}

/// The answer in a record that was sealed under the question's name.
// SECURITY: the record says what was proved of digests. The bytes come from the caller, so they are hashed again: no
// content is taken by its name.
pub(super) fn read(bytes: &[u8], question: Question<'_>) -> Option<Kept> {
    let record: Record = serde_json::from_slice(bytes).ok()?;
    let Record { from, until, evidence } = record;
    let image = question.image;
    let same = evidence.path.iter().eq(image.path().iter().map(|step| &step.digest))
        && evidence.top == *image.top()
        && evidence.manifest == *image.manifest_digest()
        && evidence.config == *image.config_digest()
        && evidence.platform == *image.platform()
        && evidence.repository.as_ref() == image.repository()
        && evidence.requirement == question.requirement.digest();
    if !same || !is_content(image) {
        return None;
    }
    let proof = VerifiedImage::new(image.clone(), evidence);
    Some(Kept { proof: proof.into(), span: Span { from, until }, public_root: question.public_root.cloned() })
}

fn is_content(image: &ResolvedImage) -> bool {
    image.path_bytes().all(|(step, bytes)| step.digest.matches(bytes))
}
