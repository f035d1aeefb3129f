use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_compose::{Problems, Span};
use perry_sandbox_policy::Publication;

use super::asker::ask;
use super::{Demand, RefusedField, Refusing};
use crate::model::Stack;

/// What all services of a project ask for.
#[derive(Debug, Clone)]
pub struct Demands {
    /// Each service's demand.
    pub services: BTreeMap<String, Demand>,
    /// What is refused of the project as a whole.
    pub refused: Vec<RefusedField>,
}

impl Demands {
    /// Everything that is refused whatever a policy says, in the order of files and places.
    pub fn all_refused(&self) -> Vec<&RefusedField> {
        let of_services = self.services.values().flat_map(|demand| &demand.refused);
        let mut all: Vec<&RefusedField> = self.refused.iter().chain(of_services).collect();
        all.sort_by(|a, b| (a.span, &a.attribute).cmp(&(b.span, &b.attribute)));
        all
    }

    /// The refusals as problems of the project's files, if there are any.
    pub fn problems(&self, stack: &Stack) -> Option<Problems> {
        let list: Vec<_> = self.all_refused().into_iter().map(RefusedField::problem).collect();
        (!list.is_empty()).then(|| Problems::new(list, stack.sources.clone()))
    }
}

/// What a project asks for. Pure: the same project gives the same demands.
pub fn demand(stack: &Stack) -> Demands {
    let services: BTreeMap<String, Demand> =
        stack.services.iter().map(|(name, service)| (name.clone(), ask(stack, service))).collect();
    let mut refused = Vec::new();
    resources(stack, &mut refused);
    replicas(stack, &services, &mut refused);
    taken_twice(stack, &services, &mut refused);
    Demands { services, refused }
}

fn resources(stack: &Stack, refused: &mut Vec<RefusedField>) {
    let networks = stack.networks.iter().map(|(name, network)| ("network", name, &network.others));
    let volumes = stack.volumes.iter().map(|(name, volume)| ("volume", name, &volume.others));
    for (kind, name, others) in networks.chain(volumes) {
        for (attribute, span) in others {
            let instead = if attribute == "external" {
                format!("let the project have the {kind} itself")
            } else {
                "leave it out".to_owned()
            };
            refused.push(RefusedField {
                span: *span,
                subject: format!("{kind} `{name}`"),
                attribute: attribute.clone(),
                refusing: Refusing::NotYet,
                why: "it is not done here yet".to_owned(),
                instead,
            });
        }
    }
}

/// What there is once cannot be had by several replicas.
fn replicas(stack: &Stack, demands: &BTreeMap<String, Demand>, refused: &mut Vec<RefusedField>) {
    for (name, service) in stack.services.iter().filter(|(_, service)| service.replicas > 1) {
        let count = service.replicas;
        let publishes = demands.get(name).is_some_and(|demand| !demand.project.publish.is_empty());
        let addressed =
            service.networks.iter().any(|one| one.value.ipv4.is_some() || one.value.ipv6.is_some());
        for (is, what) in [(publishes, "publishes a port"), (addressed, "asks for an address")] {
            if is {
                refused.push(RefusedField {
                    span: service.span,
                    subject: format!("service `{name}`"),
                    attribute: "scale".to_owned(),
                    refusing: Refusing::Never,
                    why: format!("it {what}, and there are to be {count} of it"),
                    instead: "start one of it, or put one service in front of the others".to_owned(),
                });
            }
        }
    }
}

/// A port of the host is published once.
fn taken_twice(stack: &Stack, demands: &BTreeMap<String, Demand>, refused: &mut Vec<RefusedField>) {
    let mut seen: BTreeMap<(u16, perry_sandbox_policy::Protocol), Vec<(&str, &Publication)>> =
        BTreeMap::new();
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for (name, demand) in demands {
        for publication in &demand.project.publish {
            let address = publication.on.socket();
            let others = seen.entry((address.port(), publication.protocol)).or_default();
            let clash = others.iter().find(|(_, other)| {
                let other = other.on.socket().ip();
                other == address.ip() || other.is_unspecified() || address.ip().is_unspecified()
            });
            if let Some((other, _)) = clash
                && told.insert(name)
            {
                refused.push(RefusedField {
                    span: port_span(stack, name),
                    subject: format!("service `{name}`"),
                    attribute: format!("ports: {}", publication.on),
                    refusing: Refusing::Never,
                    why: format!("service `{other}` publishes the same port of the host"),
                    instead: "publish another port".to_owned(),
                });
            }
            others.push((name, publication));
        }
    }
}

fn port_span(stack: &Stack, service: &str) -> Span {
    let fallback = Span {
        file: perry_sandbox_compose::FileId(0),
        start: perry_sandbox_compose::Mark { offset: 0, line: 1, column: 1 },
        end: perry_sandbox_compose::Mark { offset: 0, line: 1, column: 1 },
    };
    let service = stack.services.get(service);
    let port = service.and_then(|service| Some(service.ports.first()?.span));
    port.or(service.map(|service| service.span)).unwrap_or(fallback)
}
