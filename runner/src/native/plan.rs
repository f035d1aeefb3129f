//! From a launch plan to settings: nothing is dropped, and what cannot be enforced is refused here.

use perry_sandbox_policy::{
    Control, ControlTable, LaunchPlan, MemoryEnforcement, MountAccess, Network, PatternError, RootfsMode,
    Terminal,
};
use perry_sandbox_profiles::{Arch, bpf, masked_paths, read_only_paths};
use thiserror::Error;

use super::devices::DeviceError;
use super::settings::{Bounds, HostDevice, HostFolder, Settings};
use crate::egress::Grants;

/// Why a plan is not for this backend on this host. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan names another backend.
    #[error("the plan is for the backend `{0}`, not for `native`")]
    Backend(String),
    /// A line of the plan that nobody would hold.
    #[error("the native backend cannot enforce `{control}` here: {why}{}", remedy.as_deref().map(|text| format!("; {text}")).unwrap_or_default())]
    NotEnforceable {
        /// The line.
        control: Control,
        /// Why not.
        why: String,
        /// What would help.
        remedy: Option<String>,
    },
    /// The seccomp profile cannot be compiled.
    #[error("the plan's seccomp profile cannot be compiled: {0}")]
    Seccomp(String),
    /// The image's root folder cannot be opened.
    #[error("cannot open the image's root folder: {0}")]
    RootFolder(String),
    /// A device that is not given.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A place to connect to that cannot be read.
    #[error(transparent)]
    Egress(#[from] PatternError),
    /// This processor is not known to the seccomp compiler.
    #[error("there is no seccomp table for this processor: x86_64 and aarch64 are known")]
    Arch,
}

/// Checks every line of the plan against the table and turns the plan into settings.
pub(crate) fn settings(plan: &LaunchPlan, table: &ControlTable) -> Result<Settings, PlanError> {
    if plan.backend.as_str() != super::facts::NAME {
        return Err(PlanError::Backend(plan.backend.to_string()));
    }
    demanded(plan).into_iter().try_for_each(|control| check(control, table))?;
    let limits = &plan.limits;
    let disk = limits.disk.bytes();
    let tmp = plan.tmp.bytes().min(disk);
    let below_proc = |path: &str| path.strip_prefix("/proc/").map(str::to_owned);
    Ok(Settings {
        argv: plan.process.argv.clone(),
        env: plan.process.env.clone(),
        cwd: plan.process.cwd.clone(),
        uid: plan.process.user.uid,
        gid: plan.process.user.gid,
        terminal: plan.process.terminal == Terminal::Own,
        ephemeral: (plan.rootfs == RootfsMode::Ephemeral).then(|| disk.saturating_sub(tmp)),
        tmp,
        filter: filter(plan)?,
        linux_caps: plan.linux_caps.mask(),
        // /sys is an empty folder as a whole, so only paths of /proc are left to hide.
        masked: masked_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        read_only: read_only_paths().iter().filter_map(|path| below_proc(path.path())).collect(),
        mounts: plan.mounts.iter().map(host_folder).collect(),
        devices: devices(plan)?,
        secrets: plan.secrets.clone(),
        egress: match &plan.network {
            Network::None => Grants::default(),
            Network::Egress(patterns) => Grants::try_from(patterns.clone())?,
        },
        limits: Bounds {
            memory: limits.memory.bytes(),
            memory_exact: plan.memory_enforcement == MemoryEnforcement::Exact,
            milli_cpu: limits.cpu.0.get(),
            pids: limits.pids.get(),
            wall: limits.wall.duration(),
            output: limits.output.bytes(),
            disk,
            open_files: limits.open_files.get(),
        },
    })
}

fn host_folder(mount: &perry_sandbox_policy::Mount) -> HostFolder {
    HostFolder {
        path: mount.path.clone(),
        writable: mount.access == MountAccess::Write,
        executable: mount.access == MountAccess::Execute,
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
pub(super) fn words(program: &bpf::BpfProgram) -> Vec<u64> {
    let bytes = program.to_bytes();
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

/// Every control that this plan needs: its own lines, and what its fields say whatever the lines say.
fn demanded(plan: &LaunchPlan) -> Vec<Control> {
    let mut all: Vec<Control> = plan.lines.iter().map(|line| line.control).collect();
    all.extend([
        Control::Namespaces,
        Control::LinuxCaps,
        Control::NoNewPrivileges,
        Control::Seccomp,
        Control::MaskedPaths,
        Control::RemovedAtExit,
        Control::Tmp,
        Control::Env,
        Control::User,
        Control::Cpu,
        Control::Pids,
        Control::Wall,
        Control::Output,
        Control::Disk,
        Control::OpenFiles,
    ]);
    all.push(match plan.rootfs {
        RootfsMode::ReadOnly => Control::ReadOnlyRoot,
        RootfsMode::Ephemeral => Control::EphemeralRoot,
    });
    all.push(match plan.memory_enforcement {
        MemoryEnforcement::Exact => Control::MemoryExact,
        MemoryEnforcement::Watched => Control::MemoryWatched,
    });
    all.push(match plan.network {
        Network::None => Control::NoNetwork,
        Network::Egress(_) => Control::Egress,
    });
    let asked = [
        (plan.mounts.iter().any(|mount| mount.access == MountAccess::Read), Control::MountsRead),
        (plan.mounts.iter().any(|mount| mount.access == MountAccess::Write), Control::MountsWrite),
        (plan.mounts.iter().any(|mount| mount.access == MountAccess::Execute), Control::MountsExec),
        (!plan.secrets.is_empty(), Control::Secrets),
        (!plan.devices.is_empty(), Control::Devices),
        (plan.process.terminal == Terminal::Own, Control::Terminal),
    ];
    all.extend(asked.into_iter().filter(|(asked, _)| *asked).map(|(_, control)| control));
    all.sort();
    all.dedup();
    all
}

fn check(control: Control, table: &ControlTable) -> Result<(), PlanError> {
    if table.enforcer(control).is_some() {
        return Ok(());
    }
    let (why, remedy) = table.refusal(control).unwrap_or(("it is not in the table", None));
    Err(PlanError::NotEnforceable { control, why: why.to_owned(), remedy: remedy.map(str::to_owned) })
}
