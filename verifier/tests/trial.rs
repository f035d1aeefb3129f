//! Requirements that are only tried: what they say is told, and no verdict is another for it.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use perry_sandbox_image::{Descriptor, Layout, RawManifest, ReadError, Source};
use perry_sandbox_policy::{LogRule, Requirement, Trial, TrialOutcome};
use perry_sandbox_reference::{Digest, Repository};
use perry_sandbox_verifier::{CacheLimits, Verifier};
use proptest::prelude::*;

use crate::kit::{acme, clock, image, key, layout, require, signer_of, text};

fn other() -> perry_sandbox_policy::Signer {
    key("other", text("signed/keys/ed.pub"), None)
}

/// Requirements of many kinds, met by some layout or by none.
fn requirements() -> impl Strategy<Value = Requirement> {
    let signers = prop::sample::subsequence(vec![acme(), other(), signer_of("cosign3-key3")], 0..=3);
    let max_age = prop::option::of(prop::sample::select(vec![1_u64, 1_000_000_000]));
    let denied = any::<bool>();
    (signers, 1_u32..3, any::<bool>(), max_age, denied).prop_map(
        |(signers, least, log, age, other_digest)| {
            let mut requirement = require(signers);
            requirement.at_least = least.try_into().unwrap();
            requirement.log = if log { LogRule::Required } else { LogRule::Optional };
            requirement.max_age = age.map(std::time::Duration::from_secs);
            requirement.digests = other_digest.then(|| [Digest::of(b"another")].into());
            requirement
        },
    )
}

fn trying(requirement: &Requirement, trial: Requirement) -> Requirement {
    Requirement { trial: Some(Box::new(trial)), ..requirement.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_trial_never_changes_a_verdict(
        name in prop::sample::select(vec!["cosign2-key2", "cosign2-kl2ts", "cosign3-key3", "cosign3-kl3v1"]),
        requirement in requirements(),
        trial in requirements(),
    ) {
        let (source, verifier) = (layout(name), Verifier::new(CacheLimits::none()));
        let ask = |requirement: &Requirement| verifier.verify(&source, &image(&source), requirement, clock());
        let (plain, tried) = (ask(&requirement), ask(&trying(&requirement, trial.clone())));
        match (plain, tried) {
            (Ok(plain), Ok(tried)) => {
                let mut evidence = tried.evidence().clone();
                let told = evidence.trial.take().map(|trial| trial.outcome);
                evidence.requirement = plain.evidence().requirement.clone();
                prop_assert_eq!(&evidence, plain.evidence());
                let alone = if ask(&trial).is_ok() { TrialOutcome::Met } else { TrialOutcome::NotMet };
                prop_assert_eq!(told, Some(alone));
            }
            (plain, tried) => prop_assert_eq!(plain.err(), tried.err()),
        }
    }
}

/// A layout that can be read so often and no more.
#[derive(Debug)]
struct Fading {
    inner: Layout,
    left: AtomicUsize,
}

impl Fading {
    fn read(&self) -> Result<(), ReadError> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let broken =
            |_| ReadError::Transport { registry: "r".into(), what: "w".into(), reason: "gone".into() };
        taken.map(|_| ()).map_err(broken)
    }
}

impl Source for Fading {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        self.read()?;
        self.inner.tag(tag)
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        self.read()?;
        self.inner.manifest(digest)
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        self.read()?;
        self.inner.blob(digest, size, cap)
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        self.read()?;
        self.inner.referrers(subject)
    }

    fn repository(&self) -> Option<&Repository> {
        None
    }

    fn describe(&self) -> String {
        "a fading source".to_owned()
    }
}

fn told(verifier: &Verifier, source: &dyn Source, requirement: &Requirement) -> Trial {
    let image = image(&layout("cosign3-kl3v1"));
    verifier.verify(source, &image, requirement, clock()).unwrap().evidence().trial.clone().unwrap()
}

#[test]
fn a_trial_that_comes_to_no_answer_says_so_and_is_not_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, requirement) =
        (require(vec![acme()]), trying(&require(vec![acme()]), require(vec![other()])));
    let source = |left| Fading { inner: layout("cosign3-kl3v1"), left: AtomicUsize::new(left) };
    let counted = source(usize::MAX);
    let resolved = image(&layout("cosign3-kl3v1"));
    Verifier::new(CacheLimits::none()).verify(&counted, &resolved, &plain, clock()).unwrap();
    let needed = usize::MAX.saturating_sub(counted.left.into_inner());
    // Enough for the verdict, and nothing for the trial.
    let cache = folder.path().join("cache");
    let verifier = || Verifier::new(CacheLimits::default()).with_folder(&cache).unwrap();
    let first = verifier();
    let trial = told(&first, &source(needed), &requirement);
    assert_eq!(trial.outcome, TrialOutcome::Unknown);
    assert!(trial.warning().unwrap().contains("V-FIND-06"), "{trial:?}");
    let mut later = clock();
    later.now = later.now.checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
    for verifier in [first, verifier()] {
        let proof = verifier.verify(&source(usize::MAX), &resolved, &requirement, later).unwrap();
        let trial = proof.evidence().trial.as_ref().unwrap();
        assert_eq!(trial.outcome, TrialOutcome::NotMet);
        assert!(trial.warning().unwrap().contains("V-QUORUM-01"), "{trial:?}");
    }
}

#[test]
fn a_trial_that_is_met_is_told_without_a_warning_and_remembered() {
    let verifier = Verifier::new(CacheLimits::default());
    let requirement =
        trying(&require(vec![acme()]), Requirement { log: LogRule::Required, ..require(vec![acme()]) });
    for _ in 0..2 {
        let trial = told(&verifier, &layout("cosign3-kl3v1"), &requirement);
        assert_eq!((trial.outcome, trial.warning()), (TrialOutcome::Met, None));
    }
    assert_eq!((verifier.counts().verified, verifier.counts().memory), (1, 1));
}
