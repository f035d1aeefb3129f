//! What engines answer, read into our own types: fields that we do not know are left out, one that is needed and not there is
//! an error, and nothing with control characters in it goes on.

use std::collections::BTreeMap;

use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::super::images::REPOSITORY;
use super::super::tool::plain;
use super::forms;
use super::question::{Kept, image_name};
use super::words::{StockKind, StockName};

/// The longest text that is taken from an answer.
const LONGEST: usize = 4096;

/// Whose form an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) enum Form {
    Podman,
    Docker,
    Nerdctl,
    Apple,
}

impl Form {
    pub(in super::super) const ALL: [Self; 4] = [Self::Podman, Self::Docker, Self::Nerdctl, Self::Apple];
}

/// A network of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Network {
    /// Its name.
    pub name: StockName,
    /// What the engine calls it by itself, where that is something else.
    pub id: Option<String>,
    /// All of its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether nothing outside can be reached from it, where the engine says so.
    pub internal: Option<bool>,
    /// Its addresses.
    pub subnets: Vec<String>,
    /// When it was made, as the engine says it.
    pub created: Option<String>,
}

/// A volume of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Volume {
    /// Its name.
    pub name: StockName,
    /// All of its labels.
    pub labels: BTreeMap<String, String>,
    /// Where its files are, as the engine sees them.
    pub mountpoint: Option<String>,
    /// When it was made, as the engine says it.
    pub created: Option<String>,
}

/// An image that we have loaded, as a list has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct ListedImage {
    /// What the engine knows it by: the digest of its configuration (podman, docker) or of its manifest.
    pub id: Digest,
    /// The name that we gave it.
    pub name: String,
    /// Its size in bytes, where the engine says it.
    pub size: Option<u64>,
}

/// An image that we have loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct EngineImage {
    /// What the engine knows it by: the digest of its configuration (podman, docker) or of its manifest.
    pub id: Digest,
    /// The name that we gave it.
    pub name: String,
    /// Its size in bytes, where the engine says it.
    pub size: Option<u64>,
    /// When it was built, as the engine says it.
    pub created: Option<String>,
    /// Its layers, the lowest first, each by the digest of its uncompressed archive.
    pub layers: Vec<Digest>,
}

/// A network or volume as an engine says it, whosever it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Found {
    pub(in super::super) name: String,
    pub(in super::super) id: Option<String>,
    pub(in super::super) labels: BTreeMap<String, String>,
    pub(in super::super) internal: Option<bool>,
    /// Whether the host has no address and no name service in it.
    pub(in super::super) is_apart: bool,
    pub(in super::super) subnets: Vec<String>,
    pub(in super::super) created: Option<String>,
    pub(in super::super) mountpoint: Option<String>,
    /// What makes a volume, and its options.
    pub(in super::super) driver: Option<String>,
    pub(in super::super) options: BTreeMap<String, String>,
}

/// An image as an engine says it, whosever it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Seen {
    /// Every name with its tag.
    pub(in super::super) names: Vec<String>,
    /// Every digest that it is known by.
    pub(in super::super) ids: Vec<String>,
    pub(in super::super) size: Option<u64>,
    pub(in super::super) created: Option<String>,
    pub(in super::super) layers: Vec<String>,
}

impl Found {
    /// Whether we have made it.
    pub(in super::super) fn is_ours(&self, kept: Kept) -> bool {
        self.labels.get(kept.kind().label()) == Some(&self.name)
    }

    fn name(&self) -> Result<StockName, String> {
        self.name.parse().map_err(|_| format!("`{}` is no name that we give", plain(self.name.as_bytes())))
    }

    /// What is known of it as a network of ours.
    pub(in super::super) fn network(self) -> Result<Network, String> {
        Ok(Network {
            name: self.name()?,
            id: self.id.map(text).transpose()?,
            labels: labels(self.labels)?,
            internal: self.internal,
            subnets: self.subnets.into_iter().map(text).collect::<Result<_, _>>()?,
            created: self.created.map(text).transpose()?,
        })
    }

    /// What is known of it as a volume of ours.
    pub(in super::super) fn volume(self) -> Result<Volume, String> {
        Ok(Volume {
            name: self.name()?,
            labels: labels(self.labels)?,
            mountpoint: self.mountpoint.map(text).transpose()?,
            created: self.created.map(text).transpose()?,
        })
    }
}

impl Seen {
    /// The digests in the names that we give.
    fn ours(&self) -> impl Iterator<Item = Digest> {
        let tags = self.names.iter().filter_map(|name| name.strip_prefix(REPOSITORY)?.strip_prefix(':'));
        let digests = tags.filter_map(|tag| tag.replacen('-', ":", 1).parse::<Digest>().ok());
        // A name of ours on another image was not given by us.
        digests.filter(|digest| self.ids.iter().any(|id| id == digest.as_str()))
    }

    /// Those of our names that it has: one, as a rule.
    pub(in super::super) fn listed(&self) -> Vec<ListedImage> {
        let listed = |id: Digest| ListedImage { name: image_name(&id), id, size: self.size };
        self.ours().map(listed).collect()
    }

    /// What is known of it as the image that we gave this name.
    pub(in super::super) fn image(self, id: &Digest) -> Result<EngineImage, String> {
        if !self.ours().any(|ours| ours == *id) {
            return Err(format!("it is not what its name says, which is {id}"));
        }
        let layer = |text: &String| {
            text.parse::<Digest>()
                .map_err(|_| format!("`{}` is no digest of a layer", plain(text.as_bytes())))
        };
        Ok(EngineImage {
            id: id.clone(),
            name: image_name(id),
            size: self.size,
            layers: self.layers.iter().map(layer).collect::<Result<_, _>>()?,
            created: self.created.map(text).transpose()?,
        })
    }
}

fn text(text: String) -> Result<String, String> {
    if text.len() > LONGEST {
        return Err(format!("`{}` goes on for {} bytes", plain(text.as_bytes()), text.len()));
    }
    if text.contains(char::is_control) {
        return Err(format!("`{}` has control characters", plain(text.as_bytes())));
    }
    Ok(text)
}

fn labels(labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    labels.into_iter().map(|(name, value)| Ok((text(name)?, text(value)?))).collect()
}

/// Reads networks or volumes, as a list or an inspection has them.
pub(in super::super) fn found(form: Form, kept: Kept, bytes: &[u8]) -> Result<Vec<Found>, String> {
    let read = match (form, kept) {
        (Form::Podman, Kept::Networks) => forms::podman_networks(bytes),
        (Form::Docker | Form::Nerdctl, Kept::Networks) => forms::docker_networks(bytes),
        (Form::Docker, Kept::Volumes) => forms::docker_volumes(bytes),
        (Form::Podman | Form::Nerdctl, Kept::Volumes) => forms::volumes(bytes),
        (Form::Apple, _) => forms::apple_entries(bytes),
    };
    read.map_err(|error| plain(error.to_string().as_bytes()))
}

/// Reads the list of images.
pub(in super::super) fn images(form: Form, bytes: &[u8]) -> Result<Vec<Seen>, String> {
    let read = match form {
        Form::Podman => forms::podman_images(bytes),
        Form::Docker => forms::docker_images(bytes),
        Form::Nerdctl => forms::nerdctl_images(bytes),
        Form::Apple => forms::apple_images(bytes),
    };
    read.map_err(|error| plain(error.to_string().as_bytes()))
}

/// Reads one image, of which nothing else was asked.
pub(in super::super) fn image(form: Form, bytes: &[u8]) -> Result<Seen, String> {
    let read = match form {
        Form::Docker => forms::image(bytes).map(|seen| vec![seen]),
        Form::Podman | Form::Nerdctl => forms::images(bytes),
        Form::Apple => forms::apple_images(bytes),
    };
    let mut all = read.map_err(|error| plain(error.to_string().as_bytes()))?;
    match (all.pop(), all.is_empty()) {
        (Some(seen), true) => Ok(seen),
        (_, _) => Err("one image was asked for, and that is not one".to_owned()),
    }
}

/// Which of nerdctl's networks or volumes are worth a question: the one with this name, or those that may be ours.
pub(in super::super) fn names(
    kept: Kept,
    name: Option<&StockName>,
    bytes: &[u8],
) -> Result<Vec<StockName>, String> {
    let lines = forms::nerdctl_lines(bytes).map_err(|error| plain(error.to_string().as_bytes()))?;
    let wanted = lines.into_iter().filter(|line| match name {
        Some(name) => line.name == name.as_str(),
        // Its labels are one text there, in which nothing is quoted: this only saves questions.
        None => line.labels.contains(&format!("{}={}", kept.kind().label(), line.name)),
    });
    // What has no name of ours is not ours.
    Ok(wanted.filter_map(|line| line.name.parse().ok()).collect())
}

/// Whether some bytes are any of these answers: for the fuzz target. What is read becomes our own types as well.
pub(in super::super) fn understands(bytes: &[u8]) -> bool {
    let ours = |kept: Kept, found: Found| match kept.kind() {
        StockKind::Network => found.network().is_ok(),
        StockKind::Volume | StockKind::Image => found.volume().is_ok(),
    };
    let mut understood = false;
    for form in Form::ALL {
        for kept in [Kept::Networks, Kept::Volumes] {
            let all = found(form, kept, bytes).unwrap_or_default();
            understood |= all.into_iter().filter(|found| found.is_ours(kept)).any(|found| ours(kept, found));
        }
        let listed: Vec<ListedImage> =
            images(form, bytes).unwrap_or_default().iter().flat_map(Seen::listed).collect();
        understood |= !listed.is_empty();
        if let Ok(seen) = image(form, bytes)
            && let Some(first) = seen.listed().first()
        {
            understood |= seen.image(&first.id).is_ok();
        }
    }
    understood |= names(Kept::Networks, None, bytes).is_ok_and(|names| !names.is_empty());
    understood | names(Kept::Volumes, None, bytes).is_ok_and(|names| !names.is_empty())
}
