use std::time::{Duration, Instant};

use perry_sandbox_pipeline::LongRunning;
use perry_sandbox_policy::ByteSize;
use perry_sandbox_runner::{Load, SandboxInfo};
use serde_json::{Value, json};

use super::args::ListFormat;
use super::look_args::StatsArgs;
use super::pausing::running;
use super::signals::listen;
use super::table::table;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::screen;

/// How long the processor is watched for one figure.
const WATCHED: Duration = Duration::from_secs(1);

/// What a sandbox uses: the share of one processor, and the rest as it is.
struct Use {
    service: String,
    info: SandboxInfo,
    load: Load,
    share: f64,
}

/// Shows what services use, until it is interrupted or once.
pub(crate) fn stats(cli: &Cli, args: &StatsArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let sandboxes = there.site.pipeline.sandboxes()?;
    let once = args.no_stream || !output::is_terminal();
    let interrupt = listen()?;
    loop {
        let found = look(&there, &sandboxes, args)?;
        let lines: Vec<String> = match args.format {
            ListFormat::Json => found.iter().map(|one| as_json(one).to_string()).collect(),
            ListFormat::Table => as_table(&found).lines().map(output::printable).collect(),
        };
        if once || args.format == ListFormat::Json {
            output::lines(lines)?;
        } else {
            screen::draw(lines);
        }
        if once || interrupt.is_asked() {
            return Ok(Exit::Done);
        }
    }
}

/// Measures twice. One that has ended meanwhile is not there any more; one that cannot be measured is an error.
fn look(there: &There, sandboxes: &LongRunning<'_>, args: &StatsArgs) -> Result<Vec<Use>, Failure> {
    let mut found = Vec::new();
    for (member, info) in running(there, &args.services)? {
        found.push((member.service, sandboxes.load(&info.id)?, Instant::now(), info));
    }
    std::thread::sleep(WATCHED);
    let measured = found.into_iter().filter_map(|(service, before, at, info)| {
        let load = sandboxes.load(&info.id).ok()?;
        let spent = load.cpu.saturating_sub(before.cpu).as_secs_f64();
        Some(Use { service, info, load, share: 100.0 * spent / at.elapsed().as_secs_f64() })
    });
    Ok(measured.collect())
}

fn as_table(found: &[Use]) -> String {
    let rows = found.iter().map(|one| {
        let memory = ByteSize::from_bytes(one.load.memory).map_or_else(|| "0".to_owned(), readable);
        let (name, share) = (one.info.name.to_string(), format!("{:.1}%", one.share));
        [name, one.service.clone(), share, memory, one.load.processes.to_string()]
    });
    table(["NAME", "SERVICE", "CPU", "MEMORY", "PIDS"], rows)
}

/// To a tenth of what it is counted in.
fn readable(size: ByteSize) -> String {
    let bytes = size.bytes();
    let (unit, name) = match bytes {
        0..0x10_0000 => (0x400, "KiB"),
        0x10_0000..0x4000_0000 => (0x10_0000, "MiB"),
        _ => (0x4000_0000, "GiB"),
    };
    let tenths = bytes.saturating_mul(10).div_euclid(unit);
    format!("{}.{}{name}", tenths.div_euclid(10), tenths.rem_euclid(10))
}

fn as_json(one: &Use) -> Value {
    json!({
        "id": one.info.id,
        "name": one.info.name,
        "service": one.service,
        "cpu-percent": (one.share * 10.0).round() / 10.0,
        "cpu-seconds": one.load.cpu.as_secs_f64(),
        "memory-bytes": one.load.memory,
        "processes": one.load.processes,
        "paused": one.info.paused,
    })
}
