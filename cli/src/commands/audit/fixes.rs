//! Fixes: shown as a diff, or written.

use std::path::Path;

use perry_sandbox_audit::{Allowed, Changed, Report, apply};

use crate::args::AuditArgs;
use crate::stop::Stop;
use crate::{files, output};

/// Shows or writes the fixes of a report.
pub(super) fn fix(report: &Report, args: &AuditArgs) -> anyhow::Result<()> {
    let allowed = if args.unsafe_fixes { Allowed::All } else { Allowed::Safe };
    let changed = apply(report, allowed);
    for file in &changed {
        if args.write {
            write(file)?;
        } else {
            output::result(&file.diff);
        }
        for fix in &file.applied {
            let breaks = fix.breaks.map_or_else(String::new, |breaks| format!("; {breaks}"));
            output::note(&format!("{}: {}{breaks}", fix.finding, fix.title));
        }
        if file.left > 0 {
            output::note(&format!(
                "`{}`: {} fixes meet others and can be applied next: run it again",
                file.name, file.left
            ));
        }
    }
    if changed.is_empty() {
        output::note("there is nothing that can be fixed so; `--unsafe-fixes` has more");
    } else if !args.write {
        output::note("nothing is written: `--write` does it");
    }
    output::note(&report.summary_line());
    Ok(())
}

fn write(file: &Changed) -> anyhow::Result<()> {
    let Some(path) = &file.path else {
        output::result(&file.diff);
        output::note("a command line is yours to change");
        return Ok(());
    };
    let path = Path::new(path);
    let now = std::fs::read_to_string(path)?;
    if now.strip_prefix('\u{feff}').unwrap_or(&now) != file.before {
        return Err(Stop::usage(format!("`{}` has changed since it was read: run it again", file.name)));
    }
    files::replace(path, file.text.as_bytes())?;
    output::note(&format!("changed `{}`", file.name));
    Ok(())
}
