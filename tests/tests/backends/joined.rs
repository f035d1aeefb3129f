//! A program that joins a sandbox of an engine gets that sandbox's walls, and ours around itself.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{Home, Ran};
use serde_json::Value;

use crate::life::{processes, turn};
use crate::wall::{Wall, engine_walls, walls};
use crate::{IMAGE, KEY, policy};

/// A sandbox that stays, in a backend.
struct Kept {
    wall: Wall,
    home: Home,
}

impl Kept {
    fn start(wall: Wall, home: Home, flags: &[&str], script: &str) -> Self {
        fs::write(home.path().join("policy.toml"), policy("env = [\"LEVEL\"]", ""))
            .expect("the home can be written");
        let fixed = ["run", "--quiet", "--policy", "policy.toml", "--detach", "--name", "kept"];
        let ran = wall
            .ask(&home, &[&fixed[..], flags, &[IMAGE, "--", "/bin/busybox", "sh", "-c", script]].concat());
        assert_eq!(ran.code, 0, "{wall:?}: {ran:?}");
        Self { wall, home }
    }

    fn on(&self, args: &[&str]) -> Ran {
        Ran::from(self.wall.command(&self.home, args).output().expect("the program starts"))
    }

    fn exec(&self, flags: &[&str], command: &[&str]) -> Ran {
        self.on(&[&["exec"], flags, &["kept", "--"], command].concat())
    }

    fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        loop {
            let ran = self.on(&["inspect", "--json", "kept"]);
            let report: Value = serde_json::from_str(&ran.stdout).expect("inspect prints JSON");
            if holds(&report["sandboxes"][0]) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}: not {what}: {report}", self.wall);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.on(&["rm", "--force", "kept"]);
    }
}

/// Those that can be joined.
fn joined_walls() -> Vec<Wall> {
    engine_walls().into_iter().filter(|wall| wall.name != "runsc").collect()
}

#[test]
fn it_has_streams_variables_a_folder_and_an_end_of_its_own() {
    let _turn = turn();
    for wall in joined_walls() {
        let it = Kept::start(wall, wall.home(), &[], "sleep 100");
        let flags = ["--env", "LEVEL=high", "-w", "/tmp"];
        let args = [
            &["exec"],
            &flags[..],
            &["kept", "--", "/bin/busybox", "sh", "-c", "cat; pwd; echo $LEVEL; echo err >&2; exit 3"],
        ];
        let ran = wall.feed(&it.home, &args.concat(), b"input\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (3, "input\n/tmp\nhigh\n"), "{wall:?}: {ran:?}");
        assert_eq!(ran.stderr, "err\n");
        let ran = it.exec(&[], &["/bin/busybox", "ps"]);
        assert!(ran.stdout.contains("sleep 100"), "{wall:?}: it sees the sandbox's own processes: {ran:?}");
        assert_eq!(it.exec(&[], &["/bin/no-such-program"]).code, 127);
        let ran = it.exec(&["--timeout", "1s"], &["/bin/busybox", "sleep", "60"]);
        assert_eq!(ran.code, 124, "{wall:?}: {ran:?}");
        it.until("running", |sandbox| sandbox["status"] == "running");
        let ran = it.exec(
            &[],
            &["/bin/busybox", "grep", "-E", "Seccomp:|NoNewPrivs|CapBnd|CapEff|^Uid", "/proc/self/status"],
        );
        let lines: Vec<Vec<&str>> =
            ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
        let zero = "0000000000000000";
        let walls = [
            vec!["Uid:", "65534", "65534", "65534", "65534"],
            vec!["CapEff:", zero],
            vec!["CapBnd:", zero],
            vec!["NoNewPrivs:", "1"],
            vec!["Seccomp:", "2"],
        ];
        assert_eq!(lines, walls, "{wall:?}: {ran:?}");
        assert_eq!(it.on(&["stop", "--time", "0", "kept"]).code, 0);
        let ran = it.exec(&[], &["/bin/busybox", "true"]);
        assert!(ran.code == 125 && ran.stderr.contains("not running"), "{wall:?}: {ran:?}");
    }
}

#[test]
fn it_has_a_terminal_of_its_own_where_it_is_asked_for() {
    let _turn = turn();
    for wall in walls().into_iter().filter(|wall| ["native", "podman", "docker"].contains(&wall.name)) {
        let it = Kept::start(wall, wall.home(), &[], "sleep 100");
        let typed = |script: &str, keys: &[u8]| {
            let args = ["exec", "-t", "kept", "--", "/bin/busybox", "sh", "-c", script];
            let ran = wall.feed(&it.home, &args, keys);
            (ran.code, ran.stdout.replace("\r\n", "\n"), ran.stderr)
        };
        let script = "for fd in 0 1 2; do [ -t $fd ] || exit 9; done; stty size; echo $TERM; read line; echo got=$line; exit 7";
        let shown = "24 80\nxterm\n";
        let (code, stdout, stderr) = typed(script, b"typed\n");
        assert_eq!((code, stderr.as_str()), (7, ""), "{wall:?}: {stdout}");
        // Its echo comes when it was typed, which may be before or after.
        let rest = stdout.replacen("typed\n", "", 1);
        assert_eq!(
            (rest.as_str(), stdout.len()),
            (&*format!("{shown}got=typed\n"), rest.len() + 6),
            "{wall:?}"
        );
        let (code, stdout, _) = typed("sleep 60", b"\x03");
        assert_eq!(code, 130, "{wall:?}: {stdout}");
        let (code, stdout, _) = typed("echo again >/dev/stderr", b"");
        assert_eq!((code, stdout.as_str()), (0, "again\n"), "{wall:?}: it can be opened again");
        // It is of a file system that nobody else sees, and that is gone with it.
        let (code, stdout, _) = typed("grep -c devpts /proc/mounts; ls /dev/pts; exit 0", b"");
        assert!(code == 0 && stdout.starts_with("0\n"), "{wall:?}: {stdout}");
        let ran = it.exec(&[], &["/bin/busybox", "ps"]);
        assert_eq!(ran.stdout.matches("sleep").count(), 1, "{wall:?}: {ran:?}");
        it.until("running", |sandbox| sandbox["status"] == "running");
    }
}

#[test]
fn who_reads_it_late_loses_nothing_and_who_reads_no_more_ends_it() {
    let _turn = turn();
    let Some(wall) = walls().into_iter().find(|wall| wall.name == "native") else { return };
    let it = Kept::start(wall, wall.home(), &[], "sleep 100");
    for flags in [&[][..], &["-t"]] {
        let started = |program: &[&str]| {
            let args = [&["exec"], flags, &["kept", "--", "/bin/busybox"], program].concat();
            let mut program = wall.command(&it.home, &args);
            program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts")
        };
        // More than pipes and terminals hold on the way, and less than both together.
        let late = started(&["seq", "1", "20000"]);
        std::thread::sleep(Duration::from_secs(4));
        let said = Ran::from(late.wait_with_output().expect("it ends"));
        assert_eq!((said.code, said.stdout.lines().count()), (0, 20_000), "{flags:?}");
        let own = started(&["sh", "-c", "exec </dev/null >/dev/null 2>&1; sleep 1; exit 7"]);
        let own = Ran::from(own.wait_with_output().expect("it ends"));
        assert_eq!(own.code, 7, "{flags:?}: one that has let go of its streams goes on");
        let mut unread = started(&["yes"]);
        let mut first = [0; 2];
        unread.stdout.take().expect("a pipe").read_exact(&mut first).expect("it says something");
        let begun = Instant::now();
        while unread.try_wait().expect("it is ours").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{flags:?}: it goes on");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let deaf = ["exec", "kept", "--", "/bin/busybox", "sh", "-c", "trap '' TERM; echo deaf; sleep 60"];
    let mut client = wall.command(&it.home, &deaf);
    let mut client = client.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
    client.stdout.take().expect("a pipe").read_exact(&mut [0; 4]).expect("it says something");
    let begun = Instant::now();
    while client.try_wait().expect("it is ours").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "a second signal ends it");
        Command::new("kill").arg(client.id().to_string()).status().expect("kill starts");
        std::thread::sleep(Duration::from_millis(500));
    }
    let ran = wall.feed(&it.home, &["exec", "-t", "kept", "--", "/bin/busybox", "cat"], b"no end of line");
    assert!(ran.code == 0 && ran.stdout.contains("no end of line"), "{ran:?}");
}

#[test]
fn its_limits_are_the_sandboxs() {
    let _turn = turn();
    for wall in joined_walls() {
        let it = Kept::start(wall, wall.home(), &["--memory", "64MiB", "--pids-limit", "16"], "sleep 100");
        let bomb = "i=0; while [ $i -lt 40 ]; do sleep 100 & i=$((i+1)); echo $i; done";
        let ran = it.exec(&[], &["/bin/busybox", "sh", "-c", bomb]);
        let count: usize = ran.stdout.lines().last().and_then(|last| last.parse().ok()).unwrap_or(0);
        assert!((1..16).contains(&count) && ran.stderr.contains("can't fork"), "{wall:?}: {ran:?}");
        // What it left is ended with it, so that the next has room: in the very groups of the sandbox.
        let groups = |of: &str| {
            let ran = it.exec(&[], &["/bin/busybox", "cat", &format!("/proc/{of}/cgroup")]);
            let limits = |line: &&str| ["memory", "pids", "cpu"].iter().any(|name| line.contains(name));
            let lines: Vec<String> = ran.stdout.lines().filter(limits).map(str::to_owned).collect();
            if lines.is_empty() { vec![ran.stdout] } else { lines }
        };
        assert_eq!(groups("self"), groups("1"), "{wall:?}");
        assert!(groups("self").iter().all(|line| line.contains(":/") && !line.contains("..")), "{wall:?}");
        let ran = it.exec(&[], &["/bin/busybox", "sh", "-c", "x=a; while :; do x=$x$x; done"]);
        assert!(matches!(ran.code, 1 | 2 | 123 | 137), "{wall:?}: {ran:?}");
    }
}

#[test]
fn it_ends_with_its_caller_and_with_the_sandbox() {
    let _turn = turn();
    for wall in joined_walls() {
        let it = Kept::start(wall, wall.home(), &[], "sleep 100");
        let mut caller = wall
            .command(&it.home, &["exec", "kept", "--", "/bin/busybox", "sleep", "77"])
            .spawn()
            .expect("the program starts");
        let sees = |wanted: bool| {
            let begun = Instant::now();
            loop {
                let ran = it.exec(&[], &["/bin/busybox", "ps"]);
                if ran.stdout.contains("sleep 77") == wanted {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(20), "{wall:?}: not {wanted}: {ran:?}");
            }
        };
        sees(true);
        caller.kill().expect("it can be killed");
        caller.wait().expect("it ends");
        sees(false);
        let mut caller = wall
            .command(&it.home, &["exec", "kept", "--", "/bin/busybox", "sleep", "77"])
            .spawn()
            .expect("the program starts");
        sees(true);
        assert_eq!(it.on(&["stop", "--time", "0", "kept"]).code, 0);
        assert_eq!(caller.wait().expect("it ends").code(), Some(137), "{wall:?}");
        assert_eq!(processes(&["sleep 77"]), [""; 0], "{wall:?}");
    }
}

#[test]
fn whether_it_is_well_is_asked_inside() {
    let _turn = turn();
    for wall in joined_walls() {
        let flags = [
            "--health-cmd",
            "/bin/busybox test -e /tmp/well",
            "--health-interval",
            "200ms",
            "--health-retries",
            "1",
        ];
        let it = Kept::start(wall, wall.home(), &flags, "sleep 100");
        it.until("unhealthy", |sandbox| sandbox["health"] == "unhealthy");
        let ran = it.exec(&[], &["/bin/busybox", "touch", "/tmp/well"]);
        assert_eq!(ran.code, 0, "{wall:?}: {ran:?}");
        it.until("healthy", |sandbox| sandbox["health"] == "healthy");
    }
}

#[test]
fn a_sandbox_with_a_kernel_of_its_own_is_not_joined_and_says_why() {
    let _turn = turn();
    for wall in engine_walls().into_iter().filter(|wall| wall.name == "runsc") {
        let it = Kept::start(wall, wall.home(), &[], "sleep 100");
        let ran = it.exec(&[], &["/bin/busybox", "true"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (122, ""), "{ran:?}");
        assert!(ran.stderr.contains("gVisor puts no filter"), "{ran:?}");
        let home = wall.home();
        let flags = ["run", "--detach", "--health-cmd", "/bin/busybox true", "--key", KEY, IMAGE];
        let ran = wall.ask(&home, &flags);
        assert!(ran.code == 122 && ran.stderr.contains("gVisor puts no filter"), "{ran:?}");
    }
}
