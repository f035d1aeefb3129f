use std::collections::BTreeSet;
use std::fmt::Write as _;

use perry_sandbox_policy::{ByteSize, EgressPattern, FileSource, Policy, ServicePattern};

use super::image::{Images, build_grant};
use super::lines::{commented, free_name, list, quoted};
use crate::demand::{Demand, Demands};
use crate::judge::Judged;

/// Limits of a service that says none. Time is what a service has: a year is as good as none, and not none.
const MEMORY: &str = "512MiB";
const CPU: &str = "1";
const PIDS: &str = "256";
const OPEN_FILES: &str = "1024";
const OTHERS: &str = "wall = \"365d\", output = \"256MiB\"";
/// What `/tmp` has, in MiB, beside the memory that a service names a size of.
const DISK: u64 = 256;

/// What to add to the policy, so that each service that it denies gets what it asks for and nothing else; nothing, if the
/// policy denies none.
///
/// What is refused whatever a policy says is not in it, and neither is what only this machine cannot do.
pub fn suggest(policy: Option<&Policy>, demands: &Demands, judged: &[Judged]) -> Option<String> {
    let denied = judged.iter().filter(|one| one.judgement.is_of_the_policy());
    let denied: Vec<_> = denied.filter_map(|one| Some((one, demands.services.get(&one.service)?))).collect();
    if denied.is_empty() {
        return None;
    }
    let mut images = Images::of(policy);
    let mut tiers: BTreeSet<String> = BTreeSet::new();
    let mut services = String::new();
    for (one, demand) in denied {
        let rule = match &demand.build {
            Some(_) if demand.image.is_none() => images.built(demand),
            Some(_) | None => images.rule(&one.image),
        };
        let taken = |name: &str| {
            let mut known = policy.into_iter().flat_map(Policy::tiers);
            known.any(|(tier, _)| tier.as_str() == name) || tiers.contains(name)
        };
        let Some(name) = &demand.service else { continue };
        let tier = free_name(&format!("{}-{}", name.project(), name.name()), taken);
        tiers.insert(tier.clone());
        let build = build_grant(demand);
        services.push_str(&entry(policy, demand, &tier, (rule.as_deref(), build)));
    }
    let head =
        if policy.is_some() { String::new() } else { "schema = \"perry-sandbox/policy/v1\"\n\n".to_owned() };
    Some(format!("{head}{}{services}", images.text()).trim_end().to_owned() + "\n")
}

fn entry(
    policy: Option<&Policy>,
    demand: &Demand,
    tier: &str,
    (rule, build): (Option<&str>, Option<String>),
) -> String {
    let Some(name) = &demand.service else { return String::new() };
    let mut text = tier_text(demand, tier);
    let name = name.to_string();
    let _ = writeln!(text, "[service.{}]\ntier = {}", quoted(&name), quoted(tier));
    let _ = match rule {
        Some(rule) => writeln!(text, "image = {}", list([rule])),
        None => writeln!(text, "# Missing: which image rule this is\n# image = [\"NAME\"]"),
    };
    let project = &demand.project;
    let mut grants = Vec::new();
    let mut add = |key: &str, items: Vec<String>| {
        if !items.is_empty() {
            grants.push(format!("{key} = {}", list(items)));
        }
    };
    add("networks", project.networks.iter().map(|one| one.network.to_string()).collect());
    add("publish", project.publish.iter().map(|one| one.on.to_string()).collect());
    add("volumes", project.volumes.iter().map(|one| one.volume.to_string()).collect());
    if !grants.is_empty() {
        let _ = writeln!(text, "grants = {{ {} }}", grants.join(", "));
    }
    text.extend(build);
    text.push('\n');
    let Ok(pattern) = name.parse::<ServicePattern>() else {
        return format!(
            "# The name `{name}` cannot be written in a policy: give the service one of a-z, 0-9, `.`, `_`, `-`.\n"
        ) + &commented(&text)
            + "\n";
    };
    let mut known = policy.into_iter().flat_map(Policy::services);
    if known.any(|(known, _)| *known == pattern) {
        let head = format!("# The policy has an entry for {name} already: put this in its place.\n");
        return head + &commented(&text) + "\n";
    }
    if let Some(asked) = &demand.tier {
        let note =
            format!("# The file asks for the tier `{asked}` too: what that does not allow stays denied.\n");
        return note + &text;
    }
    text
}

/// Room for all memory that it names a size of, and for `/tmp`, in MiB.
fn disk(demand: &Demand) -> u64 {
    let project = &demand.project;
    let sizes = project.memory.iter().filter_map(|folder| folder.size).chain(project.system.shm);
    let bytes = sizes.map(ByteSize::bytes).fold(0, u64::saturating_add);
    DISK.saturating_add(bytes.div_ceil(1 << 20))
}

/// A tier of the service's own: what it asks for, on the walls that every service has.
fn tier_text(demand: &Demand, tier: &str) -> String {
    let grants = &demand.grants;
    let mut text = format!(
        "[tier.{tier}]\nisolation = {{ accept = [\"oci\", \"gvisor\", \"microvm\"], prefer = [\"oci\"] }}\n"
    );
    let _ = writeln!(
        text,
        "rootfs = \"read-only\"\nseccomp = \"perry-default\"\nmemory-enforcement = \"watched\""
    );
    let root = |user: (u32, Option<u32>)| user.0 == 0 || user.1 == Some(0);
    if demand.must.user.as_ref().is_some_and(|user| root(user.value)) {
        let _ = writeln!(text, "user = \"any\"");
    }
    let mut add = |key: &str, items: Vec<String>| {
        if !items.is_empty() {
            let _ = writeln!(text, "{key} = {}", list(items));
        }
    };
    let egress = grants.egress.iter().filter(|host| host.parse::<EgressPattern>().is_ok());
    add("egress", egress.cloned().collect());
    add("env", demand.env.keys().cloned().collect());
    let placed = demand.project.files.iter().filter_map(|file| match &file.source {
        FileSource::Secret(name) => Some(name),
        FileSource::Config { .. } => None,
    });
    add("secrets", grants.secrets.iter().chain(placed).map(ToString::to_string).collect());
    add("devices", grants.devices.clone());
    add("linux-caps", grants.linux_caps.iter().map(|cap| cap.to_string()).collect());
    let mounts: Vec<String> = [("read", &grants.mounts_read), ("write", &grants.mounts_write)]
        .into_iter()
        .filter(|(_, paths)| !paths.is_empty())
        .map(|(key, mounts)| format!("{key} = {}", list(mounts.iter().map(|mount| &mount.source))))
        .collect();
    if !mounts.is_empty() {
        let _ = writeln!(text, "mounts = {{ {} }}", mounts.join(", "));
    }
    let limits = &demand.limits;
    let or = |found: Option<String>, usual: &str| found.unwrap_or_else(|| usual.to_owned());
    let _ = writeln!(
        text,
        "limits = {{ memory = \"{}\", cpu = {}, pids = {}, {OTHERS}, disk = \"{}MiB\", open-files = {} }}\n",
        or(limits.memory.map(|memory| memory.to_string()), MEMORY),
        or(limits.cpu.map(|cpu| cpu.to_string()), CPU),
        or(limits.pids.map(|pids| pids.to_string()), PIDS),
        disk(demand),
        or(limits.open_files.map(|files| files.to_string()), OPEN_FILES),
    );
    text
}
