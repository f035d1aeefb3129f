//! The limits of each process, and what it loses before it becomes the program.

use super::super::ids::Ids;
use super::super::settings::Settings;
use super::super::steps::Step;
use super::super::text::Text;
use super::{Ground, SpecError, Steps, text};

/// Limits of each process. With a cgroup the kernel counts the whole sandbox as well.
pub(super) fn limits(settings: &Settings, ground: &Ground) -> Vec<Step> {
    let bounds = &settings.limits;
    let cpu_seconds = bounds.wall.as_secs().saturating_mul(u64::from(bounds.milli_cpu)).div_ceil(1000);
    // Where a cgroup counts, it refuses first: it also counts what it refuses.
    let processes = u64::from(bounds.pids).saturating_add(u64::from(ground.cgroup.is_some()));
    let wanted = [
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MEMLOCK, 65_536),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_SIGPENDING, 1024),
        (libc::RLIMIT_FSIZE, bounds.disk),
        (libc::RLIMIT_DATA, bounds.memory),
        (libc::RLIMIT_NPROC, processes),
        (libc::RLIMIT_CPU, cpu_seconds.max(1)),
    ];
    wanted.into_iter().map(|(resource, value)| limit(ground, resource, value)).collect()
}

/// Nobody can go above the caller's own hard limit, and root here may not either.
fn limit(ground: &Ground, resource: u32, wanted: u64) -> Step {
    let own = ground.hard_limits.iter().find(|(of, _)| *of == resource).map(|(_, value)| *value);
    let value = own.map_or(wanted, |own| own.min(wanted));
    // At the soft limit of processor time the kernel says why it ends a process, at the hard one it only kills.
    let last = if resource == libc::RLIMIT_CPU { value.saturating_add(1) } else { value };
    Step::Limit { resource, soft: value, hard: own.map_or(last, |own| own.min(last)) }
}

/// The last things: each step takes something away, and the filter comes when nothing else is left to do.
pub(super) fn privileges(settings: &Settings, ground: &Ground, wall: Option<Step>) -> Steps {
    let drop_groups = matches!(ground.ids, Ids::Range);
    let streams = if settings.terminal { Step::Terminal } else { Step::Streams };
    let mut steps = vec![
        Step::DropBounding { keep: settings.linux_caps },
        Step::LockSecureBits,
        Step::Become { uid: settings.uid, gid: settings.gid, drop_groups },
    ];
    if !settings.system.groups.is_empty() {
        let groups = settings.system.groups.iter().map(|group| group.number()).collect();
        steps.push(Step::Groups { groups });
    }
    steps.extend([
        Step::Caps { keep: settings.linux_caps },
        Step::DieWithParent,
        streams,
        Step::WorkingFolder { path: text(&settings.cwd)? },
        Step::Umask { mask: 0o022 },
        Step::CheckProgram { candidates: candidates(settings)? },
        Step::NoNewPrivileges,
    ]);
    steps.extend(wall);
    steps.extend([
        // Late: until exec the child still has every descriptor of a program that may have many, and opens others.
        limit(ground, libc::RLIMIT_NOFILE, u64::from(settings.limits.open_files)),
        Step::CloseOnExec,
        Step::Filter { program: settings.filter.clone() },
        Step::Execute { candidates: candidates(settings)? },
    ]);
    Ok(steps)
}

/// Where programs are looked for when the environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn candidates(settings: &Settings) -> Result<Vec<Text>, SpecError> {
    let program = settings.argv.first().filter(|name| !name.is_empty()).ok_or(SpecError::NoProgram)?;
    let path = settings.env.get("PATH").map(String::as_str);
    candidates_of(program, path).into_iter().map(text).collect()
}

/// Where a program is looked for.
pub(crate) fn candidates_of(program: &str, path: Option<&str>) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    // Only absolute entries: an empty or relative one would search the working folder.
    let folders = path.unwrap_or(DEFAULT_PATH).split(':').filter(|folder| folder.starts_with('/')).take(64);
    folders.map(|folder| format!("{}/{program}", folder.trim_end_matches('/'))).collect()
}
