//! What a verification costs a registry: how many questions, and how many of them wait for another. The table stands in
//! `docs/REQUESTS.md`.

use std::slice;
use std::time::{Duration, Instant};

use perry_sandbox_image::{Registry, Wanted};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::layout::{Compression, Content, digest_of};
use perry_sandbox_testkit::registry::{LogIn, Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{
    Found, Proofs, SIMPLE_LAYER, Sigstore, attach_bundle, attach_layers, simple_payload,
};
use perry_sandbox_verifier::{CacheLimits, Clock, Code, DenialClass, Named, Unverified, Verifier};
use serde_json::{Value, json};

use crate::keyless_kit::{PATH, client, holder, sample};
use crate::kit::require;

/// How an image is signed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Bundle,
    /// As cosign 2 signs when nothing is added.
    Simple,
    /// With an annotation.
    Annotated,
    /// With a signature of somebody else in a bundle.
    SimpleBesideBundle,
}

/// A signed image in a registry.
struct Scene {
    instance: Sigstore,
    registry: TestRegistry,
    digest: Digest,
}

/// An image of one platform.
fn single() -> (Content, Digest) {
    let mut content = Content::new();
    let platform = "linux/amd64".parse().unwrap();
    let image = content.image(&[(b"layer".to_vec(), Compression::None)], &platform, &json!({"Cmd": ["/x"]}));
    content.tag("v1", &image);
    let digest = digest_of(&image);
    (content, digest)
}

/// Attaches a bundle, listed by the registry and, for registries that list nothing, under the tag that cosign writes.
fn bundle(content: &mut Content, instance: &Sigstore, digest: &Digest) {
    let bundle = instance.image_signature(digest).to_string();
    let mut referrer = attach_bundle(content, bundle.as_bytes(), digest);
    referrer["artifactType"] = json!("application/vnd.oci.empty.v1+json");
    let list = content.index(slice::from_ref(&referrer));
    content.tag(&digest.to_string().replace(':', "-"), &list);
}

impl Scene {
    fn new(form: Form, index: bool, options: Options) -> Self {
        let (mut content, digest) = if index { sample() } else { single() };
        let instance = Sigstore { proofs: Proofs::V1Stamped, ..Sigstore::default() };
        let registry = TestRegistry::start(options);
        if matches!(form, Form::Bundle | Form::SimpleBesideBundle) {
            let stranger = Sigstore { proofs: Proofs::V1Stamped, ..Sigstore::default() };
            bundle(&mut content, if form == Form::Bundle { &instance } else { &stranger }, &digest);
        }
        if form != Form::Bundle {
            let mut payload: Value =
                serde_json::from_slice(&simple_payload(&registry.repository(PATH).to_string(), &digest))
                    .unwrap();
            if form == Form::Annotated {
                payload["optional"] = json!({"team": "a"});
            }
            let payload = payload.to_string().into_bytes();
            let annotations = instance.simple_over(&payload);
            let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
            attach_layers(&mut content, &layers, Found::ByTag(&digest, "sig"));
        }
        registry.load(PATH, &content);
        Self { instance, registry, digest }
    }

    fn ask(&self, verifier: &Verifier, source: &Registry, wanted: &Wanted) -> Result<(), Unverified> {
        self.ask_within(None, verifier, source, wanted)
    }

    fn ask_within(
        &self,
        time: Option<Duration>,
        verifier: &Verifier,
        source: &Registry,
        wanted: &Wanted,
    ) -> Result<(), Unverified> {
        let deadline = time.map(|time| Instant::now().checked_add(time).unwrap());
        let clock = Clock { now: "2026-11-22T21:00:00Z".parse().unwrap(), deadline };
        let (platform, requirement) = ("linux/amd64".parse().unwrap(), require(vec![holder(&self.instance)]));
        let named = Named { source, wanted, platform: &platform, requirement: &requirement, clock };
        verifier.verify_named(named).map(|_| ())
    }

    /// Verifies with nothing at hand, and holds the requests to these rounds.
    #[track_caller]
    fn takes(&self, wanted: &Wanted, rounds: &[usize]) -> Vec<String> {
        let before = self.registry.log().len();
        self.registry.answer_in_rounds(rounds);
        let answer = self.ask(&Verifier::new(CacheLimits::none()), &client(&self.registry), wanted);
        let asked: Vec<_> = self.registry.log().split_off(before).into_iter().map(|it| it.path).collect();
        answer.unwrap_or_else(|error| panic!("{error}\n{asked:#?}"));
        assert_eq!(asked.len(), rounds.iter().sum::<usize>(), "{rounds:?}: {asked:#?}");
        asked
    }
}

fn listing() -> Options {
    Options { referrers: true, ..Options::default() }
}

/// What a verification by digest takes, and the same by tag: one round trip more, for the tag, whose answer is the
/// manifest.
#[track_caller]
fn costs(form: Form, index: bool, options: Options, rounds: &[usize]) -> Vec<String> {
    let scene = Scene::new(form, index, options);
    let asked = scene.takes(&Wanted::Digest(scene.digest.clone()), rounds);
    // By tag: the tag first, and what needs no more than the digest in the round after it, the child among it.
    let by_tag: Vec<usize> = match (rounds, index) {
        ([2, 2, rest @ ..], true) => [[1, 2, 1].as_slice(), rest].concat(),
        ([2, rest @ ..], false) => [[1, 1].as_slice(), rest].concat(),
        other => panic!("{other:?}"),
    };
    scene.takes(&Wanted::Tag("v1".parse().unwrap()), &by_tag);
    asked
}

#[test]
fn a_bundle_takes_at_most_five_requests_in_three_round_trips() {
    let asked = costs(Form::Bundle, true, listing(), &[2, 2, 1]);
    assert!(asked.iter().all(|path| !path.contains(".sig")), "{asked:#?}");
    costs(Form::Bundle, false, listing(), &[2, 1, 1]);
}

#[test]
fn a_bundle_where_nothing_is_listed_takes_one_request_and_one_round_trip_more() {
    costs(Form::Bundle, true, Options::default(), &[2, 2, 1, 1]);
    costs(Form::Bundle, false, Options::default(), &[2, 1, 1, 1]);
}

#[test]
fn a_simple_signature_takes_at_most_four_requests_in_two_round_trips() {
    costs(Form::Simple, true, listing(), &[2, 2]);
    costs(Form::Simple, false, listing(), &[2, 1]);
}

#[test]
fn a_simple_signature_with_annotations_is_fetched() {
    costs(Form::Annotated, true, listing(), &[2, 2, 1]);
    costs(Form::Annotated, false, listing(), &[2, 1, 1]);
}

#[test]
fn a_simple_signature_where_nothing_is_listed_takes_one_request_and_one_round_trip_more() {
    costs(Form::Simple, true, Options::default(), &[2, 2, 1]);
    costs(Form::Simple, false, Options::default(), &[2, 1, 1]);
    costs(Form::Annotated, true, Options::default(), &[2, 2, 1, 1]);
    costs(Form::Annotated, false, Options::default(), &[2, 1, 1, 1]);
}

#[test]
fn a_simple_signature_behind_a_bundle_that_is_not_enough_is_still_found() {
    let scene = Scene::new(Form::SimpleBesideBundle, true, listing());
    scene.takes(&Wanted::Digest(scene.digest.clone()), &[2, 2, 1, 1]);
}

#[test]
fn questions_that_are_refused_at_once_need_one_token() {
    let log_in = LogIn::Bearer { account: None, realm: None };
    let scene = Scene::new(Form::Bundle, true, Options { log_in, ..listing() });
    // Both first questions are refused; then one token, and both again.
    let asked = scene.takes(&Wanted::Digest(scene.digest.clone()), &[2, 1, 2, 2, 1]);
    assert_eq!(asked.iter().filter(|path| *path == "/token").count(), 1, "{asked:#?}");
}

#[test]
fn a_proof_that_is_at_hand_leaves_the_image_to_be_resolved() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::new(Form::Bundle, true, listing());
    let wanted = Wanted::Digest(scene.digest.clone());
    let with_folder =
        || Verifier::new(CacheLimits::default()).with_folder(&folder.path().join("cache")).unwrap();
    let first = with_folder();
    scene.ask(&first, &client(&scene.registry), &wanted).unwrap();
    for verifier in [first, with_folder()] {
        let before = scene.registry.log().len();
        scene.ask(&verifier, &client(&scene.registry), &wanted).unwrap();
        let asked = scene.registry.log().split_off(before);
        assert!(
            asked.len() == 2 && asked.iter().all(|it| it.path.contains("/manifests/sha256:")),
            "{asked:#?}"
        );
    }
}

/// Two round trips would be in time, and none of its own is late.
#[test]
fn one_deadline_is_for_the_name_the_search_and_what_is_found() {
    let delay = Duration::from_millis(100);
    let scene = Scene::new(Form::Bundle, false, Options { delay, ..listing() });
    let (verifier, tag) = (Verifier::new(CacheLimits::none()), Wanted::Tag("v1".to_owned()));
    // The tag, the list, the referrer, the bundle: one after the other.
    for rounds in 0..4 {
        let time = delay.saturating_mul(rounds).saturating_add(delay / 2);
        let answer = scene.ask_within(Some(time), &verifier, &client(&scene.registry), &tag);
        let Err(Unverified::Denied(denial)) = answer else { panic!("{rounds}: {answer:?}") };
        assert_eq!(denial.class, DenialClass::Failure, "{denial}");
        assert!(denial.findings().any(|it| it.code == Code::FindTimeRanOut), "{rounds}: {denial}");
    }
    scene.ask(&verifier, &client(&scene.registry), &tag).unwrap();
}

#[test]
fn an_image_that_is_not_there_is_that_whatever_is_found_of_signatures() {
    let scene = Scene::new(Form::Bundle, true, listing());
    let verifier = Verifier::new(CacheLimits::none());
    for wanted in [Wanted::Digest(Digest::of(b"nothing")), Wanted::Tag("v2".parse().unwrap())] {
        let error = scene.ask(&verifier, &client(&scene.registry), &wanted).unwrap_err();
        assert!(
            matches!(&error, Unverified::Resolve(_)) && error.to_string().contains("found no"),
            "{error}"
        );
    }
}
