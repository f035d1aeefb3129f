use super::{Environment, Files, Kind, absolute, read_text};
use crate::dotenv::{MOST_BYTES, not_set_in, parse_telling};
use crate::error::{Problem, Reason, Report, shown};

/// Reads files of variables, each over those before it. `environment` wins where a value names a variable; what it has
/// itself is not looked at otherwise.
pub(crate) fn merge_env_files(
    files: &dyn Files,
    folder: &str,
    paths: &[String],
    environment: &Environment,
    report: &mut Report,
) -> Result<Environment, Problem> {
    let mut found = Environment::new();
    for path in paths {
        let path = absolute(folder, path);
        let wrong = match files.kind(&path) {
            Kind::Missing => Some("there is no such file"),
            Kind::Folder => Some("it is a folder"),
            Kind::File | Kind::Other => None,
        };
        if let Some(wrong) = wrong {
            let message = format!("cannot read the file of variables `{}`: {wrong}", shown(&path));
            return Err(Problem::nowhere(Reason::MissingFile, message));
        }
        let text = read_text(files, &path, MOST_BYTES)?;
        let lookup = |name: &str| environment.get(name).cloned();
        let mut tell = |line: usize, name: &str| report.warn(None, not_set_in(&path, line, name));
        parse_telling(&text, &lookup, &mut found, &mut tell)
            .map_err(|error| Problem::nowhere(Reason::EnvFileSyntax, format!("{}: {error}", shown(&path))))?;
    }
    Ok(found)
}
