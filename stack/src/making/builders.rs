use std::collections::BTreeMap;
use std::path::Path;

use perry_sandbox_build::{Builds, BuildsError, Context, Steps};
use perry_sandbox_pipeline::{Pipeline, PipelineError, PolicyChoice};
use perry_sandbox_policy::{AllowedBuild, Denial, WantedBuild, decide_build};

use super::recipe::Recipe;
use crate::demand::{BuildDemand, Demand, Demands, RefusedField};
use crate::judge::Built;

/// What the policy says of the builds of a project.
#[derive(Debug)]
pub struct Builders<'a> {
    services: BTreeMap<&'a str, (&'a Demand, &'a BuildDemand)>,
    decided: BTreeMap<&'a str, Result<AllowedBuild, Denial>>,
}

/// Why nothing is built: one "no" is enough.
#[derive(Debug)]
pub struct NoBuild<'a> {
    /// What the policy says, by service.
    pub denied: Vec<(&'a str, &'a Denial)>,
    /// What is refused, whoever grants the rest.
    pub refused: Vec<&'a RefusedField>,
}

impl<'a> Builders<'a> {
    /// Asks the policy about every service that has a build.
    ///
    /// # Errors
    /// The policy cannot be read.
    pub fn of(
        demands: &'a Demands,
        pipeline: &Pipeline,
        policy: &PolicyChoice,
    ) -> Result<Self, PipelineError> {
        let services: BTreeMap<_, _> = demands
            .services
            .iter()
            .filter_map(|(name, demand)| Some((name.as_str(), (demand, demand.build.as_ref()?))))
            .collect();
        if services.is_empty() {
            return Ok(Self { services, decided: BTreeMap::new() });
        }
        let policy = pipeline.policy(policy)?;
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
    ///
    /// # Errors
    /// What is kept of a build cannot be read.
    pub fn built(&self, builds: &Builds) -> Result<BTreeMap<String, Built>, BuildsError> {
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

    /// What is to be built of these services, in their order. All are decided before any is built.
    ///
    /// # Errors
    /// All that is denied or refused.
    pub fn recipes<'n>(
        &'a self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Vec<Recipe<'a>>, NoBuild<'a>> {
        let (mut recipes, mut no) = (Vec::new(), NoBuild { denied: Vec::new(), refused: Vec::new() });
        for name in names {
            let Some((name, (demand, build))) = self.services.get_key_value(name) else { continue };
            let Some(service) = &demand.service else { continue };
            match self.decided.get(name) {
                Some(Ok(allowed)) => {
                    no.refused.extend(&build.refused);
                    recipes.push(Recipe { name, service, build, allowed });
                }
                Some(Err(denial)) => no.denied.push((name, denial)),
                None => {}
            }
        }
        if no.denied.is_empty() && no.refused.is_empty() { Ok(recipes) } else { Err(no) }
    }
}

/// The folder that is read, as the policy names folders: one that is not there is what the file says.
fn folder(build: &BuildDemand) -> String {
    let read = Context::read(Path::new(&build.context), &Steps::Inline(String::new()));
    read.map_or_else(|_| build.context.clone(), |context| context.folder().display().to_string())
}
