//! The verifier with a memory: what is found again, what must not be, and what others can do to the files.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use perry_sandbox_image::{
    Descriptor, Layout, Memory, RawManifest, ReadError, ResolvedImage, Source, Wanted, resolve,
};
use perry_sandbox_policy::{At, Moment, RepositoryRule, Requirement};
use perry_sandbox_reference::{Digest, Repository};
use perry_sandbox_verifier::{
    CacheError, CacheLimits, Clock, Code, Denial, DenialClass, VerifiedImage, Verifier,
};

use crate::kit::{INDEX, acme, bare, clock, image, layout, require, signer_of};

const SIGNED: &str = "cosign3-kl3v1";

/// A layout that counts how often signatures are looked for, and can be out of reach.
#[derive(Debug)]
struct Counted {
    layout: Layout,
    searches: AtomicUsize,
    unreachable: AtomicBool,
    /// Opened when the first search has begun and may go on.
    gate: Option<Barrier>,
}

impl Counted {
    fn new() -> Self {
        Self {
            layout: layout(SIGNED),
            searches: AtomicUsize::new(0),
            unreachable: AtomicBool::new(false),
            gate: None,
        }
    }

    fn searches(&self) -> usize {
        self.searches.load(Ordering::SeqCst)
    }
}

impl Source for Counted {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        self.layout.tag(tag)
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        self.layout.manifest(digest)
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        self.layout.blob(digest, size, cap)
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        if subject.as_str() == INDEX {
            let before = self.searches.fetch_add(1, Ordering::SeqCst);
            if let Some(gate) = self.gate.as_ref().filter(|_| before == 0) {
                gate.wait();
            }
        }
        if self.unreachable.load(Ordering::SeqCst) {
            let reason = "out of reach".to_owned();
            return Err(ReadError::Transport {
                registry: "here".to_owned(),
                what: "referrers".to_owned(),
                reason,
            });
        }
        self.layout.referrers(subject)
    }

    fn repository(&self) -> Option<&Repository> {
        self.layout.repository()
    }

    fn describe(&self) -> String {
        self.layout.describe()
    }
}

fn later(seconds: i64) -> Clock {
    let now = clock();
    Clock::at(now.now.checked_add(jiff::Span::new().seconds(seconds)).unwrap())
}

fn asked(
    verifier: &Verifier,
    source: &dyn Source,
    requirement: &Requirement,
) -> Result<Arc<VerifiedImage>, Denial> {
    verifier.verify(source, &image(source), requirement, clock())
}

#[test]
fn a_proof_is_found_again_and_is_the_very_same() {
    let (verifier, source) = (Verifier::new(CacheLimits::default()), Counted::new());
    let first = asked(&verifier, &source, &require(vec![acme()])).unwrap();
    let again = asked(&verifier, &source, &require(vec![acme()])).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!((source.searches(), verifier.counts().memory), (1, 1));
    verifier.forget();
    assert!(asked(&verifier, &source, &require(vec![acme()])).is_ok());
    assert_eq!(source.searches(), 2);
}

#[test]
fn a_proof_for_one_requirement_is_none_for_another() {
    let (verifier, source) = (Verifier::new(CacheLimits::default()), Counted::new());
    assert!(asked(&verifier, &source, &require(vec![acme()])).is_ok());
    let other_key = require(vec![signer_of("cosign3-key3")]);
    assert!(asked(&verifier, &source, &other_key).is_err());
    let mut other_root = require(vec![acme()]);
    let perry_sandbox_policy::SignerIdentity::Keyless { root, .. } = &mut other_root.signers[0].identity
    else {
        panic!("keyless");
    };
    root.json.push(' ');
    let denial = asked(&verifier, &source, &other_root).unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::RootDigest), "{denial}");
    let mut other_rule = require(vec![acme()]);
    other_rule.repository = RepositoryRule::Exact("example.test/other".parse().unwrap());
    // A bundle names no repository, so this holds too; it is checked by itself all the same.
    assert!(asked(&verifier, &source, &other_rule).is_ok());
    assert_eq!(verifier.counts().memory, 0);
}

#[test]
fn nothing_is_kept_where_nothing_may_be() {
    let (verifier, source) = (Verifier::new(CacheLimits::none()), Counted::new());
    for _ in 0..3 {
        assert!(asked(&verifier, &source, &require(vec![acme()])).is_ok());
    }
    assert_eq!(source.searches(), 3);
}

#[test]
fn a_proof_ends_with_its_time_and_does_not_begin_before_it_was_made() {
    let limits = CacheLimits { ttl: Duration::from_secs(60), ..CacheLimits::default() };
    let (verifier, source) = (Verifier::new(limits), Counted::new());
    let found = image(&source);
    let requirement = require(vec![acme()]);
    for (seconds, searches) in [(0, 1), (60, 1), (61, 2), (61, 2), (30, 3)] {
        assert!(verifier.verify(&source, &found, &requirement, later(seconds)).is_ok());
        assert_eq!(source.searches(), searches, "after {seconds} s");
    }
}

#[test]
fn a_signature_that_becomes_too_old_is_not_carried_by_the_cache() {
    let (verifier, source) = (Verifier::new(CacheLimits::default()), Counted::new());
    let found = image(&source);
    let mut requirement = require(vec![acme()]);
    let proof = verifier.verify(&source, &found, &requirement, clock()).unwrap();
    let signed = proof.evidence().signatures[0].times.iter().map(|it| it.at).min().unwrap();
    let age = u64::try_from(clock().now.as_second() - signed).unwrap();
    requirement.max_age = Some(Duration::from_secs(age + 10));
    assert!(verifier.verify(&source, &found, &requirement, clock()).is_ok());
    assert!(verifier.verify(&source, &found, &requirement, later(10)).is_ok());
    assert_eq!(verifier.counts().memory, 1);
    let denial = verifier.verify(&source, &found, &requirement, later(11)).unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::TimeTooOld), "{denial}");
}

#[test]
fn a_key_whose_window_ends_is_not_carried_by_the_cache() {
    let (verifier, source) = (Verifier::new(CacheLimits::default()), layout("cosign3-key3"));
    let found = image(&source);
    let mut signer = signer_of("cosign3-key3");
    let until = jiff::Timestamp::from_second(clock().now.as_second() + 10).unwrap();
    signer.window.not_after = Some(At { value: Moment::of(until), span: None });
    let requirement = require(vec![signer]);
    assert!(verifier.verify(&source, &found, &requirement, clock()).is_ok());
    assert!(verifier.verify(&source, &found, &requirement, later(10)).is_ok());
    assert_eq!(verifier.counts().memory, 1);
    let denial = verifier.verify(&source, &found, &requirement, later(11)).unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::TimeWindow), "{denial}");
}

#[test]
fn a_source_that_does_not_keep_to_its_digests_gets_no_old_proof() {
    let (verifier, source) = (Verifier::new(CacheLimits::default()), Counted::new());
    let requirement = require(vec![acme()]);
    assert!(asked(&verifier, &source, &requirement).is_ok());
    let honest = image(&source);
    let mut memory = Memory::default();
    for (step, bytes) in honest.path_bytes() {
        memory.add_as(step.digest.clone(), bytes);
    }
    let false_image = FalseSource(memory).image(&honest);
    assert_eq!(false_image.top(), honest.top());
    let denial = verifier.verify(&source, &false_image, &requirement, clock()).unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::FindRefused), "{denial}");
}

/// Hands over manifests that are not what their digests name.
#[derive(Debug)]
struct FalseSource(Memory);

impl FalseSource {
    fn image(&self, honest: &ResolvedImage) -> ResolvedImage {
        resolve(self, &Wanted::Digest(honest.top().clone()), honest.platform()).unwrap()
    }
}

impl Source for FalseSource {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        self.0.tag(tag)
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        let found = self.0.manifest(digest)?;
        Ok(found.map(|mut raw| {
            // As long as before, so that the descriptor still fits.
            let text = String::from_utf8(raw.bytes).unwrap();
            raw.bytes = text.replacen("\"schemaVersion\": 2", "\"schemaVersion\" :2", 1).into_bytes();
            if digest.matches(&raw.bytes) {
                raw.bytes = text.replacen("\"schemaVersion\":2", "\"schemaVersion\":2 ", 1).into_bytes();
            }
            raw
        }))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        self.0.blob(digest, size, cap)
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        self.0.referrers(subject)
    }

    fn repository(&self) -> Option<&Repository> {
        None
    }

    fn describe(&self) -> String {
        "false".to_owned()
    }
}

#[test]
fn a_denial_is_kept_for_seconds_and_for_its_own_source() {
    let verifier = Verifier::new(CacheLimits::default());
    let unsigned = bare(SIGNED);
    let found = image(&unsigned);
    let requirement = require(vec![acme()]);
    for (seconds, denied) in [(0, 1), (1, 1), (2, 1), (3, 2)] {
        let denial = verifier.verify(&unsigned, &found, &requirement, later(seconds)).unwrap_err();
        assert!(denial.findings().any(|it| it.code == Code::FindNone), "{denial}");
        assert_eq!(verifier.counts().denied, denied, "after {seconds} s");
    }
    // The same image is signed elsewhere.
    assert!(verifier.verify(&layout(SIGNED), &found, &requirement, later(3)).is_ok());
    // What is proved is proved, wherever it is asked for.
    assert!(verifier.verify(&unsigned, &found, &requirement, later(3)).is_ok());
}

#[test]
fn cve_2024_51491_a_source_out_of_reach_is_asked_again() {
    let (verifier, source) = (Verifier::new(CacheLimits::default()), Counted::new());
    source.unreachable.store(true, Ordering::SeqCst);
    let requirement = require(vec![acme()]);
    assert_eq!(asked(&verifier, &source, &requirement).unwrap_err().class, DenialClass::Failure);
    source.unreachable.store(false, Ordering::SeqCst);
    assert!(asked(&verifier, &source, &requirement).is_ok());
}

#[test]
fn many_threads_that_ask_the_same_cause_one_check() {
    const THREADS: usize = 24;
    let verifier = Verifier::new(CacheLimits::default());
    let source = Counted { gate: Some(Barrier::new(2)), ..Counted::new() };
    let found = image(&source);
    let requirement = require(vec![acme()]);
    let asking = AtomicUsize::new(0);
    let proofs: Vec<_> = std::thread::scope(|scope| {
        let ask = || {
            asking.fetch_add(1, Ordering::SeqCst);
            verifier.verify(&source, &found, &requirement, clock()).unwrap()
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
        while asking.load(Ordering::SeqCst) < THREADS {
            std::thread::yield_now();
        }
        source.gate.as_ref().unwrap().wait();
        threads.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(source.searches(), 1);
    assert!(proofs.iter().all(|proof| Arc::ptr_eq(proof, &proofs[0])));
    let counts = verifier.counts();
    assert_eq!((counts.verified, counts.memory + counts.joined), (1, u64::try_from(THREADS).unwrap() - 1));
}

#[test]
fn those_who_wait_for_a_check_that_fails_check_by_themselves() {
    let verifier = Verifier::new(CacheLimits::default());
    let source = Counted { gate: Some(Barrier::new(2)), ..Counted::new() };
    source.unreachable.store(true, Ordering::SeqCst);
    let found = image(&source);
    let requirement = require(vec![acme()]);
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| verifier.verify(&source, &found, &requirement, clock()));
        while source.searches() == 0 {
            std::thread::yield_now();
        }
        // The leader stands at the gate, and with it everybody who asks in the meantime.
        let followers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| verifier.verify(&layout(SIGNED), &found, &requirement, clock())))
            .collect();
        source.gate.as_ref().unwrap().wait();
        assert_eq!(leader.join().unwrap().unwrap_err().class, DenialClass::Failure);
        for follower in followers {
            assert!(follower.join().unwrap().is_ok());
        }
    });
}

/// A folder for the cache, and a verifier that uses it as another process would.
struct OnDisk(tempfile::TempDir);

impl OnDisk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("verified")
    }

    fn verifier(&self) -> Verifier {
        Verifier::new(CacheLimits::default()).with_folder(&self.folder()).unwrap()
    }

    /// Asks in a new process, as it were; tells whether the files knew the answer.
    fn known(&self, source: &Counted, requirement: &Requirement) -> bool {
        let verifier = self.verifier();
        assert!(asked(&verifier, source, requirement).is_ok());
        verifier.counts().disk == 1
    }

    fn answers(&self) -> Vec<PathBuf> {
        let names = fs::read_dir(self.folder()).unwrap().map(|it| it.unwrap().path());
        names.filter(|path| path.file_name().unwrap().len() == 64).collect()
    }
}

#[test]
fn another_process_finds_the_proof_on_disk() {
    let (disk, source) = (OnDisk::new(), Counted::new());
    let requirement = require(vec![acme()]);
    assert!(!disk.known(&source, &requirement));
    let verifier = disk.verifier();
    let proof = asked(&verifier, &source, &requirement).unwrap();
    assert_eq!((verifier.counts().disk, source.searches()), (1, 1));
    assert_eq!(*proof.image(), image(&source));
    assert_eq!(proof.evidence().requirement, requirement.digest());
    assert!(!disk.known(&source, &require(vec![acme(), signer_of("cosign3-key3")])));
    assert_eq!(disk.answers().len(), 2);
    disk.verifier().forget();
    assert_eq!(disk.answers().len(), 0);
    assert!(!disk.known(&source, &requirement));
}

#[test]
fn a_damaged_answer_is_removed_and_never_taken() {
    let (disk, source) = (OnDisk::new(), Counted::new());
    let requirement = require(vec![acme()]);
    assert!(!disk.known(&source, &requirement));
    let answer = disk.answers().remove(0);
    let sealed = fs::read(&answer).unwrap();
    for at in (0..sealed.len()).step_by(97).chain([0, 31, 32, sealed.len() - 1]) {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        fs::write(&answer, &damaged).unwrap();
        assert!(!disk.known(&source, &requirement), "a change at {at} was taken");
    }
    for length in [0, 31, 32, 33, sealed.len() - 1] {
        fs::write(&answer, &sealed[..length]).unwrap();
        assert!(!disk.known(&source, &requirement), "cut to {length}");
    }
    fs::write(&answer, [sealed.as_slice(), &vec![b' '; 1 << 20]].concat()).unwrap();
    assert!(!disk.known(&source, &requirement));
    fs::write(&answer, &sealed).unwrap();
    assert!(disk.known(&source, &requirement));
}

#[test]
fn an_answer_to_another_question_or_of_another_installation_is_not_taken() {
    let (disk, other, source) = (OnDisk::new(), OnDisk::new(), Counted::new());
    let (one, two) = (require(vec![acme()]), require(vec![acme(), signer_of("cosign3-key3")]));
    assert!(!disk.known(&source, &one));
    let first = disk.answers().remove(0);
    assert!(!disk.known(&source, &two));
    let second = disk.answers().into_iter().find(|path| *path != first).unwrap();
    fs::copy(&first, &second).unwrap();
    assert!(!disk.known(&source, &two), "the answer to another question was taken");
    assert!(!other.known(&source, &one));
    let theirs = other.answers().remove(0);
    assert_eq!(theirs.file_name(), first.file_name());
    fs::copy(&theirs, &first).unwrap();
    assert!(!disk.known(&source, &one), "the answer of another installation was taken");
}

#[test]
fn an_answer_is_not_taken_after_its_time() {
    let (disk, source) = (OnDisk::new(), Counted::new());
    let found = image(&source);
    let requirement = require(vec![acme()]);
    let ask = |seconds| {
        let verifier = disk.verifier();
        assert!(verifier.verify(&source, &found, &requirement, later(seconds)).is_ok());
        verifier.counts().disk == 1
    };
    assert!(!ask(0) && ask(3600) && !ask(3601) && ask(3601) && !ask(0));
}

#[test]
fn a_key_that_others_could_read_or_that_is_damaged_is_replaced() {
    let (disk, source) = (OnDisk::new(), Counted::new());
    let requirement = require(vec![acme()]);
    let key = disk.folder().join("key");
    let damages: [&dyn Fn(); 4] = [
        &|| fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap(),
        &|| fs::write(&key, b"short").unwrap(),
        &|| fs::write(&key, [7; 33]).unwrap(),
        &|| {
            fs::rename(&key, disk.0.path().join("elsewhere")).unwrap();
            symlink(disk.0.path().join("elsewhere"), &key).unwrap();
        },
    ];
    for (at, damage) in damages.iter().enumerate() {
        disk.verifier().forget();
        assert!(!disk.known(&source, &requirement));
        assert!(disk.known(&source, &requirement));
        damage();
        assert!(!disk.known(&source, &requirement), "damage {at}");
        let found = fs::symlink_metadata(&key).unwrap();
        assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o600 && found.len() == 32);
    }
}

#[test]
fn a_folder_that_others_can_enter_is_refused() {
    let disk = OnDisk::new();
    drop(disk.verifier());
    let refused = |folder: &Path| {
        let opened = Verifier::new(CacheLimits::default()).with_folder(folder);
        assert!(matches!(opened, Err(CacheError::NotPrivate { .. })), "{opened:?}");
    };
    fs::set_permissions(disk.folder(), fs::Permissions::from_mode(0o750)).unwrap();
    refused(&disk.folder());
    fs::set_permissions(disk.folder(), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(disk.folder(), disk.0.path().join("link")).unwrap();
    refused(&disk.0.path().join("link"));
}

#[test]
fn processes_share_a_folder_without_harm() {
    let disk = OnDisk::new();
    let requirement = require(vec![acme()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let source = Counted::new();
                    let verifier = disk.verifier();
                    assert!(asked(&verifier, &source, &requirement).is_ok());
                }
            });
        }
    });
    assert!(
        disk.known(&Counted::new(), &requirement),
        "the last answer is whole and sealed by the key that stayed"
    );
    let left: Vec<_> = fs::read_dir(disk.folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_number_of_files_is_bounded_and_foreign_ones_go() {
    let (disk, source) = (OnDisk::new(), Counted::new());
    drop(disk.verifier());
    for at in 0..4096 {
        fs::write(disk.folder().join(format!("{at:064x}")), b"old").unwrap();
    }
    fs::write(disk.folder().join("notes.txt"), b"foreign").unwrap();
    fs::write(disk.folder().join(".tmp-1-1-1"), b"of a living process").unwrap();
    assert!(!disk.known(&source, &require(vec![acme()])));
    assert_eq!(disk.answers().len(), 3 * 1024 + 1);
    assert!(!disk.folder().join("notes.txt").exists());
    assert!(disk.folder().join(".tmp-1-1-1").exists());
}
