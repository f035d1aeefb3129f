//! A Compose stack, merged as an engine would run it.

use perry_sandbox_compose::{
    Files as _, Loaded, Note, Options, Problem, Problems, Project, Reason, Request, Sources, load,
    main_beside, shown, variables,
};

use super::gaps::unset;
use super::overlay::Overlay;
use super::read::{Outcome, first_line};
use super::{Host, Subject, Unread, UnreadKind};
use crate::launch::{Reader, read_compose};
use crate::place::{FileId, Texts};

/// What stands for a variable that must be set, so that the rest can be graded; the place where it stands is a gap.
const STAND_IN: &str = "1";

/// Reads a project; `held` is a file of it that is in memory.
pub(super) fn read_stack(
    request: &Request,
    held: Option<(&str, &[u8])>,
    host: &dyn Host,
    texts: &mut Texts,
) -> Outcome {
    let overlay = Overlay::new(host, held);
    let request = &request_of(request);
    let mut outcome = match load_all(request, &overlay) {
        Ok((loaded, given)) => loaded_stack(loaded, &given, request, &overlay, texts),
        Err(problems) => problems_of(&problems, request, texts),
    };
    let read = overlay.read.take();
    outcome.unread.extend(outside(&read, &request.current_folder, host, texts));
    outcome.files.extend(read);
    outcome
}

/// Files of variables are not read: what they hold is no part of what is audited, and is often not there.
fn request_of(request: &Request) -> Request {
    Request { options: Options { resolve_environment: false, ..request.options }, ..request.clone() }
}

/// Loads, with stand-ins for variables that must be set and are not. Gives their names.
fn load_all(request: &Request, files: &Overlay<'_>) -> Result<(Loaded, Vec<String>), Problems> {
    let problems = match load(request, files) {
        Ok(loaded) => return Ok((loaded, Vec::new())),
        Err(problems) => problems,
    };
    if !problems.list().iter().all(|problem| problem.reason == Reason::MissingVariable) {
        return Err(problems);
    }
    let raw = Request { options: Options { interpolate: false, ..request.options }, ..request.clone() };
    let Ok(raw) = load(&raw, files) else { return Err(problems) };
    let required = variables(&raw.model).into_iter().filter(|(_, variable)| variable.required);
    let missing: Vec<String> =
        required.map(|(name, _)| name).filter(|name| !raw.environment.contains_key(name)).collect();
    let mut request = request.clone();
    for name in &missing {
        request.environment.insert(name.clone(), STAND_IN.to_owned());
    }
    load(&request, files).map(|loaded| (loaded, missing))
}

fn loaded_stack(
    loaded: Loaded,
    given: &[String],
    request: &Request,
    files: &Overlay<'_>,
    texts: &mut Texts,
) -> Outcome {
    let ids = keep(&loaded.sources, request, texts);
    let mut outcome = Outcome::default();
    let Some(first) = ids.first().copied() else { return outcome };
    let reader = Reader { files: &ids };
    outcome.unread.extend(unset(&loaded, given, reader, texts));
    outcome.unread.extend(missing_env_files(&loaded, reader, files));
    let home = request.environment.get("HOME").map(String::as_str);
    let stack = read_compose(&loaded, &ids, home, texts.whole(first));
    let options = Options { resolve_environment: false, ..request.options };
    let whole = texts.whole(first);
    if let Err(problems) = Project::new(loaded, options, files) {
        let mut found: Vec<Unread> =
            problems.list().iter().map(|problem| unread(problem, reader, whole)).collect();
        let is_part = problems.list().iter().all(|problem| problem.reason == Reason::MissingAttribute);
        if let Some(main) = main_of(request, files).filter(|_| is_part) {
            found = found.into_iter().map(|unread| laid_over(unread, &main)).collect();
        }
        outcome.unread.extend(found);
    }
    outcome.subjects.push(Subject::Stack(stack));
    outcome
}

/// The main file beside the only one that is asked for.
fn main_of(request: &Request, files: &Overlay<'_>) -> Option<String> {
    let [file] = request.files.as_slice() else { return None };
    main_beside(file, files)
}

/// What a file lacks that is meant to be laid over another is in the other one: which that is, only its caller knows.
fn laid_over(unread: Unread, main: &str) -> Unread {
    let help = format!("audit them as they are run: `perry-compose -f {} -f … check`", shown(main));
    let message = format!("{}; another file may have it, over which this one is laid", unread.message);
    Unread { kind: UnreadKind::Gap, message, ..unread }.help(help)
}

fn keep(sources: &Sources, request: &Request, texts: &mut Texts) -> Vec<FileId> {
    let mut ids = Vec::new();
    for number in 0.. {
        let Some((name, text)) = sources.file(perry_sandbox_compose::FileId(number)) else { break };
        let path = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("{}/{name}", request.current_folder)
        };
        ids.push(texts.add(name, Some(path), text));
    }
    ids
}

fn problems_of(problems: &Problems, request: &Request, texts: &mut Texts) -> Outcome {
    let mut ids = keep(problems.sources(), request, texts);
    if ids.is_empty() {
        let name = request.files.first().map_or("compose.yaml", String::as_str);
        ids.push(texts.add(name, None, ""));
    }
    let whole = ids.first().map(|id| first_line(*id, texts));
    let reader = Reader { files: &ids };
    let unread = whole
        .into_iter()
        .flat_map(|whole| problems.list().iter().map(move |problem| unread(problem, reader, whole)));
    Outcome { unread: unread.collect(), ..Outcome::default() }
}

/// A problem of the loader as what could not be read.
pub(super) fn unread(problem: &Problem, reader: Reader<'_>, otherwise: crate::place::Place) -> Unread {
    let kind = match problem.reason {
        Reason::SchemaKey => UnreadKind::UnknownKey,
        Reason::Limit => UnreadKind::OverBudget,
        Reason::MissingFile | Reason::MissingVariable => UnreadKind::Gap,
        Reason::Unsupported => UnreadKind::Remote,
        _ => UnreadKind::Malformed,
    };
    let place = problem.span.and_then(|span| reader.place(span)).unwrap_or(otherwise);
    let mut unread = Unread::new(kind, place, problem.message.clone());
    for note in &problem.notes {
        match note {
            Note::Place(span, label) => {
                unread.context.extend(reader.place(*span).map(|place| (place, label.clone())));
            }
            Note::Help(help) => unread.help = Some(help.clone()),
        }
    }
    unread
}

/// Files of variables that a service asks for and that are not there.
fn missing_env_files(loaded: &Loaded, reader: Reader<'_>, files: &Overlay<'_>) -> Vec<Unread> {
    use perry_sandbox_compose::{Kind, Mapping, Node, Value};
    let services = loaded.model.get("services").and_then(Node::mapping);
    let files_of = |service: &Node| -> Vec<Node> { crate::launch::items(service.get("env_file")).to_vec() };
    let wanted = services.into_iter().flat_map(Mapping::iter).flat_map(|(_, service)| files_of(service));
    let missing = wanted.filter_map(|file| {
        let path = file.get("path")?;
        let optional = file.get("required").is_some_and(|required| required.value == Value::Bool(false));
        if optional || files.kind(path.text()?) != Kind::Missing {
            return None;
        }
        let message = "this file of variables is not there, so the service's environment is not seen";
        Some(
            Unread::new(UnreadKind::Gap, reader.place(path.span)?, message)
                .help("give the file, or mark it `required: false`"),
        )
    });
    missing.collect()
}

/// Files below the project whose links lead out of it.
fn outside(read: &[String], folder: &str, host: &dyn Host, texts: &Texts) -> Vec<Unread> {
    let Some(real_folder) = host.real(folder) else { return Vec::new() };
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder).is_some_and(|rest| folder.ends_with('/') || rest.starts_with('/'))
    };
    let mut found = Vec::new();
    for id in texts.ids() {
        let Some(path) = texts.path(id).filter(|path| read.iter().any(|known| known == path)) else {
            continue;
        };
        if !below(path, folder) {
            continue;
        }
        let leaves = host.real(path).filter(|real| !below(real, &real_folder));
        if leaves.is_some() {
            let message = "a link leads from the project to this file outside of it";
            found.push(Unread::new(UnreadKind::Outside, first_line(id, texts), message));
        }
    }
    found
}
