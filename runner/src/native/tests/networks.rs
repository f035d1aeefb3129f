//! Networks of a project: sandboxes that reach each other by name, and nobody else.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::as_root;
use tempfile::TempDir;

use super::super::settings::{NetworkWish, Settings};
use super::rootfs::{busybox, settings};
use super::*;
use crate::backends::stock::{Addresses, Labels, NewNetwork, OwnStock, StockName};
use crate::native::process::Process;

/// A runtime folder with networks, which are gone with it.
struct Yard {
    folder: TempDir,
    stock: OwnStock,
}

impl Yard {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stock = OwnStock::new(&folder.path().join("data"), folder.path());
        Self { folder, stock }
    }

    fn make(&self, project: &str, key: &str) -> StockName {
        self.try_make(project, key, None).unwrap()
    }

    fn try_make(&self, project: &str, key: &str, subnet: Option<&str>) -> Result<StockName, String> {
        let labels = Labels::default().of_project(&project.parse().unwrap());
        let name: StockName = format!("{project}_{key}").parse().unwrap();
        let addresses = Addresses::read(subnet, None, None).unwrap();
        let new = NewNetwork { name: name.clone(), labels, internal: true, addresses };
        self.stock.create_network(&new).map(|_| name).map_err(|error| error.to_string())
    }

    fn run(&self, settings: &Settings) -> Result<Finished, RunError> {
        let (image, room) = (busybox(), without_cgroups());
        run(
            settings,
            &root_folder(image.path()),
            Streams::captured(),
            None,
            &place(&room, self.folder.path()),
        )
    }

    fn said(&self, settings: &Settings) -> String {
        String::from_utf8(self.run(settings).unwrap().stdout).unwrap()
    }

    fn await_members(&self, name: &StockName, count: usize) {
        let begun = Instant::now();
        while self.stock.members(name).unwrap().len() != count {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", self.stock.members(name));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The links of a network's namespace, seen from inside.
    fn links(&self, name: &StockName) -> Vec<String> {
        let namespace = self.folder.path().join("networks").join(name.as_str()).join("namespace");
        let output = Command::new("nsenter")
            .arg(format!("--net={}", namespace.display()))
            .args(["cat", "/proc/net/dev"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        for network in self.stock.networks().unwrap() {
            self.stock.remove_network(&network.name).unwrap();
        }
    }
}

fn wish(project: &str, key: &str, names: &[&str]) -> NetworkWish {
    let aliases = names.iter().map(|name| (*name).to_owned()).collect();
    let name = format!("{project}_{key}");
    let project = Some(project.to_owned());
    NetworkWish { name, project, aliases, address: None, links: Vec::new() }
}

fn joins(networks: Vec<NetworkWish>, line: &str) -> Settings {
    Settings { networks, ..settings(&["/bin/sh", "-c", line]) }
}

/// Serves one file until it is told to stop.
const SERVE: &str = "mkdir /tmp/www; echo rows > /tmp/www/rows; busybox httpd -p 7000 -h /tmp/www; \
    while ! [ -e /tmp/www/stop ]; do sleep 0.1; done";

fn ask(host: &str) -> String {
    format!(
        "printf 'GET /rows HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 {host} 7000 2>/dev/null | grep rows || echo no"
    )
}

/// While a server is there, as a process of its own that can be killed.
struct Server(Child);

impl Server {
    fn start(yard: &Yard, networks: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "native::tests::networks::serve_for_others", "--nocapture"])
            .env("SERVE_IN", yard.folder.path())
            .env("SERVE_AS", networks)
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Not a test of its own: a server that others start, and kill.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test says to its copy where it is to serve")]
fn serve_for_others() {
    let (Ok(folder), Ok(networks)) = (std::env::var("SERVE_IN"), std::env::var("SERVE_AS")) else { return };
    let wishes = networks.split(' ').map(|network| {
        let [project, key, name] = network.split('/').collect::<Vec<_>>()[..] else { panic!("{network}") };
        wish(project, key, &[name])
    });
    let (image, room) = (busybox(), without_cgroups());
    let settings = joins(wishes.collect(), SERVE);
    let place = place(&room, Path::new(&folder));
    run(&settings, &root_folder(image.path()), Streams::captured(), None, &place).unwrap();
}

#[test]
fn two_of_a_project_talk_by_name_and_others_do_not() {
    if !as_root() {
        return;
    }
    let yard = Yard::new();
    let (back, _front) = (yard.make("shop", "back"), yard.make("shop", "front"));
    let _other = yard.make("other", "back");
    let server = Server::start(&yard, "shop/back/db");
    yard.await_members(&back, 1);
    let (address, names) = yard.stock.members(&back).unwrap().remove(0);
    assert_eq!((address.as_str(), names), ("10.89.0.2", vec!["db".to_owned()]));
    // It is there before it listens.
    let begun = Instant::now();
    while yard.said(&joins(vec![wish("shop", "back", &["web"])], &ask("db"))) != "rows\n" {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not listen");
    }

    let line = format!("cat /etc/hosts; {}; busybox grep -c ' 02:50:0a:59:00:02 ' /proc/net/arp", ask("db"));
    let text = yard.said(&joins(vec![wish("shop", "back", &["web"])], &line));
    let hosts = "127.0.0.1 localhost\n::1 localhost\n10.89.0.3 web\n10.89.0.2 db\n";
    assert_eq!(text, format!("{hosts}rows\n1\n"), "whoever gets the address next is reached at once");
    // In two networks it is reached as well; in another, or with another project's of that name, it is not.
    let both = vec![wish("shop", "front", &["web"]), wish("shop", "back", &["web"])];
    assert_eq!(yard.said(&joins(both, &ask("db"))), "rows\n");
    for wish in [wish("shop", "front", &["web"]), wish("other", "back", &["db2"])] {
        let line = format!("{}; {}; grep -c db /etc/hosts", ask("db"), ask("10.89.0.2"));
        let text = yard.said(&joins(vec![wish], &line));
        assert!(text.starts_with("no\nno\n") && !text.contains("rows"), "{text}");
    }
    assert_eq!(yard.said(&joins(Vec::new(), &ask("10.89.0.2"))), "no\n", "without a network");
    drop(server);
}

#[test]
fn addresses_are_given_once_and_what_cannot_be_given_is_refused() {
    if !as_root() {
        return;
    }
    let yard = Yard::new();
    let back = yard.try_make("shop", "back", Some("172.30.5.0/29")).unwrap();
    let error = yard.try_make("shop", "more", Some("172.30.0.0/16")).unwrap_err();
    assert!(error.contains("another network has some of its addresses"), "{error}");
    assert!(yard.try_make("shop", "six", Some("fd00::/64")).unwrap_err().contains("IPv4"));
    assert!(yard.try_make("shop", "back", None).unwrap_err().contains("already"));
    let at = |address: &str| {
        let address = Some(address.parse().unwrap());
        joins(vec![NetworkWish { address, ..wish("shop", "back", &["web"]) }], "grep web /etc/hosts")
    };
    assert_eq!(yard.said(&at("172.30.5.4")), "172.30.5.4 web\n");
    let server = Server::start(&yard, "shop/back/db");
    yard.await_members(&back, 1);
    for (address, why) in [
        ("172.30.5.2", "has it"),
        ("172.30.5.7", "one host"),
        ("172.30.6.1", "one host"),
        ("fd00::2", "IPv4"),
    ] {
        let error = yard.run(&at(address)).unwrap_err().to_string();
        assert!(error.contains(why), "{address}: {error}");
    }
    let refused = yard.stock.remove_network(&back).unwrap_err().to_string();
    assert!(refused.contains("in use by the sandboxes with the addresses 172.30.5.2"), "{refused}");
    drop(server);
    let refused = |wish| yard.run(&joins(vec![wish], "true")).unwrap_err().to_string();
    assert!(refused(wish("shop", "none", &[])).contains("there is no network `shop_none`"));
    // The same name on disk, and another project.
    yard.make("a_b", "c");
    assert!(refused(wish("a", "b_c", &[])).contains("is not of the project `a`"));
}

/// Everything that a member has on the host.
fn rest(yard: &Yard, name: &StockName) -> (Vec<String>, usize) {
    let mut links = yard.links(name);
    links.sort();
    (links, fs::read_dir(yard.folder.path().join("networks/.members")).unwrap().count())
}

#[test]
fn nothing_is_left_after_the_end_and_after_a_kill() {
    if !as_root() {
        return;
    }
    let yard = Yard::new();
    let back = yard.make("shop", "back");
    let nothing = (vec!["bridge".to_owned(), "lo".to_owned()], 0);
    yard.said(&joins(vec![wish("shop", "back", &["web"])], "true"));
    assert_eq!(rest(&yard, &back), nothing);
    // One whose program is not there.
    let absent = Settings { networks: vec![wish("shop", "back", &["web"])], ..settings(&["/bin/absent"]) };
    yard.run(&absent).unwrap_err();
    assert_eq!(rest(&yard, &back), nothing);

    let server = Server::start(&yard, "shop/back/db");
    yard.await_members(&back, 1);
    let of = Process::of(server.0.id()).unwrap();
    // It is written down before it is connected.
    let begun = Instant::now();
    while !yard.links(&back).contains(&"to0a590002".to_owned()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", yard.links(&back));
        thread::sleep(Duration::from_millis(10));
    }
    drop(server);
    assert!(!of.exists());
    // The next who comes gets its address, once the server's child is dead as well, and sees nothing of it.
    let begun = Instant::now();
    loop {
        let text = yard.said(&joins(vec![wish("shop", "back", &["web"])], "cat /etc/hosts"));
        if text.ends_with("::1 localhost\n10.89.0.2 web\n") {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
    }
    assert_eq!(rest(&yard, &back), nothing);
}

#[test]
fn one_whose_names_cannot_be_shown_leaves_and_holds_up_nobody() {
    if !as_root() {
        return;
    }
    let yard = Yard::new();
    let back = yard.make("shop", "back");
    let members = yard.folder.path().join("networks/.members");
    fs::create_dir(&members).unwrap();
    std::os::unix::fs::symlink("nowhere/hosts", members.join("0.hosts")).unwrap();
    let begun = Instant::now();
    let web = joins(vec![wish("shop", "back", &["web"])], "grep -c web /etc/hosts");
    let error = yard.run(&web).unwrap_err().to_string();
    assert!(error.contains("0.hosts"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited for itself");
    assert_eq!(rest(&yard, &back), (vec!["bridge".to_owned(), "lo".to_owned()], 0));
    assert_eq!(yard.said(&web), "1\n");
}

#[test]
fn who_comes_and_goes_is_seen_at_once() {
    if !as_root() {
        return;
    }
    let yard = Yard::new();
    let back = yard.make("shop", "back");
    let line = "until grep -q db /etc/hosts; do sleep 0.05; done; echo came; \
        while grep -q db /etc/hosts; do sleep 0.05; done; echo went; \
        (echo x >> /etc/hosts) 2>/dev/null && echo wrote; grep -o ' /etc/hosts ro,nosuid,nodev,noexec' /proc/self/mountinfo";
    let waits = joins(vec![wish("shop", "back", &["web"])], line);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| yard.said(&waits));
        yard.await_members(&back, 1);
        let comes = joins(vec![wish("shop", "back", &["db"])], "sleep 0.5");
        // Who waits may not have begun to look.
        while !waiting.is_finished() {
            yard.said(&comes);
            thread::sleep(Duration::from_millis(500));
        }
        let text = waiting.join().unwrap();
        assert_eq!(text, "came\nwent\n /etc/hosts ro,nosuid,nodev,noexec\n");
    });
}

#[test]
fn an_image_with_and_without_a_file_of_hosts() {
    if !as_root() {
        return;
    }
    let yard = Yard::new();
    yard.make("shop", "back");
    let settings = joins(vec![wish("shop", "back", &["web"])], "cat /etc/hosts");
    let (image, room) = (busybox(), without_cgroups());
    let place = place(&room, yard.folder.path());
    let run = || run(&settings, &root_folder(image.path()), Streams::captured(), None, &place);
    let hosts = image.path().join("etc/hosts");
    fs::write(&hosts, "198.51.100.1 web\n").unwrap();
    assert!(!String::from_utf8(run().unwrap().stdout).unwrap().contains("198.51"));
    assert_eq!(fs::read_to_string(&hosts).unwrap(), "198.51.100.1 web\n");
    fs::remove_file(&hosts).unwrap();
    std::os::unix::fs::symlink("/tmp/x", &hosts).unwrap();
    let error = run().unwrap_err().to_string();
    assert!(error.contains("/etc/hosts"), "{error}");
    fs::remove_dir_all(image.path().join("etc")).unwrap();
    assert!(String::from_utf8(run().unwrap().stdout).unwrap().contains("10.89.0.2 web"));
}
