//! An engine's stock: what there is of ours, what is made, and what is removed.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_reference::Digest;

use super::super::place::sweep;
use super::super::script::{Action, Backend};
use super::super::survey::{Backends, Means, Seen as Survey};
use super::super::tool::ToolError;
use super::error::StockError;
use super::new::{NewNetwork, NewVolume};
use super::question::{Engine, Kept, Question};
use super::read::{self, EngineImage, Form, Found, ListedImage, Network, Volume};
use super::words::{PROJECT, Project, StockKind, StockName};

/// How long an engine may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What of ours an engine has.
#[derive(Debug, Clone, Copy)]
pub struct Stock<'a> {
    engine: Engine<'a>,
    backend: &'static str,
    /// The folder of live sandboxes, and of what dead runners left.
    runtime: &'a Path,
}

impl Backends {
    /// The stock of an engine; `runtime` is a folder of the caller's own, where podman finds a configuration of ours.
    ///
    /// # Errors
    /// There is no such backend, it is no engine, or it does not answer here.
    pub fn stock<'a>(&'a self, name: &str, runtime: &'a Path) -> Result<Stock<'a>, StockError> {
        let Some((backend, seen)) = self.seen().find(|(backend, _)| backend.name() == name) else {
            let known = Self::names().find(|known| *known == name);
            return Err(known.map_or_else(|| StockError::Unknown(name.to_owned()), StockError::NoEngine));
        };
        match seen {
            Survey::Alive(means) => Stock::of(means, runtime),
            Survey::Absent { .. } if !backend.is_engine() => Err(StockError::NoEngine(backend.name())),
            Survey::Absent { why, remedy } => {
                Err(StockError::Absent { backend: name.to_owned(), why: why.clone(), remedy: remedy.clone() })
            }
        }
    }

    /// The preferred of all engines that are alive here.
    ///
    /// # Errors
    /// None is alive.
    pub fn any_stock<'a>(&'a self, runtime: &'a Path) -> Result<Stock<'a>, StockError> {
        let mut alive = self.seen().filter_map(|(_, seen)| match seen {
            Survey::Alive(means) => Stock::of(means, runtime).ok(),
            Survey::Absent { .. } => None,
        });
        alive.next().ok_or_else(|| StockError::Absent {
            backend: "podman, docker, nerdctl or apple".to_owned(),
            why: "no engine is alive".to_owned(),
            remedy: Some("see `perry-sandbox backends`".to_owned()),
        })
    }
}

impl<'a> Stock<'a> {
    fn of(means: &'a Means, runtime: &'a Path) -> Result<Self, StockError> {
        let backend = means.backend().name();
        let engine = Engine::of(means, runtime).ok_or(StockError::NoEngine(backend))?;
        Ok(Self { engine, backend, runtime })
    }

    /// Whose stock it is.
    pub const fn backend(&self) -> &'static str {
        self.backend
    }

    /// The verified images that were loaded for runs.
    ///
    /// # Errors
    /// The engine fails, or answers what cannot be used.
    pub fn images(&self) -> Result<Vec<ListedImage>, StockError> {
        let (action, body) = self.ask("list the images", &Question::Images)?;
        let seen = read::images(self.engine.form(), &body).map_err(|why| self.unusable(&action, why))?;
        let mut listed: Vec<ListedImage> = seen.iter().flat_map(read::Seen::listed).collect();
        listed.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        Ok(listed)
    }

    /// One of these.
    ///
    /// # Errors
    /// There is none, or the engine fails.
    pub fn image(&self, id: &Digest) -> Result<EngineImage, StockError> {
        self.require(id)?;
        let (action, body) = self.ask(&format!("inspect the image {id}"), &Question::Image(id))?;
        let seen = read::image(self.engine.form(), &body).and_then(|seen| seen.image(id));
        seen.map_err(|why| self.unusable(&action, why))
    }

    /// Takes our name from it; an image that has no other name is removed with it. The next run loads it again.
    ///
    /// # Errors
    /// There is none, a container uses it, or the engine fails.
    pub fn remove_image(&self, id: &Digest) -> Result<(), StockError> {
        self.require(id)?;
        self.ask(&format!("remove the image {id}"), &Question::RemoveImage(id)).map(drop)
    }

    fn require(&self, id: &Digest) -> Result<(), StockError> {
        if self.images()?.iter().any(|image| image.id == *id) {
            return Ok(());
        }
        Err(self.missing(StockKind::Image, id.as_str()))
    }

    /// The networks that we have made.
    ///
    /// # Errors
    /// The engine fails, or answers what cannot be used.
    pub fn networks(&self) -> Result<Vec<Network>, StockError> {
        self.ours(Kept::Networks, Found::network)
    }

    /// One of these.
    ///
    /// # Errors
    /// There is none, or one that we have not made, or the engine fails.
    pub fn network(&self, name: &StockName) -> Result<Network, StockError> {
        self.one(Kept::Networks, name, Found::network)
    }

    /// Makes one.
    ///
    /// # Errors
    /// There is one of this name, the engine fails, or makes something else.
    pub fn create_network(&self, new: &NewNetwork) -> Result<Network, StockError> {
        self.refuse_addresses(new)?;
        self.refuse_existing(Kept::Networks, &new.name)?;
        self.ask(&format!("create the network {}", new.name), &Question::CreateNetwork(new))?;
        let made = self.network(&new.name)?;
        let labels = new.labels.with_ours(StockKind::Network, &new.name);
        let wrong = if labels.iter().any(|(name, value)| made.labels.get(name) != Some(value)) {
            // It stays: it is somebody's who was faster.
            return Err(self.other(StockKind::Network, &new.name, "label"));
        } else if made.internal.is_some_and(|internal| internal != new.internal) {
            "reach"
        } else if new.addresses.as_ref().is_some_and(|all| !made.subnets.contains(&all.subnet().to_string()))
        {
            "subnet"
        } else {
            return Ok(made);
        };
        self.remove_network(&new.name)?;
        Err(self.other(StockKind::Network, &new.name, wrong))
    }

    /// Removes one.
    ///
    /// # Errors
    /// There is none, or one that we have not made, something uses it, or the engine fails.
    pub fn remove_network(&self, name: &StockName) -> Result<(), StockError> {
        self.end_network(&self.network(name)?)
    }

    /// Removes one that is of this project.
    ///
    /// # Errors
    /// It is of another project or of none, and as [`Stock::remove_network`].
    pub fn remove_network_of(&self, project: &Project, name: &StockName) -> Result<(), StockError> {
        let found = self.network(name)?;
        self.require_project(project, StockKind::Network, name, &found.labels)?;
        self.end_network(&found)
    }

    fn end_network(&self, found: &Network) -> Result<(), StockError> {
        // By what no other has, where the engine gives such a thing: the name may be another's by now. podman that is given
        // an id does not see that a container uses the network (seen in 4.3.1).
        let id = found.id.as_deref().filter(|id| is_id(id) && self.engine.form() != Form::Podman);
        let id = id.unwrap_or(found.name.as_str());
        let doing = format!("remove the network {}", found.name);
        self.swept(|| self.ask(&doing, &Question::Remove(Kept::Networks, id)).map(drop))
    }

    /// The volumes that we have made.
    ///
    /// # Errors
    /// The engine fails, or answers what cannot be used.
    pub fn volumes(&self) -> Result<Vec<Volume>, StockError> {
        self.ours(Kept::Volumes, Found::volume)
    }

    /// One of these.
    ///
    /// # Errors
    /// There is none, or one that we have not made, or the engine fails.
    pub fn volume(&self, name: &StockName) -> Result<Volume, StockError> {
        self.one(Kept::Volumes, name, Found::volume)
    }

    /// Makes one.
    ///
    /// # Errors
    /// There is one of this name, the engine fails, or makes something else.
    pub fn create_volume(&self, new: &NewVolume) -> Result<Volume, StockError> {
        // Docker's engine gives what is there already and calls it a success.
        self.refuse_existing(Kept::Volumes, &new.name)?;
        self.ask(&format!("create the volume {}", new.name), &Question::CreateVolume(new))?;
        let made = self.volume(&new.name)?;
        let labels = new.labels.with_ours(StockKind::Volume, &new.name);
        if labels.iter().all(|(name, value)| made.labels.get(name) == Some(value)) {
            let furnished = self.engine.place(&new.name).map_or(Ok(()), |place| place.furnish());
            let furnished = furnished.map_err(|source| StockError::Engine {
                doing: format!("create the volume {} of {}", new.name, self.backend),
                source: ToolError::Prepare { what: "the folders of the volume".to_owned(), source },
            });
            return furnished.map(|()| made);
        }
        // It stays: with other labels it is somebody's who was faster, and their data.
        Err(self.other(StockKind::Volume, &new.name, "label"))
    }

    /// Removes one, with all that is in it.
    ///
    /// # Errors
    /// There is none, or one that we have not made, something uses it, or the engine fails.
    pub fn remove_volume(&self, name: &StockName) -> Result<(), StockError> {
        self.end_volume(&self.volume(name)?.name)
    }

    /// Removes one that is of this project, with all that is in it.
    ///
    /// # Errors
    /// It is of another project or of none, and as [`Stock::remove_volume`].
    pub fn remove_volume_of(&self, project: &Project, name: &StockName) -> Result<(), StockError> {
        let found = self.volume(name)?;
        self.require_project(project, StockKind::Volume, name, &found.labels)?;
        self.end_volume(&found.name)
    }

    fn end_volume(&self, name: &StockName) -> Result<(), StockError> {
        self.swept(|| self.try_end_volume(name))
    }

    /// Removes something; where that fails, what dead runners left may hold it, and goes first.
    fn swept(&self, remove: impl Fn() -> Result<(), StockError>) -> Result<(), StockError> {
        remove().or_else(|error| if sweep(self.runtime) > 0 { remove() } else { Err(error) })
    }

    fn try_end_volume(&self, name: &StockName) -> Result<(), StockError> {
        if let Some(action) = self.engine.views(name) {
            let doing = || format!("look for what reads the volume {name} of {}", self.backend);
            let body =
                action.take(PATIENCE).map_err(|source| StockError::Engine { doing: doing(), source })?;
            let views = read::found(self.engine.form(), Kept::Volumes, &body);
            if !views.map_err(|why| self.unusable(&action, why))?.is_empty() {
                return Err(StockError::InUse { backend: self.backend, name: name.to_string() });
            }
        }
        let question = Question::Remove(Kept::Volumes, name.as_str());
        self.ask(&format!("remove the volume {name}"), &question).map(drop)
    }

    fn require_project(
        &self,
        project: &Project,
        kind: StockKind,
        name: &StockName,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), StockError> {
        if labels.get(PROJECT).map(String::as_str) == Some(project.as_str()) {
            return Ok(());
        }
        let (backend, name, project) = (self.backend, name.to_string(), project.to_string());
        Err(StockError::OtherProject { backend, kind, name, project })
    }

    fn ours<T>(&self, kept: Kept, read: fn(Found) -> Result<T, String>) -> Result<Vec<T>, StockError> {
        let (action, found) = self.find(kept, None)?;
        let mut ours: Vec<Found> = found.into_iter().filter(|found| found.is_ours(kept)).collect();
        ours.sort_by(|one, other| one.name.cmp(&other.name));
        ours.into_iter().map(|found| read(found).map_err(|why| self.unusable(&action, why))).collect()
    }

    fn one<T>(
        &self,
        kept: Kept,
        name: &StockName,
        read: fn(Found) -> Result<T, String>,
    ) -> Result<T, StockError> {
        let (action, found) = self.find(kept, Some(name))?;
        let named = found.into_iter().find(|found| found.name == name.as_str());
        let found = named.ok_or_else(|| self.missing(kept.kind(), name.as_str()))?;
        if !found.is_ours(kept) {
            let name = name.to_string();
            return Err(StockError::NotOurs { backend: self.backend, kind: kept.kind(), name });
        }
        read(found).map_err(|why| self.unusable(&action, why))
    }

    fn refuse_existing(&self, kept: Kept, name: &StockName) -> Result<(), StockError> {
        match self.one(kept, name, Ok) {
            Err(StockError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                Err(StockError::Exists { backend: self.backend, kind: kept.kind(), name: name.to_string() })
            }
        }
    }

    /// Refuses what the engine would not keep to.
    fn refuse_addresses(&self, new: &NewNetwork) -> Result<(), StockError> {
        let Some(addresses) = &new.addresses else { return Ok(()) };
        let why = match self.engine.form() {
            Form::Docker => return Ok(()),
            // With a gateway, podman gives the host that address in the network, though nothing leads out of it.
            Form::Podman | Form::Nerdctl if addresses.are_beside_gateway() => return Ok(()),
            Form::Podman | Form::Nerdctl => {
                "it would give a sandbox the gateway's address; name an `ip_range` in which the gateway is not, or leave the gateway out"
            }
            Form::Apple if addresses.gateway().is_none() && addresses.range().is_none() => return Ok(()),
            Form::Apple => "it takes neither a gateway nor a range of addresses; leave them out",
        };
        let (backend, name) = (self.backend, new.name.to_string());
        Err(StockError::Addresses { backend, name, why })
    }

    /// Networks or volumes, of which some may be neither ours nor of this name.
    fn find(&self, kept: Kept, name: Option<&StockName>) -> Result<(Action, Vec<Found>), StockError> {
        let doing = format!("list the {}s", kept.kind());
        let (mut action, mut body) = self.ask(&doing, &Question::Find(kept, name))?;
        let form = self.engine.form();
        if form == Form::Nerdctl {
            let names = read::names(kept, name, &body).map_err(|why| self.unusable(&action, why))?;
            if names.is_empty() {
                return Ok((action, Vec::new()));
            }
            (action, body) = self.ask(&doing, &Question::Describe(kept, &names))?;
        }
        let found = read::found(form, kept, &body).map_err(|why| self.unusable(&action, why))?;
        Ok((action, found))
    }

    fn ask(&self, doing: &str, question: &Question<'_>) -> Result<(Action, Vec<u8>), StockError> {
        let doing = || format!("{doing} of {}", self.backend);
        if let Engine::Podman(podman, runtime) = self.engine {
            podman.furnish(runtime).map_err(|source| StockError::Engine {
                doing: doing(),
                source: ToolError::Prepare { what: "podman's configuration".to_owned(), source },
            })?;
        }
        let action = self.engine.action(question);
        let body = action.take(PATIENCE).map_err(|source| StockError::Engine { doing: doing(), source })?;
        Ok((action, body))
    }

    fn unusable(&self, action: &Action, why: String) -> StockError {
        StockError::Engine { doing: format!("read what {} has", self.backend), source: action.unusable(why) }
    }

    fn missing(&self, kind: StockKind, name: &str) -> StockError {
        StockError::Missing { backend: self.backend, kind, name: name.to_owned() }
    }

    fn other(&self, kind: StockKind, name: &StockName, part: &'static str) -> StockError {
        StockError::Other { backend: self.backend, kind, name: name.to_string(), part }
    }
}

/// Whether an engine's own name of something can be given back to it as one.
fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Backend {
    /// Whether it keeps images, networks and volumes.
    const fn is_engine(self) -> bool {
        !matches!(self, Self::Runsc | Self::Microvm | Self::Wasm)
    }
}
