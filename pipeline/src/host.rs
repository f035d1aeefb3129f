//! What this machine can enforce, as the backends found by trying.

use perry_sandbox_policy::{BackendFacts, HostFacts};

use crate::environment::Environment;
use crate::error::PipelineError;

/// The facts that a decision may depend on; a pinned backend is alone among them.
///
/// # Errors
/// The pinned backend is not one of this version.
pub(crate) fn facts(pinned: Option<&str>, environment: &Environment) -> Result<HostFacts, PipelineError> {
    let pinned = pinned.or(environment.backend.as_deref());
    let mut backends = backends();
    if let Some(name) = pinned {
        backends.retain(|backend| backend.name.as_str() == name);
        if backends.is_empty() {
            return Err(PipelineError::NoBackend(name.to_owned()));
        }
    }
    Ok(HostFacts { hostname: environment.hostname.clone(), uid: environment.uid, backends })
}

/// Every backend that answers, the preferred first.
pub fn backends() -> Vec<BackendFacts> {
    perry_sandbox_runner::probe().cloned().into_iter().collect()
}
