//! The field's launchers as hard as their own flags make them, and the same with our seccomp profile.

use std::path::Path;
use std::process::Command;

use perry_sandbox_profiles::masked_paths;
use perry_sandbox_testkit::is_root;
use serde_json::json;

use crate::launchers::{Launchers, Make, bundle_of, bwrap_words, installed, oci, podman_words};

/// Our profile in the forms that launchers read.
pub struct Profile<'a> {
    /// Seccomp JSON of the OCI runtime specification.
    pub oci: &'a Path,
    /// The filter's bytes.
    pub bpf: &'a Path,
}

impl Launchers {
    /// Name and command of all that are installed.
    pub fn hardened<'a>(
        &'a self,
        program: &'a [&'a str],
        profile: &'a Profile<'a>,
    ) -> Vec<(String, Make<'a>)> {
        let mut all: Vec<(String, Make<'a>)> = Vec::new();
        for (with, ours) in [("", None), (" and our seccomp profile", Some(profile))] {
            if let Some(bwrap) = installed("bwrap") {
                let make = move || bwrap_hardened(&bwrap, &self.root, program, ours);
                all.push((format!("bwrap, hardened{with}"), Box::new(make)));
            }
            if !is_root() {
                continue;
            }
            if let Some(crun) = installed("crun") {
                let bundle = bundle_of(&crun, |config| harden(config, &self.root, program, ours));
                let make = move || oci(&crun, bundle.path());
                all.push((format!("crun, hardened{with}"), Box::new(make)));
            }
            if let Some(podman) = installed("podman") {
                let make = move || {
                    let mut flags = vec![format!("--security-opt=mask={}", masks().join(":"))];
                    flags.extend(ours.map(|ours| format!("--security-opt=seccomp={}", ours.oci.display())));
                    let mut command = Command::new(&podman);
                    command.args(podman_words(self.storage.path(), &flags));
                    command.arg(&self.root).args(program);
                    command
                };
                all.push((format!("podman, hardened{with}"), Box::new(make)));
            }
        }
        all
    }
}

fn bwrap_hardened(bwrap: &Path, root: &Path, program: &[&str], profile: Option<&Profile<'_>>) -> Command {
    let mut words = vec!["--clearenv".to_owned(), "--unshare-user".to_owned(), "--disable-userns".to_owned()];
    words.extend(["--uid", "65534", "--gid", "65534", "--hostname", "sandbox"].map(str::to_owned));
    words.extend(bwrap_words(root, program));
    let Some(profile) = profile else {
        let mut command = Command::new(bwrap);
        command.args(words);
        return command;
    };
    // It reads the filter from a descriptor.
    let mut command = Command::new("sh");
    command.args(["-c", "exec 9<\"$1\"; shift; exec \"$@\"", "sh"]).arg(profile.bpf);
    command.arg(bwrap).args(["--seccomp", "9"]).args(words);
    command
}

/// What we mask. The files that they mask by themselves are among them.
fn masks() -> Vec<&'static str> {
    masked_paths().iter().map(|masked| masked.path()).collect()
}

/// What the runtime's default configuration leaves open by itself.
fn harden(config: &mut serde_json::Value, root: &Path, program: &[&str], profile: Option<&Profile<'_>>) {
    let process = &mut config["process"];
    process["terminal"] = false.into();
    process["args"] = json!(program);
    process["user"] = json!({ "uid": 65534, "gid": 65534 });
    process["capabilities"] = json!({});
    process["noNewPrivileges"] = true.into();
    process["rlimits"] = json!([
        { "type": "RLIMIT_NOFILE", "soft": 256, "hard": 256 },
        { "type": "RLIMIT_NPROC", "soft": 512, "hard": 512 },
        { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
        { "type": "RLIMIT_MEMLOCK", "soft": 65536, "hard": 65536 },
        { "type": "RLIMIT_FSIZE", "soft": 16 << 20, "hard": 16 << 20 },
    ]);
    config["root"] = json!({ "path": root, "readonly": true });
    config["hostname"] = "sandbox".into();
    config["linux"]["maskedPaths"] = json!(masks());
    config["linux"]["resources"] =
        json!({ "pids": { "limit": 64 }, "memory": { "limit": 64 << 20, "swap": 64 << 20 } });
    let tmp = json!({ "destination": "/tmp", "type": "tmpfs", "source": "tmpfs",
        "options": ["nosuid", "nodev", "noexec", "size=16m", "mode=1777"] });
    if let Some(mounts) = config["mounts"].as_array_mut() {
        // The control groups of the host are nothing that a program needs.
        mounts.retain(|mount| mount["type"] != "cgroup");
        mounts.push(tmp);
    }
    if let Some(namespaces) = config["linux"]["namespaces"].as_array_mut() {
        namespaces.push(json!({ "type": "cgroup" }));
    }
    if let Some(profile) = profile {
        let text = std::fs::read(profile.oci).expect("the profile can be read");
        config["linux"]["seccomp"] = serde_json::from_slice(&text).expect("the profile is JSON");
    }
}
