use super::{Environment, Files, Kind, Request, absolute, join, merge_env_files, parent};
use crate::error::{Problem, Reason, Report, shown};

const NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Where a project is, and what surrounds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Project {
    /// The folder that relative paths begin at, absolute.
    pub(crate) folder: String,
    /// The files, in the order of merging, absolute; `-` is standard input.
    pub(crate) files: Vec<String>,
    /// Variables: those of the process, then those of the environment files.
    pub(crate) environment: Environment,
    /// The environment files that were read.
    pub(crate) env_files: Vec<String>,
    /// Profiles that were asked for.
    pub(crate) profiles: Vec<String>,
}

/// Finds a project's files, in the order of the standard's command line: variables of the current folder first, since
/// they may name the files; then the files; then the variables of the files' own folder.
pub(crate) fn find(request: &Request, files: &dyn Files, report: &mut Report) -> Result<Project, Problem> {
    let current = request.current_folder.as_str();
    let mut project = Project {
        environment: request.environment.clone(),
        files: request.files.iter().map(|path| place(current, path)).collect(),
        ..Project::default()
    };
    project.environment.entry("PWD".to_owned()).or_insert_with(|| current.to_owned());
    let given = given_env_files(request);
    project.read_env_files(request, files, &given, report)?;
    project.files_by_variable(current, files)?;
    project.files_by_name(request, files, report);
    project.read_env_files(request, files, &given, report)?;
    if project.files.is_empty() {
        let message = format!("no Compose file in `{}` or above it", shown(current));
        let help = format!("its name is one of {}, or is given by `-f`", NAMES.join(", "));
        return Err(Problem::nowhere(Reason::MissingFile, message).help(help));
    }
    project.folder = project.folder_now(request);
    project.profiles.clone_from(&request.profiles);
    if project.profiles.is_empty() {
        let variable = project.environment.get("COMPOSE_PROFILES").map_or("", String::as_str);
        project.profiles = variable.split(',').map(|name| name.trim().to_owned()).collect();
    }
    Ok(project)
}

fn place(current: &str, path: &str) -> String {
    if path == "-" || is_remote(path) { path.to_owned() } else { absolute(current, path) }
}

fn given_env_files(request: &Request) -> Vec<String> {
    let current = request.current_folder.as_str();
    if !request.env_files.is_empty() {
        return request.env_files.iter().map(|path| absolute(current, path)).collect();
    }
    let variable = request.environment.get("COMPOSE_ENV_FILES").map_or("", String::as_str);
    variable.split(',').filter(|path| !path.is_empty()).map(|path| absolute(current, path)).collect()
}

impl Project {
    fn folder_now(&self, request: &Request) -> String {
        let current = request.current_folder.as_str();
        if let Some(folder) = request.project_directory.as_deref().filter(|folder| !folder.is_empty()) {
            return absolute(current, folder);
        }
        match self.files.iter().find(|path| *path != "-").filter(|path| !is_remote(path)) {
            Some(path) => parent(path),
            None => current.to_owned(),
        }
    }

    fn read_env_files(
        &mut self,
        request: &Request,
        files: &dyn Files,
        given: &[String],
        report: &mut Report,
    ) -> Result<(), Problem> {
        if given.is_empty() {
            if !disabled(&request.environment)? {
                let path = join(&self.folder_now(request), ".env");
                if matches!(files.kind(&path), Kind::File | Kind::Other) {
                    self.env_files = vec![path];
                }
            }
        } else {
            self.env_files = given.to_vec();
        }
        let found =
            merge_env_files(files, &request.current_folder, &self.env_files, &self.environment, report)?;
        for (name, value) in found {
            self.environment.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// `COMPOSE_FILE`, parted by `COMPOSE_PATH_SEPARATOR`.
    fn files_by_variable(&mut self, current: &str, files: &dyn Files) -> Result<(), Problem> {
        let Some(list) = self.environment.get("COMPOSE_FILE").filter(|_| self.files.is_empty()) else {
            return Ok(());
        };
        let separator = self.environment.get("COMPOSE_PATH_SEPARATOR").filter(|text| !text.is_empty());
        let mut found = Vec::new();
        for path in list.split(separator.map_or(":", String::as_str)) {
            let path = if path == "-" { path.to_owned() } else { absolute(current, path) };
            if path != "-" && files.kind(&path) == Kind::Missing {
                let message = format!("`COMPOSE_FILE` names `{}`: there is no such file", shown(&path));
                return Err(Problem::nowhere(Reason::MissingFile, message));
            }
            found.push(path);
        }
        self.files = found;
        Ok(())
    }

    /// The names that the standard knows, in the folder or the nearest one above it that has one.
    fn files_by_name(&mut self, request: &Request, files: &dyn Files, report: &mut Report) {
        if !self.files.is_empty() {
            return;
        }
        let mut folder = self.folder_now(request);
        loop {
            if let Some(winner) = first(&NAMES, &folder, files, report) {
                self.files.push(winner);
                self.files.extend(first(&OVERRIDES, &folder, files, report));
                return;
            }
            let above = parent(&folder);
            if above == folder {
                return;
            }
            folder = above;
        }
    }
}

fn first(names: &[&str], folder: &str, files: &dyn Files, report: &mut Report) -> Option<String> {
    let mut found =
        names.iter().map(|name| join(folder, name)).filter(|path| files.kind(path) != Kind::Missing);
    let winner = found.next()?;
    let others: Vec<String> = found.map(|path| format!("`{}`", shown(&path))).collect();
    if !others.is_empty() {
        let message = format!("`{}` is used, not {}", shown(&winner), others.join(", "));
        report.warn(None, message);
    }
    Some(winner)
}

/// The files that the standard's command line would merge, were it called in the folder of this one: a file of a name that it
/// looks for, and the one that overrides it. Any other file stands alone.
pub fn merged_with(path: &str, files: &dyn Files) -> Vec<String> {
    let (folder, name) = (parent(path), super::resolve::base(path));
    let mut unheard = Report::default();
    let (main, over) = if NAMES.contains(&name) {
        (Some(path.to_owned()), first(&OVERRIDES, &folder, files, &mut unheard))
    } else if OVERRIDES.contains(&name) {
        (first(&NAMES, &folder, files, &mut unheard), Some(path.to_owned()))
    } else {
        (None, None)
    };
    match main {
        Some(main) => std::iter::once(main).chain(over).collect(),
        None => vec![path.to_owned()],
    }
}

/// The main file beside a file of a name that nobody looks for, which may be meant to be laid over it by hand.
pub fn main_beside(path: &str, files: &dyn Files) -> Option<String> {
    let name = super::resolve::base(path);
    if NAMES.contains(&name) || OVERRIDES.contains(&name) {
        return None;
    }
    first(&NAMES, &parent(path), files, &mut Report::default())
}

/// Whether `.env` is not to be read.
fn disabled(environment: &Environment) -> Result<bool, Problem> {
    match environment.get("COMPOSE_DISABLE_ENV_FILE").map(String::as_str) {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(other) => {
            let message =
                format!("`COMPOSE_DISABLE_ENV_FILE` is `{}`, expected `true` or `false`", shown(other));
            Err(Problem::nowhere(Reason::InvalidValue, message))
        }
    }
}

/// Whether the standard's command line would fetch it from elsewhere.
pub(crate) fn is_remote(path: &str) -> bool {
    let git_over_http = |path: &str| {
        let end = path.find(['#', '?']).unwrap_or(path.len());
        path.get(..end).is_some_and(|path| path.as_bytes().ends_with(b".git"))
    };
    match path.split_once("://") {
        Some(("oci" | "git" | "ssh", _)) => true,
        Some(("http" | "https", rest)) => git_over_http(rest),
        Some(_) => false,
        None => {
            path.starts_with("github.com/")
                || path.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'))
        }
    }
}
