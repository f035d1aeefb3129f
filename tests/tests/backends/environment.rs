//! An image whose configuration is hostile: what of it reaches the program.

use std::collections::BTreeSet;

use perry_sandbox_testkit::made::{MADE, MADE_KEY, content, write_signed};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{Home, Ran};
use serde_json::{Value, json};

use crate::wall::{Wall, walls};
use crate::{IMAGE, policy};

fn hostile() -> Value {
    json!({
        "Env": ["LD_PRELOAD=/evil.so", "LD_LIBRARY_PATH=/evil", "BASH_ENV=/evil.sh", "PATH=.:/evil",
            "container=evil", "TERM=evil", "HARMLESS=kept", "not a pair"],
        "User": "root",
        "Healthcheck": { "Test": ["CMD", "/bin/busybox", "touch", "/tmp/checked"], "Interval": 1_000_000, "StartPeriod": 1 },
        "Labels": { "perry-sandbox.run": "evil", "io.containers.capabilities": "SYS_ADMIN,CHOWN" },
        "OnBuild": ["RUN /bin/busybox touch /tmp/built"],
        "StopSignal": "SIGCONT",
        "Entrypoint": ["/bin/busybox", "echo", "evil"],
        "Cmd": ["evil"],
        "ExposedPorts": { "80/tcp": {} },
        "Shell": ["/evil"],
        "WorkingDir": "/work",
    })
}

fn image(wall: Wall, config: &Value) -> Home {
    let home = wall.home();
    let passwd = b"root:x:0:0::/evil:/bin/sh\nnobody:x:65534:65534::/evil:/bin/sh\n";
    let top = Tarball::new().dir("work/").dir("data/").dir("etc/").file("etc/passwd", passwd);
    let (content, digest) = content(&home, top, config);
    write_signed(&home, content, &digest);
    home
}

fn run(wall: Wall, home: &Home, flags: &[&str], command: &[&str]) -> Ran {
    let args = [
        &["run", "--quiet", "--key", MADE_KEY, "--entrypoint", "/bin/busybox"],
        flags,
        &[MADE, "--"],
        command,
    ];
    wall.ask(home, &args.concat())
}

#[test]
fn the_environment_is_the_plans_and_no_more() {
    for wall in walls() {
        let home = image(wall, &hostile());
        let mut wanted = BTreeSet::from([
            "HARMLESS=kept",
            "HOME=/tmp",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM=evil",
            "container=evil",
        ]);
        if wall.name == "podman" {
            wanted.insert("HOSTNAME=sandbox");
        }
        let ran = run(wall, &home, &[], &["env"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{wall:?}: {ran:?}");
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), wanted.len(), "{wall:?}: {ran:?}");
        assert_eq!(lines.into_iter().collect::<BTreeSet<_>>(), wanted, "{wall:?}");
    }
}

#[test]
fn a_variables_value_reaches_the_program_as_it_is() {
    let value = "a b'c\"d$HOME\\n=,%s\n\u{e9}";
    for wall in walls() {
        let home = wall.home();
        home.give("policy.toml", policy("env = [\"OURS\"]", "").as_bytes());
        let flags =
            ["run", "--quiet", "--policy", "policy.toml", "--env", &format!("OURS={value}"), IMAGE, "--"];
        let ran =
            wall.ask(&home, &[&flags[..], &["/bin/busybox", "sh", "-c", "printf %s \"$OURS\""]].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (0, value), "{wall:?}: {ran:?}");
    }
}

#[test]
fn user_folder_and_everything_else_of_it_is_overruled() {
    let script = "id -u; id -g; pwd; hostname; cat /proc/1/cmdline | tr '\\0' ' '; sleep 2; ls -A /tmp";
    for wall in walls() {
        let home = image(wall, &hostile());
        let ran = run(wall, &home, &[], &["sh", "-c", script]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{wall:?}: {ran:?}");
        let wanted = format!("65534\n65534\n/work\nsandbox\n/bin/busybox sh -c {script} ");
        assert_eq!(ran.stdout, wanted, "{wall:?}");
    }
}

#[test]
fn volumes_are_refused_or_do_nothing() {
    let mut config = hostile();
    config["Volumes"] = json!({ "/data": {}, "/etc": {} });
    let script = "for dir in /data /etc; do grep -c \" $dir \" /proc/self/mountinfo; \
        touch $dir/written 2>/dev/null && echo \"wrote $dir\"; done; exit 0";
    for wall in walls() {
        let home = image(wall, &config);
        let ran = run(wall, &home, &[], &["sh", "-c", script]);
        if wall.name == "docker" {
            assert_eq!((ran.code, ran.stdout.as_str()), (122, ""), "{wall:?}: {ran:?}");
            assert!(
                ran.stderr.contains("read-only-root") && ran.stderr.contains("`/data`"),
                "{wall:?}: {ran:?}"
            );
        } else {
            assert_eq!((ran.code, ran.stdout.as_str()), (0, "0\n0\n"), "{wall:?}: {ran:?}");
        }
    }
}
