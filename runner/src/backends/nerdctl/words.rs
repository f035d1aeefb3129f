//! The words of a `nerdctl run`.

use std::path::Path;

use perry_sandbox_policy::LaunchPlan;

use super::super::limits::{self, Writable};
use super::super::script::Given;

/// Where the plan's filter is, in a sandbox's folder.
pub(super) const SECCOMP: &str = "seccomp.json";

/// What is the same for every plan. A driver of logs that writes nothing exists since nerdctl 2.0
/// (<https://github.com/containerd/nerdctl/pull/3633>); an older one refuses the word.
const FIXED: &str = "run --pull=never --net=none --read-only --cap-drop=ALL --security-opt=no-new-privileges --ipc=private \
    --cgroupns=private --hostname=sandbox --umask=0022 --log-driver=none --sig-proxy=false --restart=no \
    --stop-signal=SIGKILL --interactive";

/// All of them, up to the program's own.
///
/// SECURITY: the image is named by its manifest's digest, and without the algorithm: with it, a tag could have the same name
/// (pkg/idutil/imagewalker looks for names first, and no name may have this form).
pub(super) fn words(plan: &LaunchPlan, folder: &Path, name: &str, image: &str) -> Vec<String> {
    let process = &plan.process;
    let mut words: Vec<String> = FIXED.split_whitespace().map(str::to_owned).collect();
    let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
    flag("name", name.to_owned());
    flag("label", format!("perry-sandbox.run={name}"));
    flag("security-opt", format!("seccomp={}", folder.join(SECCOMP).display()));
    for cap in plan.linux_caps.iter() {
        flag("cap-add", cap.name().to_owned());
    }
    flag("user", format!("{}:{}", process.user.uid, process.user.gid));
    flag("workdir", process.cwd.clone());
    for (variable, value) in &process.env {
        flag("env", format!("{variable}={value}"));
    }
    flag("tmpfs", format!("/tmp:rw,nosuid,nodev,noexec,size={},mode=1777", Writable::of(plan).tmp));
    for (name, value) in limits::flags(plan) {
        flag(name, value);
    }
    for (source, file) in Given::places(plan, folder) {
        flag(
            "mount",
            format!(
                "type=bind,src={},dst={},ro=true,bind-propagation=private,bind-nonrecursive=true",
                source.display(),
                file.path
            ),
        );
    }
    let mut argv = process.argv.iter();
    flag("entrypoint", argv.next().cloned().unwrap_or_default());
    words.push(image.to_owned());
    // It takes a first `--` for its own (pkg/cmd/container/create.go).
    if process.argv.get(1).is_some_and(|word| word == "--") {
        words.push("--".to_owned());
    }
    words.extend(argv.cloned());
    words
}
