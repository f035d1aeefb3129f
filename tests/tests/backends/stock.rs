//! What of ours is in an engine: made, listed, and removed by podman and docker as they are; what others made is left alone.

use std::process::Command;

use perry_sandbox_runner::stock::{Labels, NewNetwork, NewVolume, Project, StockError, StockName};
use perry_sandbox_runner::{Backends, HostTools};
use perry_sandbox_testkit::made::{MADE, MADE_KEY, content, write_signed};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{Home, Ran};
use serde_json::Value;

use crate::engines::engines;
use crate::wall::{Wall, engine_walls};

/// The engines that keep something, with a name that no other test has.
fn stocks() -> Vec<Stocked> {
    let walls = engine_walls().into_iter().filter(|wall| wall.name != "runsc");
    walls.map(|wall| Stocked { wall, home: wall.home() }).collect()
}

struct Stocked {
    wall: Wall,
    home: Home,
}

/// A network or volume that the engine itself removes, however a test ends.
struct Bare<'a>(&'a Stocked, &'static str, String);

impl Drop for Bare<'_> {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.0.bare(&[self.1, "rm", &self.2]));
    }
}

impl Stocked {
    /// `engine` with these words.
    fn ask(&self, words: &[&str]) -> Ran {
        self.wall.ask(&self.home, &[&["engine"], words].concat())
    }

    fn json(&self, words: &[&str]) -> Value {
        let ran = self.ask(&[words, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        assert_eq!(report["schema"], "perry-sandbox/engine/v1");
        assert_eq!(report["backend"], self.wall.name);
        report
    }

    /// It fails, and says so in these words.
    fn refused(&self, words: &[&str], why: &[&str]) {
        let ran = self.ask(words);
        assert_eq!(ran.code, 125, "{words:?}: {ran:?}");
        assert!(why.iter().any(|why| ran.stderr.contains(why)), "{words:?}: {ran:?}");
    }

    /// The engine's own client.
    fn bare(&self, words: &[&str]) -> std::process::Output {
        let mut client = Command::new(self.wall.name);
        client.args(words).env_clear().envs(engines().environment());
        client.output().expect("the client starts")
    }

    fn bare_ok(&self, words: &[&str]) -> String {
        let said = self.bare(words);
        assert!(said.status.success(), "{words:?}: {said:?}");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// Puts an image into the home that no other test has: they run beside this one, in the same engines.
    fn make_image(&self) {
        let config = serde_json::json!({ "Labels": { "of": own(self.wall.name), "at": self.home.path() } });
        let (content, digest) = content(&self.home, Tarball::new(), &config);
        write_signed(&self.home, content, &digest);
    }

    /// What the engine calls that image, which a run has left in there.
    fn image(&self) -> String {
        let run = ["run", "--quiet", "--key", MADE_KEY, MADE, "--", "/bin/busybox", "true"];
        let ran = self.wall.ask(&self.home, &run);
        assert_eq!(ran.code, 0, "{ran:?}");
        let all = self.json(&["image", "ls"]);
        let all = all["images"].as_array().expect("a list");
        let names: Vec<&str> = all.iter().map(|image| image["name"].as_str().expect("a name")).collect();
        assert!(names.iter().all(|name| name.starts_with("localhost/perry-sandbox/verified:sha256-")));
        let dry = ["run", "--dry-run", "--key", MADE_KEY, MADE, "--", "/bin/busybox", "true"];
        let dry = self.wall.ask(&self.home, &dry);
        let id = all.iter().filter_map(|image| image["id"].as_str()).find(|id| dry.stdout.contains(id));
        id.unwrap_or_else(|| panic!("none of {names:?} is in {dry:?}")).to_owned()
    }
}

fn names(report: &Value, kind: &str) -> Vec<String> {
    let all = report[kind].as_array().expect("a list").iter();
    all.map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

/// Names of networks are this machine's for podman, so they have this process in them.
fn own(name: &str) -> String {
    format!("perry-sandbox-test-{}-{name}", std::process::id())
}

#[test]
fn a_network_is_made_listed_and_removed_and_nothing_else_is_touched() {
    for stocked in stocks() {
        let (back, theirs) = (own("back"), own("theirs"));
        let subnet = if stocked.wall.name == "podman" { "10.213.77.0/24" } else { "10.213.78.0/24" };
        let _ours = Bare(&stocked, "network", back.clone());
        let create =
            ["network", "create", "--internal", "--label", "project=shop", "--subnet", subnet, &back];
        let made = stocked.json(&create);
        assert_eq!(made["network"]["name"], back.as_str());
        assert_eq!(made["network"]["internal"], true, "{made}");
        assert_eq!(made["network"]["labels"]["project"], "shop");
        assert_eq!(made["network"]["subnets"], serde_json::json!([subnet]));
        stocked.refused(&create, &["already: remove it first"]);
        assert_eq!(stocked.json(&["network", "inspect", &back])["network"], made["network"]);
        stocked.bare_ok(&["network", "create", "--internal", &theirs]);
        let bare = Bare(&stocked, "network", theirs.clone());
        let listed = names(&stocked.json(&["network", "ls"]), "networks");
        assert!(listed.contains(&back) && !listed.contains(&theirs), "{listed:?}");
        for words in
            [["network", "inspect", &theirs], ["network", "rm", &theirs], ["network", "create", &theirs]]
        {
            stocked.refused(&words, &["was not made by perry-sandbox"]);
        }
        // The start of a name or of an id is neither.
        stocked.refused(&["network", "rm", &back[..back.len() - 1]], &["has no network"]);
        let id = made["network"]["id"].as_str().expect("an id");
        stocked.refused(&["network", "rm", &id[..12]], &["has no network"]);
        assert!(stocked.bare(&["network", "inspect", &theirs]).status.success(), "it is still there");
        drop(bare);
        assert_eq!(stocked.ask(&["network", "rm", &back]).code, 0);
        assert!(!names(&stocked.json(&["network", "ls"]), "networks").contains(&back));
        assert!(!stocked.bare(&["network", "inspect", &back]).status.success(), "it is gone");
        stocked.refused(&["network", "inspect", &back], &["has no network"]);
        stocked.refused(&["network", "rm", &back], &["has no network"]);
    }
}

#[test]
fn a_volume_is_made_listed_and_removed_and_nothing_else_is_touched() {
    for stocked in stocks() {
        let (rows, theirs) = (own("rows"), own("others"));
        let _ours = Bare(&stocked, "volume", rows.clone());
        let create = ["volume", "create", "--label", "note=a=b, \"c\"", &rows];
        let made = stocked.json(&create);
        assert_eq!(made["volume"]["name"], rows.as_str());
        assert_eq!(made["volume"]["labels"]["note"], "a=b, \"c\"");
        let place = made["volume"]["mountpoint"].as_str().expect("a folder");
        assert!(std::path::Path::new(place).starts_with(engines().folder()), "{place}");
        assert!(made["volume"]["created"].is_string());
        stocked.refused(&create, &["already: remove it first"]);
        assert_eq!(stocked.json(&["volume", "inspect", &rows])["volume"], made["volume"]);
        stocked.bare_ok(&["volume", "create", &theirs]);
        let bare = Bare(&stocked, "volume", theirs.clone());
        let listed = names(&stocked.json(&["volume", "ls"]), "volumes");
        assert!(listed.contains(&rows) && !listed.contains(&theirs), "{listed:?}");
        for words in
            [["volume", "inspect", &theirs], ["volume", "rm", &theirs], ["volume", "create", &theirs]]
        {
            stocked.refused(&words, &["was not made by perry-sandbox"]);
        }
        stocked.refused(&["volume", "rm", &rows[..rows.len() - 1]], &["has no volume"]);
        assert!(stocked.bare(&["volume", "inspect", &theirs]).status.success(), "it is still there");
        drop(bare);
        assert_eq!(stocked.ask(&["volume", "rm", &rows]).code, 0);
        assert!(!stocked.bare(&["volume", "inspect", &rows]).status.success(), "it is gone");
        stocked.refused(&["volume", "rm", &rows], &["has no volume"]);
    }
}

#[test]
fn what_is_in_use_is_not_removed_and_says_by_what() {
    for stocked in stocks() {
        stocked.make_image();
        let image = stocked.image();
        let (used, data, holder) = (own("used"), own("data"), own("holder"));
        let _network = Bare(&stocked, "network", used.clone());
        let _volume = Bare(&stocked, "volume", data.clone());
        let subnet = if stocked.wall.name == "podman" { "10.213.79.0/24" } else { "10.213.80.0/24" };
        stocked.json(&["network", "create", "--subnet", subnet, &used]);
        stocked.json(&["volume", "create", &data]);
        // podman counts one that only exists; docker one that runs.
        let verb: &[&str] = if stocked.wall.name == "podman" { &["create"] } else { &["run", "--detach"] };
        let mount = format!("{data}:/data");
        let flags = ["--pull", "never", "--name", &holder, "--network", &used, "--volume", &mount];
        let made = stocked.bare(&[verb, &flags, &[&image, "/bin/busybox", "sleep", "600"]].concat());
        assert!(made.status.success(), "{made:?}");
        stocked.refused(&["network", "rm", &used], &["associated containers", "active endpoints"]);
        stocked.refused(&["volume", "rm", &data], &["being used", "in use"]);
        stocked.refused(&["image", "rm", &image], &["in use", "using its referenced image"]);
        stocked.bare_ok(&["rm", "--force", &holder]);
        assert_eq!(stocked.ask(&["network", "rm", &used]).code, 0);
        assert_eq!(stocked.ask(&["volume", "rm", &data]).code, 0);
    }
}

#[test]
fn an_image_of_a_run_is_listed_and_removed_and_the_next_run_loads_it_again() {
    for stocked in stocks() {
        stocked.make_image();
        let image = stocked.image();
        let shown = stocked.json(&["image", "inspect", &image]);
        assert_eq!(shown["image"]["id"], image.as_str());
        assert_eq!(shown["image"]["layers"].as_array().map(Vec::len), Some(2), "{shown}");
        assert!(shown["image"]["size"].as_u64().is_some_and(|size| size > 100_000), "{shown}");
        // Another name keeps the image, and ours can go.
        let theirs = format!("localhost/{}:x", own("kept"));
        stocked.bare_ok(&["tag", &image, &theirs]);
        assert_eq!(stocked.ask(&["image", "rm", &image]).code, 0);
        let there = stocked.bare(&["image", "inspect", &theirs]);
        stocked.bare_ok(&["rmi", &theirs]);
        assert!(there.status.success(), "{there:?}");
        stocked.refused(&["image", "inspect", &image], &["has no image"]);
        stocked.refused(&["image", "rm", &image], &["has no image"]);
        assert!(!stocked.bare(&["image", "inspect", &image]).status.success(), "it is gone");
        assert_eq!(stocked.image(), image, "a run brings it back");
    }
}

#[test]
fn words_that_could_be_flags_and_backends_that_are_no_engines_are_refused() {
    let wall = Wall::new("native", perry_sandbox_testkit::As::Me);
    let home = wall.home();
    let code = |words: &[&str]| wall.ask(&home, &[&["engine"], words].concat()).code;
    assert_eq!(code(&["network", "create", "--", "--internal"]), 2);
    assert_eq!(code(&["volume", "create", "a/b"]), 2);
    assert_eq!(
        code(&["volume", "create", "--label", "perry-sandbox.volume=x", "xx"]),
        122,
        "it is no engine"
    );
    assert_eq!(code(&["volume", "ls"]), 122);
    assert_eq!(code(&["image", "rm", "sha256:00"]), 2);
    let unknown = Wall::new("rkt", perry_sandbox_testkit::As::Me);
    assert_eq!(unknown.ask(&home, &["engine", "volume", "ls"]).code, 2);
    for stocked in stocks() {
        let label = ["volume", "create", "--label", "perry-sandbox.volume=x", "xx"];
        assert_eq!(stocked.ask(&label).code, 2, "a label that is ours to set");
    }
}

#[test]
fn what_is_of_another_project_is_not_removed_for_this_one() {
    for Stocked { wall, home } in stocks() {
        let variables = engines().environment();
        let read =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let backends = Backends::survey(&HostTools::read(&read), Some(wall.name));
        let stock = backends.stock(wall.name, home.path()).expect("the engine is alive");
        let name: StockName = own("a_b_c").parse().expect("a name");
        let [short, long]: [Project; 2] = ["a", "a_b"].map(|text| text.parse().expect("a project"));
        let labels = Labels::default().of_project(&long);
        let network =
            NewNetwork { name: name.clone(), labels: labels.clone(), internal: true, addresses: None };
        stock.create_network(&network).expect("it is made");
        let refused = stock.remove_network_of(&short, &name);
        let removed = stock.remove_network_of(&long, &name);
        assert!(matches!(refused, Err(StockError::OtherProject { .. })), "{}: {refused:?}", wall.name);
        assert!(removed.is_ok() && stock.network(&name).is_err(), "{}: {removed:?}", wall.name);
        stock.create_volume(&NewVolume { name: name.clone(), labels }).expect("it is made");
        let refused = stock.remove_volume_of(&short, &name);
        let removed = stock.remove_volume_of(&long, &name);
        assert!(matches!(refused, Err(StockError::OtherProject { .. })), "{}: {refused:?}", wall.name);
        assert!(removed.is_ok() && stock.volume(&name).is_err(), "{}: {removed:?}", wall.name);
    }
}
