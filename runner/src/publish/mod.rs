//! Published ports: connections and datagrams of the host that end at the sandbox's own loopback.
//!
//! The process that supervises the sandbox listens at the host's address, before anything of the sandbox is there. For each
//! connection it takes a socket that was made in the sandbox's network namespace, where every connection ends that begins
//! with it, connects it from `127.0.0.2` to `127.0.0.1` there, and copies bytes. Whoever sends datagrams has such a socket as
//! long as it goes on sending, and whatever comes back by that is sent to it and to nobody else. So no interface, route or rule of the
//! host's firewall is needed, nothing of ours stays inside, and when this process ends, so do the ports.
//!
//! SECURITY: a program inside answers those who come and can call nobody: it never has one of the sockets, and the listeners
//! are in a namespace that it is not in.

mod bind;
mod datagrams;
mod envelope;
mod error;
mod pool;
mod publisher;
mod serve;

pub use error::PublishError;
pub(crate) use publisher::Publisher;

/// Who publishes, for tables of controls.
pub(crate) const PUBLISHER: &str = "the supervisor (it has that address, and what comes there ends at the port of the sandbox's own loopback)";

/// How many connections a sandbox is reached by at once, over all its ports. Others wait in the listeners' queues.
pub(crate) const CONNECTIONS: u16 = 64;

/// With how many who send datagrams a sandbox speaks at once, over all its ports. Who has been silent the longest makes room.
pub(crate) const CALLERS: u16 = 64;
