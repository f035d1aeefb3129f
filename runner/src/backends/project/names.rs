//! Names in podman's networks, without a name service.
//!
//! podman's own asks the host's name servers about every name that it does not know, for sandboxes of internal networks too:
//! what is asked for leaves the machine. So networks of projects have none. Each sandbox reads a file of names instead, which
//! whoever starts or ends one of the project writes anew for all of them, from what podman says of those that run.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use perry_sandbox_policy::HostName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::place::{self, REMOVAL};
use super::super::script::Script;
use super::super::stock::{PROJECT, StockName};
use super::super::tool::{Call, ToolError};
use super::links::{LINKS, Links};

/// The file, in a sandbox's folder.
pub(in super::super) const HOSTS: &str = "hosts";
/// What a sandbox knows of its own, in the same folder: lines that nobody else reads.
pub(in super::super) const OWN_HOSTS: &str = "hosts.own";
/// What every sandbox knows.
const LOOPBACK: &str = "127.0.0.1 localhost\n";
/// Who writes holds it, among those with the same runtime folder.
const TURN: &str = "names.lock";
/// One that ends between two questions makes the second one fail: how often both are asked.
const TRIES: u32 = 5;
/// The length of a file is a multiple of this, filled with empty lines: then a name never stands half in it.
const PAGE: usize = 4096;

/// How the file of one sandbox comes about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Names {
    /// Says which sandboxes of projects run.
    list: Call,
    /// Says where those are, whose names follow.
    inspect: Call,
    /// The networks of this one.
    networks: Vec<StockName>,
    /// What it calls others there.
    #[serde(default)]
    links: Links,
}

/// A sandbox that runs, as podman says it: its id, its name, where it is, and its labels.
#[derive(Debug, Deserialize)]
struct Member(String, String, BTreeMap<String, Endpoint>, Option<BTreeMap<String, String>>);

impl Member {
    fn links(&self) -> Links {
        let label = self.3.as_ref().and_then(|labels| labels.get(LINKS));
        label.map(|text| Links::read(text)).unwrap_or_default()
    }
}

/// Where it is in one network.
#[derive(Debug, Deserialize)]
struct Endpoint {
    #[serde(rename = "IPAddress", default, deserialize_with = "address")]
    address: Option<Ipv4Addr>,
    #[serde(rename = "Aliases", default)]
    aliases: Option<Vec<String>>,
}

/// podman says of one that has just ended that its address is an empty text.
fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ipv4Addr>, D::Error> {
    let said = Option::<String>::deserialize(from)?.filter(|said| !said.is_empty());
    said.map(|said| said.parse().map_err(D::Error::custom)).transpose()
}

impl Names {
    /// By these questions of podman's; `call` makes one of its words. Services of several projects may be in one network.
    pub(in super::super) fn of(
        (networks, links): (Vec<StockName>, Links),
        call: impl Fn(&[&str]) -> Call,
    ) -> Self {
        let ours = format!("--filter=label={PROJECT}");
        let list = call(&["ps", "--noheading", "--filter=status=running", &ours, "--format={{.Names}}"]);
        let format = "--format=[{{json .ID}},{{json .Name}},{{json .NetworkSettings.Networks}},{{json .Config.Labels}}]";
        Self { list, inspect: call(&["inspect", "--type=container", format, "--"]), networks, links }
    }

    /// Makes the file of a sandbox that is not there yet.
    pub(in super::super) fn begin(folder: &Path) -> io::Result<()> {
        let path = folder.join(HOSTS);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
        // Whoever is inside reads it; the folder keeps all others of the host away.
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.write_all(&padded(own(folder)? + LOOPBACK, 0))
    }

    /// Writes down for this sandbox and all others of projects who is where.
    pub(in super::super) fn tell(&self, script: &Script) -> Result<(), ToolError> {
        let failed =
            |source| ToolError::Prepare { what: "the names in the project's networks".to_owned(), source };
        let runtime = script.folder.parent().unwrap_or(&script.folder);
        let turn = File::create(runtime.join(TURN)).map_err(failed)?;
        turn.lock().map_err(failed)?;
        let members = self.members()?;
        let own: Vec<&str> = self.networks.iter().map(StockName::as_str).collect();
        write(&script.folder, &text(&own, &self.links, &members)).map_err(failed)?;
        for member in members.iter().filter(|member| is_ours(&member.1)) {
            let Member(_, name, networks, _) = member;
            let folder: PathBuf = place::folder(runtime, name);
            let networks: Vec<&str> = networks.keys().map(String::as_str).collect();
            let text = text(&networks, &member.links(), &members);
            write(&folder, &text).map_err(failed)?;
        }
        Ok(())
    }

    fn members(&self) -> Result<Vec<Member>, ToolError> {
        let mut tries = 0..TRIES;
        loop {
            let said = self.list.answer(REMOVAL)?;
            let names = String::from_utf8_lossy(&said.stdout);
            let names: Vec<&str> = names.split_whitespace().filter(|name| is_ours(name)).collect();
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let mut inspect = self.inspect.clone();
            inspect.args.extend(names.into_iter().map(str::to_owned));
            match inspect.answer(REMOVAL) {
                Ok(said) => {
                    let read = serde_json::Deserializer::from_slice(&said.stdout).into_iter();
                    let read: Result<Vec<Member>, _> = read.collect();
                    return read.map_err(|error| inspect.unusable(error.to_string()));
                }
                Err(error) if tries.next().is_none() => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// Whether that is what we call a sandbox.
fn is_ours(name: &str) -> bool {
    let rest = name.strip_prefix("perry-sandbox-").unwrap_or_default();
    (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What one in these networks, with these links, reads of these.
fn text(networks: &[&str], links: &Links, members: &[Member]) -> String {
    let (mut linked, mut called) = (String::new(), String::new());
    for Member(id, _, endpoints, _) in members {
        for (network, endpoint) in endpoints.iter().filter(|(name, _)| networks.contains(&name.as_str())) {
            let Some(address) = endpoint.address.map(|address| address.to_string()) else { continue };
            let aliases = endpoint.aliases.iter().flatten();
            // podman adds the start of its own id.
            let aliases = aliases.filter(|alias| !id.starts_with(alias.as_str()));
            let aliases: Vec<HostName> = aliases.filter_map(|alias| alias.parse().ok()).collect();
            for alias in links.of(network, |name| aliases.iter().any(|alias| alias.as_str() == name)) {
                linked.extend([&address, " ", alias, "\n"]);
            }
            for alias in &aliases {
                called.extend([&address, " ", alias.as_str(), "\n"]);
            }
        }
    }
    // Whoever looks takes the first.
    [LOOPBACK, &linked, &called].concat()
}

/// With empty lines after it, so that it covers what was there before.
fn padded(text: String, before: usize) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    let length = bytes.len().max(before).next_multiple_of(PAGE);
    bytes.resize(length, b'\n');
    bytes
}

/// In place: the sandbox has this very file. One that is not there any more reads nothing.
fn write(folder: &Path, text: &str) -> io::Result<()> {
    let file = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(folder.join(HOSTS));
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let before = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all_at(&padded(own(folder)? + text, before), 0)
}

/// The lines of its own, which come first: the first that has a name is found.
fn own(folder: &Path) -> io::Result<String> {
    match fs::read_to_string(folder.join(OWN_HOSTS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"["4b14aa","perry-sandbox-1-2",{"shop_back":{"IPAddress":"10.89.1.4","Aliases":["db","4b14","a b","x\ny"]}},{}]
        ["77","perry-sandbox-1-3",{"shop_front":{"IPAddress":"10.89.2.4","Aliases":["web"]},"shop_back":{"IPAddress":"10.89.1.5","Aliases":null}},null]"#;

    fn members() -> Vec<Member> {
        serde_json::Deserializer::from_str(SAID).into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn one_reads_the_aliases_of_its_own_networks_and_no_others() {
        let members = members();
        let none = Links::default();
        assert_eq!(text(&["shop_back"], &none, &members), "127.0.0.1 localhost\n10.89.1.4 db\n");
        let both = "127.0.0.1 localhost\n10.89.1.4 db\n10.89.2.4 web\n";
        assert_eq!(text(&["shop_back", "shop_front"], &none, &members), both);
        assert_eq!(text(&[], &none, &members), LOOPBACK);
    }

    #[test]
    fn a_link_is_of_one_network_and_goes_before_the_names_of_all() {
        let label = r#"{"perry-sandbox.links":"shop_back:db:web shop_front:db:no shop_back:gone:no"}"#;
        let member: Member = serde_json::from_str(&format!(r#"["1","x",{{}},{label}]"#)).unwrap();
        let read = text(&["shop_back", "shop_front"], &member.links(), &members());
        assert_eq!(read, "127.0.0.1 localhost\n10.89.1.4 web\n10.89.1.4 db\n10.89.2.4 web\n");
    }

    #[test]
    fn one_without_an_address_has_no_names_and_is_in_nobodys_way() {
        let read = |address: &str| {
            let text =
                format!(r#"["77","perry-sandbox-1-4",{{"shop_back":{{{address}"Aliases":["web"]}}}},{{}}]"#);
            serde_json::from_str::<Member>(&text)
        };
        for without in ["", r#""IPAddress":"","#, r#""IPAddress":null,"#] {
            let members = [read(without).unwrap()];
            assert_eq!(text(&["shop_back"], &Links::default(), &members), LOOPBACK, "{without}");
        }
        assert!(read(r#""IPAddress":"10.89.1","#).is_err());
    }

    #[test]
    fn a_name_that_is_a_way_elsewhere_is_none_of_ours() {
        assert!(is_ours("perry-sandbox-12-3"));
        for name in ["", "perry-sandbox-", "perry-sandbox-../x", "x", "perry-sandbox-a/b", "-f"] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_shorter_list_leaves_nothing_of_a_longer_one() {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(HOSTS), padded("x".repeat(5000), 0)).unwrap();
        write(scratch.path(), LOOPBACK).unwrap();
        let read = fs::read_to_string(scratch.path().join(HOSTS)).unwrap();
        assert_eq!((read.trim_end(), read.len()), (LOOPBACK.trim_end(), 2 * PAGE));
        assert!(write(&scratch.path().join("gone"), LOOPBACK).is_ok());
        fs::write(scratch.path().join(OWN_HOSTS), "192.0.2.7 db\n").unwrap();
        write(scratch.path(), LOOPBACK).unwrap();
        let read = fs::read_to_string(scratch.path().join(HOSTS)).unwrap();
        assert_eq!(read.trim_end(), format!("192.0.2.7 db\n{}", LOOPBACK.trim_end()));
    }
}
