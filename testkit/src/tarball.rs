//! Tar archives for tests: honest ones, and ones that no honest program writes.

use tar::{EntryType, Header};

/// Builds a tar archive entry by entry. Names are written as given, whatever they are.
#[derive(Debug, Default, Clone)]
pub struct Tarball {
    bytes: Vec<u8>,
    owner: (u64, u64),
}

impl Tarball {
    /// An empty archive, whose entries belong to root.
    pub fn new() -> Self {
        Self::default()
    }

    /// Entries from here on belong to this user and group.
    pub fn owner(mut self, uid: u64, gid: u64) -> Self {
        self.owner = (uid, gid);
        self
    }

    /// A regular file.
    pub fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(b'0', name, "", 0o644, content)
    }

    /// A regular file with a mode.
    pub fn file_mode(self, name: &str, content: &[u8], mode: u32) -> Self {
        self.entry(b'0', name, "", mode, content)
    }

    /// A directory.
    pub fn dir(self, name: &str) -> Self {
        self.entry(b'5', name, "", 0o755, b"")
    }

    /// A directory with a mode.
    pub fn dir_mode(self, name: &str, mode: u32) -> Self {
        self.entry(b'5', name, "", mode, b"")
    }

    /// A symbolic link.
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name, target, 0o777, b"")
    }

    /// A hard link.
    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name, target, 0o644, b"")
    }

    /// A whiteout file, or any other empty file.
    pub fn empty(self, name: &str) -> Self {
        self.file(name, b"")
    }

    /// Any kind of entry; long names get a GNU entry of their own, as real programs write them.
    pub fn entry(mut self, kind: u8, name: &str, link: &str, mode: u32, content: &[u8]) -> Self {
        if name.len() > 100 {
            self = self.block(b'L', "././@LongLink", "", 0, &[name.as_bytes(), b"\0"].concat(), None);
        }
        if link.len() > 100 {
            self = self.block(b'K', "././@LongLink", "", 0, &[link.as_bytes(), b"\0"].concat(), None);
        }
        self.block(kind, cut(name), cut(link), mode, content, None)
    }

    /// One header with content, with a size that may be a lie.
    pub fn block(
        mut self,
        kind: u8,
        name: &str,
        link: &str,
        mode: u32,
        content: &[u8],
        size: Option<u64>,
    ) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(mode);
        header.set_uid(self.owner.0);
        header.set_gid(self.owner.1);
        header.set_mtime(1_700_000_000);
        header.set_size(size.unwrap_or(content.len() as u64));
        {
            let old = header.as_old_mut();
            old.name[..name.len()].copy_from_slice(name.as_bytes());
            old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        }
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        let over = content.len() % 512;
        if over > 0 {
            self.bytes.extend(std::iter::repeat_n(0, 512 - over));
        }
        self
    }

    /// Extension records for the next entry.
    pub fn extensions(self, records: &[(&str, &[u8])]) -> Self {
        let bytes: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.block(b'x', "PaxHeaders/x", "", 0o644, &bytes, None)
    }

    /// A GNU sparse file of `size` bytes with one piece of content at `offset`.
    pub fn sparse(mut self, name: &str, size: u64, offset: u64, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::new(b'S'));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        let gnu = header.as_gnu_mut().expect("a GNU header");
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        octal(&mut gnu.realsize, size);
        octal(&mut gnu.sparse[0].offset, offset);
        octal(&mut gnu.sparse[0].numbytes, content.len() as u64);
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend(std::iter::repeat_n(0, (512 - content.len() % 512) % 512));
        self
    }

    /// Bytes as they are, in the middle of the archive.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The archive with its end.
    pub fn build(mut self) -> Vec<u8> {
        self.bytes.extend([0; 1024]);
        self.bytes
    }
}

fn cut(text: &str) -> &str {
    text.get(..100).unwrap_or(text)
}

fn octal(field: &mut [u8; 12], value: u64) {
    let digits = format!("{value:011o}\0");
    field.copy_from_slice(&digits.as_bytes()[..12]);
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length =
        (rest..rest + 20).find(|length| length.to_string().len() + rest == *length).expect("a length");
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}
