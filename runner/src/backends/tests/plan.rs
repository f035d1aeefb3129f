//! A plan as the policy makes it, with everything in it that a translation can get wrong.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use perry_sandbox_image::{ImageConfig, Layout, Silent, Store, Wanted, resolve};
use perry_sandbox_policy::{
    BackendFacts, CommandLineSigner, Control, HostFacts, ImageDefaults, ImageSubject, IsolationLevel,
    LaunchPlan, LogRule, Policy, Request, Signer, SignerIdentity, Target, Terminal, Verdict, WantedGrants,
    WantedLimits, decide, decide_requirement,
};
use perry_sandbox_reference::Platform;
use perry_sandbox_verifier::{Clock, VerifiedImage, verify};
use tempfile::TempDir;

use super::super::table::by;

/// A plan with its image.
pub(super) struct Planned {
    pub(super) plan: LaunchPlan,
    pub(super) config: ImageConfig,
    pub(super) image: VerifiedImage,
    pub(super) store: Store,
    _scratch: TempDir,
}

/// A plan of the repository's signed example.
pub(super) fn planned() -> Planned {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
    let pem = std::fs::read_to_string(example.join("cosign.pub")).unwrap();
    let signer = Signer::new("command-line".parse().unwrap(), SignerIdentity::Key { pem, root: None });
    let policy = Policy::command_line(CommandLineSigner { signer, log: LogRule::Optional });
    let request = Request {
        target: Target::AdHoc,
        tier: None,
        args: ["/bin/busybox", "sh", "-c", "echo 'it is' \"$1\""].map(str::to_owned).to_vec(),
        entrypoint: None,
        env: BTreeMap::new(),
        grants: WantedGrants::default(),
        project: perry_sandbox_policy::WantedProject::default(),
        limits: WantedLimits::default(),
        terminal: Terminal::None,
    };
    let required = decide_requirement(&policy, &request, &ImageSubject::default()).unwrap();
    let layout = Layout::open(&example.join("image")).unwrap();
    let resolved = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
    let now = Timestamp::now();
    let image = verify(&layout, &resolved, &required.requirement, Clock::at(now)).unwrap();
    let all = BackendFacts {
        name: "podman".parse().unwrap(),
        version: "0".to_owned(),
        levels: vec![IsolationLevel::Oci],
        architectures: vec![Platform::host().architecture().to_owned()],
        emulation: perry_sandbox_policy::Emulation::None,
        controls: Control::ALL.into_iter().map(|control| (control, by("a test"))).collect(),
    };
    let host = HostFacts { hostname: "test".to_owned(), uid: 1000, backends: vec![all] };
    let verdict = decide(&policy, &request, image.evidence(), &ImageDefaults::default(), &host, now);
    let Verdict::Allow(plan) = verdict else { panic!("{verdict:?}") };
    let scratch = tempfile::tempdir().unwrap();
    let store = Store::open(&scratch.path().join("store")).unwrap();
    store.pull(&layout, image.image(), "hello", &Silent).unwrap();
    let mut config = image.image().config(&store.contents()).unwrap();
    config.env.clear();
    config.volumes.clear();
    let mut plan = *plan;
    plan.process.env = [("PATH", "/bin"), ("WORDS", "a b=c")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    plan.tmp = "4MiB".parse().unwrap();
    plan.limits.memory = "64MiB".parse().unwrap();
    plan.limits.disk = "8MiB".parse().unwrap();
    plan.limits.cpu.0 = 2000.try_into().unwrap();
    plan.limits.pids = 16.try_into().unwrap();
    plan.limits.open_files = 64.try_into().unwrap();
    Planned { plan, config, image, store, _scratch: scratch }
}
