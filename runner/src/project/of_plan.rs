//! From a plan to what this backend is to do for it.

use std::path::Path;

use perry_sandbox_policy::{Attachment, LaunchPlan, Network, ServiceName, VolumeAccess};
use perry_sandbox_profiles::LinuxCap;

use super::error::ProjectError;
use super::hosts::SELF;
use super::volumes;
use crate::native::{NetworkWish, VolumeFolder};

fn service(plan: &LaunchPlan) -> Result<&ServiceName, ProjectError> {
    plan.service.as_ref().ok_or(ProjectError::NoService)
}

/// The volumes of a plan, which are all there, and of its project where the policy does not grant them by another name.
pub(crate) fn volumes_of(plan: &LaunchPlan, data: &Path) -> Result<Vec<VolumeFolder>, ProjectError> {
    let yard = volumes::yard(data);
    let each = plan.volumes.iter().map(|volume| {
        let folder = volumes::folder_of(&yard, service(plan)?.project(), &volume.volume)?;
        let path = folder.to_str().ok_or_else(|| ProjectError::Unreadable {
            path: folder.clone(),
            why: "its path is not UTF-8".to_owned(),
        })?;
        Ok(VolumeFolder {
            path: path.to_owned(),
            inside: volume.path.as_str().to_owned(),
            writable: volume.access == VolumeAccess::Write,
        })
    });
    each.collect()
}

/// SECURITY: whether a plan has networks, and a Linux cap by which its program gives itself the addresses of others there.
pub(crate) fn speaks_for_others(plan: &LaunchPlan) -> bool {
    let caps = [LinuxCap::NetAdmin, LinuxCap::NetRaw];
    !plan.networks.is_empty() && caps.iter().any(|cap| plan.linux_caps.contains(*cap))
}

/// The networks of a plan. Whether they are there is seen when the sandbox joins them.
pub(crate) fn networks_of(plan: &LaunchPlan) -> Result<Vec<NetworkWish>, ProjectError> {
    if speaks_for_others(plan) {
        return Err(ProjectError::LinuxCap);
    }
    let own = plan.networks.iter().filter(|attachment| attachment.network.shared().is_none());
    let each = own.map(|attachment| {
        let aliases: Vec<String> = attachment.aliases.iter().map(|alias| alias.as_str().to_owned()).collect();
        let linked = attachment.links.iter().map(|link| link.alias.as_str());
        let mut all = aliases.iter().map(String::as_str).chain(linked);
        if let Some(alias) = all.find(|alias| alias.eq_ignore_ascii_case(SELF)) {
            return Err(ProjectError::Alias(alias.to_owned()));
        }
        let project = service(plan)?.project().to_owned();
        let network = &attachment.network;
        let own = || format!("{project}_{network}");
        Ok(NetworkWish {
            name: network.external().or_else(|| network.called()).map_or_else(own, str::to_owned),
            project: attachment.network.external().is_none().then(|| project.clone()),
            aliases,
            address: attachment.address,
            links: attachment.links.clone(),
        })
    });
    each.collect()
}

/// The service of the same project whose network a plan's sandbox shares.
pub(crate) fn shared_by(plan: &LaunchPlan) -> Result<Option<ServiceName>, ProjectError> {
    let shared = plan.networks.iter().find_map(|attachment| Some((attachment, attachment.network.shared()?)));
    let Some((attachment, name)) = shared else { return Ok(None) };
    // SECURITY: whatever it had of a network besides would be the other's as well. The policy refuses it; a plan is all we see.
    let has_more = plan.networks.len() > 1
        || *attachment != Attachment::to(attachment.network.clone())
        || plan.network != Network::None
        || !plan.publish.is_empty()
        || !plan.system.hosts.is_empty()
        || plan.system.sysctls.iter().any(|sysctl| sysctl.name().starts_with("net."));
    if has_more {
        return Err(ProjectError::Beside(name.to_owned()));
    }
    let project = service(plan)?.project();
    let other = format!("{project}/{name}").parse().map_err(|_| ProjectError::Name(name.to_owned()))?;
    Ok(Some(other))
}
