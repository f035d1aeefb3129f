//! `audit`: what is dangerous in a text, without running or reading anything else.

use perry_sandbox_audit::{Ignores, Input, NoHost, Persona, Report, Request, Severity, Verdict, audit};
use serde_json::Value;

use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// A text or a command line to audit.
#[derive(Debug)]
pub(crate) struct Audit {
    input: Input,
    persona: Persona,
}

impl Audit {
    /// `{text, name?, auditor?}` or `{argv, auditor?}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let (text, name, argv) = (fields.any_text("text")?, fields.text("name")?, fields.texts("argv")?);
        let persona = if fields.flag("auditor")? { Persona::Auditor } else { Persona::Everyone };
        fields.finish()?;
        let input = match (text, name, argv) {
            (Some(text), name, None) => {
                let name = name.unwrap_or_else(|| "text".to_owned());
                Input::File { name, path: None, bytes: text.into_bytes() }
            }
            (None, None, Some(words)) => Input::Argv(words),
            (None, Some(_), Some(_)) => {
                return Err(fields.refuse("name", "is there beside `argv`, which has none"));
            }
            (Some(_), _, Some(_)) => {
                return Err(fields.refuse("argv", "is there beside `text`: give one of the two"));
            }
            (None, _, None) => return Err(Fault::bad_request("`args.text` or `args.argv` is missing")),
        };
        Ok(Self { input, persona })
    }

    /// Audits it. What cannot be read is a finding, and the verdict says so.
    pub(super) fn run(self) -> Result<String, Fault> {
        // A file that the text names is not read: it is a gap.
        let project = alone();
        let report = audit(&Request {
            inputs: &[self.input],
            host: &NoHost,
            project: &project,
            persona: self.persona,
            ignores: &Ignores::default(),
            denied: &[],
            today: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
        });
        json(&answer(&report))
    }
}

fn alone() -> perry_sandbox_compose::Request {
    perry_sandbox_compose::Request {
        current_folder: "/project".to_owned(),
        ..perry_sandbox_compose::Request::default()
    }
}

/// The report of the command's `--json`, with the verdict at the default threshold and the text for people.
fn answer(report: &Report) -> Value {
    let mut answer = report.to_json();
    let word = match report.verdict(Severity::High, false) {
        Verdict::Clean => "clean",
        Verdict::Found => "found",
        Verdict::Ungraded | Verdict::NoInputs => "ungraded",
    };
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("verdict".to_owned(), word.into());
        fields.insert("text".to_owned(), report.to_text(false).into());
    }
    answer
}
