//! The key of this installation, and what it seals: files that only this user's verifier can have written.

use std::fs;
use std::io;
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::private::{read_private, remove, write_temporary};

/// The key's file name.
pub(crate) const KEY_FILE: &str = "key";
/// Bytes of the key, and of a tag.
const KEY: usize = 32;
/// What tags begin with, so that the key could never seal something else by accident.
const PURPOSE: &[u8] = b"perry-sandbox verifier 1\n";
/// Seals and opens records.
pub(crate) struct Seal {
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
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
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
        Err(io::Error::other("the key of the verifier's folder changes while it is read"))
    }

    /// The tag over a file of this name with this content.
    pub(crate) fn tag(&self, name: &str, content: &[u8]) -> Vec<u8> {
        let mut tag = hmac::Context::with_key(&self.key);
        for part in framed(name) {
            tag.update(part);
        }
        tag.update(content);
        tag.sign().as_ref().to_vec()
    }

    /// The content of a sealed file, if its tag is right. The comparison takes the same time wherever tags differ.
    pub(crate) fn open<'a>(&self, name: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
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
