//! Random requests, evidence and hosts for the policies of [`spec`](super::spec).

use std::collections::BTreeSet;

use perry_sandbox_policy::{
    BackendFacts, Control, Evidence, HostFacts, IsolationLevel, Policy, Request, Verdict, WantedMount, decide,
};
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::spec::{CAPS, DEVICES, HOSTS, PORTS, PolicySpec, SECRETS, SIGNERS, TIERS};
use super::{backend, capability, evidence, host, image, key_signature, now, pem};

pub(crate) const WANTED_PATHS: [&str; 5] = ["/srv/a/x", "/srv/a/b", "/srv/ab/y", "/opt", "/etc"];
pub(crate) const WANTED_EXEC: [&str; 4] = ["/tools", "/tools/a/b", "/home/bin", "/opt"];
pub(crate) const WANTED_ENV: [&str; 5] = ["ACME_1", "ACME_X_1", "ACME_X_Y", "LANG", "NODE_OPTIONS"];
/// Controls that a random backend may lack.
pub(crate) const FRAGILE: [Control; 11] = [
    Control::Seccomp,
    Control::NoNetwork,
    Control::Egress,
    Control::ReadOnlyRoot,
    Control::EphemeralRoot,
    Control::MountsRead,
    Control::MountsWrite,
    Control::MountsExec,
    Control::Secrets,
    Control::MemoryExact,
    Control::MemoryWatched,
];

#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) tier: Option<&'static str>,
    pub(crate) egress: BTreeSet<(&'static str, u16)>,
    pub(crate) read: BTreeSet<&'static str>,
    pub(crate) write: BTreeSet<&'static str>,
    pub(crate) exec: BTreeSet<&'static str>,
    pub(crate) env: BTreeSet<&'static str>,
    pub(crate) secrets: BTreeSet<&'static str>,
    pub(crate) caps: BTreeSet<&'static str>,
    pub(crate) devices: BTreeSet<&'static str>,
    pub(crate) memory: Option<u32>,
    pub(crate) args: usize,
    /// Signers of whom there is a signature by the key that the policy knows.
    pub(crate) signed: BTreeSet<&'static str>,
    /// Levels of each backend, and what it lacks.
    pub(crate) backends: Vec<(BTreeSet<IsolationLevel>, BTreeSet<Control>)>,
}

impl Ask {
    pub(crate) fn request(&self) -> Request {
        let mut request = capability("run");
        request.tier = self.tier.map(|tier| tier.parse().unwrap());
        request.grants.egress = self.egress.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        request.grants.mounts_read =
            self.read.iter().map(|path| WantedMount::in_place(path.to_string())).collect();
        request.grants.mounts_write =
            self.write.iter().map(|path| WantedMount::in_place(path.to_string())).collect();
        request.grants.mounts_exec = self.exec.iter().map(ToString::to_string).collect();
        request.grants.secrets = self.secrets.iter().map(|name| name.parse().unwrap()).collect();
        request.grants.devices = self.devices.iter().map(ToString::to_string).collect();
        request.grants.linux_caps =
            self.caps.iter().map(|name| name.parse::<perry_sandbox_profiles::LinuxCap>().unwrap()).collect();
        request.env = self.env.iter().map(|name| ((*name).to_owned(), "value".to_owned())).collect();
        request.limits.memory = self.memory.map(|mib| format!("{mib}MiB").parse().unwrap());
        request.args = vec!["x".to_owned(); self.args];
        request
    }

    pub(crate) fn evidence(&self, spec: &PolicySpec) -> Evidence {
        let signatures = self.signed.iter().map(|name| key_signature(name, &pem(&spec.key(name)))).collect();
        evidence(Some("tools"), Some("registry.example/tools"), signatures)
    }

    pub(crate) fn host(&self) -> HostFacts {
        let backends: Vec<BackendFacts> = self
            .backends
            .iter()
            .enumerate()
            .map(|(at, (levels, lacking))| {
                let levels: Vec<_> = levels.iter().copied().collect();
                let lacking: Vec<_> = lacking.iter().copied().collect();
                backend(&format!("backend{at}"), &levels, &lacking)
            })
            .collect();
        host(backends)
    }

    pub(crate) fn verdict(&self, policy: &Policy, spec: &PolicySpec) -> Verdict {
        decide(policy, &self.request(), &self.evidence(spec), &image(), &self.host(), now())
    }
}

pub(crate) fn is_allowed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Allow(_))
}

fn few<T: Clone + std::fmt::Debug + Ord + 'static>(items: Vec<T>) -> impl Strategy<Value = BTreeSet<T>> {
    // Mostly nothing: a request with something of everything is nearly always denied.
    prop_oneof![
        3 => Just(BTreeSet::new()),
        1 => subsequence(items, 0..=2).prop_map(|items| items.into_iter().collect()),
    ]
}

pub(crate) fn ask() -> impl Strategy<Value = Ask> {
    let atoms: Vec<_> = HOSTS.into_iter().flat_map(|host| PORTS.map(|port| (host, port))).collect();
    let sets = (
        few(atoms),
        few(WANTED_PATHS.to_vec()),
        few(WANTED_PATHS.to_vec()),
        few(WANTED_EXEC.to_vec()),
        few(WANTED_ENV.to_vec()),
        few(SECRETS.to_vec()),
        few(CAPS.to_vec()),
        few(DEVICES.to_vec()),
    );
    let tier = prop_oneof![2 => Just(None), 1 => proptest::sample::select(TIERS.to_vec()).prop_map(Some)];
    let memory = prop_oneof![3 => Just(None), 1 => (1_u32..5).prop_map(Some)];
    let args = prop_oneof![9 => 0_usize..3, 1 => Just(3_usize)];
    let signed = prop_oneof![
        3 => Just(SIGNERS.into_iter().collect::<BTreeSet<_>>()),
        1 => subsequence(SIGNERS.to_vec(), 0..=3).prop_map(|names| names.into_iter().collect()),
    ];
    let lacking = prop_oneof![
        2 => Just(BTreeSet::new()),
        1 => subsequence(FRAGILE.to_vec(), 0..=3).prop_map(|controls| controls.into_iter().collect::<BTreeSet<_>>()),
    ];
    let levels =
        subsequence(IsolationLevel::ALL.to_vec(), 1..=4).prop_map(|levels| levels.into_iter().collect());
    let backends = proptest::collection::vec((levels, lacking), 0..4);
    (tier, sets, memory, args, signed, backends).prop_map(|(tier, sets, memory, args, signed, backends)| {
        let (egress, read, write, exec, env, secrets, caps, devices) = sets;
        let read = read.into_iter().filter(|path| *path != "/etc").collect();
        Ask { tier, egress, read, write, exec, env, secrets, caps, devices, memory, args, signed, backends }
    })
}
