//! What is asked of an engine, and by which call or exchange.

use std::path::Path;

use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::super::apple::Apple;
use super::super::docker::{Docker, VolumePlace};
use super::super::images::tag;
use super::super::nerdctl::Nerdctl;
use super::super::podman::Podman;
use super::super::script::Action;
use super::super::survey::Means;
use super::new::{Addresses, NewNetwork, NewVolume};
use super::read::Form;
use super::words::{StockKind, StockName};
use super::{apple, docker, nerdctl, podman};

/// The whole name of the image that an engine knows by this digest.
pub(in super::super) fn image_name(id: &Digest) -> String {
    tag(id.as_str())
}

/// Networks or volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) enum Kept {
    Networks,
    Volumes,
}

impl Kept {
    pub(in super::super) const fn kind(self) -> StockKind {
        match self {
            Self::Networks => StockKind::Network,
            Self::Volumes => StockKind::Volume,
        }
    }

    /// The word that engines' clients have for it.
    pub(in super::super) const fn word(self) -> &'static str {
        self.kind().as_str()
    }
}

/// One thing that is asked.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Question<'a> {
    /// Which images have a name of ours.
    Images,
    /// What that image is.
    Image(&'a Digest),
    /// To take our name from that image, and with its last name the image.
    RemoveImage(&'a Digest),
    /// Which there are: those that may be of ours, or those that may have this name. The answer may have more.
    Find(Kept, Option<&'a StockName>),
    /// What these are, where the engine did not say it with their names.
    Describe(Kept, &'a [StockName]),
    /// To make a network.
    CreateNetwork(&'a NewNetwork),
    /// To make a volume.
    CreateVolume(&'a NewVolume),
    /// To remove the one that the engine calls this.
    Remove(Kept, &'a str),
}

/// An engine that keeps something.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Engine<'a> {
    /// With the folder of its configuration.
    Podman(&'a Podman, &'a Path),
    Docker(&'a Docker),
    Nerdctl(&'a Nerdctl),
    Apple(&'a Apple),
}

impl<'a> Engine<'a> {
    /// Of what is known of a backend; none where it is no engine.
    pub(in super::super) const fn of(means: &'a Means, runtime: &'a Path) -> Option<Self> {
        match means {
            Means::Podman(podman) => Some(Self::Podman(podman, runtime)),
            Means::Docker(docker) => Some(Self::Docker(docker)),
            Means::Nerdctl(nerdctl) => Some(Self::Nerdctl(nerdctl)),
            Means::Apple(apple) => Some(Self::Apple(apple)),
            Means::Runsc(_) | Means::Microvm(_) | Means::Wasm => None,
        }
    }

    /// Whose form its answers have.
    pub(in super::super) const fn form(self) -> Form {
        match self {
            Self::Podman(..) => Form::Podman,
            Self::Docker(_) => Form::Docker,
            Self::Nerdctl(_) => Form::Nerdctl,
            Self::Apple(_) => Form::Apple,
        }
    }

    /// Where it has the volume of this name, where we make folders in there.
    pub(in super::super) fn place(self, name: &StockName) -> Option<VolumePlace> {
        match self {
            Self::Docker(engine) => engine.volumes().map(|volumes| volumes.place(name)),
            Self::Podman(..) | Self::Nerdctl(_) | Self::Apple(_) => None,
        }
    }

    /// Asks for what shows this volume to sandboxes, where the engine does not count that as a use.
    pub(in super::super) fn views(self, name: &StockName) -> Option<Action> {
        match self {
            Self::Docker(engine) => Some(Action::Ask(docker::views(engine, name))),
            Self::Podman(..) | Self::Nerdctl(_) | Self::Apple(_) => None,
        }
    }

    /// How the question is put.
    pub(in super::super) fn action(self, question: &Question<'_>) -> Action {
        match self {
            Self::Podman(engine, runtime) => {
                Action::Call(engine.call(runtime, &borrowed(&podman::words(question))))
            }
            Self::Docker(engine) => Action::Ask(docker::exchange(engine, question)),
            Self::Nerdctl(engine) => Action::Call(engine.call(&borrowed(&nerdctl::words(question)))),
            Self::Apple(engine) => Action::Call(engine.call(&borrowed(&apple::words(question)))),
        }
    }
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Words of a client: those that are the same for every question of a kind, and what it is about.
pub(in super::super) fn line<'a>(fixed: &str, rest: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let fixed = fixed.split(' ').map(str::to_owned);
    fixed.chain(rest.into_iter().map(str::to_owned)).collect()
}

/// The flags of a `network create`, which all clients have alike.
pub(in super::super) fn network_flags(new: &NewNetwork) -> Vec<String> {
    let labels = new.labels.with_ours(StockKind::Network, &new.name);
    let labels = labels.iter().map(|(name, value)| format!("--label={name}={value}"));
    let internal = new.internal.then(|| "--internal".to_owned());
    let addresses = new.addresses.as_ref();
    let subnet = addresses.map(|all| format!("--subnet={}", all.subnet()));
    let range = addresses.and_then(Addresses::range).map(|range| format!("--ip-range={range}"));
    labels.chain(internal).chain(subnet).chain(range).collect()
}

/// The flags of a `volume create` of clients that take each label as it is.
pub(in super::super) fn volume_flags(new: &NewVolume) -> Vec<String> {
    let labels = new.labels.with_ours(StockKind::Volume, &new.name);
    labels.iter().map(|(name, value)| format!("--label={name}={value}")).collect()
}
