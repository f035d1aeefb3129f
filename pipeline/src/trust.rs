//! The verifier with its memory and the public trust root.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use perry_sandbox_image::{Access, Mirror, ReadError};
use perry_sandbox_verifier::{CacheLimits, PublicRoot, RootMirror, Verifier};

use crate::environment::Environment;

/// Where the public instance publishes its trust root, signed for whoever begins with the root that this program was
/// built with (<https://docs.sigstore.dev/about/security/>).
const PUBLIC_MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";

/// A verifier that keeps proofs in memory as `limits` says, and knows the public trust root.
pub(crate) fn verifier(limits: CacheLimits, environment: &Environment) -> Verifier {
    let verifier = Verifier::new(limits);
    // A folder that cannot be used leaves policies that need the public root without it, and they say so.
    match PublicRoot::open(&environment.data_dir.join("trust")) {
        Ok(root) => verifier.with_public_root(root.with_mirror(Box::new(LazyMirror::new(environment)))),
        Err(_) => verifier,
    }
}

/// As [`verifier`], and proofs are kept on disk.
pub(crate) fn verifier_with_folder(environment: &Environment) -> Verifier {
    let limits = CacheLimits::default();
    // A folder that cannot be used costs time, never an answer.
    verifier(limits.clone(), environment)
        .with_folder(&environment.data_dir.join("verified"))
        .unwrap_or_else(|_| verifier(limits, environment))
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
