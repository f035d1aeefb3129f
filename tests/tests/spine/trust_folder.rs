//! A folder of trust roots, named by a flag or by a policy.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::{As, Home, Ran, crate_root};
use serde_json::Value;

const INDEX: &str = "sha256:b95c9630cd7cb679d1382a7107a5c86cfc62cf9814f4c31008d4ce957081206f";
const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.example.test";

/// A home with an image that an identity signed, and a folder of trust roots with other people's and the right one.
struct Bench {
    home: Home,
    roots: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let home = Home::new(As::Me);
        let data = crate_root().join("verifier/tests/data");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(data.join("signed/cosign3-kl3v1"))
            .arg(home.path().join("image"))
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        let roots = home.path().join("roots");
        fs::create_dir(&roots).expect("a folder");
        let bench = Self { home, roots };
        let other = data.join("conformance/rekor2-happy-path/trusted_root.json");
        bench.put("a-other.json", &fs::read_to_string(other).expect("a root"));
        bench.put("b-ours.json", &ours());
        bench
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.roots.join(name), text).expect("a file");
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let image = format!("oci:image@{INDEX}");
        let identity = ["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER];
        let args = [&["verify", "--trusted-root", "roots"][..], &identity, more, &[&image]].concat();
        self.home.run(&args)
    }

    #[track_caller]
    fn refused(&self, words: &str) {
        let ran = self.verify(&[]);
        assert!(ran.code != 0 && ran.code != 121 && ran.stderr.contains(words), "{words}: {ran:?}");
    }

    /// What `sha256sum *.json | sha256sum` says there.
    fn pin(&self) -> String {
        let mut lines: Vec<_> = fs::read_dir(&self.roots)
            .expect("a folder")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                (name, Digest::of(&fs::read(path).expect("a file")))
            })
            .collect();
        lines.sort();
        let text: String = lines.iter().map(|(name, digest)| format!("{}  {name}\n", digest.hex())).collect();
        Digest::of(text.as_bytes()).hex().to_owned()
    }
}

fn ours() -> String {
    fs::read_to_string(crate_root().join("verifier/tests/data/signed/trusted_root.json")).expect("a root")
}

#[test]
fn one_root_of_a_folder_vouches_and_the_log_is_named_as_it_names_it() {
    let bench = Bench::new();
    let ran = bench.verify(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains(" of http://127.0.0.1:8800, log "), "{}", ran.stdout);
    let ran = bench.verify(&["--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let signature = &report["evidence"]["signatures"][0];
    assert_eq!(signature["log"]["url"], "http://127.0.0.1:8800");
    assert_eq!(signature["root"][1], format!("sha256:{}", bench.pin()));
    // Without the right one the others do not make up for it.
    fs::remove_file(bench.roots.join("b-ours.json")).expect("it was there");
    assert_eq!(bench.verify(&[]).code, 121);
}

#[test]
fn what_two_roots_vouch_for_together_nobody_vouches_for() {
    let bench = Bench::new();
    let whole: Value = serde_json::from_str(&ours()).expect("JSON");
    let (mut logs, mut authorities) = (whole.clone(), whole);
    logs["certificateAuthorities"] = serde_json::json!([]);
    logs["timestampAuthorities"] = serde_json::json!([]);
    authorities["tlogs"] = serde_json::json!([]);
    bench.put("b-ours.json", &logs.to_string());
    bench.put("c-ours.json", &authorities.to_string());
    let ran = bench.verify(&[]);
    assert_eq!(ran.code, 121, "{ran:?}");
}

#[test]
fn whatever_else_is_in_the_folder_stops_everything() {
    let bench = Bench::new();
    let at = |name: &str| bench.roots.join(name);
    bench.put("README", "x");
    bench.refused("`README`");
    fs::remove_file(at("README")).expect("it was there");
    symlink("b-ours.json", at("link.json")).expect("a link");
    bench.refused("link.json");
    fs::remove_file(at("link.json")).expect("it was there");
    fs::create_dir(at("sub.json")).expect("a folder");
    bench.refused("sub.json");
    fs::remove_dir(at("sub.json")).expect("it was there");
    // One that is damaged spoils all: nobody knows what it would have said.
    bench.put("z.json", "{}");
    let ran = bench.verify(&[]);
    assert!(ran.code == 121 && ran.stderr.contains("z.json"), "{ran:?}");
    fs::remove_file(at("z.json")).expect("it was there");
    for name in 0..31 {
        bench.put(&format!("{name}.json"), &ours());
    }
    bench.refused("more than 32");
    for name in 0..31 {
        fs::remove_file(at(&format!("{name}.json"))).expect("it was there");
    }
    fs::set_permissions(at("a-other.json"), Permissions::from_mode(0o666)).expect("a mode");
    bench.refused("can be written by everybody");
    fs::set_permissions(at("a-other.json"), Permissions::from_mode(0o644)).expect("a mode");
    fs::set_permissions(&bench.roots, Permissions::from_mode(0o777)).expect("a mode");
    bench.refused("can be written by everybody");
    fs::set_permissions(&bench.roots, Permissions::from_mode(0o755)).expect("a mode");
    assert_eq!(bench.verify(&[]).code, 0);
    for name in ["a-other.json", "b-ours.json"] {
        fs::remove_file(at(name)).expect("it was there");
    }
    bench.refused("no trust root");
}

fn policy(folder: &Path, pin: &str) -> String {
    let text = format!(
        r#"schema = "perry-sandbox/policy/v1"
name = "acme"

[trust-root.acme]
kind = "folder"
path = "roots"
sha256 = "{pin}"

[signer.release]
root = "acme"
issuer = "{ISSUER}"
subject = "{IDENTITY}"

[image.app]
repository = "registry.example/acme/app"
signed-by = {{ at-least = 1, of = ["release"] }}

[ad-hoc]
tier = "isolated"
image = ["app"]
"#
    );
    let path = folder.join("policy.toml");
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn a_policy_pins_a_folder_by_the_list_of_its_files() {
    let bench = Bench::new();
    let image = format!("oci:image@{INDEX}");
    let ask = |pin: &str| {
        let policy = policy(bench.home.path(), pin);
        bench.home.run(&["verify", "--policy", &policy, "--repository", "registry.example/acme/app", &image])
    };
    let pin = bench.pin();
    let ran = ask(&pin);
    assert_eq!(ran.code, 0, "{ran:?}");
    // A file more, a file less, another name, another byte: each is another list.
    bench.put("c.json", &ours());
    let changed = ask(&pin);
    assert!(changed.code != 0 && changed.stderr.contains("has changed"), "{changed:?}");
    fs::rename(bench.roots.join("c.json"), bench.roots.join("d.json")).expect("it is renamed");
    assert_ne!(ask(&pin).code, 0);
    fs::remove_file(bench.roots.join("d.json")).expect("it was there");
    assert_eq!(ask(&pin).code, 0);
    bench.put("a-other.json", &ours());
    assert_ne!(ask(&pin).code, 0);
    // The folder itself must be the user's own.
    let pin = bench.pin();
    assert_eq!(ask(&pin).code, 0);
    fs::set_permissions(&bench.roots, Permissions::from_mode(0o777)).expect("a mode");
    let shared = ask(&pin);
    assert!(shared.code != 0 && shared.stderr.contains("can be changed by others"), "{shared:?}");
}
