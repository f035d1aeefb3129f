//! What a plan demands of a backend, and whether that backend holds all of it: asked before anything starts.

use perry_sandbox_policy::{
    Control, ControlTable, FirstProcess, LaunchPlan, MemoryEnforcement, MountAccess, Network, PatternError,
    RootfsMode, Terminal,
};
use thiserror::Error;

use crate::backends::stock::WordError;
use crate::native::DeviceError;
use crate::project::ProjectError;

/// Why a plan is not for this backend on this host. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan names another backend.
    #[error("the plan is for the backend `{planned}`, not for `{here}`")]
    Backend {
        /// What the plan names.
        planned: String,
        /// Who was asked.
        here: &'static str,
    },
    /// A line of the plan that nobody would hold.
    #[error("the {backend} backend cannot enforce `{control}` here: {why}{}", remedy.as_deref().map(|text| format!("; {text}")).unwrap_or_default())]
    NotEnforceable {
        /// Who was asked.
        backend: &'static str,
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
    /// The runtime between the engine and the program does more than the plan's profile lets it.
    #[error(
        "{runtime} itself needs {calls}, which the plan's seccomp profile refuses: allow it in the profile, or use the backend `native`"
    )]
    Runtime {
        /// Its name.
        runtime: String,
        /// Those system calls.
        calls: String,
    },
    /// An image that engines cannot find by its content.
    #[error("engines name images by SHA-256, and the image's {what} is `{found}`: use the backend `native`")]
    Digest {
        /// Which part of the image.
        what: &'static str,
        /// Its digest.
        found: String,
    },
    /// Something that the backend reads cannot be written as JSON.
    #[error("cannot write {what} as JSON: {why}")]
    Written {
        /// What.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The image's root folder cannot be opened.
    #[error("cannot open the image's root folder: {0}")]
    RootFolder(String),
    /// A network or volume of the project that cannot be had.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A device that is not given.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A network or volume whose name is none to an engine.
    #[error(transparent)]
    Word(#[from] WordError),
    /// A place to connect to that cannot be read.
    #[error(transparent)]
    Egress(#[from] PatternError),
    /// A working folder where the backend has none.
    #[error(
        "the plan's working folder is `{0}`, and a WebAssembly module has none: use an image whose working folder is `/`"
    )]
    WorkingFolder(String),
    /// This processor is not known to the seccomp compiler.
    #[error("there is no seccomp table for this processor: x86_64 and aarch64 are known")]
    Arch,
}

/// Refuses a plan for another backend, and one with a line that this backend does not hold.
pub(crate) fn check_plan(
    backend: &'static str,
    plan: &LaunchPlan,
    table: &ControlTable,
) -> Result<(), PlanError> {
    if plan.backend.as_str() != backend {
        return Err(PlanError::Backend { planned: plan.backend.to_string(), here: backend });
    }
    demanded(plan).into_iter().try_for_each(|control| check(backend, control, table))
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
        (plan.networks.iter().any(|one| one.network.shared().is_none()), Control::ProjectNetworks),
        (plan.networks.iter().any(|one| one.network.shared().is_some()), Control::SharedNetwork),
        (!plan.publish.is_empty(), Control::Publish),
        (!plan.volumes.is_empty(), Control::Volumes),
        (!plan.secrets.is_empty(), Control::Secrets),
        (!plan.files.is_empty(), Control::Files),
        (plan.files.iter().any(|file| file.owner != plan.process.user), Control::FileOwners),
        (!plan.devices.is_empty(), Control::Devices),
        (plan.process.terminal == Terminal::Own, Control::Terminal),
        (plan.system.host_name.is_some(), Control::HostName),
        (plan.system.domain_name.is_some(), Control::DomainName),
        (!plan.system.hosts.is_empty(), Control::KnownHosts),
        (!plan.memory.is_empty(), Control::MemoryFolders),
        (plan.system.shm.is_some(), Control::SharedMemory),
        (plan.system.first == FirstProcess::Init, Control::Init),
        (!plan.system.sysctls.is_empty(), Control::Sysctls),
        (!plan.system.groups.is_empty(), Control::Groups),
        (plan.system.oom_score.is_some(), Control::OomScore),
    ];
    all.extend(asked.into_iter().filter(|(asked, _)| *asked).map(|(_, control)| control));
    all.sort();
    all.dedup();
    all
}

fn check(backend: &'static str, control: Control, table: &ControlTable) -> Result<(), PlanError> {
    if table.enforcer(control).is_some() {
        return Ok(());
    }
    let (why, remedy) = table.refusal(control).unwrap_or(("it is not in the table", None));
    Err(PlanError::NotEnforceable {
        backend,
        control,
        why: why.to_owned(),
        remedy: remedy.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spine::{request, spine};
    use perry_sandbox_policy::{
        Attachment, Enforcement, FileMode, FileSource, GivenFile, MemoryFolder, Mount, OomScore, Protocol,
        Publication, System, User, VolumeAccess, VolumeMount,
    };

    /// A plan without lines: what counts is what its fields say.
    fn plan() -> LaunchPlan {
        let mut plan = spine(&request(&["/bin/true"])).plan;
        plan.lines.clear();
        plan
    }

    /// One that asks for everything that can be asked for at once.
    fn greedy() -> LaunchPlan {
        let mut plan = plan();
        let target = || "/srv".parse().unwrap();
        let mount = |access| Mount { source: "/srv".to_owned(), target: target(), access };
        plan.mounts = [MountAccess::Read, MountAccess::Write, MountAccess::Execute].map(mount).into();
        plan.secrets = vec!["token".parse().unwrap()];
        let source = FileSource::Secret("token".parse().unwrap());
        let (path, owner) = ("/etc/token".parse().unwrap(), User { uid: 7, gid: 7 });
        plan.files = vec![GivenFile { source, path, owner, mode: FileMode::SECRET }];
        plan.devices = vec!["/dev/fuse".to_owned()];
        plan.networks = ["web", "service:db"].map(|network| Attachment::to(network.parse().unwrap())).into();
        let port = 80.try_into().unwrap();
        plan.publish = vec![Publication { on: "80".parse().unwrap(), port, protocol: Protocol::Tcp }];
        let (volume, path) = ("data".parse().unwrap(), "/data".parse().unwrap());
        plan.volumes = vec![VolumeMount { volume, path, access: VolumeAccess::Write }];
        plan.network = Network::Egress(vec!["a.example:443".to_owned()]);
        plan.rootfs = RootfsMode::Ephemeral;
        plan.process.terminal = Terminal::Own;
        let name = Some("edge".parse().unwrap());
        plan.system = System {
            host_name: name.clone(),
            domain_name: name,
            hosts: vec!["db=10.0.0.7".parse().unwrap()],
            shm: Some(plan.tmp),
            first: FirstProcess::Init,
            sysctls: vec!["net.core.somaxconn=9".parse().unwrap()],
            groups: [7.try_into().unwrap()].into(),
            oom_score: OomScore::try_from(7).ok(),
        };
        plan.memory = vec![MemoryFolder { path: "/run".parse().unwrap(), size: plan.tmp }];
        plan.memory_enforcement = MemoryEnforcement::Exact;
        plan
    }

    fn everything() -> ControlTable {
        Control::ALL.into_iter().map(|control| (control, Enforcement::By("a test".to_owned()))).collect()
    }

    #[test]
    fn a_plan_is_refused_when_any_line_of_it_is_not_held() {
        for plan in [plan(), greedy()] {
            assert_eq!(check_plan("native", &plan, &everything()), Ok(()));
            for control in demanded(&plan) {
                let why = "the test took it out".to_owned();
                let mut table = everything();
                table.set(control, Enforcement::Nobody { why: why.clone(), remedy: None });
                let refused = PlanError::NotEnforceable { backend: "native", control, why, remedy: None };
                assert_eq!(check_plan("native", &plan, &table), Err(refused));
                let without = Control::ALL.into_iter().filter(|one| *one != control);
                let table = without.map(|one| (one, Enforcement::By("a test".to_owned()))).collect();
                let refused = check_plan("native", &plan, &table);
                assert!(
                    matches!(refused, Err(PlanError::NotEnforceable { control: named, .. }) if named == control)
                );
            }
        }
    }

    #[test]
    fn what_the_fields_ask_for_is_demanded_whatever_the_lines_say() {
        // Of each pair a plan has one.
        let plain = [Control::NoNetwork, Control::ReadOnlyRoot, Control::MemoryWatched];
        let mut other = greedy();
        let wanted: Vec<Control> =
            Control::ALL.into_iter().filter(|control| !plain.contains(control)).collect();
        assert_eq!(demanded(&other), wanted);
        other.network = Network::None;
        other.rootfs = RootfsMode::ReadOnly;
        other.memory_enforcement = MemoryEnforcement::Watched;
        let demanded = demanded(&other);
        assert!(plain.iter().all(|control| demanded.contains(control)), "{demanded:?}");
    }

    #[test]
    fn a_line_of_the_plan_is_demanded_as_well() {
        let mut plan = spine(&request(&["/bin/true"])).plan;
        let Some(line) = plan.lines.first_mut() else { panic!("a plan has lines") };
        line.control = Control::Publish;
        assert!(demanded(&plan).contains(&Control::Publish));
        assert!(check_plan("podman", &plan, &everything()).is_err(), "it is for another backend");
    }
}
