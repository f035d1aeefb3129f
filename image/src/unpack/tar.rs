//! A strict, streaming reader of tar archives.
//!
//! The `tar` crate parses header blocks; walking the archive is done here, because the crate's own walk reads
//! long names, extension records, and sparse maps of any length into memory.

use std::io::{self, Read};

use tar::Header;
use thiserror::Error;

use super::records::{Extensions, check_global};

/// The unit of a tar archive, in bytes.
pub(crate) const BLOCK: u64 = 512;
const BLOCK_LEN: usize = 512;
/// Longest name in its own entry.
const MAX_LONG_NAME: u64 = 64 * 1024;
/// Longest set of extension records.
const MAX_EXTENSIONS: u64 = 1024 * 1024;
/// Most pieces of a sparse file.
const MAX_PIECES: usize = 16 * 1024;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    /// Pieces of content with their place in the file; the rest are holes.
    Sparse(Vec<Piece>),
    HardLink,
    Symlink,
    Directory,
    Device,
    Pipe,
    Other,
}

/// Some bytes of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// One entry; its content is read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mtime: u64,
    /// Length of the file, holes included.
    pub(crate) size: u64,
}

/// Why an archive cannot be read.
#[derive(Debug, Error)]
pub(crate) enum TarError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Format(&'static str),
}

pub(super) type Result<T> = std::result::Result<T, TarError>;

/// Walks an archive from its start to its end.
#[derive(Debug)]
pub(crate) struct TarReader<R> {
    inner: R,
    /// Content of the current entry that was not read yet.
    left: u64,
    /// Bytes after it up to the next block.
    padding: u64,
    ended: bool,
}

impl<R: Read> TarReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, left: 0, padding: 0, ended: false }
    }

    pub(crate) fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// The stream, to read what follows the archive's end.
    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// Skips the rest of the current entry and reads the next one's header.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>> {
        let mut extensions = Extensions::default();
        loop {
            let Some(block) = self.next_header()? else {
                if extensions.seen {
                    return Err(TarError::Format("it ends after a long name or extension record"));
                }
                return Ok(None);
            };
            let header = Header::from_byte_slice(&block);
            check_sum(header)?;
            let size =
                header.entry_size().map_err(|_| TarError::Format("an entry's size is not a number"))?;
            match header.entry_type().as_byte() {
                b'L' => {
                    let name = self.long_name(size)?;
                    extensions.set(|it| &mut it.name, name, "two long names for one entry")?;
                }
                b'K' => {
                    let link = self.long_name(size)?;
                    extensions.set(|it| &mut it.link, link, "two long link names for one entry")?;
                }
                b'x' => {
                    let records = self.small(size, MAX_EXTENSIONS)?;
                    extensions.read(&records)?;
                }
                b'g' => check_global(&self.small(size, MAX_EXTENSIONS)?)?,
                kind => return self.entry(header, kind, extensions, size).map(Some),
            }
        }
    }

    fn entry(&mut self, header: &Header, kind: u8, extensions: Extensions, size: u64) -> Result<Entry> {
        let number = |value: io::Result<u64>, what| value.map_err(|_| TarError::Format(what));
        let name = extensions.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = extensions.link;
        let link = link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let uid = extensions.uid.map_or_else(|| number(header.uid(), "a user is not a number"), Ok)?;
        let gid = extensions.gid.map_or_else(|| number(header.gid(), "a group is not a number"), Ok)?;
        let mtime = extensions.mtime.map_or_else(|| number(header.mtime(), "a time is not a number"), Ok)?;
        let mode = header.mode().map_err(|_| TarError::Format("a mode is not a number"))?;
        let stored = extensions.size.unwrap_or(size);
        let mut length = stored;
        let kind = match kind {
            // The oldest format has no kind for directories, only the slash.
            b'0' | 0 if name.ends_with(b"/") => Kind::Directory,
            b'0' | 0 | b'7' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' | b'4' => Kind::Device,
            b'5' => Kind::Directory,
            b'6' => Kind::Pipe,
            b'S' => {
                let (pieces, real) = self.sparse_map(header, stored)?;
                length = real;
                Kind::Sparse(pieces)
            }
            _ => Kind::Other,
        };
        // Programs disagree on whether such an entry has content, and so on where the next one starts.
        if !matches!(kind, Kind::File | Kind::Sparse(_) | Kind::Other) && stored != 0 {
            return Err(TarError::Format("a link, directory, or device has content"));
        }
        self.left = stored;
        self.padding = padding(stored);
        Ok(Entry { name, link: link.unwrap_or_default(), kind, mode, uid, gid, mtime, size: length })
    }

    /// The next header block, or `None` at the end.
    fn next_header(&mut self) -> Result<Option<[u8; BLOCK_LEN]>> {
        if self.ended {
            return Ok(None);
        }
        let skip = self.left.saturating_add(self.padding);
        self.left = 0;
        self.padding = 0;
        skip_exactly(&mut self.inner, skip)?;
        let mut block = [0_u8; BLOCK_LEN];
        if !fill(&mut self.inner, &mut block)? || block.iter().all(|b| *b == 0) {
            self.ended = true;
            return Ok(None);
        }
        Ok(Some(block))
    }

    /// The content of an entry that must be small.
    fn small(&mut self, size: u64, limit: u64) -> Result<Vec<u8>> {
        if size > limit {
            return Err(TarError::Format("a long name or extension record is longer than is read"));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.inner).take(size).read_to_end(&mut bytes)?;
        if u64::try_from(read).unwrap_or(0) != size {
            return Err(TarError::Format("it is cut off"));
        }
        self.padding = padding(size);
        Ok(bytes)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut name = self.small(size, MAX_LONG_NAME)?;
        // GNU tar counts the closing zero byte.
        if let Some(end) = name.iter().position(|b| *b == 0) {
            name.truncate(end);
        }
        Ok(name)
    }

    /// The pieces of a GNU sparse file, and its length with holes.
    fn sparse_map(&mut self, header: &Header, stored: u64) -> Result<(Vec<Piece>, u64)> {
        let bad = |_| TarError::Format("a sparse map is not made of numbers");
        let gnu = header.as_gnu().ok_or(TarError::Format("a sparse file without a GNU header"))?;
        let mut pieces = Vec::new();
        let mut add = |piece: &tar::GnuSparseHeader| -> Result<()> {
            if piece.is_empty() {
                return Ok(());
            }
            if pieces.len() >= MAX_PIECES {
                return Err(TarError::Format("a sparse file has more pieces than are read"));
            }
            pieces.push(Piece { offset: piece.offset().map_err(bad)?, length: piece.length().map_err(bad)? });
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut add)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = tar::GnuExtSparseHeader::new();
            if !fill(&mut self.inner, block.as_mut_bytes())? {
                return Err(TarError::Format("it is cut off"));
            }
            block.sparse.iter().try_for_each(&mut add)?;
            more = block.is_extended();
        }
        let real = gnu.real_size().map_err(bad)?;
        check_pieces(&pieces, stored, real)?;
        Ok((pieces, real))
    }
}

impl<R: Read> Read for TarReader<R> {
    /// Reads the current entry's content.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buf.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let count = self.inner.read(buf.get_mut(..most).unwrap_or_default())?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off"));
        }
        self.left = self.left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

fn check_pieces(pieces: &[Piece], stored: u64, real: u64) -> Result<()> {
    let mut end = 0_u64;
    let mut total = 0_u64;
    for piece in pieces {
        let next = piece.offset.checked_add(piece.length);
        let (Some(next), true) = (next, piece.offset >= end) else {
            return Err(TarError::Format("a sparse map overlaps or runs backwards"));
        };
        end = next;
        total = total.saturating_add(piece.length);
    }
    if total != stored || end > real {
        return Err(TarError::Format("a sparse map does not fit its file"));
    }
    Ok(())
}

fn check_sum(header: &Header) -> Result<()> {
    let bytes = header.as_bytes();
    let field = 148..156_usize;
    let sum = bytes.iter().enumerate().fold(0_u32, |sum, (at, byte)| {
        sum.saturating_add(u32::from(if field.contains(&at) { b' ' } else { *byte }))
    });
    match header.cksum() {
        Ok(said) if said == sum => Ok(()),
        Ok(_) | Err(_) => Err(TarError::Format("a header's checksum is wrong")),
    }
}

/// Bytes from the end of `size` bytes of content to the next block.
fn padding(size: u64) -> u64 {
    match size.checked_rem(BLOCK) {
        Some(0) | None => 0,
        Some(rest) => BLOCK.saturating_sub(rest),
    }
}

/// Fills a block; `false` at a clean end.
fn fill(reader: &mut impl Read, block: &mut [u8]) -> Result<bool> {
    let mut done = 0_usize;
    while done < block.len() {
        let count = match reader.read(block.get_mut(done..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if count == 0 {
            if done == 0 {
                return Ok(false);
            }
            return Err(TarError::Format("it is cut off"));
        }
        done = done.saturating_add(count);
    }
    Ok(true)
}

fn skip_exactly(reader: &mut impl Read, count: u64) -> Result<()> {
    let skipped = io::copy(&mut reader.take(count), &mut io::sink())?;
    if skipped == count { Ok(()) } else { Err(TarError::Format("it is cut off")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Result<Vec<Entry>> {
        let mut reader = TarReader::new(bytes);
        let mut list = Vec::new();
        while let Some(entry) = reader.next_entry()? {
            list.push(entry);
        }
        Ok(list)
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let rest = [key.as_bytes(), b" =\n", value].concat().len();
        let fits = |length: &usize| length.to_string().len().checked_add(rest) == Some(*length);
        let length = (rest..70_000).find(fits).unwrap();
        let mut bytes = format!("{length} {key}=").into_bytes();
        bytes.extend_from_slice(value);
        bytes.push(b'\n');
        bytes
    }

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn raw(builder: &mut tar::Builder<Vec<u8>>, kind: u8, name: &str, content: &[u8]) {
        let mut header = Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len().try_into().unwrap());
        header.set_mode(0o644);
        header.set_uid(1);
        header.set_gid(2);
        header.set_mtime(3);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }

    #[test]
    fn long_names_and_extension_records_are_read() {
        let long = "d/".repeat(200) + "f";
        let bytes = archive(|builder| {
            raw(builder, b'L', "././@LongLink", format!("{long}\0").as_bytes());
            raw(builder, b'0', "short", b"abc");
            raw(builder, b'x', "x", &[record("path", b"p\nq"), record("uid", b"7")].concat());
            raw(builder, b'0', "short", b"");
        });
        let list = walk(&bytes).unwrap();
        assert_eq!((list[0].name.as_slice(), list[0].size), (long.as_bytes(), 3));
        assert_eq!((list[1].name.as_slice(), list[1].uid, list[1].gid), (b"p\nq".as_slice(), 7, 2));
    }

    #[test]
    fn hostile_archives_are_refused_without_reading_them_into_memory() {
        let huge = |kind: u8| {
            let mut header = Header::new_gnu();
            header.set_entry_type(tar::EntryType::new(kind));
            header.set_size(1 << 40);
            header.set_cksum();
            let mut bytes = header.as_bytes().to_vec();
            bytes.extend(vec![0; 1024]);
            bytes
        };
        for kind in [b'L', b'K', b'x', b'g', b'1', b'5'] {
            assert!(matches!(walk(&huge(kind)), Err(TarError::Format(_))), "{}", char::from(kind));
        }
        assert!(walk(&huge(b'0')).is_err(), "cut off");
        let global = archive(|b| raw(b, b'g', "g", &record("path", b"/etc/passwd")));
        assert!(walk(&global).is_err());
        let sparse = archive(|b| {
            raw(b, b'x', "x", &record("GNU.sparse.major", b"1"));
            raw(b, b'0', "f", b"");
        });
        assert!(walk(&sparse).is_err());
    }

    #[test]
    fn a_flipped_bit_in_a_header_is_seen() {
        let mut bytes = archive(|builder| raw(builder, b'0', "f", b""));
        bytes[0] ^= 1;
        assert!(walk(&bytes).is_err());
    }

    #[test]
    fn sparse_maps_must_fit() {
        let piece = |offset, length| Piece { offset, length };
        assert!(check_pieces(&[piece(0, 1), piece(10, 2)], 3, 12).is_ok());
        assert!(check_pieces(&[piece(5, 1), piece(0, 1)], 2, 12).is_err());
        assert!(check_pieces(&[piece(u64::MAX, 2)], 2, u64::MAX).is_err());
        assert!(check_pieces(&[piece(0, 1)], 2, 12).is_err());
        assert!(check_pieces(&[piece(9, 4)], 4, 12).is_err());
    }
}
