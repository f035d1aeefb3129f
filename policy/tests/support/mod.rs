//! Policies, evidence and hosts for tests.

pub(crate) mod asks;
pub(crate) mod spec;

use std::collections::BTreeMap;

use perry_sandbox_policy::{
    BackendFacts, Claim, Control, ControlTable, Enforcement, Evidence, FileError, HostFacts, ImageDefaults,
    IsolationLevel, LoadError, Policy, PolicyFiles, PolicySource, Request, SignatureFormat, SourceName,
    Target, Terminal, TimeSource, VerifiedIdentity, VerifiedSignature, VerifiedTime, WantedGrants,
    WantedLimits, load,
};
use perry_sandbox_reference::{Digest, Platform};

pub(crate) const ACME: &str = include_str!("../fixtures/acme.toml");
pub(crate) const ACME_JSON: &str = include_str!("../fixtures/acme.json");
pub(crate) const PLANT_KEY: &str = include_str!("../fixtures/trust/plant.pub");
const PLANT_ROOT: &str = include_str!("../fixtures/trust/plant-root.json");

/// 2026-11-21T12:00:00Z
pub(crate) const NOW: i64 = 1_795_262_400;

/// The trust files of the fixtures, in memory. `keyNAME.pub` is a different key for every name.
#[derive(Debug)]
pub(crate) struct Files;

impl PolicyFiles for Files {
    fn read(&self, _policy: &SourceName, path: &str) -> Result<Vec<u8>, FileError> {
        match path {
            "trust/plant-root.json" => Ok(PLANT_ROOT.into()),
            "trust/plant.pub" => Ok(PLANT_KEY.into()),
            "trust/private.pem" => {
                Ok("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".into())
            }
            "trust/writable.pub" => {
                Err(FileError::WritableByOthers { path: path.into(), reason: "mode 0666".into() })
            }
            "profile.toml" => Ok(crate::profiles::MINE.into()),
            key if key.starts_with("key") => Ok(pem(key).into()),
            other => Err(FileError::Unreadable { path: other.into(), reason: "no such file".into() }),
        }
    }
}

/// A public key of that name; only its fingerprint matters here.
pub(crate) fn pem(name: &str) -> String {
    let body: String =
        name.bytes().flat_map(|b| [char::from(b'A' + b % 26), char::from(b'a' + b / 26)]).collect();
    let padded = format!("{body:A<64}");
    format!("-----BEGIN PUBLIC KEY-----\n{padded}\n-----END PUBLIC KEY-----\n")
}

/// The fingerprint of a key in PEM.
pub(crate) fn fingerprint(pem: &str) -> Digest {
    use base64::Engine as _;
    let body: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    Digest::of(&base64::engine::general_purpose::STANDARD.decode(body).unwrap())
}

pub(crate) fn try_load(texts: &[(&str, &str)]) -> Result<Policy, LoadError> {
    let sources: Vec<_> = texts.iter().map(|(name, text)| PolicySource::new(*name, *text)).collect();
    load(&sources, &Files)
}

pub(crate) fn loaded(text: &str) -> Policy {
    try_load(&[("policy.toml", text)]).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

/// The codes of everything that is wrong with a policy.
pub(crate) fn codes(text: &str) -> Vec<&'static str> {
    match try_load(&[("policy.toml", text)]) {
        Ok(_) => Vec::new(),
        Err(error) => error.refusals().iter().map(|refusal| refusal.code.as_str()).collect(),
    }
}

pub(crate) fn acme() -> Policy {
    loaded(ACME)
}

pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(NOW).unwrap()
}

pub(crate) fn request(target: Target) -> Request {
    Request {
        target,
        tier: None,
        args: Vec::new(),
        entrypoint: None,
        env: BTreeMap::new(),
        grants: WantedGrants::default(),
        project: perry_sandbox_policy::WantedProject::default(),
        limits: WantedLimits::default(),
        terminal: Terminal::None,
    }
}

pub(crate) fn capability(name: &str) -> Request {
    request(Target::Capability(name.parse().unwrap()))
}

pub(crate) fn image() -> ImageDefaults {
    ImageDefaults { entrypoint: vec!["/bin/tool".into()], ..ImageDefaults::default() }
}

/// A signature by `acme-release`, `days` old.
pub(crate) fn acme_signature(days: i64) -> VerifiedSignature {
    VerifiedSignature {
        signer: "acme-release".parse().unwrap(),
        signed: manifest(),
        format: SignatureFormat::Bundle,
        object: Digest::of(b"bundle"),
        by: VerifiedIdentity::Keyless {
            issuer: "https://token.actions.githubusercontent.com".into(),
            subject: "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1.2".into(),
        },
        claims: [("source-repository", "https://github.com/acme/tools"), ("runner", "github-hosted")]
            .map(|(name, value)| Claim { name: name.to_owned(), value: value.to_owned() })
            .into(),
        authority: None,
        times: vec![VerifiedTime::new(TimeSource::Log, NOW - days * 86_400)],
        log: None,
        root: Some(("public".parse().unwrap(), Digest::of(b"whatever the verifier got"))),
        signed_reference: None,
        serial: None,
        build: None,
    }
}

/// A signature by a key.
pub(crate) fn key_signature(signer: &str, pem: &str) -> VerifiedSignature {
    VerifiedSignature {
        signer: signer.parse().unwrap(),
        by: VerifiedIdentity::Key { fingerprint: fingerprint(pem) },
        times: Vec::new(),
        root: None,
        ..acme_signature(0)
    }
}

pub(crate) fn manifest() -> Digest {
    "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".parse().unwrap()
}

pub(crate) fn evidence(
    rule: Option<&str>,
    repository: Option<&str>,
    signatures: Vec<VerifiedSignature>,
) -> Evidence {
    Evidence {
        top: manifest(),
        manifest: manifest(),
        config: Digest::of(b"config"),
        platform: Platform::new("linux", "amd64", None).unwrap(),
        path: vec![manifest()],
        repository: repository.map(|name| name.parse().unwrap()),
        rule: rule.map(|name| name.parse().unwrap()),
        provenance: signatures.first().cloned(),
        signatures,
        requirement: Digest::of(b"requirement"),
        verified_at: NOW,
        not_checked: Vec::new(),
        trial: None,
    }
}

/// What `acme.toml` asks of `shell-tools`, proved.
pub(crate) fn shell_tools() -> Evidence {
    evidence(Some("shell-tools"), Some("registry.example/acme/shell-tools"), vec![acme_signature(19)])
}

pub(crate) fn controls(lacking: &[Control]) -> ControlTable {
    Control::ALL
        .into_iter()
        .map(|control| {
            let enforcement = if lacking.contains(&control) {
                Enforcement::Nobody { why: "nobody is asked to".into(), remedy: Some("ask somebody".into()) }
            } else {
                Enforcement::By(format!("enforcer of {control}"))
            };
            (control, enforcement)
        })
        .collect()
}

pub(crate) fn backend(name: &str, levels: &[IsolationLevel], lacking: &[Control]) -> BackendFacts {
    BackendFacts {
        name: name.parse().unwrap(),
        version: "1.0".into(),
        levels: levels.to_vec(),
        architectures: ["amd64", "arm64", "wasm"].map(str::to_owned).to_vec(),
        emulation: perry_sandbox_policy::Emulation::None,
        controls: controls(lacking),
    }
}

pub(crate) fn host(backends: Vec<BackendFacts>) -> HostFacts {
    HostFacts { hostname: "ci-07".into(), uid: 1000, backends }
}

/// A host that can do everything.
pub(crate) fn able_host() -> HostFacts {
    host(vec![
        backend("native", &[IsolationLevel::Oci], &[]),
        backend("runsc", &[IsolationLevel::Gvisor], &[]),
        backend("microvm", &[IsolationLevel::Microvm], &[]),
        backend("wasm", &[IsolationLevel::Wasm], &[]),
    ])
}

/// A small deterministic generator, for orders.
pub(crate) struct Order(pub(crate) u64);

impl Order {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.next(at + 1));
        }
    }
}

/// A policy as TOML; any seed but 0 shuffles tables, keys, and lists whose order means nothing.
pub(crate) fn toml_text(policy: &serde_json::Value, seed: u64) -> String {
    let mut order = Order(seed);
    let mut text = String::new();
    let mut tables = Vec::new();
    for (key, value) in members(policy, seed, &mut order) {
        match value {
            serde_json::Value::Object(inner) if key == "audit" || key == "ad-hoc" => {
                tables.push((format!("[{key}]"), serde_json::Value::Object(inner)));
            }
            serde_json::Value::Object(inner) => {
                for (name, entry) in inner {
                    tables.push((format!("[{key}.{}]", serde_json::Value::from(name)), entry));
                }
            }
            value => text.push_str(&format!("{key} = {}\n", inline(&key, &value, seed, &mut order))),
        }
    }
    if seed != 0 {
        order.shuffle(&mut tables);
    }
    for (header, table) in tables {
        text.push_str(&format!("{header}\n"));
        for (key, value) in members(&table, seed, &mut order) {
            text.push_str(&format!("{key} = {}\n", inline(&key, &value, seed, &mut order)));
        }
    }
    text
}

fn members(table: &serde_json::Value, seed: u64, order: &mut Order) -> Vec<(String, serde_json::Value)> {
    let mut members: Vec<_> = table.as_object().unwrap().clone().into_iter().collect();
    if seed != 0 {
        order.shuffle(&mut members);
    }
    members
}

fn inline(key: &str, value: &serde_json::Value, seed: u64, order: &mut Order) -> String {
    match value {
        serde_json::Value::Object(_) => {
            let members = members(value, seed, order);
            let members: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(key, value, seed, order)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        serde_json::Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(|item| inline(key, item, seed, order)).collect();
            if seed != 0 && !["command", "prefer"].contains(&key) {
                order.shuffle(&mut items);
            }
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
