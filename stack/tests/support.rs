//! Projects in memory, and policies that are asked about them.

use std::collections::BTreeMap;

use perry_sandbox_compose::{FileError, Files, Kind, Options, Problems, Project, Request, load};
use perry_sandbox_policy::{
    BackendFacts, Control, Enforcement, Evidence, HostFacts, ImageDefaults, IsolationLevel, Policy,
    Request as Asked, SignatureFormat, Target, Verdict, VerifiedIdentity, VerifiedSignature, decide,
};
use perry_sandbox_reference::{Digest, Platform, Repository};
use perry_sandbox_stack::{
    Allowed, Demand, Demands, Judged, Judgement, Signed, Stack, StackPlan, demand, plan,
};

/// The repository of all images of these tests.
pub(crate) const REPOSITORY: &str = "registry.example/acme/tools";

/// A policy that knows one signer and nothing else.
pub(crate) const BARE: &str = r#"schema = "perry-sandbox/policy/v1"
[trust-root.public]
kind = "sigstore-public"
[signer.release]
root = "public"
issuer = "https://i"
subject = "https://s/v*"
"#;

struct Only(String);

impl Files for Only {
    fn kind(&self, path: &str) -> Kind {
        if path == "/p/compose.yaml" { Kind::File } else { Kind::Missing }
    }

    fn read(&self, path: &str, _: usize) -> Result<Vec<u8>, FileError> {
        if path == "/p/compose.yaml" { Ok(self.0.clone().into_bytes()) } else { Err(FileError::Missing) }
    }

    fn standard_input(&self, _: usize) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn real(&self, path: &str) -> Option<String> {
        Some(path.to_owned())
    }
}

/// Reads a project of one file in the folder `/p`.
pub(crate) fn read(text: &str) -> Result<Stack, Problems> {
    let files = Only(text.to_owned());
    let request = Request { current_folder: "/p".to_owned(), ..Request::default() };
    let options = Options::default();
    let mut project = Project::new(load(&request, &files)?, options, &files)?;
    project.drop_unused();
    Stack::read(&project)
}

/// The same, which must be right.
pub(crate) fn stack(text: &str) -> Stack {
    read(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A project of one service, of these lines.
pub(crate) fn one(lines: &str) -> Demands {
    demand(&stack(&format!("name: shop\nservices:\n  web:\n    image: {REPOSITORY}:v1\n{}", indented(lines))))
}

/// What that service asks for.
pub(crate) fn wants(lines: &str) -> Demand {
    let demands = one(lines);
    let refused: Vec<_> = demands.all_refused().iter().map(|field| field.attribute.clone()).collect();
    assert!(refused.is_empty(), "{lines}: {refused:?}");
    demands.services["web"].clone()
}

/// What is refused of that service, a line each.
pub(crate) fn refused(lines: &str) -> Vec<String> {
    one(lines)
        .all_refused()
        .iter()
        .map(|field| format!("{}: {}; {}", field.attribute, field.why, field.instead))
        .collect()
}

fn indented(lines: &str) -> String {
    lines.lines().flat_map(|line| ["    ", line, "\n"]).collect()
}

/// The plan of a project.
pub(crate) fn planned(text: &str) -> StackPlan {
    let stack = stack(text);
    plan(&stack, &demand(&stack), &stack.graph().order().unwrap(), &BTreeMap::new())
}

/// The verdicts of a policy about a project whose images are signed, on a machine that holds everything.
pub(crate) fn judged(policy: &Policy, demands: &Demands) -> Vec<Judged> {
    demands.services.iter().map(|(name, demand)| one_judged(policy, name, demand)).collect()
}

fn one_judged(policy: &Policy, name: &str, demand: &Demand) -> Judged {
    let image = demand.image.as_ref().unwrap().value.clone();
    let evidence = evidence();
    let request = Asked {
        target: Target::Service(demand.service.clone().unwrap()),
        tier: demand.tier.clone(),
        args: demand.args.clone(),
        entrypoint: demand.entrypoint.clone(),
        env: demand.env.clone(),
        grants: demand.grants.clone(),
        project: demand.project.clone(),
        limits: demand.limits.clone(),
        terminal: demand.terminal,
    };
    let defaults = ImageDefaults {
        entrypoint: vec!["/bin/true".to_owned()],
        user: demand.user.clone(),
        working_dir: demand.working_dir.clone(),
        ..ImageDefaults::default()
    };
    let verdict =
        decide(policy, &request, &evidence, &defaults, &host(), "2026-11-29T00:00:00Z".parse().unwrap());
    let judgement = match verdict {
        Verdict::Allow(plan) => {
            Judgement::Allowed(Allowed { plan: plan.digest(), backend: plan.backend.to_string() })
        }
        Verdict::Deny(denial) => Judgement::Denied(denial.into()),
    };
    let signed = Some(Signed { digest: evidence.top, signers: vec!["release".to_owned()] });
    Judged { service: name.to_owned(), image, built: None, signed, judgement, explanation: None }
}

fn evidence() -> Evidence {
    let manifest = Digest::of(b"manifest");
    let signature = VerifiedSignature {
        signer: "release".parse().unwrap(),
        signed: manifest.clone(),
        format: SignatureFormat::Bundle,
        object: manifest.clone(),
        by: VerifiedIdentity::Keyless { issuer: "https://i".into(), subject: "https://s/v1".into() },
        claims: Vec::new(),
        authority: None,
        times: Vec::new(),
        log: None,
        root: Some(("public".parse().unwrap(), manifest.clone())),
        signed_reference: None,
        serial: None,
        build: None,
    };
    Evidence {
        top: manifest.clone(),
        manifest: manifest.clone(),
        config: Digest::of(b"config"),
        platform: Platform::new("linux", "amd64", None).unwrap(),
        path: vec![manifest],
        repository: Some(REPOSITORY.parse::<Repository>().unwrap()),
        rule: Some("tools".parse().unwrap()),
        signatures: vec![signature],
        provenance: None,
        requirement: Digest::of(b"requirement"),
        verified_at: 0,
        not_checked: Vec::new(),
        trial: None,
    }
}

fn host() -> HostFacts {
    let controls = Control::ALL.into_iter().map(|control| (control, Enforcement::By("the kernel".into())));
    let backend = BackendFacts {
        name: "native".parse().unwrap(),
        version: "1".into(),
        levels: vec![IsolationLevel::Oci],
        architectures: vec!["amd64".into()],
        emulation: perry_sandbox_policy::Emulation::None,
        controls: controls.collect(),
    };
    HostFacts { hostname: "host".into(), uid: 1000, backends: vec![backend] }
}
