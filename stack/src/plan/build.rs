use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::step::{Action, After, Start, Step, Until};
use crate::demand::Demands;
use crate::model::{Restart, Service, Stack};
use crate::order::Order;

/// All steps, each behind those that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StackPlan {
    schema: &'static str,
    /// The project.
    pub project: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// The plan for an empty world. Pure: networks and volumes that services use, in the order of their names, then the
/// services in their order.
pub fn plan(stack: &Stack, demands: &Demands, order: &Order, images: &BTreeMap<String, String>) -> StackPlan {
    let mut builder = Builder { stack, demands, images, steps: Vec::new(), starts: BTreeMap::new() };
    let networks = builder.networks();
    let volumes = builder.volumes();
    for name in order.start() {
        if let Some(service) = stack.services.get(name) {
            builder.service(service, &networks, &volumes);
        }
    }
    StackPlan { schema: "perry-sandbox/stack-plan/v1", project: stack.name.clone(), steps: builder.steps }
}

/// Steps by the name, in the project, of what they make.
type Made = BTreeMap<String, usize>;

struct Builder<'a> {
    stack: &'a Stack,
    demands: &'a Demands,
    images: &'a BTreeMap<String, String>,
    steps: Vec<Step>,
    /// The starts of each service.
    starts: BTreeMap<&'a str, Vec<usize>>,
}

impl<'a> Builder<'a> {
    fn add(&mut self, action: Action, after: Vec<After>) -> usize {
        let number = self.steps.len().saturating_add(1);
        self.steps.push(Step { number, action, after });
        number
    }

    fn networks(&mut self) -> Made {
        let demands = self.demands.services.values();
        let used = demands.flat_map(|demand| &demand.project.networks).map(|one| one.network.key());
        let used: BTreeSet<&str> = used.collect();
        let mut made = Made::new();
        for (key, network) in self.stack.networks.iter().filter(|(key, _)| used.contains(key.as_str())) {
            let action = Action::CreateNetwork {
                key: key.clone(),
                name: network.name.clone(),
                internal: network.internal,
                subnets: network.ipam.subnet.iter().map(|subnet| subnet.value.clone()).collect(),
            };
            made.insert(key.clone(), self.add(action, Vec::new()));
        }
        made
    }

    fn volumes(&mut self) -> Made {
        let demands = self.demands.services.values();
        let used = demands.flat_map(|demand| &demand.project.volumes).map(|one| one.volume.to_string());
        let used: BTreeSet<String> = used.collect();
        let mut made = Made::new();
        for (key, volume) in self.stack.volumes.iter().filter(|(key, _)| used.contains(*key)) {
            let action = Action::CreateVolume { key: key.clone(), name: volume.name.clone() };
            made.insert(key.clone(), self.add(action, Vec::new()));
        }
        for key in self.demands.services.values().flat_map(|demand| &demand.anonymous) {
            let name = format!("{}_{key}", self.stack.name);
            let action = Action::CreateVolume { key: key.clone(), name };
            made.insert(key.clone(), self.add(action, Vec::new()));
        }
        made
    }

    fn service(&mut self, service: &'a Service, networks: &Made, volumes: &Made) {
        let Some(demand) = self.demands.services.get(&service.name) else { return };
        let joined = demand.project.networks.iter().filter_map(|one| networks.get(one.network.key()));
        let mounted = demand.project.volumes.iter().filter_map(|one| volumes.get(&one.volume.to_string()));
        let mut after: Vec<After> =
            joined.chain(mounted).map(|step| After { step: *step, until: Until::Done }).collect();
        for dependency in &service.depends_on {
            let until = dependency.value.condition.into();
            after.extend(self.of(&dependency.value.service).map(|step| After { step, until }));
        }
        for (name, _) in &service.needs {
            after.extend(self.of(name).map(|step| After { step, until: Until::Done }));
        }
        after.sort();
        after.dedup();
        // To be well, or to have ended, is to have been started.
        let waits_longer = after.iter().filter(|one| one.until != Until::Done).map(|one| one.step);
        let longer: BTreeSet<usize> = waits_longer.collect();
        after.retain(|one| one.until != Until::Done || !longer.contains(&one.step));
        for replica in 1..=service.replicas {
            let start = self.start(service, replica);
            let number = self.add(Action::StartService(Box::new(start)), after.clone());
            self.starts.entry(service.name.as_str()).or_default().push(number);
        }
    }

    fn of<'s>(&'s self, service: &str) -> impl Iterator<Item = usize> + use<'s, 'a> {
        self.starts.get(service).into_iter().flatten().copied()
    }

    fn start(&self, service: &Service, replica: u32) -> Start {
        let container = &service.container;
        let written = || container.image.as_ref().map(|image| image.value.clone());
        Start {
            service: service.name.clone(),
            replica,
            name: format!("{}-{}-{replica}", self.stack.name, service.name),
            image: self.images.get(&service.name).cloned().or_else(written).unwrap_or_default(),
            health: service.health.as_ref().map(|health| health.value.clone()),
            restart: service.restart.map_or(Restart::No, |restart| restart.value),
            stop_signal: container.stop_signal.as_ref().map(|signal| signal.value.clone()),
            stop_grace: container.stop_grace.map(|grace| grace.value),
            stdin_open: container.stdin_open,
        }
    }
}
