use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use perry_sandbox_pipeline::{SourceError, look_at_source};
use perry_sandbox_policy::{ConfigContent, FileSource, WantedFile};

use super::file::WantedConfig;
use super::{Demand, Demands, RefusedField, Refusing};
use crate::model::{At, Stack, ValueSource};

/// What of this machine a project's files are read with.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// The project's folder.
    pub folder: &'a str,
    /// The caller's variables.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl std::fmt::Debug for Host<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Demands {
    /// Reads the configs, and refuses what is to be mounted and is not there, or is no folder or file: before anything is
    /// asked for or made.
    pub fn look_at_host(&mut self, stack: &Stack, host: Host<'_>) {
        let mut contents = BTreeMap::new();
        for (name, demand) in &mut self.services {
            let subject = format!("service `{name}`");
            binds(demand, &subject);
            for config in std::mem::take(&mut demand.configs) {
                let key = config.value.name.as_str().to_owned();
                let read = || content(stack.configs.get(&key), host);
                match contents.entry(key.clone()).or_insert_with(read).clone() {
                    Ok(content) => demand.project.files.push(file(config, content)),
                    Err(why) => {
                        let instead = "correct its source below `configs`";
                        demand.refused.push(refused(
                            &subject,
                            &config,
                            format!("configs: {key}"),
                            why,
                            instead,
                        ));
                    }
                }
            }
        }
    }
}

fn binds(demand: &mut Demand, subject: &str) {
    for bind in &demand.binds {
        let Err(error) = look_at_source(&bind.value) else { continue };
        let instead = match error {
            SourceError::Missing(_) => "make it, or correct the path",
            SourceError::Link { .. } => "name the real path",
            SourceError::Special(_) | SourceError::Unreadable { .. } | SourceError::SingleFile { .. } | _ => {
                "mount a folder or a file"
            }
        };
        let attribute = format!("volumes: {}", bind.value);
        demand.refused.push(refused(subject, bind, attribute, error.to_string(), instead));
    }
}

fn refused<T>(subject: &str, at: &At<T>, attribute: String, why: String, instead: &str) -> RefusedField {
    let (span, subject, instead) = (at.span, subject.to_owned(), instead.to_owned());
    RefusedField { span, subject, attribute, refusing: Refusing::Never, why, instead }
}

fn file(config: At<WantedConfig>, content: ConfigContent) -> WantedFile {
    let WantedConfig { name, path, owner: (uid, gid), mode } = config.value;
    WantedFile { source: FileSource::Config { name, content }, path, uid, gid, mode }
}

/// What is in a config, or why that cannot be said.
fn content(source: Option<&ValueSource>, host: Host<'_>) -> Result<ConfigContent, String> {
    let bytes = match source {
        Some(ValueSource::Content(text)) => text.clone().into_bytes(),
        Some(ValueSource::Variable(name)) => {
            let value = (host.variable)(name);
            value.ok_or_else(|| format!("the variable `{name}` is not set"))?.into_bytes()
        }
        Some(ValueSource::File(path)) => of_project(path, host.folder)?,
        Some(ValueSource::Elsewhere(_)) | None => return Err("it has no source".to_owned()),
    };
    bytes.try_into().map_err(|error: perry_sandbox_policy::PatternError| error.to_string())
}

/// SECURITY: no policy grants a config, since it is as much the project's as the file that names it. A file from elsewhere is
/// not: it would be read with the rights of whoever brings the project up.
fn of_project(path: &str, folder: &str) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("{path}: {error}");
    let real = fs::canonicalize(path).map_err(failed)?;
    let folder = fs::canonicalize(folder).map_err(failed)?;
    let Ok(inside) = real.strip_prefix(&folder) else {
        return Err(format!(
            "{} is outside of the project's folder, and no policy grants what is in a config; copy it there, make it a secret, or mount it",
            real.display()
        ));
    };
    let file = open_beneath(&folder, inside).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(format!("{path} is no file"));
    }
    let most = u64::try_from(ConfigContent::MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// SECURITY: a link that has come into the path since it was looked at does not lead out of the folder, and a pipe under the
/// name is not waited for.
fn open_beneath(folder: &Path, inside: &Path) -> io::Result<File> {
    let folder = open(folder, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let inside = if inside.as_os_str().is_empty() { Path::new(".") } else { inside };
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH);
    Ok(openat2(folder, inside, how)?.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_that_comes_after_the_look_leads_nowhere() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("key"), "of the caller").unwrap();
        fs::write(folder.path().join("file"), "of the project").unwrap();
        symlink(outside.path().join("key"), folder.path().join("link")).unwrap();
        symlink(outside.path(), folder.path().join("folder")).unwrap();
        assert!(open_beneath(folder.path(), Path::new("file")).is_ok());
        for path in ["link", "folder/key"] {
            assert!(open_beneath(folder.path(), Path::new(path)).is_err(), "{path}");
        }
    }
}
