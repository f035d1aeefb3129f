//! Entry points for the fuzz targets: readers of hostile input that are not public otherwise.

use std::io;

use crate::limits::UnpackLimits;
use crate::unpack::EntryPath;
use crate::unpack::tar::TarReader;

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
