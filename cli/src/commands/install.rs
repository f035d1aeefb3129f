//! `backends --install`: what installs a backend here, and its run, where somebody at a terminal says so.

use std::fmt;
use std::io::{self, BufRead, IsTerminal as _, Read as _};

use perry_sandbox_pipeline::{Backends, Environment, InstallCommand};

use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// The longest answer that is read.
const LONGEST: u64 = 1024;

/// Runs the command.
pub(super) fn install(name: &str, environment: &Environment) -> anyhow::Result<Exit> {
    if !Backends::names().any(|known| known == name) {
        let names = Backends::names().collect::<Vec<_>>().join(", ");
        return Err(Stop::usage(format!("there is no backend `{name}`: this version has {names}")));
    }
    let tools = &environment.tools;
    let found = Backends::survey(tools, Some(name));
    if found.facts().iter().any(|backend| backend.name.as_str() == name) {
        output::result(&format!("{name} is here already"));
        return Ok(Exit::Done);
    }
    let absent = found.absent().into_iter().find(|absent| absent.name == name);
    let Some(command) = InstallCommand::here(name, tools) else {
        let help = absent.and_then(|absent| absent.remedy).unwrap_or_default();
        let message = format!("no package of this system that brings `{name}` is known; {help}");
        return Err(Stop::with(Exit::NotAvailable, message));
    };
    output::note(&format!("this installs {name}: {command}"));
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !consents(&command, is_terminal, environment.no_install_prompt, &mut io::stdin().lock())? {
        output::note("nothing was installed");
        return Ok(Exit::Differs);
    }
    if !command.run(tools)? {
        return Err(Stop::with(Exit::Failure, format!("`{command}` did not do it")));
    }
    output::note("done: `perry-sandbox backends` shows what it enforces here");
    Ok(Exit::Done)
}

/// Asks. Nobody answers where there is no terminal, so there nothing is run.
fn consents(
    command: &dyn fmt::Display,
    is_terminal: bool,
    is_unwanted: bool,
    input: &mut dyn BufRead,
) -> anyhow::Result<bool> {
    let why = match (is_unwanted, is_terminal) {
        (true, _) => "PERRY_NO_INSTALL_PROMPT is set",
        (false, false) => "there is no terminal to ask on",
        (false, true) => {
            output::note("run it? [y/N]");
            let mut answer = String::new();
            input.take(LONGEST).read_line(&mut answer)?;
            return Ok(matches!(answer.trim(), "y" | "Y" | "yes"));
        }
    };
    Err(Stop::with(Exit::NotAvailable, format!("{why}, so nothing was run; run it yourself: {command}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(is_terminal: bool, is_unwanted: bool, answer: &[u8]) -> anyhow::Result<bool> {
        consents(&"apt-get install podman", is_terminal, is_unwanted, &mut &*answer)
    }

    #[test]
    fn only_a_clear_yes_on_a_terminal_is_one() {
        for answer in [&b"y\n"[..], b"yes\n", b" Y \n"] {
            assert!(asked(true, false, answer).unwrap());
        }
        for answer in [&b""[..], b"\n", b"n\n", b"yep\n", b"\x1by\n", b"no y\n", &[b'y'; 5000]] {
            assert!(!asked(true, false, answer).unwrap(), "{}", String::from_utf8_lossy(answer));
        }
        assert!(asked(true, false, b"\xff\n").is_err());
    }

    #[test]
    fn without_a_terminal_or_where_nobody_wants_to_be_asked_nothing_is_run() {
        let error = asked(false, false, b"y\n").unwrap_err().to_string();
        assert!(error.contains("no terminal") && error.contains("podman"), "{error}");
        let error = asked(true, true, b"y\n").unwrap_err().to_string();
        assert!(error.contains("PERRY_NO_INSTALL_PROMPT"), "{error}");
    }
}
