//! A project, read and understood.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_compose::{Files, Problems, Project, Request, load};

use crate::demand::{Demands, Host, demand};
use crate::model::{Stack, ValueSource, secret_sources};
use crate::order::{Cycle, Order};

/// A project with its order and all that its services ask for.
#[derive(Debug)]
pub struct Understood {
    /// As its files say it.
    pub project: Project,
    /// In types.
    pub stack: Stack,
    /// In which order services start.
    pub order: Order,
    /// What each service asks for.
    pub demands: Demands,
    /// The services of the whole project, also those that are not asked for, and those of profiles that are not.
    pub all_services: BTreeSet<String>,
    /// Where values of all secrets come from, also of those that no service is given any more.
    pub all_secrets: BTreeMap<String, ValueSource>,
}

/// Why a project cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnderstandError {
    /// Its files are wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// Services need each other in a circle.
    #[error(transparent)]
    Cycle(#[from] Cycle),
}

impl Understood {
    /// Reads a project, for these services and those that they depend on; none: all of them.
    ///
    /// # Errors
    /// See [`UnderstandError`].
    pub fn read(request: &Request, files: &dyn Files, services: &[String]) -> Result<Self, UnderstandError> {
        let mut project = Project::new(load(request, files)?, request.options, files)?;
        let all_services = project.all_service_names();
        let all_secrets = secret_sources(&project);
        project.enable(services);
        project.select(services)?;
        project.drop_unused();
        project.check_container_names()?;
        let stack = Stack::read(&project)?;
        let order = stack.graph().order()?;
        let mut demands = demand(&stack);
        let variable = |name: &str| request.environment.get(name).cloned();
        demands.look_at_host(&stack, Host { folder: &project.folder, variable: &variable });
        Ok(Self { project, stack, order, demands, all_services, all_secrets })
    }
}
