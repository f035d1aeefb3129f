//! What a decision costs in a policy of 100 capabilities, and what loading it costs.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::fmt::Write as _;

use divan::Bencher;
use perry_sandbox_policy::{
    BackendFacts, Control, Enforcement, Evidence, HostFacts, ImageDefaults, IsolationLevel, NoFiles, Policy,
    PolicySource, Request, SignatureFormat, Target, Terminal, VerifiedIdentity, VerifiedSignature,
    WantedGrants, WantedLimits, decide, load,
};
use perry_sandbox_reference::{Digest, Platform};

fn main() {
    divan::main();
}

fn source() -> PolicySource {
    let mut text = String::from(
        "schema = \"perry-sandbox/policy/v1\"\n\
         [trust-root.public]\nkind = \"sigstore-public\"\n\
         [signer.release]\nroot = \"public\"\nissuer = \"https://i\"\nsubject = \"https://s/v*\"\n\
         [tier.work]\nisolation = { accept = [\"oci\"] }\nseccomp = \"perry-default\"\negress = [\"*:443\"]\nmounts = { read = [\"/srv\"] }\nenv = [\"LANG\"]\n\
         memory-enforcement = \"watched\"\n\
         limits = { memory = \"1GiB\", cpu = 1, pids = 64, wall = \"1m\", output = \"1MiB\", disk = \"1MiB\", open-files = 64 }\n",
    );
    for at in 0..100 {
        write!(
            text,
            "[image.tool{at}]\nrepository = \"registry.example/tool{at}\"\nsigned-by = {{ at-least = 1, of = [\"release\"] }}\n\
             [capability.run{at}]\ntier = \"work\"\nimage = \"tool{at}\"\ncommand = [\"/bin/tool\"]\n\
             grants = {{ egress = [\"host{at}.example.org:443\"], mounts = {{ read = [\"/srv/data{at}\"] }} }}\n"
        )
        .unwrap();
    }
    PolicySource::new("policy.toml", text)
}

fn policy() -> Policy {
    load(&[source()], &NoFiles).unwrap()
}

fn request() -> Request {
    Request {
        target: Target::Capability("run57".parse().unwrap()),
        tier: None,
        args: Vec::new(),
        entrypoint: None,
        env: [("LANG".to_owned(), "C".to_owned())].into(),
        grants: WantedGrants::default(),
        project: perry_sandbox_policy::WantedProject::default(),
        limits: WantedLimits::default(),
        terminal: Terminal::None,
    }
}

fn evidence() -> Evidence {
    let manifest = Digest::of(b"manifest");
    Evidence {
        top: manifest.clone(),
        manifest: manifest.clone(),
        config: Digest::of(b"config"),
        platform: Platform::new("linux", "amd64", None).unwrap(),
        path: vec![manifest.clone()],
        repository: Some("registry.example/tool57".parse().unwrap()),
        rule: Some("tool57".parse().unwrap()),
        signatures: vec![VerifiedSignature {
            signer: "release".parse().unwrap(),
            signed: manifest.clone(),
            format: SignatureFormat::Bundle,
            object: manifest.clone(),
            by: VerifiedIdentity::Keyless { issuer: "https://i".into(), subject: "https://s/v1".into() },
            claims: Vec::new(),
            authority: None,
            times: Vec::new(),
            log: None,
            root: Some(("public".parse().unwrap(), manifest)),
            signed_reference: None,
            serial: None,
            build: None,
        }],
        provenance: None,
        requirement: Digest::of(b"requirement"),
        verified_at: 0,
        not_checked: Vec::new(),
        trial: None,
    }
}

fn host() -> HostFacts {
    use Control as C;
    let controls = [
        C::Namespaces,
        C::LinuxCaps,
        C::NoNewPrivileges,
        C::Seccomp,
        C::MaskedPaths,
        C::RemovedAtExit,
        C::NoNetwork,
        C::Egress,
        C::ReadOnlyRoot,
        C::Tmp,
        C::MountsRead,
        C::Env,
        C::User,
        C::MemoryWatched,
        C::Cpu,
        C::Pids,
        C::Wall,
        C::Output,
        C::Disk,
        C::OpenFiles,
    ];
    let controls =
        controls.into_iter().map(|control| (control, Enforcement::By("the kernel".into()))).collect();
    let backend = BackendFacts {
        name: "native".parse().unwrap(),
        version: "1".into(),
        levels: vec![IsolationLevel::Oci],
        architectures: vec!["amd64".into()],
        emulation: perry_sandbox_policy::Emulation::None,
        controls,
    };
    HostFacts { hostname: "h".into(), uid: 1000, backends: vec![backend] }
}

/// The bar is 20 µs.
#[divan::bench]
fn decide_among_100_capabilities(bencher: Bencher<'_, '_>) {
    let (policy, request, evidence, host) = (policy(), request(), evidence(), host());
    let image = ImageDefaults { env: vec!["PATH=/bin".into()], ..ImageDefaults::default() };
    let verdict = || decide(&policy, &request, &evidence, &image, &host, jiff::Timestamp::UNIX_EPOCH);
    assert!(matches!(verdict(), perry_sandbox_policy::Verdict::Allow(_)), "{:?}", verdict());
    bencher.bench_local(verdict);
}

/// The bar is 2 ms.
#[divan::bench]
fn load_100_capabilities(bencher: Bencher<'_, '_>) {
    let source = source();
    bencher.bench_local(|| load(std::slice::from_ref(&source), &NoFiles).unwrap());
}
