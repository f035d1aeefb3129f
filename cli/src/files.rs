//! Writing files whole.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Puts the new content beside the file and renames it over, so that a reader sees the old or the new one whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("writing `{}`", path.display());
    // A link stays one: what it points at is rewritten.
    let path = &path.canonicalize().with_context(failed)?;
    let permissions = std::fs::metadata(path).with_context(failed)?.permissions();
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.set_permissions(permissions)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    if written.is_err() {
        drop(std::fs::remove_file(&beside));
    }
    written.with_context(failed)
}
