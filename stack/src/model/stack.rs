use std::collections::BTreeMap;

use perry_sandbox_compose::{Problems, Project, Sources};

use super::{Network, Reader, SecretSource, Service, Volume, resources};
use crate::order::Graph;

/// A project, as types.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The project's name.
    pub name: String,
    /// Its services, without those that its profiles leave out.
    pub services: BTreeMap<String, Service>,
    /// Its networks.
    pub networks: BTreeMap<String, Network>,
    /// Its volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// Its secrets.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The texts of its files.
    pub sources: Sources,
}

impl Stack {
    /// Reads a project's tree.
    ///
    /// # Errors
    /// Every value that means nothing.
    pub fn read(project: &Project) -> Result<Self, Problems> {
        let mut reader = Reader::default();
        let services = project
            .services()
            .iter()
            .map(|(key, node)| (key.name.clone(), Service::read(&key.name, key.span, node, &mut reader)));
        let stack = Self {
            name: project.name.clone(),
            services: services.collect(),
            networks: resources::networks(project),
            volumes: resources::volumes(project),
            secrets: resources::secrets(project),
            sources: project.sources.clone(),
        };
        if reader.problems.is_empty() {
            Ok(stack)
        } else {
            Err(Problems::new(reader.problems, stack.sources))
        }
    }

    /// Who needs whom.
    pub fn graph(&self) -> Graph {
        let needs = self.services.iter().map(|(name, service)| (name.clone(), service.needed()));
        Graph::new(&needs.collect())
    }
}
