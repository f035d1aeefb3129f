//! A policy, and what somebody asks of it: answered the same twice, and an approval has an enforcer for every line.
//!
//! The input is a policy, a line `---`, and a word with its value on each line: `run`, `service`, `tier`, `arg`, `program`,
//! `env`, `egress`, `read`, `write`, `secret`, `device`, `network`, `memory`, `shm`, `sysctl`, `host`, `signed`, `image-env`, `image-dir`, `image-user`, `lacks`.
#![no_main]

use jiff::Timestamp;
use perry_sandbox_policy::{
    Attachment, BackendFacts, Control, Enforcement, Evidence, HostFacts, ImageDefaults, IsolationLevel, NoFiles, PolicySource,
    Request, SignatureFormat, Target, Terminal, Verdict, VerifiedIdentity, VerifiedSignature, WantedGrants,
    WantedLimits, WantedMemory, WantedMount, decide, explain, load,
};
use perry_sandbox_reference::{Digest, Platform};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (policy, words) = text.split_once("\n---\n").unwrap_or((text, ""));
    let Ok(policy) = load(&[PolicySource::new("policy.toml", policy)], &NoFiles) else { return };
    let Asked { request, evidence, image, host } = Asked::read(words);
    let now = Timestamp::UNIX_EPOCH;
    let verdict = decide(&policy, &request, &evidence, &image, &host, now);
    let (again, explanation) = explain(&policy, &request, &evidence, &image, &host, now);
    assert_eq!(format!("{verdict:?}"), format!("{again:?}"));
    explanation.to_text(false);
    if let Verdict::Allow(plan) = verdict {
        assert!(plan.lines.iter().all(|line| !line.enforcer.is_empty()));
        assert!(!plan.process.argv.is_empty());
        plan.digest();
    }
});

struct Asked {
    request: Request,
    evidence: Evidence,
    image: ImageDefaults,
    host: HostFacts,
}

impl Asked {
    fn read(words: &str) -> Self {
        let mut asked = Self::nothing();
        for line in words.lines().take(256) {
            let (word, value) = line.split_once(' ').unwrap_or((line, ""));
            asked.word(word, value.to_owned());
        }
        asked
    }

    fn word(&mut self, word: &str, value: String) {
        let Self { request, evidence, image, host } = self;
        match word {
            "run" => {
                if let Ok(name) = value.parse() {
                    request.target = Target::Capability(name);
                }
            }
            "service" => {
                if let Ok(name) = value.parse() {
                    request.target = Target::Service(name);
                }
            }
            "tier" => request.tier = value.parse().ok(),
            "arg" => request.args.push(value),
            "program" => request.entrypoint = Some(value),
            "env" => drop(request.env.insert(value.clone(), value)),
            "egress" => request.grants.egress.push(value),
            "read" => request.grants.mounts_read.extend(value.parse::<WantedMount>()),
            "write" => request.grants.mounts_write.extend(value.parse::<WantedMount>()),
            "secret" => request.grants.secrets.extend(value.parse().ok()),
            "device" => request.grants.devices.push(value),
            "network" => request.project.networks.extend(value.parse().ok().map(Attachment::to)),
            "memory" => {
                let (path, size) = value.split_once(' ').unwrap_or((&value, ""));
                let size = size.parse().ok();
                request.project.memory.extend(path.parse().ok().map(|path| WantedMemory { path, size }));
            }
            "shm" => request.project.system.shm = value.parse().ok(),
            "sysctl" => request.project.system.sysctls.extend(value.parse().ok()),
            "host" => request.project.system.hosts.extend(value.parse().ok()),
            "signed" => evidence.signatures.extend(signature(&value, &evidence.manifest)),
            "image-env" => image.env.push(value),
            "image-dir" => image.working_dir = Some(value),
            "image-user" => image.user = Some(value),
            "lacks" => {
                let gone = |control: &Control| control.to_string() == value;
                let why = || Enforcement::Nobody { why: "it is not there".to_owned(), remedy: None };
                let backend = &mut host.backends[0];
                let found = backend.controls.iter().map(|(control, _)| control).find(gone);
                if let Some(control) = found {
                    backend.controls.set(control, why());
                }
            }
            _ => {}
        }
    }

    fn nothing() -> Self {
        let manifest = Digest::of(b"manifest");
        let request = Request {
            target: Target::AdHoc,
            tier: None,
            args: Vec::new(),
            entrypoint: None,
            env: Default::default(),
            grants: WantedGrants::default(),
            project: perry_sandbox_policy::WantedProject::default(),
            limits: WantedLimits::default(),
            terminal: Terminal::None,
        };
        let evidence = Evidence {
            top: manifest.clone(),
            manifest: manifest.clone(),
            config: Digest::of(b"config"),
            platform: Platform::new("linux", "amd64", None).expect("a platform"),
            path: vec![manifest.clone()],
            repository: "registry.example/acme/tools".parse().ok(),
            rule: "tools".parse().ok(),
            signatures: Vec::new(),
            provenance: None,
            requirement: Digest::of(b"requirement"),
            verified_at: 0,
            not_checked: Vec::new(),
            trial: None,
        };
        let host = HostFacts { hostname: "host".to_owned(), uid: 1000, backends: vec![backend()] };
        Self { request, evidence, image: ImageDefaults::default(), host }
    }
}

fn signature(signer: &str, manifest: &Digest) -> Option<VerifiedSignature> {
    Some(VerifiedSignature {
        signer: signer.parse().ok()?,
        signed: manifest.clone(),
        format: SignatureFormat::Bundle,
        object: manifest.clone(),
        by: VerifiedIdentity::Keyless { issuer: "https://i".into(), subject: "https://s/v1".into() },
        claims: Vec::new(),
        authority: None,
        times: Vec::new(),
        log: None,
        root: None,
        signed_reference: None,
        serial: None,
        build: None,
    })
}

/// One that holds everything that a plan can ask of the level `oci`.
fn backend() -> BackendFacts {
    BackendFacts {
        name: "native".parse().expect("a name"),
        version: "1".to_owned(),
        levels: vec![IsolationLevel::Oci],
        architectures: vec!["amd64".to_owned()],
        emulation: perry_sandbox_policy::Emulation::None,
        controls: Control::ALL.into_iter().map(|control| (control, Enforcement::By(control.to_string()))).collect(),
    }
}
