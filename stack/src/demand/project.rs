use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use perry_sandbox_compose::{Problems, Span};
use perry_sandbox_pipeline::stock::Addresses;
use perry_sandbox_policy::{Protocol, Publication};

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
    called_twice(stack, &mut refused);
    addresses(stack, &mut refused);
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

/// A network has one row of addresses, and its gateway and range are of that.
fn addresses(stack: &Stack, refused: &mut Vec<RefusedField>) {
    for (key, network) in &stack.networks {
        let subject = format!("network `{key}`");
        let mut refuse = |span: Span, attribute: &str, refusing: Refusing, why: &str, instead: &str| {
            let [subject, attribute, why, instead] = [&subject, attribute, why, instead].map(str::to_owned);
            refused.push(RefusedField { span, subject, attribute, refusing, why, instead });
        };
        let ipam = &network.ipam;
        for (attribute, span) in &ipam.others {
            refuse(*span, attribute, Refusing::NotYet, "it is not done here yet", "leave it out");
        }
        if let Some(span) = ipam.further.first() {
            let why = "a sandbox has one address in a network, of one subnet";
            refuse(*span, "ipam.config", Refusing::Never, why, "make a network of each subnet");
        }
        let [subnet, gateway, range] = [&ipam.subnet, &ipam.gateway, &ipam.range]
            .map(|one| one.as_ref().map(|text| text.value.as_str()));
        let written = [&ipam.subnet, &ipam.gateway, &ipam.range].into_iter().flatten();
        if let Err(error) = Addresses::read(subnet, gateway, range) {
            let span = written.map(|text| text.span).max().unwrap_or(network.span);
            refuse(span, "ipam.config", Refusing::Never, &error.to_string(), "write addresses of the subnet");
        }
    }
}

/// Each network of the project is one of its own.
fn called_twice(stack: &Stack, refused: &mut Vec<RefusedField>) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, network) in stack.networks.iter().filter(|(_, network)| !network.external) {
        if let Some(other) = seen.insert(&network.name, key) {
            refused.push(RefusedField {
                span: network.span,
                subject: format!("network `{key}`"),
                attribute: format!("name: {}", network.name),
                refusing: Refusing::Never,
                why: format!("the network `{other}` is called so"),
                instead: "write another name, or let services join that one".to_owned(),
            });
        }
    }
}

/// What there is once cannot be had by several replicas.
fn replicas(stack: &Stack, demands: &BTreeMap<String, Demand>, refused: &mut Vec<RefusedField>) {
    for (name, service) in stack.services.iter().filter(|(_, service)| service.replicas > 1) {
        let count = service.replicas;
        let publishes = demands.get(name).is_some_and(|demand| lacks_ports(&demand.project.publish, count));
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

/// Whether there is a port of the host for each replica: none of a range for the others, and one that is chosen for all.
fn lacks_ports(publish: &[Publication], replicas: u32) -> bool {
    publish.iter().any(|one| {
        let is_chosen = one.on.only().is_some_and(|on| on.socket().port() == 0);
        !is_chosen && one.on.each().count() < usize::try_from(replicas).unwrap_or(usize::MAX)
    })
}

/// A port of the host is published once, and one of all addresses is one of each.
fn taken_twice(stack: &Stack, demands: &BTreeMap<String, Demand>, refused: &mut Vec<RefusedField>) {
    let mut seen: BTreeMap<(u16, Protocol), BTreeMap<IpAddr, &str>> = BTreeMap::new();
    for (name, demand) in demands {
        for publication in &demand.project.publish {
            // Of several the first that is free is taken.
            let Some(address) = publication.on.only().map(|on| on.socket()) else { continue };
            let (ip, port) = (address.ip(), address.port());
            if port == 0 {
                continue;
            }
            let others = seen.entry((port, publication.protocol)).or_default();
            let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
            let any = if all.contains(&ip) { others.values().next() } else { None };
            let clash =
                any.or_else(|| others.get(&ip)).or_else(|| all.iter().find_map(|all| others.get(all)));
            if let Some(other) = clash.copied() {
                let who = if other == name { "it".to_owned() } else { format!("service `{other}`") };
                let service = stack.services.get(name);
                let place = service.and_then(|service| service.ports.first().map(|port| port.span));
                refused.push(RefusedField {
                    span: place.unwrap_or(demand.span),
                    subject: format!("service `{name}`"),
                    attribute: format!("ports: {}", publication.on),
                    refusing: Refusing::Never,
                    why: format!("{who} publishes the same port of the host"),
                    instead: "publish another port".to_owned(),
                });
            } else {
                others.insert(ip, name);
            }
        }
    }
}
