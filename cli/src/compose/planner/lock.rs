use std::io::Write as _;
use std::path::Path;

use perry_sandbox_stack::Lock;

use super::args::LockArgs;
use super::question::{Question, exit_of};
use super::report::verdicts;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Verifies every image, and writes down what its name stands for. An image that is not verified leaves the lock as it was.
pub(crate) fn lock(cli: &Cli, args: &LockArgs) -> Result<Exit, Failure> {
    let question = Question::read(cli, &[])?;
    let pipeline = question.pipeline(&args.desks)?;
    let judged = question.judged(&pipeline, &args.desks, None)?;
    let names = question.images();
    let verified = judged.iter().filter(|one| one.signed.is_some()).count();
    if verified < question.demands.services.len() {
        if let Some(problems) = question.demands.problems(&question.stack) {
            output::problems(&problems);
        }
        output::note(&verdicts(&question.demands, &judged));
        output::note("error: not every image is verified, so nothing was written");
        return Ok(exit_of(&question.demands, &judged));
    }
    let lock = Lock::of(&names, &judged);
    let path = question.lock_path();
    write(&path, &lock.to_text())?;
    let count = lock.images.len();
    output::lines([format!("{}: {count} image{}", path.display(), if count == 1 { "" } else { "s" })])?;
    Ok(Exit::Done)
}

/// All of it or nothing: a reader never sees half a lock.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let new = path.with_extension("lock.new");
    let written = std::fs::File::create(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    });
    written.map_err(|error| Failure::Write { path: path.display().to_string(), error })
}
