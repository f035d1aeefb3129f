//! What this machine can enforce, as the backends found by trying.

use std::sync::OnceLock;

use perry_sandbox_policy::{BackendFacts, DenyCode, HostFacts, IsolationLevel, Verdict, accepted_levels};
use perry_sandbox_runner::{AbsentBackend, Backends, ContainerMode, HostTools};

use crate::ask::Question;
use crate::environment::Environment;
use crate::error::PipelineError;

/// What was looked at of this machine. Engines are looked at when a wish needs to know of them, and once.
#[derive(Debug, Default)]
pub(crate) struct Host {
    all: OnceLock<Backends>,
    /// One that was pinned, which is looked at alone: others may hang.
    pinned: OnceLock<(String, Backends)>,
    /// Which of several in the environment is taken.
    first: OnceLock<usize>,
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

/// Which backend a wish is pinned to: by itself, or by the environment, which may name several.
pub(crate) fn pinned<'a>(
    wish: Option<&'a str>,
    host: &Host,
    environment: &'a Environment,
) -> Option<&'a str> {
    wish.or_else(|| {
        let names = &environment.backends;
        let first = if names.len() > 1 { *host.first.get_or_init(|| first(names, environment)) } else { 0 };
        names.get(first).map(String::as_str)
    })
}

/// The first that is alive. A name of no backend is taken as well, to be refused: whoever wrote it does not get another. Where
/// none is alive, it is the first, which says what is missing.
fn first(names: &[String], environment: &Environment) -> usize {
    let is_taken = |name: &String| {
        let is_here = |found: &Backends| found.facts().iter().any(|backend| backend.name.as_str() == name);
        !is_known(name) || is_here(&Backends::survey(&environment.tools, Some(name)))
    };
    names.iter().position(is_taken).unwrap_or(0)
}

fn is_known(name: &str) -> bool {
    Backends::names().any(|known| known == name)
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
    if !is_known(name) {
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
/// something, where a level is preferred that it does not give, and where others come first.
pub(crate) fn others_matter(question: &Question<'_>, verdict: &Verdict, environment: &Environment) -> bool {
    if environment.tools.mode() == ContainerMode::ServerFirst {
        return true;
    }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn environment(list: &str) -> Environment {
        let lookup = |name: &str| (name == "PERRY_CONTAINER_BACKEND").then(|| list.into());
        Environment::new(&lookup, Some(Path::new("/nowhere"))).unwrap()
    }

    #[test]
    fn the_first_of_several_that_is_alive_is_taken() {
        let taken = |list: &str| {
            let environment = environment(list);
            pinned(None, &Host::default(), &environment).map(str::to_owned)
        };
        // Nothing is in this environment's path, so engines are dead.
        assert_eq!(taken("podman,native,docker").as_deref(), Some("native"));
        assert_eq!(taken("podman,docker").as_deref(), Some("podman"), "it says what is missing");
        assert_eq!(taken("podman,typo,native").as_deref(), Some("typo"), "which is refused");
        assert_eq!(taken(""), None);
        let environment = environment("podman,native");
        assert_eq!(pinned(Some("lima"), &Host::default(), &environment), Some("lima"), "a wish has its own");
    }

    #[test]
    fn a_name_of_no_backend_is_refused_and_a_dead_one_says_why() {
        let environment = environment("");
        let error = far(&Host::default(), Some("typo"), &environment).unwrap_err();
        assert!(matches!(error, PipelineError::NoBackend(name) if name == "typo"));
        let error = far(&Host::default(), Some("lima"), &environment).unwrap_err().to_string();
        assert!(error.contains("it is not installed"), "{error}");
    }
}
