//! The smallest program around the loader: reads a project and says whether it can be.
//! `config [-f FILE]… [--profile NAME]… [--env-file FILE]… [-p NAME] [--project-directory FOLDER] config …`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program prints")]

use std::io::Read as _;
use std::process::ExitCode;

use perry_sandbox_compose::{FileError, Files, Kind, Request, load};

struct Disk;

impl Files for Disk {
    fn kind(&self, path: &str) -> Kind {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Kind::File,
            Ok(found) if found.is_dir() => Kind::Folder,
            Ok(_) => Kind::Other,
            Err(_) => Kind::Missing,
        }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => FileError::Missing,
            std::io::ErrorKind::PermissionDenied => FileError::Denied,
            std::io::ErrorKind::IsADirectory => FileError::Folder,
            _ => FileError::System(error.to_string()),
        };
        bounded(std::fs::File::open(path).map_err(failed)?, most)
    }

    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        bounded(std::io::stdin(), most)
    }

    fn real(&self, path: &str) -> Option<String> {
        std::fs::canonicalize(path).ok()?.into_os_string().into_string().ok()
    }
}

fn bounded(source: impl std::io::Read, most: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut bytes).map_err(|error| FileError::System(error.to_string()))?;
    if bytes.len() > most { Err(FileError::TooLarge(most)) } else { Ok(bytes) }
}

fn main() -> ExitCode {
    let mut request = Request {
        current_folder: std::env::current_dir()
            .map(|folder| folder.to_string_lossy().into_owned())
            .unwrap_or_default(),
        environment: std::env::vars().collect(),
        ..Request::default()
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-f" => request.files.extend(arguments.next()),
            "--profile" => request.profiles.extend(arguments.next()),
            "--env-file" => request.env_files.extend(arguments.next()),
            "-p" => request.project_name = arguments.next(),
            "--project-directory" => request.project_directory = arguments.next(),
            _ => {}
        }
    }
    match load(&request, &Disk) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("warning: {}", warning.message);
            }
            println!("{{}}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprint!("{}", problems.render(false));
            eprintln!("{}", problems.list().first().map_or("", |problem| problem.reason.as_str()));
            ExitCode::FAILURE
        }
    }
}
