use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::BuildsError;

/// The most that steps may have.
const MOST_STEPS: u64 = 1024 * 1024;

/// Where the steps of a build are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steps {
    /// In this file, by its path below the context.
    File(PathBuf),
    /// Here.
    Inline(String),
}

/// What a build reads, looked at once: no link leads from the folder's own path, and the steps are the text that is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    folder: PathBuf,
    steps: String,
}

impl Context {
    /// Looks at a folder and reads the steps.
    ///
    /// # Errors
    /// It is no folder, or the steps are not in it, no text, or too long.
    pub fn read(folder: &Path, steps: &Steps) -> Result<Self, BuildsError> {
        let none = || BuildsError::Context(folder.display().to_string());
        if !folder.is_absolute() {
            return Err(none());
        }
        let folder = fs::canonicalize(folder).map_err(BuildsError::io(folder))?;
        if !folder.is_dir() {
            return Err(none());
        }
        let steps = match steps {
            Steps::Inline(text) => text.clone(),
            Steps::File(file) => read_steps(&folder, file)?,
        };
        Ok(Self { folder, steps })
    }

    /// The folder, absolute and without links.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The steps.
    pub fn steps(&self) -> &str {
        &self.steps
    }
}

/// SECURITY: a file that a link or `..` leads to is another's, and its lines would be shown by the builder.
fn read_steps(folder: &Path, file: &Path) -> Result<String, BuildsError> {
    let named = folder.join(file);
    let found = fs::canonicalize(&named).map_err(BuildsError::io(&named))?;
    if !found.starts_with(folder) {
        return Err(BuildsError::StepsOutside { steps: named, context: folder.to_owned() });
    }
    let refused = || BuildsError::Steps { steps: found.clone(), most: MOST_STEPS };
    if !found.is_file() {
        return Err(refused());
    }
    let mut bytes = Vec::new();
    let file = File::open(&found).map_err(BuildsError::io(&found))?;
    let read = file.take(MOST_STEPS.saturating_add(1)).read_to_end(&mut bytes);
    let read = read.map_err(BuildsError::io(&found))?;
    if u64::try_from(read).is_ok_and(|read| read > MOST_STEPS) {
        return Err(refused());
    }
    String::from_utf8(bytes).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn read(folder: &Path, file: &str) -> Result<Context, BuildsError> {
        Context::read(folder, &Steps::File(PathBuf::from(file)))
    }

    #[test]
    fn the_steps_are_in_the_context_whatever_leads_there() {
        let dir = tempfile::tempdir().unwrap();
        let context = dir.path().join("context");
        fs::create_dir(&context).unwrap();
        fs::write(context.join("Dockerfile"), "FROM scratch\n").unwrap();
        fs::write(dir.path().join("secret"), "its lines\n").unwrap();
        symlink("../secret", context.join("link")).unwrap();
        symlink(&context, dir.path().join("other")).unwrap();
        let found = read(&dir.path().join("other"), "Dockerfile").unwrap();
        let own = fs::canonicalize(&context).unwrap();
        assert_eq!((found.folder(), found.steps()), (own.as_path(), "FROM scratch\n"));
        for outside in ["../secret", "link", "/etc/hostname"] {
            let error = read(&context, outside).unwrap_err();
            assert!(matches!(error, BuildsError::StepsOutside { .. }), "{outside}: {error}");
        }
    }

    #[test]
    fn steps_have_a_bound_and_are_a_file() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("long"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
        fs::write(dir.path().join("bytes"), [0xff]).unwrap();
        for file in ["long", "bytes", "."] {
            assert!(matches!(read(dir.path(), file), Err(BuildsError::Steps { .. })), "{file}");
        }
        assert!(matches!(read(Path::new("https:"), "x"), Err(BuildsError::Context(_))));
        assert!(matches!(read(&dir.path().join("long"), "x"), Err(BuildsError::Context(_))));
    }
}
