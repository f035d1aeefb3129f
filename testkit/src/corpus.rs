//! The seeds of the fuzz targets, for ordinary tests.

use crate::crate_root;

/// The seeds of a target.
///
/// # Panics
/// When it has none that can be read.
pub fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = crate_root().join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(folder).expect("the target has seeds");
    let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read(entry?.path());
    entries.map(read).collect::<Result<_, _>>().expect("its seeds can be read")
}

/// Runs a reader over every seed of a target, over its beginnings, and over it with a byte changed; gives how many whole
/// seeds it understood.
pub fn understood(target: &str, read: impl Fn(&[u8]) -> bool) -> usize {
    let seeds = seeds(target);
    for seed in &seeds {
        for at in (0..seed.len()).step_by(seed.len().div_ceil(64).max(1)) {
            read(&seed[..at]);
            let mut changed = seed.clone();
            changed[at] ^= 0x20;
            read(&changed);
        }
    }
    seeds.iter().filter(|seed| read(seed)).count()
}
