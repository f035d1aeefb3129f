//! Writes an archive that the kernel unpacks into memory when it starts: "newc" cpio, see the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst`.
//!
//! What the kernel would skip without a word (a name or a link that is too long) is an error here.

use std::io::{self, Read, Write};

use thiserror::Error;

/// How large an archive may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes of the archive.
    pub(crate) bytes: u64,
    /// Files, folders, links.
    pub(crate) entries: u64,
}

/// Why there is no archive.
#[derive(Debug, Error)]
pub(crate) enum CpioError {
    /// More than is allowed.
    #[error(
        "the image has more than {most} {what}: it is held in memory by a microvm; use a smaller image or another backend"
    )]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        most: u64,
    },
    /// A name or target that the kernel skips.
    #[error("a path or link of the image has {0} bytes, more than the kernel takes")]
    TooLong(usize),
    /// A file that changed while it was read.
    #[error("a file of the image became shorter while it was read")]
    Changed,
    /// The archive cannot be written, or a file not read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the archive says about something, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    /// Permissions, without the kind.
    pub(crate) mode: u32,
    /// User and group.
    pub(crate) owner: (u32, u32),
    /// When it was changed last, in seconds.
    pub(crate) modified: u32,
}

impl About {
    /// Something of root's own, made for this archive.
    pub(crate) const fn ours(mode: u32) -> Self {
        Self { mode, owner: (0, 0), modified: 0 }
    }
}

/// What something is, where it has no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A folder.
    Folder,
    /// A symbolic link to this place.
    Link(&'a [u8]),
    /// A named pipe.
    Pipe,
    /// A character device.
    Device(u32, u32),
}

/// The number of a file that stands in the archive, for further names of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inode(u32);

/// How much has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Bytes of the archive.
    pub(crate) bytes: u64,
    /// Bytes of memory that it takes when it is unpacked, rounded up.
    pub(crate) unpacked: u64,
    /// Files, folders, links.
    pub(crate) entries: u64,
}

/// What the kernel's memory is handed out in.
const PAGE: u64 = 4096;
/// What the kernel needs to know about a file, in bytes, rounded up.
const ABOUT: u64 = 1024;
/// The longest name with the zero behind it, and the longest target.
const LONGEST: usize = 4096;
/// Files are written in pieces of this size.
const PIECE: usize = 1 << 18;

/// An archive that is being written.
pub(crate) struct Writer<W> {
    to: W,
    bounds: Bounds,
    totals: Totals,
    last: u32,
}

impl<W: Write> Writer<W> {
    /// An empty archive.
    pub(crate) fn new(to: W, bounds: Bounds) -> Self {
        Self { to, bounds, totals: Totals::default(), last: 0 }
    }

    /// Something that has no content.
    pub(crate) fn add(&mut self, name: &[u8], about: About, kind: Kind<'_>) -> Result<(), CpioError> {
        let (bits, target, device) = match kind {
            Kind::Folder => (0o040_000, &[][..], (0, 0)),
            Kind::Link(target) => (0o120_000, target, (0, 0)),
            Kind::Pipe => (0o010_000, &[][..], (0, 0)),
            Kind::Device(major, minor) => (0o020_000, &[][..], (major, minor)),
        };
        if target.len() >= LONGEST {
            return Err(CpioError::TooLong(target.len()));
        }
        let size = u32::try_from(target.len()).map_err(|_| CpioError::TooLong(target.len()))?;
        let inode = self.next()?;
        self.header(name, about, Header { bits, inode, links: 1, size, device })?;
        self.put(target)?;
        self.pad(u64::from(size))
    }

    /// A file with content. `links`: whether more names of it may follow.
    pub(crate) fn file(
        &mut self,
        name: &[u8],
        about: About,
        content: &mut dyn Read,
        (size, links): (u64, bool),
    ) -> Result<Inode, CpioError> {
        let most = u64::from(u32::MAX);
        let short =
            u32::try_from(size).map_err(|_| CpioError::TooMuch { what: "bytes in one file", most })?;
        let inode = self.next()?;
        let links = if links { 2 } else { 1 };
        self.header(name, about, Header { bits: 0o100_000, inode, links, size: short, device: (0, 0) })?;
        self.totals.unpacked = self.totals.unpacked.saturating_add(size.div_ceil(PAGE).saturating_mul(PAGE));
        let mut piece = vec![0; PIECE];
        let mut rest = size;
        while rest > 0 {
            let wanted = usize::try_from(rest).unwrap_or(PIECE).min(PIECE);
            let piece = piece.get_mut(..wanted).unwrap_or_default();
            content.read_exact(piece).map_err(|error| {
                let ended = error.kind() == io::ErrorKind::UnexpectedEof;
                if ended { CpioError::Changed } else { CpioError::Io(error) }
            })?;
            self.put(piece)?;
            rest = rest.saturating_sub(u64::try_from(wanted).unwrap_or(rest));
        }
        self.pad(size)?;
        Ok(Inode(inode))
    }

    /// One more name of a file that stands in the archive.
    pub(crate) fn again(&mut self, name: &[u8], about: About, inode: Inode) -> Result<(), CpioError> {
        self.count()?;
        self.header(
            name,
            about,
            Header { bits: 0o100_000, inode: inode.0, links: 2, size: 0, device: (0, 0) },
        )
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> Result<(W, Totals), CpioError> {
        let nothing = Header { bits: 0, inode: 0, links: 1, size: 0, device: (0, 0) };
        self.header(b"TRAILER!!!", About::ours(0), nothing)?;
        self.to.flush()?;
        Ok((self.to, self.totals))
    }

    fn next(&mut self) -> Result<u32, CpioError> {
        self.count()?;
        self.last = self.last.saturating_add(1);
        Ok(self.last)
    }

    fn count(&mut self) -> Result<(), CpioError> {
        self.totals.entries = self.totals.entries.saturating_add(1);
        self.totals.unpacked = self.totals.unpacked.saturating_add(ABOUT);
        let most = self.bounds.entries;
        if self.totals.entries > most { Err(CpioError::TooMuch { what: "files", most }) } else { Ok(()) }
    }

    fn header(&mut self, name: &[u8], about: About, header: Header) -> Result<(), CpioError> {
        let length = name.len().saturating_add(1);
        let long = u32::try_from(length).ok().filter(|_| length <= LONGEST);
        let long = long.ok_or(CpioError::TooLong(length))?;
        // SECURITY: no set-id bits: nobody in the guest may become another by executing a file of the image.
        let mode = header.bits | (about.mode & 0o1777);
        let Header { inode, links, size, device: (major, minor), .. } = header;
        let (uid, gid) = about.owner;
        let fields = [inode, mode, uid, gid, links, about.modified, size, 0, 0, major, minor, long, 0];
        let text = fields.iter().fold(String::from("070701"), |text, field| format!("{text}{field:08x}"));
        self.put(text.as_bytes())?;
        self.put(name)?;
        self.put(&[0])?;
        self.pad(u64::try_from(text.len().saturating_add(length)).unwrap_or(0))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), CpioError> {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.totals.bytes = self.totals.bytes.saturating_add(more);
        let most = self.bounds.bytes;
        if self.totals.bytes > most {
            return Err(CpioError::TooMuch { what: "bytes", most });
        }
        Ok(self.to.write_all(bytes)?)
    }

    /// Everything starts at a multiple of four.
    fn pad(&mut self, length: u64) -> Result<(), CpioError> {
        let missing = usize::try_from(length.next_multiple_of(4).saturating_sub(length)).unwrap_or(0);
        self.put([0; 3].get(..missing).unwrap_or_default())
    }
}

/// What only the format needs to know.
#[derive(Clone, Copy)]
struct Header {
    bits: u32,
    inode: u32,
    links: u32,
    size: u32,
    device: (u32, u32),
}
