//! From the repository's signed example to a plan: what the tests and the bench launch.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use perry_sandbox_image::{Layout, Rootfs, Silent, Store, Wanted, resolve};
use perry_sandbox_policy::{
    CommandLineSigner, HostFacts, ImageDefaults, ImageSubject, LaunchPlan, LogRule, Policy, Request, Signer,
    SignerIdentity, Target, Terminal, Verdict, WantedGrants, WantedLimits, decide, decide_requirement,
};
use perry_sandbox_reference::Platform;
use perry_sandbox_verifier::{Clock, VerifiedImage, verify};
use tempfile::TempDir;

/// Everything that a launch takes.
pub(crate) struct Spine {
    pub(crate) plan: LaunchPlan,
    pub(crate) image: VerifiedImage,
    pub(crate) rootfs: Rootfs,
    pub(crate) scratch: TempDir,
}

/// A request for an ad-hoc run of these arguments.
pub(crate) fn request(args: &[&str]) -> Request {
    Request {
        target: Target::AdHoc,
        tier: None,
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        entrypoint: None,
        env: BTreeMap::new(),
        grants: WantedGrants::default(),
        project: perry_sandbox_policy::WantedProject::default(),
        limits: WantedLimits::default(),
        terminal: Terminal::None,
    }
}

/// Goes the whole way with the example image.
pub(crate) fn spine(request: &Request) -> Spine {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
    let pem = std::fs::read_to_string(example.join("cosign.pub")).unwrap();
    let signer = Signer::new("command-line".parse().unwrap(), SignerIdentity::Key { pem, root: None });
    let policy = Policy::command_line(CommandLineSigner { signer, log: LogRule::Optional });
    let required = decide_requirement(&policy, request, &ImageSubject::default()).unwrap();
    let layout = Layout::open(&example.join("image")).unwrap();
    let resolved = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
    let now = Timestamp::now();
    let image = verify(&layout, &resolved, &required.requirement, Clock::at(now)).unwrap();
    let host = HostFacts {
        hostname: "test".to_owned(),
        uid: nix::unistd::geteuid().as_raw(),
        backends: vec![perry_sandbox_runner::probe().unwrap().clone()],
    };
    let verdict = decide(&policy, request, image.evidence(), &ImageDefaults::default(), &host, now);
    let Verdict::Allow(plan) = verdict else { panic!("{verdict:?}") };
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(&scratch.path().join("store")).unwrap();
    store.pull(&layout, image.image(), "hello", &Silent).unwrap();
    let rootfs = store.rootfs(image.image(), &Silent).unwrap();
    Spine { plan: *plan, image, rootfs, scratch }
}
