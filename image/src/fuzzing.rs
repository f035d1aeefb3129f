//! Entry points for the fuzz targets: readers of hostile input that are not public otherwise.

use std::io::{self, BufReader, Read as _};

use crate::limits::{MIB, UnpackLimits};
use crate::unpack::tar::TarReader;
use crate::unpack::{EntryPath, Frames};

/// Walks some bytes as an archive, and reads every name and all content; gives the number of entries.
pub fn archive(bytes: &[u8]) -> usize {
    let limits = UnpackLimits::default();
    let mut reader = TarReader::new(bytes);
    let mut count = 0_usize;
    while let Ok(Some(entry)) = reader.next_entry() {
        count = count.saturating_add(1);
        // Refusals are what is looked for: only a panic or endless work would be a finding.
        drop(EntryPath::parse(&entry.name, &limits));
        drop(EntryPath::parse(&entry.link, &limits));
        drop(io::copy(&mut reader, &mut io::sink()));
    }
    count
}

/// Reads a registry's demand; gives whether it was understood.
pub fn challenge(header: &str) -> bool {
    crate::registry::understands(header)
}

/// Reads a token service's answer; gives whether it holds a token that can be used.
pub fn token(answer: &[u8]) -> bool {
    crate::registry::grants(answer)
}

/// Reads a `Link` header beside a list of referrers; gives whether it leads to a further page of that list.
pub fn link(header: &str) -> bool {
    crate::registry::leads_on(header, "https://registry.example/v2/acme/app/referrers/sha256:0")
}

/// Reads some bytes as a layout's `index.json`; gives the number of its entries.
pub fn layout_index(bytes: &[u8]) -> Option<usize> {
    crate::layout::listed(bytes).ok().map(|entries| entries.len())
}

/// Reads some bytes as a docker archive's `manifest.json`; gives whether it was understood.
pub fn listing(bytes: &[u8]) -> bool {
    crate::archive::understands(bytes)
}

/// Decompresses a zstd layer, a mebibyte of it at most; gives whether that went well.
pub fn zstd(bytes: &[u8]) -> bool {
    io::copy(&mut Frames::new(BufReader::new(bytes)).take(MIB), &mut io::sink()).is_ok()
}
