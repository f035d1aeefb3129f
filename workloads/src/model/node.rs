use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use perry_sandbox_pipeline::{Pull, Upkeep};
use perry_sandbox_policy::{
    IsolationLevel, Protocol, PublishAddress, SecretName, TierName, VolumeMount, WantedLimits,
};
use perry_sandbox_reference::Platform;

/// A node: an image, and what its program asks for.
#[derive(Debug, Clone)]
pub struct Node {
    /// The image: a registry reference, `oci:DIR[:TAG|@DIGEST]`, or `docker-archive:FILE`.
    pub image: String,
    /// The program, in the place of the image's.
    pub entrypoint: Option<String>,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables, with references resolved.
    pub(crate) env: BTreeMap<String, String>,
    /// The user, in numbers.
    pub user: Option<String>,
    /// Where the program begins.
    pub workdir: Option<String>,
    /// Ports that others may be pointed to, and those that are published.
    pub ports: Vec<Port>,
    /// Volumes of the graph.
    pub volumes: Vec<VolumeMount>,
    /// Secrets, by name; whoever brings the graph up has the values.
    pub secrets: Vec<SecretName>,
    /// Whether it is in the graph's network.
    pub network: Network,
    /// Hosts outside that it asks to reach.
    pub egress: Vec<String>,
    /// The tier; it can only tighten what the policy says.
    pub tier: Option<TierName>,
    /// The wall that must stand around it, whatever the tier would take.
    pub isolation: Option<IsolationLevel>,
    /// Whether a plan whose root can be written is refused.
    pub read_only: bool,
    /// Tighter limits than the policy's.
    pub limits: WantedLimits,
    /// Restarts and health.
    pub upkeep: Upkeep,
    /// How long it may take to end.
    pub stop_grace: Option<Duration>,
    /// The platform of its image.
    pub platform: Option<Platform>,
    /// When its registry is asked.
    pub pull: Pull,
}

impl Node {
    /// Its variables, with references resolved.
    pub const fn variables(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// Whether it has a health check.
    pub const fn health(&self) -> Health {
        if self.upkeep.health.is_some() { Health::Checked } else { Health::Unknown }
    }
}

/// Whether somebody says that a node is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It has a health check.
    Checked,
    /// It has none.
    Unknown,
}

/// Whether a node is in its graph's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It is, by its own name.
    OfTheGraph,
    /// It reaches nobody, and nobody reaches it.
    None,
}

/// A port of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The port inside.
    pub inside: NonZeroU16,
    /// What goes through it.
    pub protocol: Protocol,
    /// Where it is on the host, if it is published.
    pub published: Option<PublishAddress>,
}
