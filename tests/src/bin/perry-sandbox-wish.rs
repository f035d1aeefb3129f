//! Carries out one wish: the command line has no words for a service of a project, whose callers speak to the pipeline.
//!
//! `perry-sandbox-wish run|dry-run HOME`, with the wish as JSON on standard input. All of its own is below `HOME`.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

use perry_sandbox_pipeline::{Answer, Environment, Live, Pipeline, Silent, Streams, Wish};
use perry_sandbox_runner::{End, Input, Output};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    perry_sandbox_runner::helper_hook();
    match carry_out() {
        Ok(code) => code,
        Err(error) => {
            let _said = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(125)
        }
    }
}

fn carry_out() -> Result<ExitCode, Failure> {
    let mut words = std::env::args().skip(1);
    let (Some(verb), Some(home)) = (words.next(), words.next()) else {
        return Err("usage: VERB HOME".into());
    };
    let home = Path::new(&home);
    let wish: Wish = serde_json::from_reader(std::io::stdin())?;
    let mut environment = Environment::new(&|name| std::env::var_os(name), Some(&home.join("data")))?;
    environment.runtime_dir = home.join("runtime");
    let pipeline = Pipeline::open(environment)?;
    let asked = pipeline.ask(&wish, None)?;
    let Some(admitted) = pipeline.admit(&asked)? else {
        let Answer::Decided(decided) = &asked.answer else { return Err("it was not decided".into()) };
        writeln!(std::io::stderr(), "{:?}", decided.verdict)?;
        return Ok(ExitCode::from(120));
    };
    let rootfs = admitted.rootfs(&Silent)?;
    if verb == "dry-run" {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&admitted.dry_run(&rootfs)?)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let streams = Streams {
        stdin: Input::Null,
        stdout: Output::Descriptor(std::io::stdout().as_fd().try_clone_to_owned()?),
        stderr: Output::Descriptor(std::io::stderr().as_fd().try_clone_to_owned()?),
    };
    let outcome = admitted.launch(&rootfs, streams, &Live::default())?;
    match outcome.end {
        End::Exited(code) => Ok(ExitCode::from(u8::try_from(code)?)),
        other => Err(format!("{other:?}").into()),
    }
}
