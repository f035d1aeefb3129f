//! Images of a project that are built by its program, where the policy grants it.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use perry_sandbox_build::Keys;
use perry_sandbox_testkit::{is_root, skip};
use serde_json::{Value, json};

use crate::support::{Own, engine_with, with};

/// Whether something can be built here; says aloud what is skipped where it cannot.
pub(crate) fn can_build() -> bool {
    let can = is_root() && std::path::Path::new("/usr/bin/podman").exists();
    if !can {
        skip("no podman, or not root: builds without a network need both");
    }
    can
}

/// A folder with what is built, in the home of an engine that finds podman, with a store of its own.
fn project() -> Option<(Own, tempfile::TempDir, String)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !can_build() {
        return None;
    }
    let storage = tempfile::tempdir().unwrap();
    let at = storage.path().display();
    let file = storage.path().join("storage.conf");
    let store = format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{at}/root\"\nrunroot = \"{at}/run\"\n");
    fs::write(&file, store).unwrap();
    let own = engine_with(&[
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("CONTAINERS_STORAGE_CONF", &file.display().to_string()),
        ("TMPDIR", &at.to_string()),
    ]);
    let app = own.home.path().join("app");
    fs::create_dir(&app).unwrap();
    fs::copy("/bin/busybox", app.join("busybox")).unwrap();
    fs::write(app.join("Dockerfile"), "FROM scratch\nARG WHO\nCOPY busybox /bin/busybox\nENV WHO=$WHO\n")
        .unwrap();
    let name = format!("built{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Some((own, storage, name))
}

/// The arguments of an operation on the project.
fn args(own: &Own, name: &str, grant: &str, more: Value) -> Value {
    let home = own.home.path();
    let key = home.join("data/keys/local.pub");
    let policy = format!(
        r#"
schema = "perry-sandbox/policy/v1"
name = "builds"
[signer.local]
public-key = "{key}"
[image.web]
repository = "localhost/built/web"
signed-by = {{ at-least = 1, of = ["local"] }}
[tier.node]
isolation = {{ accept = ["oci"] }}
seccomp = "perry-default"
env = ["WHO"]
memory-enforcement = "watched"
limits = {{ memory = "64MiB", cpu = 1, pids = 64, wall = "1h", output = "16MiB", disk = "64MiB", open-files = 256 }}
[service."{name}/web"]
tier = "node"
image = ["web"]
{grant}
"#,
        key = key.display()
    );
    let service = json!({
        "build": { "context": home.join("app"), "args": { "WHO": "file" } }, "network_mode": "none",
        "command": ["/bin/busybox", "sleep", "1000"],
    });
    let text = json!({ "name": name, "services": { "web": service } }).to_string();
    with(json!({ "text": text, "policy": { "text": policy } }), more)
}

#[test]
pub(crate) fn what_a_program_has_built_is_signed_here_and_comes_up_by_its_digest() {
    let Some((own, _storage, name)) = project() else { return };
    let context = own.home.path().join("app");
    let granted = format!(
        "build = {{ context = \"{}\", repository = \"localhost/built/web\", signer = \"local\", network = \"none\" }}",
        context.display()
    );
    let missing = own.call("composeBuild", &args(&own, &name, &granted, json!({}))).unwrap_err();
    assert_ne!(missing["code"], "INTERNAL", "there is no key yet: {missing}");
    Keys::below(&own.home.path().join("data")).generate(&"local".parse().unwrap()).unwrap();
    for op in ["composeBuild", "composeUp"] {
        let more = if op == "composeUp" { json!({ "build": true }) } else { json!({}) };
        let denied = own.call(op, &args(&own, &name, "", more)).unwrap_err();
        assert_eq!(denied["code"], "DENIED", "{op}: {denied}");
        assert!(denied["message"].as_str().unwrap().contains("grants no build"), "{op}: {denied}");
    }
    assert!(!own.home.path().join("data/builds").exists(), "nothing was built");
    let early = own.call("composeUp", &args(&own, &name, &granted, json!({}))).unwrap_err();
    assert!(early["message"].as_str().unwrap().contains("not built yet"), "{early}");
    let more = json!({ "services": ["web"], "buildArgs": { "WHO": "program" }, "builder": "podman" });
    let built = own.call("composeBuild", &args(&own, &name, &granted, more)).unwrap();
    assert_eq!(built["services"][0]["service"], "web");
    assert_eq!(built["services"][0]["repository"], "localhost/built/web");
    let digest = built["services"][0]["digest"].as_str().unwrap().to_owned();
    let up = own.call("composeUp", &args(&own, &name, &granted, json!({}))).unwrap();
    let id = json!({ "id": up["services"][0]["containerId"] });
    let info = own.call("sandboxInspect", &id).unwrap();
    assert_eq!(info["digest"], digest, "what runs is what was signed");
    let said = json!({ "command": ["/bin/busybox", "sh", "-c", "echo $WHO"] });
    assert_eq!(own.call("sandboxExec", &with(id, said)).unwrap()["stdout"], "program\n");
    let steps = fs::read_to_string(context.join("Dockerfile")).unwrap();
    fs::write(context.join("Dockerfile"), steps.replace("WHO=$WHO", "WHO=other")).unwrap();
    let again = own.call("composeUp", &args(&own, &name, &granted, json!({ "build": true }))).unwrap();
    assert_ne!(again["services"], up["services"], "what was built anew is made anew");
    own.call("projectDown", &json!({ "project": name, "graceMs": 0 })).unwrap();
    fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY nothing-such /\n").unwrap();
    let failed = own.call("composeBuild", &args(&own, &name, &granted, json!({}))).unwrap_err();
    assert_eq!(failed["code"], "IO", "{failed}");
    assert!(
        failed["message"].as_str().unwrap().contains("nothing-such"),
        "the builder's last words: {failed}"
    );
}
