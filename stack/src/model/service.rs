use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_compose::{Mapping, Node, Span, extensions};

use super::{
    At, Container, Dependency, FileMount, HealthCheck, Joined, Mount, Port, Reader, Restart, ServiceLimits,
    container, health, limits, mount, network, port, read, relation, restart,
};

/// A service of a project.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Its process.
    pub container: Container,
    /// The name that its container is to have.
    pub container_name: Option<At<String>>,
    /// The name that it calls itself.
    pub hostname: Option<At<String>>,
    /// Ports that are published.
    pub ports: Vec<At<Port>>,
    /// What is seen inside: `volumes` and `tmpfs`.
    pub mounts: Vec<At<Mount>>,
    /// Networks that it joins.
    pub networks: Vec<At<Joined>>,
    /// Services that it waits for.
    pub depends_on: Vec<At<Dependency>>,
    /// Services that it needs by another attribute than `depends_on`.
    pub needs: Vec<(String, Span)>,
    /// How it is found out whether it is well.
    pub health: Option<At<HealthCheck>>,
    /// When it is started again.
    pub restart: Option<At<Restart>>,
    /// Limits that it sets itself.
    pub limits: ServiceLimits,
    /// Secrets.
    pub secrets: Vec<At<FileMount>>,
    /// Configs.
    pub configs: Vec<At<FileMount>>,
    /// How many there are of it.
    pub replicas: u32,
    /// The profiles that it belongs to.
    pub profiles: Vec<String>,
    /// All attributes as the canonical tree has them, with the place of their key.
    pub attributes: BTreeMap<String, (Span, Node)>,
    /// Keys that begin with `x-`.
    pub extensions: BTreeMap<String, At<Node>>,
}

impl Service {
    /// Every service that it needs, whichever attribute says so.
    pub fn needed(&self) -> BTreeSet<String> {
        let depends = self.depends_on.iter().map(|dependency| dependency.value.service.clone());
        depends.chain(self.needs.iter().map(|(name, _)| name.clone())).collect()
    }

    pub(super) fn read(name: &str, span: Span, node: &Node, reader: &mut Reader) -> Self {
        let replicas = node
            .get("scale")
            .or_else(|| node.get("deploy")?.get("replicas"))
            .and_then(|node| reader.number(node, "scale"));
        let attributes = node.mapping().into_iter().flat_map(Mapping::iter);
        let attributes = attributes.filter(|(key, _)| !key.name.starts_with('#'));
        let extensions = extensions(node).into_iter().flat_map(Mapping::iter);
        Self {
            name: name.to_owned(),
            span,
            container: container::read(node, reader),
            container_name: read::text_at(node, "container_name"),
            hostname: read::text_at(node, "hostname"),
            ports: port::read(node, reader),
            mounts: mount::read(node),
            networks: network::read(node),
            depends_on: relation::depends_on(node, reader),
            needs: relation::others(node),
            health: health::read(node, reader),
            restart: restart::read(node, reader),
            limits: limits::read(node, reader),
            secrets: mount::files(node, "secrets"),
            configs: mount::files(node, "configs"),
            replicas: replicas.unwrap_or(1),
            profiles: read::texts(node.get("profiles")).into_iter().map(|profile| profile.value).collect(),
            attributes: attributes.map(|(key, node)| (key.name.clone(), (key.span, node.clone()))).collect(),
            extensions: extensions
                .map(|(key, node)| (key.name.clone(), At::new(node.clone(), key.span)))
                .collect(),
        }
    }
}
