//! What other runtimes need of a profile for themselves, measured: `profiles/builtin/runtimes.toml` says the same.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The program: `exit_group(42)` and nothing else.
const CODE: i32 = 42;
/// How often a start must succeed: what a runtime of many threads needs differs from one start to the next.
const TIMES: usize = 10;

struct Row {
    measured: Vec<String>,
    calls: Vec<String>,
    sometimes: Vec<String>,
}

fn row(name: &str) -> Row {
    let text = include_str!("../../../profiles/builtin/runtimes.toml");
    let table: toml::Table = toml::from_str(text).expect("the table is TOML");
    let rows = table["runtime"].as_array().expect("there are rows");
    let row = rows.iter().find(|row| row["name"].as_str() == Some(name)).expect("it is measured");
    let list = |key: &str| -> Vec<String> {
        let items = row.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    Row { measured: list("measured"), calls: list("calls"), sometimes: list("sometimes") }
}

/// A 64-bit ELF program for x86-64 of one segment.
fn smallest_program() -> Vec<u8> {
    let code = [0xb8, 231, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 0x05];
    let (base, start) = (0x40_0000_u64, 120_u64);
    let length = start + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    for half in [2_u16, 62, 1, 0] {
        file.extend(half.to_le_bytes());
    }
    for long in [base + start, 64, 0] {
        file.extend(long.to_le_bytes());
    }
    file.extend([0; 4]);
    for half in [64_u16, 56, 1, 0, 0, 0, 1, 0, 5, 0] {
        file.extend(half.to_le_bytes());
    }
    for long in [0, base, base, length, length, 0x1000] {
        file.extend(long.to_le_bytes());
    }
    file.extend(code);
    file
}

/// A bundle whose only program is the smallest one.
fn bundle() -> TempDir {
    let bundle = tempfile::tempdir().expect("a temporary folder");
    let program = bundle.path().join("rootfs/exit");
    for folder in ["rootfs/proc", "rootfs/dev", "rootfs/sys"] {
        std::fs::create_dir_all(bundle.path().join(folder)).expect("folders can be made");
    }
    std::fs::write(&program, smallest_program()).expect("the bundle can be written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    bundle
}

fn config(calls: &[&str]) -> Value {
    let names: Vec<&str> = calls.iter().copied().chain(["exit_group"]).collect();
    let namespaces = ["pid", "ipc", "uts", "mount", "network"].map(|kind| json!({ "type": kind }));
    let caps = ["bounding", "effective", "inheritable", "permitted", "ambient"]
        .map(|set| (set.to_owned(), json!([])));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": { "uid": 65534, "gid": 65534 }, "args": ["/exit"], "cwd": "/",
            "env": ["PATH=/bin"], "noNewPrivileges": true,
            "capabilities": caps.into_iter().collect::<serde_json::Map<_, _>>(),
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "x",
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
        "linux": { "namespaces": namespaces, "seccomp": {
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{ "names": names, "action": "SCMP_ACT_ALLOW" }],
        } },
    })
}

/// Whether it starts every time.
fn starts(runtime: &str, bundle: &Path, calls: &[&str]) -> bool {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    std::fs::write(bundle.join("config.json"), config(calls).to_string()).expect("the bundle can be written");
    (0..TIMES).all(|_| {
        let name = format!("needs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // crun refuses a machine with both kinds of cgroups; hiding the second kind is how it runs on one.
        let script = "umount /sys/fs/cgroup/unified 2>/dev/null; exec timeout -k 1 60 \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh", runtime, "run", "-b"]).arg(bundle).arg(&name);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.status().is_ok_and(|status| status.code() == Some(CODE));
        if !started {
            // What a start that failed half-way left; often there is nothing.
            drop(Command::new(runtime).args(["delete", "-f", &name]).stderr(Stdio::null()).status());
        }
        started
    })
}

fn version(runtime: &str) -> Option<String> {
    let output = Command::new(runtime).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let word = text.lines().next()?.split_whitespace().last()?.to_owned();
    Some(word.split('+').next().unwrap_or_default().to_owned())
}

fn the_table_holds(runtime: &str) {
    if !perry_sandbox_testkit::is_root() || cfg!(not(target_arch = "x86_64")) {
        return perry_sandbox_testkit::skip("runtimes are measured as root, on x86-64");
    }
    let Some(version) = version(runtime) else {
        return perry_sandbox_testkit::skip("the runtime is not installed");
    };
    let row = row(runtime);
    assert!(row.measured.contains(&version), "{runtime} {version} is not in profiles/builtin/runtimes.toml");
    let bundle = bundle();
    let all: Vec<&str> = row.calls.iter().chain(&row.sometimes).map(String::as_str).collect();
    // Its threads may do in one start what they do in no other.
    let has_started = (0..3).any(|_| starts(runtime, bundle.path(), &all));
    assert!(has_started, "{runtime} {version} needs more than {all:?}");
    for call in &row.calls {
        let others: Vec<&str> = all.iter().copied().filter(|other| other != call).collect();
        assert!(!starts(runtime, bundle.path(), &others), "{runtime} {version} does not need {call}");
    }
}

#[test]
fn the_table_says_what_runc_needs() {
    the_table_holds("runc");
}

#[test]
fn the_table_says_what_crun_needs() {
    the_table_holds("crun");
}
