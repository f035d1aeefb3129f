//! What a container is made of, in the engine's own words: every field that weakens is said, whatever its default.

use std::collections::BTreeSet;
use std::path::Path;

use perry_sandbox_image::ImageConfig;
use perry_sandbox_policy::{FirstProcess, LaunchPlan, OomScore, UtsName};
use perry_sandbox_profiles::{
    Arch, LinuxCap, MaskedPath, ReadOnlyPath, SeccompProfile, Syscall, masked_paths, read_only_paths,
    to_oci_json,
};
use serde_json::{Map, Value, json};

use super::super::brought::refuse_volumes;
use super::super::images::engine_id;
use super::super::limits::{Writable, ulimits};
use super::super::script::{Backend, Given};
use crate::demands::PlanError;
use crate::native::PROCESSES_OF_A_HOST_USER;

/// The most files of a tmpfs.
const FILES: u32 = 4096;

/// The body of the question that makes it.
pub(super) fn body(
    backend: Backend,
    plan: &LaunchPlan,
    config: &ImageConfig,
    folder: &Path,
    name: &str,
    arch: Arch,
) -> Result<Value, PlanError> {
    refuse_volumes(backend, config)?;
    let process = &plan.process;
    Ok(json!({
        "Image": engine_id(plan)?,
        "User": format!("{}:{}", process.user.uid, process.user.gid),
        "Env": environment(plan, config),
        "Entrypoint": process.argv,
        "Cmd": [],
        "WorkingDir": process.cwd,
        "Hostname": plan.system.host_name(),
        "Domainname": plan.system.domain_name.as_ref().map_or("", UtsName::as_str),
        "Tty": false,
        "OpenStdin": true,
        "StdinOnce": true,
        "AttachStdin": true,
        "AttachStdout": true,
        "AttachStderr": true,
        "NetworkDisabled": true,
        "Healthcheck": { "Test": ["NONE"] },
        "StopSignal": "SIGKILL",
        "Labels": { "perry-sandbox.run": name },
        "HostConfig": host_config(plan, folder, arch),
    }))
}

/// The plan's variables, and no other: a name without a value takes the image's own away, and the engine's.
fn environment(plan: &LaunchPlan, config: &ImageConfig) -> Vec<String> {
    let ours = &plan.process.env;
    let of_image = config.env.iter().map(|text| text.split('=').next().unwrap_or_default());
    let unset: BTreeSet<&str> = of_image.chain(["HOSTNAME", "PATH"]).collect();
    let home = ours.get("HOME").is_none_or(String::is_empty).then(|| "HOME=/".to_owned());
    let set = ours.iter().filter(|(name, value)| *name != "HOME" || !value.is_empty());
    let set = set.map(|(name, value)| format!("{name}={value}")).chain(home);
    let gone =
        unset.into_iter().filter(|name| !name.is_empty() && *name != "HOME" && !ours.contains_key(*name));
    set.chain(gone.map(str::to_owned)).collect()
}

fn host_config(plan: &LaunchPlan, folder: &Path, arch: Arch) -> Value {
    let limits = &plan.limits;
    let memory = limits.memory.bytes();
    let Writable { tmp, shm } = Writable::of(plan);
    let user = plan.process.user;
    // The folder keeps the mode that it has in the image; it is the user's own all the same.
    let owned = format!("mode=1777,uid={},gid={},nr_inodes={FILES}", user.uid, user.gid);
    let folders = plan.memory.iter().map(|folder| (folder.path.as_str(), folder.size.bytes()));
    let tmpfs = [("/tmp", tmp), ("/dev/shm", shm)].into_iter().chain(folders);
    let tmpfs = tmpfs
        .map(|(path, size)| (path.to_owned(), format!("rw,nosuid,nodev,noexec,size={size},{owned}").into()))
        .chain([("/dev".to_owned(), "ro,nosuid,noexec,dev,size=65536,mode=755".into())]);
    let masked: Vec<&str> = masked_paths().iter().map(MaskedPath::path).chain(["/sys/fs/cgroup"]).collect();
    let read_only: Vec<&str> = read_only_paths().iter().map(ReadOnlyPath::path).collect();
    let ulimits = ulimits(plan, PROCESSES_OF_A_HOST_USER)
        .map(|(name, value)| json!({ "Name": name, "Soft": value, "Hard": value }));
    let given = Given::places(plan, folder).into_iter().map(|(source, file)| {
        json!({
            "Type": "bind", "Source": source, "Target": file.path, "ReadOnly": true,
            "BindOptions": { "Propagation": "rprivate", "NonRecursive": true },
        })
    });
    // Without a network the file is ours.
    let known = plan.system.hosts.iter().filter(|_| !plan.networks.is_empty());
    let known = known.map(|host| format!("{}:{}", host.name(), host.address()));
    let sysctls = plan.system.sysctls.iter();
    let sysctls = sysctls.map(|one| (one.name().to_owned(), one.value().into()));
    json!({
        "NetworkMode": "none",
        "ReadonlyRootfs": true,
        "Privileged": false,
        "CapDrop": ["ALL"],
        "CapAdd": plan.linux_caps.iter().map(LinuxCap::name).collect::<Vec<_>>(),
        "SecurityOpt": ["no-new-privileges", format!("seccomp={}", profile(&plan.seccomp, arch))],
        "MaskedPaths": masked,
        "ReadonlyPaths": read_only,
        "IpcMode": "private",
        "PidMode": "",
        "UTSMode": "",
        "UsernsMode": "",
        "CgroupnsMode": "private",
        "ShmSize": shm,
        "Tmpfs": tmpfs.collect::<Map<_, _>>(),
        "Ulimits": ulimits,
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": u64::from(limits.cpu.0.get()).saturating_mul(1_000_000),
        "PidsLimit": limits.pids.get(),
        "LogConfig": { "Type": "none", "Config": {} },
        "Init": plan.system.first == FirstProcess::Init,
        "AutoRemove": false,
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "Binds": [],
        "Devices": [],
        "DeviceRequests": [],
        "DeviceCgroupRules": [],
        "GroupAdd": [],
        "VolumesFrom": [],
        "Links": [],
        "ExtraHosts": known.collect::<Vec<_>>(),
        "Dns": [],
        "PortBindings": {},
        "Sysctls": sysctls.collect::<Map<_, _>>(),
        "Mounts": given.collect::<Vec<_>>(),
        "PublishAllPorts": false,
        "OomKillDisable": false,
        "OomScoreAdj": plan.system.oom_score.map_or(0, OomScore::number),
    })
}

/// Our profile as text. Engines before 23 drop the answer to calls that are not listed and give EPERM, with which threads and
/// new processes of every newer C library fail: so each of those calls is listed with its answer.
fn profile(profile: &SeccompProfile, arch: Arch) -> Value {
    let mut written = to_oci_json(profile, arch);
    let errno = written.get("defaultErrnoRet").cloned();
    let unknown: Vec<&str> = Syscall::all()
        .filter(|call| call.number(arch).is_some() && profile.admission(arch, *call).is_none())
        .map(Syscall::name)
        .collect();
    if let (Some(errno), Some(rules)) = (errno, written.get_mut("syscalls").and_then(Value::as_array_mut))
        && !unknown.is_empty()
    {
        rules.push(json!({ "names": unknown, "action": "SCMP_ACT_ERRNO", "errnoRet": errno }));
    }
    written
}
