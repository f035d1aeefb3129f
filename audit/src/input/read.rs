//! From an input to a subject, or to what could not be read of it.

use perry_sandbox_compose::{Budget, Node, Problem, Request, merged_with, parse_yaml};

use super::detect::{at_first_sight, by_tree, has_policy_table, is_toml};
use super::policy::{Refused, read_policy};
use super::stack::read_stack;
use super::{Host, Input, Kind, ProfileFile, Subject, TrustFile, Unread, UnreadKind};
use crate::finding::{Target, TargetKind};
use crate::launch::{Reader, Words, read_argv, read_pods};
use crate::place::{FileId, Place, Texts};
use crate::seccomp::read_profile;
use crate::trust::read_trust;

/// What surrounds the inputs.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) host: &'a dyn Host,
    /// The request that a Compose file is loaded by, without its files.
    pub(crate) request: &'a Request,
    pub(crate) today: jiff::civil::Date,
}

/// What came of an input.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) subjects: Vec<Subject>,
    pub(crate) unread: Vec<Unread>,
    /// Refusals of the policy's reader, which rules claim.
    pub(crate) refusals: Vec<Refused>,
    /// Whether it was nothing that is audited, and nobody had named it.
    pub(crate) left_out: bool,
    /// The files that it was read from, by their paths.
    pub(crate) files: Vec<String>,
}

/// Reads an input.
pub(crate) fn read(input: &Input, around: Around<'_>, texts: &mut Texts) -> Outcome {
    match input {
        Input::File { name, path, bytes } => file(name, path.as_deref(), bytes, true, around, texts),
        Input::Found { name, path, bytes } => file(name, Some(path), bytes, false, around, texts),
        Input::Unread { name, why } => {
            let id = texts.add(name, None, "");
            let place = texts.whole(id);
            Outcome { unread: vec![Unread::new(UnreadKind::Gap, place, why)], ..Outcome::default() }
        }
        Input::Argv(words) => argv(words, around, texts),
        Input::Project(request) => read_stack(request, None, around.host, texts),
    }
}

fn argv(words: &[String], around: Around<'_>, texts: &mut Texts) -> Outcome {
    let words = Words::of(words);
    let id = texts.add("<command line>", None, words.text.as_str());
    let home = around.request.environment.get("HOME").map(String::as_str);
    match read_argv(&words, id, Some(&around.request.current_folder), home) {
        Ok(stack) => Outcome { subjects: vec![Subject::Stack(stack)], ..Outcome::default() },
        Err(unread) => Outcome { unread: vec![unread], ..Outcome::default() },
    }
}

fn file(
    name: &str,
    path: Option<&str>,
    bytes: &[u8],
    named: bool,
    around: Around<'_>,
    texts: &mut Texts,
) -> Outcome {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let id = texts.add(name, path.map(str::to_owned), "");
        return refused(
            named,
            Unread::new(UnreadKind::Malformed, texts.whole(id), "it is not text in UTF-8"),
        );
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = None;
    let kind = match at_first_sight(text) {
        Some(kind) => Some(kind),
        None if is_toml(name) => has_policy_table(text).then_some(Kind::Policy),
        None => match parse(text) {
            Ok(read) => {
                let kind = by_tree(&read);
                documents = Some(read);
                kind
            }
            Err(problems) => return unparsed(&problems, (name, path, text), named, texts),
        },
    };
    match kind {
        Some(Kind::Compose) => {
            let folder = around.request.current_folder.trim_end_matches('/');
            let place = path.map_or_else(|| format!("{folder}/{name}"), str::to_owned);
            let files = if path.is_some() { merged_with(&place, around.host) } else { vec![place.clone()] };
            // A text that is in no file has no folder to be called after.
            let unnamed = || path.is_none().then(|| "project".to_owned());
            let project_name = around.request.project_name.clone().or_else(unnamed);
            let request = Request { files, project_name, ..around.request.clone() };
            read_stack(&request, Some((&place, bytes)), around.host, texts)
        }
        Some(Kind::Policy) => policy((name, path, text), around, texts),
        Some(kind) => {
            let id = texts.add(name, path.map(str::to_owned), text);
            let mut outcome = tree(kind, name, id, &documents.unwrap_or_default(), texts);
            outcome.files.extend(path.map(str::to_owned));
            if !matches!(kind, Kind::Pod) {
                outcome.unread.extend(changeable(path, id, around.host));
            }
            outcome
        }
        None => {
            let id = texts.add(name, path.map(str::to_owned), text);
            let message = "it is nothing that is audited";
            let unread = Unread::new(UnreadKind::Malformed, first_line(id, texts), message).help(
                "audited are Compose files, policies, seccomp profiles, Pods, trust policies, and `--argv -- docker run …`",
            );
            refused(named, unread)
        }
    }
}

fn parse(text: &str) -> Result<Vec<Node>, Vec<Problem>> {
    parse_yaml(text, perry_sandbox_compose::FileId(0), &Budget::default())
}

fn refused(named: bool, unread: Unread) -> Outcome {
    if named {
        Outcome { unread: vec![unread], ..Outcome::default() }
    } else {
        Outcome { left_out: true, ..Outcome::default() }
    }
}

/// A file that cannot be parsed could be anything: also one that was only come across is told.
fn unparsed(
    problems: &[Problem],
    (name, path, text): (&str, Option<&str>, &str),
    named: bool,
    texts: &mut Texts,
) -> Outcome {
    let id = texts.add(name, path.map(str::to_owned), text);
    if !named && !["services", "apiVersion", "defaultAction"].iter().any(|word| text.contains(word)) {
        return Outcome { left_out: true, ..Outcome::default() };
    }
    let whole = texts.whole(id);
    let unread = problems.iter().map(|problem| super::stack::unread(problem, Reader { files: &[id] }, whole));
    Outcome { unread: unread.collect(), ..Outcome::default() }
}

fn tree(kind: Kind, name: &str, id: FileId, documents: &[Node], texts: &Texts) -> Outcome {
    let mut unread = Vec::new();
    let subject = match kind {
        Kind::Pod => Subject::Stack(read_pods(documents, Reader { files: &[id] }, texts.whole(id))),
        Kind::Profile(form) => {
            let read = read_profile(form, documents, id, texts);
            unread = read.unread;
            let target = Target::new(TargetKind::Profile, read.name.as_deref().unwrap_or(name));
            let (filters, meaning) = (read.filters, read.meaning);
            Subject::Profile(ProfileFile { form, target, file: id, filters, meaning })
        }
        Kind::Trust(form) => {
            let (rules, wrong) = read_trust(form, documents, id, texts);
            unread = wrong;
            Subject::Trust(TrustFile { form, file: id, rules })
        }
        Kind::Policy | Kind::Compose => return Outcome::default(),
    };
    Outcome { subjects: vec![subject], unread, ..Outcome::default() }
}

fn policy(file: (&str, Option<&str>, &str), around: Around<'_>, texts: &mut Texts) -> Outcome {
    let path = file.1;
    let mut outcome = Outcome { files: path.map(str::to_owned).into_iter().collect(), ..Outcome::default() };
    let id = match read_policy(file, around.host, around.today, texts) {
        Ok(policy) => {
            let id = policy.file;
            outcome.subjects.push(Subject::Policy(Box::new(policy)));
            id
        }
        Err((id, refused)) => {
            outcome.refusals = refused;
            id
        }
    };
    outcome.unread.extend(changeable(path, id, around.host));
    outcome
}

fn changeable(path: Option<&str>, id: FileId, host: &dyn Host) -> Option<Unread> {
    let why = host.changeable_by_others(path?)?;
    Some(Unread::new(UnreadKind::Writable, Place { file: id, start: 0, end: 0 }, why))
}

pub(super) fn first_line(id: FileId, texts: &Texts) -> Place {
    texts.line(id, 1).unwrap_or_else(|| texts.whole(id))
}
