use perry_sandbox_engine::{Membership, Role};
use perry_sandbox_policy::Publication;
use perry_sandbox_runner::{End, SandboxInfo, SandboxStatus};
use serde_json::{Value, json};

use super::args::{ListFormat, PsArgs, Status};
use super::site;
use super::table::table;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Lists the sandboxes of a project.
pub(crate) fn ps(cli: &Cli, args: &PsArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let found = site::members(&there.site, there.name())?;
    there.check(&args.services, &found.iter().map(|(member, _)| member.service.as_str()).collect())?;
    let is_orphan = |member: &Membership| {
        there.whose.services.as_ref().is_some_and(|known| !known.contains(&member.service))
    };
    let found = found.into_iter().filter(|(member, _)| args.orphans || !is_orphan(member));
    let mut found: Vec<_> = found.filter(|(member, info)| is_wanted(args, member, info)).collect();
    found.sort_by_cached_key(|(member, info)| {
        (member.service.clone(), member.role == Role::OneOff, member.replica, info.name.to_string())
    });
    if args.quiet {
        output::lines(found.iter().map(|(_, info)| info.id.to_string()))?;
    } else if args.only_services {
        let mut names: Vec<&str> = found.iter().map(|(member, _)| member.service.as_str()).collect();
        names.dedup();
        output::lines(names)?;
    } else if args.format == ListFormat::Json {
        output::lines(found.iter().map(|(member, info)| as_json(member, info).to_string()))?;
    } else {
        let rows = found.iter().map(|(member, info)| {
            let ports = info.published.iter().map(port).collect::<Vec<_>>().join(", ");
            [info.name.to_string(), short(&info.image), member.service.clone(), state(info), ports]
        });
        output::text(&output::printable(&table(["NAME", "IMAGE", "SERVICE", "STATUS", "PORTS"], rows)))?;
    }
    Ok(Exit::Done)
}

fn is_wanted(args: &PsArgs, member: &Membership, info: &SandboxInfo) -> bool {
    let status = match info.status {
        SandboxStatus::Created => Status::Created,
        SandboxStatus::Running if info.paused => Status::Paused,
        SandboxStatus::Running => Status::Running,
        SandboxStatus::Exited => Status::Exited,
        SandboxStatus::Dead => Status::Dead,
    };
    let by_status = if args.status.is_empty() && args.filter.is_empty() {
        args.all || matches!(status, Status::Running | Status::Paused)
    } else {
        args.status.contains(&status) || args.filter.contains(&status)
    };
    by_status && (args.services.is_empty() || args.services.contains(&member.service))
}

/// The image as it fits into a line: JSON has all of its digest.
fn short(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, hex)) => format!("{name}@sha256:{}", hex.chars().take(12).collect::<String>()),
        None => image.to_owned(),
    }
}

/// Where it stands, in words.
fn state(info: &SandboxInfo) -> String {
    let mut words = if info.paused { "paused".to_owned() } else { info.status.to_string() };
    if let Some(health) = info.health {
        words = format!("{words} ({health})");
    }
    match info.finish.as_ref().and_then(|finish| finish.end) {
        Some(End::Exited(code)) => format!("{words} ({code})"),
        Some(End::Killed(signal)) => format!("{words} (signal {signal})"),
        None => words,
    }
}

/// A published port, in docker compose's form.
fn port(published: &Publication) -> String {
    format!("{}->{}/{}", published.on, published.port, published.protocol)
}

fn as_json(member: &Membership, info: &SandboxInfo) -> Value {
    json!({
        "id": info.id,
        "name": info.name,
        "project": member.project,
        "service": member.service,
        "replica": member.replica,
        "one-off": member.role == Role::OneOff,
        "image": info.image,
        "manifest": info.manifest,
        "plan": info.plan,
        "tier": info.tier,
        "status": info.status,
        "paused": info.paused,
        "health": info.health,
        "created": info.created,
        "started": info.started,
        "finished": info.finished,
        "end": info.finish.as_ref().and_then(|finish| finish.end),
        "restarts": info.restarts,
        "published": info.published,
    })
}
