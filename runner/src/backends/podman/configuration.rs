//! podman's configuration, in the place of the system's and the user's own.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::tool::Call;
use super::engine::Podman;
use crate::native::check_owner;

/// What it says less by.
pub(super) const QUIET: &str = "--log-level=fatal";
const CONF: &str = "containers.conf";
/// What it would mount into every container, from `mounts.conf` of the system or the user: nothing.
const NO_MOUNTS: &str = "mounts.conf";
/// Where its hooks would be: there is no such folder.
const HOOKS: &str = "no-hooks";
/// Nothing of the user's or the system's own: in there could be folders, devices, hooks and variables for every container.
const CONF_TEXT: &str = "\
[containers]
default_sysctls = []
env = []
http_proxy = false

[engine]
events_logger = \"none\"
hooks_dir = []
";

/// Said where the user's own configuration may say it: without it podman may take another.
const NETAVARK_TEXT: &str = "
[network]
network_backend = \"netavark\"
";

/// Makes names of files that are being written unlike each other within a process.
static TURN: AtomicU64 = AtomicU64::new(0);

impl Podman {
    /// A call with our configuration in the place of its own.
    pub(in super::super) fn call(&self, runtime: &Path, words: &[&str]) -> Call {
        let home = home(runtime);
        let mut call = Call::new(&self.program, [QUIET]).with_env(&self.env);
        call.args.push(format!("--runtime={}", self.info.runtime.display()));
        call.args.push(format!("--cgroup-manager={}", self.info.cgroup_manager));
        call.args.push(format!("--hooks-dir={}", home.join(HOOKS).display()));
        call.args.push(format!("--default-mounts-file={}", home.join(NO_MOUNTS).display()));
        // A driver that knows no such option refuses it.
        if self.info.driver == "overlay" {
            call.args.push("--storage-opt=overlay.mountopt=nosuid,nodev".to_owned());
        }
        call.args.extend(words.iter().map(|word| (*word).to_owned()));
        call.env.insert("CONTAINERS_CONF".to_owned(), home.join(CONF).display().to_string());
        call
    }

    /// Writes the configuration that its calls have.
    pub(in super::super) fn furnish(&self, runtime: &Path) -> io::Result<()> {
        let home = home(runtime);
        let mut conf = CONF_TEXT.to_owned();
        if self.info.netavark {
            conf.push_str(NETAVARK_TEXT);
        }
        DirBuilder::new().mode(0o700).recursive(true).create(&home)?;
        check_owner(&home)?;
        for (name, text) in [(CONF, conf.as_str()), (NO_MOUNTS, "")] {
            if fs::read_to_string(home.join(name)).is_ok_and(|found| found == text) {
                continue;
            }
            // Networks and volumes are asked about by two threads, and each may be the first.
            let turn = TURN.fetch_add(1, Ordering::Relaxed);
            let early = home.join(format!("{name}.{}-{turn}", std::process::id()));
            fs::write(&early, text)?;
            fs::rename(early, home.join(name))?;
        }
        Ok(())
    }
}

/// Where its configuration of ours is.
fn home(runtime: &Path) -> PathBuf {
    runtime.join("podman")
}
