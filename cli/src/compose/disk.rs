//! Files, as the loader sees them.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use perry_sandbox_compose::{FileError, Files, Kind};

/// The files of this machine.
#[derive(Debug)]
pub(crate) struct Disk;

impl Files for Disk {
    fn kind(&self, path: &str) -> Kind {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Kind::File,
            Ok(found) if found.is_dir() => Kind::Folder,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Kind::Missing
            }
            Ok(_) | Err(_) => Kind::Other,
        }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        let file = File::open(path).map_err(|error| because(&error))?;
        bounded(file, most)
    }

    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        bounded(std::io::stdin().lock(), most)
    }

    fn real(&self, path: &str) -> Option<String> {
        Path::new(path).canonicalize().ok()?.into_os_string().into_string().ok()
    }
}

fn bounded(file: impl Read, most: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| because(&error))?;
    if bytes.len() > most { Err(FileError::TooLarge(most)) } else { Ok(bytes) }
}

fn because(error: &std::io::Error) -> FileError {
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        FileError::Missing
    } else if kind == ErrorKind::IsADirectory {
        FileError::Folder
    } else if kind == ErrorKind::PermissionDenied {
        FileError::Denied
    } else {
        FileError::System(error.to_string())
    }
}
