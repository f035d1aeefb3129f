//! A report on standard output.

use perry_sandbox_audit::{Report, Verdict};

use crate::args::{AuditFormat, ReportArgs};
use crate::exit::Exit;
use crate::output;

/// Prints a report in the form that is asked for.
pub(super) fn show(report: &Report, args: &ReportArgs) -> anyhow::Result<()> {
    let verdict = report.verdict(args.fail_on.into(), args.allow_gaps);
    match args.form() {
        AuditFormat::Text => output::result(&report.to_text(output::stdout_has_color())),
        AuditFormat::Json => output::json(&report.to_json())?,
        AuditFormat::Sarif => output::json(&report.to_sarif(verdict))?,
        AuditFormat::Junit => output::result(&report.to_junit()),
        AuditFormat::Github => output::result(&report.to_github()),
        AuditFormat::Markdown => output::result(&report.to_markdown()),
    }
    Ok(())
}

/// The exit code; the form never changes it.
pub(super) const fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Clean => Exit::Done,
        Verdict::Found => Exit::Differs,
        Verdict::Ungraded => Exit::Usage,
        Verdict::NoInputs => Exit::NoInputs,
    }
}
