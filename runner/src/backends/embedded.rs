//! Backends that are a process of ours, as the survey sees them.

use perry_sandbox_policy::{BackendFacts, Emulation, IsolationLevel};
use perry_sandbox_reference::Platform;

use super::host::HostTools;
use super::script::Backend;
use super::survey::Absence;
use super::table;
use crate::microvm::{Accelerator, Choice, Machine, Missing, machine, table as table_of};

/// Finds monitor and kernel. A machine that is emulated is one that only an exception of the policy accepts.
pub(super) fn probe_machine(tools: &HostTools) -> Result<Machine, Absence> {
    let choice =
        Choice { folders: tools.folders().to_vec(), kernels: tools.kernels().to_vec(), emulation: true };
    machine(&choice).map_err(|missing| {
        let remedy = missing.remedy();
        if missing == Missing::Program {
            Absence::nowhere(&missing, remedy)
        } else {
            Absence::dead(&missing, Some(remedy))
        }
    })
}

/// What a machine enforces.
pub(super) fn machine_facts(machine: &Machine) -> Option<BackendFacts> {
    let emulated = machine.accelerator == Accelerator::Tcg;
    let version = format!("QEMU {}{}", machine.version, if emulated { ", emulated" } else { "" });
    let architectures = vec![Platform::host().architecture().to_owned()];
    let controls = table_of(&Ok(machine.clone()));
    let facts = table::facts(Backend::Microvm, &version, IsolationLevel::Microvm, architectures, controls)?;
    Some(BackendFacts { emulation: if emulated { Emulation::Software } else { Emulation::None }, ..facts })
}

/// Whether this program has wasmtime in it.
#[cfg(feature = "wasm")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it is an error")]
pub(super) fn probe_module() -> Result<(), Absence> {
    Ok(())
}

/// Whether this program has wasmtime in it.
#[cfg(not(feature = "wasm"))]
pub(super) fn probe_module() -> Result<(), Absence> {
    Err(Absence::nowhere(&"this program was built without wasmtime", "build it with `--features wasm`"))
}

/// What the process of a module enforces.
#[cfg(feature = "wasm")]
pub(super) fn module_facts() -> Option<BackendFacts> {
    crate::wasm::facts().cloned()
}

/// What the process of a module enforces.
#[cfg(not(feature = "wasm"))]
pub(super) const fn module_facts() -> Option<BackendFacts> {
    None
}
