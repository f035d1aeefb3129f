//! The verdict.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use perry_sandbox_profiles::{Arch, LinuxCapSet};
use serde::Serialize;

use super::backend::{Choice, Found, choose};
use super::ceiling::{Applied, ceiling_of, levels};
use super::cover::refuse_covered_programs;
use super::evidence::check;
use super::files::{given, refuse_shared_places};
use super::grants::{granted, limited};
use super::memory::{Room, refuse_nested, room};
use super::process::{process, through_proxy};
use super::project::{Project, of_project};
use super::system::system;
use super::wanted::Wanted;
use crate::control::HostFacts;
use crate::denial::{Denial, DenyCode, DenyReason, Reasons};
use crate::evidence::Evidence;
use crate::file::GivenFile;
use crate::grants::Grants;
use crate::isolation::IsolationLevel;
use crate::names::{BackendName, TierName};
use crate::pattern::PatternSet;
use crate::plan::{LaunchPlan, Mount, Network, PlanLine, Process, Terminal};
use crate::policy::Policy;
use crate::quantity::Limits;
use crate::request::{ImageDefaults, Request, Target};
use crate::require::{entry_of, rule_for};
use crate::seccomp::SharedProfile;
use crate::source::Span;
use crate::system::System;

/// The answer to a request: a plan that every line of is held, or every reason why not.
///
/// There is no verdict without a decision:
///
/// ```compile_fail,E0277
/// fn default<T: Default>() -> T { T::default() }
/// let verdict: perry_sandbox_policy::Verdict = default();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[must_use = "a verdict that nobody looks at protects nobody"]
pub enum Verdict {
    /// It may run, exactly so.
    Allow(Box<LaunchPlan>),
    /// It may not run.
    #[serde(serialize_with = "codes")]
    Deny(Denial),
}

fn codes<S: serde::Serializer>(denial: &Denial, serializer: S) -> Result<S::Ok, S::Error> {
    serializer
        .collect_seq(denial.iter().map(|reason| (reason.code, reason.row, &reason.wanted, &reason.found)))
}

/// An exception without which a run would have been denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UsedException {
    /// Its id.
    pub id: String,
    /// Why it exists.
    pub reason: String,
    /// Whom to ask.
    pub owner: String,
    /// The last day on which it holds.
    pub until: String,
}

/// Decides about one request. Pure: no clock, no files, no environment; the same arguments give the same verdict.
///
/// Every reason is collected, in the order in which a policy is read, so the answer does not depend on which check
/// ran first.
pub fn decide(
    policy: &Policy,
    request: &Request,
    evidence: &Evidence,
    image: &ImageDefaults,
    host: &HostFacts,
    now: jiff::Timestamp,
) -> Verdict {
    examine(policy, request, evidence, image, host, now).verdict
}

/// The isolation levels that a request accepts, in the order in which they are tried: who knows it need not look for backends
/// that would not be chosen. Empty where nothing is accepted.
pub fn accepted_levels(
    policy: &Policy,
    request: &Request,
    hostname: &str,
    now: jiff::Timestamp,
) -> Vec<IsolationLevel> {
    let mut reasons = Reasons::new(policy.anchor());
    let Some(entry) = entry_of(policy, request, &mut reasons) else { return Vec::new() };
    let Some(applied) = ceiling_of(policy, request, &entry, &mut reasons) else { return Vec::new() };
    levels(policy, &applied, hostname, now).into_iter().map(|accepted| accepted.level).collect()
}

/// A verdict with what an explanation shows besides.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) verdict: Verdict,
    /// The tier and everything that it is the meet of.
    pub(crate) tier: Option<(TierName, BTreeSet<TierName>, Option<Span>)>,
    /// The level and backend that were chosen, or came nearest.
    pub(crate) backend: Option<(IsolationLevel, BackendName, String)>,
    /// Lines that the nearest backend holds, where the verdict is a denial.
    pub(crate) held: Vec<PlanLine>,
}

/// Looks at a request from every side.
pub(crate) fn examine(
    policy: &Policy,
    request: &Request,
    evidence: &Evidence,
    image: &ImageDefaults,
    host: &HostFacts,
    now: jiff::Timestamp,
) -> Examined {
    let mut reasons = Reasons::new(policy.anchor());
    let mut examined = Examined { verdict: nothing(policy), tier: None, backend: None, held: Vec::new() };
    let facts = Facts { policy, request, evidence, image, host, now };
    if let Some(plan) = facts.plan(&mut examined, &mut reasons) {
        examined.verdict = Verdict::Allow(Box::new(plan));
    }
    if let Some(denial) = reasons.into_denial() {
        examined.verdict = Verdict::Deny(denial);
    }
    examined
}

/// No plan without a reason cannot be; if it were, nothing would run.
fn nothing(policy: &Policy) -> Verdict {
    let span = [Some(policy.anchor())];
    Verdict::Deny(Denial::one(DenyReason::new(
        DenyCode::NoEntry,
        "policy",
        "a plan",
        "none could be made",
        span,
    )))
}

/// Everything that a decision depends on.
struct Facts<'a> {
    policy: &'a Policy,
    request: &'a Request,
    evidence: &'a Evidence,
    image: &'a ImageDefaults,
    host: &'a HostFacts,
    now: jiff::Timestamp,
}

impl Facts<'_> {
    fn plan(&self, examined: &mut Examined, reasons: &mut Reasons) -> Option<LaunchPlan> {
        let Self { policy, request, evidence, image, host, now } = *self;
        let entry = entry_of(policy, request, reasons)?;
        let rule = rule_for(policy, &entry, evidence.repository.as_ref(), evidence.rule.as_ref(), reasons);
        if let Some(rule) = rule {
            check(policy, rule.rule(), evidence, now, reasons);
        }
        let applied = ceiling_of(policy, request, &entry, reasons)?;
        let ceiling = &applied.ceiling;
        let chain = policy.tier(applied.name).map(|tier| &tier.chain);
        let tiers = chain.map(|chain| chain.value.clone()).unwrap_or_default();
        examined.tier = Some((applied.name.clone(), tiers, chain.and_then(|chain| chain.span)));
        let mut notes = Vec::new();
        let mut process = process(request, &entry, ceiling.user.value, image, &mut notes, reasons);
        let (grants, mounts) = granted(request, &entry, ceiling, reasons);
        let system = system(request, reasons);
        let files = given(request, process.user, &system, reasons);
        refuse_covered_programs(&process, &mounts, &files, reasons);
        if !grants.egress.is_empty() {
            through_proxy(&mut process, request);
            if !reaches_a_proxy(&ceiling.seccomp.value) {
                let name = ceiling.seccomp.value.name();
                notes.push(format!(
                    "the seccomp profile {name} admits no TCP sockets: the program cannot use its egress"
                ));
            }
        }
        for (path, _) in grants.mounts_write.iter() {
            notes.push(format!(
                "the disk limit does not bound what is written to {path}: it is a folder of the host"
            ));
        }
        for (path, _) in grants.mounts_exec.iter() {
            notes.push(format!("nobody has verified the programs in {path}: it is a folder of the host"));
        }
        let warm = entry.capability.and_then(|capability| capability.warm).map(|warm| warm.value);
        if let Some(warm) = warm {
            let waits = grants.secrets.is_empty()
                && grants.devices.is_empty()
                && [&grants.mounts_read, &grants.mounts_write, &grants.mounts_exec]
                    .iter()
                    .all(|it| it.is_empty());
            notes.push(if waits && process.terminal == Terminal::None {
                format!("a program that uses the library keeps up to {warm} of these sandboxes ready; each takes one call")
            } else {
                "none of these sandboxes is kept ready: they have secrets, host folders, devices or a terminal".to_owned()
            });
        }
        let limits = limited(request, &entry, ceiling, reasons);
        let project = of_project((policy, request), &entry, (&grants, &ceiling.grants), reasons);
        let room = room(request, &system, &limits, reasons);
        refuse_nested(request, &mounts, reasons);
        refuse_shared_places(&mounts, &project, &files, reasons);
        let wanted = Wanted {
            process: &process,
            grants: &grants,
            mounts: &mounts,
            files: &files,
            project: &project,
            system: &system,
            room: &room,
            limits: &limits,
            evidence,
        };
        let demands = wanted.demands(&applied);
        let levels = levels(policy, &applied, &host.hostname, now);
        let choice = match choose(&levels, evidence.platform.architecture(), host, ceiling, &demands, reasons)
        {
            Found::Whole(choice) => choice,
            Found::Part(backend, level, held) => {
                examined.backend = Some((level, backend.name.clone(), backend.version.clone()));
                examined.held = held;
                return None;
            }
            Found::Nothing => return None,
        };
        examined.backend =
            Some((choice.level.level, choice.backend.name.clone(), choice.backend.version.clone()));
        // Nothing is built for a request that is denied.
        if !reasons.is_empty() {
            examined.held = choice.lines;
            return None;
        }
        Some(assemble(
            policy,
            request,
            &applied,
            choice,
            Parts { process, grants, mounts, files, project, system, room, limits, warm, evidence, notes },
        ))
    }
}

/// Whether a program under this profile can connect to the egress proxy.
fn reaches_a_proxy(profile: &SharedProfile) -> bool {
    /// `AF_INET` and `SOCK_STREAM`.
    const TCP: [u64; 6] = [2, 1, 0, 0, 0, 0];
    let admits = |socket| {
        let admission = |arch| profile.admission(arch, socket);
        [Arch::X86_64, Arch::Aarch64]
            .into_iter()
            .filter_map(admission)
            .any(|admission| admission.admits(&TCP))
    };
    "socket".parse().is_ok_and(admits)
}

/// What a plan is put together from.
struct Parts<'a> {
    process: Process,
    grants: Grants,
    mounts: Vec<Mount>,
    files: Vec<GivenFile>,
    project: Project<'a>,
    system: System,
    room: Room,
    limits: Limits,
    warm: Option<NonZeroU32>,
    evidence: &'a Evidence,
    notes: Vec<String>,
}

fn assemble(
    policy: &Policy,
    request: &Request,
    applied: &Applied<'_>,
    choice: Choice<'_>,
    parts: Parts<'_>,
) -> LaunchPlan {
    let Parts { process, grants, mounts, files, project, system, room, limits, warm, evidence, notes } =
        parts;
    LaunchPlan {
        capability: match &request.target {
            Target::Capability(name) => Some(name.clone()),
            Target::AdHoc | Target::Service(_) => None,
        },
        service: match &request.target {
            Target::Service(name) => Some(name.clone()),
            Target::AdHoc | Target::Capability(_) => None,
        },
        tier: applied.name.clone(),
        policy: policy.digest().as_digest().clone(),
        manifest: evidence.manifest.clone(),
        config: evidence.config.clone(),
        repository: evidence.repository.clone(),
        backend: choice.backend.name.clone(),
        isolation: choice.level.level,
        exception: choice.level.exception.map(|(id, exception)| UsedException {
            id: id.to_owned(),
            reason: exception.reason.clone(),
            owner: exception.owner.clone(),
            until: exception.until.to_string(),
        }),
        process,
        rootfs: choice.rootfs,
        tmp: room.tmp,
        memory: room.folders,
        seccomp: applied.ceiling.seccomp.value.clone(),
        linux_caps: linux_caps(&grants),
        mounts,
        network: if grants.egress.is_empty() {
            Network::None
        } else {
            Network::Egress(texts(&grants.egress))
        },
        secrets: grants.secrets.iter().map(|(name, _)| name.clone()).collect(),
        files,
        devices: texts(&grants.devices),
        networks: project.wanted.networks.clone(),
        publish: project.wanted.publish.clone(),
        volumes: project.wanted.volumes.clone(),
        system,
        limits,
        memory_enforcement: choice.memory,
        warm,
        lines: choice.lines,
        notes,
    }
}

pub(super) fn linux_caps(grants: &Grants) -> LinuxCapSet {
    grants.linux_caps.iter().map(|(cap, _)| *cap).collect()
}

fn texts<T: crate::pattern::Pattern + std::fmt::Display>(set: &PatternSet<T>) -> Vec<String> {
    set.iter().map(|(item, _)| item.to_string()).collect()
}
