//! Who is in which network: one record for each sandbox, locked by its runner for as long as that lives.
//!
//! All of it is looked at and changed with the lock of the networks held.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use perry_sandbox_policy::{KnownHost, ServiceLink, ServiceName};
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use super::error::ProjectError;
use super::hosts;
use super::keeper;
use super::links::{self, Link};
use super::locked::Locked;
use super::networks::{namespace, pool, yard};
use super::yard::Yard;
use crate::backends::stock::StockName;
use crate::native::{Ids, NetworkWish, Process, Slot, clone_host};

/// Begins like no name of a network.
const FOLDER: &str = ".members";
/// The longest record that is read.
const LONGEST: u64 = 1 << 20;

/// A sandbox in one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Joined {
    pub(super) network: String,
    pub(super) address: Ipv4Addr,
    pub(super) names: Vec<String>,
    /// What it calls others there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<ServiceLink>,
}

/// A service that is in networks, and the policy that has let it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resident {
    pub(crate) service: ServiceName,
    pub(crate) policy: Digest,
}

/// A sandbox that is in networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) joined: Vec<Joined>,
    /// The service that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resident: Option<Resident>,
    /// Its first process, once it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    process: Option<Process>,
    /// Whom it knows besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hosts: Vec<KnownHost>,
    #[serde(skip)]
    pub(super) record: PathBuf,
}

impl Member {
    #[cfg(test)]
    pub(super) const fn at(joined: Vec<Joined>, record: PathBuf) -> Self {
        Self { joined, resident: None, process: None, hosts: Vec::new(), record }
    }

    pub(super) fn joined_in(&self, network: &StockName) -> impl Iterator<Item = &Joined> {
        self.joined.iter().filter(move |joined| joined.network == network.as_str())
    }

    pub(super) fn addresses_in(&self, network: &StockName) -> impl Iterator<Item = Ipv4Addr> {
        self.joined_in(network).map(|joined| joined.address)
    }

    /// What its sandbox sees as `/etc/hosts`.
    pub(super) fn hosts(&self) -> PathBuf {
        self.record.with_extension("hosts")
    }

    /// Its cables are cut, and nothing says any more that it was there.
    fn forget(&self, yard: &Yard) -> Result<(), ProjectError> {
        for joined in &self.joined {
            let folder = yard.root().join(&joined.network);
            // A network that is gone has no cable. Who is not where an ordinary user's networks are cannot cut one: it goes with
            // the sandbox, and whoever gets the address cuts what is left.
            if can_connect(&folder)
                && let Ok(network) = namespace(&folder)
            {
                let cut = links::cut(network.as_fd(), joined.address);
                cut.map_err(|error| kernel(&joined.network, &error))?;
            }
        }
        for path in [self.hosts(), self.record.clone()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ProjectError::io("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether this process may lay cables there.
fn can_connect(folder: &Path) -> bool {
    Ids::of_this_process() == Ids::Range || keeper::is_inside(folder)
}

fn no_namespace(network: &str, error: &io::Error) -> ProjectError {
    match Ids::of_this_process() {
        Ids::Range => kernel(network, error),
        Ids::Single { .. } => ProjectError::NoKeeper(network.to_owned()),
    }
}

fn kernel(network: &str, error: &io::Error) -> ProjectError {
    ProjectError::Kernel { name: network.to_owned(), why: error.to_string() }
}

/// All that live; of the dead nothing is left. The lock is that of the networks.
pub(super) fn collect(yard: &Yard, _lock: &Locked) -> Result<Vec<Member>, ProjectError> {
    let folder = yard.root().join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(ProjectError::io("list", &folder))?,
    };
    let (mut all, mut is_changed) = (Vec::new(), false);
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().and_then(OsStr::to_str) != Some("json") {
            continue;
        }
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let opened = OpenOptions::new().read(true).custom_flags(flags).open(&path);
        let file = opened.map_err(ProjectError::io("read", &path))?;
        let dead = file.try_lock().is_ok();
        is_changed |= dead;
        let mut text = Vec::new();
        (&file).take(LONGEST).read_to_end(&mut text).map_err(ProjectError::io("read", &path))?;
        let read: Result<Member, _> = serde_json::from_slice(&text);
        match read.map(|member| Member { record: path.clone(), ..member }) {
            Ok(member) if dead => member.forget(yard)?,
            Ok(member) => all.push(member),
            // Its runner died while it wrote it: nothing that it names was made.
            Err(_) if dead => fs::remove_file(&path).map_err(ProjectError::io("remove", &path))?,
            Err(error) => return Err(ProjectError::Unreadable { path, why: error.to_string() }),
        }
    }
    if is_changed {
        hosts::write_all(&all.iter().collect::<Vec<_>>())?;
    }
    Ok(all)
}

/// The networks of one sandbox. It has left them when this is dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    yard: Yard,
    member: Member,
    /// What is to be connected.
    pub(crate) links: Vec<Link>,
    /// What the child and its parent get for that: the networks, and the file of names as a detached mount.
    pub(crate) given: Vec<(Slot, OwnedFd)>,
    /// Holds the lock of the record.
    file: Locked,
}

/// Takes an address in each of these networks; nothing where there are none.
pub(crate) fn join(
    runtime: &Path,
    wishes: &[NetworkWish],
    resident: Option<&Resident>,
    hosts: &[KnownHost],
) -> Result<Option<Membership>, ProjectError> {
    if wishes.is_empty() {
        return Ok(None);
    }
    let yard = yard(runtime);
    let lock = yard.lock()?;
    let others = collect(&yard, &lock)?;
    let (mut joined, mut links, mut given) = (Vec::new(), Vec::new(), Vec::new());
    for (number, wish) in (0_u8..).zip(wishes) {
        let (own, link) = place(&yard, (&others, &joined), wish, number)?;
        let folder = yard.root().join(&own.network);
        let namespace = namespace(&folder).map_err(|error| no_namespace(&own.network, &error))?;
        if !can_connect(&folder) {
            return Err(ProjectError::Attached(own.network));
        }
        given.push((Slot::Network(number), namespace.into()));
        joined.push(own);
        links.push(link);
    }
    let (file, member) = note(&yard, joined, resident, hosts)?;
    // From here on dropping it takes back what is made.
    let mut membership = Membership { yard, member, links, given, file };
    let shown = membership.show_names(&others);
    // Before the membership can go: leaving takes the lock itself.
    drop(lock);
    shown.map(|()| Some(membership))
}

/// The network of a sandbox that another is to share.
#[derive(Debug)]
pub(crate) struct Neighbour {
    namespace: OwnedFd,
    hosts: OwnedFd,
}

impl Neighbour {
    /// What a sandbox beside it is given.
    pub(crate) fn into_given(self) -> [(Slot, OwnedFd); 2] {
        [(Slot::Network(0), self.namespace), (Slot::Hosts, self.hosts)]
    }
}

/// The sandbox of this service, which runs and is in networks; what is run once beside it has no names there.
pub(crate) fn neighbour(
    runtime: &Path,
    service: &ServiceName,
    own: Option<&Resident>,
) -> Result<Neighbour, ProjectError> {
    let yard = yard(runtime);
    let lock = yard.lock()?;
    let member = find(&collect(&yard, &lock)?, service)?;
    // SECURITY: how far the other may reach was held against the policy of now; it may run under one that lets it reach more.
    let policy = |resident: Option<&Resident>| resident.map(|resident| resident.policy.clone());
    if own.is_none() || policy(member.resident.as_ref()) != policy(own) {
        return Err(ProjectError::OtherPolicy(service.to_string()));
    }
    let gone = || ProjectError::NoNeighbour(service.to_string());
    let process = member.process.ok_or_else(gone)?;
    let namespace = File::open(format!("/proc/{}/ns/net", process.pid)).map_err(|_| gone())?;
    // Asked with the namespace in hand: the number is not another's.
    if !process.is_alive() {
        return Err(gone());
    }
    let hosts = shown(&member.hosts())?;
    Ok(Neighbour { namespace: namespace.into(), hosts })
}

/// One of these that is a replica of the service.
pub(super) fn find(all: &[Member], service: &ServiceName) -> Result<Member, ProjectError> {
    let is_replica = |member: &&Member| {
        member.resident.as_ref().is_some_and(|resident| resident.service == *service)
            && member.joined.iter().any(|joined| !joined.names.is_empty())
    };
    all.iter().find(is_replica).cloned().ok_or_else(|| ProjectError::NoNeighbour(service.to_string()))
}

/// A file of names as a detached mount.
fn shown(path: &Path) -> Result<OwnedFd, ProjectError> {
    // Nothing is on the way but folders of ours.
    let found = path.canonicalize().map_err(ProjectError::io("find", path))?;
    let shown = clone_host(&found.to_string_lossy());
    shown.map_err(|errno| ProjectError::io("show", path)(errno.into()))
}

/// An address in one network, and the cable that leads to it.
fn place(
    yard: &Yard,
    (others, own): (&[Member], &[Joined]),
    wish: &NetworkWish,
    number: u8,
) -> Result<(Joined, Link), ProjectError> {
    let (name, label) = yard.named(wish.project.as_deref(), &wish.name)?;
    let pool = pool(&name, &label)?;
    let all = others.iter().flat_map(|other| &other.joined).chain(own);
    let taken: Vec<Ipv4Addr> =
        all.filter(|joined| joined.network == name.as_str()).map(|joined| joined.address).collect();
    let address = match wish.address {
        None => pool.next(&taken).ok_or_else(|| ProjectError::NoAddress(name.to_string()))?,
        Some(address) => pool.wanted(address, &taken).map_err(|why| ProjectError::Address {
            name: name.to_string(),
            address: address.to_string(),
            why,
        })?,
    };
    let inner = format!("eth{number}");
    let link = Link { network: number, inner, address, prefix: pool.subnet.prefix() };
    let (names, links) = (wish.aliases.clone(), wish.links.clone());
    Ok((Joined { network: name.to_string(), address, names, links }, link))
}

/// Writes the record, under the smallest number that nobody has.
fn note(
    yard: &Yard,
    joined: Vec<Joined>,
    resident: Option<&Resident>,
    hosts: &[KnownHost],
) -> Result<(Locked, Member), ProjectError> {
    let folder = yard.root().join(FOLDER);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(ProjectError::io("make", &folder))?;
    let mut paths = (0_u32..).map(|number| folder.join(format!("{number}.json")));
    let (record, file) = loop {
        let path = paths.next().unwrap_or_default();
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ProjectError::io("make", &path)(error)),
            Ok(file) => break (path, file),
        }
    };
    let member = Member { joined, resident: resident.cloned(), process: None, hosts: hosts.to_vec(), record };
    let text = serde_json::to_vec(&member).map_err(io::Error::from);
    file.lock().map_err(ProjectError::io("lock", &member.record))?;
    let file = Locked::new(file);
    let written = text.and_then(|text| file.write_all_at(&text, 0));
    written.map_err(ProjectError::io("write", &member.record))?;
    Ok((file, member))
}

impl Membership {
    /// Writes everybody's file of names, and shows its own to this sandbox.
    fn show_names(&mut self, others: &[Member]) -> Result<(), ProjectError> {
        let path = self.member.hosts();
        hosts::make(&path).map_err(ProjectError::io("make", &path))?;
        let all: Vec<&Member> = others.iter().chain([&self.member]).collect();
        hosts::write_all(&all)?;
        self.given.push((Slot::Hosts, shown(&path)?));
        Ok(())
    }

    /// Writes down the sandbox's first process: from then on others may share its network.
    pub(crate) fn started(&self, pid: i32) -> io::Result<()> {
        let process = u32::try_from(pid).ok().and_then(Process::of);
        let member = Member { process: Some(process.ok_or(io::ErrorKind::NotFound)?), ..self.member.clone() };
        let text = serde_json::to_vec(&member)?;
        let _lock = self.yard.lock().map_err(io::Error::other)?;
        self.file.write_all_at(&text, 0)?;
        self.file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))
    }

    fn leave(&self) -> Result<(), ProjectError> {
        let lock = self.yard.lock()?;
        self.member.forget(&self.yard)?;
        let others = collect(&self.yard, &lock)?;
        hosts::write_all(&others.iter().collect::<Vec<_>>())
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        // What is left is collected by whoever joins or removes a network next.
        self.leave().ok();
    }
}
