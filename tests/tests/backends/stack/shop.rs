//! A web service behind a database with a health check, of the example's signed image, on one backend.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::example::BARE_POLICY;
use perry_sandbox_testkit::{As, Home, Ran, compose_program, is_root};
use serde_json::Value;

use crate::engines::{Engines, engines, is_present};

/// A project of this process alone, on one backend.
pub(super) struct Shop {
    pub(super) backend: &'static str,
    pub(super) name: String,
    home: Home,
    data: PathBuf,
    program: PathBuf,
    engines: &'static Engines,
    /// The socket by which docker is asked, where that is not its own.
    front: Option<PathBuf>,
    /// What every command is started by: a program that starts it somewhere else.
    starter: Vec<String>,
}

/// Every backend that holds networks, volumes and ports of projects here.
pub(super) fn shops(name: &str) -> Vec<Shop> {
    if !is_root() {
        perry_sandbox_testkit::skip("networks of projects need root");
        return Vec::new();
    }
    let backends = ["native", "podman", "docker"].into_iter();
    let present = backends.filter(|backend| *backend == "native" || is_present(backend));
    present.map(|backend| Shop::new(backend, name)).collect()
}

impl Shop {
    fn new(backend: &'static str, name: &str) -> Self {
        let home = Home::new(As::Me);
        let name = format!("{name}{}", std::process::id());
        let command = home.other_command(&compose_program());
        let program = PathBuf::from(command.get_program());
        home.give("bare.toml", BARE_POLICY.as_bytes());
        let data = home.data_dir();
        Self { backend, name, home, data, program, engines: engines(), front: None, starter: Vec::new() }
    }

    /// With other engines.
    pub(super) fn on(mut self, engines: &'static Engines) -> Self {
        self.engines = engines;
        self
    }

    /// With another socket before docker's own.
    pub(super) fn through(mut self, socket: &Path) -> Self {
        self.front = Some(socket.to_owned());
        self
    }

    /// With a program that starts every command somewhere else.
    pub(super) fn started_by(mut self, words: &[&str]) -> Self {
        self.starter = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// A project of the same name in another folder of the same user.
    pub(super) fn twin(&self) -> Self {
        let mut twin = Self::new(self.backend, "");
        (twin.name, twin.data) = (self.name.clone(), self.data.clone());
        twin
    }

    /// Another project in another folder of the same user.
    pub(super) fn beside(&self, suffix: &str) -> Self {
        let mut beside = Self::new(self.backend, "");
        (beside.name, beside.data) = (format!("{}{suffix}", self.name), self.data.clone());
        beside
    }

    /// Writes the project's file, and a policy that grants what it asks for.
    pub(super) fn write(&self, services: &str) {
        self.rewrite(services);
        let suggested = self.compose(&["plan", "--policy", "bare.toml", "--suggest-policy"]);
        self.home.give("policy.toml", format!("{BARE_POLICY}\n{}", suggested.stdout).as_bytes());
    }

    /// Writes the project's file; the policy stays.
    pub(super) fn rewrite(&self, services: &str) {
        self.home.give("compose.yaml", format!("name: {}\n{services}", self.name).as_bytes());
    }

    /// A file of the project's folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file of its data.
    pub(super) fn data(&self, name: &str) -> PathBuf {
        self.data.join(name)
    }

    /// Writes one.
    pub(super) fn give(&self, name: &str, text: &str) {
        self.home.give(name, text.as_bytes());
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let (verb, rest) = args.split_first().expect("a command");
        let mut command = self.started(&self.program);
        if !self.file("compose.yaml").exists() {
            command.args(["-p", &self.name]);
        }
        command.arg(verb);
        if *verb != "graph" {
            command.arg("--data-dir").arg(&self.data);
        }
        command.args(rest).envs(self.engines.environment()).env("PERRY_CONTAINER_BACKEND", self.backend);
        if let Some(front) = &self.front {
            command.env("DOCKER_HOST", format!("unix://{}", front.display()));
        }
        command.stdin(Stdio::null());
        command
    }

    /// A program where the commands of this project are started.
    fn started(&self, program: &Path) -> Command {
        let Some((first, rest)) = self.starter.split_first() else {
            return self.home.plain_command(program);
        };
        let mut command = self.home.plain_command(Path::new(first));
        command.args(rest).arg(program);
        command
    }

    /// The engine's own client.
    pub(super) fn client(&self, words: &[&str]) -> Ran {
        let mut client = self.started(Path::new(self.backend));
        client.args(words).env_clear().envs(self.engines.environment());
        Ran::from(client.output().expect("the client starts"))
    }

    pub(super) fn compose(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("the program starts"))
    }

    /// As `compose`, again for as long as another run has the project: who waits for it does so for ten seconds.
    pub(super) fn compose_in_turn(&self, args: &[&str]) -> Ran {
        let begun = Instant::now();
        loop {
            let ran = self.compose(args);
            if !ran.stderr.contains("is being worked on by") || begun.elapsed() > Duration::from_secs(60) {
                return ran;
            }
        }
    }

    /// `up -d` under the policy.
    pub(super) fn up(&self, more: &[&str]) -> Ran {
        self.compose(&[&["up", "-d", "--policy", "policy.toml"], more].concat())
    }

    pub(super) fn comes_up(&self) {
        let ran = self.up(&["--wait"]);
        assert_eq!(ran.code, 0, "{}: {ran:?}", self.backend);
    }

    /// `up -d` that goes on by itself.
    pub(super) fn spawn_up(&self) -> Child {
        let mut command = self.command(&["up", "-d", "--policy", "policy.toml"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// What `ps` says of each sandbox: service, id, status.
    pub(super) fn ps(&self) -> Vec<(String, String, String)> {
        let ran = self.compose(&["ps", "-a", "--format", "json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let field = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let read = |line: &str| {
            let value: Value = serde_json::from_str(line).expect("a line of JSON");
            (field(&value, "service"), field(&value, "id"), field(&value, "status"))
        };
        ran.stdout.lines().map(read).collect()
    }

    /// The id of a service's only sandbox.
    pub(super) fn id(&self, service: &str) -> String {
        let all = self.ps();
        let one = all.iter().find(|(name, _, _)| name == service);
        one.unwrap_or_else(|| panic!("{service} is not in {all:?}")).1.clone()
    }

    /// Runs a line of shell in a service.
    pub(super) fn exec(&self, service: &str, line: &str) -> Ran {
        Ran::from(self.exec_command(service, line).output().expect("the program starts"))
    }

    /// What a line of shell says in the service `web`.
    pub(super) fn said(&self, line: &str) -> String {
        let ran = self.exec("web", &format!("cd /bin; {{ {line}; }} 2>&1"));
        assert_eq!(ran.stderr, "", "{}: {ran:?}", self.backend);
        ran.stdout
    }

    pub(super) fn exec_command(&self, service: &str, line: &str) -> Command {
        let plain = self.home.command(&["exec", &self.id(service), "/bin/busybox", "sh", "-c", line]);
        let mut command = self.started(Path::new(plain.get_program()));
        command.args(plain.get_args());
        command.envs(self.engines.environment()).stdin(Stdio::null());
        command
    }

    /// Everything that there is of this project: in the records, on the backend, and in the folders of both.
    pub(super) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = self.ps().into_iter().map(|one| format!("{one:?}")).collect();
        let mine = |text: &str| text.contains(&self.name);
        for folder in [PathBuf::from("/run/perry-sandbox/networks"), self.data.join("volumes")] {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            left.extend(entries.map(|entry| entry.path().display().to_string()).filter(|path| mine(path)));
        }
        let lists = [["ps", "--all"], ["network", "ls"], ["volume", "ls"]];
        for list in lists.iter().filter(|_| self.backend != "native") {
            let said = self.client(list);
            left.extend(said.stdout.lines().filter(|line| mine(line)).map(str::to_owned));
        }
        left
    }

    /// Waits until something holds.
    pub(super) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{}: waited in vain until {what}",
                self.backend
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // A test that failed leaves nothing to those that follow: the engine itself is asked, whoever stood before it.
        self.front = None;
        let mut command = self.command(&["down", "-v", "-t", "0"]);
        drop(command.stderr(Stdio::null()).stdout(Stdio::null()).status());
    }
}

/// A database that is well once it has its data, and a web service that asks it.
pub(super) fn services(port: u16) -> String {
    format!(
        "services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, httpd, -f, -p, '8000', -h, /tmp]
    depends_on: {{db: {{condition: service_healthy}}}}
    ports: ['{port}:8000']
    restart: on-failure
  db:
    image: oci:examples/hello/image
    command: [/bin/busybox, sh, -c, 'echo started >>/data/log; exec /bin/busybox nc -ll -p 5432 -e /bin/busybox cat /data/log']
    volumes: ['data:/data']
    healthcheck: {{test: [CMD, /bin/busybox, test, -s, /data/log], interval: 300ms}}
    mem_limit: 64m
volumes: {{data: }}
"
    )
}
