//! Whether the program and its folder are in the image: engines say so in words of their own, when half is done, or make the
//! folder.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::PermissionsExt as _;

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::LaunchPlan;

use super::tool::ToolError;
use crate::native::{RunError, candidates_of, open_inside};

/// What was found of a plan's program and folder.
#[derive(Debug)]
pub(super) struct Program {
    name: String,
    found: Found,
    /// The working folder, where it is none.
    no_folder: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// There, or where only the sandbox's user may look.
    There,
    NotExecutable,
    Nowhere,
}

impl Program {
    /// Looks into the verified tree; links are followed inside of it only.
    pub(super) fn find(plan: &LaunchPlan, rootfs: &Rootfs) -> Self {
        let name = plan.process.argv.first().cloned().unwrap_or_default();
        let path = plan.process.env.get("PATH").map(String::as_str);
        let mut found = Found::Nowhere;
        for candidate in candidates_of(&name, path) {
            let candidate = if candidate.starts_with('/') {
                candidate
            } else {
                format!("{}/{candidate}", plan.process.cwd)
            };
            match look(rootfs, &candidate, |file| file.is_file() && file.permissions().mode() & 0o111 != 0) {
                Some(true) => found = Found::There,
                Some(false) => found = Found::NotExecutable,
                None => continue,
            }
            if found == Found::There {
                break;
            }
        }
        let cwd = &plan.process.cwd;
        let no_folder = look(rootfs, cwd, std::fs::Metadata::is_dir) != Some(true);
        Self { name, found, no_folder: no_folder.then(|| cwd.clone()) }
    }

    /// Refuses what no engine could start.
    pub(super) fn check(&self) -> Result<(), RunError> {
        if let Some(folder) = &self.no_folder {
            let what = format!("the working folder `{folder}`: the image has no such folder; choose another");
            return Err(ToolError::Prepare { what, source: io::ErrorKind::NotFound.into() }.into());
        }
        match self.found {
            Found::There => Ok(()),
            Found::Nowhere => Err(RunError::ProgramNotFound(self.name.clone())),
            Found::NotExecutable => Err(RunError::ProgramNotExecutable {
                program: self.name.clone(),
                errno: "it is not a file that can be executed".to_owned(),
            }),
        }
    }
}

/// Whether what is there fits; what may not be looked at does.
fn look(rootfs: &Rootfs, path: &str, fits: impl FnOnce(&std::fs::Metadata) -> bool) -> Option<bool> {
    let inside = CString::new(path.trim_start_matches('/')).ok()?;
    let inside = if inside.is_empty() { c".".to_owned() } else { inside };
    match open_inside(rootfs.dir(), &inside) {
        Ok(file) => File::from(file).metadata().ok().map(|found| fits(&found)),
        Err(errno) if errno.0 == libc::EACCES => Some(true),
        Err(_) => None,
    }
}
