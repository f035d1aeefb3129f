//! The only code of this program that prints. A reader that has gone away ends the output, not the program.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use perry_sandbox_compose::{NoJsonForm, Problems, Sources, Warning};

use crate::args::{Ansi, VersionArgs, VersionFormat};

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Problems(#[from] Problems),
    #[error("{0}")]
    NoJson(#[from] NoJsonForm),
    #[error("no such service: `{0}`")]
    NoService(String),
    #[error("the current folder cannot be used: {0}")]
    Folder(String),
    #[error("cannot write `{path}`: {error}")]
    Write { path: String, error: io::Error },
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

/// Settles for the whole process whether colour is written.
pub(crate) fn set_color(choice: Ansi) {
    match choice {
        Ansi::Auto => {}
        Ansi::Always => anstream::ColorChoice::Always.write_global(),
        Ansi::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Whether a person reads the results.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints a result as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Prints a result as it is.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Prints one line for each.
pub(crate) fn lines<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Result<(), Failure> {
    let mut all = String::new();
    for line in lines {
        all.push_str(line.as_ref());
        all.push('\n');
    }
    text(&all)
}

/// Tells what its author should know.
pub(crate) fn warnings(warnings: &[Warning], sources: &Sources) {
    for warning in warnings {
        let place = warning.span.and_then(|span| sources.place(span));
        let place = place.map_or_else(String::new, |place| format!("{place}: "));
        complain(&format!("warning: {place}{}", warning.message));
    }
}

/// Tells why a command failed.
pub(crate) fn error(failure: &Failure) {
    if let Failure::Problems(problems) = failure {
        let colour = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        complain(problems.render(colour).trim_end());
    } else {
        complain(&format!("error: {failure}"));
    }
}

fn complain(message: &str) {
    // Nobody is left to tell if this fails.
    drop(writeln!(anstream::stderr().lock(), "{message}"));
}

/// Prints the version.
pub(crate) fn version(args: &VersionArgs) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match args.format {
        _ if args.short => lines([version]),
        VersionFormat::Pretty => lines([format!("perry-compose {version}")]),
        VersionFormat::Json => lines([serde_json::json!({ "version": version }).to_string()]),
    }
}
