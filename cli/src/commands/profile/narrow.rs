//! `profile narrow`: never silently.

use super::{diff, read};
use crate::args::NarrowArgs;
use crate::exit::Exit;
use crate::files;
use crate::output;
use crate::stop::Stop;

/// Runs the command.
pub(super) fn narrow(args: &NarrowArgs) -> anyhow::Result<Exit> {
    let before = read::file(&args.file)?;
    let recorded = read::profile(&args.recorded)?;
    let after = before.narrowed_to(&recorded).map_err(Stop::usage)?;
    let lost = before.beyond(&after);
    if lost.is_empty() {
        output::note(&format!("{} has nothing that {} never saw", before.name(), recorded.name()));
        return Ok(Exit::Done);
    }
    let lines: Vec<String> = lost.iter().flat_map(|one| diff::rows('-', one)).collect();
    output::result(&lines.join("\n"));
    if !args.write {
        output::note("nothing was written: --write does");
        return Ok(Exit::Differs);
    }
    files::replace(&args.file, after.to_toml().as_bytes())?;
    output::note(&format!("wrote {}; comments are not kept, reasons are", args.file.display()));
    Ok(Exit::Done)
}
