//! The words of a `nerdctl run`.

use std::path::Path;

use perry_sandbox_policy::LaunchPlan;

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
    let (process, limits) = (&plan.process, &plan.limits);
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
    let disk = limits.disk.bytes();
    let tmp = plan.tmp.bytes().min(disk);
    let shm = tmp.div_euclid(4);
    flag("shm-size", format!("{shm}b"));
    flag("tmpfs", format!("/tmp:rw,nosuid,nodev,noexec,size={},mode=1777", tmp.saturating_sub(shm)));
    for (limit, value) in [
        ("nofile", u64::from(limits.open_files.get())),
        ("nproc", u64::from(limits.pids.get())),
        ("fsize", disk),
        ("core", 0),
        ("memlock", 65_536),
        ("msgqueue", 0),
    ] {
        flag("ulimit", format!("{limit}={value}:{value}"));
    }
    flag("memory", format!("{}b", limits.memory.bytes()));
    flag("memory-swap", format!("{}b", limits.memory.bytes()));
    let milli = limits.cpu.0.get();
    flag("cpus", format!("{}.{:03}", milli.div_euclid(1000), milli.rem_euclid(1000)));
    flag("pids-limit", limits.pids.get().to_string());
    for secret in &plan.secrets {
        let source = folder.join("secrets").join(secret.as_str());
        flag(
            "mount",
            format!(
                "type=bind,src={},dst=/run/secrets/{secret},ro=true,bind-propagation=private,bind-nonrecursive=true",
                source.display()
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
