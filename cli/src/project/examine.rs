//! A project from end to end: files, then what its packages say about them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::advice::{PACKAGE, instead_of};
use super::finding::{Code, Finding, Place, Source};
use super::imports::{Form, Import, Imports};
use super::package::{self, Package};
use super::tokens::Tokens;
use super::variables::{Variable, in_script, in_token};
use super::walk::{Content, Found, Reader, Sort, walk};

/// Findings beyond these are not told.
const MOST_FINDINGS: usize = 10_000;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By file and place.
    pub(super) findings: Vec<Finding>,
    /// What was not looked at, and why.
    pub(super) unread: Vec<(String, String)>,
    /// How many files were read.
    pub(super) files: usize,
}

impl Report {
    /// Whether something was found.
    pub(crate) fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// Whether everything was looked at.
    pub(crate) fn is_whole(&self) -> bool {
        self.unread.is_empty()
    }
}

/// What one package's files do with ours.
#[derive(Debug, Default)]
struct Use {
    package: Option<(String, String, Package)>,
    /// Modules of the migration shim that is installed.
    shim: Vec<String>,
    /// The first import of `@perry-sandbox/perry`.
    ours: Option<Place>,
    /// The first dead import.
    dead: Option<Place>,
    /// The first import that the shim would mend, if it were set up.
    unused_shim: Option<Place>,
}

struct Examination<'a> {
    project: &'a Path,
    reader: Reader,
    report: Report,
    /// By the folder of their `package.json`.
    uses: BTreeMap<PathBuf, Use>,
}

/// Examines the project in that folder.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn examine(project: &Path) -> std::io::Result<Report> {
    let walked = walk(project)?;
    let unread = walked.unread.into_iter().map(|(path, why)| (path.display().to_string(), why)).collect();
    let mut examination = Examination {
        project,
        reader: Reader::default(),
        report: Report { unread, ..Report::default() },
        uses: BTreeMap::from([(PathBuf::new(), Use::default())]),
    };
    let (packages, others): (Vec<_>, Vec<_>) =
        walked.files.into_iter().partition(|file| file.sort == Sort::Package);
    for file in &packages {
        examination.package(&file.path);
    }
    for file in &others {
        examination.file(file);
        if examination.report.findings.len() >= MOST_FINDINGS {
            let why = format!("there are more than {MOST_FINDINGS} findings; the rest was not looked at");
            examination.report.unread.push((file.path.display().to_string(), why));
            break;
        }
    }
    Ok(examination.finish())
}

impl Examination<'_> {
    fn read(&mut self, path: &Path) -> Option<String> {
        match self.reader.read(&self.project.join(path)) {
            Content::Text(text) => {
                self.report.files = self.report.files.saturating_add(1);
                Some(text)
            }
            Content::Binary => None,
            Content::Unread(why) => {
                self.report.unread.push((path.display().to_string(), why));
                None
            }
        }
    }

    fn package(&mut self, path: &Path) {
        let Some(text) = self.read(path) else { return };
        let file = path.display().to_string();
        let package = match package::read(&text) {
            Ok(package) => package,
            Err(why) => {
                self.report.unread.push((file, why));
                return;
            }
        };
        self.script(&file, &text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let shim = match self.reader.read(&self.project.join(package::shim_below(folder))) {
            Content::Text(text) => package::shim(&text),
            Content::Binary | Content::Unread(_) => Vec::new(),
        };
        let used = Use { package: Some((file, text, package)), shim, ..Use::default() };
        self.uses.insert(folder.to_owned(), used);
    }

    fn file(&mut self, found: &Found) {
        let Some(text) = self.read(&found.path) else { return };
        let file = found.path.display().to_string();
        match found.sort {
            Sort::Code => self.code(&found.path, &file, &text),
            Sort::Script | Sort::Package => self.script(&file, &text),
        }
    }

    fn script(&mut self, file: &str, text: &str) {
        let mut source = Source::new(file, text);
        for (span, variable) in in_script(text) {
            self.variable(source.place(&span), variable);
        }
    }

    fn variable(&mut self, place: Place, variable: &Variable) {
        self.report.findings.push(Finding {
            code: Code::VariableWithoutEffect,
            place,
            message: variable.here.to_owned(),
            label: "changes nothing".to_owned(),
            help: vec![variable.instead.to_owned()],
            replacement: None,
        });
    }

    fn code(&mut self, path: &Path, file: &str, text: &str) {
        let mut source = Source::new(file, text);
        let mut imports = Imports::default();
        let folder = self.package_of(path);
        for token in Tokens::of(text) {
            for variable in in_token(&token) {
                self.variable(source.place(&token.span), variable);
            }
            if let Some(import) = imports.next(&token)
                && (import.specifier.starts_with("perry/") || import.specifier.starts_with(PACKAGE))
            {
                self.import(&folder, &import, source.place(&import.span));
            }
            if self.report.findings.len() >= MOST_FINDINGS {
                return;
            }
        }
    }

    /// The folder of the `package.json` that a file belongs to: the nearest above it.
    fn package_of(&self, path: &Path) -> PathBuf {
        let known = path.ancestors().skip(1).find(|folder| self.uses.contains_key(*folder));
        known.unwrap_or(Path::new("")).to_owned()
    }

    fn import(&mut self, folder: &Path, import: &Import<'_>, place: Place) {
        let Some(used) = self.uses.get_mut(folder) else { return };
        if import.specifier == PACKAGE {
            used.ours.get_or_insert(place);
            return;
        }
        if let Some(inner) = import.specifier.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) {
            self.report.findings.push(Finding {
                code: Code::Subpath,
                message: format!(
                    "the compiler takes `{PACKAGE}/{inner}` for another library, which is not allowed"
                ),
                label: "a subpath".to_owned(),
                help: vec![format!("import from \"{PACKAGE}\": everything is there")],
                replacement: None,
                place: place.clone(),
            });
            used.ours.get_or_insert(place);
            return;
        }
        let Some(advice) = instead_of(import) else { return };
        let mended = import.specifier.strip_prefix("perry").map(|rest| format!(".{rest}"));
        if mended.is_some_and(|module| used.shim.contains(&module)) {
            let active = used.package.as_ref().is_some_and(|(_, _, package)| package.shim_active);
            // The shim hands on to our package, which has to be allowed as any other.
            used.ours.get_or_insert_with(|| place.clone());
            if !active {
                used.unused_shim.get_or_insert(place);
            }
            return;
        }
        used.dead.get_or_insert_with(|| place.clone());
        let does = match import.form {
            Form::SideEffect => "nothing of it is there to run",
            Form::Import | Form::Export | Form::Dynamic | Form::Require => {
                "every call of its functions evaluates to `undefined`, and nothing runs"
            }
        };
        self.report.findings.push(Finding {
            code: Code::DeadImport,
            place,
            message: format!("`{}` compiles and does nothing: {does}", import.specifier),
            label: "dead in the published compilers".to_owned(),
            help: advice.help,
            replacement: Some(advice.replacement),
        });
    }

    fn finish(mut self) -> Report {
        for used in self.uses.values() {
            self.report.findings.extend(facts(used));
        }
        let key = |finding: &Finding| (finding.place.file.clone(), finding.place.line, finding.place.column);
        self.report.findings.sort_by_key(key);
        self.report
    }
}

/// What is the matter with a package, given what its files do.
fn facts(used: &Use) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code, place: Place, message: &str, label: &str, help: &str| {
        found.push(Finding {
            code,
            place,
            message: message.to_owned(),
            label: label.to_owned(),
            help: vec![help.to_owned()],
            replacement: None,
        });
    };
    let wanted = used.ours.as_ref().or(used.dead.as_ref());
    let allow = format!("\"perry\": {{ \"allow\": {{ \"nativeLibrary\": [\"{PACKAGE}\"] }} }}");
    if let Some(place) = &used.unused_shim {
        say(
            Code::ShimNotActive,
            place.clone(),
            "the migration shim is installed as `perry`, but the compiler is not told to compile it, so this import does nothing",
            "dead until the shim is set up",
            "add \"perry\": { \"compilePackages\": [\"perry\"], \"allow\": { \"compilePackages\": [\"perry\"] } } to package.json",
        );
    }
    let Some((file, text, package)) = &used.package else {
        if let Some(place) = wanted {
            say(
                Code::DependencyMissing,
                place.clone(),
                &format!("there is no package.json that names `{PACKAGE}`"),
                "what works comes from there",
                &format!("run `npm init` and `npm install {PACKAGE}`, and add {allow} to package.json"),
            );
        }
        return found;
    };
    if package.is_ours {
        return found;
    }
    let mut source = Source::new(file, text);
    if let Some(place) = wanted.filter(|_| package.dependency.is_none()) {
        say(
            Code::DependencyMissing,
            place.clone(),
            &format!("{file} does not name `{PACKAGE}`"),
            "what works comes from there",
            &format!("run `npm install {PACKAGE}`"),
        );
    }
    let linked = used.ours.is_some() || package.dependency.is_some();
    let point = package.allow.clone().or_else(|| package.dependency.clone()).unwrap_or(0..1);
    if linked && !package.allowed {
        say(
            Code::NativeLibraryNotAllowed,
            source.place(&point),
            &format!(
                "the compiler will refuse `{PACKAGE}`: this package.json does not allow its native library"
            ),
            "the permission is missing",
            &format!("add {allow}"),
        );
    }
    if let Some(span) = package.lockdown.as_ref().filter(|_| linked || used.dead.is_some()) {
        say(
            Code::Lockdown,
            source.place(span),
            "lockdown forbids every native library, with no exception for one: a program under lockdown cannot run sandboxes itself",
            "lockdown",
            "take lockdown away for this program, or start the sandbox from another one that runs without it",
        );
    }
    found
}
