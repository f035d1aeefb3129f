//! Finding candidates in all four storage schemes: tags of cosign 2, referrers of cosign 3, referrers with
//! simple signing, and what layouts remember of either. Registries, tags, annotations and artifact types in
//! indexes are hints; each manifest is judged by its own members.

use std::collections::BTreeMap;

use perry_sandbox_image::{Descriptor, ImageManifest, Manifest};
use perry_sandbox_reference::Digest;

use crate::budget::{Reader, unreadable};
use crate::codes::Code;
use crate::finding::{Finding, shown};
use crate::legacy;
use crate::limits::{MAX_BUNDLE, MAX_EXAMINED, MAX_LISTED, MAX_PAYLOAD};
use crate::parsed::{self, Parsed};
use crate::statement::{self, SIGN_PREDICATE};

const SIMPLE_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE_LAYER: &str = "application/vnd.dsse.envelope.v1+json";
const BUNDLE_LAYER: &str = "application/vnd.dev.sigstore.bundle";
const PREDICATE: &str = "dev.sigstore.bundle.predicateType";

/// Something that may be a signature.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// The layer that carries it.
    pub(crate) layer: Descriptor,
    /// How and where it was found, for people.
    pub(crate) place: String,
    kind: Kind,
    /// The predicate type that an annotation names: a hint, good for the order only.
    predicate: Option<String>,
    /// Examined first.
    likely: bool,
    manifest: Digest,
    at: usize,
    /// The manifest is about something else.
    stray: Option<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Simple,
    Envelope,
    Bundle,
}

/// What was found, in an order that does not depend on the source's.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// At most [`MAX_EXAMINED`].
    pub(crate) candidates: Vec<Candidate>,
    /// Places that could not be looked into.
    pub(crate) problems: Vec<Finding>,
}

/// Looks for candidates about any digest on the path; attestations of cosign 2 only if a predicate is asked for.
pub(crate) fn discover(reader: &mut Reader<'_>, path: &[Digest], predicate: Option<&str>) -> Found {
    let mut found = Found::default();
    let mut places = BTreeMap::new();
    for digest in path {
        list(reader, digest, predicate.is_some(), &mut places, &mut found.problems);
    }
    for (digest, place) in places {
        if let Err(finding) = look(reader, path, &digest, &place, &mut found.candidates) {
            let last = finding.code == Code::FindTimeRanOut;
            found.problems.push(finding);
            if last {
                break;
            }
        }
    }
    for candidate in &mut found.candidates {
        let hint = candidate.predicate.as_deref();
        candidate.likely = hint.is_none_or(|it| it == SIGN_PREDICATE || Some(it) == predicate);
    }
    found.candidates.sort_by(|a, b| a.order().cmp(&b.order()));
    let count = found.candidates.len();
    if count > MAX_EXAMINED {
        found.candidates.truncate(MAX_EXAMINED);
        let text = format!("{count} candidates");
        found.problems.push(Finding::new(Code::FindTooMany, text, format!("at most {MAX_EXAMINED}")));
    }
    found
}

/// The manifests that may carry something about one digest.
fn list(
    reader: &Reader<'_>,
    digest: &Digest,
    attestations: bool,
    places: &mut BTreeMap<Digest, String>,
    problems: &mut Vec<Finding>,
) {
    let mut add = |manifest: Digest, place: String| {
        if places.len() < MAX_LISTED || places.contains_key(&manifest) {
            places.entry(manifest).or_insert(place);
            return;
        }
        if !problems.iter().any(|it| it.code == Code::FindTooMany) {
            let found = format!("more than {MAX_LISTED} manifests");
            problems.push(Finding::new(Code::FindTooMany, found, format!("at most {MAX_LISTED}")));
        }
    };
    let mut failed = Vec::new();
    let suffixes: &[&str] = if attestations { &["sig", "att"] } else { &["sig"] };
    for suffix in suffixes {
        let tag = format!("{}-{}.{suffix}", digest.algorithm().as_str(), digest.hex());
        match reader.source().tag(&tag) {
            Ok(Some(manifest)) => add(manifest, format!("tag {tag}")),
            Ok(None) => {}
            Err(error) => failed.push(unreadable(&error)),
        }
    }
    match reader.source().referrers(digest) {
        Ok(referrers) => referrers.into_iter().for_each(|it| add(it.digest, format!("referrer of {digest}"))),
        Err(error) => failed.push(unreadable(&error)),
    }
    problems.append(&mut failed);
}

/// Looks into one manifest.
fn look(
    reader: &mut Reader<'_>,
    path: &[Digest],
    digest: &Digest,
    place: &str,
    candidates: &mut Vec<Candidate>,
) -> Result<(), Finding> {
    let (bytes, media_type) = reader.manifest(digest)?;
    let manifest = Manifest::parse(&bytes, media_type.as_deref())
        .map_err(|error| Finding::new(Code::FindRefused, error.to_string(), "a signature manifest"))?;
    // An index may refer to an image too; it carries no signature.
    let Manifest::Image(manifest) = manifest else { return Ok(()) };
    let stray = stray(&manifest, path);
    for (at, layer) in manifest.layers.iter().enumerate() {
        let Some(kind) = kind(&layer.media_type) else { continue };
        let predicate = manifest.annotations.get(PREDICATE);
        let what = match kind {
            Kind::Simple => "simple signature",
            Kind::Envelope => "attestation",
            Kind::Bundle => "bundle",
        };
        candidates.push(Candidate {
            place: shown(&format!("{what} {} ({place})", layer.digest)),
            layer: layer.clone(),
            kind,
            likely: true,
            predicate: predicate.cloned(),
            manifest: digest.clone(),
            at,
            stray: stray.clone(),
        });
    }
    Ok(())
}

/// The manifest's own `subject`, where it has one, must be on the path.
fn stray(manifest: &ImageManifest, path: &[Digest]) -> Option<Finding> {
    let subject = &manifest.subject.as_ref()?.digest;
    let stray = !path.contains(subject);
    stray.then(|| Finding::new(Code::FindOtherSubject, subject.as_str(), statement::list(path)))
}

fn kind(media_type: &str) -> Option<Kind> {
    match media_type {
        SIMPLE_LAYER => Some(Kind::Simple),
        ENVELOPE_LAYER => Some(Kind::Envelope),
        other if other.starts_with(BUNDLE_LAYER) => Some(Kind::Bundle),
        _ => None,
    }
}

impl Candidate {
    fn order(&self) -> (bool, &Digest, &Digest, usize) {
        (!self.likely, &self.layer.digest, &self.manifest, self.at)
    }

    /// Fetches and reads it.
    pub(crate) fn read(&self, reader: &mut Reader<'_>) -> Result<Parsed, Finding> {
        if let Some(finding) = &self.stray {
            return Err(finding.clone());
        }
        let cap = if self.kind == Kind::Simple { MAX_PAYLOAD } else { MAX_BUNDLE };
        let bytes = reader.blob(&self.layer.digest, self.layer.size, cap)?;
        match self.kind {
            Kind::Simple => legacy::signature(bytes, &self.layer.annotations),
            Kind::Envelope => legacy::attestation(&bytes, &self.layer.annotations),
            Kind::Bundle => parsed::bundle(&bytes),
        }
    }
}
