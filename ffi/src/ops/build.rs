//! `composeBuild`: images of services that are built here, where the policy grants it, as `perry-compose build` does.

use perry_sandbox_build::BuildsError;
use perry_sandbox_pipeline::PolicyChoice;
use perry_sandbox_runner::{BuildCache, BuildError, BuildPull, BuilderKind, Building};
use perry_sandbox_stack::{BuildWords, Builders, MakingError, NoBuild, Recipe, Understood};
use serde_json::{Value, json};

use super::compose::Source;
use super::raising::heeding;
use super::{refused, target};
use crate::calls::Call;
use crate::code::Code;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// Images to build.
#[derive(Debug)]
pub(crate) struct Build {
    source: Source,
    services: Vec<String>,
    policy: PolicyChoice,
    builder: Option<BuilderKind>,
    words: BuildWords,
}

impl Build {
    /// `{files | text, …, services?, policy?, builder?, buildArgs?, noCache?, pull?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let source = Source::read(&mut fields)?;
        let services = target::services(&mut fields)?.unwrap_or_default();
        let policy = target::policy(&mut fields)?;
        let builder = fields.parsed("builder")?;
        let pulls = [("missing", BuildPull::Missing), ("always", BuildPull::Always)];
        let words = BuildWords {
            args: fields.map("buildArgs")?.unwrap_or_default(),
            cache: if fields.flag("noCache")? { BuildCache::Ignore } else { BuildCache::Use },
            pull: fields.word("pull", &pulls)?.unwrap_or_default(),
        };
        fields.finish()?;
        Ok(Self { source, services, policy, builder, words })
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let Understood { stack, order, demands, .. } = &self.source.understood(&self.services)?;
        let builders = Builders::of(demands, &pipeline, &self.policy)?;
        // Those that they depend on are built when they are asked for.
        let is_meant = |name: &&str| self.services.is_empty() || self.services.iter().any(|one| one == name);
        let recipes = builders.recipes(order.start().filter(is_meant)).map_err(|no| why_not(&no))?;
        if recipes.is_empty() {
            return Err(Fault::bad_request("no service that was asked for has a build"));
        }
        let built = make(engine, call, (recipes, &self.words), self.builder)?;
        json(&json!({ "name": stack.name, "services": built }))
    }
}

/// Builds all of these, one after another: what of each is read before the first is built.
pub(super) fn make(
    engine: &Engine,
    call: &Call,
    (recipes, words): (Vec<Recipe<'_>>, &BuildWords),
    builder: Option<BuilderKind>,
) -> Result<Vec<Value>, Fault> {
    let pipeline = engine.pipeline()?;
    let ready = recipes.into_iter().map(|recipe| recipe.ready(&pipeline, words, builder));
    let ready = ready.collect::<Result<Vec<_>, _>>()?;
    heeding(engine, call, |interrupt| {
        let go_on = || !interrupt.is_asked();
        // A call has one reply: what a builder said last is in its failure.
        let building = Building { tell: &|_| (), go_on: &go_on };
        let mut built = Vec::new();
        for one in &ready {
            let digest = one.make(&pipeline, &building)?;
            let recipe = one.recipe();
            let repository = recipe.repository().to_string();
            built.push(json!({ "service": recipe.name(), "repository": repository, "digest": digest }));
        }
        Ok(built)
    })
}

/// Why nothing is built. What is refused whoever grants the rest goes first.
pub(super) fn why_not(no: &NoBuild<'_>) -> Fault {
    let fields = no.refused.iter().map(|field| field.problem().message);
    let denied = no.denied.iter().map(|(service, denial)| {
        let reasons: Vec<_> = denial.iter().map(ToString::to_string).collect();
        format!("`{service}` is denied: {}", reasons.join("; "))
    });
    let each: Vec<String> = fields.chain(denied).collect();
    let reasons = no.denied.iter().map(|(service, denial)| {
        json!({ "service": service, "reasons": denial.iter().map(refused::reason).collect::<Vec<_>>() })
    });
    let details = json!({ "verdicts": reasons.collect::<Vec<_>>() });
    Fault::new(Code::Denied, format!("nothing was built: {}", each.join("; "))).with(&details)
}

impl From<MakingError> for Fault {
    fn from(error: MakingError) -> Self {
        match error {
            MakingError::Pipeline(error) => error.into(),
            MakingError::Builds(error) => error.into(),
        }
    }
}

impl From<BuildsError> for Fault {
    fn from(error: BuildsError) -> Self {
        let code = match &error {
            BuildsError::Build(BuildError::Interrupted) => return Self::cancelled(),
            BuildsError::Build(
                BuildError::NoBuilder { .. } | BuildError::Apart { .. } | BuildError::Network,
            ) => Code::NotAvailable,
            BuildsError::Moved(_) | BuildsError::Build(BuildError::Steps { .. } | BuildError::Moved(_)) => {
                Code::Denied
            }
            BuildsError::Context(_) | BuildsError::StepsOutside { .. } | BuildsError::Steps { .. } => {
                Code::BadRequest
            }
            BuildsError::NoKey { .. } => Code::NotFound,
            BuildsError::OtherKey { .. } => Code::Conflict,
            BuildsError::Io { .. } | _ => Code::Io,
        };
        Self::new(code, error.to_string())
    }
}
