//! The files of this machine, as the auditor sees them.

use std::path::Path;

use perry_sandbox_audit::Host;
use perry_sandbox_compose::{FileError, Files, Kind, Request};
use perry_sandbox_pipeline::{MAX_POLICY, TrustFiles, read_trusted};
use perry_sandbox_policy::PolicyFiles;

use perry_sandbox_stack::Disk;

/// Files, and who can change them.
#[derive(Debug)]
pub(crate) struct DiskHost {
    disk: Disk,
    trust: TrustFiles,
    uid: u32,
}

impl DiskHost {
    /// For a request that names files.
    pub(crate) fn of(request: &Request) -> Self {
        let uid = nix::unistd::geteuid().as_raw();
        Self { disk: Disk::of(request), trust: TrustFiles::new(uid), uid }
    }
}

impl Files for DiskHost {
    fn kind(&self, path: &str) -> Kind {
        self.disk.kind(path)
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        self.disk.read(path, most)
    }

    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        self.disk.standard_input(most)
    }

    fn real(&self, path: &str) -> Option<String> {
        self.disk.real(path)
    }
}

impl Host for DiskHost {
    fn policy_files(&self) -> &dyn PolicyFiles {
        &self.trust
    }

    fn changeable_by_others(&self, path: &str) -> Option<String> {
        match read_trusted(Path::new(path), MAX_POLICY, self.uid) {
            Err(error @ perry_sandbox_pipeline::FileError::Writable { .. }) => Some(error.to_string()),
            Ok(_) | Err(_) => None,
        }
    }
}
