//! Secrets: a file inside, and nothing of the value in what the engine knows and keeps.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use perry_sandbox_testkit::Home;

use crate::engines::engines;
use crate::wall::{RUNTIME, Wall, walls};
use crate::{IMAGE, policy};

/// What nothing but the file may contain.
const VALUE: &str = "hush-5e0d97-value";

fn home(wall: Wall) -> Home {
    let home = wall.home();
    home.give("policy.toml", policy("secrets = [\"token\"]", "").as_bytes());
    home.give("token-file", VALUE.as_bytes());
    home
}

fn arguments(wall: Wall, script: &str) -> Vec<&str> {
    let fixed = [
        "run",
        "--backend",
        wall.name,
        "--quiet",
        "--policy",
        "policy.toml",
        "--secret",
        "token=token-file",
        IMAGE,
    ];
    [&fixed[..], &["--", "/bin/busybox", "sh", "-c", script]].concat()
}

/// Files below a folder that have the value.
fn holders(folder: &Path) -> Vec<String> {
    let found = Command::new("grep").arg("-rlaFs").arg(VALUE).arg(folder).output().expect("grep runs");
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

/// Processes that have it in their arguments or environment.
fn tellers() -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
    let files = processes.flat_map(|entry| ["cmdline", "environ"].map(|file| entry.path().join(file)));
    let has = |file: &std::path::PathBuf| {
        fs::read(file).is_ok_and(|bytes| bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes()))
    };
    files.filter(has).map(|file| file.display().to_string()).collect()
}

/// What the engine itself says of everything that it has.
fn told(wall: Wall) -> String {
    match wall.name {
        "podman" => {
            let names = engines().podman(&["ps", "--all", "--quiet"]);
            // Those of other tests may go meanwhile.
            let told: String = names
                .split_whitespace()
                .filter_map(|name| engines().try_podman(&["inspect", name]))
                .collect();
            assert!(!told.is_empty(), "podman has a container while it runs");
            told
        }
        "docker" => {
            let all = engines().docker("/containers/json?all=1");
            let ids: Vec<&str> =
                all.as_array().expect("a list").iter().filter_map(|it| it["Id"].as_str()).collect();
            let told = ids.iter().filter_map(|id| engines().try_docker(&format!("/containers/{id}/json")));
            let told: String = told.collect();
            assert!(!told.is_empty(), "docker has a container while it runs");
            told
        }
        _ => String::new(),
    }
}

#[test]
fn the_value_is_in_its_file_and_nowhere_else_and_goes_with_the_sandbox() {
    let _turn = crate::life::turn();
    // The daemon sees the folder of the sandbox where it really is.
    let script = "cat /run/secrets/token | md5sum; ls -ln /run/secrets/token | cut -c1-10; \
        echo x 2>/dev/null >>/run/secrets/token; env; cat /proc/self/mountinfo; echo ready >&2; read x";
    for wall in walls().into_iter().filter(|wall| wall.name != "runsc") {
        let home = home(wall);
        let mut child = wall.shared_command(&home, &arguments(wall, script));
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("the program starts");
        let mut ready = [0; 6];
        let read = child.stderr.as_mut().expect("a pipe").read_exact(&mut ready);
        let (tellers, told) = (tellers(), if read.is_ok() { told(wall) } else { String::new() });
        drop(child.stdin.take());
        let ran = perry_sandbox_testkit::Ran::from(child.wait_with_output().expect("it ends"));
        assert!(read.is_ok() && &ready == b"ready\n", "{wall:?}: {ran:?}");
        assert!(ran.stdout.starts_with(MD5) && ran.stdout.contains("-r--------"), "{wall:?}: {ran:?}");
        assert!(!ran.stdout.contains(VALUE) && !told.contains(VALUE), "{wall:?}: {ran:?} {told}");
        assert_eq!(tellers, Vec::<String>::new(), "{wall:?}");
        let left = [holders(home.path()), holders(Path::new(RUNTIME)), holders(&engines().folder())].concat();
        let source = home.path().join("token-file").display().to_string();
        assert_eq!(left, [source], "{wall:?}");
    }
}

/// Of the value.
const MD5: &str = "59db848c96fc26ed54a2b0152a558ae1";
