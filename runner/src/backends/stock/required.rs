//! Networks and volumes of a project that must be there before a sandbox of it is made.
//!
//! Engines make a volume that is not there, and let a sandbox join whatever has the name. So the engine is asked first, by a
//! question that is data like the rest of a script, and its answer decides.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use perry_sandbox_policy::{LaunchPlan, VolumeAccess};
use serde::{Deserialize, Serialize};

use super::super::docker::VolumePlace;
use super::super::podman;
use super::super::project::STRAY;
use super::super::script::{Action, Backend};
use super::super::tool::ToolError;
use super::error::StockError;
use super::question::{Engine, Kept, Question};
use super::read::{self, Form, Found};
use super::words::{PROJECT, Project, StockName, WordError};

/// Whose a network or volume must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Whose {
    /// This project's.
    Project(Project),
    /// Any project's: a policy grants it by its whole name.
    AnyProject,
}

/// A network or volume that must be there, of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Required {
    backend: Backend,
    kept: Kept,
    name: StockName,
    whose: Whose,
    ask: Action,
    form: Form,
    /// Who gets a volume that belongs to nobody yet: a user of the host.
    owner: Option<(u32, u32)>,
    /// Where a volume must be, with options of ours, where flags of a mount say nothing about it.
    place: Option<VolumePlace>,
    /// What removes a volume that the engine has made by itself, because it had gone when a sandbox was to have it.
    #[serde(default)]
    remove: Option<Action>,
}

impl Required {
    /// All that the plan joins and mounts; `owner` is its user on the host.
    pub(in super::super) fn of(
        plan: &LaunchPlan,
        engine: Engine<'_>,
        backend: Backend,
        owner: Option<(u32, u32)>,
    ) -> Result<Vec<Self>, WordError> {
        let Some(project) = plan.service.as_ref().map(Project::of) else { return Ok(Vec::new()) };
        let own = || Whose::Project(project.clone());
        let required = |kept: Kept, name: Result<StockName, WordError>, whose, owner| {
            let name = name?;
            let ask = engine.action(&Question::Find(kept, Some(&name)));
            let place = engine.place(&name).filter(|_| kept == Kept::Volumes);
            let remove = place.is_some().then(|| engine.action(&Question::Remove(kept, name.as_str())));
            Ok(Self { backend, kept, name, whose, ask, form: engine.form(), owner, place, remove })
        };
        let networks = plan.networks.iter().map(|one| {
            let whose = if one.network.external().is_some() { Whose::AnyProject } else { own() };
            required(Kept::Networks, StockName::of_network(&project, &one.network), whose, None)
        });
        let volumes = plan.volumes.iter().map(|one| {
            let owner = owner.filter(|_| one.access == VolumeAccess::Write);
            let whose = if one.volume.external().is_some() { Whose::AnyProject } else { own() };
            required(Kept::Volumes, StockName::of_volume(&project, &one.volume), whose, owner)
        });
        networks.chain(volumes).collect()
    }

    /// Whether it must be looked at before a sandbox is made, not only before that is started: a Docker engine joins networks at
    /// the start, and what it makes of a volume that is not there is known by its label.
    pub(in super::super) const fn comes_first(&self) -> bool {
        match (self.form, self.kept) {
            (Form::Docker, Kept::Networks) => false,
            (Form::Docker, Kept::Volumes) => self.remove.is_none(),
            (Form::Podman | Form::Nerdctl | Form::Apple, Kept::Networks | Kept::Volumes) => true,
        }
    }

    /// Asks for it: anything but one of ours, of this project, and without a way out, is an error.
    pub(in super::super) fn check(&self, within: Duration) -> Result<(), StockError> {
        let doing = || format!("look at the {} {} of {}", self.kept.kind(), self.name, self.backend.name());
        let failed = |source| StockError::Engine { doing: doing(), source };
        let found = self.find(within).map_err(failed)?.filter(|found| !found.labels.contains_key(STRAY));
        let (backend, kind, name) = (self.backend.name(), self.kept.kind(), self.name.to_string());
        let Some(found) = found else { return Err(StockError::Missing { backend, kind, name }) };
        if !found.is_ours(self.kept) {
            return Err(StockError::NotOurs { backend, kind, name });
        }
        let of = found.labels.get(PROJECT).map(String::as_str);
        if let Whose::Project(project) = &self.whose
            && of != Some(project.as_str())
        {
            let project = project.to_string();
            return Err(StockError::OtherProject { backend, kind, name, project });
        }
        match self.kept {
            Kept::Networks => {
                if let Some(why) = way_out(&found) {
                    return Err(StockError::Open { backend, name, why });
                }
                if self.backend == Backend::Podman {
                    // Where that is not possible it is joined all the same, and podman may leave an empty namespace.
                    podman::share().ok();
                }
                Ok(())
            }
            Kept::Volumes if !self.is_held(&found) => Err(StockError::Executable { backend, name }),
            Kept::Volumes => self.own(&found).map_err(failed),
        }
    }

    fn find(&self, within: Duration) -> Result<Option<Found>, ToolError> {
        let body = self.ask.take(within)?;
        let found = read::found(self.form, self.kept, &body).map_err(|why| self.ask.unusable(why))?;
        Ok(found.into_iter().find(|found| found.name == self.name.as_str()))
    }

    /// Removes the volume if the engine has made it by itself for the sandbox of this name, which is gone.
    pub(in super::super) fn forget_stray(&self, sandbox: &str, within: Duration) -> Result<(), ToolError> {
        let Some(remove) = &self.remove else { return Ok(()) };
        let found = self.find(within)?;
        let made_for = found.as_ref().and_then(|found| found.labels.get(STRAY));
        if made_for.is_some_and(|name| name == sandbox) {
            remove.take(within)?;
        }
        Ok(())
    }

    /// Whether nothing is executed in a volume, by options of its own or by flags of each mount.
    fn is_held(&self, found: &Found) -> bool {
        let holds = |place: &VolumePlace| {
            place.holds(found.driver.as_deref(), &found.options, found.mountpoint.as_deref())
        };
        self.place.as_ref().is_none_or(holds)
    }

    /// Gives a volume that nobody has used to the plan's user.
    fn own(&self, found: &Found) -> Result<(), ToolError> {
        let failed = |source| {
            let what = format!("the folder of the volume `{}` for its user", self.name);
            ToolError::Prepare { what, source }
        };
        if let Some(place) = &self.place {
            // A process that was killed may have made the volume only.
            place.furnish().map_err(failed)?;
        }
        let Some(owner) = self.owner else { return Ok(()) };
        let folder = found.mountpoint.as_deref().map(PathBuf::from).filter(|folder| folder.is_absolute());
        let folder = self.place.as_ref().map(VolumePlace::data).or(folder);
        let folder = folder.ok_or_else(|| self.ask.unusable("it does not say where its files are"))?;
        give(&folder, owner).map_err(failed)
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (self.kept.kind(), &self.name);
        match &self.whose {
            Whose::Project(project) => {
                write!(f, "the {kind} {name} must be there, of the project {project}: {}", self.ask)?;
            }
            Whose::AnyProject => write!(f, "the {kind} {name} must be there, of any project: {}", self.ask)?,
        }
        if self.place.is_some() {
            f.write_str("; its options must say nosuid, nodev and noexec")?;
        }
        if self.owner.is_some() {
            f.write_str("; while it is empty and root's, it is given to the sandbox's user")?;
        }
        Ok(())
    }
}

/// What of a network leads out of it.
fn way_out(found: &Found) -> Option<&'static str> {
    if found.internal != Some(true) {
        return Some("it is not internal");
    }
    if !found.is_apart {
        return Some("the host has an address or a name service in it");
    }
    // The sandbox has no IPv6: its addresses of the link would reach the host's own.
    found.subnets.iter().any(|subnet| subnet.contains(':')).then_some("it has IPv6 addresses")
}

/// Gives an empty folder of root's to a user.
///
/// SECURITY: sandboxes write into it, at this moment perhaps. So nothing below it is touched or followed, and what has an
/// owner keeps it.
fn give(folder: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let folder: File = OpenOptions::new().read(true).custom_flags(flags).open(folder)?;
    let is_empty = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))?.next().is_none();
    if folder.metadata()?.uid() == 0 && is_empty { fchown(&folder, Some(uid), Some(gid)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use perry_sandbox_testkit::as_root;

    use super::*;

    #[test]
    fn an_empty_folder_of_roots_is_given_away_once_and_no_link_is_followed() {
        if !as_root() {
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        let (empty, full, link) =
            (scratch.path().join("empty"), scratch.path().join("full"), scratch.path().join("link"));
        fs::create_dir(&empty).unwrap();
        fs::create_dir_all(full.join("x")).unwrap();
        std::os::unix::fs::symlink(&empty, &link).unwrap();
        assert!(give(&link, (7, 7)).is_err());
        give(&full, (7, 7)).unwrap();
        give(&empty, (7, 7)).unwrap();
        give(&empty, (8, 8)).unwrap();
        assert_eq!((owner(&empty), owner(&full), owner(&full.join("x"))), (7, 0, 0));
    }
}
