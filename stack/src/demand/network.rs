use std::collections::BTreeSet;
use std::net::IpAddr;

use perry_sandbox_compose::{Mapping, Node, Span};
use perry_sandbox_policy::{Attachment, HostName, NetworkName, Protocol, Publication, ServiceLink};

use super::asker::Asker;
use super::system;
use super::table::NOT_THE_HOSTS;
use crate::model::{At, Joined, Port, PortProtocol, Stack};

pub(super) fn mode(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let mode = node.text().unwrap_or_default();
    let attribute = format!("network_mode: {mode}");
    let instead = "join networks of the project, and publish ports";
    match mode {
        "none" => {}
        mode if mode.starts_with("service:") => {
            shared(asker, span, mode.strip_prefix("service:").unwrap_or_default());
        }
        "host" => asker.never(span, &attribute, NOT_THE_HOSTS.0, instead),
        _ => asker.not_yet(span, &attribute, instead),
    }
}

/// All that another service has of networks, and nothing beside it.
fn shared(asker: &mut Asker<'_>, span: Span, other: &str) {
    let attribute = format!("network_mode: service:{other}");
    let attributes = &asker.service.attributes;
    let sysctls = attributes.get("sysctls").and_then(|(_, node)| node.mapping());
    let own = [
        (!asker.service.ports.is_empty(), "publishes a port"),
        (asker.service.extensions.contains_key("x-perry-egress"), "asks for egress"),
        (attributes.contains_key("extra_hosts"), "knows hosts"),
        (
            sysctls.into_iter().flat_map(Mapping::iter).any(|(key, _)| key.name.starts_with("net.")),
            "sets the network",
        ),
    ];
    for (_, what) in own.iter().filter(|(is_so, _)| *is_so) {
        let why = format!("it {what}, which would be `{other}`'s");
        asker.never(span, &attribute, &why, &format!("let `{other}` have that"));
    }
    let found = asker.stack.services.get(other);
    if found.is_some_and(|found| found.networks.is_empty()) {
        let why = format!("`{other}` is in no network of its own");
        return asker.never(span, &attribute, &why, "let it join a network of the project");
    }
    if found.is_some_and(|found| found.replicas != 1) {
        let why = format!("there is not one of `{other}`");
        return asker.never(span, &attribute, &why, "start one of it");
    }
    match format!("service:{other}").parse() {
        Ok(network) => asker.demand.project.networks.push(Attachment::to(network)),
        Err(error) => {
            let why = format!("{error}");
            asker.never(span, &attribute, &why, "give the other service another name");
        }
    }
}

/// A service that is to be called otherwise by this one alone, where they are in a network together.
pub(super) fn links(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for link in node.sequence().unwrap_or_default() {
        let Some((target, alias)) = other_name(link) else { continue };
        let attribute = format!("links: {target}:{alias}");
        if let Err(error) = alias.parse::<HostName>() {
            asker.never(link.span, &attribute, &error.to_string(), "write another name");
        } else if !asker.service.networks.iter().any(|joined| is_in(asker.stack, target, &joined.value)) {
            let why =
                format!("it is in no network with `{target}`, which has names only in its own networks");
            asker.never(link.span, &attribute, &why, "let both join a network, in `networks`");
        }
    }
}

/// A link that says more than an order of starts.
fn other_name(link: &Node) -> Option<(&str, &str)> {
    link.text()?.split_once(':').filter(|(service, alias)| service != alias)
}

fn is_in(stack: &Stack, service: &str, joined: &Joined) -> bool {
    let service = stack.services.get(service);
    service.is_some_and(|one| one.networks.iter().any(|other| other.value.network == joined.network))
}

/// What the service calls others in one network.
fn links_in(asker: &Asker<'_>, joined: &Joined) -> Vec<ServiceLink> {
    let links = asker.service.attributes.get("links").and_then(|(_, node)| node.sequence());
    let links = links.unwrap_or_default().iter().filter_map(other_name);
    let here = links.filter(|(target, _)| is_in(asker.stack, target, joined));
    // What is no name is refused where links are looked at, and by `aliases` where it is a service's.
    here.filter_map(|(target, alias)| format!("{target}:{alias}").parse().ok()).collect()
}

pub(super) fn networks(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    for joined in &service.networks {
        for (attribute, span) in &joined.value.others {
            asker.not_yet(*span, &format!("networks.{attribute}"), "leave it out");
        }
        let Some(address) = address(asker, &joined.value) else { continue };
        let Some(aliases) = aliases(asker, joined) else { continue };
        let key = &joined.value.network;
        let network = asker.stack.networks.get(key);
        let name = match network.filter(|network| network.external) {
            Some(external) => format!("external:{}", external.name).parse(),
            None => NetworkName::of_project(key, network.and_then(|one| one.called(&asker.stack.name, key))),
        };
        match name {
            Ok(network) => {
                let links = links_in(asker, &joined.value);
                asker.demand.project.networks.push(Attachment { network, aliases, address, links });
            }
            Err(error) => {
                let why = format!("{error}");
                asker.never(joined.span, "networks", &why, "give the network another name");
            }
        }
    }
}

/// The address that is asked for, if one is; nothing where it is refused.
#[expect(clippy::option_option, reason = "no address, and no answer at all")]
fn address(asker: &mut Asker<'_>, joined: &Joined) -> Option<Option<IpAddr>> {
    if let (Some(_), Some(v6)) = (&joined.ipv4, &joined.ipv6) {
        asker.not_yet(v6.span, "ipv6_address", "ask for one address");
        return None;
    }
    let Some(text) = joined.ipv4.as_ref().or(joined.ipv6.as_ref()) else { return Some(None) };
    if let Ok(address) = text.value.parse::<IpAddr>() {
        let network = asker.stack.networks.get(&joined.network);
        let gateway =
            network.and_then(|network| network.ipam.gateway.as_ref()).map(|text| text.value.parse());
        if gateway == Some(Ok(address)) {
            let why = "it is the gateway's of its network";
            asker.never(text.span, "ipv4_address", why, "write another address of the network");
            return None;
        }
        return Some(Some(address));
    }
    asker.never(text.span, "ipv4_address", "it is not an address", "write an address of the network");
    None
}

/// All names by which the others find the service: its own first, then in order.
fn aliases(asker: &mut Asker<'_>, joined: &At<Joined>) -> Option<Vec<HostName>> {
    let service = asker.service;
    let more = service.container_name.iter().chain(&joined.value.aliases);
    let more = more.map(|name| (name.value.as_str(), name.span));
    let own = std::iter::once((service.name.as_str(), joined.span));
    let host = system::names(service);
    let more = more.chain(host.iter().map(|name| (name.value.as_str(), name.span)));
    let mut names = BTreeSet::new();
    let mut first = None;
    let mut usable = true;
    for (name, span) in own.chain(more) {
        match name.parse::<HostName>() {
            Ok(name) if first.is_none() => first = Some(name),
            Ok(name) => {
                names.insert(name);
            }
            Err(error) => {
                usable = false;
                asker.never(span, name, &error.to_string(), "write another name");
            }
        }
    }
    let first = first.filter(|_| usable)?;
    names.remove(&first);
    Some(std::iter::once(first).chain(names).collect())
}

pub(super) fn ports(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    for port in &service.ports {
        if let Some(publication) = publication(asker, port) {
            asker.demand.project.publish.push(publication);
        }
    }
    asker.demand.project.publish.sort();
    asker.demand.project.publish.dedup();
}

fn publication(asker: &mut Asker<'_>, At { value: port, span }: &At<Port>) -> Option<Publication> {
    let target = port.target;
    let protocol = match &port.protocol {
        PortProtocol::Tcp => Protocol::Tcp,
        PortProtocol::Udp => Protocol::Udp,
        PortProtocol::Other(other) => {
            asker.not_yet(*span, &format!("ports.protocol: {other}"), "publish `tcp` or `udp`");
            return None;
        }
    };
    // The standard's word for a port that is chosen is none, or 0.
    let published = port.published.as_deref().filter(|text| *text != "0").unwrap_or("free");
    let place = match port.address.as_deref() {
        None => published.to_owned(),
        Some(address) if address.contains(':') => format!("[{address}]:{published}"),
        Some(address) => format!("{address}:{published}"),
    };
    let Ok(on) = place.parse() else {
        let instead = format!(
            "write a port, or a range of at most 1024, and an address of the host if need be: `127.0.0.1:8080:{target}`"
        );
        asker.not_yet(*span, &format!("ports: {place}"), &instead);
        return None;
    };
    if port.address.is_none() {
        asker.note(format!("port {target} is published on 127.0.0.1: the file names no address"));
    }
    Some(Publication { on, port: target, protocol })
}
