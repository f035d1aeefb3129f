use std::collections::BTreeMap;

use perry_sandbox_compose::{Problem, Problems, Project, Reason, Sources};

use super::{Network, Reader, Service, ValueSource, Volume, resources};
use crate::order::Graph;

/// Replicas of a service.
const MOST_REPLICAS: u32 = 1_000;
/// Replicas of a project, and waits of one of them for another.
const MOST_WAITS: u64 = 200_000;

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
    pub secrets: BTreeMap<String, ValueSource>,
    /// Its configs.
    pub configs: BTreeMap<String, ValueSource>,
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
            secrets: resources::secret_sources(project),
            configs: resources::values(project, "configs"),
            sources: project.sources.clone(),
        };
        stack.check_size(&mut reader);
        if reader.problems.is_empty() {
            Ok(stack)
        } else {
            Err(Problems::new(reader.problems, stack.sources))
        }
    }

    /// SECURITY: a number in a file must not decide how much memory a plan of it takes.
    fn check_size(&self, reader: &mut Reader) {
        let replicas = |name: &str| self.services.get(name).map_or(0, |service| u64::from(service.replicas));
        let mut waits: u64 = 0;
        for service in self.services.values() {
            if service.replicas > MOST_REPLICAS {
                let wanted = format!("at most {MOST_REPLICAS}");
                reader.wrong(service.span, "scale", &service.replicas.to_string(), &wanted);
            }
            let needed: u64 = service.needed().iter().map(|name| replicas(name)).fold(1, u64::saturating_add);
            waits = waits.saturating_add(needed.saturating_mul(service.replicas.into()));
            if waits > MOST_WAITS {
                let message = format!("more than {MOST_WAITS} replicas, and waits of one for another");
                return reader.problems.push(Problem::new(Reason::Limit, service.span, message));
            }
        }
    }

    /// Who needs whom.
    pub fn graph(&self) -> Graph {
        let needs = self.services.iter().map(|(name, service)| (name.clone(), service.needed()));
        Graph::new(&needs.collect())
    }
}
