use std::collections::BTreeMap;
use std::path::Path;

use perry_sandbox_build::{BuildsError, Context, Maker, Steps};
use perry_sandbox_pipeline::{Pipeline, PipelineError};
use perry_sandbox_policy::{AllowedBuild, ServiceName};
use perry_sandbox_reference::{Digest, Repository};
use perry_sandbox_runner::{BuildCache, BuildOrder, BuildPull, Builder, BuilderKind, Building};
use thiserror::Error;

use crate::demand::BuildDemand;

/// What is to be built of one service, which the policy allows.
#[derive(Debug)]
pub struct Recipe<'a> {
    pub(super) name: &'a str,
    pub(super) service: &'a ServiceName,
    pub(super) build: &'a BuildDemand,
    pub(super) allowed: &'a AllowedBuild,
}

/// What is said about a build beside what its file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildWords {
    /// Arguments of the steps, over the file's.
    pub args: BTreeMap<String, String>,
    /// Whether what was done before counts.
    pub cache: BuildCache,
    /// Whether images that it begins with are always pulled.
    pub pull: BuildPull,
}

/// Why something cannot be built.
#[derive(Debug, Error)]
pub enum MakingError {
    /// The folder is one of ours.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// Its parts cannot be read, or it was not made.
    #[error(transparent)]
    Builds(#[from] BuildsError),
}

impl<'a> Recipe<'a> {
    /// The service, by the name in its project.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// What the image is signed as.
    pub const fn repository(&self) -> &'a Repository {
        &self.allowed.repository
    }

    /// Reads what it is made of, and finds who makes it: the builder that is named, else the first that is here and can do it.
    ///
    /// # Errors
    /// The context or the steps cannot be read, or hold what is ours; or there is no builder.
    pub fn ready(
        self,
        pipeline: &Pipeline,
        words: &BuildWords,
        named: Option<BuilderKind>,
    ) -> Result<ReadyBuild<'a>, MakingError> {
        let order = self.order(pipeline, words)?;
        let environment = pipeline.environment();
        let builder = Builder::find(&environment.tools, &environment.runtime_dir, named, &order);
        Ok(ReadyBuild { recipe: self, builder: builder.map_err(BuildsError::from)?, order })
    }

    /// What a builder is told.
    fn order(&self, pipeline: &Pipeline, words: &BuildWords) -> Result<BuildOrder, MakingError> {
        let Self { build, allowed, .. } = self;
        let steps = match &build.inline {
            Some(text) => Steps::Inline(text.clone()),
            None => Steps::File(build.dockerfile.clone()),
        };
        let context = Context::read(Path::new(&build.context), &steps)?;
        pipeline.check_context(context.folder())?;
        let mut args = build.args.clone();
        args.extend(words.args.clone());
        Ok(BuildOrder {
            context: context.folder().to_owned(),
            dockerfile: context.steps().to_owned(),
            args,
            target: build.target.clone(),
            labels: build.labels.clone(),
            platform: build.platform.clone(),
            network: build.network(allowed.network),
            cache: if build.no_cache { BuildCache::Ignore } else { words.cache },
            pull: if build.pull { BuildPull::Always } else { words.pull },
        })
    }
}

/// What is to be built, read, and by whom.
#[derive(Debug)]
pub struct ReadyBuild<'a> {
    recipe: Recipe<'a>,
    builder: Builder,
    order: BuildOrder,
}

impl<'a> ReadyBuild<'a> {
    /// What is to be built.
    pub const fn recipe(&self) -> &Recipe<'a> {
        &self.recipe
    }

    /// Who builds it.
    pub fn builder(&self) -> BuilderKind {
        self.builder.kind()
    }

    /// Builds and signs it.
    ///
    /// # Errors
    /// The key is not here, the builder fails, or what it wrote is no image.
    pub fn make(&self, pipeline: &Pipeline, building: &Building<'_>) -> Result<Digest, BuildsError> {
        let Recipe { service, allowed, .. } = &self.recipe;
        let maker = Maker::below(&pipeline.environment().data_dir);
        maker.make(service, allowed, (&self.builder, &self.order), building)
    }
}
