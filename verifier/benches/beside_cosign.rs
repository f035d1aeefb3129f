//! One cold check of a keyless signature in a registry on loopback, ours beside the real cosign's, in one run: processor
//! time, requests, round trips; a proof that is at hand; and many images at once. `benches/README.md` has the method.
//!
//! Run with `PERRY_SANDBOX_PEERS=DIR cargo bench -p perry-sandbox-verifier --bench beside_cosign`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and prints what it found"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::sys::resource::{UsageWho, getrusage};
use perry_sandbox_image::{Access, Insecure, Memory, Registry, Source, Wanted, resolve};
use perry_sandbox_policy::{
    IssuerPattern, Requirement, Signer, SignerIdentity, SubjectPattern, TrustRoot, TrustRootSource,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::layout::{Compression, Content, digest_of};
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{
    Cosign, Found, IDENTITY, ISSUER, Proofs, SIMPLE_LAYER, Sigstore, attach_bundle, attach_layers, old_issuer,
};
use perry_sandbox_verifier::{CacheLimits, Clock, Named, Verifier};
use serde_json::json;

const PATH: &str = "acme/app";
const PLATFORM: &str = "linux/amd64";
/// How often each side is measured; the least counts, because other work on the machine only adds.
const TIMES: u32 = 10;
/// How often we check within one process.
const CHECKS: u32 = 20;
/// How often a proof in memory is asked for within one measurement.
const HITS: u32 = 100_000;
/// How many images are checked at once.
const MANY: usize = 64;
/// Long against everything else that happens between two round trips.
const DELAY: Duration = Duration::from_millis(100);

fn main() {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("--check") {
        let [place, digest, root, times] = [(); 4].map(|()| args.next().unwrap());
        return check_here(&place, &digest, &root, times.parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    for form in [Form::Bundle, Form::Simple] {
        beside(form, folder.path());
    }
    at_hand(folder.path());
    many_at_once();
    many_from_a_registry();
}

/// How the image is signed.
#[derive(Clone, Copy)]
enum Form {
    /// As cosign 3 does: a bundle with a time stamp and an entry of Rekor 1.
    Bundle,
    /// As cosign 2 does.
    Simple,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle, referrers",
            Self::Simple => "simple signature, tag",
        }
    }

    /// A list names a bundle's manifest, and only that names the bundle.
    fn round_trips(self) -> u32 {
        match self {
            Self::Bundle => 3,
            Self::Simple => 2,
        }
    }

    fn cosign(self) -> u32 {
        match self {
            Self::Bundle => 3,
            Self::Simple => 2,
        }
    }
}

/// A signed index over images of two platforms, different for each number, for a repository.
fn signed(form: Form, instance: &Sigstore, number: usize, place: &str) -> (Content, Digest) {
    let mut content = Content::new();
    let layer = number.to_le_bytes().repeat(2000);
    let children: Vec<_> = [("amd64", PLATFORM), ("arm64", "linux/arm64")]
        .into_iter()
        .map(|(architecture, platform)| {
            let layers = [(layer.clone(), Compression::None)];
            let mut child = content.image(&layers, &platform.parse().unwrap(), &json!({"Cmd": ["/hello"]}));
            let platform = json!({"os": "linux", "architecture": architecture});
            child.as_object_mut().unwrap().insert("platform".to_owned(), platform);
            child
        })
        .collect();
    let image = content.index(&children);
    content.tag("v1", &image);
    let digest = digest_of(&image);
    match form {
        Form::Bundle => {
            let bundle = instance.image_signature(&digest).to_string();
            attach_bundle(&mut content, bundle.as_bytes(), &digest);
        }
        Form::Simple => {
            let (payload, annotations) = instance.simple(place, &digest);
            let layers = [(SIMPLE_LAYER, payload.as_slice(), &annotations)];
            attach_layers(&mut content, &layers, Found::ByTag(&digest, "sig"));
        }
    }
    (content, digest)
}

fn instance() -> Sigstore {
    let mut instance = Sigstore { proofs: Proofs::V1Stamped, ..Sigstore::default() };
    instance.extensions.push(old_issuer(ISSUER));
    instance
}

fn beside(form: Form, folder: &Path) {
    let instance = instance();
    let registry = TestRegistry::start(Options { referrers: true, ..Options::default() });
    let place = format!("{}/{PATH}", registry.host());
    let (content, digest) = signed(form, &instance, 0, &place);
    registry.load(PATH, &content);
    let root = folder.join("root.json");
    fs::write(&root, instance.trusted_root().to_string()).unwrap();
    println!("{}", form.name());

    let job = |times: u32| Check { place: &place, digest: &digest, root: &root, times };
    let _warm = job(1).run();
    let before = registry.log().len();
    let _counted = job(1).run();
    let requests = registry.log().len().saturating_sub(before);
    let least = |times, of: fn(&Took) -> Duration| (0..TIMES).map(|_| of(&job(times).run())).min().unwrap();
    let (process, library) = (least(1, |took| took.whole), least(CHECKS, |took| took.own));
    println!("  requests, from the reference to the verdict: {requests} (bar 5)");
    println!("  round trips, likewise: {} (bar {})", round_trips(&registry, &job(1)), form.round_trips());
    println!("  a check in a running process: {:.3} ms of processor time", millis(library));
    println!("  a check with a process of its own: {:.3} ms", millis(process));

    let Some(cosign) = Cosign::find(form.cosign()) else {
        return println!("  no cosign {} to compare with: set PERRY_SANDBOX_PEERS", form.cosign());
    };
    cosign.trust(&instance);
    let theirs = cosign_time(&cosign, &format!("{place}@{digest}"));
    let ratio = |ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    println!("  cosign {}: {:.1} ms", form.cosign(), millis(theirs));
    println!(
        "  ratio: 1/{:.0} (bar 1/30); with a process of its own 1/{:.0}",
        ratio(library),
        ratio(process)
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Processor time of cosign's process, for one verification, the least of several.
fn cosign_time(cosign: &Cosign, image: &str) -> Duration {
    let times = (0..TIMES).map(|_| {
        let before = used(UsageWho::RUSAGE_CHILDREN);
        let done = cosign.verify(image);
        assert!(done.ok, "{}", done.said);
        used(UsageWho::RUSAGE_CHILDREN).saturating_sub(before)
    });
    times.min().unwrap()
}

/// How long it takes if each answer begins late, in such delays.
fn round_trips(registry: &TestRegistry, check: &Check<'_>) -> f64 {
    registry.change(|options| options.delay = DELAY);
    let wall = check.run().wall;
    registry.change(|options| options.delay = Duration::ZERO);
    (wall.as_secs_f64() / DELAY.as_secs_f64()).floor()
}

/// Checks in another process, so that the registry's own work is not counted.
struct Check<'a> {
    place: &'a str,
    digest: &'a Digest,
    root: &'a PathBuf,
    times: u32,
}

/// What that took.
struct Took {
    /// Processor time of the whole process.
    whole: Duration,
    /// Processor time of one check, as the process measured it.
    own: Duration,
    /// Time of one check.
    wall: Duration,
}

impl Check<'_> {
    fn run(&self) -> Took {
        let before = used(UsageWho::RUSAGE_CHILDREN);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--check", self.place, self.digest.as_str(), self.root.to_str().unwrap()])
            .arg(self.times.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let whole = used(UsageWho::RUSAGE_CHILDREN).saturating_sub(before);
        let said = String::from_utf8(output.stdout).unwrap();
        let mut numbers = said.split_whitespace().map(|it| Duration::from_nanos(it.parse().unwrap()));
        Took { whole, own: numbers.next().unwrap(), wall: numbers.next().unwrap() }
    }
}

/// The other process: prints nanoseconds of processor time and of time, for one check.
fn check_here(place: &str, digest: &str, root: &str, times: u32) {
    let check = || {
        let requirement = requirement(&fs::read_to_string(root).unwrap());
        let access = Access { insecure: Insecure::Loopback, ..Access::default() };
        let source = Registry::new(place.parse().unwrap(), access).unwrap();
        judge(&source, &digest.parse().unwrap(), &requirement);
    };
    // A process that checks many has loaded its code by then; one that checks once pays for that.
    if times > 1 {
        check();
    }
    let (cpu, started) = (used(UsageWho::RUSAGE_SELF), Instant::now());
    (0..times).for_each(|_| check());
    let cpu = used(UsageWho::RUSAGE_SELF).saturating_sub(cpu);
    let each = |time: Duration| time.checked_div(times).unwrap().as_nanos();
    println!("{} {}", each(cpu), each(started.elapsed()));
}

/// From the reference to the verdict, with nothing at hand.
fn judge(source: &dyn Source, digest: &Digest, requirement: &Requirement) {
    let named = Named {
        source,
        wanted: &Wanted::Digest(digest.clone()),
        platform: &PLATFORM.parse().unwrap(),
        requirement,
        clock: Clock::of(requirement, Timestamp::now()),
    };
    Verifier::new(CacheLimits::none()).verify_named(named).unwrap();
}

/// The time of a check whose proof is at hand: in memory, and in another process's folder.
fn at_hand(folder: &Path) {
    let instance = instance();
    let requirement = requirement(&instance.trusted_root().to_string());
    let (content, digest) = signed(Form::Bundle, &instance, 0, PATH);
    let source = content.memory(None);
    let image = resolve(&source, &Wanted::Digest(digest), &PLATFORM.parse().unwrap()).unwrap();
    let verifier = || Verifier::new(CacheLimits::default()).with_folder(&folder.join("cache")).unwrap();
    let ask = |verifier: &Verifier| {
        verifier.verify(&source, &image, &requirement, Clock::of(&requirement, Timestamp::now())).unwrap();
    };
    let least = |times: u32, ask: &dyn Fn()| {
        let one = || {
            let started = Instant::now();
            (0..times).for_each(|_| ask());
            started.elapsed().checked_div(times).unwrap()
        };
        (0..TIMES).map(|_| one()).min().unwrap()
    };
    let warm = verifier();
    ask(&warm);
    println!("a proof at hand");
    println!("  in memory: {:.2} µs (bar 1)", millis(least(HITS, &|| ask(&warm))) * 1000.0);
    println!(
        "  in the folder, with the folder opened: {:.2} ms",
        millis(least(CHECKS, &|| ask(&verifier())))
    );
}

fn requirement(root: &str) -> Requirement {
    let name = "bench".parse().unwrap();
    let identity = SignerIdentity::Keyless {
        issuer: IssuerPattern::Exact(ISSUER.to_owned()),
        subject: SubjectPattern::Exact(IDENTITY.to_owned()),
        claims: BTreeMap::new(),
        root: TrustRoot {
            name,
            json: root.to_owned(),
            digest: Digest::of(root.as_bytes()),
            source: TrustRootSource::File,
        },
    };
    Requirement::signed_by(vec![Signer::new("bench".parse().unwrap(), identity)])
}

/// Processor time used so far.
fn used(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let micros = |time: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).unwrap();
        Duration::from_secs(seconds)
            .saturating_add(Duration::from_micros(u64::try_from(time.tv_usec()).unwrap()))
    };
    micros(usage.user_time()).saturating_add(micros(usage.system_time()))
}

/// Many images of one registry, each by a client of its own, one after the other and all at once.
fn many_from_a_registry() {
    let instance = instance();
    let requirement = requirement(&instance.trusted_root().to_string());
    let registry = TestRegistry::start(Options { referrers: true, ..Options::default() });
    let place = format!("{}/{PATH}", registry.host());
    let images: Vec<Digest> = (0..MANY)
        .map(|number| {
            let (content, digest) = signed(Form::Bundle, &instance, number, &place);
            registry.load(PATH, &content);
            digest
        })
        .collect();
    let one = |digest: &Digest| {
        let access = Access { insecure: Insecure::Loopback, ..Access::default() };
        judge(&Registry::new(place.parse().unwrap(), access).unwrap(), digest, &requirement);
    };
    let run = |threads: usize| {
        let (started, before) = (Instant::now(), registry.log().len());
        std::thread::scope(|scope| {
            for part in images.chunks(MANY.div_ceil(threads)) {
                scope.spawn(|| part.iter().for_each(one));
            }
        });
        (started.elapsed(), registry.log().len().saturating_sub(before))
    };
    let least = |threads| (0..5).map(|_| run(threads)).min().unwrap();
    let ((alone, requests), (all, _)) = (least(1), least(MANY));
    println!("{MANY} images in a registry of this process, {requests} requests");
    println!("  one after the other: {:.1} ms", millis(alone));
    println!(
        "  all at once: {:.1} ms, {:.2} times as fast",
        millis(all),
        alone.as_secs_f64() / all.as_secs_f64()
    );
}

/// Many images, one after the other and on every processor at once.
fn many_at_once() {
    let instance = instance();
    let requirement = requirement(&instance.trusted_root().to_string());
    let images: Vec<(Memory, Digest)> = (0..MANY)
        .map(|number| {
            let (content, digest) = signed(Form::Bundle, &instance, number, PATH);
            (content.memory(None), digest)
        })
        .collect();
    let run = |threads: usize| {
        let started = Instant::now();
        std::thread::scope(|scope| {
            for part in images.chunks(MANY.div_ceil(threads)) {
                scope.spawn(|| part.iter().for_each(|(source, digest)| judge(source, digest, &requirement)));
            }
        });
        started.elapsed()
    };
    let least = |threads| (0..5).map(|_| run(threads)).min().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    let (one, all) = (least(1), least(processors));
    println!("{MANY} images in memory");
    println!("  one after the other: {:.1} ms", millis(one));
    println!(
        "  on {processors} processors: {:.1} ms, {:.2} times as fast",
        millis(all),
        one.as_secs_f64() / all.as_secs_f64()
    );
    println!("  {MANY} threads at once: {:.1} ms", millis(least(MANY)));
}
