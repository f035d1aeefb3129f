//! The `perry-sandbox` command: the only code that prints or reads the environment.
//!
//! It holds no decision of its own. Each command turns flags into the words of the pipeline,
//! which takes them past the five desks (policy, image, verifier, policy again, runner), and prints what came of it.
#![forbid(unsafe_code)]

mod args;
mod audit;
mod commands;
mod environment;
mod exit;
mod files;
mod output;
mod progress;
mod project;
mod stop;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use exit::Exit;

fn main() -> ExitCode {
    // First of all: this very program is also the supervisor of detached sandboxes, when it is started as such.
    if let Some(exit) = perry_sandbox_runner::launcher_main() {
        return exit;
    }
    let cli = Cli::parse();
    output::set_color(cli.color);
    let as_json = cli.command.prints_json();
    let exit = dispatch(&cli).unwrap_or_else(|error| {
        let exit = stop::exit_of(&error);
        let message = stop::message(&error);
        if as_json {
            output::failure(exit.code(), &message);
        } else {
            output::error(&message);
        }
        exit
    });
    match output::lost() {
        Some(error) => {
            output::error(&format!("cannot write the output: {error}"));
            Exit::Failure.into()
        }
        None => exit.into(),
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<Exit> {
    if let Command::Completions(args) = &cli.command {
        return Ok(commands::completions(args));
    }
    if let Command::Man(args) = &cli.command {
        return commands::man(args);
    }
    if let Command::Doctor(args) = &cli.command
        && let Some(folder) = &args.project
    {
        return commands::doctor_project(folder, args.json);
    }
    if let Command::Audit(args) = &cli.command {
        return commands::audit(args);
    }
    let environment = environment::read(cli.data_dir.as_deref())?;
    match &cli.command {
        Command::Run(args) => commands::run(args, &environment),
        Command::Ps(args) => commands::ps(args, &environment),
        Command::Logs(args) => commands::logs(args, &environment),
        Command::Exec(args) => commands::exec(args, &environment),
        Command::Stop(args) => commands::stop(args, &environment),
        Command::Start(args) => commands::start(args, &environment),
        Command::Wait(args) => commands::wait(args, &environment),
        Command::Inspect(args) => commands::inspect(args, &environment),
        Command::Rm(args) => commands::remove(args, &environment),
        Command::Verify(args) => commands::verify(args, &environment),
        Command::Explain(args) => commands::explain(args, &environment),
        Command::Policy(args) => commands::policy(args, &environment),
        Command::Profile(args) => commands::profile(args, &environment),
        Command::Image(args) => commands::image(args, &environment),
        Command::Store(args) => commands::store(args, &environment),
        Command::Log(args) => commands::log(args, &environment),
        Command::Engine(args) => commands::engine(args, &environment),
        Command::Backends(args) => commands::backends(args, &environment),
        Command::Doctor(args) => commands::doctor(args, &environment),
        Command::Audit(_) | Command::Completions(_) | Command::Man(_) => Ok(Exit::Done),
    }
}
