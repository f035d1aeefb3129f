//! Sandboxes that outlive the command that started them.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::Value;

use crate::{IMAGE, KEY, roomy, users};

/// A policy with variables, and a capability that runs for a while.
fn policy() -> String {
    let nap = r#"[capability.nap]
tier = "roomy"
image = "hello"
command = ["/bin/busybox", "sleep"]
args = { max = 1, each-max = 4 }"#;
    roomy("10m", r#"env = ["TOKEN", "LEVEL"]"#, nap)
}

/// One sandbox in a home of its own. It goes with the test, however that ends.
struct Sandbox {
    home: Home,
    name: String,
}

impl Sandbox {
    fn new(user: As) -> Self {
        // As root all tests share one folder of live sandboxes.
        let home = Home::new(user);
        let name = home.path().file_name().and_then(|name| name.to_str()).expect("a name").to_lowercase();
        let name = name.replace("perry-sandbox-home.", "box-");
        std::fs::write(home.path().join("policy.toml"), policy()).expect("the home can be written");
        own(&home, "policy.toml");
        Self { home, name }
    }

    /// A sandbox that runs this script, after it has said `ready`.
    fn running(user: As, script: &str) -> Self {
        let it = Self::new(user);
        let script = format!("echo ready; {script}");
        it.start(&["--policy", "policy.toml", IMAGE, "--", "/bin/busybox", "sh", "-c", &script]);
        it.wait_for("ready");
        it
    }

    fn start(&self, args: &[&str]) -> String {
        let ran = self.run(&[&["run", "-d", "--name", &self.name], args].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout.trim().to_owned()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.home.run(args)
    }

    /// A command about this sandbox.
    fn on(&self, args: &[&str]) -> Ran {
        self.run(&[args, &[self.name.as_str()]].concat())
    }

    fn exec(&self, command: &[&str]) -> Ran {
        self.run(&[&["exec", self.name.as_str(), "--"], command].concat())
    }

    fn info(&self) -> Value {
        let ran = self.on(&["inspect", "--json"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let report: Value = serde_json::from_str(&ran.stdout).expect("inspect prints JSON");
        report["sandboxes"][0].clone()
    }

    fn wait_for(&self, text: &str) {
        self.wait_until(text, |it| it.on(&["logs"]).stdout.contains(text));
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            assert!(start.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn trail(&self) -> String {
        self.run(&["log", "show", "--json", "-n", "100"]).stdout
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.on(&["rm", "-f"]);
    }
}

/// Gives a file to whom the home belongs.
fn own(home: &Home, name: &str) {
    let reference = format!("--reference={}", home.path().join("examples").display());
    let done = std::process::Command::new("chown").arg(reference).arg(home.path().join(name)).status();
    assert!(done.is_ok_and(|status| status.success()), "the file is given away");
}

#[test]
fn a_detached_sandbox_lives_from_run_to_rm() {
    for user in users() {
        let it = Sandbox::new(user);
        let id = it.start(&[
            "--label",
            "app=shop",
            "--key",
            KEY,
            IMAGE,
            "--",
            "/bin/busybox",
            "sh",
            "-c",
            "echo out; echo err >&2; trap 'exit 7' TERM; while :; do sleep 0.1; done",
        ]);
        assert_eq!(id.len(), 32, "{id}");
        it.wait_for("out");
        let ps = it.run(&["ps", "--filter", "label=app=shop"]);
        let line = ps.stdout.lines().find(|line| line.contains(&it.name)).unwrap_or_default();
        assert!(
            line.starts_with(&id[..12]) && line.contains(IMAGE) && line.contains("running for"),
            "{ps:?}"
        );
        assert!(!it.run(&["ps", "--filter", "label=app=other"]).stdout.contains(&it.name));
        it.wait_until("its error is kept", |it| !it.on(&["logs"]).stderr.is_empty());
        let logs = it.on(&["logs"]);
        assert_eq!((logs.stdout.as_str(), logs.stderr.as_str()), ("out\n", "err\n"));
        let ran = it.exec(&["/bin/busybox", "sh", "-c", "echo joined; exit 3"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, "joined\n"), "{user:?}: {ran:?}");
        let busy = it.on(&["rm"]);
        assert!(busy.code == 125 && busy.stderr.contains("is running"), "{busy:?}");
        let stopped = it.on(&["stop", "-t", "60"]);
        assert_eq!((stopped.code, stopped.stdout.trim()), (0, it.name.as_str()), "{stopped:?}");
        let waited = it.on(&["wait"]);
        assert_eq!((waited.code, waited.stdout.trim()), (7, "7"), "{waited:?}");
        assert!(!it.run(&["ps"]).stdout.contains(&it.name));
        assert!(it.run(&["ps", "-a"]).stdout.contains("exited (7)"));
        assert_eq!(it.on(&["logs"]).stdout, "out\n", "logs stay");
        assert_eq!(it.on(&["rm"]).code, 0);
        assert!(!it.run(&["ps", "-a"]).stdout.contains(&it.name));
        assert!(it.trail().contains("run-end"), "{}", it.trail());
        assert_eq!(it.run(&["log", "verify"]).code, 0);
    }
}

#[test]
fn a_program_that_joins_has_streams_variables_and_a_folder() {
    for user in users() {
        let it = Sandbox::running(user, "exec sleep 100");
        let args = [
            "exec",
            "--env",
            "LEVEL=high",
            "-w",
            "/tmp",
            &it.name,
            "--",
            "/bin/busybox",
            "sh",
            "-c",
            "cat; pwd; echo $LEVEL; echo err >&2",
        ];
        let ran = it.home.run_with_input(&args, b"input\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (0, "input\n/tmp\nhigh\n"), "{user:?}: {ran:?}");
        assert_eq!(ran.stderr, "err\n");
        let ran = it.exec(&["/bin/busybox", "ps"]);
        assert!(ran.stdout.contains("sleep 100"), "it sees the sandbox's own processes: {ran:?}");
        assert_eq!(it.exec(&["/bin/no-such-program"]).code, 127);
        let ran = it.run(&["exec", "--timeout", "1s", &it.name, "--", "/bin/busybox", "sleep", "60"]);
        assert_eq!(ran.code, 124, "{ran:?}");
        let ran = it.run(&["exec", "--json", &it.name, "--", "/bin/busybox", "sh", "-c", "echo out; exit 4"]);
        let report: Value = serde_json::from_str(&ran.stdout).expect("exec prints JSON");
        assert_eq!(
            (ran.code, &report["exit-code"], &report["stdout"]),
            (4, &4.into(), &"out\n".into()),
            "{report}"
        );
        assert_eq!(it.info()["status"], "running", "the sandbox goes on");
    }
}

#[test]
fn a_killed_supervisor_leaves_a_dead_sandbox_and_nothing_else() {
    for user in users() {
        let it = Sandbox::new(user);
        let script = format!("echo ready; sleep 300; : {}", it.name);
        it.start(&["--key", KEY, IMAGE, "--", "/bin/busybox", "sh", "-c", &script]);
        it.wait_for("ready");
        let supervisor = it.info()["supervisor"].as_u64().expect("one that runs has a supervisor");
        let killed = std::process::Command::new("kill").args(["-9", &supervisor.to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
        let start = Instant::now();
        while it.info()["status"] != "dead" || !processes_with(&it.name).is_empty() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{:?}: {}",
                processes_with(&it.name),
                it.info()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(
            it.run(&["ps", "-a"])
                .stdout
                .lines()
                .any(|line| line.contains(&it.name) && line.ends_with("dead"))
        );
        let ran = it.exec(&["/bin/busybox", "true"]);
        assert!(ran.code == 125 && ran.stderr.contains("dead, not running"), "{ran:?}");
        assert_eq!(it.on(&["wait"]).code, 125, "nobody knows how it ended");
        let again = it.on(&["start"]);
        assert_eq!(again.code, 0, "it starts again: {again:?}");
        assert_eq!(it.info()["status"], "running");
        assert_eq!(it.on(&["rm", "--force"]).code, 0);
    }
}

/// Programs inside of sandboxes whose arguments have the marker. What asks about the sandbox has it too, and its end.
fn processes_with(marker: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc is there").flatten();
    let commands = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let commands = commands.map(|command| String::from_utf8_lossy(&command).replace('\0', " "));
    commands.filter(|command| command.contains(": ") && command.contains(marker)).collect()
}

#[test]
fn nobody_joins_once_the_policy_would_allow_something_else() {
    let it = Sandbox::running(As::Ordinary, "exec sleep 100");
    assert_eq!(it.exec(&["/bin/busybox", "true"]).code, 0);
    let rewrite = |from: &str, to: &str| {
        assert!(policy().contains(from));
        std::fs::write(it.home.path().join("policy.toml"), policy().replace(from, to))
            .expect("it can be written");
    };
    rewrite("\"64MiB\"", "\"32MiB\"");
    let ran = it.exec(&["/bin/busybox", "true"]);
    assert_eq!(ran.code, 125, "{ran:?}");
    assert!(
        ran.stderr.contains("changed since") && ran.stderr.contains("stop it and start it again"),
        "{ran:?}"
    );
    assert!(it.trail().contains("\"other-plan\""), "{}", it.trail());
    rewrite("public-key = \"examples/hello/cosign.pub\"", "public-key = \"examples/hello/other.pub\"");
    let ran = it.exec(&["/bin/busybox", "true"]);
    assert_eq!(ran.code, 121, "the verifier is asked again: {ran:?}");
    rewrite("image = [\"hello\"]", "image = []");
    let ran = it.exec(&["/bin/busybox", "true"]);
    assert!(matches!(ran.code, 2 | 120), "{ran:?}");
    rewrite("\"64MiB\"", "\"32MiB\"");
    assert_eq!(it.on(&["stop", "-t", "0"]).code, 0);
    assert_eq!(it.on(&["start"]).code, 0);
    assert_eq!(it.exec(&["/bin/busybox", "true"]).code, 0, "started again, it is what the policy says");
}

#[test]
fn only_a_capabilitys_own_command_joins_it() {
    let it = Sandbox::new(As::Ordinary);
    it.start(&["--policy", "policy.toml", "--image", IMAGE, "nap", "--", "100"]);
    let ran = it.exec(&["/bin/busybox", "sleep", "0"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for command in [
        &["/bin/busybox", "sh", "-c", "id"][..],
        &["/usr/bin/look"],
        &["/bin/busybox"],
        &["0"],
        &["/bin/busybox", "sleep", "0", "0"],
        &["/bin/busybox", "sleep", "000000"],
    ] {
        let ran = it.exec(command);
        assert_eq!(ran.code, 120, "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("DENIED"), "{ran:?}");
    }
    let ran = it.run(&["exec", "--env", "OTHER=1", &it.name, "--", "/bin/busybox", "sleep", "0"]);
    assert_eq!(ran.code, 120, "{ran:?}");
    let denied = it.trail().lines().filter(|line| line.contains("\"allowed\":false")).count();
    assert_eq!(denied, 7, "{}", it.trail());
}

#[test]
fn a_tag_is_not_looked_up_again() {
    let it = Sandbox::running(As::Ordinary, "exec sleep 100");
    // From here on the layout's name alone stands for nothing: it has two entries.
    let file = it.home.path().join("examples/hello/image/index.json");
    let mut index: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("there is an index")).expect("JSON");
    let entries = index["manifests"].as_array_mut().expect("it has entries");
    let mut other = entries[0].clone();
    other["digest"] = Value::from(format!("sha256:{}", "0".repeat(64)));
    entries.insert(0, other);
    std::fs::write(&file, index.to_string()).expect("the layout can be written");
    let fresh = it.run(&["run", "--policy", "policy.toml", IMAGE, "--", "/bin/busybox", "true"]);
    assert_ne!(fresh.code, 0, "{fresh:?}");
    let ran = it.exec(&["/bin/busybox", "true"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(it.on(&["stop", "-t", "0"]).code, 0);
    let again = it.on(&["start"]);
    assert_eq!(again.code, 0, "{again:?}");
}

#[test]
fn it_is_found_from_every_folder_by_name_id_and_the_beginning_of_one() {
    let it = Sandbox::running(As::Ordinary, "exec sleep 100");
    let id = it.info()["id"].as_str().expect("it has an id").to_owned();
    for name in [it.name.as_str(), &id, &id[..12]] {
        let mut command = it.home.command(&["exec", name, "--", "/bin/busybox", "echo", "hi"]);
        let output = command.current_dir("/").stdin(Stdio::null()).output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "hi\n", "{name}: {output:?}");
    }
    let ran = it.run(&["exec", "nobody", "--", "true"]);
    assert_eq!(ran.code, 125);
    assert!(ran.stderr.contains("no sandbox `nobody`") && ran.stderr.contains(&it.name), "{ran:?}");
    let taken = it.run(&["run", "-d", "--name", &it.name, "--key", KEY, IMAGE]);
    assert_eq!(taken.code, 125, "{taken:?}");
    assert!(taken.stderr.contains("belongs to") && taken.stderr.contains(&id), "{taken:?}");
    assert_eq!(it.run(&["run", "-d", "--name", "../x", "--key", KEY, IMAGE]).code, 2);
    let several = it.run(&["stop", "nobody", &it.name]);
    assert_eq!(
        (several.code, several.stdout.trim()),
        (125, it.name.as_str()),
        "one that fails stops no other"
    );
}

#[test]
fn values_of_variables_are_shown_by_nothing() {
    let it = Sandbox::new(As::Ordinary);
    let canary = "canary-6b1f";
    let wanted = format!("TOKEN={canary}");
    it.start(&["--policy", "policy.toml", "--env", &wanted, IMAGE, "--", "/bin/busybox", "sleep", "100"]);
    let ran = it.exec(&["/bin/busybox", "sh", "-c", "echo ${#TOKEN}"]);
    assert_eq!(ran.stdout, format!("{}\n", canary.len()), "the program has it: {ran:?}");
    let ran = it.run(&["exec", "--env", &format!("LEVEL={canary}"), &it.name, "--", "/bin/busybox", "true"]);
    assert_eq!(ran.code, 0);
    for args in
        [&["ps", "-a"][..], &["ps", "-a", "--json"], &["inspect", &it.name], &["inspect", "--json", &it.name]]
    {
        let ran = it.run(args);
        assert!(ran.code == 0 && !format!("{ran:?}").contains(canary), "{args:?}: {ran:?}");
    }
    assert!(!it.trail().contains(canary));
    let supervisor = it.info()["supervisor"].as_u64().expect("it runs");
    for file in ["cmdline", "environ"] {
        let text =
            std::fs::read(Path::new("/proc").join(supervisor.to_string()).join(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(canary), "{file} of the supervisor");
    }
}

#[test]
fn logs_are_cut_stamped_and_followed() {
    let it = Sandbox::running(
        As::Ordinary,
        "echo two; echo three; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo end",
    );
    it.wait_for("three");
    assert_eq!(it.on(&["logs", "--tail", "2"]).stdout, "two\nthree\n");
    let stamped = it.on(&["logs", "--timestamps"]).stdout;
    assert!(stamped.lines().all(|line| line.starts_with("20") && line.contains("Z ")), "{stamped}");
    let json = it.on(&["logs", "--json"]).stdout;
    let first: Value = serde_json::from_str(json.lines().next().unwrap_or_default()).expect("JSON Lines");
    assert_eq!(first["stream"], "stdout", "{json}");
    let mut follower = it.home.command(&["logs", "--follow", "--tail", "1", &it.name]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdout = follower.stdout.take().expect("a pipe");
    let mut line = [0; 6];
    stdout.read_exact(&mut line).expect("the last line comes at once");
    assert_eq!(&line, b"three\n");
    let go = it.exec(&["/bin/busybox", "touch", "/tmp/go"]);
    assert_eq!(go.code, 0, "{go:?}");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("it ends with the sandbox");
    assert_eq!(rest, "end\n");
    assert!(follower.wait().is_ok_and(|status| status.success()));
}

#[test]
fn what_does_not_start_leaves_nothing() {
    for (user, args, code) in [
        (As::Ordinary, &["--key", KEY, IMAGE, "--", "/bin/no-such-program"][..], 127),
        (As::Ordinary, &["--key", "examples/hello/other.pub", IMAGE], 121),
        (As::Ordinary, &[IMAGE], 120),
        (As::Ordinary, &["--tier", "untrusted", "--key", KEY, IMAGE], 122),
        (As::Ordinary, &["-t", "--key", KEY, IMAGE], 2),
    ] {
        let it = Sandbox::new(user);
        let ran = it.run(&[&["run", "-d", "--name", &it.name], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert!(!it.run(&["ps", "-a"]).stdout.contains(&it.name), "{args:?}");
    }
    let it = Sandbox::running(As::Ordinary, "exec sleep 100");
    assert_eq!(it.run(&["exec", "-t", "--json", &it.name, "--", "/bin/busybox", "true"]).code, 2);
    assert_eq!(
        it.run(&["run", "--name", "x", "--key", KEY, IMAGE]).code,
        2,
        "only a detached sandbox has a name"
    );
}

#[test]
fn limits_and_time_are_told_from_ends_by_the_program() {
    let it = Sandbox::new(As::Ordinary);
    it.start(&["--timeout", "1s", "--key", KEY, IMAGE, "--", "/bin/busybox", "sleep", "100"]);
    let waited = it.on(&["wait"]);
    assert_eq!((waited.code, waited.stdout.trim()), (124, "124"), "{waited:?}");
    assert!(it.run(&["ps", "-a"]).stdout.contains("exited (wall limit)"));
    assert_eq!(it.info()["limit-hit"], "wall");
    let it = Sandbox::running(As::Ordinary, "exec sleep 100");
    let ran = it.on(&["wait", "--timeout", "50ms"]);
    assert!(ran.code == 124 && ran.stderr.contains("has not ended"), "{ran:?}");
}

#[test]
fn a_sandbox_is_kept_up_and_watched_as_its_flags_say() {
    for user in users() {
        let again = Sandbox::new(user);
        let flags = ["--restart", "on-failure:1", "--policy", "policy.toml", IMAGE, "--"];
        again.start(&[&flags[..], &["/bin/busybox", "sh", "-c", "echo run; exit 3"]].concat());
        assert_eq!(again.run(&["wait", &again.name]).code, 3);
        assert_eq!(again.run(&["logs", &again.name]).stdout, "run\nrun\n");
        let watched = Sandbox::new(user);
        let line = "/bin/busybox test -e /tmp/well";
        let flags = ["--health-cmd", line, "--health-interval", "100ms", "--health-retries", "1"];
        let words = ["--policy", "policy.toml", IMAGE, "--", "/bin/busybox", "sh", "-c", "sleep 60"];
        watched.start(&[&flags[..], &words].concat());
        let ps = || watched.run(&["ps", "--filter", &format!("name={}", watched.name)]).stdout;
        until(|| ps().contains("(unhealthy)"));
        let well = ["exec", &watched.name, "--", "/bin/busybox", "touch", "/tmp/well"];
        assert_eq!(watched.run(&well).code, 0);
        until(|| ps().contains("(healthy)"));
        let alone = watched.run(&["run", "--health-interval", "1s", "--policy", "policy.toml", IMAGE]);
        assert_eq!(alone.code, 2, "{alone:?}");
    }
}

/// Asks again for thirty seconds.
fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it did not come about in thirty seconds");
        std::thread::sleep(Duration::from_millis(50));
    }
}
