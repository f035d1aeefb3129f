//! A host with things that a sandbox must not reach.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// What is laid out for one run of the checker; gone when it is dropped.
#[derive(Debug)]
pub struct Bait<'a> {
    secret: TempDir,
    checker: &'a Path,
    key: String,
    arguments: Vec<String>,
    _open: (TcpListener, UnixListener, UnixListener, OwnedFd),
}

impl<'a> Bait<'a> {
    /// Lays it out.
    ///
    /// # Panics
    /// When the host does not let us.
    pub fn lay(checker: &'a Path) -> Self {
        let secret = tempfile::Builder::new().prefix("host-secret").tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let name = format!("perry-sandbox-{port}");
        let address = SocketAddr::from_abstract_name(&name).expect("a name of a socket");
        let hidden = UnixListener::bind_addr(&address).expect("an abstract socket");
        let path = secret.path().join("socket");
        let open = UnixListener::bind(&path).expect("a socket");
        // Somebody else's file, that exec does not close: the launcher must.
        let folder = std::fs::File::open(secret.path()).expect("the folder");
        let leaked = nix::unistd::dup(&folder).expect("a descriptor");
        let key = (0x5045_0000_u32 | u32::from(port)).to_string();
        let told = Command::new(checker).arg(format!("plant={key}")).output().expect("the checker starts");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let keyring = told.lines().find_map(|line| line.strip_prefix("keyring ")).expect("a keyring");
        let arguments = vec![
            format!("canary={}", secret.path().display()),
            format!("socket={}", path.display()),
            format!("port={port}"),
            format!("abstract={name}"),
            format!("ipc={key}"),
            format!("keyring={keyring}"),
            format!("process={}", std::process::id()),
        ];
        Self { secret, checker, key, arguments, _open: (listener, hidden, open, leaked) }
    }

    /// A folder of the host with a socket in it, whose path is the canary.
    pub fn secret(&self) -> &Path {
        self.secret.path()
    }

    /// What the checker is told to look for.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl Drop for Bait<'_> {
    fn drop(&mut self) {
        let uprooted = Command::new(self.checker).arg(format!("uproot={}", self.key)).status();
        // Two panics at once say less than one.
        assert!(std::thread::panicking() || uprooted.is_ok_and(|status| status.success()));
    }
}
