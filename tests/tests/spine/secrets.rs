//! Secrets: the file inside, and nothing of the value anywhere else.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::{As, Home, Ran};

use crate::{IMAGE, roomy, users};

/// What nothing but the file may contain.
const VALUE: &str = "hush-71b0c2-value";

const CAPABILITY: &str = r#"[capability.shell]
tier = "roomy"
image = "hello"
command = ["/bin/busybox", "sh", "-c"]
args = { max = 1, each-max = 256 }
grants = { secrets = [{ name = "token", as = "file" }] }"#;

fn home(user: As) -> Home {
    let home = Home::new(user);
    let policy = roomy("10m", r#"secrets = ["token"]"#, CAPABILITY);
    fs::write(home.path().join("policy.toml"), policy).expect("the home can be written");
    fs::write(home.path().join("token-file"), VALUE).expect("the home can be written");
    if user == As::Ordinary && perry_sandbox_testkit::is_root() {
        for file in ["policy.toml", "token-file"] {
            std::os::unix::fs::chown(home.path().join(file), Some(1337), Some(1337))
                .expect("it is given away");
        }
    }
    home
}

fn arguments<'a>(flags: &[&'a str], script: &'a str) -> Vec<&'a str> {
    [&["run", "--policy", "policy.toml", "--image", IMAGE], flags, &["shell", "--", script]].concat()
}

/// Every file below a folder that has the value, but for the one that it comes from.
fn leaks(folder: &Path) -> Vec<String> {
    let found = std::process::Command::new("grep").arg("-rlaF").arg(VALUE).arg(folder).output();
    let found = String::from_utf8(found.expect("grep runs").stdout).expect("paths are text");
    found.lines().filter(|path| !path.ends_with("/token-file")).map(str::to_owned).collect()
}

/// Whether the value lies in the memory of a process.
fn in_memory(pid: u32) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).expect("the process is ours");
    let writable =
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw")));
    writable.filter_map(|line| line.split(' ').next()?.split_once('-')).any(|(from, to)| {
        let number = |text| u64::from_str_radix(text, 16).expect("a number");
        let mut bytes = vec![0; usize::try_from(number(to) - number(from)).expect("it fits")];
        memory.seek(SeekFrom::Start(number(from))).expect("a place in memory");
        memory.read_exact(&mut bytes).is_ok()
            && bytes.windows(VALUE.len()).any(|part| part == VALUE.as_bytes())
    })
}

fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn descendants(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    children.iter().flat_map(|child| descendants(*child)).chain([pid]).collect()
}

#[test]
fn the_program_finds_a_file_and_nobody_else_anything() {
    for user in users() {
        let home = home(user);
        let secret = ["--json", "--secret", "token=token-file"];
        let ran = home.run(&arguments(&secret, "wc -c < /run/secrets/token; env; cat /proc/self/mountinfo"));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains(&format!("\"stdout\": \"{}\\n", VALUE.len())), "{ran:?}");
        let explain =
            ["explain", "--policy", "policy.toml", "--image", IMAGE, "--secret", "token", "shell", "--", "x"];
        let explained = home.run(&explain);
        assert!(explained.stdout.contains("enforced by tmpfs of its own"), "{explained:?}");
        let dry = home.run(&arguments(&["--dry-run", "--secret", "token=token-file"], "true"));
        assert!(
            dry.stdout.contains("secret token into the file secrets/token of 65534:65534, mode 400"),
            "{dry:?}"
        );
        for Ran { stdout, stderr, .. } in [&ran, &explained, &dry] {
            assert!(!stdout.contains(VALUE) && !stderr.contains(VALUE), "{stdout}{stderr}");
        }
        assert_eq!(leaks(home.path()), Vec::<String>::new(), "{user:?}");
        // The search itself finds what is there.
        fs::write(home.path().join("planted"), VALUE).expect("the home can be written");
        assert_eq!(leaks(home.path()).len(), 1);
    }
}

#[test]
fn the_value_is_in_the_memory_of_no_process_of_ours() {
    let home = home(As::Me);
    let script = "echo ready > /tmp/x; sleep 60";
    let mut child: Child = home
        .command(&arguments(&["--secret", "token=token-file"], script))
        .stdin(Stdio::null())
        .spawn()
        .expect("the program starts");
    let sleeps = |pid: &u32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline"));
        *pid != child.id() && line.is_ok_and(|line| line.contains("sleep") && !line.contains("--secret"))
    };
    wait_for("the program", || descendants(child.id()).iter().any(sleeps));
    let all = descendants(child.id());
    let shown: Vec<_> = all.iter().filter(|pid| in_memory(**pid)).collect();
    let named: Vec<_> = all
        .iter()
        .flat_map(|pid| ["cmdline", "environ"].map(|file| format!("/proc/{pid}/{file}")))
        .filter(|file| fs::read(file).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(VALUE)))
        .collect();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert!(all.len() >= 2 && shown.is_empty() && named.is_empty(), "{all:?}: {shown:?} {named:?}");
    // The look itself: this process has it.
    let own = VALUE.to_owned();
    assert!(in_memory(std::process::id()), "{own}");
}

#[test]
fn what_is_granted_must_be_supplied_and_what_is_not_must_not() {
    let home = home(As::Ordinary);
    fs::write(home.path().join("x"), "x").expect("the home can be written");
    let missing = home.run(&arguments(&[], "echo ran"));
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.stderr.contains("the secret `token`") && missing.stderr.contains("--secret NAME=FILE"));
    let more = home.run(&arguments(&["--secret", "token=x", "--secret", "other=x"], "echo ran"));
    assert_eq!(more.code, 120, "{more:?}");
    assert!(more.stderr.contains("other") && more.stderr.contains("secrets"), "{more:?}");
    let twice = home.run(&arguments(&["--secret", "token=x", "--secret", "token=x"], "echo ran"));
    assert_eq!(twice.code, 2, "{twice:?}");
    // Whoever writes a value where a file belongs does not find it in a message as well.
    for text in [format!("token={VALUE}"), format!("TOKEN={VALUE}"), format!("=={VALUE}")] {
        let wrong = home.run(&arguments(&["--secret", &text], "echo ran"));
        assert_eq!(wrong.code, 2, "{wrong:?}");
        assert!(!wrong.stderr.contains(VALUE), "{wrong:?}");
    }
    for ran in [missing, more, twice] {
        assert_eq!(ran.stdout, "", "nothing may have run");
    }
}

#[test]
fn every_start_of_a_sandbox_that_stays_needs_them_and_none_stores_them() {
    for user in users() {
        let home = home(user);
        let name = home.path().file_name().and_then(|name| name.to_str()).expect("a name").to_lowercase();
        let name = name.replace("perry-sandbox-home.", "box-");
        let with = ["-d", "--name", &name, "--secret", "token=token-file"];
        let script = "wc -c < /run/secrets/token; sleep 600";
        let started = home.run(&arguments(&with, script));
        assert_eq!(started.code, 0, "{started:?}");
        let logs = || home.run(&["logs", &name]).stdout;
        let size = format!("{}\n", VALUE.len());
        wait_for("the first output", || logs() == size);
        let joined =
            home.run(&["exec", &name, "--", "/bin/busybox", "sh", "-c", "wc -c < /run/secrets/token"]);
        assert_eq!(joined.stdout, size, "{joined:?}");
        let runtime = if user == As::Me && perry_sandbox_testkit::is_root() {
            Path::new("/run/perry-sandbox").to_owned()
        } else {
            home.path().join("run")
        };
        assert_eq!([leaks(home.path()), leaks(&runtime)].concat(), Vec::<String>::new());
        assert_eq!(home.run(&["stop", "-t", "0", &name]).code, 0);
        let without = home.run(&["start", &name]);
        assert!(without.code != 0 && without.stderr.contains("the secret `token`"), "{without:?}");
        let again = home.run(&["start", "--secret", "token=token-file", &name]);
        assert_eq!(again.code, 0, "{again:?}");
        assert_eq!(home.run(&["rm", "-f", &name]).code, 0);
    }
}
