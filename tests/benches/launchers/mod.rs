//! The field's own launchers, each with what it is hardened with by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use perry_sandbox_testkit::is_root;
use tempfile::TempDir;

/// Makes one command.
pub type Make<'a> = Box<dyn Fn() -> Command + 'a>;

/// What stands around a program in bwrap.
pub const BWRAP: &str = "namespaces, no caps; no seccomp, no limits";

/// Those that are installed, and what they need.
pub struct Launchers {
    pub(crate) root: PathBuf,
    pub(crate) storage: TempDir,
}

impl Launchers {
    /// Launchers of programs in that root.
    pub fn new(root: PathBuf) -> Self {
        Self { root, storage: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Name, walls and commands of all that are installed.
    pub fn all<'a>(&'a self, program: &'a [&'a str]) -> Vec<(&'static str, &'static str, Make<'a>)> {
        let mut all: Vec<(_, _, Make<'a>)> = Vec::new();
        if let Some(bwrap) = installed("bwrap") {
            let make = move || {
                let mut command = Command::new(&bwrap);
                command.args(bwrap_words(&self.root, program));
                command
            };
            all.push(("bwrap", BWRAP, Box::new(make)));
        }
        if !is_root() {
            return all;
        }
        for name in ["crun", "runc"] {
            if let Some(runtime) = installed(name) {
                let bundle = bundle(&runtime, &self.root, program);
                let make = move || oci(&runtime, bundle.path());
                all.push((name, "its own default configuration, with a cgroup", Box::new(make)));
            }
        }
        if let Some(podman) = installed("podman") {
            let walls = "no caps, no network, read-only, its own seccomp profile, limits";
            all.push(("podman, hardened", walls, Box::new(move || self.podman(&podman, program))));
        }
        all
    }

    fn podman(&self, podman: &Path, program: &[&str]) -> Command {
        let mut command = Command::new(podman);
        command.args(podman_words(self.storage.path(), &[])).arg(&self.root).args(program);
        command
    }
}

/// podman's arguments for a hardened run, with more of them, up to the root.
pub(crate) fn podman_words(storage: &Path, more: &[String]) -> Vec<String> {
    const ENGINE: &str = "--storage-driver vfs --runtime runc --cgroup-manager cgroupfs";
    const HARDENED: &str = "run --rm --network none --read-only --read-only-tmpfs=false --cap-drop ALL \
        --security-opt no-new-privileges --user 65534:65534 --pids-limit 64 --memory 64m --memory-swap 64m \
        --ulimit nofile=256:256 --ulimit nproc=512:512 --ulimit core=0:0 --ulimit memlock=65536:65536 \
        --ulimit fsize=16777216:16777216 --shm-size 16m --hostname sandbox \
        --tmpfs /tmp:rw,nosuid,nodev,noexec,size=16m,mode=1777";
    let places = [("--root", "root"), ("--runroot", "run")];
    let places =
        places.iter().flat_map(|(flag, name)| [(*flag).to_owned(), storage.join(name).display().to_string()]);
    let mut words: Vec<String> = ENGINE.split_whitespace().map(str::to_owned).chain(places).collect();
    words.extend(HARDENED.split_whitespace().map(str::to_owned));
    words.extend_from_slice(more);
    words.push("--rootfs".to_owned());
    words
}

/// bwrap's arguments for a hardened run.
pub fn bwrap_words(root: &Path, program: &[&str]) -> Vec<String> {
    let root = root.display().to_string();
    let before =
        ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--ro-bind", &root, "/"];
    let mounts = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
    before.iter().chain(&mounts).chain(program).map(|word| (*word).to_owned()).collect()
}

pub(crate) fn oci(runtime: &Path, bundle: &Path) -> Command {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    // crun refuses a machine with both kinds of cgroups; hiding the second kind is how it runs on one.
    let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", script, "sh"]).arg(runtime);
    command.arg("run").arg("-b").arg(bundle).arg(name);
    command
}

/// A program of `PATH`.
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The runtime's own default bundle, with the program and without a terminal.
fn bundle(runtime: &Path, root: &Path, program: &[&str]) -> TempDir {
    bundle_of(runtime, |config| {
        config["process"]["terminal"] = false.into();
        config["process"]["args"] = serde_json::json!(program);
        config["root"] = serde_json::json!({ "path": root, "readonly": true });
    })
}

/// The runtime's own default bundle, changed.
pub(crate) fn bundle_of(runtime: &Path, change: impl FnOnce(&mut serde_json::Value)) -> TempDir {
    let bundle = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new(runtime).arg("spec").current_dir(bundle.path()).status();
    assert!(made.is_ok_and(|status| status.success()), "the runtime writes a bundle");
    let file = bundle.path().join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it was written")).expect("JSON");
    change(&mut config);
    std::fs::write(&file, config.to_string()).expect("the bundle can be written");
    bundle
}
