//! From a launch plan to settings: nothing is dropped, and what cannot be enforced is refused here.

use perry_sandbox_policy::{
    ControlTable, LaunchPlan, MemoryEnforcement, Network, RootfsMode, Terminal, VolumeAccess,
};
use perry_sandbox_profiles::{Arch, bpf, masked_paths, read_only_paths};

use super::devices::DeviceError;
use super::settings::{Bounds, HostDevice, HostFolder, Settings, VolumeFolder};
use crate::demands::{PlanError, check_plan};
use crate::egress::Grants;
use crate::project::Resident;

/// Checks every line of the plan against the table and turns the plan into settings.
pub(crate) fn settings(plan: &LaunchPlan, table: &ControlTable) -> Result<Settings, PlanError> {
    check_plan(super::facts::NAME, plan, table)?;
    settings_of(plan)
}

/// The settings of a plan that has been checked against the backend that it names.
pub(crate) fn settings_of(plan: &LaunchPlan) -> Result<Settings, PlanError> {
    let disk = plan.limits.disk.bytes();
    let tmp = plan.tmp.bytes().min(disk);
    let folders = plan.memory.iter().map(|folder| folder.size.bytes());
    let folders = folders.fold(0, u64::saturating_add);
    let below_proc = |path: &str| path.strip_prefix("/proc/").map(str::to_owned);
    Ok(Settings {
        argv: plan.process.argv.clone(),
        env: plan.process.env.clone(),
        cwd: plan.process.cwd.clone(),
        uid: plan.process.user.uid,
        gid: plan.process.user.gid,
        terminal: plan.process.terminal == Terminal::Own,
        ephemeral: (plan.rootfs == RootfsMode::Ephemeral)
            .then(|| disk.saturating_sub(tmp).saturating_sub(folders)),
        tmp,
        memory: plan.memory.clone(),
        filter: filter(plan)?,
        linux_caps: plan.linux_caps.mask(),
        // /sys is an empty folder as a whole, so only paths of /proc are left to hide.
        masked: masked_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        read_only: read_only_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        mounts: plan.mounts.iter().map(HostFolder::of).collect(),
        // Where they lie is looked up by whoever prepares a run of this backend. Who joins a sandbox of another needs only
        // where they are seen.
        volumes: plan.volumes.iter().map(seen_volume).collect(),
        networks: Vec::new(),
        resident: plan.service.clone().map(|service| Resident { service, policy: plan.policy.clone() }),
        beside: None,
        devices: devices(plan)?,
        secrets: plan.secrets.clone(),
        files: plan.files.iter().cloned().map(Into::into).collect(),
        egress: match &plan.network {
            Network::None => Grants::default(),
            Network::Egress(patterns) => Grants::try_from(patterns.clone())?,
        },
        publish: plan.publish.clone(),
        system: plan.system.clone(),
        limits: bounds(plan),
    })
}

/// The limits of a plan as plain numbers.
pub(crate) fn bounds(plan: &LaunchPlan) -> Bounds {
    let limits = &plan.limits;
    Bounds {
        memory: limits.memory.bytes(),
        memory_exact: plan.memory_enforcement == MemoryEnforcement::Exact,
        milli_cpu: limits.cpu.0.get(),
        pids: limits.pids.get(),
        wall: limits.wall.duration(),
        output: limits.output.bytes(),
        disk: limits.disk.bytes(),
        open_files: limits.open_files.get(),
    }
}

fn seen_volume(volume: &perry_sandbox_policy::VolumeMount) -> VolumeFolder {
    VolumeFolder {
        path: String::new(),
        inside: volume.path.as_str().to_owned(),
        writable: volume.access == VolumeAccess::Write,
    }
}

/// Devices that every sandbox has are left out.
fn devices(plan: &LaunchPlan) -> Result<Vec<HostDevice>, DeviceError> {
    plan.devices.iter().filter_map(|path| HostDevice::look(path).transpose()).collect()
}

fn filter(plan: &LaunchPlan) -> Result<Vec<u64>, PlanError> {
    let arch = Arch::host().ok_or(PlanError::Arch)?;
    let program = bpf::compile(&plan.seccomp, arch).map_err(|error| PlanError::Seccomp(error.to_string()))?;
    Ok(words(&program))
}

/// A filter with one word per instruction.
pub(crate) fn words(program: &bpf::BpfProgram) -> Vec<u64> {
    let bytes = program.to_bytes();
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}
