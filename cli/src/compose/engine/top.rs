use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use perry_sandbox_pipeline::PipelineError;
use perry_sandbox_runner::LifecycleError;

use super::listing::print;
use super::look_args::TopArgs;
use super::pausing::running;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::Failure;

/// A command line is shown so far.
const LONGEST: u64 = 4096;

/// Lists the processes of services, as the host sees them.
pub(crate) fn top(cli: &Cli, args: &TopArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let sandboxes = there.site.pipeline.sandboxes()?;
    let mut rows = Vec::new();
    for (member, info) in running(&there, &args.services)? {
        let processes = match sandboxes.processes(&info.id) {
            // It has ended meanwhile, or is about to begin again.
            Err(PipelineError::Sandbox(
                LifecycleError::NotRunning { .. } | LifecycleError::NotReached { .. },
            )) => continue,
            found => found?,
        };
        for pid in processes {
            // One that has ended meanwhile has no user and no command any more.
            let Some((user, command)) = user_of(pid).zip(command_of(pid)) else { continue };
            let name = info.name.to_string();
            rows.push([name, member.service.clone(), user.to_string(), pid.to_string(), command]);
        }
    }
    print(args.format, ["NAME", "SERVICE", "UID", "PID", "COMMAND"], rows)
}

fn user_of(pid: u32) -> Option<u32> {
    std::fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}

fn command_of(pid: u32) -> Option<String> {
    let command = read(pid, "cmdline")?;
    Some(command.split('\0').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}

fn read(pid: u32, what: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/{what}")).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
