//! Random policies as plain sets: what they mean is told here a second time, naively.

use std::collections::BTreeSet;

use perry_sandbox_policy::IsolationLevel;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Value, json};

pub(crate) const EGRESS: [&str; 8] =
    ["*:*", "*:443", "*.x.org:*", "*.x.org:443", "a.x.org:443", "b.x.org:80", "*.b.x.org:443", "q.net:443"];
/// Hosts and ports that tell all patterns of [`EGRESS`] apart: each wildcard has some that no exact pattern names.
pub(crate) const HOSTS: [&str; 7] =
    ["a.x.org", "b.x.org", "c.b.x.org", "d.b.x.org", "x.org", "q.net", "zz.example"];
pub(crate) const PORTS: [u16; 4] = [9, 80, 443, 8443];
pub(crate) const PATHS: [&str; 5] = ["/srv", "/srv/a", "/srv/a/b", "/srv/ab", "/opt"];
/// Apart from [`PATHS`]: no tier lets what can be written be executed.
pub(crate) const EXEC: [&str; 3] = ["/tools", "/tools/a", "/home/bin"];
pub(crate) const ENV: [&str; 5] = ["ACME_*", "ACME_X_*", "ACME_X_Y", "LANG", "NODE_OPTIONS"];
pub(crate) const SECRETS: [&str; 3] = ["one", "two", "three"];
pub(crate) const CAPS: [&str; 3] = ["CHOWN", "NET_BIND_SERVICE", "SETUID"];
pub(crate) const DEVICES: [&str; 2] = ["/dev/fuse", "/dev/kvm"];
pub(crate) const TIERS: [&str; 4] = ["t0", "t1", "t2", "t3"];
pub(crate) const SIGNERS: [&str; 3] = ["s0", "s1", "s2"];

/// A tier, with everything that it inherits already taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TierSpec {
    pub(crate) accept: BTreeSet<IsolationLevel>,
    pub(crate) ephemeral: bool,
    pub(crate) any_user: bool,
    pub(crate) wide_seccomp: bool,
    pub(crate) watched: bool,
    pub(crate) egress: BTreeSet<&'static str>,
    pub(crate) read: BTreeSet<&'static str>,
    pub(crate) write: BTreeSet<&'static str>,
    pub(crate) exec: BTreeSet<&'static str>,
    pub(crate) env: BTreeSet<&'static str>,
    pub(crate) secrets: BTreeSet<&'static str>,
    pub(crate) caps: BTreeSet<&'static str>,
    pub(crate) devices: BTreeSet<&'static str>,
    /// memory in MiB, cores, pids, wall in s, output in MiB, disk in MiB, open files
    pub(crate) limits: [u32; 7],
}

pub(crate) fn egress_matches(pattern: &str, host: &str, port: u16) -> bool {
    let (pattern, wanted) = pattern.rsplit_once(':').unwrap();
    let host_matches = match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
        None => pattern == host,
    };
    host_matches && (wanted == "*" || wanted == port.to_string())
}

pub(crate) fn env_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix) && name != "NODE_OPTIONS",
        None => pattern == name,
    }
}

pub(crate) fn path_matches(root: &str, path: &str) -> bool {
    let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
    parts(path).starts_with(&parts(root))
}

/// Inclusion by looking at every value that there is.
fn egress_includes(outer: &str, inner: &str) -> bool {
    HOSTS
        .iter()
        .flat_map(|host| PORTS.map(|port| (host, port)))
        .all(|(host, port)| !egress_matches(inner, host, port) || egress_matches(outer, host, port))
}

fn env_includes(outer: &str, inner: &str) -> bool {
    let names = ["ACME_1", "ACME_X_1", "ACME_X_Y", "LANG", "NODE_OPTIONS", "OTHER"];
    names.iter().all(|name| !env_matches(inner, name) || env_matches(outer, name))
}

fn narrowed(
    own: &BTreeSet<&'static str>,
    parent: &BTreeSet<&'static str>,
    includes: impl Fn(&str, &str) -> bool,
) -> BTreeSet<&'static str> {
    own.iter().filter(|item| parent.iter().any(|outer| includes(outer, item))).copied().collect()
}

impl TierSpec {
    /// This tier cut down to what `parent` allows.
    pub(crate) fn under(&self, parent: &Self) -> Self {
        let equal = |a: &str, b: &str| a == b;
        let accept: BTreeSet<_> = self.accept.intersection(&parent.accept).copied().collect();
        let mut limits = self.limits;
        for (own, outer) in limits.iter_mut().zip(parent.limits) {
            *own = (*own).min(outer);
        }
        Self {
            accept: if accept.is_empty() { parent.accept.clone() } else { accept },
            ephemeral: self.ephemeral && parent.ephemeral,
            any_user: self.any_user && parent.any_user,
            wide_seccomp: self.wide_seccomp && parent.wide_seccomp,
            watched: self.watched && parent.watched,
            egress: narrowed(&self.egress, &parent.egress, egress_includes),
            read: narrowed(&self.read, &(&(&parent.read | &parent.write) | &parent.exec), path_matches),
            write: narrowed(&self.write, &parent.write, path_matches),
            exec: narrowed(&self.exec, &parent.exec, path_matches),
            env: narrowed(&self.env, &parent.env, env_includes),
            secrets: narrowed(&self.secrets, &parent.secrets, equal),
            caps: narrowed(&self.caps, &parent.caps, equal),
            devices: narrowed(&self.devices, &parent.devices, equal),
            limits,
        }
    }

    pub(crate) fn to_json(&self, extends: &[&str]) -> Value {
        let [memory, cpu, pids, wall, output, disk, files] = self.limits;
        let mut tier = json!({
            "isolation": { "accept": self.accept },
            "rootfs": if self.ephemeral { "ephemeral" } else { "read-only" },
            "user": if self.any_user { "any" } else { "non-root" },
            "seccomp": if self.wide_seccomp { "perry-default" } else { "perry-minimal" },
            "memory-enforcement": if self.watched { "watched" } else { "exact" },
            "egress": self.egress, "env": self.env,
            "mounts": { "read": self.read, "write": self.write, "exec": self.exec },
            "secrets": self.secrets, "linux-caps": self.caps, "devices": self.devices,
            "limits": {
                "memory": format!("{memory}MiB"), "cpu": cpu, "pids": pids, "wall": format!("{wall}s"),
                "output": format!("{output}MiB"), "disk": format!("{disk}MiB"), "open-files": files,
            },
        });
        if !extends.is_empty() {
            tier["extends"] = json!(extends);
        }
        tier
    }
}

/// A policy with four tiers in a diamond, one image rule over three keys, and one capability.
#[derive(Debug, Clone)]
pub(crate) struct PolicySpec {
    pub(crate) tiers: [TierSpec; 4],
    /// Index of the capability's tier.
    pub(crate) tier: usize,
    /// How many must have signed beside the required ones.
    pub(crate) quorum: u32,
    /// Which of [`SIGNERS`] the rule lists; the last two may be one key.
    pub(crate) signers: BTreeSet<&'static str>,
    /// Which of those must have signed.
    pub(crate) required: BTreeSet<&'static str>,
    pub(crate) shared_key: bool,
    /// Signers whose window has ended, so that a signature without a time counts no more.
    pub(crate) revoked: BTreeSet<&'static str>,
    /// Signers whose keys are on the deny list.
    pub(crate) denied: BTreeSet<&'static str>,
    pub(crate) limits: Option<u32>,
}

impl PolicySpec {
    /// The key file of a signer.
    pub(crate) fn key(&self, signer: &str) -> String {
        match signer {
            "s2" if self.shared_key => "keys1.pub".to_owned(),
            other => format!("key{other}.pub"),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let extends: [&[&str]; 4] = [&[], &["t0"], &["t0"], &["t1", "t2"]];
        let tiers: serde_json::Map<String, Value> = TIERS
            .iter()
            .zip(self.tiers.iter().zip(extends))
            .map(|(name, (tier, extends))| ((*name).to_owned(), tier.to_json(extends)))
            .collect();
        let signer = |name: &&'static str| {
            let mut signer = json!({ "public-key": self.key(name) });
            if self.revoked.contains(name) {
                signer["revoked-at"] = json!(format!("2020-01-0{}", 1 + self.quorum));
            }
            ((*name).to_owned(), signer)
        };
        let signers: serde_json::Map<String, Value> = SIGNERS.iter().map(signer).collect();
        let mut signed_by = json!({});
        if !self.required.is_empty() {
            signed_by["all"] = json!(self.required);
        }
        if self.quorum > 0 {
            signed_by["at-least"] = json!(self.quorum);
            signed_by["of"] = json!(&self.signers - &self.required);
        }
        let deny = |name: &&'static str| json!({ "key": super::fingerprint(&super::pem(&self.key(name))).as_str(), "reason": "lost" });
        let denied: Vec<Value> = self.denied.iter().map(deny).collect();
        let mut capability = json!({
            "tier": TIERS[self.tier], "image": "tools", "command": ["/bin/tool"],
            "args": { "max": 2, "each-max": 8 },
        });
        if let Some(memory) = self.limits {
            let ceiling = self.tiers[self.tier].limits[0];
            capability["limits"] = json!({ "memory": format!("{}MiB", memory.min(ceiling)) });
        }
        json!({
            "schema": "perry-sandbox/policy/v1",
            "name": "random",
            "signer": signers,
            "image": { "tools": {
                "repository": "registry.example/tools",
                "signed-by": signed_by,
            } },
            "tier": tiers,
            "capability": { "run": capability },
            "ad-hoc": { "tier": TIERS[self.tier], "image": ["tools"] },
            "deny": denied,
            "audit": { "log": "chained", "include": ["decision", "explain"] },
        })
    }

    /// Whether these signatures without a time are enough: some of those that count, of which no two have one key,
    /// are everybody who must have signed and enough others.
    pub(crate) fn is_signed(&self, signed: &BTreeSet<&'static str>) -> bool {
        let denied: BTreeSet<String> = self.denied.iter().map(|name| self.key(name)).collect();
        let counts = |name: &&str| !self.revoked.contains(*name) && !denied.contains(&self.key(name));
        (0_u32..8).any(|chosen| {
            let chosen: BTreeSet<_> = SIGNERS
                .into_iter()
                .enumerate()
                .filter(|(at, _)| chosen >> at & 1 == 1)
                .map(|it| it.1)
                .collect();
            let keys: BTreeSet<_> = chosen.iter().map(|name| self.key(name)).collect();
            let others =
                chosen.intersection(&self.signers).filter(|name| !self.required.contains(*name)).count();
            keys.len() == chosen.len()
                && chosen.is_subset(signed)
                && chosen.iter().all(counts)
                && self.required.is_subset(&chosen)
                && others >= usize::try_from(self.quorum).unwrap()
        })
    }

    pub(crate) fn to_toml(&self) -> String {
        super::toml_text(&self.to_json(), 0)
    }
}

fn some<const N: usize>(items: [&'static str; N]) -> impl Strategy<Value = BTreeSet<&'static str>> {
    subsequence(items.to_vec(), 0..=N).prop_map(|items| items.into_iter().collect())
}

pub(crate) fn tier() -> impl Strategy<Value = TierSpec> {
    let flags = any::<[bool; 4]>();
    let sets = (
        some(EGRESS),
        some(PATHS),
        some(PATHS),
        some(EXEC),
        some(ENV),
        some(SECRETS),
        some(CAPS),
        some(DEVICES),
    );
    let levels = subsequence(IsolationLevel::ALL.to_vec(), 1..=4);
    let limits = proptest::array::uniform7(1_u32..5);
    (flags, sets, levels, limits).prop_map(|(flags, sets, levels, limits)| {
        let [ephemeral, any_user, wide_seccomp, watched] = flags;
        let (egress, read, write, exec, env, secrets, caps, devices) = sets;
        let accept = levels.into_iter().collect();
        TierSpec {
            accept,
            ephemeral,
            any_user,
            wide_seccomp,
            watched,
            egress,
            read,
            write,
            exec,
            env,
            secrets,
            caps,
            devices,
            limits,
        }
    })
}

pub(crate) fn policy() -> impl Strategy<Value = PolicySpec> {
    let tiers = (tier(), tier(), tier(), tier());
    let signers = subsequence(SIGNERS.to_vec(), 1..=3);
    // Mostly nobody: a policy that denies its signers denies everything.
    let few = || prop_oneof![4 => Just(BTreeSet::new()), 1 => some(SIGNERS)];
    let withdrawn = (few(), few());
    let quorum = (1_u32..4, signers, few());
    (tiers, 0_usize..4, quorum, any::<bool>(), proptest::option::of(1_u32..5), withdrawn).prop_map(
        |((t0, t1, t2, t3), tier, (quorum, signers, must), shared_key, limits, (revoked, denied))| {
            let t1 = t1.under(&t0);
            // The two sides of the diamond keep a level in common, or their child could not exist.
            let mut t2 = t2.under(&t0);
            if t1.accept.is_disjoint(&t2.accept) {
                t2.accept.clone_from(&t0.accept);
            }
            let common: BTreeSet<_> = t1.accept.intersection(&t2.accept).copied().collect();
            let own: BTreeSet<_> = t3.accept.intersection(&common).copied().collect();
            let accept = if own.is_empty() { common } else { own };
            let t3 = TierSpec { accept, ..t3.under(&t1).under(&t2) };
            let signers: BTreeSet<_> = signers.into_iter().collect();
            let required = &signers & &must;
            let quorum = quorum.min(u32::try_from(signers.len() - required.len()).unwrap());
            let tiers = [t0, t1, t2, t3];
            PolicySpec { tiers, tier, quorum, signers, required, shared_key, revoked, denied, limits }
        },
    )
}
