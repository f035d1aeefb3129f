//! What a service sees as files: folders and files of the project's folder, secrets and configs, where its file wants them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::shop::{Shop, shops};

/// One service that waits, with these lines.
fn service(lines: &[&str]) -> String {
    let lines: String = lines.iter().flat_map(|line| ["    ", line, "\n"]).collect();
    format!(
        "services:\n  web:\n    image: oci:examples/hello/image\n    \
         command: [/bin/busybox, sleep, '600']\n    network_mode: none\n{lines}"
    )
}

/// A folder of the project with a program and a file in it, which everybody may read and write.
fn give_folder(shop: &Shop, name: &str) {
    let folder = shop.file(name);
    fs::create_dir(&folder).expect("the home can be written");
    let program = folder.join("true");
    fs::write(&program, "#!/bin/busybox true\n").expect("it can be written");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("it is ours");
    fs::write(folder.join("app.conf"), "port = 1\n").expect("it can be written");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("it is ours");
}

const BOTH: &str = "busybox cat /etc/app/app.conf; echo x >/etc/app/new; /etc/app/true; echo $?; \
    echo row >/data/rows/new; busybox cat /data/rows/new; /data/rows/true; echo $?; \
    busybox grep -c -E ' /(etc/app|data/rows) r[ow],nosuid,nodev,noexec' /proc/self/mountinfo";

#[test]
fn folders_of_the_project_are_seen_where_its_file_wants_them() {
    let _turn = crate::life::turn();
    for shop in shops("binds") {
        give_folder(&shop, "conf");
        give_folder(&shop, "rows");
        let both = service(&["volumes: ['./conf:/etc/app:ro', './rows:/data/rows']"]);
        shop.write(&both);
        if shop.backend == "docker" {
            let ran = shop.up(&[]);
            assert!(ran.code != 0 && ran.stderr.contains("only where it is read-only"), "{ran:?}");
            shop.write(&both.replace("/data/rows'", "/data/rows:ro'"));
            shop.comes_up();
            let text = shop.said(BOTH);
            assert!(text.starts_with("port = 1\n") && text.ends_with("126\n2\n"), "{text}");
            assert!(text.matches("Read-only file system").count() == 2, "{text}");
            continue;
        }
        shop.comes_up();
        let text = shop.said(BOTH);
        assert!(text.starts_with("port = 1\n") && text.ends_with("126\n2\n"), "{}: {text}", shop.backend);
        assert!(text.contains("Read-only file system") && text.matches("126\n").count() == 2, "{text}");
        assert!(text.contains("row\n"), "{}: {text}", shop.backend);
        assert_eq!(fs::read_to_string(shop.file("rows/new")).expect("it is there"), "row\n");
        assert!(!shop.file("conf/new").exists());
        assert_eq!(shop.compose(&["down", "-v", "-t", "0"]).code, 0, "{}", shop.backend);
        assert!(shop.file("rows/new").exists() && shop.left().is_empty(), "{}", shop.backend);
    }
}

#[test]
fn a_single_file_is_seen_where_it_can_be_and_refused_elsewhere() {
    let _turn = crate::life::turn();
    for shop in shops("single") {
        give_folder(&shop, "conf");
        shop.write(&service(&["volumes: ['./conf/app.conf:/etc/app.conf:ro', './conf/true:/srv/true:ro']"]));
        if shop.backend == "docker" {
            let ran = shop.up(&[]);
            assert!(ran.code != 0 && ran.stderr.contains("mount its folder"), "{ran:?}");
            assert_eq!(shop.left(), Vec::<String>::new());
            continue;
        }
        shop.comes_up();
        let line = "busybox cat /etc/app.conf; echo x >/etc/app.conf; /srv/true; echo $?";
        let text = shop.said(line);
        assert!(text.starts_with("port = 1\n") && text.ends_with("126\n"), "{}: {text}", shop.backend);
        assert!(text.contains("Read-only file system"), "{}: {text}", shop.backend);
    }
}

#[test]
fn what_is_not_on_the_host_is_an_error_at_its_line_and_nothing_is_made() {
    let _turn = crate::life::turn();
    for shop in shops("absent").into_iter().take(1) {
        shop.rewrite(&service(&["volumes: ['./missing:/data']"]));
        shop.give("policy.toml", perry_sandbox_testkit::example::BARE_POLICY);
        let ran = shop.up(&[]);
        assert!(ran.code != 0 && ran.stderr.contains("compose.yaml:7"), "{ran:?}");
        assert!(ran.stderr.contains("missing is not there, and nothing is made on the host"), "{ran:?}");
        assert!(!shop.file("missing").exists() && shop.left().is_empty());
    }
}

const GIVEN: &[&str] = &[
    "user: '1000:1000'",
    "secrets: [{source: token, target: /etc/app/token, gid: '1000', uid: '0', mode: 0440}, {source: plain}]",
    "configs: [{source: site, mode: 0400}, {source: site, target: /etc/app/site.conf}, {source: inline, target: /tmp/deep/inline}]",
];
const SOURCES: &str = "secrets: {token: {file: ./token-file}, plain: {environment: PLAIN_SECRET}}\n\
    configs: {site: {file: ./site.conf}, inline: {content: 'a = $$b'}}\n";
const VALUES: [&str; 2] = ["hush-token-71", "hush-plain-72"];

/// Brings it up with the secret of the environment.
fn up_with_secret(shop: &Shop, args: &[&str]) -> perry_sandbox_testkit::Ran {
    let mut command = shop.command(args);
    perry_sandbox_testkit::Ran::from(command.env("PLAIN_SECRET", VALUES[1]).output().expect("it starts"))
}

const UP: &[&str] = &["up", "-d", "--wait", "--policy", "policy.toml"];

#[test]
fn secrets_and_configs_are_files_with_their_owners_and_modes() {
    let _turn = crate::life::turn();
    for shop in shops("given") {
        shop.give("token-file", VALUES[0]);
        shop.give("site.conf", "port = 1\n");
        shop.write(&(service(GIVEN) + SOURCES));
        let ran = up_with_secret(&shop, UP);
        assert_eq!(ran.code, 0, "{}: {ran:?}", shop.backend);
        let line = "busybox cat /etc/app/token /run/secrets/plain /site /etc/app/site.conf /tmp/deep/inline; echo; \
            busybox stat -c '%n %a %u:%g' /etc/app/* /run/secrets/plain /site; busybox env; \
            for at in /etc/app/token /run/secrets/plain /site; do echo x >>$at && echo changed; done";
        let text = shop.said(line);
        let begin = format!("{}{}port = 1\nport = 1\na = $b\n", VALUES[0], VALUES[1]);
        assert!(text.starts_with(&begin) && !text.contains("changed"), "{}: {text}", shop.backend);
        for one in [
            "/etc/app/token 440 0:1000",
            "/etc/app/site.conf 444 1000:1000",
            "/run/secrets/plain 400 1000:1000",
            "/site 400 1000:1000",
        ] {
            assert!(text.contains(one), "{} {one}: {text}", shop.backend);
        }
        let shown = text.get(begin.len()..).unwrap_or_default();
        assert!(shown.contains("PATH=") && !shown.contains("hush"), "{}: {text}", shop.backend);
        // Nothing of a value is where anybody would read it; of a config the digest is.
        let told =
            [&["plan", "--policy", "policy.toml", "--format", "json"][..], &["ps", "--format", "json"]];
        for args in told {
            let ran = up_with_secret(&shop, args);
            assert!(VALUES.iter().all(|value| !ran.stdout.contains(value)), "{ran:?}");
        }
        // A service that is stopped and started has them again, and one whose config has changed is made anew.
        let id = shop.id("web");
        let again = up_with_secret(&shop, &["restart", "-t", "0", "web"]);
        assert_eq!((again.code, shop.id("web")), (0, id.clone()), "{}: {again:?}", shop.backend);
        shop.until("it runs", || shop.ps().iter().all(|one| one.2 == "running"));
        assert!(shop.said(line).starts_with(&begin), "{}", shop.backend);
        assert_eq!(up_with_secret(&shop, UP).code, 0, "{}", shop.backend);
        assert_eq!(shop.id("web"), id, "{}: what is as it is to be is left alone", shop.backend);
        shop.give("site.conf", "port = 2\n");
        assert_eq!(up_with_secret(&shop, UP).code, 0, "{}", shop.backend);
        assert!(shop.id("web") != id && shop.said(line).contains("port = 2\nport = 2\n"), "{}", shop.backend);
        assert_eq!(shop.compose(&["down", "-v", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn a_config_alone_comes_back_without_the_projects_files() {
    let _turn = crate::life::turn();
    for shop in shops("kept") {
        shop.write(&(service(&["configs: [inline]"]) + "configs: {inline: {content: kept}}\n"));
        shop.comes_up();
        std::fs::remove_file(shop.file("compose.yaml")).expect("it is there");
        for args in [&["stop", "-t", "0"][..], &["start"]] {
            let ran = shop.compose(args);
            assert_eq!(ran.code, 0, "{} {args:?}: {ran:?}", shop.backend);
        }
        shop.until("it runs", || shop.ps().iter().all(|one| one.2 == "running"));
        assert_eq!(shop.said("busybox cat /inline"), "kept", "{}", shop.backend);
    }
}

#[test]
fn a_volume_of_another_project_is_seen_where_the_policy_names_it_and_is_never_removed() {
    let _turn = crate::life::turn();
    for shop in shops("outer") {
        shop.write(&(service(&["volumes: ['data:/data']"]) + "volumes: {data: }\n"));
        shop.comes_up();
        assert_eq!(shop.said("echo kept >/data/row; busybox cat /data/row"), "kept\n", "{}", shop.backend);
        let other = shop.beside("b");
        let lines = service(&["volumes: ['rows:/rows:ro']"]);
        let volume = |name: &str| format!("{lines}volumes: {{rows: {{external: true, name: {name}}}}}\n");
        let name = format!("{}_data", shop.name);
        other.write(&volume(&name));
        other.comes_up();
        let text = other.said("busybox cat /rows/row; echo x >/rows/row");
        assert!(text.starts_with("kept\n") && text.contains("Read-only"), "{}: {text}", shop.backend);
        let down = other.compose(&["down", "-v", "-t", "0"]);
        assert_eq!(down.code, 0, "{}: {down:?}", shop.backend);
        assert_eq!(shop.said("busybox cat /data/row"), "kept\n", "{}", shop.backend);
        // The grant is of that name, not of a volume that the project calls so.
        let policy = std::fs::read_to_string(other.file("policy.toml")).expect("it is there");
        other.give("policy.toml", &policy.replace("external:", ""));
        let denied = other.up(&[]);
        assert!(denied.code == 3 && denied.stderr.contains(&format!("external:{name}")), "{denied:?}");
        other.write(&volume("nobody_has_this"));
        let missing = other.up(&[]);
        assert!(
            missing.code != 0 && missing.stderr.contains("there is no volume `nobody_has_this`"),
            "{missing:?}"
        );
        assert!(other.ps().is_empty(), "{}", shop.backend);
    }
}
