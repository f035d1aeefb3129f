//! The forms of engines' answers: only the fields that are used.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::super::images::REPOSITORY;
use super::docker::NO_HOST;
use super::read::{Found, Seen};

type Labels = Option<BTreeMap<String, String>>;
type Read<T> = Result<Vec<T>, serde_json::Error>;

/// A network as podman has it.
#[derive(Debug, Deserialize)]
struct PodmanNetwork {
    name: String,
    id: String,
    #[serde(default)]
    labels: Labels,
    internal: bool,
    #[serde(default)]
    dns_enabled: Option<bool>,
    #[serde(default)]
    subnets: Option<Vec<PodmanSubnet>>,
    #[serde(default)]
    created: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PodmanSubnet {
    subnet: String,
}

pub(super) fn podman_networks(bytes: &[u8]) -> Read<Found> {
    let all: Option<Vec<PodmanNetwork>> = serde_json::from_slice(bytes)?;
    let found = all.into_iter().flatten().map(|network| Found {
        name: network.name,
        id: Some(network.id),
        labels: network.labels.unwrap_or_default(),
        internal: Some(network.internal),
        // With a name service, the host has an address there for it.
        is_apart: network.internal && network.dns_enabled == Some(false),
        subnets: network.subnets.into_iter().flatten().map(|subnet| subnet.subnet).collect(),
        created: network.created,
        ..Found::default()
    });
    Ok(found.collect())
}

/// A network as Docker has it, and nerdctl with fewer fields (pkg/inspecttypes/dockercompat).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerNetwork {
    name: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    internal: Option<bool>,
    #[serde(default, rename = "IPAM")]
    ipam: Option<Ipam>,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
    #[serde(default)]
    created: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipam {
    #[serde(default)]
    config: Option<Vec<DockerSubnet>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerSubnet {
    #[serde(default)]
    subnet: Option<String>,
}

pub(super) fn docker_networks(bytes: &[u8]) -> Read<Found> {
    let all: Vec<DockerNetwork> = serde_json::from_slice(bytes)?;
    let found = all.into_iter().map(|network| {
        let subnets = network.ipam.and_then(|ipam| ipam.config).into_iter().flatten();
        Found {
            name: network.name,
            id: network.id,
            labels: network.labels.unwrap_or_default(),
            internal: network.internal,
            is_apart: network.options.is_some_and(|set| set.get(NO_HOST).is_some_and(|is| is == "true")),
            subnets: subnets.filter_map(|subnet| subnet.subnet).collect(),
            created: network.created,
            ..Found::default()
        }
    });
    Ok(found.collect())
}

/// A volume as all but Apple have it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerVolume {
    name: String,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    mountpoint: Option<String>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    driver: Option<String>,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
}

impl From<DockerVolume> for Found {
    fn from(volume: DockerVolume) -> Self {
        Self {
            name: volume.name,
            labels: volume.labels.unwrap_or_default(),
            mountpoint: volume.mountpoint,
            created: volume.created_at,
            driver: volume.driver,
            options: volume.options.unwrap_or_default(),
            ..Self::default()
        }
    }
}

pub(super) fn volumes(bytes: &[u8]) -> Read<Found> {
    let all: Option<Vec<DockerVolume>> = serde_json::from_slice(bytes)?;
    Ok(all.into_iter().flatten().map(Found::from).collect())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerVolumes {
    // None is an answer; no word of them is not.
    #[serde(deserialize_with = "Option::deserialize")]
    volumes: Option<Vec<DockerVolume>>,
}

pub(super) fn docker_volumes(bytes: &[u8]) -> Read<Found> {
    let all: DockerVolumes = serde_json::from_slice(bytes)?;
    Ok(all.volumes.into_iter().flatten().map(Found::from).collect())
}

/// A line of nerdctl's lists.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NerdctlLine {
    pub(super) name: String,
    #[serde(default)]
    pub(super) labels: String,
}

pub(super) fn nerdctl_lines(bytes: &[u8]) -> Read<NerdctlLine> {
    serde_json::Deserializer::from_slice(bytes).into_iter().collect()
}

/// A network or volume of Apple's. The part with what was asked for had another name before 1.2.
#[derive(Debug, Deserialize)]
struct AppleEntry {
    #[serde(default)]
    id: Option<String>,
    #[serde(alias = "config")]
    configuration: AppleConfiguration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppleConfiguration {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default, alias = "subnet")]
    ipv4_subnet: Option<String>,
    #[serde(default)]
    creation_date: Option<Value>,
    #[serde(default)]
    source: Option<String>,
}

pub(super) fn apple_entries(bytes: &[u8]) -> Read<Found> {
    let all: Vec<AppleEntry> = serde_json::from_slice(bytes)?;
    let found = all.into_iter().map(|entry| {
        let asked = entry.configuration;
        let name = asked.name.or(asked.id).or(entry.id);
        let name = name.ok_or_else(|| serde::de::Error::missing_field("id"))?;
        Ok(Found {
            name,
            id: None,
            labels: asked.labels.unwrap_or_default(),
            internal: asked.mode.map(|mode| mode == "hostOnly"),
            is_apart: false,
            subnets: asked.ipv4_subnet.into_iter().collect(),
            created: asked.creation_date.map(said),
            mountpoint: asked.source,
            ..Found::default()
        })
    });
    found.collect()
}

/// A time, which is text or a number.
fn said(value: Value) -> String {
    if let Value::String(text) = value { text } else { value.to_string() }
}

/// An image in podman's list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PodmanImage {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    size: Option<u64>,
}

pub(super) fn podman_images(bytes: &[u8]) -> Read<Seen> {
    let all: Option<Vec<PodmanImage>> = serde_json::from_slice(bytes)?;
    let seen = all.into_iter().flatten().map(|image| Seen {
        names: image.names.unwrap_or_default(),
        ids: vec![format!("sha256:{}", image.id)],
        size: image.size,
        ..Seen::default()
    });
    Ok(seen.collect())
}

/// An image in Docker's list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    id: String,
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    size: Option<u64>,
}

pub(super) fn docker_images(bytes: &[u8]) -> Read<Seen> {
    let all: Vec<DockerImage> = serde_json::from_slice(bytes)?;
    let seen = all.into_iter().map(|image| Seen {
        names: image.repo_tags.unwrap_or_default(),
        ids: vec![image.id],
        size: image.size,
        ..Seen::default()
    });
    Ok(seen.collect())
}

/// An image in nerdctl's list: sizes are for people there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NerdctlImage {
    digest: String,
    repository: String,
    tag: String,
}

pub(super) fn nerdctl_images(bytes: &[u8]) -> Read<Seen> {
    let all = serde_json::Deserializer::from_slice(bytes).into_iter::<NerdctlImage>();
    let seen = all.map(|image| {
        let NerdctlImage { digest, repository, tag } = image?;
        Ok(Seen { names: vec![format!("{repository}:{tag}")], ids: vec![digest], ..Seen::default() })
    });
    seen.collect()
}

/// An inspected image, as all but Apple have it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedImage {
    id: String,
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    created: Option<String>,
    #[serde(rename = "RootFS")]
    root: Root,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Root {
    #[serde(deserialize_with = "Option::deserialize")]
    layers: Option<Vec<String>>,
}

impl From<InspectedImage> for Seen {
    fn from(image: InspectedImage) -> Self {
        // podman leaves the algorithm out.
        let id = if image.id.contains(':') { image.id } else { format!("sha256:{}", image.id) };
        let manifests = image.repo_digests.into_iter().flatten();
        let manifests =
            manifests.filter_map(|name| Some(name.strip_prefix(REPOSITORY)?.strip_prefix('@')?.to_owned()));
        Self {
            names: image.repo_tags.unwrap_or_default(),
            ids: [id].into_iter().chain(manifests).collect(),
            size: image.size,
            created: image.created,
            layers: image.root.layers.unwrap_or_default(),
        }
    }
}

pub(super) fn image(bytes: &[u8]) -> Result<Seen, serde_json::Error> {
    serde_json::from_slice::<InspectedImage>(bytes).map(Seen::from)
}

pub(super) fn images(bytes: &[u8]) -> Read<Seen> {
    let all: Vec<InspectedImage> = serde_json::from_slice(bytes)?;
    Ok(all.into_iter().map(Seen::from).collect())
}

/// An image of Apple's, listed or inspected: what its name stands for, and a variant for each platform.
#[derive(Debug, Deserialize)]
struct AppleImage {
    configuration: AppleImageConfiguration,
    #[serde(default)]
    variants: Vec<AppleVariant>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppleImageConfiguration {
    name: String,
    descriptor: AppleDescriptor,
    #[serde(default)]
    creation_date: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct AppleDescriptor {
    digest: String,
}

#[derive(Debug, Deserialize)]
struct AppleVariant {
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    config: Option<Value>,
}

pub(super) fn apple_images(bytes: &[u8]) -> Read<Seen> {
    let all: Vec<AppleImage> = serde_json::from_slice(bytes)?;
    let seen = all.into_iter().map(|image| {
        let asked = image.configuration;
        let digests = image.variants.iter().filter_map(|variant| variant.digest.clone());
        let layers = image.variants.first().and_then(|variant| variant.config.as_ref());
        let layers = layers.and_then(|config| config.pointer("/rootfs/diff_ids")?.as_array());
        let layers = layers.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Seen {
            layers: layers.collect(),
            size: image.variants.first().and_then(|variant| variant.size),
            ids: [asked.descriptor.digest].into_iter().chain(digests).collect(),
            names: vec![asked.name],
            created: asked.creation_date.map(said),
        }
    });
    Ok(seen.collect())
}
