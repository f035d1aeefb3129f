//! The real programs of this field, against the test registry and our readers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use perry_sandbox_image::reference::Platform;
use perry_sandbox_image::{Access, Insecure, Layout, Registry, Silent, Source as _, Wanted, resolve};
use perry_sandbox_testkit::layout::{Compression, image};
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::skip;
use perry_sandbox_testkit::tarball::Tarball;

use crate::bench::{Bench, read};

fn access() -> Access {
    Access { insecure: Insecure::Loopback, patience: Duration::from_secs(5), ..Access::default() }
}

/// Runs a program; `None`, said aloud, where it is not installed.
fn run(program: &str, folder: &Path, args: &[&str]) -> Option<()> {
    let peers = std::env::var("PERRY_SANDBOX_PEERS").unwrap_or_else(|_| "/tmp/peers".to_owned());
    let found = [Path::new(&peers).join(program), PathBuf::from("/usr/bin").join(program)];
    let Some(path) = found.into_iter().find(|path| path.is_file()) else {
        skip(&format!("no {program}"));
        return None;
    };
    let output = Command::new(path)
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder)
        .env("COSIGN_PASSWORD", "")
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

fn sample(dir: &Path) {
    let lower = Tarball::new().dir("bin").file("bin/a", b"lower").file("gone", b"x").build();
    let upper = Tarball::new().file("bin/b", b"upper").empty(".wh.gone").build();
    image(&[(lower, Compression::Gzip), (upper, Compression::Gzip)]).0.write_layout(&dir.join("layout"));
}

#[test]
fn skopeo_pushes_pulls_and_saves_what_we_read() {
    let bench = Bench::new();
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let registry = TestRegistry::start(Options::default());
    let remote = format!("docker://{}/acme/tools:v1", registry.host());
    let copy = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    let to = |from: &str, to: &str| run("skopeo", dir.path(), &[copy.as_slice(), &[from, to]].concat());
    if to("oci:layout:v1", &remote).is_none() {
        return;
    }
    let source = Registry::new(registry.repository("acme/tools"), access()).unwrap();
    let found = resolve(&source, &Wanted::Tag("v1".into()), &Platform::host()).unwrap();
    bench.store.pull(&source, &found, "x", &Silent).unwrap();
    let rootfs = bench.store.rootfs(&found, &Silent).unwrap();
    assert_eq!((read(&rootfs, "bin/a"), read(&rootfs, "bin/b")), ("lower".to_owned(), "upper".to_owned()));
    to(&remote, "oci:back:v1").unwrap();
    let layout = Layout::open(&dir.path().join("back")).unwrap();
    assert_eq!(layout.tag("v1").unwrap().as_ref(), Some(found.top()));
}

#[test]
fn what_the_real_cosign_attaches_is_found_and_stored() {
    for (program, referrers) in [("cosign2", false), ("cosign3", false), ("cosign3", true)] {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { referrers, ..Options::default() };
        let lower = Tarball::new().file("a", b"x").build();
        let (content, digest) = image(&[(lower, Compression::Gzip)]);
        let registry = TestRegistry::serving("acme/tools", &content, options);
        let name = format!("{}/acme/tools@{digest}", registry.host());
        if run(program, dir.path(), &["generate-key-pair"]).is_none() {
            return;
        }
        let mut args =
            vec!["sign", "--key", "cosign.key", "-y", "--allow-http-registry", "--allow-insecure-registry"];
        if program == "cosign2" {
            args.push("--tlog-upload=false");
        } else {
            std::fs::write(
                dir.path().join("config.json"),
                r#"{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}"#,
            )
            .unwrap();
            args.extend(["--signing-config", "config.json"]);
        }
        args.push(&name);
        run(program, dir.path(), &args).unwrap();
        let source = Registry::new(registry.repository("acme/tools"), access()).unwrap();
        let signed = source.tag(&format!("sha256-{}.sig", digest.hex())).unwrap();
        let attached = source.referrers(&digest).unwrap();
        assert_eq!(
            (signed.is_some(), attached.len()),
            if program == "cosign2" { (true, 0) } else { (false, 1) }
        );
        let bench = Bench::new();
        let found = resolve(&source, &Wanted::Tag("v1".into()), &Platform::host()).unwrap();
        let pulled = bench.store.pull(&source, &found, "x", &Silent).unwrap();
        assert_eq!((pulled.image.tags.len() + pulled.image.attachments.len(), pulled.skipped), (1, 0));
    }
}

/// A tree with everything that a layer may hold.
fn tree(root: &Path) {
    let long = root.join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&long).unwrap();
    for (name, content) in [("plain", "a"), ("line\nbreak", "b"), ("gr\u{fc}n", "c"), ("-dash", "d")] {
        std::fs::write(root.join(name), content).unwrap();
        std::fs::write(long.join(name), content).unwrap();
    }
    std::fs::hard_link(root.join("plain"), root.join("hard")).unwrap();
    std::os::unix::fs::symlink("f".repeat(200), root.join("soft")).unwrap();
    let sparse = std::fs::File::create(root.join("sparse")).unwrap();
    sparse.set_len(3_000_000).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, b"middle", 1_000_000).unwrap();
    std::fs::create_dir(root.join("empty")).unwrap();
    for point in perry_sandbox_image::MOUNT_POINTS {
        std::fs::create_dir(root.join(point)).unwrap();
    }
}

/// Every entry with kind, mode, size, links, time, and target.
fn listing(root: &Path) -> Vec<String> {
    let output =
        Command::new("find").arg(root).args(["-printf", "%P|%y|%m|%s|%n|%Ts|%l\\0"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // A directory's size says how its file system keeps it, not what is in it.
    let line = |line: &str| {
        let mut parts: Vec<_> = line.split('|').collect();
        if parts.get(1) == Some(&"d") {
            parts.remove(3);
        }
        parts.join("|")
    };
    let mut lines: Vec<_> = text.split('\0').map(line).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_gnu_tar_packs_arrives_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("tree");
    std::fs::create_dir(&root).unwrap();
    tree(&root);
    for format in [["--format=gnu", "--sparse"], ["--format=gnu", "--xattrs"], ["--format=pax", "--xattrs"]] {
        run("tar", &root, &[&["-cf", "../layer.tar"], format.as_slice(), &["."]].concat()).unwrap();
        let bytes = std::fs::read(dir.path().join("layer.tar")).unwrap();
        let bench = Bench::new();
        let rootfs = bench.unpack_content(&image(&[(bytes, Compression::Gzip)]).0).unwrap();
        assert_eq!(listing(rootfs.path()), listing(&root), "{format:?}");
        assert_eq!(
            std::fs::read(rootfs.path().join("sparse")).unwrap(),
            std::fs::read(root.join("sparse")).unwrap()
        );
    }
}
