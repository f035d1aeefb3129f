//! From words of the command line to inputs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use perry_sandbox_audit::Input;
use perry_sandbox_compose::Files as _;

use crate::audit::DiskHost;
use crate::stop::Stop;

/// Bytes of one file.
const LARGEST: usize = 4 << 20;
/// Files of all folders.
const MOST_FILES: usize = 20_000;
/// Entries of all folders.
const MOST_ENTRIES: usize = 500_000;
/// Folders below each other.
const DEEPEST: usize = 64;

/// The inputs: files as they are named, and of folders what could be audited.
pub(super) fn inputs(paths: &[PathBuf], current: &Path, host: &DiskHost) -> anyhow::Result<Vec<Input>> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { here.as_slice() } else { paths };
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let bytes = host.standard_input(LARGEST).context("reading standard input")?;
            inputs.push(Input::File { name: "<standard input>".to_owned(), path: None, bytes });
        } else if path.is_dir() {
            for found in walk(path)? {
                let (name, place) = names(&found, current)?;
                // What is larger than any Compose file or policy is neither.
                if let Ok(bytes) = host.read(&place, LARGEST) {
                    inputs.push(Input::Found { name, path: place, bytes });
                }
            }
        } else {
            let (name, place) = names(path, current)?;
            let bytes = host
                .read(&place, LARGEST)
                .map_err(|error| Stop::usage(format!("cannot read `{}`: {error}", path.display())))?;
            inputs.push(Input::File { name, path: Some(place), bytes });
        }
    }
    Ok(inputs)
}

/// What reports call a file, and where it is.
fn names(path: &Path, current: &Path) -> anyhow::Result<(String, String)> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| Stop::usage(format!("the name `{}` is not text in UTF-8", path.display())))
    };
    let clean = |path: &Path| path.components().collect::<PathBuf>();
    let place = clean(&current.join(path));
    let short = place.strip_prefix(current).map_or_else(|_| place.clone(), Path::to_owned);
    Ok((text(&short)?, text(&place)?))
}

/// Files of a folder that could be audited, by name. Links and hidden folders are not followed.
fn walk(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), 0_usize)];
    let mut entries = 0_usize;
    while let Some((folder, depth)) = open.pop() {
        let listed = std::fs::read_dir(&folder).with_context(|| format!("listing `{}`", folder.display()))?;
        for entry in listed {
            let entry = entry.with_context(|| format!("listing `{}`", folder.display()))?;
            entries = entries.saturating_add(1);
            if entries > MOST_ENTRIES || found.len() >= MOST_FILES || depth > DEEPEST {
                let most =
                    format!("more than {MOST_ENTRIES} entries, {MOST_FILES} files or {DEEPEST} levels");
                return Err(Stop::usage(format!("`{}` has {most}: name the files", folder.display())));
            }
            let (kind, name) = (entry.file_type()?, entry.file_name());
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if kind.is_dir() && !hidden && name != "node_modules" && name != "target" {
                open.push((entry.path(), depth.saturating_add(1)));
            } else if kind.is_file() && could_be(&entry.path()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn could_be(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    matches!(end, Some("yaml" | "yml" | "json" | "toml"))
}
