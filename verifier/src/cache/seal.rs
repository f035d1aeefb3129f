//! The key of this installation, and what it seals: files that only this user's verifier can have written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use nix::fcntl::OFlag;
use nix::unistd::geteuid;

/// The key's file name.
pub(super) const KEY_FILE: &str = "key";
/// Bytes of the key, and of a tag.
const KEY: usize = 32;
/// What the tags of this kind of file begin with, so that the key could never seal something else by accident.
const PURPOSE: &[u8] = b"perry-sandbox verified image 1\n";
/// What temporary files begin with.
pub(super) const TEMPORARY: &str = ".tmp-";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Seals and opens records.
pub(super) struct Seal {
    key: hmac::Key,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// Reads the key in `folder`, or makes one. A key that others could have read, or that is damaged, is replaced:
    /// what it sealed is then nobody's any more.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        // A rival may replace the key between two looks; after a few rounds something else is wrong.
        for _ in 0..8 {
            match read_private(&path, KEY) {
                Ok(bytes) if bytes.len() == KEY => {
                    return Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) });
                }
                Ok(_) => remove(&path)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => remove(&path)?,
                Err(error) => return Err(error),
            }
            make_key(folder, &path)?;
        }
        Err(io::Error::other("the key of the verification cache changes while it is read"))
    }

    /// The tag over a file of this name with this content.
    pub(super) fn tag(&self, name: &str, content: &[u8]) -> Vec<u8> {
        let mut tag = hmac::Context::with_key(&self.key);
        for part in framed(name) {
            tag.update(part);
        }
        tag.update(content);
        tag.sign().as_ref().to_vec()
    }

    /// The content of a sealed file, if its tag is right. The comparison takes the same time wherever tags differ.
    pub(super) fn open<'a>(&self, name: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (tag, content) = sealed.split_at_checked(KEY)?;
        let message = [&framed(name).concat(), content].concat();
        hmac::verify(&self.key, &message, tag).ok().map(|()| content)
    }
}

/// Purpose and name; names have no line break, so no content can be moved into them.
fn framed(name: &str) -> [&[u8]; 3] {
    [PURPOSE, name.as_bytes(), b"\n"]
}

fn make_key(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; KEY];
    let random = SystemRandom::new();
    random.fill(&mut key).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let temporary = write_temporary(folder, &key)?;
    // A link fails where a rival's key is already there; renaming would replace it under his hands.
    let linked = fs::hard_link(&temporary, path);
    remove(&temporary)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Writes a new file that only its owner can read, under a name that nobody reads.
pub(super) fn write_temporary(folder: &Path, bytes: &[u8]) -> io::Result<std::path::PathBuf> {
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
pub(super) fn read_private(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "not a private file");
    let file: File = match opened {
        // A symbolic link.
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => return Err(foreign()),
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
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
