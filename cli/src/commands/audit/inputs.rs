//! From words of the command line to inputs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use perry_sandbox_audit::Input;
use perry_sandbox_compose::Files as _;

use crate::audit::DiskHost;
use crate::stop::Stop;

/// Bytes of one file.
const LARGEST: usize = 4 << 20;
/// Bytes of all files of folders.
const MOST_BYTES: usize = 256 << 20;
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
            folder(path, current, host, &mut inputs)?;
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

/// What of a folder could be audited; what of that cannot be read is an input too, so that it is told.
fn folder(path: &Path, current: &Path, host: &DiskHost, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
    let mut left = MOST_BYTES;
    for found in walk(path)? {
        let (name, place) = names(&found.path, current)?;
        let read = match found.unseen {
            Some(why) => Err(why.to_owned()),
            None => host.read(&place, LARGEST).map_err(|error| format!("it cannot be read: {error}")),
        };
        inputs.push(match read {
            Ok(bytes) => {
                left = left.checked_sub(bytes.len()).ok_or_else(|| {
                    let most = format!("more than {MOST_BYTES} bytes that could be audited");
                    Stop::usage(format!("`{}` has {most}: name the files", path.display()))
                })?;
                Input::Found { name, path: place, bytes }
            }
            Err(why) => Input::Unread { name, why },
        });
    }
    Ok(())
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

/// A file of a folder that could be audited.
struct Found {
    path: PathBuf,
    /// Why it is not looked at.
    unseen: Option<&'static str>,
}

/// Files of a folder that could be audited, by name. Links to folders are not followed, and hidden folders not searched but for
/// `.devcontainer`, which holds stacks.
fn walk(folder: &Path) -> anyhow::Result<Vec<Found>> {
    let real = folder.canonicalize().with_context(|| format!("finding `{}`", folder.display()))?;
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
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() && is_searched(&entry.file_name()) {
                open.push((path, depth.saturating_add(1)));
            } else if kind.is_file() && could_be(&path) {
                found.push(Found { path, unseen: None });
            } else if kind.is_symlink() && could_be(&path) && !path.is_dir() {
                found.push(Found { unseen: leads_away(&path, &real), path });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn is_searched(name: &OsStr) -> bool {
    let is_hidden = name.as_encoded_bytes().starts_with(b".") && name != ".devcontainer";
    !is_hidden && name != "node_modules" && name != "target"
}

/// Why a link is not followed, if it is not.
fn leads_away(link: &Path, folder: &Path) -> Option<&'static str> {
    match link.canonicalize() {
        // SECURITY: a link of a folder that somebody else wrote could name any file of the caller's.
        Ok(real) if !real.starts_with(folder) => {
            Some("a link to a file outside of the folder is not followed")
        }
        Ok(real) if real.is_file() => None,
        _ => Some("it is a link to no file"),
    }
}

/// Whether a name is that of something that is audited. `devcontainer.json` is not, and has comments that JSON does not know.
fn could_be(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    let is_other = path.file_name().is_some_and(|name| name == "devcontainer.json");
    !is_other && matches!(end, Some("yaml" | "yml" | "json" | "toml"))
}
