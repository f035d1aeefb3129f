use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use super::listing::print;
use super::look_args::TopArgs;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::Failure;

/// A command line is shown so far.
const LONGEST: u64 = 4096;

/// Lists the processes of services, as the host sees them.
pub(crate) fn top(cli: &Cli, args: &TopArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let found = there.members(&args.services)?;
    let parents = parents();
    let mut rows = Vec::new();
    for (member, info) in found {
        let Some(supervisor) = info.supervisor else { continue };
        for pid in below(supervisor, &parents) {
            // One that has ended meanwhile has no user and no command any more.
            let Some((user, command)) = user_of(pid).zip(command_of(pid)) else { continue };
            let name = info.name.to_string();
            rows.push([name, member.service.clone(), user.to_string(), pid.to_string(), command]);
        }
    }
    print(args.format, ["NAME", "SERVICE", "UID", "PID", "COMMAND"], rows)
}

/// The parent of each process.
fn parents() -> BTreeMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, parent(&read(pid, "stat")?)?))).collect()
}

/// The parent that a process's `stat` names. Its program's name may hold anything, and ends at the last parenthesis.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// All processes that descend from this one, without itself.
fn below(top: u32, parents: &BTreeMap<u32, u32>) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([top]);
    loop {
        let more: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(*parent) && !found.contains(*pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            found.remove(&top);
            return found;
        }
        found.extend(more);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_cannot_pass_for_its_parent() {
        assert_eq!(parent("7 (a) S 1 (b) R 42 7 7 0"), Some(42));
        assert_eq!(parent("7 (sleep) S 5 7"), Some(5));
        assert_eq!(parent("7"), None);
    }

    #[test]
    fn descendants_are_found_however_deep_and_nobody_else() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (9, 3), (4, 1), (5, 4)]);
        assert_eq!(below(2, &parents), BTreeSet::from([3, 9]));
        assert_eq!(below(7, &parents), BTreeSet::new());
    }
}
