//! On which backend a project's networks and volumes are.

use std::collections::BTreeSet;

use perry_sandbox_engine::Desired;

use crate::judge::{Judged, Judgement};

/// Our own, where nobody is on any.
const OWN: &str = "native";

/// Services that share networks or volumes would be on several backends, which share none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("services that share networks or volumes would be on {one} and on {other}")]
pub struct SplitBackends {
    /// One of them.
    pub one: String,
    /// Another.
    pub other: String,
}

/// The one backend that has the networks and volumes; services that need none may be elsewhere.
///
/// # Errors
/// Those that share something would be on several.
pub fn shared_backend(desired: &Desired, judged: &[Judged]) -> Result<String, SplitBackends> {
    let shares: BTreeSet<&str> = desired
        .units
        .iter()
        .filter(|unit| !unit.networks.is_empty() || !unit.volumes.is_empty() || unit.beside.is_some())
        .map(|unit| unit.service.as_str())
        .collect();
    let of = |wanted: &dyn Fn(&str) -> bool| -> BTreeSet<&str> {
        let allowed =
            judged.iter().filter(|one| wanted(&one.service)).filter_map(|one| match &one.judgement {
                Judgement::Allowed(allowed) => Some(allowed.backend.as_str()),
                Judgement::Denied(_)
                | Judgement::Unlike(_)
                | Judgement::NotVerified(_)
                | Judgement::Failed(_, _) => None,
            });
        allowed.collect()
    };
    let mut backends = of(&|service| shares.contains(service));
    if backends.is_empty() {
        backends = of(&|_| true).into_iter().take(1).collect();
    }
    match (backends.pop_first(), backends.pop_first()) {
        (Some(one), None) => Ok(one.to_owned()),
        (Some(one), Some(other)) => Err(SplitBackends { one: one.to_owned(), other: other.to_owned() }),
        (None, _) => Ok(OWN.to_owned()),
    }
}
