//! Finding candidates in all four storage schemes: tags of cosign 2, referrers of cosign 3, referrers with
//! simple signing, and what layouts remember of either. Registries, tags, annotations and artifact types in
//! indexes are hints; each manifest is judged by its own members.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_image::{Descriptor, ImageManifest, Manifest};
use perry_sandbox_reference::Digest;

use crate::budget::{BlobWanted, Reader, unreadable};
use crate::codes::Code;
use crate::finding::{Finding, shown};
use crate::limits::{MAX_BUNDLE, MAX_EXAMINED, MAX_LISTED, MAX_PAYLOAD};
use crate::parsed::{self, Parsed};
use crate::statement::{self, SIGN_PREDICATE};
use crate::{fetch, legacy};

const SIMPLE_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE_LAYER: &str = "application/vnd.dsse.envelope.v1+json";
const BUNDLE_LAYER: &str = "application/vnd.dev.sigstore.bundle";
/// Most places whose problems are told one by one.
const MAX_PROBLEMS: usize = 16;
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
    /// At most [`MAX_EXAMINED`], with those that were found before.
    pub(crate) candidates: Vec<Candidate>,
    /// Places that could not be looked into.
    pub(crate) problems: Vec<Finding>,
}

/// Finds candidates for the digests of one image, and remembers where it has looked.
#[derive(Debug)]
pub(crate) struct Discovery<'a> {
    /// Every digest that a signature may be about.
    path: &'a [Digest],
    /// The predicate type of an attestation that is asked for; without one cosign 2's are not looked for.
    predicate: Option<&'a str>,
    /// Manifests that were looked into.
    seen: BTreeSet<Digest>,
    /// How many candidates were given.
    given: usize,
}

/// A question to the source about one digest.
enum Question<'a> {
    Tag(String),
    Referrers(&'a Digest),
}

impl<'a> Discovery<'a> {
    pub(crate) fn new(path: &'a [Digest], predicate: Option<&'a str>) -> Self {
        Self { path, predicate, seen: BTreeSet::new(), given: 0 }
    }

    /// Looks for candidates that are attached to these digests.
    pub(crate) fn look_at(&mut self, reader: &mut Reader<'_>, digests: &[Digest]) -> Found {
        let mut found = Found::default();
        let places = self.places(reader, digests, &mut found.problems);
        let manifests: Vec<Digest> = places.keys().cloned().collect();
        for ((digest, place), read) in places.iter().zip(reader.manifests(&manifests)) {
            let looked = read.and_then(|(bytes, media_type)| {
                look(self.path, digest, place, &bytes, media_type.as_deref(), &mut found.candidates)
            });
            if let Err(finding) = looked {
                let last = finding.code == Code::FindTimeRanOut;
                found.problems.push(finding);
                if last {
                    break;
                }
            }
        }
        for candidate in &mut found.candidates {
            let hint = candidate.predicate.as_deref();
            candidate.likely = hint.is_none_or(|it| it == SIGN_PREDICATE || Some(it) == self.predicate);
        }
        found.candidates.sort_by(|a, b| a.order().cmp(&b.order()));
        let count = found.candidates.len();
        let most = MAX_EXAMINED.saturating_sub(self.given);
        if count > most {
            found.candidates.truncate(most);
            let text = format!("{} candidates", count.saturating_add(self.given));
            found.problems.push(Finding::new(Code::FindTooMany, text, format!("at most {MAX_EXAMINED}")));
        }
        self.given = self.given.saturating_add(found.candidates.len());
        shorten(&mut found.problems);
        found
    }

    /// The manifests that may carry something about these digests.
    fn places(
        &mut self,
        reader: &Reader<'_>,
        digests: &[Digest],
        problems: &mut Vec<Finding>,
    ) -> BTreeMap<Digest, String> {
        let suffixes: &[&str] = if self.predicate.is_some() { &["sig", "att"] } else { &["sig"] };
        let mut questions = Vec::new();
        for digest in digests {
            let tag = |suffix| format!("{}-{}.{suffix}", digest.algorithm().as_str(), digest.hex());
            questions.extend(suffixes.iter().map(|suffix| Question::Tag(tag(suffix))));
            questions.push(Question::Referrers(digest));
        }
        let source = reader.source();
        let answers = fetch::each(&questions, reader.at_once(), |question| {
            let answer = match question {
                Question::Tag(tag) => source.tag(tag).map(Vec::from_iter),
                Question::Referrers(digest) => {
                    source.referrers(digest).map(|list| list.into_iter().map(|it| it.digest).collect())
                }
            };
            answer.map_err(|error| unreadable(&error))
        });
        let mut places = BTreeMap::new();
        let mut failed = Vec::new();
        for (question, answer) in questions.iter().zip(answers) {
            let place = match question {
                Question::Tag(tag) => format!("tag {tag}"),
                Question::Referrers(digest) => format!("referrer of {digest}"),
            };
            match answer {
                Ok(manifests) => {
                    for manifest in manifests {
                        self.add(manifest, &place, &mut places, problems);
                    }
                }
                Err(finding) => failed.push(finding),
            }
        }
        problems.append(&mut failed);
        places
    }

    fn add(
        &mut self,
        manifest: Digest,
        place: &str,
        places: &mut BTreeMap<Digest, String>,
        problems: &mut Vec<Finding>,
    ) {
        if self.seen.contains(&manifest) {
            return;
        }
        if self.seen.len() < MAX_LISTED {
            self.seen.insert(manifest.clone());
            places.insert(manifest, place.to_owned());
        } else if !problems.iter().any(|it| it.code == Code::FindTooMany) {
            let found = format!("more than {MAX_LISTED} manifests");
            problems.push(Finding::new(Code::FindTooMany, found, format!("at most {MAX_LISTED}")));
        }
    }
}

/// Leaves as many problems as a person reads, those that asking again may mend first.
fn shorten(problems: &mut Vec<Finding>) {
    let more = problems.len().saturating_sub(MAX_PROBLEMS);
    if more == 0 {
        return;
    }
    problems.sort_by_key(|it| !it.failure);
    problems.truncate(MAX_PROBLEMS);
    let text = format!("{more} more manifests that could not be looked into");
    problems.push(Finding::new(Code::FindRefused, text, "signature manifests"));
}

/// Looks into one manifest.
fn look(
    path: &[Digest],
    digest: &Digest,
    place: &str,
    bytes: &[u8],
    media_type: Option<&str>,
    candidates: &mut Vec<Candidate>,
) -> Result<(), Finding> {
    let manifest = Manifest::parse(bytes, media_type)
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

    /// What is to be fetched for it; nothing where it does not count anyway.
    pub(crate) fn wanted(&self) -> Option<BlobWanted<'_>> {
        let cap = if self.kind == Kind::Simple { MAX_PAYLOAD } else { MAX_BUNDLE };
        let wanted = BlobWanted { digest: &self.layer.digest, size: self.layer.size, cap };
        self.stray.is_none().then_some(wanted)
    }

    /// Reads it from what was fetched.
    pub(crate) fn read(&self, fetched: Option<Result<Vec<u8>, Finding>>) -> Result<Parsed, Finding> {
        if let Some(finding) = &self.stray {
            return Err(finding.clone());
        }
        let missing = || Finding::new(Code::FindRefused, "no content", "content of a signature");
        let bytes = fetched.ok_or_else(missing)??;
        match self.kind {
            Kind::Simple => legacy::signature(bytes, &self.layer.annotations),
            Kind::Envelope => legacy::attestation(&bytes, &self.layer.annotations),
            Kind::Bundle => parsed::bundle(&bytes),
        }
    }
}
