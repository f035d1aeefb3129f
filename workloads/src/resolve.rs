//! References as text.

use std::num::NonZeroU16;

use perry_sandbox_policy::Protocol;

use crate::model::{Network, Node, Projection, Reference};

/// The port that is meant where a node has several, and none is named.
const HTTP: u16 = 80;

/// What a reference to that node comes to: names, which hold across restarts, never addresses.
pub(crate) fn text(reference: &Reference, target: &Node) -> Result<String, String> {
    let name = &reference.node;
    if target.network == Network::None {
        return Err(format!("refers to `{name}`, which is in no network: nobody would reach it"));
    }
    match reference.projection {
        Projection::Ip if reference.port.is_none() => Ok(name.clone()),
        Projection::Ip => port(reference, target).map(|_| name.clone()),
        Projection::Endpoint => Ok(format!("{name}:{}", port(reference, target)?)),
        Projection::InternalUrl => Ok(format!("http://{name}:{}", port(reference, target)?)),
    }
}

fn port(reference: &Reference, target: &Node) -> Result<NonZeroU16, String> {
    let mut ports: Vec<NonZeroU16> =
        target.ports.iter().filter(|port| port.protocol == Protocol::Tcp).map(|port| port.inside).collect();
    ports.sort_unstable();
    ports.dedup();
    let only = if let [only] = ports.as_slice() { Some(*only) } else { None };
    let meant = reference.port.or(only).or(NonZeroU16::new(HTTP));
    let has: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let has =
        if has.is_empty() { "it has no `ports`".to_owned() } else { format!("it has {}", has.join(", ")) };
    let wanted = meant.map(|port| port.to_string()).unwrap_or_default();
    meant
        .filter(|meant| ports.contains(meant))
        .ok_or_else(|| format!("refers to port {wanted} of `{}`, and {has}", reference.node))
}
