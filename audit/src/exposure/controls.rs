//! The controls, their weights, and how much of each a launch leaves open.

use crate::launch::{Launch, MountKind, NamespaceMode, Origin, SeccompChoice, SecurityOpt};
use crate::place::Placed;
use crate::rules::{handed, is_all, is_loopback, is_sensitive};

/// The whole of a control.
pub(super) const WHOLE: u32 = 1000;

/// One control.
#[derive(Debug)]
pub struct Control {
    /// Its name.
    pub name: &'static str,
    /// Its weight; all weights make a hundred.
    pub weight: u32,
    /// How much of it is open, in thousandths.
    open: fn(&Launch) -> u32,
}

impl Control {
    /// How much of it a launch leaves open, in thousandths.
    pub fn open(&self, launch: &Launch) -> u32 {
        (self.open)(launch).min(WHOLE)
    }
}

const fn control(name: &'static str, weight: u32, open: fn(&Launch) -> u32) -> Control {
    Control { name, weight, open }
}

/// The controls; their weights make a hundred.
///
/// INVARIANT: each share falls or stays when a field that it reads is tightened.
pub static CONTROLS: [Control; 28] = [
    control("a kernel of its own", 12, isolation),
    control("no control sockets", 6, |launch| {
        let mut files = launch.host_files.iter().map(|file| file.path.value.as_str());
        whole(hosts(launch).any(|path| handed(path).is_some()) || files.any(|path| handed(path).is_some()))
    }),
    control("no system folders", 4, |launch| {
        whole(hosts(launch).any(|path| path == "/" || is_sensitive(path)))
    }),
    control("no writable folders of the host", 2, |launch| {
        whole(launch.mounts.iter().any(|mount| mount.host.is_some() && !mount.read_only))
    }),
    control("not privileged", 5, |launch| whole(is_privileged(launch))),
    control("no Linux caps added", 4, |launch| {
        let added = u32::try_from(launch.cap_add.len()).unwrap_or(WHOLE).saturating_mul(250);
        if is_privileged(launch) || launch.cap_add.iter().any(|cap| is_all(&cap.value)) {
            WHOLE
        } else {
            added
        }
    }),
    control("all Linux caps dropped", 3, |launch| {
        whole(is_privileged(launch) || !launch.cap_drop.iter().any(|cap| is_all(&cap.value)))
    }),
    control("seccomp", 10, seccomp),
    control("no network of the host", 4, |launch| whole(is_host(launch.namespaces.network.as_ref()))),
    control("no ports to the outside", 2, |launch| {
        whole(launch.ports.iter().any(|port| !port.address.as_deref().is_some_and(is_loopback)))
    }),
    control("no network", 2, |launch| whole(!launch.has_no_network)),
    control("processes of its own", 2, |launch| whole(is_shared(launch.namespaces.pid.as_ref()))),
    control("shared memory of its own", 2, |launch| whole(is_shared(launch.namespaces.ipc.as_ref()))),
    control("users of its own", 3, |launch| {
        whole(!launch.namespaces.user.as_ref().is_some_and(|mode| mode.value == NamespaceMode::Own))
    }),
    control("host name and control groups of its own", 1, |launch| {
        let spaces = &launch.namespaces;
        whole(is_host(spaces.uts.as_ref()) || is_host(spaces.cgroup.as_ref()))
    }),
    control("image by digest", 5, |launch| {
        whole(!launch.image.as_ref().is_some_and(|image| image.value.contains("@sha256:")))
    }),
    // Neither Compose nor a command line nor a Pod can say who must have signed.
    control("image signed", 5, |_| WHOLE),
    control("not root", 6, |launch| {
        let user =
            launch.user.as_ref().map(|user| user.value.split(':').next().unwrap_or_default().to_owned());
        whole(user.is_none_or(|user| user == "root" || user.parse::<u64>() == Ok(0)))
    }),
    control("root file system read-only", 4, |launch| {
        whole(!launch.read_only.as_ref().is_some_and(|said| said.value))
    }),
    control("no new privileges", 5, |launch| {
        let said = launch.security.iter().any(|option| option.value == SecurityOpt::NoNewPrivileges(true));
        whole(!said)
    }),
    control("limit of memory", 1, |launch| limited(launch.limits.memory.as_ref())),
    control("limit of processors", 1, |launch| limited(launch.limits.cpu.as_ref())),
    control("limit of processes", 1, |launch| limited(launch.limits.pids.as_ref())),
    control("limit of open files", 1, |launch| limited(launch.limits.open_files.as_ref())),
    control("limit of disk", 1, |launch| limited(launch.limits.disk.as_ref())),
    control("limit of what is logged", 1, |launch| limited(launch.limits.log.as_ref())),
    control("no devices", 4, |launch| {
        u32::try_from(launch.devices.len()).unwrap_or(WHOLE).saturating_mul(500)
    }),
    control("no secrets in the environment", 3, |launch| whole(launch.holds_literals)),
];

const fn whole(open: bool) -> u32 {
    if open { WHOLE } else { 0 }
}

fn hosts(launch: &Launch) -> impl Iterator<Item = &str> {
    let bound = |mount: &&crate::launch::Mount| mount.kind == MountKind::Bind || mount.host.is_some();
    launch.mounts.iter().filter(bound).filter_map(|mount| mount.host.as_ref()).map(|host| host.value.as_str())
}

fn is_privileged(launch: &Launch) -> bool {
    launch.privileged.as_ref().is_some_and(|said| said.value)
}

fn is_host(mode: Option<&Placed<NamespaceMode>>) -> bool {
    mode.is_some_and(|mode| mode.value == NamespaceMode::Host)
}

fn is_shared(mode: Option<&Placed<NamespaceMode>>) -> bool {
    mode.is_some_and(|mode| mode.value != NamespaceMode::Own)
}

fn limited(limit: Option<&Placed<f64>>) -> u32 {
    whole(!limit.is_some_and(|limit| limit.value > 0.0))
}

fn isolation(launch: &Launch) -> u32 {
    let runtime = launch.runtime.as_ref().map_or("", |runtime| runtime.value.as_str());
    if runtime.contains("kata") || runtime.contains("firecracker") {
        100
    } else if runtime.contains("runsc") || runtime.contains("gvisor") {
        400
    } else {
        WHOLE
    }
}

/// Of what an engine's own filter admits, some nine tenths of all calls; a file of one's own is taken for half of that.
fn seccomp(launch: &Launch) -> u32 {
    let said = launch.security.iter().rev().find_map(|option| match &option.value {
        SecurityOpt::Seccomp(choice) => Some(choice),
        _ => None,
    });
    // A Pod has no filter unless it says so.
    let unsaid = if launch.origin == Origin::Pod { WHOLE } else { 850 };
    match said {
        _ if is_privileged(launch) => WHOLE,
        Some(SeccompChoice::Unconfined) => WHOLE,
        Some(SeccompChoice::Builtin) => 850,
        Some(SeccompChoice::File(_)) => 425,
        None => unsaid,
    }
}
