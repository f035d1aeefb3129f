use std::collections::BTreeSet;

use perry_sandbox_build::Builds;
use perry_sandbox_pipeline::PipelineError;
use perry_sandbox_runner::{Filter, SandboxInfo};

use super::args::Rmi;
use super::site::{self, Site};
use crate::output::{self, Failure};

/// Images of a project, to be taken off the store when its sandboxes are gone.
pub(super) struct Images {
    which: Rmi,
    had: Vec<SandboxInfo>,
}

impl Images {
    /// Those that its sandboxes have: all, or what was built here.
    pub(super) fn of(site: &Site, project: &str, which: Rmi) -> Result<Self, Failure> {
        let builds = builds(site);
        let mut had: Vec<_> = site::members(site, project)?.into_iter().map(|(_, info)| info).collect();
        had.retain(|info| which.means(&builds, &info.image));
        Ok(Self { which, had })
    }

    /// Takes them off the store, but for those that a sandbox still has, whosever it is, and whether it runs or not.
    pub(super) fn forget(self, site: &Site) -> Result<(), Failure> {
        let all = Filter { all: true, ..Filter::default() };
        let left = site.pipeline.sandboxes()?.list(&all)?;
        let mut told = BTreeSet::new();
        for had in self.had.iter().filter(|had| told.insert(&had.manifest)) {
            if let Some(other) = left.iter().find(|info| info.manifest == had.manifest) {
                output::note(&format!(
                    "kept the image {}: {} has it",
                    output::printable(&had.image),
                    other.name
                ));
            }
        }
        let left: BTreeSet<_> = left.into_iter().map(|info| info.manifest).collect();
        let (store, builds) = (site.pipeline.store(), builds(site));
        let gone: Vec<_> = self.had.into_iter().filter(|info| !left.contains(&info.manifest)).collect();
        for image in store.list().map_err(PipelineError::Store)? {
            let is_gone = gone.iter().any(|info| info.manifest == *image.manifest_digest());
            if is_gone && self.which.means(&builds, &image.name) {
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

impl Rmi {
    fn means(self, builds: &Builds, name: &str) -> bool {
        self == Self::All || builds.find(name).is_some()
    }
}

fn builds(site: &Site) -> Builds {
    Builds::below(&site.pipeline.environment().data_dir)
}
