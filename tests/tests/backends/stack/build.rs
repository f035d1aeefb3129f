//! Images that are built here: by a builder of this machine, where the policy grants it, and past the same gate as all others.

use std::fs;

use perry_sandbox_testkit::{Ran, peer, skip};

use super::shop::{Shop, shops};

const SERVICE: &str = "\
services:
  web:
    build: {context: app, args: {WHO: me}}
    command: [/bin/busybox, sleep, '300']
    network_mode: none
";
const STEPS: &str = "FROM scratch\nARG WHO\nCOPY busybox /bin/busybox\nENV WHO=$WHO\n";

/// The project with its context, its key and a policy that grants a build with this network.
fn shop(shop: &Shop, network: &str) {
    shop.give("bare.toml", "schema = \"perry-sandbox/policy/v1\"\nname = \"bare\"\n");
    fs::create_dir(shop.file("app")).expect("a folder of ours");
    fs::copy("/bin/busybox", shop.file("app/busybox")).expect("the static busybox is installed");
    shop.give("app/Dockerfile", STEPS);
    let key = shop.compose(&["build", "--generate-key"]);
    assert_eq!(key.code, 0, "{key:?}");
    shop.rewrite(SERVICE);
    let suggested = shop.compose(&["plan", "--policy", "bare.toml", "--suggest-policy"]);
    assert!(suggested.stdout.contains("network = \"none\""), "{suggested:?}");
    let granted = suggested.stdout.replace("network = \"none\"", &format!("network = \"{network}\""));
    let bare = fs::read_to_string(shop.file("bare.toml")).expect("it is there");
    shop.give("policy.toml", &format!("{bare}{}{granted}", key.stdout));
}

fn build(shop: &Shop, more: &[&str]) -> Ran {
    shop.compose(&[&["build", "--policy", "policy.toml"], more].concat())
}

#[test]
fn what_is_built_here_runs_by_the_digest_that_was_signed() {
    let _turn = crate::life::turn();
    for (one, builder) in shops("build").into_iter().zip(["podman", "podman", "docker"]) {
        if !crate::engines::is_present(builder) {
            continue;
        }
        shop(&one, if builder == "docker" { "builder" } else { "none" });
        let early = one.up(&[]);
        assert!(early.code == 1 && early.stderr.contains("not built yet"), "{builder}: {early:?}");
        let built = build(&one, &["--builder", builder]);
        assert_eq!(built.code, 0, "{builder}: {built:?}");
        let plan = one.compose(&["plan", "--policy", "policy.toml"]);
        assert!(plan.stdout.contains("built here, signed by local"), "{plan:?}");
        assert_eq!(one.up(&[]).code, 0, "{builder} for {}", one.backend);
        if one.backend == "native" {
            assert_eq!(one.exec("web", "echo $WHO").stdout, "me\n");
            is_cosigns(&one);
        }
        let first = one.id("web");
        one.give("app/Dockerfile", &STEPS.replace("WHO=$WHO", "WHO=other"));
        let again = one.up(&["--build"]);
        assert_eq!(again.code, 0, "{builder}: {again:?}");
        assert_ne!(one.id("web"), first, "what was built anew is made anew");
        let down = one.compose(&["down", "-t", "0", "--rmi", "local"]);
        assert!(down.code == 0 && down.stderr.contains("removed the image oci:"), "{builder}: {down:?}");
        let none = one.up(&[]);
        assert!(none.code == 1 && none.stderr.contains("not built yet"), "{builder}: {none:?}");
    }
}

/// What is signed here is what cosign signs.
fn is_cosigns(shop: &Shop) {
    let Some(cosign) = peer("cosign2") else { return skip("no cosign: set PERRY_SANDBOX_PEERS") };
    let folder = shop.data("builds").join(&shop.name).join("web");
    let layouts =
        fs::read_dir(folder).expect("something was built").map(|entry| entry.expect("an entry").path());
    let layout = layouts.into_iter().find(|path| path.is_dir()).expect("a layout");
    let mut command = std::process::Command::new(cosign);
    command.args(["verify", "--insecure-ignore-tlog=true", "--key"]).arg(shop.data("keys/local.pub"));
    let said = command.arg("--local-image").arg(layout).output().expect("cosign starts");
    assert!(said.status.success(), "{said:?}");
}

/// A project on podman, which then is what builds.
fn with_podman(name: &str) -> Option<Shop> {
    let one = shops(name).into_iter().find(|shop| shop.backend == "podman");
    one.inspect(|one| shop(one, "none"))
}

#[test]
fn without_a_grant_nothing_is_built() {
    let _turn = crate::life::turn();
    let Some(one) = with_podman("grant") else { return };
    let policy = fs::read_to_string(one.file("policy.toml")).expect("it is there");
    let without: String =
        policy.lines().filter(|line| !line.starts_with("build")).map(|line| format!("{line}\n")).collect();
    let elsewhere = policy.replace("/app\"", "/other\"");
    for (text, why) in [(without, "grants no build"), (elsewhere, "as its context")] {
        one.give("policy.toml", &text);
        for ran in [build(&one, &[]), one.up(&["--build"])] {
            assert!(ran.code == 3 && ran.stderr.contains("PSD249") && ran.stderr.contains(why), "{ran:?}");
        }
    }
    // A link to a folder is that folder.
    one.give("policy.toml", &policy);
    fs::rename(one.file("app"), one.file("real")).expect("it is ours");
    std::os::unix::fs::symlink("real", one.file("app")).expect("it is ours");
    assert_eq!(build(&one, &[]).code, 3);
    assert!(!one.data("builds").exists(), "nothing was built");
}

#[test]
fn a_build_reaches_nothing_and_pulls_nothing() {
    let _turn = crate::life::turn();
    let Some(one) = with_podman("reach") else { return };
    let interfaces =
        "RUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo seen $(/bin/busybox ls /sys/class/net)\"]\n";
    one.give("app/Dockerfile", &format!("{STEPS}{interfaces}"));
    let ran = build(&one, &[]);
    assert!(ran.code == 0 && ran.stderr.contains("| seen lo\n"), "{ran:?}");
    one.give("app/Dockerfile", "FROM localhost:1/nobody/has:this\n");
    let pulled = build(&one, &[]);
    assert!(pulled.code == 1 && !pulled.stderr.contains("Trying to pull"), "{pulled:?}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.set_nonblocking(true).expect("it is a socket");
    let port = listener.local_addr().expect("it has an address").port();
    one.give("app/Dockerfile", &format!("FROM scratch\nADD http://127.0.0.1:{port}/a /a\n"));
    let added = build(&one, &[]);
    assert!(added.code == 1 && listener.accept().is_err(), "the builder has no network either: {added:?}");
    for steps in ["FROM oci:/srv/image\n", "FROM scratch\nRUN --mount=type=cache,target=/c true\n"] {
        one.give("app/Dockerfile", steps);
        let refused = build(&one, &[]);
        assert!(refused.code == 1 && refused.stderr.contains("the steps have `"), "{refused:?}");
    }
    let docker = build(&one, &["--builder", "docker"]);
    assert!(docker.code == 1 && docker.stderr.contains("pulls whatever"), "{docker:?}");
}

#[test]
fn a_file_asks_for_less_than_is_granted_and_gets_less() {
    let _turn = crate::life::turn();
    let Some(one) = shops("less").into_iter().find(|shop| shop.backend == "podman") else { return };
    shop(&one, "builder");
    one.rewrite(&SERVICE.replace("context: app", "context: app, network: none"));
    one.give("app/Dockerfile", "FROM localhost:1/nobody/has:this\n");
    let pulled = build(&one, &[]);
    assert!(pulled.code == 1 && !pulled.stderr.contains("Trying to pull"), "{pulled:?}");
    let docker = build(&one, &["--builder", "docker"]);
    assert!(docker.code == 1 && docker.stderr.contains("pulls whatever"), "{docker:?}");
}

#[test]
fn a_build_is_signed_by_the_key_that_the_policy_means_or_not_at_all() {
    let _turn = crate::life::turn();
    let Some(one) = with_podman("keys") else { return };
    fs::remove_file(one.data("keys/local.key")).expect("it is there");
    let without = build(&one, &[]);
    assert!(without.code == 1 && without.stderr.contains("--generate-key local"), "{without:?}");
    let before = fs::read(one.data("keys/local.pub")).expect("it is there");
    assert_eq!(one.compose(&["build", "--generate-key"]).code, 0);
    fs::write(one.data("keys/local.pub"), before).expect("it is ours");
    let other = build(&one, &[]);
    assert!(other.code == 1 && other.stderr.contains("has another key"), "{other:?}");
}

#[test]
fn what_a_file_cannot_have_of_a_build_is_refused_at_its_line() {
    let _turn = crate::life::turn();
    let Some(one) = with_podman("lines") else { return };
    for part in [
        "privileged: true",
        "network: host",
        "ssh: [default]",
        "entitlements: [network.host]",
        "cache_from: [x]",
    ] {
        one.rewrite(&SERVICE.replace("context: app", &format!("context: app, {part}")));
        let ran = build(&one, &[]);
        let key = part.split_once(':').expect("a key").0;
        assert!(
            ran.code == 3 && ran.stderr.contains(&format!("`build.{key}` is refused")),
            "{part}: {ran:?}"
        );
    }
    one.rewrite(&SERVICE.replace("context: app", "context: app, dockerfile: ../compose.yaml"));
    let outside = build(&one, &[]);
    assert!(outside.code == 1 && outside.stderr.contains("are not in the context"), "{outside:?}");
    assert_eq!(build(&one, &["--push"]).code, 2);
}
