//! Prints a project's canonical JSON: `config [-f FILE]… [--profile NAME]… [--env-file FILE]… config --format json`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::path::Path;
use std::process::ExitCode;

use perry_sandbox_compose::{FileError, Files, Kind, Project, Request, load};

struct Disk;

impl Files for Disk {
    fn kind(&self, path: &str) -> Kind {
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Kind::File,
            Ok(found) if found.is_dir() => Kind::Folder,
            Ok(_) => Kind::Other,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Kind::Other,
            Err(_) => Kind::Missing,
        }
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        let bytes = std::fs::read(path).map_err(|error| FileError::System(error.to_string()))?;
        if bytes.len() > most { Err(FileError::TooLarge(most)) } else { Ok(bytes) }
    }

    fn standard_input(&self, _most: usize) -> Result<Vec<u8>, FileError> {
        std::io::read_to_string(std::io::stdin())
            .map(String::into_bytes)
            .map_err(|error| FileError::System(error.to_string()))
    }

    fn real(&self, path: &str) -> Option<String> {
        Path::new(path).canonicalize().ok()?.to_str().map(str::to_owned)
    }
}

fn main() -> ExitCode {
    let mut request = Request {
        current_folder: std::env::current_dir().unwrap_or_default().display().to_string(),
        environment: std::env::vars().collect(),
        ..Request::default()
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let list = match argument.as_str() {
            "-f" => &mut request.files,
            "--profile" => &mut request.profiles,
            "--env-file" => &mut request.env_files,
            _ => continue,
        };
        list.extend(arguments.next());
    }
    let project = load(&request, &Disk).and_then(|loaded| Project::new(loaded, request.options, &Disk));
    let outcome = project.map_err(|problems| problems.to_string()).and_then(|mut project| {
        project.check_container_names().map_err(|problems| problems.to_string())?;
        project.drop_unused();
        project.to_json().map_err(|error| error.to_string())
    });
    match outcome {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
