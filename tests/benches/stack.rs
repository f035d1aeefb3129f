//! What it costs to bring a project up, and to find that it is up, beside docker compose on an engine of this bench's own.
//!
//! `cargo bench -p perry-sandbox-tests --bench stack` as root, with docker's daemon and podman installed, and
//! `PERRY_SANDBOX_PEERS` naming the folder of docker compose (`compose`). Whole processes; what is brought up is taken down
//! between rounds, off the clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use perry_sandbox_testkit::bench::{Report, Row};
use perry_sandbox_testkit::example::BARE_POLICY;
use perry_sandbox_testkit::{As, Home, compose_program, is_root, peer};

/// Sleepers in the project.
const COUNT: usize = 20;
/// ext4 gives an inode that was removed to nobody for five seconds. Whoever makes files meanwhile searches for longer, and that
/// would be told of whoever comes after a tool that removes much.
const SETTLED: Duration = Duration::from_secs(6);

fn main() {
    let mut report = Report::from_arguments("stack");
    if !is_root() {
        println!("projects are measured as root");
        return report.finish();
    }
    let home = Home::new(As::Me);
    let engine = Engine::start(&home);
    let mut tools = vec![Tool::ours(&home, &engine, "native")];
    if engine.has_docker() {
        tools.extend(peer("compose").map(|compose| Tool::theirs(&home, &engine, &compose)));
        tools.push(Tool::ours(&home, &engine, "docker"));
    }
    if Path::new("/usr/bin/podman").exists() {
        tools.push(Tool::ours(&home, &engine, "podman"));
    }
    let pause = if report.rounds(2) > 1 { SETTLED } else { Duration::ZERO };
    let ups = tools.iter().map(|tool| {
        Row::new(&tool.name, "up -d", || tool.up()).and_then(move || {
            tool.down();
            std::thread::sleep(pause);
        })
    });
    report.compare("20 sleepers come up", 9, ups.collect());
    tools.iter().for_each(Tool::up);
    let agains = tools.iter().map(|tool| Row::new(&tool.name, "up -d", || tool.up()));
    report.compare("20 sleepers are up", 10, agains.collect());
    let downs = tools.iter().map(|tool| Row::new(&tool.name, "down", || tool.down()).and_then(|| tool.up()));
    report.compare("20 sleepers go down", 3, downs.collect());
    tools.iter().for_each(Tool::down);
    report.finish();
}

/// Something that brings the project up, on one engine.
struct Tool {
    name: String,
    program: PathBuf,
    folder: PathBuf,
    flags: Vec<String>,
    environment: Vec<(&'static str, String)>,
    home: PathBuf,
}

impl Tool {
    fn ours(home: &Home, engine: &Engine, backend: &str) -> Self {
        let folder = home.path().join(backend);
        // Networks of podman are the machine's: one that was left by a bench that was killed is in nobody's way.
        let name = format!("bench-{backend}-{}", std::process::id());
        lay(&folder, &name, "oci:examples/hello/image");
        let repository = perry_sandbox_testkit::crate_root();
        std::os::unix::fs::symlink(repository.join("examples"), folder.join("examples"))
            .expect("a link of ours");
        let mut environment = engine.environment.clone();
        environment.push(("PERRY_CONTAINER_BACKEND", backend.to_owned()));
        fs::write(folder.join("bare.toml"), BARE_POLICY).expect("the folder can be written");
        let mut tool = Self {
            name: format!("perry-compose, {backend}"),
            program: compose_program(),
            folder,
            flags: Vec::new(),
            environment,
            home: home.path().to_owned(),
        };
        let suggested = tool.command(&["plan", "--policy", "bare.toml", "--suggest-policy"]).output();
        let suggested = String::from_utf8(suggested.expect("the program starts").stdout).expect("text");
        fs::write(tool.folder.join("policy.toml"), format!("{BARE_POLICY}\n{suggested}"))
            .expect("it can be written");
        tool.flags = vec!["--policy".to_owned(), "policy.toml".to_owned()];
        tool
    }

    fn theirs(home: &Home, engine: &Engine, compose: &Path) -> Self {
        let folder = home.path().join("theirs");
        lay(&folder, "bench-theirs", "bench:1");
        Self {
            name: "docker compose".to_owned(),
            program: compose.to_owned(),
            folder,
            flags: Vec::new(),
            environment: engine.environment.clone(),
            home: home.path().to_owned(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(&self.folder).env_clear().env("HOME", &self.home);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// What it said, if it failed.
    fn failure(&self, words: &[&str], flags: &[String]) -> Option<String> {
        let output = self.command(words).args(flags).output().expect("the program starts");
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn up(&self) {
        let failure = self.failure(&["up", "-d"], &self.flags);
        assert_eq!(failure, None, "{}", self.name);
    }

    fn down(&self) {
        let down = || self.failure(&["down", "-t", "0"], &[]);
        // docker compose now and then fails to remove a network whose last sandbox has just gone. Ours has one try.
        let failure = down().and_then(|why| if self.flags.is_empty() { down() } else { Some(why) });
        assert_eq!(failure, None, "{}", self.name);
    }
}

fn lay(folder: &Path, name: &str, image: &str) {
    fs::create_dir(folder).expect("the home can be written");
    let services = (0..COUNT).map(|number| {
        format!("  s{number}: {{image: '{image}', command: [/bin/busybox, sleep, '3000'], ulimits: {{nofile: 1024}}}}\n")
    });
    let text = format!("name: {name}\nservices:\n{}", services.collect::<String>());
    fs::write(folder.join("compose.yaml"), text).expect("the folder can be written");
}

/// A store for podman and a docker daemon in namespaces of its own; both end with this.
struct Engine {
    daemon: Option<Child>,
    environment: Vec<(&'static str, String)>,
}

impl Engine {
    fn start(home: &Home) -> Self {
        let folder = home.path().join("engine");
        for place in ["podman", "tmp"] {
            fs::create_dir_all(folder.join(place)).expect("the home can be written");
        }
        let at = folder.display().to_string();
        let store = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{at}/podman/root\"\nrunroot = \"{at}/podman/run\"\n"
        );
        fs::write(folder.join("storage.conf"), store).expect("the home can be written");
        let environment = vec![
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
            ("DOCKER_HOST", format!("unix://{at}/docker.sock")),
            ("CONTAINERS_STORAGE_CONF", format!("{at}/storage.conf")),
            ("TMPDIR", format!("{at}/tmp")),
        ];
        let script = "exec setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child=KILL --mount-proc \
             dockerd --data-root \"$0/docker\" --exec-root \"$0/exec\" -p \"$0/dockerd.pid\" -H \"unix://$0/docker.sock\" \
             --bridge=none --iptables=false --ip6tables=false --log-level error";
        let is_here = Path::new("/usr/sbin/dockerd").exists();
        let daemon = is_here.then(|| {
            let mut command = Command::new("sh");
            command
                .args(["-c", script, &at])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.spawn().expect("sh starts")
        });
        let mut engine = Self { daemon, environment };
        if engine.daemon.is_some() && !engine.import() {
            println!("docker is left out: its daemon does not answer");
            engine.daemon = None;
        }
        engine
    }

    /// Gives docker compose an image of the same program.
    fn import(&self) -> bool {
        for _ in 0..100 {
            let mut command = Command::new("sh");
            command
                .args(["-c", "tar -C / -ch bin/busybox 2>/dev/null | docker import - bench:1"])
                .env_clear();
            command.envs(self.environment.iter().map(|(name, value)| (name, value)));
            let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if status.is_ok_and(|status| status.success()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        false
    }

    const fn has_docker(&self) -> bool {
        self.daemon.is_some()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            drop(daemon.kill());
            drop(daemon.wait());
        }
    }
}
