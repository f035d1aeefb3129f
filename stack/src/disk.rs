//! Files, as the loader sees them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use perry_sandbox_compose::{FileError, Files, Kind, Request};

/// The files of this machine.
#[derive(Debug)]
pub struct Disk {
    /// What the caller has named, which may be pipes.
    handed: BTreeSet<String>,
}

impl Disk {
    /// For a request that names these files.
    pub fn of(request: &Request) -> Self {
        Self { handed: request.files.iter().chain(&request.env_files).cloned().collect() }
    }
}

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
        bounded(open(path, self.handed.contains(path))?, most)
    }

    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        bounded(std::io::stdin().lock(), most)
    }

    fn real(&self, path: &str) -> Option<String> {
        Path::new(path).canonicalize().ok()?.into_os_string().into_string().ok()
    }
}

/// The number of `/dev/null` (Linux, `admin-guide/devices.txt`): whoever gives it wants a file in which nothing is.
const NULL: u64 = nix::sys::stat::makedev(1, 3);

/// Opens a file, and nothing that is waited for: a project may have a pipe under the name of one, or name our own standard
/// input. What a shell hands over (`-f <(…)`) is such a pipe, and meant.
fn open(path: &str, is_handed: bool) -> Result<File, FileError> {
    if is_handed && path.starts_with("/dev/fd/") {
        return File::open(path).map_err(|error| because(&error));
    }
    let at_once = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file =
        File::options().read(true).custom_flags(at_once).open(path).map_err(|error| because(&error))?;
    let found = file.metadata().map_err(|error| because(&error))?;
    let kind = found.file_type();
    if kind.is_file() || kind.is_dir() || kind.is_char_device() && found.rdev() == NULL {
        Ok(file)
    } else {
        Err(FileError::System("it is a pipe, a socket or a device, not a file".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_under_the_name_of_a_file_is_not_waited_for() {
        let folder = std::env::temp_dir().join(format!("perry-compose-disk-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (pipe, file) = (folder.join("pipe"), folder.join("file"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::write(&file, "text").unwrap();
        let disk = Disk { handed: BTreeSet::new() };
        let read = |path: &Path| disk.read(path.to_str().unwrap(), 100);
        // What a shell hands over is a pipe as well: only the caller may name it.
        let (reader, mut writer) = std::io::pipe().unwrap();
        let own = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert!(matches!(read(Path::new(&own)), Err(FileError::System(why)) if why.contains("a pipe")));
        std::io::Write::write_all(&mut writer, b"given").unwrap();
        drop(writer);
        assert_eq!(Disk { handed: BTreeSet::from([own.clone()]) }.read(&own, 100).unwrap(), b"given");
        let refused = read(&pipe);
        assert_eq!(read(&file).unwrap(), b"text");
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        assert!(read(Path::new("/dev/zero")).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(matches!(refused, Err(FileError::System(why)) if why.contains("a pipe")));
    }
}
