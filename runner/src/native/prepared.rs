//! The way from a plan into this backend.

use std::fmt;
use std::io;

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::{ControlTable, LaunchPlan};
use serde::Serialize;

use super::cgroup::Group;
use super::facts::room;
use super::failure::RunError;
use super::ids::Ids;
use super::launcher::Launcher;
use super::owners;
use super::plan::{PlanError, settings};
use super::recorder::Recorder;
use super::run::{Finished, Place, run};
use super::settings::{RootFolder, Settings};
use super::spec::{Ground, Spec};
use super::start::StartError;
use super::warm::Warmth;
use crate::io::Streams;
use crate::launch::Surroundings;

/// A plan that has been checked against this host.
#[derive(Debug)]
pub(crate) struct Prepared {
    settings: Settings,
    root: RootFolder,
    /// Where the plan wants sandboxes kept ready.
    warmth: Option<Warmth>,
}

impl Prepared {
    /// Checks every line of the plan before anything starts.
    pub(crate) fn new(plan: &LaunchPlan, rootfs: &Rootfs, table: &ControlTable) -> Result<Self, PlanError> {
        let settings = settings(plan, table)?;
        let unreadable = |error: io::Error| PlanError::RootFolder(error.to_string());
        let folder = rootfs.dir().try_clone_to_owned().map_err(unreadable)?;
        // Links on the way to the store are followed here, once; the child opens the result without following any.
        let path = rootfs.path().canonicalize().map_err(unreadable)?;
        let count = plan.warm.and_then(|warm| usize::try_from(warm.get()).ok());
        let warmth = count.map(|count| Ok(Warmth { count, lock: rootfs.hold()? }));
        let warmth = warmth.transpose().map_err(unreadable)?;
        Ok(Self { settings, root: RootFolder { path, folder }, warmth })
    }

    /// Runs it, once `before` is done.
    pub(crate) fn run(
        &self,
        streams: Streams,
        surroundings: &Surroundings<'_>,
        (launcher, recorder): (Option<&Launcher>, Option<&Recorder>),
        before: &(dyn Fn() -> io::Result<()> + Sync),
    ) -> Result<Finished, RunError> {
        let place = Place {
            room: room(),
            live: surroundings.runtime,
            window: surroundings.window,
            launcher,
            warmth: self.warmth.as_ref(),
            secrets: surroundings.secrets,
            observer: None,
            recorder,
            before: Some(before),
        };
        run(&self.settings, &self.root, streams, surroundings.commands, &place)
    }

    /// What a process elsewhere needs to run it.
    pub(crate) const fn parts(&self) -> (&Settings, &RootFolder) {
        (&self.settings, &self.root)
    }

    /// Says what would be done.
    pub(crate) fn dry_run(&self) -> Result<DryRun, RunError> {
        let group = room().plan("NAME");
        let joined = group.as_ref().map(Group::joined);
        let spec = Spec::assemble(&self.settings, &Ground::survey(&self.settings, &self.root, joined)?)?;
        let ids = match spec.ids {
            Ids::Range => "a range of ids that nobody else has".to_owned(),
            Ids::Single { uid, gid } => format!("user {uid} and group {gid} of the host, and no other id"),
        };
        Ok(DryRun {
            ids,
            limits: if group.is_some() { "a cgroup" } else { "resource limits and the supervisor" },
            owners: self.owners(spec.ids)?,
            steps: spec.steps.iter().map(ToString::to_string).collect(),
        })
    }
}

impl Prepared {
    /// As root: whose the files of each mounted folder are, found by trying.
    fn owners(&self, ids: Ids) -> Result<Vec<String>, RunError> {
        if ids != Ids::Range {
            return Ok(Vec::new());
        }
        let Settings { mounts, uid, gid, .. } = &self.settings;
        let each = mounts.iter().map(|mount| owners::describe(&mount.path, (*uid, *gid)));
        Ok(each.collect::<Result<_, _>>().map_err(StartError::Owners)?)
    }
}

/// Exactly what would be executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DryRun {
    /// Whose ids the sandbox's ids are.
    pub ids: String,
    /// What counts memory, processes and processor time.
    pub limits: &'static str,
    /// As root: whose the files of each mounted folder are inside.
    pub owners: Vec<String>,
    /// What the new process does, in order.
    pub steps: Vec<String>,
}

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "clone3 with own user, mount, pid, network, ipc and uts namespaces")?;
        writeln!(f, "ids inside are {}; limits are held by {}", self.ids, self.limits)?;
        self.owners.iter().try_for_each(|owners| writeln!(f, "{owners}"))?;
        (1..).zip(&self.steps).try_for_each(|(number, step): (u32, _)| writeln!(f, "{number:4}  {step}"))
    }
}
