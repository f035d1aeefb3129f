use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_engine::Machine;
use perry_sandbox_policy::Protocol;
use perry_sandbox_runner::SandboxStatus;
use serde_json::{Value, json};

use super::args::{ListFormat, StoreArgs};
use super::look_args::{ImagesArgs, LsArgs, PortArgs, Through, VolumesArgs};
use super::site::{self, Site};
use super::table::table;
use super::there::There;
use crate::args::Cli;
use crate::config::request;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Lists the images of a project's sandboxes.
pub(crate) fn images(cli: &Cli, args: &ImagesArgs) -> Result<Exit, Failure> {
    let found = There::open(cli, &args.list.store)?.members(&args.services)?;
    if args.list.quiet {
        let digests: BTreeSet<String> = found.iter().map(|(_, info)| info.manifest.to_string()).collect();
        return output::lines(digests).map(|()| Exit::Done);
    }
    let rows = found.iter().map(|(member, info)| {
        [info.name.to_string(), member.service.clone(), info.image.clone(), info.manifest.to_string()]
    });
    print(args.list.format, ["NAME", "SERVICE", "IMAGE", "MANIFEST"], rows)
}

/// Lists the volumes of a project.
pub(crate) fn volumes(cli: &Cli, args: &VolumesArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.list.store)?;
    let look = there.site.backends_of(there.name())?;
    let secrets = site::no_secrets;
    let seen = site::seen(&there.site.machine(&look, &secrets)?, there.name())?;
    let meant = there.meant(&seen, &args.services)?;
    let wanted = meant.map(|services| volumes_of(&there, &services)).transpose()?;
    let mut keys: Vec<&String> = seen.volumes.iter().map(|one| &one.key).collect();
    keys.sort_unstable();
    keys.retain(|key| wanted.as_ref().is_none_or(|wanted| wanted.contains(*key)));
    let name = |key: &String| format!("{}_{key}", there.name());
    if args.list.quiet {
        return output::lines(keys.into_iter().map(name)).map(|()| Exit::Done);
    }
    let rows = keys.into_iter().map(|key| [name(key), key.clone(), there.name().to_owned()]);
    print(args.list.format, ["NAME", "VOLUME", "PROJECT"], rows)
}

/// The volumes that services see, as their files say.
fn volumes_of(there: &There, services: &BTreeSet<String>) -> Result<BTreeSet<String>, Failure> {
    let question = there.question.as_ref().ok_or_else(|| needs_files("which volumes a service sees"))?;
    let demands = services.iter().filter_map(|name| question.demands.services.get(name));
    Ok(demands.flat_map(|demand| &demand.project.volumes).map(|one| one.volume.to_string()).collect())
}

fn needs_files(what: &str) -> Failure {
    Failure::Usage(format!(
        "{what} is said by the project's files: name them by --file, or go to their folder"
    ))
}

/// Prints where on the host a service's port is.
pub(crate) fn port(cli: &Cli, args: &PortArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let members = there.members(std::slice::from_ref(&args.service))?;
    let mut replicas =
        members.iter().filter(|(member, _)| args.index.is_none_or(|index| index == member.replica));
    let Some((_, info)) = replicas.find(|(_, info)| info.status == SandboxStatus::Running) else {
        return Err(Failure::NotRunning { service: args.service.clone() });
    };
    let protocol = match args.protocol {
        Through::Tcp => Protocol::Tcp,
        Through::Udp => Protocol::Udp,
    };
    let meant = info.published.iter().filter(|one| one.port == args.port && one.protocol == protocol);
    let found: Vec<String> = meant.map(|one| one.on.to_string()).collect();
    if found.is_empty() {
        return Err(Failure::NoPort { service: args.service.clone(), port: args.port.get() });
    }
    match args.format {
        ListFormat::Table => output::lines(found)?,
        ListFormat::Json => {
            output::lines(found.iter().map(|on| {
                json!({ "service": args.service, "port": args.port, "published": on }).to_string()
            }))?;
        }
    }
    Ok(Exit::Done)
}

/// Lists all projects that have sandboxes.
pub(crate) fn ls(cli: &Cli, args: &LsArgs) -> Result<Exit, Failure> {
    let parts: Vec<&str> = args.filter.iter().map(|text| part(text)).collect::<Result<_, _>>()?;
    let site = site_without_project(cli, &args.list.store)?;
    let secrets = site::no_secrets;
    let machine = Machine::new(site.pipeline.sandboxes()?, Vec::new(), &secrets);
    let names = machine.projects().map_err(|source| Failure::Projects { source })?;
    let mut rows = Vec::new();
    for name in names.into_iter().filter(|name| parts.iter().all(|part| name.contains(part))) {
        let members = site::members(&site, &name)?;
        let states = states(members.iter().map(|(_, info)| info.status.to_string()));
        if args.all || states.contains_key("running") {
            let words: Vec<String> =
                states.iter().map(|(state, count)| format!("{state}({count})")).collect();
            // A name that is none of ours has no folder.
            let folder = site.projects.remembered(&name).ok().flatten().map(|one| one.folder);
            rows.push([name, words.join(", "), folder.unwrap_or_default()]);
        }
    }
    if args.list.quiet {
        return output::lines(rows.into_iter().map(|[name, ..]| output::printable(&name)))
            .map(|()| Exit::Done);
    }
    print(args.list.format, ["NAME", "STATUS", "FOLDER"], rows)
}

fn part(text: &str) -> Result<&str, Failure> {
    text.strip_prefix("name=")
        .ok_or_else(|| Failure::Usage(format!("--filter {text}: name=PART is expected")))
}

fn states(each: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for state in each {
        let count = counts.entry(state).or_default();
        *count = count.saturating_add(1);
    }
    counts
}

fn site_without_project(cli: &Cli, store: &StoreArgs) -> Result<Site, Failure> {
    let request = request(cli, perry_sandbox_compose::Options::default())?;
    Site::open(&request.environment.into_iter().collect(), store.data_dir.as_deref())
}

/// Rows as a table, or as JSON objects with the heads in small letters, one a line.
pub(super) fn print<const N: usize>(
    format: ListFormat,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<Exit, Failure> {
    match format {
        ListFormat::Table => output::text(&output::printable(&table(head, rows)))?,
        ListFormat::Json => {
            output::lines(rows.into_iter().map(|row| {
                let fields = head.iter().zip(row).map(|(head, cell)| (head.to_lowercase(), cell.into()));
                Value::Object(fields.collect()).to_string()
            }))?;
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_filtered_by_a_part_of_their_name_only() {
        assert_eq!(part("name=sho").unwrap(), "sho");
        assert!(matches!(part("status=running"), Err(Failure::Usage(_))));
    }

    #[test]
    fn states_are_counted() {
        let found = states(["running", "exited", "running"].into_iter().map(str::to_owned));
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("exited".to_owned(), 1), ("running".to_owned(), 2)]
        );
    }
}
