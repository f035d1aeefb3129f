use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::sync::atomic::AtomicBool;

use perry_sandbox_pipeline::{Join, Reply};
use perry_sandbox_policy::Terminal;
use perry_sandbox_runner::{End, SandboxStatus};

use super::program_args::ExecArgs;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::terminal;

/// Lets a program join the sandbox of a service; its code is ours.
pub(crate) fn exec(cli: &Cli, args: &ExecArgs) -> Result<Exit, Failure> {
    if let Some(folder) = args.workdir.as_deref().filter(|folder| !folder.starts_with('/')) {
        return Err(Failure::Usage(format!(
            "--workdir {folder}: an absolute path inside the sandbox is expected"
        )));
    }
    if let Some(user) = &args.user {
        return Err(Failure::Usage(format!(
            "--user {user}: a program that joins is the service's user, whom the policy has let in; `perry-compose run --user` asks for another"
        )));
    }
    let there = There::open(cli, &args.store)?;
    let services = [args.service.clone()];
    let mut found = there.members(&services)?.into_iter().filter(|(member, info)| {
        info.status == SandboxStatus::Running && args.index.is_none_or(|index| member.replica == index)
    });
    let which = args.index.map_or_else(String::new, |index| format!(", replica {index}"));
    let not_there = || Failure::NotRunning { service: format!("`{}`{which}", args.service) };
    let (_, info) = found.next().ok_or_else(not_there)?;
    let failed = |error: anyhow::Error| Failure::terminal(&error);
    let is_screen = args.tty || (!args.no_tty && io::stdin().is_terminal() && io::stdout().is_terminal());
    let (attached, commands) =
        terminal::attach(Terminal::when(is_screen), Some(AtomicBool::new(false))).map_err(failed)?;
    let join = Join {
        command: args.command.clone(),
        env: variables(("--env", &args.env), &there.whose.variables)?,
        working_dir: args.workdir.clone(),
        wall: None,
        terminal: is_screen.then_some(attached.window),
    };
    let streams = terminal::streams(false).map_err(failed)?;
    let sandboxes = there.site.pipeline.sandboxes()?;
    let reply = sandboxes.exec(&info.id, &join, streams, Some(&commands));
    drop(attached);
    match reply? {
        Reply::Refused(asked) => {
            output::note(&format!("error: {}", perry_sandbox_engine::reasons(&asked.answer)));
            Ok(Exit::of_answer(&asked.answer))
        }
        Reply::Done(outcome) => {
            if let Some(limit) = outcome.limit {
                output::note(&format!("error: ended at its {limit} limit"));
            }
            Ok(Exit::Code(code(outcome.end)))
        }
    }
}

/// A program's end as a shell tells it.
pub(super) fn code(end: End) -> u8 {
    match end {
        End::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        End::Killed(signal) => 128_u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)),
    }
}

/// Variables of a command line, with our own values where it names none.
pub(super) fn variables(
    (flag, wanted): (&str, &[String]),
    own: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Failure> {
    let one = |text: &String| {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), own.get(text).cloned()),
        };
        let missing = || {
            Failure::Usage(format!("{flag} {name}: there is no such variable here; give it as {name}=VALUE"))
        };
        Ok((name.to_owned(), value.ok_or_else(missing)?))
    };
    wanted.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_without_a_value_has_ours() {
        let own = BTreeMap::from([("OURS".to_owned(), "1".to_owned())]);
        let given = ["OURS".to_owned(), "A=b=c".to_owned()];
        let found = variables(("--env", &given), &own).unwrap();
        assert_eq!((found.get("OURS").unwrap().as_str(), found.get("A").unwrap().as_str()), ("1", "b=c"));
        let missing = variables(("--env", &["NONE".to_owned()]), &own).unwrap_err();
        assert!(matches!(missing, Failure::Usage(_)), "{missing}");
    }

    #[test]
    fn an_end_is_a_code_as_in_a_shell() {
        assert_eq!((code(End::Exited(3)), code(End::Killed(9)), code(End::Exited(300))), (3, 137, 255));
    }
}
