//! A plan's networks and volumes in the words of podman and docker.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use perry_sandbox_policy::{Attachment, Control, LaunchPlan, VolumeAccess};
use serde_json::{Map, Value, json};

use super::super::docker::{DRIVER, Volumes, bound};
use super::super::stock::{PROJECT, Project, StockName};
use super::links::{LINKS, Links};
use super::names::HOSTS;
use crate::demands::PlanError;
use crate::project::speaks_for_others;

/// Nobody has IPv6 in there: an address of the link would reach the host's own, whatever the network is.
const WITHOUT_IPV6: &str = "net.ipv6.conf.all.disable_ipv6";
/// Where a name server is asked that is not there: the engine's own name service asks it about the world's names, from inside
/// the sandbox.
const NOBODY: &str = "127.0.0.1";
/// The label of a volume without a name that shows another one to a sandbox that only reads; its value is that one's name.
pub(in super::super) const VIEW: &str = "perry-sandbox.view";
/// The label of a volume that the engine makes by itself, where the one of that name has gone; its value is the sandbox's name.
pub(in super::super) const STRAY: &str = "perry-sandbox.stray";

/// What the engine calls each network of the plan, in the plan's order.
pub(in super::super) fn engine_names(
    backend: &'static str,
    plan: &LaunchPlan,
) -> Result<Vec<StockName>, PlanError> {
    if plan.networks.is_empty() {
        return Ok(Vec::new());
    }
    if speaks_for_others(plan) {
        return Err(PlanError::NotEnforceable {
            backend,
            control: Control::ProjectNetworks,
            why: "with NET_ADMIN or NET_RAW it could answer for others in its networks".to_owned(),
            remedy: Some("take the Linux cap away".to_owned()),
        });
    }
    let project = project(backend, plan, Control::ProjectNetworks)?;
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for Attachment { network, address, .. } in &plan.networks {
        let refuse = |why: String| refused(backend, Control::ProjectNetworks, why);
        if matches!(address, Some(IpAddr::V6(_))) {
            return Err(refuse(format!("`{network}` has no IPv6, and an address of it is asked for")));
        }
        let name = StockName::of_network(&project, network).map_err(|error| refuse(error.to_string()))?;
        if !seen.insert(name.clone()) {
            return Err(refuse(format!("`{network}` is joined twice")));
        }
        names.push(name);
    }
    Ok(names)
}

/// podman's flags.
pub(in super::super) fn podman(
    plan: &LaunchPlan,
    folder: &Path,
) -> Result<Vec<(&'static str, String)>, PlanError> {
    let mut flags = Vec::new();
    for (one, name) in plan.networks.iter().zip(engine_names("podman", plan)?) {
        let aliases = one.aliases.iter().map(|alias| format!("alias={alias}"));
        let address = one.address.map(|address| format!("ip={address}"));
        let options: Vec<String> = aliases.chain(address).collect();
        let colon = if options.is_empty() { "" } else { ":" };
        flags.push(("network", format!("{name}{colon}{}", options.join(","))));
    }
    if flags.is_empty() {
        flags.push(("network", "none".to_owned()));
    } else {
        // Without this podman writes down the host's name servers for it.
        flags.push(("dns", "none".to_owned()));
        flags.push(("sysctl", format!("{WITHOUT_IPV6}=1")));
        let hosts = folder.join(HOSTS).display().to_string();
        let source = listed("podman", Control::ProjectNetworks, &hosts)?;
        let rest = "dst=/etc/hosts,ro=true,bind-propagation=private,nosuid,nodev,noexec";
        flags.push(("mount", format!("type=bind,src={source},{rest}")));
        let project = project("podman", plan, Control::ProjectNetworks)?;
        flags.push(("label", format!("{PROJECT}={project}")));
        // SECURITY: also without any: it covers a label of that name which the image may have.
        flags.push(("label", format!("{LINKS}={}", links("podman", plan)?)));
    }
    for one in &plan.volumes {
        let project = project("podman", plan, Control::Volumes)?;
        let name = StockName::of_volume(&project, &one.volume)
            .map_err(|error| refused("podman", Control::Volumes, error.to_string()))?;
        let path = listed("podman", Control::Volumes, one.path.as_str())?;
        let read_only = if one.access == VolumeAccess::Read { ",ro=true" } else { "" };
        flags.push(("mount", format!("type=volume,src={name},dst={path}{read_only},nosuid,nodev,noexec")));
    }
    Ok(flags)
}

/// What the sandbox calls others in each of its networks.
pub(in super::super) fn links(backend: &'static str, plan: &LaunchPlan) -> Result<Links, PlanError> {
    let networks = plan.networks.iter().zip(engine_names(backend, plan)?);
    let each =
        networks.flat_map(|(one, name)| one.links.iter().map(move |link| (name.clone(), link.clone())));
    Ok(Links::new(each.collect()))
}

/// The part of a container's body about networks, and what joins it to the further ones: of a body the engine takes one.
pub(in super::super) fn docker(
    backend: &'static str,
    plan: &LaunchPlan,
    body: &mut Value,
) -> Result<Vec<(StockName, Value)>, PlanError> {
    let mut endpoints: Vec<(StockName, Value)> = engine_names(backend, plan)?
        .into_iter()
        .zip(&plan.networks)
        .map(|(name, one)| {
            let address = one.address.map(|address| json!({ "IPv4Address": address }));
            let mut endpoint = json!({ "Aliases": one.aliases, "IPAMConfig": address });
            if !one.links.is_empty() {
                let links: Vec<String> = one.links.iter().map(ToString::to_string).collect();
                set(&mut endpoint, "Links", links.into());
            }
            (name, endpoint)
        })
        .collect();
    let Some((first, endpoint)) = (!endpoints.is_empty()).then(|| endpoints.remove(0)) else {
        return Ok(Vec::new());
    };
    set(body, "NetworkDisabled", false.into());
    set(
        body,
        "NetworkingConfig",
        json!({ "EndpointsConfig": Map::from_iter([(first.to_string(), endpoint)]) }),
    );
    if let Some(host) = body.get_mut("HostConfig") {
        set(host, "NetworkMode", first.as_str().into());
        set(host, "Dns", json!([NOBODY]));
        set(host, "DnsSearch", json!(["."]));
        let mut sysctls = host.get("Sysctls").cloned().unwrap_or_else(|| json!({}));
        set(&mut sysctls, WITHOUT_IPV6, "1".into());
        set(host, "Sysctls", sysctls);
    }
    Ok(endpoints)
}

/// The part of a container's body about folders of the host. Each is a volume without a name, which its driver binds with every
/// flag; it goes with its sandbox, and the folder stays.
pub(in super::super) fn docker_folders(plan: &LaunchPlan, body: &mut Value) {
    let mounts = plan.mounts.iter().map(|one| {
        let driver = json!({ "Name": DRIVER, "Options": bound(Path::new(&one.source)) });
        let options = json!({ "NoCopy": true, "DriverConfig": driver });
        json!({ "Type": "volume", "Source": null, "Target": one.target, "VolumeOptions": options })
    });
    if let Some(all) = body.pointer_mut("/HostConfig/Mounts").and_then(Value::as_array_mut) {
        all.extend(mounts);
    }
}

/// The part of a container's body about volumes, of an engine that keeps them there.
pub(in super::super) fn docker_volumes(
    backend: &'static str,
    plan: &LaunchPlan,
    volumes: Option<&Volumes>,
    sandbox: &str,
    body: &mut Value,
) -> Result<(), PlanError> {
    let refuse = |why: String| refused(backend, Control::Volumes, why);
    let mut mounts = Vec::new();
    for one in &plan.volumes {
        let project = project(backend, plan, Control::Volumes)?;
        let name = StockName::of_volume(&project, &one.volume).map_err(|error| refuse(error.to_string()))?;
        let volumes = volumes.ok_or_else(|| refuse("its volumes are not in reach".to_owned()))?;
        let options = match one.access {
            VolumeAccess::Write => json!({ "NoCopy": true, "Labels": { STRAY: sandbox } }),
            VolumeAccess::Read => json!({
                "NoCopy": true,
                "Labels": { VIEW: name },
                "DriverConfig": { "Name": DRIVER, "Options": volumes.place(&name).view() },
            }),
        };
        let source = (one.access == VolumeAccess::Write).then_some(name);
        mounts.push(
            json!({ "Type": "volume", "Source": source, "Target": one.path, "VolumeOptions": options }),
        );
    }
    if let Some(all) = body.pointer_mut("/HostConfig/Mounts").and_then(Value::as_array_mut) {
        all.extend(mounts);
    }
    Ok(())
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn project(backend: &'static str, plan: &LaunchPlan, control: Control) -> Result<Project, PlanError> {
    let none = || refused(backend, control, "the plan is for no service of a project".to_owned());
    plan.service.as_ref().map(Project::of).ok_or_else(none)
}

/// SECURITY: the format has no way to write a comma, so a path with one could add options of its own.
fn listed<'a>(backend: &'static str, control: Control, path: &'a str) -> Result<&'a str, PlanError> {
    if path.contains([',', '"', '\n', '=']) {
        let why = format!("the path `{path}` has a comma, quote, equals sign or line break");
        return Err(refused(backend, control, why));
    }
    Ok(path)
}

fn refused(backend: &'static str, control: Control, why: String) -> PlanError {
    PlanError::NotEnforceable { backend, control, why, remedy: None }
}
