//! What a plan will promise, line by line.

use std::collections::BTreeMap;

use perry_sandbox_profiles::Arch;

use super::backend::Demands;
use super::ceiling::Applied;
use super::grants::listed;
use super::memory::Room;
use super::project::{Project, in_words};
use super::system::lines;
use super::verdict::linux_caps;
use crate::control::Control;
use crate::evidence::Evidence;
use crate::file::GivenFile;
use crate::grants::Grants;
use crate::pattern::{HostPath, PatternSet};
use crate::plan::{Mount, MountAccess, Process, Terminal};
use crate::project::Attachment;
use crate::quantity::Limits;
use crate::source::Span;
use crate::system::System;

/// What a plan will promise, before anybody is asked to hold it.
pub(super) struct Wanted<'a> {
    pub(super) process: &'a Process,
    pub(super) grants: &'a Grants,
    pub(super) mounts: &'a [Mount],
    pub(super) files: &'a [GivenFile],
    pub(super) project: &'a Project<'a>,
    pub(super) system: &'a System,
    pub(super) room: &'a Room,
    pub(super) limits: &'a Limits,
    pub(super) evidence: &'a Evidence,
}

impl Wanted<'_> {
    pub(super) fn demands(&self, applied: &Applied<'_>) -> Demands {
        let ceiling = &applied.ceiling;
        let mut demands = Demands { lines: BTreeMap::new(), spans: BTreeMap::new() };
        let lines = &mut demands.lines;
        let seccomp = &ceiling.seccomp.value;
        let arch = match self.evidence.platform.architecture() {
            "amd64" => Some(Arch::X86_64),
            "arm64" => Some(Arch::Aarch64),
            _ => Arch::host(),
        };
        let calls = arch.map_or_else(String::new, |arch| format!(", {} calls", seccomp.call_count(arch)));
        let user = self.process.user;
        lines.extend([
            (Control::Namespaces, self.namespaces().to_owned()),
            (Control::LinuxCaps, linux_caps(self.grants).to_string()),
            (Control::NoNewPrivileges, "none can be gained".to_owned()),
            (Control::Seccomp, format!("{}{calls}", seccomp.name())),
            (Control::MaskedPaths, "/proc and /sys".to_owned()),
            (Control::RemovedAtExit, "nothing is left".to_owned()),
            (Control::Tmp, self.room.tmp.to_string()),
            (Control::Env, format!("{} variables", self.process.env.len())),
            (Control::User, format!("{}:{}", user.uid, user.gid)),
            // Stands for watched memory too, until the backend is known.
            (Control::MemoryExact, self.limits.memory.to_string()),
            (Control::Cpu, self.limits.cpu.to_string()),
            (Control::Pids, self.limits.pids.to_string()),
            (Control::Wall, self.limits.wall.to_string()),
            (Control::Output, self.limits.output.to_string()),
            (Control::Disk, self.limits.disk.to_string()),
            (Control::OpenFiles, self.limits.open_files.to_string()),
        ]);
        self.granted(&mut demands);
        demands.spans.extend([
            (Control::Seccomp, ceiling.seccomp.span),
            (Control::User, ceiling.user.span),
            (Control::Cpu, ceiling.limits.cpu.span),
            (Control::Pids, ceiling.limits.pids.span),
            (Control::Wall, ceiling.limits.wall.span),
            (Control::Output, ceiling.limits.output.span),
            (Control::Disk, ceiling.limits.disk.span),
            (Control::Tmp, ceiling.limits.disk.span),
            (Control::OpenFiles, ceiling.limits.open_files.span),
        ]);
        demands
    }

    /// The namespaces that are the sandbox's own.
    fn namespaces(&self) -> &'static str {
        let shares = self.project.wanted.networks.iter().any(|one| one.network.shared().is_some());
        if shares { "user, pid, mount, ipc, uts, cgroup" } else { "user, pid, mount, ipc, uts, cgroup, net" }
    }

    /// Lines that are there only if something is granted.
    fn granted(&self, demands: &mut Demands) {
        let (grants, project) = (self.grants, self.project);
        let mut add = |control: Control, value: String, span: Option<Option<Span>>| {
            demands.lines.insert(control, value);
            demands.spans.insert(control, span.flatten());
        };
        let wanted = project.wanted;
        if wanted.networks.is_empty() {
            // A list of hosts needs the absence of every other way out as well.
            let value = if grants.egress.is_empty() { "none" } else { "none but the egress proxy" };
            add(Control::NoNetwork, value.to_owned(), None);
        } else {
            let is_shared = |one: &&Attachment| one.network.shared().is_some();
            for (control, shares) in [(Control::ProjectNetworks, false), (Control::SharedNetwork, true)] {
                let these = wanted.networks.iter().filter(|one| is_shared(one) == shares);
                let names = in_words(these.map(|attachment| &attachment.network));
                if !names.is_empty() {
                    add(control, names, Some(project.networks));
                }
            }
        }
        if !grants.egress.is_empty() {
            add(Control::Egress, listed(&grants.egress), grants.egress.iter().next().map(|(_, at)| at));
        }
        if !wanted.publish.is_empty() {
            add(Control::Publish, in_words(&wanted.publish), Some(project.publish));
        }
        if !wanted.volumes.is_empty() {
            add(Control::Volumes, in_words(&wanted.volumes), Some(project.volumes));
        }
        let with = |access| in_words(self.mounts.iter().filter(move |mount| mount.access == access));
        let first = |set: &PatternSet<HostPath>| set.iter().next().map(|(_, at)| at);
        let read = with(MountAccess::Read);
        if !read.is_empty() {
            add(Control::MountsRead, read, first(&grants.mounts_only_read()));
        }
        let write = with(MountAccess::Write);
        if !write.is_empty() {
            add(Control::MountsWrite, write, first(&grants.mounts_write));
        }
        let exec = with(MountAccess::Execute);
        if !exec.is_empty() {
            add(Control::MountsExec, format!("{exec} (execute)"), first(&grants.mounts_exec));
        }
        if !grants.devices.is_empty() {
            add(Control::Devices, listed(&grants.devices), grants.devices.iter().next().map(|(_, at)| at));
        }
        if !grants.secrets.is_empty() {
            add(Control::Secrets, listed(&grants.secrets), grants.secrets.iter().next().map(|(_, at)| at));
        }
        if !self.files.is_empty() {
            add(Control::Files, in_words(self.files), None);
        }
        let user = self.process.user;
        let others: Vec<String> = self.files.iter().filter(|file| file.owner != user).map(owned).collect();
        if !others.is_empty() {
            add(Control::FileOwners, others.join(", "), None);
        }
        if self.process.terminal == Terminal::Own {
            add(Control::Terminal, "its own".to_owned(), None);
        }
        if !self.room.folders.is_empty() {
            add(Control::MemoryFolders, in_words(&self.room.folders), None);
        }
        for (control, value) in lines(self.system) {
            add(control, value, None);
        }
    }
}

fn owned(file: &GivenFile) -> String {
    format!("{} of {}:{}", file.path, file.owner.uid, file.owner.gid)
}
