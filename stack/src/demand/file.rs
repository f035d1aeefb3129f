//! Secrets and configs: files that a service is given.

use perry_sandbox_compose::{Node, Span};
use perry_sandbox_policy::{ConfigName, FileMode, FilePath, FileSource, WantedFile};

use super::asker::Asker;
use crate::model::{At, FileMount, ValueSource};

/// A config whose content is not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedConfig {
    /// Its name in the project.
    pub name: ConfigName,
    /// Where it is seen.
    pub path: FilePath,
    /// Whose it is.
    pub owner: (Option<u32>, Option<u32>),
    /// Who may read it.
    pub mode: FileMode,
}

/// What both have in common: where, whose, and who may read it.
type Place = (FilePath, (Option<u32>, Option<u32>), Option<FileMode>);

pub(super) fn secrets(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    for secret in &service.secrets {
        one_secret(asker, secret);
    }
}

fn one_secret(asker: &mut Asker<'_>, secret: &At<FileMount>) {
    let attribute = format!("secrets: {}", secret.value.source);
    if let Some(ValueSource::Elsewhere(_)) = asker.stack.secrets.get(&secret.value.source) {
        let why = "nobody here keeps secrets beside the project";
        return asker.never(
            secret.span,
            &attribute,
            why,
            "take it from a `file` or a variable (`environment`)",
        );
    }
    let name = match secret.value.source.parse() {
        Ok(name) => name,
        Err(error) => {
            return asker.never(secret.span, &attribute, &format!("{error}"), "give the secret another name");
        }
    };
    let Some((path, (uid, gid), mode)) = place(asker, secret, &attribute, "/run/secrets/") else { return };
    let own = path.in_secrets() == Some(secret.value.source.as_str());
    if own && uid.is_none() && gid.is_none() && mode.is_none() {
        asker.demand.grants.secrets.push(name);
    } else {
        let mode = mode.unwrap_or(FileMode::SECRET);
        let file = WantedFile { source: FileSource::Secret(name), path, uid, gid, mode };
        asker.demand.project.files.push(file);
    }
}

pub(super) fn configs(asker: &mut Asker<'_>, _: Span, _: &Node) {
    let service = asker.service;
    for config in &service.configs {
        one_config(asker, config);
    }
}

fn one_config(asker: &mut Asker<'_>, config: &At<FileMount>) {
    let attribute = format!("configs: {}", config.value.source);
    if let Some(ValueSource::Elsewhere(_)) = asker.stack.configs.get(&config.value.source) {
        let why = "nobody here keeps configs beside the project";
        return asker.never(config.span, &attribute, why, "write its `content`, or take it from a `file`");
    }
    let name = match config.value.source.parse::<ConfigName>() {
        Ok(name) => name,
        Err(error) => {
            return asker.never(config.span, &attribute, &error.to_string(), "give the config another name");
        }
    };
    if let Some((path, owner, mode)) = place(asker, config, &attribute, "/") {
        let mode = mode.unwrap_or(FileMode::CONFIG);
        asker.demand.configs.push(At::new(WantedConfig { name, path, owner, mode }, config.span));
    }
}

/// Where a file is to be, below `folder` if it is named by a name only.
fn place(asker: &mut Asker<'_>, file: &At<FileMount>, attribute: &str, folder: &str) -> Option<Place> {
    let FileMount { source, target, uid, gid, mode } = &file.value;
    let target = target.as_ref().unwrap_or(source);
    let target = if target.starts_with('/') { target.clone() } else { format!("{folder}{target}") };
    let mut refuse = |why: &str, instead: &str| asker.never(file.span, attribute, why, instead);
    let path = match target.parse() {
        Ok(path) => path,
        Err(error) => {
            let error: perry_sandbox_policy::PatternError = error;
            refuse(&error.to_string(), "give it another `target`");
            return None;
        }
    };
    let mut id = |id: &Option<String>| match id.as_deref().map(str::parse::<u32>) {
        None => Some(None),
        Some(Ok(id)) => Some(Some(id)),
        Some(Err(_)) => {
            refuse("`uid` and `gid` are no numbers of users", "write them as numbers");
            None
        }
    };
    let owner = (id(uid)?, id(gid)?);
    let mode = match mode.as_deref().map(str::parse::<FileMode>) {
        None => None,
        Some(Ok(mode)) => Some(mode),
        Some(Err(error)) => {
            refuse(
                &error.to_string(),
                "leave the right to execute out, and give the file to its interpreter",
            );
            return None;
        }
    };
    Some((path, owner, mode))
}
