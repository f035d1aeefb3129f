//! The only way out of a sandbox with an egress grant: a proxy that runs beside the supervision.
//!
//! The sandbox keeps its own network namespace with nothing but a loopback. Its first process binds two sockets there, sends
//! them out before it drops anything, and closes them; this side accepts on them and connects in the host's namespace. No
//! interface, route or privilege joins the two, and when this process ends, so does the way out.
//!
//! Pure, and fuzzed: [`host`], [`judge`], [`request`], [`socks`], [`hello`], [`dns`]. With sockets: [`connection`],
//! [`relay`], [`resolver`], [`proxy`].

mod connection;
mod dns;
#[doc(hidden)]
pub mod fuzzing;
mod hello;
mod host;
mod judge;
mod proxy;
mod relay;
mod request;
mod resolver;
mod socks;
mod tally;
#[cfg(test)]
mod tests;

pub(crate) use judge::Grants;
pub(crate) use proxy::Door;
pub use tally::{EgressReason, EgressRefusal, EgressUse};

/// Where names are answered inside.
pub(crate) const NAMES_PORT: u16 = 53;
