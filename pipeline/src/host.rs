//! What this machine can enforce, as the backends found by trying.

use std::sync::OnceLock;

use perry_sandbox_policy::{BackendFacts, DenyCode, HostFacts, IsolationLevel, Verdict, accepted_levels};
use perry_sandbox_runner::{AbsentBackend, Backends, HostTools};

use crate::ask::Question;
use crate::environment::Environment;
use crate::error::PipelineError;

/// What was looked at of this machine. Engines are looked at when a wish needs to know of them, and once.
#[derive(Debug, Default)]
pub(crate) struct Host {
    all: OnceLock<Backends>,
    /// One that was pinned, which is looked at alone: others may hang.
    pinned: OnceLock<(String, Backends)>,
}

impl Host {
    /// The backends that are looked at: all, or the pinned one.
    pub(crate) fn backends(&self, pinned: Option<&str>, environment: &Environment) -> &Backends {
        if let (Some(name), None) = (pinned, self.all.get()) {
            let look = || (name.to_owned(), Backends::survey(&environment.tools, Some(name)));
            let (found, backends) = self.pinned.get_or_init(look);
            if found == name {
                return backends;
            }
        }
        self.all.get_or_init(|| Backends::survey(&environment.tools, None))
    }
}

/// Which backend a wish is pinned to: by itself, or by the environment.
pub(crate) fn pinned<'a>(wish: Option<&'a str>, environment: &'a Environment) -> Option<&'a str> {
    wish.or(environment.backend.as_deref())
}

/// The facts with the embedded backend alone.
pub(crate) fn near(environment: &Environment) -> HostFacts {
    of(perry_sandbox_runner::probe().cloned().into_iter().collect(), environment)
}

/// The facts with all that is looked at; a pinned backend is alone among them.
///
/// # Errors
/// The pinned backend is not one of this version, or not alive.
pub(crate) fn far(
    host: &Host,
    pinned: Option<&str>,
    environment: &Environment,
) -> Result<HostFacts, PipelineError> {
    let Some(name) = pinned else {
        return Ok(of(host.backends(None, environment).facts(), environment));
    };
    if !Backends::names().any(|known| known == name) {
        return Err(PipelineError::NoBackend(name.to_owned()));
    }
    let found = host.backends(Some(name), environment);
    let mut facts = found.facts();
    facts.retain(|backend| backend.name.as_str() == name);
    if facts.is_empty() {
        let absent = found.absent().into_iter().find(|absent| absent.name == name);
        let (why, remedy) = absent.map_or_else(Default::default, |absent| (absent.why, absent.remedy));
        return Err(PipelineError::DeadBackend { name: name.to_owned(), why, remedy });
    }
    Ok(of(facts, environment))
}

fn of(backends: Vec<BackendFacts>, environment: &Environment) -> HostFacts {
    HostFacts { hostname: environment.hostname.clone(), uid: environment.uid, backends }
}

/// Whether other backends than the embedded one could change a verdict that was found with it alone: where it lacks
/// something, and where a level is preferred that it does not give.
pub(crate) fn others_matter(question: &Question<'_>, verdict: &Verdict, environment: &Environment) -> bool {
    match verdict {
        Verdict::Allow(plan) => {
            let accepted =
                accepted_levels(question.policy, question.request, &environment.hostname, question.now);
            // A module runs at its own level, and nothing else does.
            let first = accepted.into_iter().find(|level| *level != IsolationLevel::Wasm);
            first.is_some_and(|first| first != plan.isolation)
        }
        Verdict::Deny(denial) => {
            let of_backends = [DenyCode::IsolationUnavailable, DenyCode::NotEnforced];
            denial.iter().any(|reason| of_backends.contains(&reason.code))
        }
    }
}

/// Every backend that answers, the preferred first.
pub fn backends(tools: &HostTools) -> Vec<BackendFacts> {
    Backends::survey(tools, None).facts()
}

/// Every backend that answers, and why the others do not; nothing that was found before is believed.
pub fn backends_anew(tools: &HostTools) -> (Vec<BackendFacts>, Vec<AbsentBackend>) {
    let found = Backends::survey_anew(tools);
    (found.facts(), found.absent())
}
