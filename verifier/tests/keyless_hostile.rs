//! Registries that attack whoever verifies: each is answered with one clear denial, in bounded memory, within the
//! deadline. Each case runs in a process of its own, whose memory is measured.

use std::time::Duration;

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::layout::Content;
use perry_sandbox_testkit::registry::{Hostile, LogIn, Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{
    Found, IN_TOTO, SIMPLE_LAYER, Sigstore, attach_bundle, attach_layers, b64,
};
use serde_json::json;
use tempfile::TempDir;

use crate::differential_kit::in_parallel;
use crate::keyless_child::{Job, Report};
use crate::keyless_kit::{PATH, sample};

/// Most memory above that of an honest verification, in KiB.
const MOST: u64 = 64 * 1024;
/// What the policy allows where time runs out, and elsewhere, where a busy machine must not be taken for that; in milliseconds.
const DEADLINE: u64 = 3000;
const GENEROUS: u64 = 60_000;
/// What says that it has run out.
const LATE: &str = "V-FIND-04";
/// How many of its deadlines a process may take to give up: the machine may be busy.
const PATIENCE: u64 = 5;

/// A repository with a signed image and, perhaps, more.
struct Scene {
    folder: TempDir,
    content: Content,
    digest: Digest,
    instance: Sigstore,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (content, digest) = sample();
        let instance = Sigstore::default();
        std::fs::write(folder.path().join("root.json"), instance.trusted_root().to_string()).unwrap();
        Self { folder, content, digest, instance }
    }

    /// With a good signature.
    fn signed() -> Self {
        let mut scene = Self::new();
        let bundle = scene.instance.image_signature(&scene.digest).to_string();
        scene.bundle(bundle.as_bytes());
        scene
    }

    /// With this in a bundle's place.
    fn with(bundle: impl Into<Vec<u8>>) -> Self {
        let mut scene = Self::new();
        scene.bundle(&bundle.into());
        scene
    }

    fn bundle(&mut self, bytes: &[u8]) {
        attach_bundle(&mut self.content, bytes, &self.digest);
    }

    fn serve(&self, options: Options) -> TestRegistry {
        TestRegistry::serving(PATH, &self.content, options)
    }

    fn job(&self, registry: &TestRegistry) -> Job {
        Job {
            place: format!("{}/{PATH}", registry.host()),
            digest: self.digest.to_string(),
            root: self.folder.path().join("root.json"),
            deadline: GENEROUS,
            account: None,
            sealed: false,
        }
    }
}

fn options(hostile: Vec<Hostile>) -> Options {
    Options { referrers: true, hostile, ..Options::default() }
}

/// What an honest verification needs.
fn baseline() -> Report {
    let scene = Scene::signed();
    let report = scene.job(&scene.serve(options(vec![]))).run().unwrap();
    assert!(report.accepted, "{}", report.words);
    report
}

struct Attack {
    name: &'static str,
    scene: Scene,
    options: Options,
    /// What the denial must say.
    says: &'static str,
}

impl Attack {
    fn deadline(&self) -> u64 {
        if self.says == LATE { DEADLINE } else { GENEROUS }
    }
}

fn attack(name: &'static str, says: &'static str, hostile: Hostile) -> Attack {
    Attack { name, scene: Scene::signed(), options: options(vec![hostile]), says }
}

/// Content that is true to its digest and an attack in itself.
fn content(name: &'static str, says: &'static str, scene: Scene) -> Attack {
    Attack { name, scene, options: options(vec![]), says }
}

/// Just below the most that is read of anything.
const FULL: usize = (4 << 20) - 64;

fn deep() -> Vec<u8> {
    vec![b'['; FULL]
}

/// As many values as fit.
fn wide() -> Vec<u8> {
    [b"[0".to_vec(), b",0".repeat(FULL / 2), b"]".to_vec()].concat()
}

/// As many lists as fit.
fn lists() -> Vec<u8> {
    [b"[[]".to_vec(), b",[]".repeat(FULL / 3 - 1), b"]".to_vec()].concat()
}

/// As many members as fit.
fn members() -> Vec<u8> {
    let members: Vec<_> = (0..FULL / 13).map(|at| format!("\"{at:08x}\":0")).collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

fn twice() -> Vec<u8> {
    br#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#.to_vec()
}

fn transport() -> Vec<Attack> {
    let slow = Duration::from_millis(100);
    vec![
        attack("endless manifests", "more than the 4194304 that are read", Hostile::EndlessManifests),
        attack(
            "a manifest of four gigabytes",
            "4294967296 bytes, more than the 4194304",
            Hostile::HugeLength(4 << 30),
        ),
        attack("endless referrers", "V-PARSE-04", Hostile::endless("/referrers/")),
        attack("endless signatures", "V-FIND-05", Hostile::EndlessBlobs),
        attack("slow referrers", "V-FIND-04", Hostile::slow("/referrers/", slow)),
        attack("slow signatures", "V-FIND-04", Hostile::slow("/blobs/", slow)),
        attack("slow manifests", "V-FIND-04", Hostile::slow("/manifests/", slow)),
        attack("a registry that never answers", "V-FIND-04", Hostile::Silent),
        attack("signatures with another byte", "V-FIND-05", Hostile::FlippedBlobs),
        attack("manifests with another byte", "is not what its digest names", Hostile::FlippedManifests),
        attack("signatures that break off", "V-FIND-06", Hostile::CutBlobs),
        attack("always busy", "429", Hostile::Busy { times: usize::MAX, status: 429 }),
        attack("always broken", "503", Hostile::Busy { times: usize::MAX, status: 503 }),
        attack(
            "referrers elsewhere",
            "wants something unsafe",
            Hostile::redirect("/referrers/", "http://evil.example/x"),
        ),
        attack(
            "signatures elsewhere",
            "wants something unsafe",
            Hostile::redirect("/blobs/", "http://evil.example/x"),
        ),
        attack("signatures in a circle", "more redirects than", Hostile::RedirectLoop),
        attack(
            "a next page elsewhere",
            "wants something unsafe",
            Hostile::NextPage("http://evil.example/x".to_owned()),
        ),
        attack("a million referrers on one page", "V-PARSE-04", Hostile::ManyReferrers(1_000_000)),
        Attack {
            options: Options { page: Some(100), ..options(vec![Hostile::ManyReferrers(1_000_000)]) },
            ..attack(
                "a million referrers on pages",
                "more manifests that could not be looked into",
                Hostile::EndlessBlobs,
            )
        },
    ]
}

fn lists_of_referrers() -> Vec<Attack> {
    let answer = |body| Hostile::answer("/referrers/", body);
    vec![
        attack("referrers: too deep", "V-FIND-05", answer(deep())),
        attack("referrers: many values", "V-FIND-05", answer(wide())),
        attack("referrers: many lists", "V-FIND-05", answer(lists())),
        attack("referrers: many members", "V-FIND-05", answer(members())),
        attack("referrers: a key twice", "V-FIND-05", answer(twice())),
        attack("referrers: no JSON", "V-FIND-05", answer(vec![0xff; FULL])),
    ]
}

fn bundles() -> Vec<Attack> {
    let bundle = |name, bytes| content(name, "V-PARSE-01", Scene::with(bytes));
    let payload = |bytes: Vec<u8>| {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {"payload": b64(bytes), "payloadType": IN_TOTO, "signatures": [{"sig": "AAAA"}]},
        })
        .to_string()
    };
    let most = |bytes: Vec<u8>| bytes[..FULL / 4 * 3 - 1024].to_vec();
    let simple = |payload: &[u8], notes: serde_json::Value| {
        let mut scene = Scene::new();
        let layers = [(SIMPLE_LAYER, payload, &notes)];
        attach_layers(&mut scene.content, &layers, Found::ByTag(&scene.digest, "sig"));
        scene
    };
    let signed = |notes: (&str, Vec<u8>)| {
        let scene = Scene::new();
        let (payload, mut annotations) = scene.instance.simple("a/b", &scene.digest);
        annotations[notes.0] = json!(String::from_utf8(notes.1).unwrap());
        Scene { instance: scene.instance, ..simple(&payload, annotations) }
    };
    vec![
        bundle("bundle: too deep", deep()),
        bundle("bundle: many values", wide()),
        bundle("bundle: many lists", lists()),
        bundle("bundle: many members", members()),
        bundle("bundle: a key twice", twice()),
        content("payload: too deep", "V-BIND-09", Scene::with(payload(most(deep())))),
        content("payload: many values", "V-BIND-09", Scene::with(payload(most(wide())))),
        content("simple payload: too deep", "V-BIND-09", simple(&deep()[..60_000], json!({}))),
        content("simple payload: too large", "V-PARSE-04", simple(&wide(), json!({}))),
        content(
            "log entry: many values",
            "V-PARSE-04",
            signed(("dev.sigstore.cosign/bundle", wide()[..3 << 20].to_vec())),
        ),
        content(
            "certificate: very long",
            "V-PARSE-04",
            signed(("dev.sigstore.cosign/certificate", vec![b'A'; 3 << 20])),
        ),
        content("many large bundles", "V-FIND-03", {
            let mut scene = Scene::new();
            for at in b'0'..b'8' {
                let mut bomb = lists();
                bomb.splice(1..1, [at, b',']);
                scene.bundle(&bomb);
            }
            scene
        }),
    ]
}

#[track_caller]
fn all(attacks: &[Attack]) {
    let base = baseline();
    let reports = in_parallel(attacks, |attack| {
        let registry = attack.scene.serve(attack.options.clone());
        Job { deadline: attack.deadline(), ..attack.scene.job(&registry) }.run().unwrap()
    });
    let mut wrong = Vec::new();
    for (attack, report) in attacks.iter().zip(reports) {
        let more = report.peak.saturating_sub(base.peak);
        let fine = !report.accepted && report.words.contains(attack.says);
        if !fine || more > MOST || report.took / PATIENCE > attack.deadline() || report.words.len() > 20_000 {
            let words: String = report.words.chars().take(1500).collect();
            wrong.push(format!(
                "{}: accepted {}, {more} KiB more, {} ms, wanted {}: {words}",
                attack.name, report.accepted, report.took, attack.says
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
}

#[test]
fn whatever_a_registry_does_to_the_connection_is_denied_in_time() {
    all(&transport());
}

#[test]
fn cve_2023_46737_whatever_a_list_of_referrers_holds_is_denied() {
    all(&lists_of_referrers());
}

#[test]
fn cve_2024_29902_whatever_a_signature_holds_is_denied() {
    all(&bundles());
}

#[test]
fn cve_2019_10214_another_host_that_asks_for_credentials_does_not_get_them() {
    let scene = Scene::signed();
    let account = Some(("me".to_owned(), "hunter2".to_owned()));
    let thief =
        scene.serve(Options { log_in: LogIn::Bearer { account: None, realm: None }, ..options(vec![]) });
    // Another host, although on this machine: `localhost` is not `127.0.0.1`.
    let port = thief.host().rsplit_once(':').unwrap().1.to_owned();
    let realm = format!("http://localhost:{port}/token");
    let log_in = LogIn::Bearer { account: account.clone(), realm: Some(realm) };
    let registry = scene.serve(Options { log_in, ..options(vec![]) });
    let report = Job { account: account.clone(), ..scene.job(&registry) }.run().unwrap();
    assert!(thief.count("/token") > 0, "{}", report.words);
    assert!(thief.log().iter().all(|asked| asked.authorization.is_none()), "{:?}", thief.log());
    assert!(!report.words.contains("hunter2"));
    // Where the registry itself gives the token, the same account does.
    let log_in = LogIn::Bearer { account: account.clone(), realm: None };
    let registry = scene.serve(Options { log_in, ..options(vec![]) });
    let report = Job { account, ..scene.job(&registry) }.run().unwrap();
    assert!(report.accepted, "{}", report.words);
}

#[test]
fn cve_2022_47633_content_that_changes_between_two_requests_is_denied() {
    let mut scene = Scene::new();
    let (payload, annotations) = scene.instance.simple("a/b", &scene.digest);
    let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
    let good = attach_layers(&mut scene.content, &layers, Found::ByTag(&scene.digest, "sig"));
    let tag = format!("{}.sig", scene.digest.as_str().replace(':', "-"));
    let other = attach_layers(&mut scene.content, &[], Found::Nowhere);
    let moved = Hostile::MovedTag { tag: tag.clone(), to: other["digest"].as_str().unwrap().to_owned() };
    let registry = scene.serve(options(vec![moved]));
    // What counts is what was read first: the tag is resolved once.
    let report = scene.job(&registry).run().unwrap();
    assert!(report.accepted && registry.count(&tag) == 1, "{}", report.words);
    assert_eq!(registry.count(good["digest"].as_str().unwrap()), 0, "its manifest came with the tag");
    // From then on the registry shows the other one.
    let report = scene.job(&registry).run().unwrap();
    assert!(!report.accepted && report.words.contains("V-FIND-01"), "{}", report.words);
}
