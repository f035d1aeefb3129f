//! The files of a project: bounded, and never by way of a symbolic link.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Entries of folders that are looked at.
const MOST_ENTRIES: usize = 500_000;
/// Files that are read.
const MOST_FILES: usize = 50_000;
/// Folders below each other.
const DEEPEST: usize = 64;
/// Bytes of one file.
const LARGEST_FILE: u64 = 4 << 20;
/// Bytes of all files.
const LARGEST_PROJECT: u64 = 512 << 20;

/// What a file can hold that is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// TypeScript or JavaScript.
    Code,
    /// A `package.json`.
    Package,
    /// A script, an env file, or a build file.
    Script,
}

/// A file of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Below the project's folder.
    pub(super) path: PathBuf,
    pub(super) sort: Sort,
}

/// What the walk came across.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// By path.
    pub(super) files: Vec<Found>,
    /// What was not looked at although it may hold something, and why.
    pub(super) unread: Vec<(PathBuf, String)>,
}

/// Walks the project's folder. Skips `node_modules`, folders whose name begins with a dot, and symbolic links.
///
/// # Errors
/// The folder itself cannot be read.
pub(super) fn walk(project: &Path) -> std::io::Result<Walk> {
    let mut walk = Walk::default();
    let mut open = vec![(PathBuf::new(), 0_usize)];
    let mut entries = 0_usize;
    while let Some((folder, depth)) = open.pop() {
        let listed = match std::fs::read_dir(project.join(&folder)) {
            Ok(listed) => listed,
            Err(error) if depth == 0 => return Err(error),
            Err(error) => {
                walk.unread.push((folder, error.to_string()));
                continue;
            }
        };
        for entry in listed {
            entries = entries.saturating_add(1);
            if entries > MOST_ENTRIES || walk.files.len() >= MOST_FILES {
                walk.unread.push((folder, format!("the project has more than {MOST_ENTRIES} entries or {MOST_FILES} source files; the rest was not looked at")));
                walk.files.sort_by(|one, two| one.path.cmp(&two.path));
                return Ok(walk);
            }
            let Ok(entry) = entry else { continue };
            let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if name == "node_modules" || (name.starts_with('.') && name != ".github") {
                    continue;
                }
                if depth >= DEEPEST {
                    walk.unread.push((path, format!("it lies more than {DEEPEST} folders deep")));
                } else {
                    open.push((path, depth.saturating_add(1)));
                }
            } else if kind.is_file()
                && let Some(sort) = sort_of(&name)
            {
                walk.files.push(Found { path, sort });
            }
        }
    }
    walk.files.sort_by(|one, two| one.path.cmp(&two.path));
    Ok(walk)
}

fn sort_of(name: &str) -> Option<Sort> {
    if name == "package.json" {
        return Some(Sort::Package);
    }
    if name == ".env"
        || name.starts_with(".env.")
        || matches!(name, "Dockerfile" | "Containerfile" | "Makefile" | "justfile" | "Justfile")
    {
        return Some(Sort::Script);
    }
    match Path::new(name).extension()?.to_str()? {
        "ts" | "tsx" | "mts" | "cts" | "js" | "jsx" | "mjs" | "cjs" => Some(Sort::Code),
        "sh" | "bash" | "env" | "yml" | "yaml" => Some(Sort::Script),
        _ => None,
    }
}

/// What reading a file gave.
#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// No text: a video can end in `.ts`, too.
    Binary,
    Unread(String),
}

/// Reads files until the project's bytes are used up.
#[derive(Debug)]
pub(super) struct Reader {
    left: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self { left: LARGEST_PROJECT }
    }
}

impl Reader {
    /// Reads a file of the project.
    pub(super) fn read(&mut self, path: &Path) -> Content {
        if self.left == 0 {
            return Content::Unread(format!(
                "the project has more than {} MiB of source",
                LARGEST_PROJECT >> 20
            ));
        }
        let bytes = match open(path).and_then(|file| bounded(file, LARGEST_FILE.saturating_add(1))) {
            Ok(bytes) => bytes,
            Err(error) => return Content::Unread(error.to_string()),
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(length);
        if bytes.iter().take(8192).any(|byte| *byte == 0) {
            return Content::Binary;
        }
        if length > LARGEST_FILE {
            return Content::Unread(format!("it is larger than {} MiB", LARGEST_FILE >> 20));
        }
        Content::Text(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }
}

/// Opens a regular file that is no link by now, without waiting for a writer.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is not a regular file")) }
}

fn bounded(file: File, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_by_their_names() {
        for (name, sort) in [
            ("a.ts", Some(Sort::Code)),
            ("a.d.mts", Some(Sort::Code)),
            ("package.json", Some(Sort::Package)),
            (".env.production", Some(Sort::Script)),
            ("deploy.sh", Some(Sort::Script)),
            ("README.md", None),
            ("tsx", None),
        ] {
            assert_eq!(sort_of(name), sort, "{name}");
        }
    }
}
