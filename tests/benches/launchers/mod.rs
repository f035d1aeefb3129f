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
    root: PathBuf,
    storage: TempDir,
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
        const ENGINE: [&str; 6] =
            ["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs"];
        const HARDENED: &str = "run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges \
            --user 65534:65534 --pids-limit 64 --memory 64m --ulimit nofile=1024:1024 --ulimit nproc=512:512 --rootfs";
        let mut command = Command::new(podman);
        command.args(ENGINE).arg("--root").arg(self.storage.path().join("root"));
        command.arg("--runroot").arg(self.storage.path().join("run"));
        command.args(HARDENED.split_whitespace()).arg(&self.root).args(program);
        command
    }
}

/// bwrap's arguments for a hardened run.
pub fn bwrap_words(root: &Path, program: &[&str]) -> Vec<String> {
    let root = root.display().to_string();
    let before =
        ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--ro-bind", &root, "/"];
    let mounts = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
    before.iter().chain(&mounts).chain(program).map(|word| (*word).to_owned()).collect()
}

fn oci(runtime: &Path, bundle: &Path) -> Command {
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
    let bundle = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new(runtime).arg("spec").current_dir(bundle.path()).status();
    assert!(made.is_ok_and(|status| status.success()), "the runtime writes a bundle");
    let file = bundle.path().join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it was written")).expect("JSON");
    config["process"]["terminal"] = false.into();
    config["process"]["args"] = serde_json::json!(program);
    config["root"] = serde_json::json!({ "path": root, "readonly": true });
    std::fs::write(&file, config.to_string()).expect("the bundle can be written");
    bundle
}
