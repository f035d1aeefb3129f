//! Who stops what: one checker, the same bytes, inside of `perry-sandbox` and of the field's own launchers with what they are
//! hardened with by hand.
//!
//! `cargo bench -p perry-sandbox-tests --bench scoreboard` prints the table of `benches/scoreboard.md` and every open check. It
//! is no measurement: it fails when a check is open in ours, and when none is open where there is no seccomp filter.

mod hardened;
#[path = "../launchers/mod.rs"]
#[allow(dead_code, reason = "the other bench uses the rest")]
mod launchers;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use hardened::Profile;
use launchers::{Launchers, Make};
use perry_sandbox_reference::Platform;
use perry_sandbox_testkit::bait::Bait;
use perry_sandbox_testkit::layout::{Compression, Content, digest_of};
use perry_sandbox_testkit::sigstore::{Found, Key, SIMPLE_LAYER, attach_layers, b64, simple_payload};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{As, Home, Verdicts, checker, is_root};
use serde_json::json;
use tempfile::{NamedTempFile, TempDir};

/// The limits that every sandbox is given, where it takes any.
const MEMORY: u64 = 64 << 20;
const TMP: u64 = 16 << 20;
/// The backend that needs nothing to be installed.
const NATIVE: &str = "native";
const PROGRAM: &str = "/bin/checker";

fn main() {
    let Some(checker) = checker() else { return };
    let bait = Bait::lay(checker);
    let limits =
        ["pids=64".to_owned(), "files=256".to_owned(), format!("tmp={TMP}"), format!("each={MEMORY}")];
    let words: Vec<&str> =
        std::iter::once(PROGRAM).chain(bait.arguments().iter().chain(&limits).map(String::as_str)).collect();

    let users: &[As] = if is_root() { &[As::Me, As::Ordinary] } else { &[As::Me] };
    let homes: Vec<_> = users.iter().map(|user| (*user, home(*user, checker))).collect();
    let root = tree(checker);
    let launchers = Launchers::new(root.path().to_owned());
    let (oci, bpf) = (shown(&homes[0].1, "oci"), shown(&homes[0].1, "bpf"));
    let profile = Profile { oci: oci.path(), bpf: bpf.path() };

    let mut rows: Vec<(String, Make<'_>)> = Vec::new();
    for (user, home) in &homes {
        let name = match (user, is_root()) {
            (As::Me, true) => "perry-sandbox run, as root",
            _ => "perry-sandbox run, as an ordinary user",
        };
        let words = words.clone();
        rows.push((name.to_owned(), Box::new(move || ours(home, NATIVE, &words))));
    }
    for backend in engines(&homes[0].1) {
        let (home, words) = (&homes[0].1, words.clone());
        rows.push((format!("through {backend}"), Box::new(move || ours(home, &backend, &words))));
    }
    rows.extend(launchers.hardened(&words, &profile));

    println!("| sandbox | held | open | the open ones |\n| --- | --- | --- | --- |");
    for (name, make) in rows {
        let verdicts = judge(&name, make());
        let open: Vec<&str> = verdicts.open_names().into_iter().collect();
        println!("| {name} | {} | {} | {} |", verdicts.held.len(), open.len(), open.join(", "));
        if std::env::args().any(|argument| argument == "--details") {
            eprintln!("{name}\n{}", verdicts.open.join("\n"));
        }
        if name.starts_with("perry-sandbox") {
            assert!(open.is_empty(), "{name}: {:#?}", verdicts.open);
        }
        if name.starts_with("bwrap") {
            assert!(open.len() > 10, "the checks do not bite: {open:?}");
        }
    }
}

/// What the checker said in there. It is ended with its sandbox where its last try, for memory, is answered that way.
fn judge(name: &str, mut command: Command) -> Verdicts {
    let output = command.stdin(Stdio::null()).output().expect("the launcher starts");
    let mut verdicts = Verdicts::read(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(verdicts.held.len() + verdicts.open.len() > 60, "{name}: {} {told}", output.status);
    if !verdicts.names().contains("memory-of-one-process") {
        assert!(verdicts.names().contains("fork-bomb"), "{name} did not come that far: {told}");
        verdicts.held.push("ok memory-of-one-process the sandbox was ended".to_owned());
    }
    verdicts
}

/// A home with a signed image that holds the checker and nothing else.
fn home(user: As, checker: &Path) -> Home {
    let home = Home::new(user);
    let program = std::fs::read(checker).expect("the checker can be read");
    let layer = Tarball::new().dir("bin").file_mode("bin/checker", &program, 0o755);
    let layer = layer.file_mode("bin/checker-setuid", &program, 0o4755).build();
    let mut content = Content::new();
    let image = content.image(&[(layer, Compression::None)], &Platform::host(), &json!({}));
    let digest = digest_of(&image);
    content.tag("v1", &image);
    let key = Key::p256();
    let payload = simple_payload("registry.example/checker", &digest);
    let annotations = json!({"dev.cosignproject.cosign/signature": b64(key.sign(&payload))});
    attach_layers(&mut content, &[(SIMPLE_LAYER, &payload, &annotations)], Found::ByTag(&digest, "sig"));
    content.write_layout(&home.path().join("image"));
    std::fs::write(home.path().join("key.pub"), key.pem()).expect("the home can be written");
    home
}

/// The backends of this machine beside our own that run on this kernel or gVisor's; a machine's has its own measure.
fn engines(home: &Home) -> Vec<String> {
    let output = asked(home, &["backends", "--json"]).output().expect("the program starts");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("backends prints JSON");
    let alive = report["backends"].as_array().cloned().unwrap_or_default();
    let names = alive.iter().filter_map(|backend| backend["name"].as_str());
    names
        .filter(|name| is_root() && ["podman", "docker", "runsc"].contains(name))
        .map(str::to_owned)
        .collect()
}

/// The program, with what `peers` has fetched in reach.
fn asked(home: &Home, args: &[&str]) -> Command {
    let mut command = home.command(args);
    if let Ok(peers) = std::env::var("PERRY_SANDBOX_PEERS") {
        command.env("PATH", format!("{peers}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    }
    command
}

fn ours(home: &Home, backend: &str, words: &[&str]) -> Command {
    let flags = [
        "run",
        "--backend",
        backend,
        "--quiet",
        "--key",
        "key.pub",
        "--memory",
        "64MiB",
        "--pids-limit",
        "64",
        "--disk",
        "16MiB",
        "--open-files",
        "256",
        "oci:image",
        "--",
    ];
    asked(home, &[&flags, words].concat())
}

/// Our profile in a form that others read.
fn shown(home: &Home, form: &str) -> NamedTempFile {
    let output = home.command(&["profile", "show", "perry-default", "--format", form]).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{output:?}");
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), output.stdout).expect("the profile is written");
    file
}

/// The same files as a tree, for launchers that take one.
fn tree(checker: &Path) -> TempDir {
    let root = tempfile::Builder::new()
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir()
        .expect("a folder");
    for folder in ["bin", "proc", "dev", "sys", "tmp", "etc"] {
        std::fs::create_dir(root.path().join(folder)).expect("a folder");
    }
    for name in ["bin/checker", "bin/checker-setuid"] {
        std::fs::copy(checker, root.path().join(name)).expect("the checker is copied");
    }
    for (name, mode) in [("tmp", 0o1777), ("bin/checker", 0o755), ("bin/checker-setuid", 0o4755)] {
        let file = root.path().join(name);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("it has its mode");
    }
    root
}
