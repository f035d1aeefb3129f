//! The words of a `container create`. A flag and its value are one word: a value that begins with a dash would be taken for
//! another flag.

use perry_sandbox_policy::{Control, LaunchPlan};
use perry_sandbox_profiles::{MaskedPath, ReadOnlyPath, masked_paths, read_only_paths};

use crate::demands::PlanError;

/// What is the same for every plan. `none` is no network's name, and means no interface
/// (<https://github.com/apple/container/pull/739>).
const FIXED: &str = "create --network=none --no-dns --read-only --cap-drop=ALL --tmpfs=/tmp --interactive";
const MEBIBYTE: u64 = 1 << 20;

/// All of them, up to the program's own.
pub(super) fn words(plan: &LaunchPlan, name: &str, image: &str) -> Result<Vec<String>, PlanError> {
    let (process, limits) = (&plan.process, &plan.limits);
    let milli = limits.cpu.0.get();
    if milli.rem_euclid(1000) != 0 {
        return Err(PlanError::NotEnforceable {
            backend: "apple",
            control: Control::Cpu,
            why: format!("a machine has whole processors, and the plan gives {milli} thousandths of one"),
            remedy: Some("set `cpu` to a whole number, or use another backend".to_owned()),
        });
    }
    let mut words: Vec<String> = FIXED.split_whitespace().map(str::to_owned).collect();
    let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
    flag("name", name.to_owned());
    flag("label", format!("perry-sandbox.run={name}"));
    for cap in plan.linux_caps.iter() {
        flag("cap-add", cap.name().to_owned());
    }
    for path in masked_paths().iter().map(MaskedPath::path).chain(["/sys/fs/cgroup"]) {
        flag("masked-path", path.to_owned());
    }
    for path in read_only_paths().iter().map(ReadOnlyPath::path) {
        flag("read-only-path", path.to_owned());
    }
    flag("user", format!("{}:{}", process.user.uid, process.user.gid));
    flag("workdir", process.cwd.clone());
    for (variable, value) in &process.env {
        flag("env", format!("{variable}={value}"));
    }
    for (limit, value) in [
        ("nofile", u64::from(limits.open_files.get())),
        ("nproc", u64::from(limits.pids.get())),
        ("fsize", limits.disk.bytes()),
        ("core", 0),
    ] {
        flag("ulimit", format!("{limit}={value}:{value}"));
    }
    // It counts in whole mebibytes: never more than the plan's.
    flag("memory", format!("{}M", limits.memory.bytes().div_euclid(MEBIBYTE)));
    flag("cpus", milli.div_euclid(1000).to_string());
    let mut argv = process.argv.iter();
    flag("entrypoint", argv.next().cloned().unwrap_or_default());
    words.push(image.to_owned());
    words.extend(argv.cloned());
    Ok(words)
}
