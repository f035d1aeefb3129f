//! Which backend, at which isolation level: the first that can hold every line of the plan.

use std::collections::BTreeMap;

use crate::ceiling::Ceiling;
use crate::control::{BackendFacts, Control, Emulation, HostFacts};
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::isolation::IsolationLevel;
use crate::plan::{MemoryEnforcement, PlanLine, RootfsMode};
use crate::source::Span;

use super::ceiling::AcceptedLevel;

/// Lines that every backend must hold, and those where one of two will do.
#[derive(Debug)]
pub(crate) struct Demands {
    /// Each control with its value, for people.
    pub(crate) lines: BTreeMap<Control, String>,
    /// Places in the policy behind a control.
    pub(crate) spans: BTreeMap<Control, Option<Span>>,
}

impl Demands {
    fn value(&self, control: Control) -> String {
        self.lines.get(&control).cloned().unwrap_or_default()
    }
}

/// A backend that holds the whole plan.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) backend: &'a BackendFacts,
    pub(crate) level: AcceptedLevel<'a>,
    pub(crate) rootfs: RootfsMode,
    pub(crate) memory: MemoryEnforcement,
    pub(crate) lines: Vec<PlanLine>,
}

/// How far the search came.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// A backend that holds the whole plan.
    Whole(Choice<'a>),
    /// The first one that was looked at holds only these lines.
    Part(&'a BackendFacts, IsolationLevel, Vec<PlanLine>),
    /// No accepted level is there.
    Nothing,
}

/// Finds the first accepted level with a backend that holds everything.
///
/// SECURITY: the search is over what is *known* to be held. Nothing here is tried and then done without.
pub(crate) fn choose<'a>(
    levels: &[AcceptedLevel<'a>],
    architecture: &str,
    host: &'a HostFacts,
    ceiling: &Ceiling,
    demands: &Demands,
    reasons: &mut Reasons,
) -> Found<'a> {
    let is_wasm = architecture == "wasm";
    let fits = |backend: &BackendFacts| backend.architectures.iter().any(|own| own == architecture);
    let mut nearest: Option<(IsolationLevel, &BackendFacts, Incomplete)> = None;
    for level in levels.iter().filter(|accepted| (accepted.level == IsolationLevel::Wasm) == is_wasm) {
        let gives = |backend: &&BackendFacts| backend.levels.contains(&level.level) && fits(backend);
        for backend in host.backends.iter().filter(gives) {
            let Some(level) = as_run_by(backend, *level) else { continue };
            match held(backend, level, ceiling, demands) {
                Ok(choice) => return Found::Whole(choice),
                Err(lacking) => drop(nearest.get_or_insert((level.level, backend, lacking))),
            }
        }
    }
    let Some((level, backend, Incomplete { lacking, held })) = nearest else {
        reasons.add(unavailable(levels, architecture, host, ceiling));
        return Found::Nothing;
    };
    for lack in lacking {
        reasons.add(lack.reason(level, backend, ceiling, demands));
    }
    Found::Part(backend, level, held)
}

/// SECURITY: a translator is not made to keep anybody in. Where one runs the program's instructions, the level is accepted by
/// nothing but an exception, which the plan then shows.
const fn as_run_by<'a>(backend: &BackendFacts, level: AcceptedLevel<'a>) -> Option<AcceptedLevel<'a>> {
    match (backend.emulation, level.emulation) {
        (Emulation::None, _) => Some(level),
        (Emulation::Software, Some(exception)) => Some(AcceptedLevel { exception: Some(exception), ..level }),
        (Emulation::Software, None) => None,
    }
}

fn unavailable(
    levels: &[AcceptedLevel<'_>],
    architecture: &str,
    host: &HostFacts,
    ceiling: &Ceiling,
) -> DenyReason {
    let names: Vec<&str> = levels.iter().map(|accepted| accepted.level.as_str()).collect();
    let mut present: Vec<String> = host
        .backends
        .iter()
        .flat_map(|backend| {
            let emulated = match backend.emulation {
                Emulation::None => "",
                Emulation::Software => ", emulated, which only an exception accepts",
            };
            let what = format!("{} for {}{emulated}", backend.name, backend.architectures.join(" and "));
            backend.levels.iter().map(move |level| format!("{level} ({what})"))
        })
        .collect();
    present.dedup();
    let found = if present.is_empty() {
        "no backend is alive here".to_owned()
    } else if architecture == "wasm" {
        format!("a wasm module runs at the level wasm only, and here are {}", present.join(", "))
    } else {
        format!("the image is for {architecture}, and here are {}", present.join(", "))
    };
    let span = ceiling.isolation.accept.span;
    if names.is_empty() {
        return DenyReason::new(
            DenyCode::NoIsolation,
            "isolation",
            "an isolation level",
            "the tiers that apply accept none in common",
            [span],
        );
    }
    DenyReason::new(
        DenyCode::IsolationUnavailable,
        "isolation",
        format!("one of {}", names.join(", ")),
        found,
        [span],
    )
    .remedy("see what this machine can do with `perry-sandbox backends`; an image for another processor is not emulated: choose a platform of this machine")
}

/// What a backend does not hold, and what it does.
#[derive(Debug)]
struct Incomplete {
    lacking: Vec<Lacking>,
    held: Vec<PlanLine>,
}

/// A control that a backend does not hold.
#[derive(Debug)]
struct Lacking(Control);

impl Lacking {
    fn reason(
        &self,
        level: IsolationLevel,
        backend: &BackendFacts,
        ceiling: &Ceiling,
        demands: &Demands,
    ) -> DenyReason {
        let control = self.0;
        let (why, remedy) = backend.controls.refusal(control).unwrap_or(("it is not held", None));
        let (value, span) = if control == Control::MemoryExact {
            let span = ceiling.memory_enforcement.span.or(ceiling.limits.memory.span);
            (format!("{}, exact", demands.value(control)), span)
        } else if control == Control::ReadOnlyRoot {
            ("read-only".to_owned(), ceiling.rootfs.span)
        } else if control == Control::MemoryWatched {
            (format!("{}, watched", demands.value(Control::MemoryExact)), ceiling.limits.memory.span)
        } else {
            (demands.value(control), demands.spans.get(&control).copied().flatten())
        };
        let found = format!("nothing here holds it: {} at level {level}: {why}", backend.name);
        let reason = DenyReason::new(DenyCode::NotEnforced, row_of(control), value, found, [span]);
        match remedy {
            Some(remedy) => reason.remedy(remedy),
            None => reason,
        }
    }
}

/// The line of an explanation that a control belongs to.
pub(crate) const fn row_of(control: Control) -> &'static str {
    match control {
        Control::Namespaces => "namespaces",
        Control::LinuxCaps => "linux-caps",
        Control::NoNewPrivileges => "no-new-privs",
        Control::Seccomp => "seccomp",
        Control::MaskedPaths => "masked-paths",
        Control::RemovedAtExit => "removed",
        Control::NoNetwork => "network",
        Control::Egress => "egress",
        Control::ProjectNetworks | Control::SharedNetwork => "networks",
        Control::Publish => "publish",
        Control::ReadOnlyRoot | Control::EphemeralRoot => "rootfs",
        Control::Tmp | Control::MemoryFolders | Control::SharedMemory => "tmp",
        Control::MountsRead | Control::MountsWrite | Control::MountsExec => "mounts",
        Control::Volumes => "volumes",
        Control::Devices => "devices",
        Control::Env => "env",
        Control::Secrets => "secrets",
        Control::Files | Control::FileOwners => "files",
        Control::User | Control::Groups => "user",
        Control::MemoryExact | Control::MemoryWatched => "memory",
        Control::Cpu => "cpu",
        Control::Pids => "pids",
        Control::Wall => "wall",
        Control::Output => "output",
        Control::Disk => "disk",
        Control::OpenFiles => "open-files",
        Control::Terminal => "terminal",
        Control::HostName
        | Control::DomainName
        | Control::KnownHosts
        | Control::Init
        | Control::Sysctls
        | Control::OomScore => "system",
    }
}

fn held<'a>(
    backend: &'a BackendFacts,
    level: AcceptedLevel<'a>,
    ceiling: &Ceiling,
    demands: &Demands,
) -> Result<Choice<'a>, Incomplete> {
    let holds = |control: Control| backend.controls.enforcer(control).is_some();
    let (rootfs, root) = match ceiling.rootfs.value {
        // A root that cannot be made writable and bounded is still inside the ceiling when it is read-only.
        RootfsMode::Ephemeral if holds(Control::EphemeralRoot) => {
            (RootfsMode::Ephemeral, Control::EphemeralRoot)
        }
        RootfsMode::Ephemeral | RootfsMode::ReadOnly => (RootfsMode::ReadOnly, Control::ReadOnlyRoot),
    };
    let (memory, memory_control) = match ceiling.memory_enforcement.value {
        MemoryEnforcement::Watched if !holds(Control::MemoryExact) => {
            (MemoryEnforcement::Watched, Control::MemoryWatched)
        }
        MemoryEnforcement::Watched | MemoryEnforcement::Exact => {
            (MemoryEnforcement::Exact, Control::MemoryExact)
        }
    };
    let root_value = match rootfs {
        RootfsMode::ReadOnly => "read-only".to_owned(),
        RootfsMode::Ephemeral => "ephemeral".to_owned(),
    };
    let how = match memory {
        MemoryEnforcement::Exact => "exact",
        MemoryEnforcement::Watched => "watched",
    };
    let memory_value = format!("{}, {how}", demands.value(Control::MemoryExact));
    let own = [(root, &root_value), (memory_control, &memory_value)];
    let mut wanted: Vec<(Control, &String)> = demands
        .lines
        .iter()
        .filter(|(control, _)| **control != Control::MemoryExact)
        .map(|(control, value)| (*control, value))
        .chain(own)
        .collect();
    wanted.sort_unstable_by_key(|(control, _)| *control);
    let mut lines = Vec::with_capacity(wanted.len());
    let mut lacking = Vec::new();
    for (control, value) in wanted {
        match backend.controls.enforcer(control) {
            Some(enforcer) => {
                lines.push(PlanLine { control, value: value.clone(), enforcer: enforcer.to_owned() });
            }
            None => lacking.push(Lacking(control)),
        }
    }
    if lacking.is_empty() {
        Ok(Choice { backend, level, rootfs, memory, lines })
    } else {
        Err(Incomplete { lacking, held: lines })
    }
}
