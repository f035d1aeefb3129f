//! What a builder is asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perry_sandbox_policy::BuildNetwork;
use perry_sandbox_reference::Platform;

/// A build, with nothing that a builder could take from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOrder {
    /// The folder that is read.
    pub context: PathBuf,
    /// The steps, as they were read and checked: no builder looks for them itself.
    pub dockerfile: String,
    /// Arguments of the steps.
    pub args: BTreeMap<String, String>,
    /// The stage that is wanted, if not the last.
    pub target: Option<String>,
    /// Labels of the result.
    pub labels: BTreeMap<String, String>,
    /// The platform, if not this machine's.
    pub platform: Option<Platform>,
    /// What it reaches.
    pub network: BuildNetwork,
    /// Whether steps of earlier builds count.
    pub cache: BuildCache,
    /// When images that it begins with are pulled, if any may be.
    pub pull: BuildPull,
}

/// Whether steps of earlier builds count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BuildCache {
    /// They do.
    #[default]
    Use,
    /// Everything is done anew.
    Ignore,
}

/// When images that a build begins with are pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BuildPull {
    /// Where they are not here.
    #[default]
    Missing,
    /// Always.
    Always,
}

/// Who hears of a build, and may end it.
pub struct Building<'a> {
    /// Hears what the builder says, a line at a time.
    pub tell: &'a (dyn Fn(&str) + Sync),
    /// Whether it is to go on.
    pub go_on: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Building<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Building")
    }
}

/// Where files of one build are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a> {
    /// The steps.
    pub(super) dockerfile: &'a Path,
    /// The archive that comes out.
    pub(super) archive: &'a Path,
}
