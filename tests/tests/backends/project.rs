//! Services of one project find each other in its networks, and nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_pipeline::{PolicyChoice, PolicyInput, TargetChoice, Wish};
use perry_sandbox_policy::{Attachment, WantedProject};
use perry_sandbox_testkit::{Home, Ran};

use crate::engines::engines;
use crate::wall::{Wall, engine_walls};
use crate::{IMAGE, policy};

/// A project in one engine, with a name that no other test has: podman's networks are the machine's.
pub(crate) struct Project {
    pub(crate) wall: Wall,
    pub(crate) home: Home,
    pub(crate) name: String,
    made: Vec<(&'static str, String)>,
}

/// A sandbox that runs beside others; ended with this.
pub(crate) struct Beside(pub(crate) Child);

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Every engine that has networks, with a project of this name.
pub(crate) fn projects(name: &str) -> impl Iterator<Item = Project> {
    let walls = engine_walls().into_iter().filter(|wall| wall.name != "runsc");
    walls.map(move |wall| Project::new(wall, &format!("{name}{}", std::process::id())))
}

impl Project {
    fn new(wall: Wall, name: &str) -> Self {
        let home = wall.home();
        let entry = |service: String, networks: &str, volumes: &str| {
            let grants = format!("grants = {{ networks = [{networks}], volumes = [{volumes}] }}");
            format!("[service.\"{service}\"]\ntier = \"asked\"\nimage = [\"hello\"]\n{grants}\n")
        };
        let services = ["web", "db", "other"].map(|service| {
            entry(format!("{name}/{service}"), r#""back", "front", "b_c""#, r#""data", "b_c""#)
        });
        // What it calls `c` has the name that `b_c` of the first one has.
        let twin = entry(format!("{name}_b/web"), r#""c""#, r#""c""#);
        let text = policy("seccomp = \"perry-default\"", &(services.concat() + &twin));
        fs::write(home.path().join("policy.toml"), text).expect("the home can be written");
        Self { wall, home, name: name.to_owned(), made: Vec::new() }
    }

    /// What the engine calls something of this project.
    pub(crate) fn named(&self, key: &str) -> String {
        format!("{}_{key}", self.name)
    }

    /// Makes a network or volume of this project.
    pub(crate) fn make(&mut self, kind: &'static str, key: &str) {
        self.made.push((kind, self.named(key)));
        let ran = self.wall.ask(&self.home, &["engine", kind, "create", "--project", &self.name, key]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    /// The engine's own client makes one.
    pub(crate) fn make_barely(&mut self, kind: &'static str, key: &str, flags: &[&str]) {
        let name = self.named(key);
        self.made.push((kind, name.clone()));
        let said = self.bare(&[&[kind, "create"], flags, &[&name]].concat());
        assert!(said.status.success(), "{said:?}");
    }

    pub(crate) fn bare(&self, words: &[&str]) -> std::process::Output {
        let mut client = Command::new(self.wall.name);
        client.args(words).env_clear().envs(engines().environment());
        client.output().expect("the client starts")
    }

    /// Removes all that was made.
    pub(crate) fn unmake(&mut self) {
        for (kind, name) in std::mem::take(&mut self.made) {
            // Sandboxes whose runner was killed are being removed by their guards.
            let begun = Instant::now();
            while !self.bare(&[kind, "rm", &name]).status.success()
                && begun.elapsed() < Duration::from_secs(60)
            {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    pub(crate) fn wish(&self, service: &str, script: &str, wanted: WantedProject) -> Wish {
        let name =
            if service.contains('/') { service.to_owned() } else { format!("{}/{service}", self.name) };
        let input = PolicyInput::File(self.home.path().join("policy.toml"));
        let target = TargetChoice::Service { name: name.parse().expect("a name"), image: IMAGE.to_owned() };
        Wish {
            policy: PolicyChoice { inputs: vec![input], require: None },
            backend: Some(self.wall.name.to_owned()),
            args: ["/bin/busybox", "sh", "-c", script].map(str::to_owned).to_vec(),
            user: Some("1000:1000".to_owned()),
            project: wanted,
            ..Wish::of(target)
        }
    }

    pub(crate) fn start(&self, verb: &str, wish: &Wish) -> Child {
        self.start_with(&[], verb, wish)
    }

    /// With these variables instead of the engines' own.
    pub(crate) fn start_with(&self, variables: &[(&str, String)], verb: &str, wish: &Wish) -> Child {
        let mut driver = Command::new(env!("CARGO_BIN_EXE_perry-sandbox-wish"));
        driver.arg(verb).arg(self.home.path()).current_dir(self.home.path());
        driver.env_clear().env("HOME", self.home.path()).envs(engines().environment());
        driver.envs(variables.iter().map(|(name, value)| (name, value)));
        driver.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut driver = driver.spawn().expect("the driver starts");
        let stdin = driver.stdin.take().expect("a pipe was asked for");
        serde_json::to_writer(stdin, wish).expect("the driver reads");
        driver
    }

    pub(crate) fn run(&self, service: &str, script: &str, wanted: WantedProject) -> Ran {
        let child = self.start("run", &self.wish(service, script, wanted));
        Ran::from(child.wait_with_output().expect("it ends"))
    }

    /// Starts a service that answers its name by HTTP, on port 8080.
    fn serve(&self, service: &str, network: Attachment) -> Beside {
        let script = format!("echo {service} >/tmp/index.html; exec /bin/busybox httpd -f -p 8080 -h /tmp");
        Beside(self.start("run", &self.wish(service, &script, networks([network]))))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.unmake();
    }
}

fn network(name: &str, aliases: &[&str]) -> Attachment {
    let aliases = aliases.iter().map(|alias| alias.parse().expect("an alias")).collect();
    Attachment { aliases, ..Attachment::to(name.parse().expect("a name")) }
}

fn networks<const COUNT: usize>(all: [Attachment; COUNT]) -> WantedProject {
    WantedProject { networks: all.into(), ..WantedProject::default() }
}

/// Fetches from a name until it answers.
fn fetch(name: &str, seconds: u32) -> String {
    let tries = seconds * 5;
    format!(
        "try=0; until printf 'GET / HTTP/1.0\\r\\n\\r\\n' | /bin/busybox nc -w 2 {name} 8080 2>/dev/null | \
         /bin/busybox grep -x '[dwo][a-z]*'; do \
         try=$((try + 1)); [ $try -lt {tries} ] || exit 9; /bin/busybox sleep 0.2; done"
    )
}

#[test]
fn services_find_each_other_by_alias_in_a_common_network_and_nowhere_else() {
    let _turn = crate::life::turn();
    for mut project in projects("talk") {
        project.make("network", "back");
        project.make("network", "front");
        let web = project.serve("web", network("front", &["web"]));
        // One that waits for it runs before it does.
        let wait = project.wish("other", &fetch("db", 20), networks([network("back", &[])]));
        let waiting = project.start("run", &wait);
        let ready = project.run("other", "true", networks([network("back", &[])]));
        assert_eq!(ready.code, 0, "{ready:?}");
        let db = project.serve("db", network("back", &["db", "rows.internal"]));
        let waited = Ran::from(waiting.wait_with_output().expect("it ends"));
        assert_eq!((waited.code, waited.stdout.as_str()), (0, "db\n"), "{}: {waited:?}", project.wall.name);
        for name in ["db", "rows.internal"] {
            let ran = project.run("web", &fetch(name, 10), networks([network("back", &[])]));
            assert_eq!((ran.code, ran.stdout.as_str()), (0, "db\n"), "{}: {ran:?}", project.wall.name);
        }
        let both = networks([network("front", &[]), network("back", &["x"])]);
        let ran = project.run("other", &format!("{}; {}", fetch("db", 10), fetch("web", 10)), both);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "db\nweb\n"), "{}: {ran:?}", project.wall.name);
        // One in another network, and one in none.
        for wanted in [networks([network("front", &[])]), WantedProject::default()] {
            let ran = project.run("other", &fetch("db", 1), wanted);
            assert_eq!((ran.code, ran.stdout.as_str()), (9, ""), "{}: {ran:?}", project.wall.name);
        }
        // Nobody gets a name by being a service.
        let ran = project.run("other", &fetch("other", 1), networks([network("back", &[])]));
        assert_eq!(ran.code, 9, "{ran:?}");
        drop((web, db));
    }
}

/// A command in the network namespace that an engine takes for the host's.
fn on_host(wall: Wall, words: &[&str]) -> Command {
    if wall.name == "podman" {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        return command;
    }
    let mut command = Command::new("nsenter");
    let mounts: &[&str] = if words[0].ends_with("mount") { &["--mount", "--pid"] } else { &[] };
    command.args(["--net", "--target", &engines().docker_pid()]).args(mounts).args(words);
    command
}

/// What a command there says.
fn said_by_host(wall: Wall, words: &[&str]) -> String {
    let said = on_host(wall, words).output().expect("it starts");
    assert!(said.status.success(), "{words:?}: {said:?}");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

#[test]
fn from_a_network_neither_the_host_nor_anything_outside_is_reached() {
    let _turn = crate::life::turn();
    let before = empty_namespaces();
    for mut project in projects("out") {
        project.make("network", "back");
        let heard = project.home.path().join("heard");
        said_by_host(project.wall, &["ip", "link", "set", "lo", "up"]);
        let listen = ["busybox", "nc", "-ll", "-p", "28080", "-e", "touch", &heard.display().to_string()];
        let listener = Beside(on_host(project.wall, &listen).spawn().expect("busybox starts"));
        // Somebody else keeps the bridge up while it is looked at.
        let beside = project.serve("db", network("back", &["db"]));
        let ready = project.run("other", &fetch("db", 10), networks([network("back", &[])]));
        assert_eq!(ready.code, 0, "{ready:?}");
        let all = said_by_host(project.wall, &["ip", "-4", "-o", "addr"]);
        let hosts =
            all.split_whitespace().filter_map(|word| word.split_once('/')).map(|(address, _)| address);
        let hosts: Vec<&str> = hosts.filter(|address| !address.starts_with("127.")).collect();
        let told = project
            .wall
            .ask(&project.home, &["engine", "network", "inspect", &project.named("back"), "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
        let subnet = told["network"]["subnets"][0].as_str().expect("a subnet");
        let net = subnet.rsplit_once('.').expect("an address").0;
        assert!(!hosts.iter().any(|host| host.starts_with(&format!("{net}."))), "{net}: {hosts:?}");
        let script = format!(
            "busybox=/bin/busybox; $busybox cat /proc/net/dev /etc/resolv.conf; $busybox sed 's/^/inet6 /' /proc/net/if_inet6; \
             for at in {net}.1 {net}.254 198.51.100.1 169.254.169.254 {}; do \
             $busybox nc -w 1 $at 28080 </dev/null && echo reached $at; done; echo done",
            hosts.join(" ")
        );
        let ran = project.run("web", &script, networks([network("back", &["web"])]));
        drop((listener, beside));
        assert!(ran.code == 0 && ran.stdout.contains("eth0") && ran.stdout.ends_with("done\n"), "{ran:?}");
        assert!(!ran.stdout.contains("reached") && !ran.stdout.contains("inet6"), "{ran:?}");
        assert!(!heard.exists(), "{}: {ran:?}", project.wall.name);
        let servers = ran.stdout.lines().filter(|line| line.starts_with("nameserver"));
        assert!(servers.into_iter().all(|line| line == "nameserver 127.0.0.11"), "{ran:?}");
    }
    let begun = Instant::now();
    while !empty_namespaces().is_subset(&before) {
        assert!(begun.elapsed() < Duration::from_secs(60), "podman left a network: {:?}", empty_namespaces());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Network namespaces that podman keeps and nobody is in.
fn empty_namespaces() -> BTreeSet<PathBuf> {
    let inode = |path: &Path| fs::metadata(path).map(|found| found.ino()).ok();
    let in_folder =
        |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let used: BTreeSet<u64> =
        in_folder("/proc").filter_map(|process| inode(&process.join("ns/net"))).collect();
    in_folder("/run/netns").filter(|kept| inode(kept).is_some_and(|own| !used.contains(&own))).collect()
}

/// Datagrams that have been sent in the host's network namespace.
fn sent(wall: Wall) -> String {
    let counts = said_by_host(wall, &["cat", "/proc/net/snmp"]);
    let udp = counts.lines().filter(|line| line.starts_with("Udp:")).nth(1).expect("a line of numbers");
    udp.split(' ').nth(4).expect("OutDatagrams").to_owned()
}

#[test]
fn dockers_name_service_asks_nobody_about_the_worlds_names() {
    let _turn = crate::life::turn();
    for mut project in projects("dns").filter(|project| project.wall.name == "docker") {
        project.make("network", "back");
        // One on loopback is asked from where the daemon is, which an internal network does not keep from the world. It stays
        // the daemon's own until its end.
        let servers = project.home.path().join("resolv.conf");
        fs::write(&servers, "nameserver 127.0.0.53\n").expect("the home can be written");
        said_by_host(project.wall, &["ip", "link", "set", "lo", "up"]);
        said_by_host(project.wall, &["mount", "--bind", &servers.display().to_string(), "/etc/resolv.conf"]);
        let before = sent(project.wall);
        let script =
            "/bin/busybox nslookup web; /bin/busybox timeout 3 /bin/busybox nslookup secret.example.com";
        let ran = project.run("web", script, networks([network("back", &["web"])]));
        let after = sent(project.wall);
        assert!(ran.stdout.contains("Name:\tweb\n"), "{ran:?}");
        assert_eq!(before, after, "{ran:?}");
    }
}

#[test]
fn a_network_that_is_not_the_projects_own_or_leads_out_is_refused() {
    let _turn = crate::life::turn();
    for mut project in projects("no") {
        let wanted = |key: &str| networks([network(key, &[])]);
        let refused = |project: &Project, service: &str, key: &str, why: &str| {
            let ran = project.run(service, "echo ran", wanted(key));
            assert!(ran.code == 125 && ran.stdout.is_empty(), "{why}: {ran:?}");
            assert!(ran.stderr.contains(why), "{why}: {ran:?}");
        };
        refused(&project, "web", "back", "has no network");
        assert!(
            !project.bare(&["network", "inspect", &project.named("back")]).status.success(),
            "made by nobody"
        );
        project.make_barely("network", "front", &["--internal"]);
        refused(&project, "web", "front", "was not made by perry-sandbox");
        let labels = [
            format!("--label=perry-sandbox.network={}", project.named("back")),
            format!("--label=perry-sandbox.project={}", project.name),
        ];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        project.make_barely("network", "back", &labels);
        refused(&project, "web", "back", "it is not internal");
        project.unmake();
        project.make_barely("network", "back", &[&["--internal"], &labels[..]].concat());
        refused(&project, "web", "back", "the host has an address or a name service in it");
        project.make("network", "b_c");
        let twin = format!("{}_b/web", project.name);
        refused(&project, &twin, "c", "does not belong to the project");
        let ran = project.run("web", "echo ran", wanted("b_c"));
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "ran\n"), "{ran:?}");
    }
}

#[test]
fn a_dry_run_says_what_must_be_there_and_what_is_joined() {
    let _turn = crate::life::turn();
    for project in projects("dry") {
        let both = networks([network("back", &["db", "rows"]), network("front", &[])]);
        let child = project.start("dry-run", &project.wish("db", "true", both));
        let ran = Ran::from(child.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, 0, "{ran:?}");
        let (back, front) = (project.named("back"), project.named("front"));
        let there = format!("the network {back} must be there, of the project {}", project.name);
        assert!(ran.stdout.contains(&there), "{ran:?}");
        let joined = if project.wall.name == "podman" {
            vec![format!("--network={back}:alias=db,alias=rows"), format!("--network={front}")]
        } else {
            vec![format!("\"NetworkMode\":\"{back}\""), format!("/networks/{front}/connect")]
        };
        for words in joined {
            assert!(ran.stdout.replace('\\', "").contains(&words), "{words}: {ran:?}");
        }
        assert!(!ran.stdout.contains("network=none") && !ran.stdout.contains(":\"none\",\"Oom"), "{ran:?}");
    }
}
