//! Engines that are none: scripts in the place of their clients, and a socket that answers what a test wants.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use perry_sandbox_testkit::example::{blob, json, parts};
use perry_sandbox_testkit::{As, Home, Ran, crate_root};
use serde_json::Value;

use crate::wall::Wall;

/// A home with nothing in `PATH` but what a test puts there.
#[derive(Debug)]
pub struct Fakes {
    wall: Wall,
    pub home: Home,
}

/// A podman that is well, and notes what it is called with; what is done for `info` and `run` is the test's.
pub fn podman(info: &str, run: &str) -> String {
    format!(
        r#"case " $* " in
*" info "*) {info} ;;
*" image exists "*) exit 0 ;;
*" run "*)
  for word in "$@"; do case $word in --pidfile=*) echo $$ >"${{word#*=}}" ;; esac; done
  {run} ;;
esac"#
    )
}

/// Writes down what podman does of the example's image and its layer.
fn keep(home: &Home) {
    let manifest = json(&blob(home, &parts(home).manifest));
    let config = manifest["config"]["digest"].as_str().expect("a digest");
    let layer = json(&blob(home, config))["rootfs"]["diff_ids"][0].clone();
    let store = home.path().join("store");
    let id = config.trim_start_matches("sha256:");
    for (name, text) in [
        ("overlay-images/images.json", serde_json::json!([{ "id": id, "layer": "low" }])),
        ("overlay-layers/layers.json", serde_json::json!([{ "id": "low", "diff-digest": layer }])),
    ] {
        let file = store.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("the home can be written");
        fs::write(file, text.to_string()).expect("the home can be written");
    }
}

impl Fakes {
    /// For a backend that is pinned by [`Fakes::run`].
    pub fn new(backend: &'static str) -> Self {
        let wall = Wall::new(backend, As::Me);
        let home = wall.home();
        fs::create_dir(home.path().join("bin")).expect("the home can be written");
        for name in ["podman-4.3.1-info-root.json", "docker-20.10.24-info.json"] {
            let recorded = crate_root().join("runner/src/backends/recorded").join(name);
            // Without a runtime that this machine may not be able to use, and with a store of the home's own.
            let text = fs::read_to_string(recorded).expect("it is recorded");
            let text = text.replace("/usr/bin/crun", "/usr/sbin/runc");
            let store = home.path().join("store").display().to_string();
            let text = text.replace("/var/lib/containers/storage", &store);
            fs::write(home.path().join(name), text).expect("the home can be written");
        }
        keep(&home);
        Self { wall, home }
    }

    /// A file of the home.
    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Puts a program there, which notes its arguments. Another process writes it: what is open for writing cannot be
    /// executed.
    pub fn program(&self, name: &str, script: &str) -> PathBuf {
        let file = self.file("bin").join(name);
        let log = self.file("calls");
        let text = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\nhere={}\n{{ printf '%s\\036' {name} \"$@\"; printf '\\n'; }} >>{}\n{script}\n",
            self.home.path().display(),
            log.display()
        );
        let mut write = Command::new("sh");
        write.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(&file).stdin(Stdio::piped());
        let mut child = write.spawn().expect("sh starts");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("sh reads");
        assert!(child.wait().is_ok_and(|status| status.success()));
        file
    }

    /// Every call of a program, as its words.
    pub fn calls(&self, program: &str) -> Vec<Vec<String>> {
        let log = fs::read_to_string(self.file("calls")).unwrap_or_default();
        let calls = log.split("\u{1e}\n").filter(|call| !call.is_empty());
        let calls = calls.map(|call| call.split('\u{1e}').map(str::to_owned).collect::<Vec<_>>());
        calls.filter(|call| call.first().is_some_and(|name| name == program)).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.wall.command(&self.home, args);
        command.env("PATH", self.file("bin"));
        command.env("DOCKER_HOST", format!("unix://{}", self.file("docker.sock").display()));
        command
    }

    /// Any command of the program.
    pub fn ask(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).stdin(Stdio::null()).output().expect("the program starts"))
    }

    /// Runs the example on the backend.
    pub fn run(&self, flags: &[&str]) -> Ran {
        let fixed = ["run", "--quiet", "--backend", self.wall.name, "--key", crate::KEY];
        self.ask(&[&fixed[..], flags, &[crate::IMAGE, "--", "/bin/busybox", "true"]].concat())
    }

    /// What `backends` says of one that it does not find alive.
    pub fn absence(&self, backend: &str) -> Value {
        let ran = self.ask(&["backends", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
        let alive: Vec<_> =
            report["backends"].as_array().expect("a list").iter().map(|it| &it["name"]).collect();
        assert!(alive.contains(&&serde_json::json!("native")), "{report}");
        let absent = report["absent"].as_array().expect("a list").iter().find(|it| it["name"] == backend);
        absent.cloned().unwrap_or_else(|| panic!("{backend} is not among the absent: {report}"))
    }
}

/// A docker engine's socket.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    asked: Arc<Mutex<Vec<(String, String)>>>,
    keeps_running: Arc<AtomicBool>,
}

/// Changes what an engine says of a container that it has made.
pub type Change = fn(&mut Value);

impl Engine {
    /// Listens there, with every image, and makes containers as `change` has them.
    pub fn listen(socket: &Path, info: Value, change: Change) -> Self {
        let engine = Self::default();
        let listener = UnixListener::bind(socket).expect("a socket of the home");
        let own = engine.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, info) = (own.clone(), info.clone());
                std::thread::spawn(move || own.answer(&stream, &info, change));
            }
        });
        engine
    }

    /// What it was asked: method and path, and the body.
    pub fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().expect("no test panics with it").clone()
    }

    /// The body of the question that makes a container.
    pub fn created(&self) -> Option<Value> {
        let asked = self.asked();
        let body = asked.iter().rev().find(|(what, _)| what.contains("/containers/create"));
        body.map(|(_, body)| serde_json::from_str(body).expect("it is JSON"))
    }

    /// Whether it was asked to start a container.
    pub fn has_started(&self) -> bool {
        self.asked().iter().any(|(what, _)| what.ends_with("/start"))
    }

    /// Says of no container that it has ended.
    pub fn keep_running(&self) {
        self.keeps_running.store(true, Ordering::Relaxed);
    }

    fn answer(&self, mut stream: &UnixStream, info: &Value, change: Change) {
        let mut reader = BufReader::new(stream);
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        drop(reader.read_line(&mut first));
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a number");
            }
            line.clear();
        }
        let mut body = vec![0; length];
        drop(reader.read_exact(&mut body));
        let what = first.rsplit_once(' ').map_or("", |(what, _)| what).to_owned();
        self.asked
            .lock()
            .expect("no test panics with it")
            .push((what.clone(), String::from_utf8_lossy(&body).into()));
        let (status, answer) = match what.split_once(' ').unwrap_or_default() {
            ("GET", path) if path.ends_with("/info") => (200, info.clone()),
            ("GET", path) if path.contains("/images/") => (200, serde_json::json!({})),
            ("POST", path) if path.contains("/create") => {
                (201, serde_json::json!({ "Id": "fake", "Warnings": [] }))
            }
            ("GET", path) if path.contains("/containers/") => {
                let state = serde_json::json!({ "Running": false, "ExitCode": 0, "Error": "", "StartedAt": "2026-11-29T12:00:00Z" });
                let body = self.created().unwrap_or_default();
                let mut made = serde_json::json!({ "Config": body, "HostConfig": body["HostConfig"], "Image": body["Image"], "State": state });
                change(&mut made);
                (200, made)
            }
            ("DELETE", _) => (204, Value::Null),
            ("POST", path) if path.contains("/attach") => (101, Value::Null),
            ("POST", path) if path.ends_with("/start") => (204, Value::Null),
            ("POST", path) if path.ends_with("/wait") => {
                while self.keeps_running.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(50));
                }
                (200, serde_json::json!({ "StatusCode": 0 }))
            }
            _ => (404, serde_json::json!({ "message": "no such page" })),
        };
        let text = if answer.is_null() { String::new() } else { answer.to_string() };
        // Whoever asked may have gone.
        drop(write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
    }
}

/// What a real docker has said of itself.
pub fn docker_info() -> Value {
    let file = crate_root().join("runner/src/backends/recorded/docker-20.10.24-info.json");
    serde_json::from_slice(&fs::read(file).expect("it is recorded")).expect("it is JSON")
}
