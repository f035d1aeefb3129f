use std::collections::BTreeMap;
use std::path::Path;

use perry_sandbox_build::{Builds, Context, Steps};
use perry_sandbox_pipeline::Pipeline;
use perry_sandbox_policy::{AllowedBuild, Denial, WantedBuild, decide_build};
use perry_sandbox_stack::{BuildDemand, Built, Demand};

use super::args::DeskArgs;
use super::question::Question;
use crate::output::Failure;

/// What the policy says of the builds of a project.
pub(crate) struct Builders<'a> {
    pub(crate) services: BTreeMap<&'a str, (&'a Demand, &'a BuildDemand)>,
    pub(crate) decided: BTreeMap<&'a str, Result<AllowedBuild, Denial>>,
}

impl<'a> Builders<'a> {
    /// Asks the policy about every service that has a build.
    pub(crate) fn of(question: &'a Question, pipeline: &Pipeline, desks: &DeskArgs) -> Result<Self, Failure> {
        let services: BTreeMap<_, _> = question
            .demands
            .services
            .iter()
            .filter_map(|(name, demand)| Some((name.as_str(), (demand, demand.build.as_ref()?))))
            .collect();
        if services.is_empty() {
            return Ok(Self { services, decided: BTreeMap::new() });
        }
        let policy = pipeline.policy(&desks.policy())?;
        let mut decided = BTreeMap::new();
        for (name, (demand, build)) in &services {
            // One without a name that a policy could have is refused already.
            let Some(service) = demand.service.clone() else { continue };
            let wanted = WantedBuild { service, context: folder(build) };
            let answer = match &policy {
                Some(loaded) => decide_build(&loaded.policy, &wanted),
                None => Err(Denial::no_policy()),
            };
            decided.insert(*name, answer);
        }
        Ok(Self { services, decided })
    }

    /// Which images there are of them.
    pub(crate) fn built(&self, builds: &Builds) -> Result<BTreeMap<String, Built>, Failure> {
        let mut built = BTreeMap::new();
        for (name, answer) in &self.decided {
            let service = self.services.get(name).and_then(|(demand, _)| demand.service.as_ref());
            let (state, Some(service)) = (answer, service) else { continue };
            let state = match state {
                Err(denial) => Built::Denied(denial.clone().into()),
                Ok(allowed) => match builds.current(service)? {
                    None => Built::NotYet,
                    Some(image) => Built::Here { image, repository: allowed.repository.clone() },
                },
            };
            built.insert((*name).to_owned(), state);
        }
        Ok(built)
    }
}

/// Where the steps of a build are.
pub(crate) fn steps(build: &BuildDemand) -> Steps {
    match &build.inline {
        Some(text) => Steps::Inline(text.clone()),
        None => Steps::File(build.dockerfile.clone()),
    }
}

/// The folder that is read, as the policy names folders: one that is not there is what the file says.
fn folder(build: &BuildDemand) -> String {
    let read = Context::read(Path::new(&build.context), &Steps::Inline(String::new()));
    read.map_or_else(|_| build.context.clone(), |context| context.folder().display().to_string())
}
