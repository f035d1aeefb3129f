use std::collections::BTreeSet;

use perry_sandbox_build::Builds;
use perry_sandbox_pipeline::PipelineError;
use perry_sandbox_runner::{Filter, SandboxInfo};

use super::args::Rmi;
use super::site::{self, Site};
use crate::output::{self, Failure};

/// Images of a project, to be taken off the store when its sandboxes are gone.
pub(super) struct Images(Vec<SandboxInfo>);

impl Images {
    /// Those that its sandboxes have: all, or what was built here.
    pub(super) fn of(site: &Site, project: &str, which: Rmi) -> Result<Self, Failure> {
        let builds = Builds::below(&site.pipeline.environment().data_dir);
        let mut found: Vec<_> = site::members(site, project)?.into_iter().map(|(_, info)| info).collect();
        found.retain(|info| which == Rmi::All || builds.find(&info.image).is_some());
        Ok(Self(found))
    }

    /// Takes them off the store, but for those that a sandbox still has, whosever it is.
    pub(super) fn forget(self, site: &Site) -> Result<(), Failure> {
        let left: BTreeSet<_> = site
            .pipeline
            .sandboxes()?
            .list(&Filter::default())?
            .into_iter()
            .map(|info| info.manifest)
            .collect();
        let (store, builds) = (site.pipeline.store(), Builds::below(&site.pipeline.environment().data_dir));
        let gone: Vec<_> = self.0.into_iter().filter(|info| !left.contains(&info.manifest)).collect();
        for image in store.list().map_err(PipelineError::Store)? {
            if gone.iter().any(|info| info.manifest == *image.manifest_digest()) {
                store.remove(&image).map_err(PipelineError::Store)?;
                output::note(&format!("removed the image {}", output::printable(&image.name)));
            }
        }
        for built in gone.iter().filter_map(|info| builds.find(&info.image)) {
            builds.remove(&built)?;
        }
        store.prune().map_err(PipelineError::Store)?;
        Ok(())
    }
}
