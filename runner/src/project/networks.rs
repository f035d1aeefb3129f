//! Networks: made, looked at and removed. Each is a folder with a label and the file that keeps its namespace.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::Path;

use super::error::ProjectError;
use super::keeper;
use super::label::{FILE, Label};
use super::links;
use super::members;
use super::subnet::{Pool, Range};
use super::yard::Yard;
use crate::backends::stock::{Network, NewNetwork, StockKind, StockName, Subnet};
use crate::native::Ids;

/// What keeps the namespace, where root has made it.
const NAMESPACE: &str = "namespace";

/// The networks of a runtime folder.
pub(super) fn yard(runtime: &Path) -> Yard {
    Yard::new(runtime.join("networks"), StockKind::Network)
}

fn shown(name: StockName, label: Label) -> Network {
    let (created, subnets) = (Some(label.created.to_string()), label.subnet.into_iter().collect());
    Network { name, id: None, labels: label.labels, internal: Some(true), subnets, created }
}

pub(super) fn list(yard: &Yard) -> Result<Vec<Network>, ProjectError> {
    Ok(yard.all()?.into_iter().map(|(name, label)| shown(name, label)).collect())
}

pub(super) fn inspect(yard: &Yard, name: &StockName) -> Result<Network, ProjectError> {
    Ok(shown(name.clone(), yard.one(name)?.0))
}

/// The namespace of the one in this folder, for whoever may connect to it.
pub(super) fn namespace(folder: &Path) -> io::Result<File> {
    match Ids::of_this_process() {
        Ids::Range => File::open(folder.join(NAMESPACE)),
        Ids::Single { .. } => keeper::namespace(folder),
    }
}

/// The addresses that a label says.
pub(super) fn pool(name: &StockName, label: &Label) -> Result<Pool, ProjectError> {
    label.pool().ok_or_else(|| ProjectError::Unreadable {
        path: FILE.into(),
        why: format!("the network {name} has no subnet, or a gateway or range that is none"),
    })
}

/// Makes one.
pub(super) fn create(yard: &Yard, new: &NewNetwork) -> Result<Network, ProjectError> {
    let name = || new.name.to_string();
    if !new.internal {
        return Err(ProjectError::NotInternal(name()));
    }
    let _lock = yard.lock()?;
    let pool = choose(yard, new)?;
    let folder = yard.begin(&new.name, clear)?;
    let made = match Ids::of_this_process() {
        Ids::Range => links::make(&folder.join(NAMESPACE)),
        Ids::Single { .. } => keeper::make(yard, &folder),
    };
    if let Err(error) = made {
        clear(&folder)?;
        return Err(ProjectError::Kernel { name: name(), why: error.to_string() });
    }
    let labels = new.labels.with_ours(StockKind::Network, &new.name);
    let label = Label::of_network(labels, &pool);
    label.write(&folder)?;
    Ok(shown(new.name.clone(), label))
}

fn choose(yard: &Yard, new: &NewNetwork) -> Result<Pool, ProjectError> {
    let mut taken = Vec::new();
    for (name, label) in yard.all()? {
        taken.push(pool(&name, &label)?.subnet);
    }
    let Some(addresses) = &new.addresses else {
        return Range::free(&taken).map(Pool::of).ok_or(ProjectError::NoSubnet);
    };
    let refuse = |why| {
        let (name, subnet) = (new.name.to_string(), addresses.subnet().to_string());
        ProjectError::Subnet { name, subnet, why }
    };
    let range = |subnet: Subnet| {
        Range::read(&subnet.to_string()).ok_or_else(|| refuse("IPv4 with 8 to 30 bits is expected here"))
    };
    let subnet = range(addresses.subnet())?;
    if taken.iter().any(|other| other.meets(subnet)) {
        return Err(refuse("another network has some of its addresses: choose another"));
    }
    let gateway = match addresses.gateway() {
        Some(IpAddr::V4(gateway)) => Some(gateway),
        // Of an IPv4 subnet none is another.
        Some(IpAddr::V6(_)) | None => None,
    };
    Ok(Pool { subnet, gateway, range: addresses.range().map(range).transpose()? })
}

/// Removes a folder that has no label, or none any more.
fn clear(folder: &Path) -> Result<(), ProjectError> {
    let place = folder.join(NAMESPACE);
    links::unmake(&place).map_err(ProjectError::io("unmount", &place))?;
    keeper::unmake(folder).map_err(ProjectError::io("end who keeps", folder))?;
    fs::remove_dir_all(folder).map_err(ProjectError::io("remove", folder))
}

/// Removes one that nobody is in. Where a project is named it must be of that.
pub(super) fn remove(yard: &Yard, project: Option<&str>, name: &StockName) -> Result<(), ProjectError> {
    let lock = yard.lock()?;
    yard.forget_begun(name, clear)?;
    yard.one_of(project, name)?;
    let inside = members::collect(yard, &lock)?;
    let of = inside.iter().flat_map(|member| member.addresses_in(name));
    let by: Vec<String> = of.map(|address| address.to_string()).collect();
    if !by.is_empty() {
        let by = format!("the sandboxes with the addresses {}", by.join(", "));
        return Err(ProjectError::InUse { kind: StockKind::Network, name: name.to_string(), by });
    }
    let folder = yard.folder(name);
    let label = folder.join(FILE);
    fs::remove_file(&label).map_err(ProjectError::io("remove", &label))?;
    clear(&folder)
}

/// The addresses of the sandboxes that are in one, with their names there.
pub(super) fn present(yard: &Yard, name: &StockName) -> Result<Vec<(String, Vec<String>)>, ProjectError> {
    let lock = yard.lock()?;
    yard.one(name)?;
    let all = members::collect(yard, &lock)?;
    let mut present: Vec<_> = all.iter().flat_map(|member| member.joined_in(name)).collect();
    present.sort_by_key(|joined| joined.address);
    Ok(present.into_iter().map(|joined| (joined.address.to_string(), joined.names.clone())).collect())
}
