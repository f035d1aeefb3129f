//! Engines of this process's own: a store for podman, a docker daemon in namespaces of its own, and what is fetched of gVisor.
//!
//! A shell holds all of it. It reads from a pipe that only the end of this process closes, however this process ends; then it
//! ends the daemon, with which its namespaces and all in them go, and removes what is left on disk. What podman made of the
//! machine's own network is known by its store only: whatever still runs in there goes before that does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{is_root, peer, skip};
use serde_json::Value;

/// Where programs are looked for beside what was fetched.
const FOLDERS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Ends what this process started, when this process has ended. `$0` is the folder, `$1` the name of the control group. A daemon
/// that was killed is started again when somebody makes the file `again`.
const KEEPER: &str = r#"trap '' HUP INT TERM
if command -v dockerd >/dev/null; then
  setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child=KILL --mount-proc \
    sh -c 'while :; do
      dockerd --data-root "$0/docker" --exec-root "$0/exec" -p "$0/dockerd.pid" -H "unix://$0/docker.sock" \
        --bridge=none --iptables=false --ip6tables=false --cgroup-parent "/$1" --log-level warn
      until [ -e "$0/again" ]; do sleep 0.1; done
      rm "$0/again"
    done' "$0" "$1" >"$0/dockerd.log" 2>&1 &
  daemon=$!
fi
cat >/dev/null
[ -n "$daemon" ] && kill -KILL "$daemon" && wait "$daemon"
if [ -d "$0/podman/root" ]; then
  export CONTAINERS_STORAGE_CONF="$0/storage.conf"
  for try in 1 2; do podman rm --all --force --time 0; sleep 1; done
  podman network ls --format '{{.Name}}' | grep -E "[^0-9]${1##*-}[_-]" | xargs -r podman network rm
fi
umount -l "$0/podman/root/overlay" 2>/dev/null
for try in 1 2 3 4 5; do rm -rf "$0" 2>/dev/null && break; sleep 1; done
find /sys/fs/cgroup -depth -type d -path "*/$1*" -exec rmdir {} + 2>/dev/null"#;

/// What this process has of its own.
#[derive(Debug)]
pub struct Engines {
    folder: PathBuf,
    group: String,
    /// Its input is never written to, and closed by the end of this process.
    _keeper: Child,
}

/// They are made once.
pub fn engines() -> &'static Engines {
    static ENGINES: OnceLock<Engines> = OnceLock::new();
    ENGINES.get_or_init(|| Engines::start(""))
}

/// Others, whose daemon a test may kill: made once, where somebody wants them.
pub fn mortal() -> &'static Engines {
    static MORTAL: OnceLock<Engines> = OnceLock::new();
    MORTAL.get_or_init(|| {
        let engines = Engines::start("m");
        if let Some(why) = engines.dead() {
            panic!("{why}");
        }
        engines
    })
}

impl Engines {
    fn start(suffix: &str) -> Self {
        let name = format!("perry-sandbox-tests-{}{suffix}", std::process::id());
        let folder = tempfile::Builder::new().prefix(&name).tempdir().expect("a temporary folder").keep();
        // Podman and docker of this machine go on without: both have everything below this folder.
        for place in ["bin", "tmp", "podman"] {
            fs::create_dir(folder.join(place)).expect("a folder of ours");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let store = folder.join("podman").display().to_string();
        let conf = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{store}/root\"\nrunroot = \"{store}/run\"\n"
        );
        fs::write(folder.join("storage.conf"), conf).expect("a file of ours");
        if let Some(runsc) = peer("runsc") {
            std::os::unix::fs::symlink(runsc, folder.join("bin/runsc")).expect("a link of ours");
        }
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER]).arg(&folder).arg(&name);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let keeper = keeper.spawn().expect("sh starts");
        Self { folder, group: name, _keeper: keeper }
    }

    /// What a backend's tools need of the environment.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        let folder = self.folder.display();
        [
            ("PATH", format!("{folder}/bin:{FOLDERS}")),
            ("DOCKER_HOST", format!("unix://{folder}/docker.sock")),
            ("CONTAINERS_STORAGE_CONF", format!("{folder}/storage.conf")),
            ("TMPDIR", format!("{folder}/tmp")),
        ]
    }

    /// Everything of theirs on disk: podman's store is `podman` in it, and docker's `docker`.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// The control group below which docker puts its own.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// What podman of our store says.
    pub fn podman(&self, words: &[&str]) -> String {
        self.try_podman(words).unwrap_or_else(|| panic!("podman {words:?} fails"))
    }

    /// The same; nothing where it fails.
    pub fn try_podman(&self, words: &[&str]) -> Option<String> {
        let said = Command::new("podman").args(words).env_clear().envs(self.environment()).output();
        let said = said.expect("podman starts");
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned())
    }

    /// What our docker daemon answers.
    pub fn docker(&self, target: &str) -> Value {
        let body = self.ask(target).expect("the daemon answers");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{target}: {error} in {body}"))
    }

    /// The same as text; nothing where it says no.
    pub fn try_docker(&self, target: &str) -> Option<String> {
        self.ask(target).ok()
    }

    /// The docker daemon's process.
    pub fn docker_pid(&self) -> String {
        let words = format!(" dockerd --data-root {}/docker ", self.folder.display());
        let daemon = crate::life::processes(&[&words]).into_iter().next().expect("a daemon");
        daemon.trim_start_matches("/proc/").split(' ').next().expect("a number").to_owned()
    }

    /// Kills the docker daemon, and nothing else of it.
    pub fn kill_docker(&self) {
        let killed = Command::new("kill").args(["-KILL", &self.docker_pid()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        while self.ask("/_ping").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Has it started again.
    pub fn revive_docker(&self) {
        fs::write(self.folder.join("again"), "").expect("a file of ours");
        assert_eq!(self.dead(), None);
    }

    /// Waits for the daemon; gives what it says where it does not come.
    fn dead(&self) -> Option<String> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if self.ask("/_ping").is_ok() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = fs::read_to_string(self.folder.join("dockerd.log")).unwrap_or_default();
        Some(format!("its daemon does not come up: {log}"))
    }

    fn ask(&self, target: &str) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(self.folder.join("docker.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        // Of HTTP/1.0 there are no chunks.
        write!(stream, "GET {target} HTTP/1.0\r\nHost: docker\r\n\r\n")?;
        let mut all = String::new();
        stream.read_to_string(&mut all)?;
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        if head.contains(" 200 ") { Ok(body.to_owned()) } else { Err(std::io::Error::other(all)) }
    }
}

/// Whether a backend is there; said aloud where it is not.
pub fn is_present(backend: &'static str) -> bool {
    static PRESENT: [OnceLock<Option<String>>; 3] = [const { OnceLock::new() }; 3];
    let (at, look): (usize, fn() -> Option<String>) = match backend {
        "native" => return true,
        "podman" => (0, || missing(&["podman", "runc"])),
        "docker" => (1, || {
            let needed = ["docker", "dockerd", "containerd", "runc", "setpriv"];
            missing(&needed).or_else(|| engines().dead())
        }),
        "runsc" => (2, || peer("runsc").is_none().then(|| "set PERRY_SANDBOX_PEERS".to_owned())),
        other => panic!("no backend {other}"),
    };
    let why = PRESENT[at].get_or_init(|| {
        if is_root() { look() } else { Some("its own engines of these tests need root".to_owned()) }
    });
    if let Some(why) = why {
        skip(&format!("no {backend}: {why}"));
    }
    why.is_none()
}

fn missing(programs: &[&str]) -> Option<String> {
    let is_there =
        |program: &&&str| !FOLDERS.split(':').any(|folder| Path::new(folder).join(program).is_file());
    programs.iter().find(is_there).map(|program| format!("there is no {program}"))
}
