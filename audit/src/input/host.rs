//! What the auditor sees of the world outside: nothing but what the caller gives.

use perry_sandbox_compose::{FileError, Files, Kind};
use perry_sandbox_policy::{NoFiles, PolicyFiles};

/// The files of a caller.
pub trait Host: Files {
    /// The files that policies name.
    fn policy_files(&self) -> &dyn PolicyFiles;

    /// Why somebody else can change the file at a path, if somebody can.
    fn changeable_by_others(&self, path: &str) -> Option<String>;
}

/// No files at all: for texts that stand alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Files for NoHost {
    fn kind(&self, _path: &str) -> Kind {
        Kind::Missing
    }

    fn read(&self, _path: &str, _most: usize) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn standard_input(&self, _most: usize) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn real(&self, path: &str) -> Option<String> {
        Some(path.to_owned())
    }
}

impl Host for NoHost {
    fn policy_files(&self) -> &dyn PolicyFiles {
        &NoFiles
    }

    fn changeable_by_others(&self, _path: &str) -> Option<String> {
        None
    }
}
