use std::sync::atomic::AtomicBool;
use std::thread;

use super::args::LogsArgs;
use super::stream::{Look, Stream};
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Prints what the sandboxes of a project have written.
pub(crate) fn logs(cli: &Cli, args: &LogsArgs) -> Result<Exit, Failure> {
    let tail = match args.tail.as_str() {
        "all" => None,
        number => Some(
            number
                .parse()
                .map_err(|_| Failure::Usage(format!("--tail {number}: a number or `all` is expected")))?,
        ),
    };
    let there = There::open(cli, &args.store)?;
    let sandboxes = there.site.pipeline.sandboxes()?;
    let found: Vec<_> = there
        .members(&args.services)?
        .into_iter()
        .filter(|(member, _)| args.index.is_none_or(|index| member.replica == index))
        .collect();
    let width = found.iter().map(|(_, info)| info.name.as_str().len()).max().unwrap_or_default();
    let look = Look {
        timestamps: args.timestamps,
        prefix: !args.no_log_prefix,
        colour: output::has_colour() && !args.no_color,
        since: args.since,
        until: args.until,
    };
    let mut open = Vec::new();
    for (number, (_, info)) in found.iter().enumerate() {
        let logs = sandboxes.logs(&info.id, tail, args.follow)?;
        open.push((Stream::new(info.name.as_str(), number, width, look), logs));
    }
    let enough = AtomicBool::new(false);
    if args.follow {
        thread::scope(|scope| {
            for (mut stream, mut logs) in open {
                let enough = &enough;
                scope.spawn(move || stream.print(&mut logs, enough));
            }
        });
    } else {
        for (mut stream, mut logs) in open {
            stream.print(&mut logs, &enough);
        }
    }
    Ok(Exit::Done)
}
