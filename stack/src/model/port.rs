use std::num::NonZeroU16;

use perry_sandbox_compose::Node;

use super::{At, Reader, read};

/// A port that a service publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The port inside.
    pub target: NonZeroU16,
    /// The port of the host, or a range to choose from; nothing: any.
    pub published: Option<String>,
    /// The address of the host, as written.
    pub address: Option<String>,
    /// What goes through it.
    pub protocol: PortProtocol,
}

/// What goes through a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortProtocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
    /// Something else, as written.
    Other(String),
}

pub(super) fn read(service: &Node, reader: &mut Reader) -> Vec<At<Port>> {
    let ports = read::items(service.get("ports")).iter().filter_map(|node| {
        let target = reader.number(node.get("target")?, "ports.target")?;
        let Some(target) = u16::try_from(target).ok().and_then(NonZeroU16::new) else {
            reader.wrong(node.span, "ports.target", &target.to_string(), "a port from 1 to 65535");
            return None;
        };
        let protocol = match read::text(node, "protocol").as_deref() {
            None | Some("tcp") => PortProtocol::Tcp,
            Some("udp") => PortProtocol::Udp,
            Some(other) => PortProtocol::Other(other.to_owned()),
        };
        let (published, address) = (read::text(node, "published"), read::text(node, "host_ip"));
        Some(At::new(Port { target, published, address, protocol }, node.span))
    });
    ports.collect()
}
