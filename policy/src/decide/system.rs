//! What a service wants of a system of its own.

use crate::control::Control;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::file::{ConfigContent, FileMode, FileSource, GivenFile};
use crate::plan::User;
use crate::request::{Request, Target};
use crate::system::{FirstProcess, KnownHost, System};

use super::project::in_words;

/// The row of all that is said about it.
const ROW: &str = "system";
/// The most names that a service knows; each is a line that every look-up reads.
const MOST_HOSTS: usize = 256;
/// The most groups of a service; each is asked for at every file.
const MOST_GROUPS: usize = 32;

/// What is wanted, with a reason for each part that nobody is given.
pub(crate) fn system(request: &Request, reasons: &mut Reasons) -> System {
    let wanted = &request.project.system;
    // SECURITY: what a capability finds around it is the policy's word.
    if !wanted.is_default() && !matches!(request.target, Target::Service(_)) {
        let found = "only services have them";
        let reason = DenyReason::new(DenyCode::System, ROW, "names and settings of its own", found, []);
        reasons.add(reason.remedy("leave them out"));
    }
    if wanted.hosts.len() > MOST_HOSTS {
        let (wish, found) = (format!("{} known hosts", wanted.hosts.len()), "a service has 256 at most");
        let reason = DenyReason::new(DenyCode::System, ROW, wish, found, []);
        reasons.add(reason.remedy("name those that the program looks up"));
    }
    if wanted.groups.len() > MOST_GROUPS {
        let (wish, found) = (format!("{} groups", wanted.groups.len()), "a service has 32 at most");
        let reason = DenyReason::new(DenyCode::System, ROW, wish, found, []);
        reasons.add(reason.remedy("name those whose files the program reads"));
    }
    wanted.clone()
}

/// Who is in no network has no file of names but this one.
pub(crate) fn file_of_hosts(system: &System, user: User) -> Option<GivenFile> {
    let lines: String = system.hosts.iter().map(KnownHost::line).collect();
    let text = format!("127.0.0.1 localhost\n::1 localhost\n{lines}");
    let content = ConfigContent::try_from(text.into_bytes()).ok()?;
    let source = FileSource::Config { name: "hosts".parse().ok()?, content };
    let path = "/etc/hosts".parse().ok()?;
    Some(GivenFile { source, path, owner: user, mode: FileMode::CONFIG })
}

/// A line for each part that is there.
pub(crate) fn lines(system: &System) -> Vec<(Control, String)> {
    let System { host_name, domain_name, hosts, shm, first, sysctls, groups, oom_score } = system;
    let host = host_name.iter().map(|name| (Control::HostName, format!("host name {name}")));
    let domain = domain_name.iter().map(|name| (Control::DomainName, format!("domain name {name}")));
    let hosts =
        (!hosts.is_empty()).then(|| (Control::KnownHosts, format!("known hosts {}", in_words(hosts))));
    let shm = shm.map(|size| (Control::SharedMemory, format!("/dev/shm {size}")));
    let init = (*first == FirstProcess::Init).then(|| (Control::Init, "an init as process 1".to_owned()));
    let sysctls = (!sysctls.is_empty()).then(|| (Control::Sysctls, in_words(sysctls)));
    let groups = (!groups.is_empty()).then(|| (Control::Groups, format!("groups {}", in_words(groups))));
    let oom_score = oom_score.map(|score| (Control::OomScore, format!("oom score {}", score.number())));
    host.chain(domain)
        .chain(hosts)
        .chain(shm)
        .chain(init)
        .chain(sysctls)
        .chain(groups)
        .chain(oom_score)
        .collect()
}
