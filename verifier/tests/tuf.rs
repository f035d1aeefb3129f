//! The public trust root through TUF: an honest repository, ones that lie, and mirrors that never end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jiff::Timestamp;
use perry_sandbox_image::{Access, Insecure, Mirror, ReadError};
use perry_sandbox_policy::{Requirement, SubjectPattern, TrustRoot, TrustRootSource};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{CacheLimits, Clock, Code, PublicRoot, RootError, RootMirror, Verifier};
use serde_json::{Value, json};

use crate::kit::{IDENTITY, ISSUER, clock, image, keyless, layout, require, text};

const SIGNED: &str = "cosign3-kl3v1";
const NEVER: &str = "2027-06-01T00:00:00Z";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A mirror in memory.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Mutex<Files>>);

#[derive(Debug, Default)]
struct Files {
    by_name: BTreeMap<String, Vec<u8>>,
    asked: Vec<String>,
    gone: bool,
}

impl Shelf {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        self.files().by_name.insert(name.to_owned(), bytes);
    }

    fn requests(&self) -> usize {
        self.files().asked.len()
    }
}

impl RootMirror for Shelf {
    fn fetch(&self, name: &str, _: u64, _: Option<Instant>) -> Result<Option<Vec<u8>>, ReadError> {
        let mut files = self.files();
        files.asked.push(name.to_owned());
        if files.gone {
            let reason = "gone".to_owned();
            return Err(ReadError::Transport {
                registry: "mirror".to_owned(),
                what: name.to_owned(),
                reason,
            });
        }
        Ok(files.by_name.get(name).cloned())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A repository's maker, with keys `a`, `b`, `c`.
struct Maker {
    keys: BTreeMap<&'static str, Ed25519KeyPair>,
    shelf: Shelf,
    thresholds: BTreeMap<&'static str, u32>,
    root_keys: Vec<&'static str>,
}

impl Maker {
    fn new() -> Self {
        let keys = ["a", "b", "c"].map(|id| (id, Ed25519KeyPair::generate().unwrap()));
        let thresholds = ["root", "timestamp", "snapshot", "targets"].map(|role| (role, 1));
        Self {
            keys: keys.into(),
            shelf: Shelf::default(),
            thresholds: thresholds.into(),
            root_keys: vec!["a", "b"],
        }
    }

    fn sign(&self, signed: &Value, by: &[&str]) -> Vec<u8> {
        // Sorted keys and no escapes in these texts: canonical as it stands.
        let bytes = sigstore_tuf::canonical_json::to_canonical_bytes(signed).unwrap();
        let signature = |id: &&str| json!({"keyid": id, "sig": hex(self.keys[id].sign(&bytes).as_ref())});
        let signatures: Vec<_> = by.iter().map(signature).collect();
        json!({"signatures": signatures, "signed": signed}).to_string().into_bytes()
    }

    fn root(&self, version: u64, by: &[&str]) -> Vec<u8> {
        let public = |pair: &Ed25519KeyPair| hex(pair.public_key().as_ref());
        let key = |(id, pair): (&&str, &Ed25519KeyPair)| {
            let key = json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public(pair)}});
            ((*id).to_owned(), key)
        };
        let keys: serde_json::Map<_, _> = self.keys.iter().map(key).collect();
        let role = |(role, threshold): (&&str, &u32)| {
            ((*role).to_owned(), json!({"keyids": self.root_keys, "threshold": threshold}))
        };
        let roles: serde_json::Map<_, _> = self.thresholds.iter().map(role).collect();
        let signed = json!({
            "_type": "root", "spec_version": "1.0.31", "version": version, "expires": NEVER,
            "consistent_snapshot": true, "keys": keys, "roles": roles,
        });
        self.sign(&signed, by)
    }

    /// Publishes this trust root as `version` of every list.
    fn publish(&self, version: u64, content: &str) {
        self.publish_as(version, NEVER, &json!({"trusted_root.json": described(content)}), &["a"]);
        self.put_target(content);
    }

    fn put_target(&self, content: &str) {
        let digest = Digest::of(content.as_bytes());
        let name = format!("targets/{}.trusted_root.json", digest.hex());
        self.shelf.put(&name, content.as_bytes().to_vec());
    }

    fn publish_as(&self, version: u64, expires: &str, targets: &Value, by: &[&str]) {
        let list = |kind: &str, expires: &str, key: &str, content: &Value| {
            let mut list =
                json!({"_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires});
            list[key] = content.clone();
            self.sign(&list, by)
        };
        let targets = list("targets", NEVER, "targets", targets);
        let snapshot = list("snapshot", NEVER, "meta", &json!({"targets.json": {"version": version}}));
        let timestamp = list("timestamp", expires, "meta", &json!({"snapshot.json": {"version": version}}));
        self.shelf.put(&format!("{version}.targets.json"), targets);
        self.shelf.put(&format!("{version}.snapshot.json"), snapshot);
        self.shelf.put("timestamp.json", timestamp);
    }

    fn open(&self, folder: &Path) -> PublicRoot {
        PublicRoot::open(folder).unwrap().with_origin(Box::new(self.shelf.clone()), &self.root(1, &["a"]))
    }
}

fn described(content: &str) -> Value {
    json!({"length": content.len(), "hashes": {"sha256": Digest::of(content.as_bytes()).hex()}})
}

fn good() -> String {
    text("signed/trusted_root.json")
}

/// Another document of the same meaning.
fn newer() -> String {
    format!("{}\n", good())
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("roots")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn now() -> Timestamp {
    clock().now
}

fn later(age: Duration) -> Clock {
    Clock::at(now().checked_add(age).unwrap())
}

fn public() -> Requirement {
    let source = TrustRootSource::SigstorePublic { max_age: DAY };
    let root =
        TrustRoot { name: "public".parse().unwrap(), json: String::new(), digest: Digest::of(b""), source };
    require(vec![keyless("acme", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root)])
}

#[track_caller]
fn refused(root: &PublicRoot, words: &str) {
    let before = root.status();
    match root.refresh(now()) {
        Err(RootError::Refresh(why)) => assert!(why.contains(words), "expected `{words}` in: {why}"),
        other => panic!("expected `{words}`: {other:?}"),
    }
    assert_eq!(root.status(), before);
}

#[test]
fn an_image_is_verified_with_the_public_root_and_offline_until_its_age_limit() {
    let (maker, place) = (Maker::new(), Place::new());
    maker.publish(1, &good());
    let source = layout(SIGNED);
    let found = image(&source);
    let online = Verifier::new(CacheLimits::default()).with_public_root(maker.open(&place.folder()));
    let proof = online.verify(&source, &found, &public(), clock()).unwrap();
    assert_eq!(proof.evidence().requirement, public().digest());
    let root = proof.evidence().signatures[0].root.clone().unwrap();
    assert_eq!((root.0.as_str(), root.1), ("public", Digest::of(good().as_bytes())));
    assert_eq!(online.verify_anew(&source, &found, &public(), clock()).unwrap(), *proof);
    let requests = maker.shelf.requests();
    assert!(online.verify(&source, &found, &public(), later(DAY / 2)).is_ok());
    assert_eq!(maker.shelf.requests(), requests, "young keys are not asked for again");

    let offline = || {
        let root = PublicRoot::open(&place.folder()).unwrap();
        Verifier::new(CacheLimits::default()).with_public_root(root)
    };
    assert!(offline().verify(&source, &found, &public(), later(DAY)).is_ok());
    let denial =
        offline().verify(&source, &found, &public(), later(DAY + Duration::from_secs(1))).unwrap_err();
    let reason = denial.findings().next().unwrap();
    assert_eq!(reason.code, Code::RootMissing);
    assert!(reason.found.contains("86401 s ago") && reason.found.contains("no mirror"), "{reason:?}");
    // A clock that was set back says nothing about the age.
    let earlier = Clock::at(now().checked_sub(DAY).unwrap());
    assert!(offline().verify(&source, &found, &public(), earlier).is_err());
}

#[test]
fn without_a_place_for_it_nobody_of_the_public_root_can_have_signed() {
    let source = layout(SIGNED);
    let denial = Verifier::new(CacheLimits::default())
        .verify(&source, &image(&source), &public(), clock())
        .unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::RootMissing), "{denial}");
    assert!(denial.to_string().contains("no place"), "{denial}");
}

#[test]
fn keys_are_refreshed_early_and_an_unreachable_mirror_does_no_harm_before_the_limit() {
    let (maker, place) = (Maker::new(), Place::new());
    maker.publish(1, &good());
    let source = layout(SIGNED);
    let found = image(&source);
    let verifier = Verifier::new(CacheLimits::default()).with_public_root(maker.open(&place.folder()));
    assert!(verifier.verify(&source, &found, &public(), clock()).is_ok());
    maker.publish(2, &newer());
    let proof = verifier.verify(&source, &found, &public(), later(DAY * 3 / 4)).unwrap();
    let root = proof.evidence().signatures[0].root.clone().unwrap();
    assert_eq!(root.1, Digest::of(newer().as_bytes()), "the proof under older keys is not given again");
    maker.shelf.files().gone = true;
    assert!(verifier.verify(&source, &found, &public(), later(DAY * 3 / 2)).is_ok());
    let requests = maker.shelf.requests();
    assert!(verifier.verify(&source, &found, &public(), later(DAY * 3 / 2)).is_ok());
    assert_eq!(maker.shelf.requests(), requests, "a mirror that failed is left alone for a while");
    let denial = verifier.verify(&source, &found, &public(), later(DAY * 2)).unwrap_err();
    assert!(denial.to_string().contains("refreshing failed"), "{denial}");
}

#[test]
fn an_older_version_is_refused_across_processes() {
    let (maker, place) = (Maker::new(), Place::new());
    maker.publish(2, &newer());
    assert!(maker.open(&place.folder()).refresh(now()).is_ok());
    maker.publish(1, &good());
    refused(&maker.open(&place.folder()), "rollback");
    let status = maker.open(&place.folder()).status().unwrap();
    assert_eq!(status.digest, Digest::of(newer().as_bytes()));
}

#[test]
fn a_frozen_repository_is_refused() {
    let (maker, place) = (Maker::new(), Place::new());
    let targets = json!({"trusted_root.json": described(&good())});
    maker.put_target(&good());
    maker.publish_as(1, "2026-11-22T20:59:59Z", &targets, &["a"]);
    refused(&maker.open(&place.folder()), "timestamp metadata expired");
    // The same answer for ever is no news either once its time is over.
    maker.publish_as(2, "2026-11-22T21:30:00Z", &targets, &["a"]);
    let root = maker.open(&place.folder());
    assert!(root.refresh(now()).is_ok());
    let error = root.refresh(later(Duration::from_secs(3600)).now).unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[test]
fn cve_2026_23992_cve_2024_47534_rustsec_2020_0024_one_key_that_signs_twice_is_one_signature() {
    let (mut maker, place) = (Maker::new(), Place::new());
    maker.thresholds.insert("timestamp", 2);
    maker.put_target(&good());
    let targets = json!({"trusted_root.json": described(&good())});
    maker.publish_as(1, NEVER, &targets, &["a"]);
    refused(&maker.open(&place.folder()), "1/2");
    maker.publish_as(1, NEVER, &targets, &["a", "a"]);
    refused(&maker.open(&place.folder()), "");
    // A key that exists, but not for this role.
    maker.publish_as(1, NEVER, &targets, &["a", "c"]);
    refused(&maker.open(&place.folder()), "1/2");
    maker.publish_as(1, NEVER, &targets, &["a", "b"]);
    assert!(maker.open(&place.folder()).refresh(now()).is_ok());
}

#[test]
fn a_role_that_needs_no_signature_is_refused() {
    let (mut maker, place) = (Maker::new(), Place::new());
    maker.thresholds.insert("timestamp", 0);
    maker.put_target(&good());
    maker.publish_as(1, NEVER, &json!({"trusted_root.json": described(&good())}), &[]);
    refused(&maker.open(&place.folder()), "threshold 0");
}

#[test]
fn roots_follow_one_another_by_the_signatures_of_both() {
    let (mut maker, place) = (Maker::new(), Place::new());
    maker.publish(1, &good());
    let bootstrap = maker.root(1, &["a"]);
    let open = |maker: &Maker| {
        PublicRoot::open(&place.folder()).unwrap().with_origin(Box::new(maker.shelf.clone()), &bootstrap)
    };
    maker.root_keys = vec!["c"];
    maker.shelf.put("2.root.json", maker.root(2, &["c"]));
    refused(&open(&maker), "threshold not met");
    maker.shelf.put("2.root.json", maker.root(3, &["a", "c"]));
    refused(&open(&maker), "root version must increment");
    maker.shelf.put("2.root.json", maker.root(2, &["a", "c"]));
    // The lists are still signed by the old key.
    refused(&open(&maker), "threshold not met");
    let targets = json!({"trusted_root.json": described(&good())});
    maker.publish_as(2, NEVER, &targets, &["c"]);
    assert!(open(&maker).refresh(now()).is_ok());
    // The next process begins with the root that this one reached.
    maker.shelf.files().by_name.remove("2.root.json");
    assert!(open(&maker).refresh(now()).is_ok());
}

#[test]
fn cve_2026_24137_names_in_a_repository_write_no_files() {
    let (maker, place) = (Maker::new(), Place::new());
    let evil = described("evil");
    maker.put_target(&good());
    let mut targets = json!({"trusted_root.json": described(&good()), "../../evil": evil, "/etc/evil": evil});
    targets["trusted_root.json"]["custom"] = json!({"path": "../../evil"});
    maker.publish_as(1, NEVER, &targets, &["a"]);
    assert!(maker.open(&place.folder()).refresh(now()).is_ok());
    let known = [
        "key",
        "sigstore-public",
        "tuf-root-1.json",
        "tuf-snapshot.json",
        "tuf-targets.json",
        "tuf-timestamp.json",
    ];
    assert_eq!(place.names(), known);
    assert_eq!(std::fs::read_dir(place.0.path()).unwrap().count(), 1);
}

#[test]
fn a_hash_that_is_a_path_reaches_nothing() {
    let (maker, place) = (Maker::new(), Place::new());
    let targets = json!({"trusted_root.json": {"length": 4, "hashes": {"sha256": "../../../evil"}}});
    maker.publish_as(1, NEVER, &targets, &["a"]);
    let server = Server::new(Body::Files(maker.shelf.clone()));
    let root = PublicRoot::open(&place.folder()).unwrap();
    refused(&root.with_origin(Box::new(server.mirror()), &maker.root(1, &["a"])), "plain components");
}

#[test]
fn nobody_else_is_made_responsible_for_the_trust_root() {
    let (maker, place) = (Maker::new(), Place::new());
    let public = hex(maker.keys["c"].public_key().as_ref());
    let mut list = json!({
        "_type": "targets", "spec_version": "1.0.31", "version": 1, "expires": NEVER, "targets": {},
        "delegations": {
            "keys": {"c": {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}},
            "roles": [{"name": "other", "keyids": ["c"], "threshold": 1, "terminating": false, "paths": ["*"]}],
        },
    });
    maker.publish_as(1, NEVER, &json!({}), &["a"]);
    maker.shelf.put("1.targets.json", maker.sign(&list, &["a"]));
    let meta = json!({"targets.json": {"version": 1}, "other.json": {"version": 1}});
    let snapshot =
        json!({"_type": "snapshot", "spec_version": "1.0.31", "version": 1, "expires": NEVER, "meta": meta});
    maker.shelf.put("1.snapshot.json", maker.sign(&snapshot, &["a"]));
    maker.put_target(&good());
    list["targets"] = json!({"trusted_root.json": described(&good())});
    list.as_object_mut().unwrap().remove("delegations");
    maker.shelf.put("1.other.json", maker.sign(&list, &["c"]));
    refused(&maker.open(&place.folder()), "not listed");
    assert!(!maker.shelf.files().asked.iter().any(|name| name.contains("other")));
}

#[test]
fn content_that_is_not_what_was_listed_or_of_no_use_is_refused() {
    let (maker, place) = (Maker::new(), Place::new());
    maker.publish(1, &good());
    let root = maker.open(&place.folder());
    assert!(root.refresh(now()).is_ok());
    let listed = json!({"trusted_root.json": described(&newer())});
    maker.publish_as(2, NEVER, &listed, &["a"]);
    let name = format!("targets/{}.trusted_root.json", Digest::of(newer().as_bytes()).hex());
    maker.shelf.put(&name, good().into_bytes());
    refused(&root, "length");
    maker.shelf.put(&name, newer().replacen('a', "b", 1).into_bytes());
    refused(&root, "mismatch");
    maker.publish(3, "{\"not\": \"a trust root\"}");
    refused(&root, "trust root cannot be used");
    maker.publish_as(
        4,
        NEVER,
        &json!({"trusted_root.json": {"length": 1_u64 << 40, "hashes": {"sha256": "00"}}}),
        &["a"],
    );
    refused(&root, "exceeds");
    assert_eq!(root.status().unwrap().digest, Digest::of(good().as_bytes()));
}

#[test]
fn what_was_kept_and_then_changed_is_not_taken() {
    let (maker, place) = (Maker::new(), Place::new());
    maker.publish(1, &good());
    assert!(maker.open(&place.folder()).refresh(now()).is_ok());
    let file = place.folder().join("sigstore-public");
    let sealed = std::fs::read(&file).unwrap();
    let write = |bytes: &[u8]| {
        let mut open = std::fs::OpenOptions::new();
        open.write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&file)
            .unwrap()
            .write_all(bytes)
            .unwrap();
    };
    for at in [0, 40, sealed.len() - 2] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        write(&changed);
        assert_eq!(PublicRoot::open(&place.folder()).unwrap().status(), None);
        assert!(!file.exists());
    }
    write(&sealed);
    assert!(PublicRoot::open(&place.folder()).unwrap().status().is_some());
}

/// What a server on loopback answers with.
#[derive(Debug, Clone)]
enum Body {
    Files(Shelf),
    Endless,
    Slow,
    Elsewhere,
}

struct Server(std::net::SocketAddr);

impl Server {
    fn new(body: Body) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let body = body.clone();
                std::thread::spawn(move || answer(stream, &body));
            }
        });
        Self(address)
    }

    fn mirror(&self) -> Mirror {
        self.mirror_within(Duration::from_secs(20))
    }

    fn mirror_within(&self, patience: Duration) -> Mirror {
        let access = Access { insecure: Insecure::Loopback, patience, attempts: 1, ..Access::default() };
        Mirror::new(&format!("http://{}/mirror/", self.0), &access).unwrap()
    }
}

/// Answers one request; the other side may hang up at any time.
fn answer(mut stream: std::net::TcpStream, body: &Body) {
    let mut request = [0; 4096];
    let Ok(count) = stream.read(&mut request) else { return };
    let line = String::from_utf8_lossy(&request[..count]).into_owned();
    let path = line.split(' ').nth(1).unwrap_or_default().trim_start_matches("/mirror/").to_owned();
    let ok = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let sent = match body {
        Body::Files(shelf) => match shelf.fetch(&path, u64::MAX, None) {
            Ok(Some(bytes)) => stream.write_all(ok).and_then(|()| stream.write_all(&bytes)),
            _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        },
        Body::Endless => {
            let chunk = [b' '; 8192];
            stream.write_all(ok).and_then(|()| std::iter::repeat(()).try_for_each(|()| stream.write_all(&chunk)))
        }
        Body::Slow => stream.write_all(ok).and_then(|()| {
            std::iter::repeat(()).try_for_each(|()| {
                std::thread::sleep(Duration::from_millis(50));
                stream.write_all(b" ")
            })
        }),
        Body::Elsewhere => stream.write_all(
            b"HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ),
    };
    drop(sent);
}

#[test]
fn a_repository_on_a_server_is_read() {
    let (maker, place) = (Maker::new(), Place::new());
    maker.publish(1, &good());
    let server = Server::new(Body::Files(maker.shelf.clone()));
    let root = PublicRoot::open(&place.folder()).unwrap();
    let root = root.with_origin(Box::new(server.mirror()), &maker.root(1, &["a"]));
    assert_eq!(root.refresh(now()).unwrap().digest, Digest::of(good().as_bytes()));
}

#[test]
fn endless_slow_and_straying_answers_come_to_an_end() {
    let maker = Maker::new();
    for (body, words) in [(Body::Endless, "are read"), (Body::Slow, ""), (Body::Elsewhere, "unsafe")] {
        let place = Place::new();
        let root = PublicRoot::open(&place.folder()).unwrap();
        let patience = if matches!(body, Body::Slow) { 300 } else { 20_000 };
        let mirror = Server::new(body).mirror_within(Duration::from_millis(patience));
        let start = Instant::now();
        refused(&root.with_origin(Box::new(mirror), &maker.root(1, &["a"])), words);
        assert!(start.elapsed() < Duration::from_secs(50));
    }
}

#[test]
fn a_mirror_is_asked_over_plain_http_on_this_machine_only() {
    for address in
        ["http://mirror.example/x", "ftp://mirror.example", "https://me:pw@mirror.example", "x", ""]
    {
        let access = Access { insecure: Insecure::Loopback, ..Access::default() };
        assert!(matches!(Mirror::new(address, &access), Err(ReadError::Unsafe { .. })), "{address}");
    }
    assert!(Mirror::new("http://127.0.0.1:1/x", &Access::default()).is_err());
}
