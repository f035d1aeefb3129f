//! What this machine can enforce, as the backends found by trying.

use perry_sandbox_policy::{BackendFacts, HostFacts};

use crate::environment::Environment;
use crate::exit::Exit;
use crate::stop::Stop;

/// The facts that a decision may depend on; a pinned backend is alone among them.
///
/// # Errors
/// The pinned backend is not one of this version.
pub(crate) fn facts(pinned: Option<&str>, environment: &Environment) -> anyhow::Result<HostFacts> {
    let pinned = pinned.or(environment.backend.as_deref());
    let mut backends = backends();
    if let Some(name) = pinned {
        backends.retain(|backend| backend.name.as_str() == name);
        if backends.is_empty() {
            return Err(Stop::with(
                Exit::NotAvailable,
                format!(
                    "there is no backend `{name}` here: this version has `native`; `perry-sandbox backends` shows what it enforces"
                ),
            ));
        }
    }
    Ok(HostFacts { hostname: environment.hostname.clone(), uid: environment.uid, backends })
}

/// Every backend that answers, the preferred first.
pub(crate) fn backends() -> Vec<BackendFacts> {
    perry_sandbox_runner::probe().cloned().into_iter().collect()
}
