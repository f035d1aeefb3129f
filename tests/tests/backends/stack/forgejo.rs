//! The example of a forge, with small programs in the places of its images.

use std::path::PathBuf;

use perry_sandbox_reference::Platform;
use perry_sandbox_testkit::layout::{Compression, Content, digest_of};
use perry_sandbox_testkit::made::sign;
use perry_sandbox_testkit::sigstore::Key;
use perry_sandbox_testkit::tarball::Tarball;
use serde_json::{Value, json};

use super::life::free_port;
use super::shop::{Shop, shops};

/// What takes the places of the images' own programs; everything else is the example's.
const STAND_INS: &str = "services:
  forgejo:
    entrypoint: [/bin/busybox, sh, -c]
    command: ['cat /run/secrets/secret-key >/dev/null && echo forge >/tmp/index.html && exec /bin/busybox httpd -f -p 3000 -h /tmp']
    healthcheck: {test: [CMD, /bin/busybox, wget, -q, -O, /dev/null, 'http://127.0.0.1:3000/'], interval: 300ms}
  db:
    entrypoint: [/bin/busybox, sh, -c]
    command: ['echo $$POSTGRES_DB >/tmp/answer; exec /bin/busybox nc -ll -p 5432 -e /bin/busybox cat /tmp/answer']
    healthcheck: {test: [CMD, /bin/busybox, test, -s, /tmp/answer], interval: 300ms}
";

fn example(name: &str) -> String {
    let path: PathBuf = perry_sandbox_testkit::crate_root().join("examples/forgejo").join(name);
    std::fs::read_to_string(path).expect("it is there")
}

/// Puts the example into the project's folder, under the project's own name and on ports that are free.
fn lay_out(shop: &Shop) {
    let [http, ssh] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let ported = |text: &str| {
        text.replace("127.0.0.1:3000:", &format!("{http}:")).replace("127.0.0.1:2222:", &format!("{ssh}:"))
    };
    let text = ported(&example("compose.yaml")).replace("name: forgejo\n", &format!("name: {}\n", shop.name));
    shop.give("compose.yaml", &text);
    shop.give("compose.override.yaml", STAND_INS);
    let policy = example("policy.toml")
        .replace("127.0.0.1:3000", &http)
        .replace("127.0.0.1:2222", &ssh)
        .replace("\"cosign.pub\"", "\"examples/hello/cosign.pub\"")
        .replace("registry.example/mirror/forgejo", "registry.example/perry-sandbox/hello")
        .replace("registry.example/mirror/postgres", "registry.example/perry-sandbox/hello")
        .replace("\"forgejo/", &format!("\"{}/", shop.name));
    shop.give("policy.toml", &policy);
    shop.give(".env", "FORGEJO_IMAGE=oci:examples/hello/image\nPOSTGRES_IMAGE=oci:examples/hello/image\n");
    std::fs::create_dir_all(shop.file("secrets")).expect("a folder");
    for secret in ["db-password", "secret-key", "internal-token"] {
        shop.give(&format!("secrets/{secret}"), "hush");
    }
}

#[test]
fn the_forge_of_the_example_comes_up_behind_its_database_and_goes() {
    let _turn = crate::life::turn();
    for shop in shops("forge") {
        lay_out(&shop);
        let up = shop.up(&["--wait"]);
        assert_eq!(up.code, 0, "{}: {up:?}", shop.backend);
        let asked =
            shop.exec("forgejo", "busybox nc db 5432 </dev/null >/tmp/answer; busybox cat /tmp/answer");
        assert!(asked.stdout.contains("forgejo"), "{}: {asked:?}", shop.backend);
        let shown = shop.compose(&["logs"]);
        assert!(!format!("{shown:?}").contains("hush"), "{}", shop.backend);
        let ps = shop.ps();
        assert!(ps.len() == 2 && ps.iter().all(|one| one.2 == "running"), "{}: {ps:?}", shop.backend);
        assert_eq!(shop.compose(&["down", "-v", "-t", "1"]).code, 0, "{}", shop.backend);
        assert_eq!(shop.left(), Vec::<String>::new(), "{}", shop.backend);
    }
}

#[test]
fn the_forge_names_what_is_missing_of_it() {
    if let Some(shop) = shops("bareforge").into_iter().next() {
        lay_out(&shop);
        shop.give(".env", "FORGEJO_IMAGE=oci:examples/hello/image\n");
        let plan = shop.compose(&["plan", "--policy", "policy.toml"]);
        assert!(plan.code != 0 && plan.stderr.contains("PostgreSQL, by digest"), "{plan:?}");
    }
}

/// What Forgejo's rootless image says of itself.
fn forgejos_own() -> Value {
    json!({
        "User": "1000:1000", "WorkingDir": "/var/lib/gitea", "ExposedPorts": { "2222/tcp": {}, "3000/tcp": {} },
        "Entrypoint": ["/usr/bin/dumb-init", "--", "/usr/local/bin/docker-entrypoint.sh"],
        "Volumes": { "/etc/gitea": {}, "/var/lib/gitea": {} },
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "GITEA_WORK_DIR=/var/lib/gitea",
            "GITEA_CUSTOM=/var/lib/gitea/custom", "GITEA_TEMP=/tmp/gitea", "TMPDIR=/tmp/gitea",
            "GITEA_APP_INI=/etc/gitea/app.ini", "HOME=/var/lib/gitea/git",
        ],
    })
}

/// What PostgreSQL's image on Alpine says of itself.
fn postgres_own() -> Value {
    json!({
        "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["postgres"], "StopSignal": "SIGINT", "WorkingDir": "/",
        "ExposedPorts": { "5432/tcp": {} }, "Volumes": { "/var/lib/postgresql/data": {} },
        "Env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "GOSU_VERSION=1.17",
            "LANG=en_US.utf8", "PG_MAJOR=17", "PG_VERSION=17.5", "DOCKER_PG_LLVM_DEPS=llvm19-dev \t\tclang19",
            "PGDATA=/var/lib/postgresql/data",
        ],
    })
}

/// An index of two platforms, as a mirror has it, signed as README.md says; its name by digest.
fn mirrored(shop: &Shop, name: &str, key: &Key, own: &Value) -> String {
    let mut content = Content::new();
    let layer = [(Tarball::new().file("bin/placeholder", b"x").build(), Compression::Gzip)];
    let platforms = ["linux/amd64", "linux/arm64"].map(|name| name.parse::<Platform>().expect("a platform"));
    let images: Vec<Value> = platforms
        .iter()
        .map(|platform| {
            let mut image = content.image(&layer, platform, own);
            image["platform"] = json!({ "os": platform.os(), "architecture": platform.architecture() });
            image
        })
        .collect();
    let index = content.index(&images);
    content.list(&index);
    let digest = digest_of(&index);
    sign(&mut content, &format!("registry.example/mirror/{name}"), &digest, key);
    content.write_layout(&shop.file(name));
    format!("oci:{name}@{digest}")
}

#[test]
fn the_forge_is_planned_whole_for_images_that_are_configured_as_the_real_ones() {
    let Some(shop) = shops("plannedforge").into_iter().find(|shop| shop.backend == "native") else { return };
    let key = Key::p256();
    let forgejo = mirrored(&shop, "forgejo", &key, &forgejos_own());
    let postgres = mirrored(&shop, "postgres", &key, &postgres_own());
    shop.give("cosign.pub", &key.pem());
    shop.give(".env", &format!("FORGEJO_IMAGE={forgejo}\nPOSTGRES_IMAGE={postgres}\n"));
    // Nothing of the example is changed.
    shop.give("compose.yaml", &example("compose.yaml"));
    shop.give("policy.toml", &example("policy.toml"));
    std::fs::create_dir_all(shop.file("secrets")).expect("a folder");
    for secret in ["db-password", "secret-key", "internal-token"] {
        shop.give(&format!("secrets/{secret}"), "hush");
    }
    let plan = shop.compose(&["plan", "--policy", "policy.toml"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    for line in ["start forgejo-db-1", "start forgejo-forgejo-1", "6 is healthy", "signed by own"] {
        assert!(plan.stdout.contains(line), "{line}: {plan:?}");
    }
    for service in ["db", "forgejo"] {
        let explained = shop.compose(&["explain", "--policy", "policy.toml", service]);
        assert!(explained.code == 0 && !explained.stdout.contains("left out"), "{explained:?}");
    }
}
