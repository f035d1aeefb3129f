//! Files in memory.

use std::collections::BTreeMap;

use perry_sandbox_audit::{Denied, Host, Ignores, Input, Persona, Report, Request, audit};
use perry_sandbox_compose::{FileError, Files, Kind};
use perry_sandbox_policy::{FileError as PolicyFileError, PolicyFiles, SourceName};

/// A file, and what is odd about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held {
    pub(crate) text: String,
    pub(crate) link: Option<String>,
    pub(crate) writable: bool,
}

/// Files by path, all in `/p`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(pub(crate) BTreeMap<String, Held>);

impl Files for Memory {
    fn kind(&self, path: &str) -> Kind {
        let folder = format!("{}/", path.trim_end_matches('/'));
        if self.0.contains_key(path) {
            Kind::File
        } else if self.0.keys().any(|known| known.starts_with(&folder)) {
            Kind::Folder
        } else {
            Kind::Missing
        }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        let held = self.0.get(path).ok_or(FileError::Missing)?;
        if held.text.len() > most {
            Err(FileError::TooLarge(most))
        } else {
            Ok(held.text.clone().into_bytes())
        }
    }

    fn standard_input(&self, _most: usize) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn real(&self, path: &str) -> Option<String> {
        let link = self.0.get(path).and_then(|held| held.link.clone());
        Some(link.unwrap_or_else(|| path.to_owned()))
    }
}

impl PolicyFiles for Memory {
    fn read(&self, _policy: &SourceName, path: &str) -> Result<Vec<u8>, PolicyFileError> {
        let held = self.0.get(&format!("/p/{path}"));
        held.map(|held| held.text.clone().into_bytes())
            .ok_or_else(|| PolicyFileError::NoFiles { path: path.to_owned() })
    }
}

impl Host for Memory {
    fn policy_files(&self) -> &dyn PolicyFiles {
        self
    }

    fn changeable_by_others(&self, path: &str) -> Option<String> {
        let writable = self.0.get(path).is_some_and(|held| held.writable);
        writable.then(|| format!("`{path}` can be written by others"))
    }
}

/// Audits one input by the files of `memory`, on a day of 2026.
pub(crate) fn audited(input: Input, memory: &Memory, ignores: &Ignores) -> Report {
    asked(input, memory, ignores, Persona::Auditor, &[])
}

/// The same, for somebody, and with what a policy denies.
pub(crate) fn asked(
    input: Input,
    memory: &Memory,
    ignores: &Ignores,
    persona: Persona,
    denied: &[Denied],
) -> Report {
    let project = perry_sandbox_compose::Request {
        current_folder: "/p".to_owned(),
        environment: [("HOME".to_owned(), "/home/user".to_owned())].into(),
        ..perry_sandbox_compose::Request::default()
    };
    audit(&Request {
        inputs: &[input],
        host: memory,
        project: &project,
        persona,
        ignores,
        denied,
        today: jiff::civil::date(2026, 11, 30),
    })
}

/// A file of that name in memory.
pub(crate) fn file(name: &str, text: &str) -> (Input, Memory) {
    let path = format!("/p/{name}");
    let held = Held { text: text.to_owned(), ..Held::default() };
    let input =
        Input::File { name: name.to_owned(), path: Some(path.clone()), bytes: text.as_bytes().to_vec() };
    (input, Memory([(path, held)].into()))
}

/// The report on a file that stands alone.
pub(crate) fn report(name: &str, text: &str) -> Report {
    let (input, memory) = file(name, text);
    audited(input, &memory, &Ignores::default())
}
