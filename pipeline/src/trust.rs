//! The verifier with its memory and the public trust root.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use perry_sandbox_image::{Access, Mirror, ReadError};
use perry_sandbox_verifier::{CacheLimits, PublicRoot, RootMirror, Verifier};

use crate::environment::Environment;

/// Where the public instance publishes its trust root, signed for whoever begins with the root that this program was
/// built with (<https://docs.sigstore.dev/about/security/>).
const PUBLIC_MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";

/// A verifier that is made when it is first asked: a run needs one of two at most, and their folders cost time to open.
#[derive(Debug)]
pub(crate) struct LazyVerifier {
    limits: CacheLimits,
    /// Whether proofs are kept on disk too.
    on_disk: bool,
    verifier: OnceLock<Verifier>,
}

impl LazyVerifier {
    /// Keeps proofs in memory, as `limits` says.
    pub(crate) fn in_memory(limits: CacheLimits) -> Self {
        Self { limits, on_disk: false, verifier: OnceLock::new() }
    }

    /// Keeps proofs on disk as well.
    pub(crate) fn on_disk() -> Self {
        Self { on_disk: true, ..Self::in_memory(CacheLimits::default()) }
    }

    /// The verifier; it knows the public trust root.
    pub(crate) fn get(&self, environment: &Environment) -> &Verifier {
        self.verifier.get_or_init(|| {
            let verifier = with_public_root(self.limits.clone(), environment);
            if !self.on_disk {
                return verifier;
            }
            // A folder that cannot be used costs time, never an answer.
            verifier
                .with_folder(&environment.data_dir.join("verified"))
                .unwrap_or_else(|_| with_public_root(self.limits.clone(), environment))
        })
    }
}

fn with_public_root(limits: CacheLimits, environment: &Environment) -> Verifier {
    let verifier = Verifier::new(limits);
    // A folder that cannot be used leaves policies that need the public root without it, and they say so.
    match PublicRoot::open(&environment.data_dir.join("trust")) {
        Ok(root) => verifier.with_public_root(root.with_mirror(Box::new(LazyMirror::new(environment)))),
        Err(_) => verifier,
    }
}

/// The public mirror, made only when it is asked: reading the system's certificates takes milliseconds.
#[derive(Debug)]
struct LazyMirror {
    proxy: Option<String>,
    no_proxy: Vec<String>,
    mirror: OnceLock<Mirror>,
}

impl LazyMirror {
    fn new(environment: &Environment) -> Self {
        Self {
            proxy: environment.proxy.clone(),
            no_proxy: environment.no_proxy.clone(),
            mirror: OnceLock::new(),
        }
    }
}

impl RootMirror for LazyMirror {
    fn fetch(&self, name: &str, limit: u64, deadline: Option<Instant>) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(mirror) = self.mirror.get() {
            return mirror.fetch(name, limit, deadline);
        }
        let access = Access {
            proxy: self.proxy.clone(),
            no_proxy: self.no_proxy.clone(),
            patience: Duration::from_secs(5),
            attempts: 2,
            ..Access::default()
        };
        let made = Mirror::new(PUBLIC_MIRROR, &access)?;
        self.mirror.get_or_init(|| made).fetch(name, limit, deadline)
    }
}
