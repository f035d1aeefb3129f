//! The words of a `podman run`.

use std::path::Path;

use perry_sandbox_policy::{Control, LaunchPlan, MountAccess, Terminal};
use perry_sandbox_profiles::{MaskedPath, masked_paths};

use super::super::limits::{self, Writable};
use super::super::project;
use super::super::script::{Given, PID_FILE};
use crate::demands::PlanError;
use crate::native::{RANGE_BASE, RANGE_LENGTH};

/// The filter, in a sandbox's folder.
pub(super) const SECCOMP: &str = "seccomp.json";
/// What is the same for every plan. A flag and its value are one word: then neither is taken for something else.
const FIXED: &str = "run --rm --pull=never --read-only --read-only-tmpfs=false --image-volume=ignore \
    --cap-drop=ALL --security-opt=no-new-privileges --http-proxy=false --unsetenv-all --ipc=private --pid=private \
    --uts=private --cgroupns=private --no-hosts --passwd=false --umask=0022 \
    --tmpfs=/dev:ro,nosuid,noexec,size=64k,mode=755 --log-driver=none --sig-proxy=false --systemd=false \
    --no-healthcheck --stop-signal=SIGKILL --stop-timeout=0 --interactive";

/// What a plan becomes, up to the image.
pub(super) fn words(
    plan: &LaunchPlan,
    rootless: bool,
    init: Option<&Path>,
    folder: &Path,
    name: &str,
) -> Result<Vec<String>, PlanError> {
    let process = &plan.process;
    let mut words: Vec<String> = FIXED.split_whitespace().map(str::to_owned).collect();
    if process.terminal == Terminal::Own {
        // With a /dev of ours it leaves out what terminals are made in; and whoever left by a key would leave a sandbox
        // that nobody supervises.
        let devices = "--mount=type=devpts,destination=/dev/pts";
        words.extend(["--tty", devices, "--detach-keys="].map(str::to_owned));
    }
    let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
    for (name, value) in project::podman(plan, folder)? {
        flag(name, value);
    }
    for sysctl in &plan.system.sysctls {
        flag("sysctl", sysctl.to_string());
    }
    if let Some(score) = plan.system.oom_score {
        flag("oom-score-adj", score.number().to_string());
    }
    flag("init", init.is_some().to_string());
    if let Some(path) = init {
        flag("init-path", path.display().to_string());
    }
    flag("name", name.to_owned());
    flag("hostname", plan.system.host_name().to_owned());
    flag("pidfile", folder.join(PID_FILE).display().to_string());
    flag("label", format!("perry-sandbox.run={name}"));
    flag("security-opt", format!("seccomp={}", folder.join(SECCOMP).display()));
    let masked: Vec<&str> = masked_paths().iter().map(MaskedPath::path).chain(["/sys/fs/cgroup"]).collect();
    flag("security-opt", format!("mask={}", masked.join(":")));
    if !rootless {
        flag("uidmap", format!("0:{RANGE_BASE}:{RANGE_LENGTH}"));
    }
    for cap in plan.linux_caps.iter() {
        flag("cap-add", cap.name().to_owned());
    }
    flag("user", format!("{}:{}", process.user.uid, process.user.gid));
    flag("workdir", process.cwd.clone());
    // podman sets these two where nobody does, and nothing else.
    for (variable, value) in [("HOME", "/"), ("HOSTNAME", plan.system.host_name())] {
        if process.env.get(variable).is_none_or(String::is_empty) {
            flag("env", format!("{variable}={value}"));
        }
    }
    for (variable, value) in process.env.iter().filter(|(name, value)| *name != "HOME" || !value.is_empty()) {
        flag("env", format!("{variable}={value}"));
    }
    // The folder keeps the mode that it has in the image; it is the user's own all the same.
    let mut memory = |path: &str, size: u64| {
        flag("tmpfs", format!("{path}:rw,nosuid,nodev,noexec,size={size},mode=1777,notmpcopyup,U"));
    };
    memory("/tmp", Writable::of(plan).tmp);
    plan.memory.iter().for_each(|folder| memory(folder.path.as_str(), folder.size.bytes()));
    for (name, value) in limits::flags(plan) {
        flag(name, value);
    }
    for mount in &plan.mounts {
        flag("mount", bind(&mount.source, mount.target.as_str(), mount.access)?);
    }
    for (source, file) in Given::places(plan, folder) {
        flag("mount", bind(&source.display().to_string(), file.path.as_str(), MountAccess::Read)?);
    }
    let argv = serde_json::to_string(&process.argv)
        .map_err(|error| PlanError::Written { what: "the program's words", why: error.to_string() })?;
    flag("entrypoint", argv);
    Ok(words)
}

/// One folder or file of the host inside.
///
/// SECURITY: the format has no way to write a comma, so a path with one could add options of its own.
fn bind(source: &str, target: &str, access: MountAccess) -> Result<String, PlanError> {
    if [source, target].iter().any(|path| path.contains([',', '"', '\n', '='])) {
        return Err(PlanError::NotEnforceable {
            backend: "podman",
            control: Control::MountsRead,
            why: format!(
                "podman cannot be given the path `{source}`: it has a comma, quote, equals sign or line break"
            ),
            remedy: Some("use another path, or the backend `native`".to_owned()),
        });
    }
    let access = match access {
        MountAccess::Read => ",ro=true,noexec",
        MountAccess::Write => ",noexec",
        MountAccess::Execute => ",ro=true",
    };
    Ok(format!(
        "type=bind,src={source},dst={target},bind-propagation=private,bind-nonrecursive=true,nosuid,nodev{access}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_add_options() {
        assert!(bind("/a,rw", "/a,rw", MountAccess::Read).is_err());
        assert!(bind("/a", "/b", MountAccess::Read).unwrap().ends_with("nosuid,nodev,ro=true,noexec"));
        assert!(bind("/a", "/b", MountAccess::Write).unwrap().ends_with("nosuid,nodev,noexec"));
        assert!(bind("/a", "/b", MountAccess::Execute).unwrap().ends_with("nosuid,nodev,ro=true"));
    }
}
