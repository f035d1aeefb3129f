//! The way from a plan into this backend.

use std::io;

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::{ControlTable, LaunchPlan};

use super::cgroup::Group;
use super::facts::room;
use super::failure::RunError;
use super::ids::Ids;
use super::launcher::Launcher;
use super::owners;
use super::plan::settings;
use super::recorder::Recorder;
use super::run::{Finished, Place, run};
use super::settings::{NetworkWish, RootFolder, Settings};
use super::spec::{Ground, Spec};
use super::start::StartError;
use super::warm::Warmth;
use crate::demands::PlanError;
use crate::io::Streams;
use crate::launch::Surroundings;
use crate::project::{networks_of, shared_by, volumes_of};

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
        let mut settings = settings(plan, table)?;
        settings.volumes = volumes_of(plan, rootfs.store())?;
        settings.networks = networks_of(plan)?;
        settings.beside = shared_by(plan)?;
        let unreadable = |error: io::Error| PlanError::RootFolder(error.to_string());
        let root = RootFolder::of(rootfs).map_err(unreadable)?;
        let count = plan.warm.and_then(|warm| usize::try_from(warm.get()).ok());
        let warmth = count.map(|count| Ok(Warmth { count, lock: rootfs.hold()? }));
        let warmth = warmth.transpose().map_err(unreadable)?;
        Ok(Self { settings, root, warmth })
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
            publisher: None,
            before: Some(before),
        };
        run(&self.settings, &self.root, streams, surroundings.commands, &place)
    }

    /// What a process elsewhere needs to run it.
    pub(crate) fn into_parts(self) -> (Settings, RootFolder) {
        (self.settings, self.root)
    }

    /// Says what would be done, line by line.
    pub(crate) fn dry_run(&self) -> Result<Vec<String>, RunError> {
        let group = room().plan("NAME");
        let joined = group.as_ref().map(Group::joined);
        let spec = Spec::assemble(&self.settings, &Ground::survey(&self.settings, &self.root, joined)?)?;
        let ids = match spec.ids {
            Ids::Range => "a range of ids that nobody else has".to_owned(),
            Ids::Single { uid, gid } => format!("user {uid} and group {gid} of the host, and no other id"),
        };
        let limits = if group.is_some() { "a cgroup" } else { "resource limits and the supervisor" };
        let head = [
            "clone3 with own user, mount, pid, network, ipc and uts namespaces".to_owned(),
            format!("ids inside are {ids}; limits are held by {limits}"),
        ];
        let owners = self.owners(spec.ids)?;
        let steps = (1..).zip(&spec.steps).map(|(number, step): (u32, _)| format!("{number:4}  {step}"));
        Ok(head.into_iter().chain(owners).chain(self.networks()).chain(steps).collect())
    }
}

impl Prepared {
    /// What the parent does about networks while the child waits to be let go.
    fn networks(&self) -> impl Iterator<Item = String> {
        let beside = self.settings.beside.iter();
        let beside = beside.map(|service| {
            format!(
                "it is made in the network namespace of {service}, which must run, and sees its /etc/hosts"
            )
        });
        let joined = self.settings.networks.iter().zip(0_u8..).map(|(wish, number)| {
            let NetworkWish { name, aliases, address, links, .. } = wish;
            let address = address.map_or_else(|| "a free address".to_owned(), |address| address.to_string());
            let names = if aliases.is_empty() { "no name".to_owned() } else { aliases.join(", ") };
            let links = links.iter().map(|link| format!(", and {} for {}", link.alias, link.name));
            let links = links.collect::<Vec<_>>().concat();
            format!(
                "eth{number} is connected to the network {name}, with {address} and {names}{links} in /etc/hosts"
            )
        });
        beside.chain(joined)
    }
}

impl RootFolder {
    /// The image's tree in the store.
    pub(crate) fn of(rootfs: &Rootfs) -> io::Result<Self> {
        let folder = rootfs.dir().try_clone_to_owned()?;
        // Links on the way to the store are followed here, once; the child opens the result without following any.
        Ok(Self { path: rootfs.path().canonicalize()?, folder })
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
