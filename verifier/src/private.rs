//! Files and folders of the verifier's own, which nobody else can read or write.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// What temporary files begin with.
pub(crate) const TEMPORARY: &str = ".tmp-";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Makes a folder that only its owner can enter, where it is missing. `false`: it is there, and is somebody else's or
/// open to others.
// SECURITY: who can write here could put another's old answer in place, or read the key.
pub(crate) fn own_folder(folder: &Path) -> io::Result<bool> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    let foreign = !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0;
    Ok(!foreign)
}

/// Writes a whole private file under its name, or leaves what was there.
pub(crate) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = write_temporary(folder, bytes)?;
    fs::rename(&temporary, folder.join(name)).inspect_err(|_| remove(&temporary).unwrap_or_default())
}

/// Writes a new file that only its owner can read, under a name that nobody reads.
pub(crate) fn write_temporary(folder: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    let path = folder.join(format!("{TEMPORARY}{}-{count}-{now:x}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    if let Err(error) = file.write_all(bytes) {
        remove(&path)?;
        return Err(error);
    }
    Ok(path)
}

/// Reads at most `most` bytes of a regular file that nobody else can read or write; what is not such a file is
/// [`io::ErrorKind::InvalidData`].
pub(crate) fn read_private(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "not a private file");
    let file: File = match opened {
        // A symbolic link.
        Err(error) if error.raw_os_error().map(Errno::from_raw) == Some(Errno::ELOOP) => {
            return Err(foreign());
        }
        other => other?,
    };
    let found = file.metadata()?;
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    if !found.is_file()
        || found.uid() != geteuid().as_raw()
        || found.mode() & 0o077 != 0
        || found.len() > most
    {
        return Err(foreign());
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes a file; one that is gone already is as good.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
