//! `/etc/hosts` of sandboxes in networks: who is there, by address and names, kept true while they come and go.

use std::fmt::Write as _;
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use perry_sandbox_policy::{HostName, KnownHost, ServiceLink};

use super::error::ProjectError;
use super::members::Member;

/// Every sandbox's name for itself, which no other may have.
pub(super) const SELF: &str = "localhost";

/// A new, empty file that everybody inside may read, whatever the umask is.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))
}

/// Writes each one's file.
pub(super) fn write_all(members: &[&Member]) -> Result<(), ProjectError> {
    members.iter().try_for_each(|member| {
        let path = member.hosts();
        write(&path, &text(member, members)).map_err(ProjectError::io("write", &path))
    })
}

/// In place, as the sandbox sees this very file: in one piece over the old text, and then to its length.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX))
}

/// What one member calls another beside the names that all have for it.
fn linked<'a>(own: &'a Member, other: &'a Member) -> impl Iterator<Item = (Ipv4Addr, &'a HostName)> {
    own.joined.iter().flat_map(move |mine| {
        let there = other.joined.iter().filter(|joined| joined.network == mine.network);
        there.flat_map(|joined| {
            let called = |link: &&ServiceLink| joined.names.iter().any(|name| name == link.name.as_str());
            mine.links.iter().filter(called).map(|link| (joined.address, &link.alias))
        })
    })
}

/// Who can be reached by one member, itself first.
fn text(own: &Member, all: &[&Member]) -> String {
    // Its own lines first: the first that has a name is found.
    let mut text = format!("127.0.0.1 {SELF}\n::1 {SELF}\n");
    text.extend(own.hosts.iter().map(KnownHost::line));
    let others = all.iter().copied().filter(|other| other.record != own.record);
    // Before the names of all: whoever looks takes the first.
    for other in others.clone() {
        for (address, alias) in linked(own, other) {
            let _ = writeln!(text, "{address} {alias}");
        }
    }
    for member in [own].into_iter().chain(others) {
        let shared = member.joined.iter().filter(|joined| {
            !joined.names.is_empty() && own.joined.iter().any(|mine| mine.network == joined.network)
        });
        for joined in shared {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {}", joined.address, joined.names.join(" "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::members::Joined;
    use super::*;

    fn member(number: u8, joined: &[(&str, &str)]) -> Member {
        let joined = joined.iter().map(|(network, names)| Joined {
            network: (*network).to_owned(),
            address: [10, 89, 0, number].into(),
            names: names.split_whitespace().map(str::to_owned).collect(),
            links: Vec::new(),
        });
        Member::at(joined.collect(), format!("{number}.json").into())
    }

    #[test]
    fn names_are_of_the_networks_that_one_is_in() {
        let web = member(2, &[("front", "web www"), ("back", "web")]);
        let (rows, other) = (member(3, &[("back", "db")]), member(4, &[("else", "db")]));
        let all = [&web, &rows, &other];
        let head = "127.0.0.1 localhost\n::1 localhost\n";
        let of_web = "10.89.0.2 web www\n10.89.0.2 web\n10.89.0.3 db\n";
        assert_eq!(text(&web, &all), format!("{head}{of_web}"));
        assert_eq!(text(&rows, &all), format!("{head}10.89.0.3 db\n10.89.0.2 web\n"));
        assert_eq!(text(&other, &all), format!("{head}10.89.0.4 db\n"));
        let mut knowing = other.clone();
        knowing.hosts = vec!["db=192.0.2.7".parse().unwrap()];
        assert_eq!(text(&knowing, &all), format!("{head}192.0.2.7 db\n10.89.0.4 db\n"));
        assert_eq!(text(&web, &[&web, &rows, &knowing]), format!("{head}{of_web}"), "nobody else's");
    }

    #[test]
    fn a_link_is_the_linkers_own_and_of_the_network_that_it_is_in() {
        let mut web = member(2, &[("front", "web"), ("back", "web")]);
        web.joined[1].links = vec!["db:database".parse().unwrap(), "gone:nobody".parse().unwrap()];
        let (rows, twin) = (member(3, &[("back", "db")]), member(4, &[("front", "db")]));
        let all = [&web, &rows, &twin];
        assert!(text(&web, &all).contains("::1 localhost\n10.89.0.3 database\n10.89.0.2 web\n"));
        for other in [&web, &rows, &twin] {
            assert_eq!(
                text(other, &all).matches("database").count(),
                usize::from(other.record == web.record)
            );
            assert!(
                !text(other, &all).contains("nobody") && !text(other, &all).contains("10.89.0.4 database")
            );
        }
    }
}
