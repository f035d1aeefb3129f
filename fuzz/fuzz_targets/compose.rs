//! Compose files: any project is read or refused, always alike, in bounded time and memory and without a panic.
#![no_main]

use std::collections::BTreeMap;

use perry_sandbox_compose::{Environment, FileError, Files, Kind, Project, Request, load};

/// What stands between two files of an input.
const NEXT: &str = "\n=====\n";
/// The names of the files of an input, in order; the last has all that is left.
const NAMES: [&str; 6] =
    ["/p/compose.yaml", "/p/.env", "/p/one.env", "/p/base.yaml", "/p/part/compose.yaml", "/p/part/.env"];

/// A project's files: the first alone if the input has no parts.
struct Parts<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        Self(NAMES.into_iter().zip(text.splitn(NAMES.len(), NEXT)).collect())
    }
}

impl Files for Parts<'_> {
    fn kind(&self, path: &str) -> Kind {
        match path {
            "/p" | "/p/part" => Kind::Folder,
            path if self.0.contains_key(path) => Kind::File,
            _ => Kind::Missing,
        }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        match self.0.get(path) {
            Some(text) if text.len() > most => Err(FileError::TooLarge(most)),
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(FileError::Missing),
        }
    }

    fn standard_input(&self, _most: usize) -> Result<Vec<u8>, FileError> {
        Err(FileError::Missing)
    }

    fn real(&self, path: &str) -> Option<String> {
        Some(path.to_owned())
    }
}

/// A short variable and one that is long enough to show what repeats it without an end.
fn environment() -> Environment {
    [("A", "a".to_owned()), ("LONG", "v".repeat(100_000))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn answer(request: &Request, files: &Parts<'_>) -> String {
    let project = load(request, files).and_then(|loaded| Project::new(loaded, request.options, files));
    match project {
        Ok(project) => format!("{}{:?}", project.to_yaml(), project.to_json()),
        Err(problems) => format!("{problems}\n{}", problems.render(true)),
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let files = Parts::of(text);
    let request =
        Request { current_folder: "/p".to_owned(), environment: environment(), ..Request::default() };
    assert_eq!(answer(&request, &files), answer(&request, &files));
});
