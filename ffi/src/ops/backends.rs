//! Which walls are here, and which one a wish would get.

use perry_sandbox_pipeline::{
    AbsentBackend, Answer, Backends, Class, ContainerMode, Wish, backends, embedded_backend,
};
use perry_sandbox_policy::{BackendFacts, Verdict};
use serde_json::{Value, json};

use super::{refused, target};
use crate::code::Code;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// Accepted for upstream's habits. Here every line of a plan is held or nothing runs, whatever the word.
const MODES: [(&str, ()); 3] = [("strict-native", ()), ("accept-emulated", ()), ("accept-partial", ())];

/// A wish that needs a backend.
#[derive(Debug)]
pub(crate) struct Select(Wish);

/// The backend that a wish without one of its own gets.
pub(super) fn current(engine: &Engine) -> Result<String, Fault> {
    let pipeline = engine.pipeline()?;
    let pinned = engine.pinned_backend().or_else(|| pipeline.pinned_backend().map(str::to_owned));
    let tools = &pipeline.environment().tools;
    // Where the embedded one comes first, engines are asked only for one that is not it.
    let native_first = tools.mode() == ContainerMode::LocalFirst;
    let here = match &pinned {
        Some(name) if name == "native" => embedded_backend().cloned().into_iter().collect(),
        None if native_first && embedded_backend().is_some() => {
            embedded_backend().cloned().into_iter().collect()
        }
        Some(_) | None => backends(tools),
    };
    let found = here.iter().find(|backend| pinned.as_ref().is_none_or(|name| *name == backend.name.as_str()));
    let found = found.map(|backend| json(&backend.name.as_str()));
    found.unwrap_or_else(|| Err(Fault::new(Code::NotAvailable, "no backend is available here")))
}

/// Every name, the preferred first.
pub(super) fn priority() -> Result<String, Fault> {
    json(&Backends::names().collect::<Vec<_>>())
}

/// What is here.
pub(super) fn available(engine: &Engine) -> Result<String, Fault> {
    let pipeline = engine.pipeline()?;
    let found = Backends::survey(&pipeline.environment().tools, None);
    let (alive, absent) = (found.facts(), found.absent());
    json(&alive.iter().map(describe).chain(absent.iter().map(describe_absent)).collect::<Vec<_>>())
}

/// The first that is here.
pub(super) fn detect(engine: &Engine) -> Result<String, Fault> {
    let here = backends(&engine.pipeline()?.environment().tools);
    let first = here.first().map(|backend| json(&describe(backend)));
    first.unwrap_or_else(|| Err(Fault::new(Code::NotAvailable, "no backend is available here")))
}

fn describe(backend: &BackendFacts) -> Value {
    let levels: Vec<_> = backend.levels.iter().map(|level| level.as_str()).collect();
    let reason = if levels.is_empty() { "it gives no isolation level on this machine" } else { "" };
    json!({
        "name": backend.name.as_str(),
        "available": !levels.is_empty(),
        "reason": reason,
        "version": backend.version,
        "isolationLevels": levels,
    })
}

fn describe_absent(absent: &AbsentBackend) -> Value {
    json!({ "name": absent.name, "available": false, "reason": absent.why, "version": null, "isolationLevels": [] })
}

/// Pins the first of the names that is here, for all later calls.
pub(super) fn pin(engine: &Engine, names: &[String]) -> Result<String, Fault> {
    let here = match names.first().map(String::as_str) {
        Some("native") => embedded_backend().cloned().into_iter().collect(),
        _ => backends(&engine.pipeline()?.environment().tools),
    };
    let is_here = |name: &&String| here.iter().any(|backend| backend.name.as_str() == name.as_str());
    let Some(name) = names.iter().find(is_here) else {
        let message = format!("none of these backends is here: {}", names.join(", "));
        return Err(Fault::new(Code::NotAvailable, message));
    };
    engine.pin_backend(name)?;
    json(&json!({ "backend": name }))
}

impl Select {
    /// `{spec, mode?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let select = Self(target::required_spec(&mut fields)?);
        fields.word("mode", &MODES)?;
        fields.finish()?;
        Ok(select)
    }

    /// The backend that would hold every line of the plan; null if none does.
    pub(super) fn run(self, engine: &Engine) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let asked = pipeline.ask(&self.0, None)?;
        if let Answer::Decided(decided) = &asked.answer
            && let Verdict::Allow(plan) = &decided.verdict
        {
            return json(&plan.backend.as_str());
        }
        match refused::class(&asked.answer) {
            Some(Class::NotAvailable) => json(&Value::Null),
            _ => Err(refused::fault(&asked)),
        }
    }
}
