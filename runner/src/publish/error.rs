//! Why a port is not published.

use std::io;

use nix::errno::Errno;
use perry_sandbox_policy::Publication;
use thiserror::Error;

/// Why a port of a sandbox cannot be reached from the host. The sandbox does not run then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Nobody can listen there.
    #[error("cannot publish {publication}: {errno}{remedy}")]
    Listen {
        /// Where, and what.
        publication: Box<Publication>,
        /// What the kernel said.
        errno: String,
        /// What would help.
        remedy: &'static str,
    },
    /// The process of an engine's sandbox was not found.
    #[error("cannot publish ports of the engine's sandbox, so it was ended: {0}; use the backend `native`")]
    Process(String),
    /// Nobody would know the ports.
    #[error("cannot write down which ports are published: {0}")]
    Told(#[source] io::Error),
    /// No sockets inside.
    #[error("cannot make sockets in the network namespace of the sandbox: {0}")]
    Inside(#[source] io::Error),
}

/// What helps where the kernel says this.
const REMEDIES: [(Errno, &str); 4] = [
    (Errno::EADDRINUSE, "; somebody listens there already: end that program, or publish on another port"),
    (
        Errno::EACCES,
        "; only root may listen on a port so low (sysctl net.ipv4.ip_unprivileged_port_start): publish on 1024 or above",
    ),
    (Errno::EADDRNOTAVAIL, "; this host has no such address: publish on one that it has"),
    (Errno::EMFILE, "; too many files are open: raise `ulimit -n`, or publish less"),
];

impl PublishError {
    pub(super) fn listen(publication: &Publication, errno: Errno) -> Self {
        let known = REMEDIES.iter().find(|(of, _)| *of == errno);
        let remedy = known.map_or("", |(_, remedy)| remedy);
        let errno = format!("{} ({errno:?})", errno.desc());
        Self::Listen { publication: Box::new(publication.clone()), errno, remedy }
    }
}
