//! The `perry-compose` command: docker compose's words, for projects whose containers are sandboxes.
//!
//! It reads the command line, the environment and files, and prints; what a project is, is said by the crate `compose`.
#![forbid(unsafe_code)]

mod args;
#[path = "../audit/mod.rs"]
mod audit;
mod check;
mod config;
mod diff;
mod engine;
mod exit;
mod list;
mod origin;
mod output;
mod pinned;
mod planner;
mod redact;
mod screen;
#[path = "../terminal.rs"]
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use exit::Exit;

fn main() -> ExitCode {
    // First of all: this very program is also the supervisor of sandboxes, when it is started as such.
    if let Some(exit) = perry_sandbox_runner::launcher_main() {
        return exit;
    }
    let cli = Cli::parse();
    output::set_color(cli.ansi);
    let outcome = match &cli.command {
        Command::Config(args) => config::run(&cli, args).map(|()| Exit::Done),
        Command::Check(args) => check::check(&cli, args),
        Command::Plan(args) => planner::plan(&cli, args),
        Command::Graph(args) => planner::graph(&cli, args).map(|()| Exit::Done),
        Command::Explain(args) => planner::explain(&cli, args),
        Command::Lock(args) => planner::lock(&cli, args),
        Command::Up(args) if args.no_start => engine::create_as(&cli, args),
        Command::Up(args) => engine::up(&cli, args),
        Command::Down(args) => engine::down(&cli, args),
        Command::Stop(args) => engine::stop(&cli, args),
        Command::Start(args) => engine::start(&cli, args),
        Command::Restart(args) => engine::restart(&cli, args),
        Command::Kill(args) => engine::kill(&cli, args),
        Command::Pause(args) => engine::pause(&cli, args),
        Command::Unpause(args) => engine::unpause(&cli, args),
        Command::Rm(args) => engine::rm(&cli, args),
        Command::Wait(args) => engine::wait(&cli, args),
        Command::Exec(args) => engine::exec(&cli, args),
        Command::Run(args) => engine::run(&cli, args),
        Command::Create(args) => engine::create(&cli, args),
        Command::Scale(args) => engine::scale(&cli, args),
        Command::Build(args) => engine::build(&cli, args),
        Command::Pull(args) => engine::pull(&cli, args),
        Command::Recover(args) => engine::recover(&cli, args),
        Command::Cp(args) => engine::cp(&cli, args),
        Command::Ps(args) => engine::ps(&cli, args),
        Command::Logs(args) => engine::logs(&cli, args),
        Command::Images(args) => engine::images(&cli, args),
        Command::Volumes(args) => engine::volumes(&cli, args),
        Command::Volume(args) => engine::volume(&cli, args),
        Command::Port(args) => engine::port(&cli, args),
        Command::Stats(args) => engine::stats(&cli, args),
        Command::Top(args) => engine::top(&cli, args),
        Command::Events(args) => engine::events(&cli, args),
        Command::Ls(args) => engine::ls(&cli, args),
        Command::Version(args) => output::version(args).map(|()| Exit::Done),
        Command::Completions(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut Cli::command(), "perry-compose", &mut script);
            output::bytes(&script).map(|()| Exit::Done)
        }
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::error(&error);
            error.exit().into()
        }
    }
}
