//! What all tables of controls have in common.

use perry_sandbox_policy::{BackendFacts, Control, ControlTable, Emulation, Enforcement, IsolationLevel};

use super::joined::can_be_joined;
use super::script::Backend;
use crate::publish::PUBLISHER;

/// All controls, none of them held.
pub(super) fn nothing(why: &str) -> ControlTable {
    Control::ALL.into_iter().map(|control| (control, nobody(why, Some(OTHER)))).collect()
}

/// What helps where one backend does not hold something.
pub(super) const OTHER: &str = "ask for less, or use another backend: see `perry-sandbox backends`";

/// What is said of a backend that nobody has tried, since no machine of ours has it.
pub(super) const UNTRIED: &str = "not run on the real thing";

/// The same table, which says of all that is held that nobody has tried it.
pub(super) fn untried(table: &ControlTable) -> ControlTable {
    let said = |enforcement: &Enforcement| match enforcement {
        Enforcement::By(who) => by(&format!("{who}; {UNTRIED}")),
        Enforcement::Nobody { .. } => enforcement.clone(),
    };
    table.iter().map(|(control, enforcement)| (control, said(enforcement))).collect()
}

pub(super) fn by(who: &str) -> Enforcement {
    Enforcement::By(who.to_owned())
}

pub(super) fn nobody(why: &str, remedy: Option<&str>) -> Enforcement {
    Enforcement::Nobody { why: why.to_owned(), remedy: remedy.map(str::to_owned) }
}

/// Whether a backend shows a single file of the host in which nothing can be executed. Others mount folders only.
pub fn mounts_single_files(backend: &str) -> bool {
    backend == crate::native::NAME || backend == Backend::Podman.name()
}

/// Ports are published by us, beside processes of this kernel.
pub(super) fn published(backend: Backend) -> Enforcement {
    match can_be_joined(backend.name()) {
        Ok(()) => by(PUBLISHER),
        Err(why) => nobody(why, Some("use the backend `native`")),
    }
}

/// An engine's version, for people: one of an ordinary user's holds less.
pub(super) fn version(version: &str, is_rootless: bool) -> String {
    if is_rootless { format!("{version} rootless") } else { version.to_owned() }
}

/// The facts of a backend at one level.
pub(super) fn facts(
    backend: Backend,
    version: &str,
    level: IsolationLevel,
    architectures: Vec<String>,
    controls: ControlTable,
) -> Option<BackendFacts> {
    Some(BackendFacts {
        name: backend.name().parse().ok()?,
        version: version.to_owned(),
        levels: vec![level],
        architectures,
        emulation: Emulation::None,
        controls,
    })
}
