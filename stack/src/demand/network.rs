use std::collections::BTreeSet;
use std::net::IpAddr;

use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::{Attachment, HostName, Protocol, Publication};

use super::asker::Asker;
use super::system;
use super::table::NOT_THE_HOSTS;
use crate::model::{At, Joined, Port, PortProtocol};

pub(super) fn mode(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let mode = node.text().unwrap_or_default();
    let attribute = format!("network_mode: {mode}");
    let instead = "join networks of the project, and publish ports";
    match mode {
        "none" => {}
        "host" => asker.never(span, &attribute, NOT_THE_HOSTS.0, instead),
        _ => asker.not_yet(span, &attribute, instead),
    }
}

pub(super) fn links(asker: &mut Asker<'_>, _: Span, node: &Node) {
    for link in node.sequence().unwrap_or_default() {
        let text = link.text().unwrap_or_default();
        if let Some((service, alias)) = text.split_once(':').filter(|(service, alias)| service != alias) {
            let instead =
                format!("call the service `{service}`, or give it the alias `{alias}` in `networks`");
            asker.not_yet(link.span, &format!("links: {text}"), &instead);
        }
    }
}

pub(super) fn networks(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    for joined in &service.networks {
        for (attribute, span) in &joined.value.others {
            asker.not_yet(*span, &format!("networks.{attribute}"), "leave it out");
        }
        let Some(address) = address(asker, &joined.value) else { continue };
        let Some(aliases) = aliases(asker, joined) else { continue };
        let own = &joined.value.network;
        let external = asker.stack.networks.get(own).filter(|network| network.external);
        match external.map_or_else(|| own.clone(), |one| format!("external:{}", one.name)).parse() {
            Ok(network) => asker.demand.project.networks.push(Attachment { network, aliases, address }),
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
    if let Ok(address) = text.value.parse() {
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
