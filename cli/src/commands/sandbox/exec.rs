//! `exec`: another program joins.

use std::sync::atomic::AtomicBool;

use perry_sandbox_pipeline::{Environment, Join, Pipeline, Reply};
use perry_sandbox_policy::Terminal;

use super::find::find;
use crate::args::{ExecArgs, variables};
use crate::commands::answer;
use crate::commands::run::{finish_exec, report_exec};
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;
use crate::terminal;

/// Runs a program inside a sandbox.
pub(crate) fn exec(args: &ExecArgs, environment: &Environment) -> anyhow::Result<Exit> {
    if let Some(dir) = args.workdir.as_deref().filter(|dir| !dir.starts_with('/')) {
        return Err(Stop::usage(format!("--workdir {dir}: expected an absolute path inside the sandbox")));
    }
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    let id = find(&sandboxes, &args.name)?;
    let (attached, commands) = terminal::attach(Terminal::when(args.tty), Some(AtomicBool::new(false)))?;
    let join = Join {
        command: args.command.clone(),
        env: variables(&args.env)?,
        working_dir: args.workdir.clone(),
        wall: args.timeout,
        terminal: args.tty.then_some(attached.window),
    };
    let reply = sandboxes.exec(&id, &join, terminal::streams(args.json)?, Some(&commands));
    drop(attached);
    match reply? {
        Reply::Refused(asked) => answer::refuse(&asked, args.json),
        Reply::Done(outcome) => {
            if args.json {
                output::json(&report_exec(&outcome))?;
            }
            Ok(finish_exec(&outcome, args.json))
        }
    }
}
