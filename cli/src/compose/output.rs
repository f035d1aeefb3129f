//! The only code of this program that prints. A reader that has gone away ends the output, not the program.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use perry_sandbox_build::BuildsError;
use perry_sandbox_compose::{NoJsonForm, Problems, Sources, Warning};
use perry_sandbox_engine::{EngineError, StepError};
use perry_sandbox_pipeline::stock::StockError;
use perry_sandbox_pipeline::{EnvironmentError, PipelineError};
use perry_sandbox_runner::CopyError;
use perry_sandbox_stack::{Cycle, DesireError, UnderstandError};

use crate::args::{Ansi, VersionArgs, VersionFormat};
use crate::engine::is_interrupted;
use crate::exit::Exit;
use crate::screen;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Problems(#[from] Problems),
    #[error("{0}")]
    NoJson(#[from] NoJsonForm),
    #[error("no such service: `{0}`")]
    NoService(String),
    #[error("there is no sandbox of {services}: bring it up by `perry-compose up`")]
    NothingThere { services: String },
    #[error("no sandbox of {service} runs: start it by `perry-compose start`, or `perry-compose up`")]
    NotRunning { service: String },
    #[error("the terminal and standard streams cannot be used: {0}")]
    Terminal(String),
    #[error("`{what}` has ended and is not removed: {source}")]
    Left { what: String, source: StepError },
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("the lock has no digest of `{0}`: run `perry-compose lock`, which verifies it")]
    NotLocked(String),
    #[error("the project `{project}` has no volume `{volume}`: see `perry-compose volumes`")]
    NoVolume { project: String, volume: String },
    #[error("{by} may use the volume `{volume}`: end that first, by `perry-compose stop` or `down`")]
    VolumeInUse { volume: String, by: String },
    #[error(
        "the volume `{volume}` is removed, and is not there again: {source}; `perry-compose up` makes it"
    )]
    VolumeGone { volume: String, source: StepError },
    #[error("the volume `{volume}` stays as it is: {source}")]
    VolumeStays { volume: String, source: StepError },
    #[error("the service `{service}` publishes no port {port}: see its `ports`")]
    NoPort { service: String, port: u16 },
    #[error("the projects of this machine cannot be listed: {source}")]
    Projects { source: StepError },
    #[error("the current folder cannot be used: {0}")]
    Folder(String),
    #[error("cannot write `{path}`: {error}")]
    Write { path: String, error: io::Error },
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error(transparent)]
    Builds(#[from] BuildsError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("`{path}`: {error}")]
    Lock { path: String, error: String },
    #[error(transparent)]
    Cycle(#[from] Cycle),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Stock(#[from] StockError),
    #[error(transparent)]
    Desire(#[from] DesireError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Secret(String),
    #[error(
        "services that share networks or volumes would be on {one} and on {other}: let all of them have one backend, by `PERRY_CONTAINER_BACKEND` or the policy"
    )]
    Backends { one: String, other: String },
}

impl From<UnderstandError> for Failure {
    fn from(error: UnderstandError) -> Self {
        match error {
            UnderstandError::Problems(problems) => problems.into(),
            UnderstandError::Cycle(cycle) => cycle.into(),
            error => Self::Usage(error.to_string()),
        }
    }
}

impl Failure {
    /// The terminal cannot be used.
    pub(crate) fn terminal(error: &anyhow::Error) -> Self {
        Self::Terminal(format!("{error:#}"))
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Pipeline(error) | Self::Engine(EngineError::Pipeline(error)) => {
                Exit::of_class(error.class())
            }
            Self::Usage(_) => Exit::Usage,
            Self::Builds(error) if is_interrupted(error) => Exit::Interrupted,
            Self::Engine(EngineError::Fetch { source: StepError::Refused(_), .. }) => Exit::Refused,
            Self::Problems(_)
            | Self::NoJson(_)
            | Self::NoService(_)
            | Self::NothingThere { .. }
            | Self::NoPort { .. }
            | Self::NotLocked(_)
            | Self::Copy(_)
            | Self::NoVolume { .. }
            | Self::VolumeInUse { .. }
            | Self::VolumeGone { .. }
            | Self::VolumeStays { .. }
            | Self::Projects { .. }
            | Self::Left { .. }
            | Self::NotRunning { .. }
            | Self::Terminal(_)
            | Self::Folder(_)
            | Self::Write { .. }
            | Self::Output(_)
            | Self::Builds(_)
            | Self::Environment(_)
            | Self::Lock { .. }
            | Self::Engine(_)
            | Self::Secret(_)
            | Self::Stock(_)
            | Self::Desire(_)
            | Self::Backends { .. }
            | Self::Cycle(_) => Exit::Failure,
        }
    }
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
        note(&format!("warning: {place}{}", warning.message));
    }
}

/// Tells why a command failed.
pub(crate) fn error(failure: &Failure) {
    if let Failure::Problems(found) = failure {
        problems(found);
    } else {
        // What fails may be named by an image or by a program in a sandbox.
        note(&format!("error: {failure}"));
    }
}

/// Tells what is wrong with files, or refused in them.
pub(crate) fn problems(problems: &Problems) {
    complain(problems.render(errors_have_colour()).trim_end());
}

/// Tells something beside the result.
pub(crate) fn note(message: &str) {
    complain(&printable(message));
}

/// Whether colour is written beside the results.
pub(crate) fn errors_have_colour() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Whether colour is written to the results.
pub(crate) fn has_colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Passes on what a program writes, as it is; whether the reader is still there.
pub(crate) fn raw(is_error: bool, bytes: &[u8]) -> bool {
    if is_error {
        let mut out = io::stderr().lock();
        out.write_all(bytes).and_then(|()| out.flush()).is_ok()
    } else {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).is_ok()
    }
}

/// Prints a line of a program behind its name; whether the reader is still there. What a program says drives no terminal.
pub(crate) fn line(prefix: &[u8], text: &[u8]) -> bool {
    let mut out = io::stdout().lock();
    let text =
        if is_terminal() { printable(&String::from_utf8_lossy(text)).into_bytes() } else { text.to_vec() };
    let whole = [prefix, &text, b"\n"].concat();
    out.write_all(&whole).and_then(|()| out.flush()).is_ok()
}

/// Text that may quote an image, a registry or a policy, without what could drive the reader's terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

fn complain(message: &str) {
    // Nobody is left to tell if this fails.
    screen::above(|| drop(writeln!(anstream::stderr().lock(), "{message}")));
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
