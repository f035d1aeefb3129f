//! A project in memory.

use std::collections::BTreeMap;

use perry_sandbox_compose::{FileError, Files, Kind, Loaded, Problems, Request, load};

/// Files by path, and a request for the project in `/p`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    files: BTreeMap<String, String>,
    pub(crate) request: Request,
}

impl Memory {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let request = Request { current_folder: "/p".to_owned(), ..Request::default() };
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, request }
    }

    pub(crate) fn variables(mut self, variables: &[(&str, &str)]) -> Self {
        self.request.environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self
    }

    pub(crate) fn load(&self) -> Result<Loaded, Problems> {
        load(&self.request, self)
    }
}

impl Files for Memory {
    fn kind(&self, path: &str) -> Kind {
        let folder = format!("{}/", path.trim_end_matches('/'));
        if self.files.contains_key(path) {
            Kind::File
        } else if self.files.keys().any(|known| known.starts_with(&folder)) {
            Kind::Folder
        } else {
            Kind::Missing
        }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        let text = self.files.get(path).ok_or(FileError::Missing)?;
        if text.len() > most { Err(FileError::TooLarge(most)) } else { Ok(text.clone().into_bytes()) }
    }

    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        self.read("-", most)
    }

    fn real(&self, path: &str) -> Option<String> {
        Some(path.to_owned())
    }
}

/// A project of one file, which must be right.
pub(crate) fn project(text: &str) -> Loaded {
    Memory::new(&[("/p/compose.yaml", text)]).load().unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with a project of one file.
pub(crate) fn problems(text: &str) -> Problems {
    Memory::new(&[("/p/compose.yaml", text)]).load().expect_err("the file is wrong")
}
