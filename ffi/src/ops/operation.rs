//! What an operation is once its arguments are read: how it may be called, and who carries it out.

use super::audit::Audit;
use super::backends::{self, Select};
use super::build::Build;
use super::compose::{Config, Up as RaiseStack};
use super::explain::Explain;
use super::graph::{Described, Named as NamedGraph, Raise};
use super::images::{self, Pull, Remove};
use super::logs::{OpenLogs, ReadLogs};
use super::policy::CheckPolicy;
use super::project::OnProject;
use super::run::Run;
use super::sandboxes::{Exec, List, Make, OnOne};
use super::stream::{Next, Open, Write};
use super::table::READERS;
use super::verify::Verify;
use crate::calls::{Call, Responder};
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// How a call waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// On its own thread.
    Sync,
    /// By a callback.
    Async,
}

/// An operation whose arguments are sound.
#[derive(Debug)]
pub(crate) enum Operation {
    /// Waits for nothing.
    AtOnce(AtOnce),
    /// May wait for long, and needs no thread meanwhile.
    Wait(Wait),
    /// Takes a thread for as long as its stream is open, and answers before.
    Open(Opening),
    /// Takes a thread until it answers.
    Work(Work),
}

/// What is answered at once.
#[derive(Debug)]
pub(crate) enum AtOnce {
    Version,
    Close,
    CancelCall(String),
    CancelStream(String),
    BackendPriority,
}

/// What is answered when something happens.
#[derive(Debug)]
pub(crate) enum Wait {
    Next(Next),
    Write(Write),
}

/// What opens a stream.
#[derive(Debug)]
pub(crate) enum Opening {
    Run(Box<Open>),
    Logs(OpenLogs),
}

impl Opening {
    /// The threads that it takes.
    pub(crate) fn lane(&self) -> Lanes {
        match self {
            Self::Run(_) => Lanes::Runs,
            Self::Logs(_) => Lanes::Waits,
        }
    }

    /// Answers when the stream is open, and stays until it is not.
    pub(crate) fn run(self, engine: &Engine, call: &Call, responder: Responder) {
        match self {
            Self::Run(open) => open.run(engine, call, responder),
            Self::Logs(open) => open.run(engine, call, responder),
        }
    }
}

/// What has to be worked for.
#[derive(Debug)]
pub(crate) enum Work {
    Run(Box<Run>),
    Explain(Box<Explain>),
    CheckPolicy(Box<CheckPolicy>),
    Audit(Box<Audit>),
    Verify(Box<Verify>),
    PullImage(Box<Pull>),
    ListImages,
    RemoveImage(Box<Remove>),
    CurrentBackend,
    AvailableBackends,
    DetectBackend,
    PinBackend(Vec<String>),
    SelectBackend(Box<Select>),
    MakeSandbox(Box<Make>),
    OnSandbox(OnOne),
    ListSandboxes(List),
    Exec(Box<Exec>),
    ReadLogs(ReadLogs),
    BuildStack(Box<Build>),
    RaiseStack(Box<RaiseStack>),
    ReadStack(Box<Config>),
    RaiseGraph(Box<Raise>),
    CheckGraph(Box<Described>),
    OnGraph(NamedGraph),
    OnProject(OnProject),
}

/// Which threads an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lanes {
    /// Those of runs, as long as the sandbox runs.
    Runs,
    /// Those of operations that end by themselves.
    Short,
    /// Those of operations that wait for something elsewhere.
    Waits,
}

impl Operation {
    /// Reads the arguments of `op`.
    pub(crate) fn read(op: &str, fields: Fields, mode: Mode) -> Result<Self, Fault> {
        let Some((_, read)) = READERS.iter().find(|(name, _)| *name == op) else {
            let shown: String = op.chars().take(64).collect();
            return Err(Fault::bad_request(format!("there is no operation `{}`", shown.escape_debug())));
        };
        let operation = read(fields)?;
        match (operation.only(), mode) {
            (Some(Mode::Sync), Mode::Async) => {
                Err(Fault::bad_request(format!("`{op}` answers at once: call it synchronously")))
            }
            (Some(Mode::Async), Mode::Sync) => {
                Err(Fault::bad_request(format!("`{op}` may wait for long: call it asynchronously")))
            }
            _ => Ok(operation),
        }
    }

    /// The one way in which it may be called, if there is but one.
    fn only(&self) -> Option<Mode> {
        match self {
            Self::AtOnce(AtOnce::Close | AtOnce::CancelCall(_) | AtOnce::CancelStream(_)) => Some(Mode::Sync),
            Self::AtOnce(AtOnce::Version | AtOnce::BackendPriority) => None,
            Self::Wait(_) | Self::Open(_) => Some(Mode::Async),
            Self::Work(work) => work.only(),
        }
    }
}

impl AtOnce {
    /// Answers.
    pub(crate) fn run(self, engine: &Engine) -> Result<String, Fault> {
        match self {
            Self::Version => {
                json(&serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "protocol": 1 }))
            }
            Self::Close => engine.close().map(|()| "{}".to_owned()),
            Self::CancelCall(id) => cancelled(engine.calls.cancel(&id)),
            Self::CancelStream(id) => cancelled(engine.streams.cancel(&id)),
            Self::BackendPriority => backends::priority(),
        }
    }
}

impl Wait {
    /// Hands it to those who will answer.
    pub(crate) fn run(self, engine: &Engine, responder: Responder) {
        match self {
            Self::Next(next) => next.run(engine, responder),
            Self::Write(write) => write.run(engine, responder),
        }
    }
}

impl Work {
    fn only(&self) -> Option<Mode> {
        match self {
            Self::PullImage(_)
            | Self::ListImages
            | Self::RemoveImage(_)
            | Self::DetectBackend
            | Self::AvailableBackends
            | Self::MakeSandbox(_)
            | Self::OnSandbox(_)
            | Self::ListSandboxes(_)
            | Self::Exec(_)
            | Self::ReadLogs(_)
            | Self::RaiseGraph(_)
            | Self::BuildStack(_)
            | Self::RaiseStack(_)
            | Self::OnGraph(_)
            | Self::OnProject(_) => Some(Mode::Async),
            Self::Run(_)
            | Self::Explain(_)
            | Self::CheckPolicy(_)
            | Self::CheckGraph(_)
            | Self::ReadStack(_)
            | Self::Audit(_)
            | Self::Verify(_)
            | Self::CurrentBackend
            | Self::PinBackend(_)
            | Self::SelectBackend(_) => None,
        }
    }

    /// The threads that it takes.
    pub(crate) fn lane(&self) -> Lanes {
        match self {
            Self::Run(_) | Self::Exec(_) => Lanes::Runs,
            Self::MakeSandbox(_)
            | Self::OnSandbox(_)
            | Self::RaiseGraph(_)
            | Self::BuildStack(_)
            | Self::RaiseStack(_) => Lanes::Waits,
            Self::OnGraph(one) if one.is_long() => Lanes::Waits,
            Self::OnProject(one) if one.is_long() => Lanes::Waits,
            Self::Explain(_)
            | Self::CheckPolicy(_)
            | Self::CheckGraph(_)
            | Self::ReadStack(_)
            | Self::OnGraph(_)
            | Self::OnProject(_)
            | Self::Audit(_)
            | Self::Verify(_)
            | Self::PullImage(_)
            | Self::ListImages
            | Self::RemoveImage(_)
            | Self::CurrentBackend
            | Self::AvailableBackends
            | Self::DetectBackend
            | Self::PinBackend(_)
            | Self::SelectBackend(_)
            | Self::ListSandboxes(_)
            | Self::ReadLogs(_) => Lanes::Short,
        }
    }

    /// Whether its caller may be answered before it ends: it leaves nothing that a caller would have to know of.
    pub(crate) fn may_be_left(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::PullImage(_))
    }

    /// Carries it out.
    pub(crate) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        match self {
            Self::Run(run) => run.run(engine, call),
            Self::Explain(explain) => explain.run(engine),
            Self::Verify(verify) => verify.run(engine, call),
            Self::CheckPolicy(check) => check.run(engine),
            Self::Audit(audit) => audit.run(),
            Self::PullImage(pull) => pull.run(engine, call),
            Self::ListImages => images::list(engine),
            Self::RemoveImage(remove) => remove.run(engine),
            Self::CurrentBackend => backends::current(engine),
            Self::AvailableBackends => backends::available(engine),
            Self::DetectBackend => backends::detect(engine),
            Self::PinBackend(names) => backends::pin(engine, &names),
            Self::SelectBackend(select) => select.run(engine),
            Self::MakeSandbox(make) => make.run(engine, call),
            Self::OnSandbox(one) => one.run(engine, call),
            Self::ListSandboxes(list) => list.run(engine),
            Self::Exec(exec) => exec.run(engine, call),
            Self::ReadLogs(logs) => logs.run(engine, call),
            Self::BuildStack(build) => build.run(engine, call),
            Self::RaiseStack(raise) => raise.run(engine, call),
            Self::ReadStack(config) => config.run(),
            Self::RaiseGraph(raise) => raise.run(engine, call),
            Self::CheckGraph(described) => described.run(engine),
            Self::OnGraph(one) => one.run(engine, call),
            Self::OnProject(one) => one.run(engine, call),
        }
    }
}

fn cancelled(was_running: bool) -> Result<String, Fault> {
    json(&serde_json::json!({ "cancelled": was_running }))
}
