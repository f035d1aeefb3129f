//! Finding candidates in all four storage schemes: tags of cosign 2, referrers of cosign 3, referrers with
//! simple signing, and what layouts remember of either. Registries, tags, annotations and artifact types in
//! indexes are hints; each manifest is judged by its own members.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_image::{Descriptor, Manifest, media_type};
use perry_sandbox_reference::Digest;

use crate::budget::{BlobWanted, Manifested, Place, Reader};
use crate::codes::Code;
use crate::finding::{Finding, shown};
use crate::limits::{MAX_BUNDLE, MAX_EXAMINED, MAX_LISTED, MAX_PAYLOAD};
use crate::parsed::{self, Parsed};
use crate::statement::{self, SIGN_PREDICATE};
use crate::{legacy, simple};

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
    /// What the manifest says that it is about.
    subject: Option<Digest>,
    /// Its content, if that was known before.
    content: Option<Vec<u8>>,
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
    /// Tags that were not asked for, because what the source lists is likely to be enough.
    pub(crate) later: Vec<String>,
}

/// Finds candidates for the digests of one image, and remembers where it has looked.
///
/// Referrers are asked for first. The tags of cosign 2 come with the referrers' manifests, or only if those are not
/// enough, where one of them looks like a bundle: the rare image that has both costs one round trip more, the common one
/// a request less.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// Whether attestations are asked for; otherwise cosign 2's are not looked for.
    predicate: Option<String>,
    /// Manifests that were looked into.
    seen: BTreeSet<Digest>,
    /// How many candidates were given.
    given: usize,
    /// Payloads that cosign 2 is likely to have signed, by their digests: one of these need not be fetched.
    plain: BTreeMap<Digest, Vec<u8>>,
}

impl Discovery {
    /// With the predicate type of an attestation, where one is asked for.
    pub(crate) fn new(predicate: Option<&str>) -> Self {
        Self { predicate: predicate.map(str::to_owned), ..Self::default() }
    }

    /// Looks for candidates that are attached to these digests.
    pub(crate) fn look_at(&mut self, reader: &mut Reader<'_>, digests: &[Digest]) -> Found {
        let tags = self.tags(digests);
        for payload in
            reader.repository().iter().flat_map(|it| digests.iter().map(|digest| simple::plain(it, digest)))
        {
            self.plain.insert(Digest::of(&payload), payload);
        }
        let most = MAX_LISTED.saturating_sub(tags.len());
        let mut found = Found::default();
        let (mut places, mut bundle) = (BTreeMap::new(), false);
        for (digest, answer) in digests.iter().zip(reader.referrers(digests)) {
            let list = answer.unwrap_or_else(|finding| {
                found.problems.push(finding);
                Vec::new()
            });
            for entry in list {
                bundle |= may_be_bundle(&entry);
                if self.seen.contains(&entry.digest) {
                    continue;
                }
                if self.seen.len() >= most {
                    if !found.problems.iter().any(|it| it.code == Code::FindTooMany) {
                        let text = format!("more than {MAX_LISTED} manifests");
                        let expected = format!("at most {MAX_LISTED}");
                        found.problems.push(Finding::new(Code::FindTooMany, text, expected));
                    }
                    break;
                }
                self.seen.insert(entry.digest.clone());
                places.insert(Place::Manifest(entry.digest), format!("referrer of {digest}"));
            }
        }
        if bundle {
            found.later = tags;
        } else {
            places.extend(tags.into_iter().map(Place::tag));
        }
        self.look_into(reader, &places, found)
    }

    /// Looks for candidates under tags that were left for later.
    pub(crate) fn look_at_tags(&mut self, reader: &mut Reader<'_>, tags: Vec<String>) -> Found {
        self.look_into(reader, &tags.into_iter().map(Place::tag).collect(), Found::default())
    }

    /// Where cosign 2 puts what it knows about these digests.
    fn tags(&self, digests: &[Digest]) -> Vec<String> {
        let suffixes: &[&str] = if self.predicate.is_some() { &["sig", "att"] } else { &["sig"] };
        let tag =
            |digest: &Digest, suffix| format!("{}-{}.{suffix}", digest.algorithm().as_str(), digest.hex());
        digests.iter().flat_map(|digest| suffixes.iter().map(move |suffix| tag(digest, suffix))).collect()
    }

    fn look_into(
        &mut self,
        reader: &mut Reader<'_>,
        places: &BTreeMap<Place, String>,
        mut found: Found,
    ) -> Found {
        let asked: Vec<_> = places.keys().collect();
        for ((place, name), read) in places.iter().zip(reader.manifests(&asked)) {
            let looked = read.and_then(|manifest| match manifest {
                // What a tag names may be listed too.
                Some(manifest)
                    if matches!(place, Place::Tag(_)) && !self.seen.insert(manifest.digest.clone()) =>
                {
                    Ok(())
                }
                Some(manifest) => look(&manifest, name, &mut found.candidates),
                None => Ok(()),
            });
            if let Err(finding) = looked {
                let last = finding.code == Code::FindTimeRanOut;
                found.problems.push(finding);
                if last {
                    break;
                }
            }
        }
        self.choose(&mut found);
        shorten(&mut found.problems);
        found
    }

    /// Puts the candidates in order, and holds their number.
    fn choose(&mut self, found: &mut Found) {
        for candidate in &mut found.candidates {
            candidate.expect(&self.plain);
            let hint = candidate.predicate.as_deref();
            candidate.likely =
                hint.is_none_or(|it| it == SIGN_PREDICATE || Some(it) == self.predicate.as_deref());
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
    }
}

/// Whether a list gives reason to think that this is a bundle. In the lists that cosign 3.1 writes itself, bundles have the
/// type of the empty config. A hint: what it decides is the order of questions.
fn may_be_bundle(entry: &Descriptor) -> bool {
    let hint = entry.artifact_type.as_deref();
    hint.is_some_and(|it| it.starts_with(BUNDLE_LAYER) || it == media_type::EMPTY)
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
fn look(read: &Manifested, place: &str, candidates: &mut Vec<Candidate>) -> Result<(), Finding> {
    let manifest = Manifest::parse(&read.bytes, read.media_type.as_deref())
        .map_err(|error| Finding::new(Code::FindRefused, error.to_string(), "a signature manifest"))?;
    // An index may refer to an image too; it carries no signature.
    let Manifest::Image(manifest) = manifest else { return Ok(()) };
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
            manifest: read.digest.clone(),
            at,
            subject: manifest.subject.as_ref().map(|it| it.digest.clone()),
            content: None,
        });
    }
    Ok(())
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

    /// Takes a payload that its digest names.
    // SECURITY: content is what its digest names, from wherever it comes; the size must be the descriptor's as well.
    fn expect(&mut self, payloads: &BTreeMap<Digest, Vec<u8>>) {
        let payload = payloads.get(&self.layer.digest).filter(|_| self.kind == Kind::Simple);
        self.content = payload.filter(|it| u64::try_from(it.len()) == Ok(self.layer.size)).cloned();
    }

    /// The manifest's own `subject`, where it has one, must be on the image's path.
    fn stray(&self, path: &[Digest]) -> Result<(), Finding> {
        match &self.subject {
            Some(subject) if !path.contains(subject) => {
                Err(Finding::new(Code::FindOtherSubject, subject.as_str(), statement::list(path)))
            }
            _ => Ok(()),
        }
    }

    /// What is to be fetched for it; nothing where that is known, or where it does not count anyway.
    pub(crate) fn wanted(&self, path: &[Digest]) -> Option<BlobWanted<'_>> {
        let cap = if self.kind == Kind::Simple { MAX_PAYLOAD } else { MAX_BUNDLE };
        let wanted = BlobWanted { digest: &self.layer.digest, size: self.layer.size, cap };
        (self.content.is_none() && self.stray(path).is_ok()).then_some(wanted)
    }

    /// Reads it from what was fetched.
    pub(crate) fn read(
        &self,
        path: &[Digest],
        fetched: Option<Result<Vec<u8>, Finding>>,
    ) -> Result<Parsed, Finding> {
        self.stray(path)?;
        let missing = || Finding::new(Code::FindRefused, "no content", "content of a signature");
        let bytes = match &self.content {
            Some(known) => known.clone(),
            None => fetched.ok_or_else(missing)??,
        };
        match self.kind {
            Kind::Simple => legacy::signature(bytes, &self.layer.annotations),
            Kind::Envelope => legacy::attestation(&bytes, &self.layer.annotations),
            Kind::Bundle => parsed::bundle(&bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_known_by_its_digest_and_size_together() {
        let payloads = BTreeMap::from([(Digest::of(b"payload"), b"payload".to_vec())]);
        let wanted = |digest: Digest, size, kind| {
            let mut candidate = Candidate {
                layer: Descriptor::new(SIMPLE_LAYER, digest.clone(), size),
                place: String::new(),
                kind,
                predicate: None,
                likely: true,
                manifest: digest,
                at: 0,
                subject: None,
                content: None,
            };
            candidate.expect(&payloads);
            candidate.wanted(&[]).is_some()
        };
        assert!(!wanted(Digest::of(b"payload"), 7, Kind::Simple));
        assert!(wanted(Digest::of(b"payload"), 8, Kind::Simple));
        assert!(wanted(Digest::of(b"payloads"), 7, Kind::Simple));
        assert!(wanted(Digest::of(b"payload"), 7, Kind::Bundle));
    }
}
