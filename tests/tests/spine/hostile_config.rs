//! A signed image whose configuration is hostile: it is overridden or refused, as root and as an ordinary user.

use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::{Value, json};

use crate::users;
use perry_sandbox_testkit::made::{MADE, MADE_KEY, content, write_signed};

/// Runs the command that the configuration itself names.
fn run(user: As, top: Tarball, config: &Value) -> Ran {
    let home = Home::new(user);
    let (content, digest) = content(&home, top, config);
    write_signed(&home, content, &digest);
    home.run(&["run", "--key", MADE_KEY, MADE])
}

/// A configuration that runs this script.
fn script(script: &str, mut config: Value) -> Value {
    config["Entrypoint"] = json!(["/bin/busybox", "sh", "-c", script]);
    config
}

#[test]
fn root_by_name_by_number_or_by_the_images_own_passwd_is_nobody() {
    for user in users() {
        for name in ["root", "0", "0:0", "root:root", "admin", "admin:admin"] {
            let top = Tarball::new()
                .dir("etc/")
                .file("etc/passwd", b"root:x:0:0::/:/bin/sh\nadmin:x:0:0::/:/bin/sh\n")
                .file("etc/group", b"root:x:0:\nadmin:x:0:\n");
            let ran = run(user, top, &script("id -u; id -g", json!({"User": name})));
            assert_eq!((ran.code, ran.stdout.as_str()), (0, "65534\n65534\n"), "{user:?} {name}: {ran:?}");
        }
    }
}

#[test]
fn variables_that_steer_loaders_and_shells_are_left_out() {
    let env = [
        "LD_PRELOAD=/evil.so",
        "LD_LIBRARY_PATH=/evil",
        "BASH_ENV=/evil.sh",
        "PATH=.:/evil",
        "HOME=evil",
        "not a pair",
        "HARMLESS=kept",
    ];
    for user in users() {
        let ran = run(user, Tarball::new(), &script("/bin/busybox env", json!({"Env": env})));
        assert_eq!(ran.code, 0, "{user:?}: {ran:?}");
        assert!(!ran.stdout.contains("evil") && !ran.stdout.contains("not a pair"), "{user:?}: {ran:?}");
        assert!(ran.stdout.contains("HARMLESS=kept\n"), "{user:?}: {ran:?}");
    }
}

#[test]
fn volumes_and_build_triggers_do_nothing() {
    let config = json!({
        "Volumes": {"/data": {}, "/etc": {}, "/proc/sys": {}}, "OnBuild": ["RUN /bin/busybox touch /data/built"],
    });
    let tries = "for dir in /data /etc /proc/sys; do grep -c \" $dir \" /proc/self/mountinfo; \
        touch $dir/written 2>/dev/null && echo \"wrote $dir\"; done; ls -A /data; exit 0";
    for user in users() {
        let before = run(user, Tarball::new().dir("data/").dir("etc/"), &script(tries, json!({})));
        let after = run(user, Tarball::new().dir("data/").dir("etc/"), &script(tries, config.clone()));
        assert_eq!(after.code, 0, "{user:?}: {after:?}");
        assert!(!after.stdout.contains("wrote") && !after.stdout.contains("built"), "{user:?}: {after:?}");
        assert_eq!(after.stdout, before.stdout, "{user:?}: no mount more than without them");
    }
}

#[test]
fn a_program_named_without_a_folder_is_not_looked_for_where_it_begins() {
    let top = || Tarball::new().dir("work/").file_mode("work/tool", b"#!/bin/busybox sh\necho evil\n", 0o755);
    let config = json!({"Entrypoint": ["tool"], "WorkingDir": "/work", "Env": ["PATH=.:/work/.:"]});
    for user in users() {
        let ran = run(user, top(), &config);
        assert_eq!((ran.code, ran.stdout.as_str()), (127, ""), "{user:?}: {ran:?}");
        assert!(ran.stderr.contains("`tool`"), "{user:?}: {ran:?}");
    }
}

#[test]
fn a_program_relative_to_where_it_begins_is_refused() {
    let top = || Tarball::new().dir("work/").file_mode("work/tool", b"#!/bin/busybox sh\necho evil\n", 0o755);
    for user in users() {
        for program in ["./tool", "../bin/busybox", &("../".repeat(40) + "bin/busybox"), "../proc/self/exe"] {
            let config = json!({"Entrypoint": [program], "Cmd": ["true"], "WorkingDir": "/work"});
            let ran = run(user, top(), &config);
            assert_eq!((ran.code, ran.stdout.as_str()), (126, ""), "{user:?} {program}: {ran:?}");
            assert!(ran.stderr.contains("relative"), "{user:?} {program}: {ran:?}");
        }
    }
}

#[test]
fn a_working_folder_of_the_kernel_is_denied_and_a_link_to_one_leads_nowhere() {
    for user in users() {
        for dir in ["/proc/self/fd/7", "/proc/self/cwd", "/sys", "../proc"] {
            let ran = run(user, Tarball::new(), &script("pwd", json!({"WorkingDir": dir})));
            assert_eq!((ran.code, ran.stdout.as_str()), (120, ""), "{user:?} {dir}: {ran:?}");
            assert!(ran.stderr.contains(dir), "{user:?} {dir}: {ran:?}");
        }
        for target in ["/proc/self/fd", "/proc/1/root", "../../../proc/self/cwd", "/proc/self/fd/7"] {
            let config = script("pwd", json!({"WorkingDir": "/work"}));
            let ran = run(user, Tarball::new().symlink("work", target), &config);
            assert_eq!((ran.code, ran.stdout.as_str()), (125, ""), "{user:?} {target}: {ran:?}");
            assert!(ran.stderr.contains("choose another working folder"), "{user:?} {target}: {ran:?}");
        }
    }
}
