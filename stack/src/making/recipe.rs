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

    /// Reads what it is made of: what a builder is told.
    ///
    /// # Errors
    /// The context or the steps cannot be read, or hold what is ours.
    pub fn order(&self, pipeline: &Pipeline, words: &BuildWords) -> Result<BuildOrder, MakingError> {
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

    /// The builder that is named, else the first that is here and can do it.
    ///
    /// # Errors
    /// There is none.
    pub fn builder(
        &self,
        pipeline: &Pipeline,
        order: &BuildOrder,
        named: Option<BuilderKind>,
    ) -> Result<Builder, BuildsError> {
        let environment = pipeline.environment();
        Ok(Builder::find(&environment.tools, &environment.runtime_dir, named, order)?)
    }

    /// Builds and signs it.
    ///
    /// # Errors
    /// The key is not here, the builder fails, or what it wrote is no image.
    pub fn make(
        &self,
        pipeline: &Pipeline,
        by: (&Builder, &BuildOrder),
        building: &Building<'_>,
    ) -> Result<Digest, BuildsError> {
        Maker::below(&pipeline.environment().data_dir).make(self.service, self.allowed, by, building)
    }
}
