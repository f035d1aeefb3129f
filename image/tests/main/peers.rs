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

/// Where a program is; `None`, said aloud, where it is not installed.
fn installed(program: &str) -> Option<PathBuf> {
    let peers = std::env::var_os("PERRY_SANDBOX_PEERS").map(|dir| Path::new(&dir).join(program));
    let mut places = peers.into_iter().chain([Path::new("/usr/bin").join(program)]);
    let found = places.find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("no {program}"));
    }
    found
}

/// Runs a program to its end; `None`, said aloud, where it is not installed.
fn run(program: &str, folder: &Path, args: &[&str]) -> Option<()> {
    let output = Command::new(installed(program)?)
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

/// The real registry, which knows no list of referrers, until the value goes.
struct Distribution {
    process: std::process::Child,
    port: u16,
}

impl Distribution {
    fn start(dir: &Path) -> Option<Self> {
        let program = installed("registry")?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
            dir.join("data").display()
        );
        std::fs::write(dir.join("registry.yml"), config).unwrap();
        let quiet = std::process::Stdio::null;
        let process = Command::new(program)
            .args(["serve", "registry.yml"])
            .current_dir(dir)
            .stdout(quiet())
            .stderr(quiet())
            .spawn()
            .unwrap();
        let started = Self { process, port };
        let begin = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(started)
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn the_real_registry_serves_what_we_read() {
    let dir = tempfile::tempdir().unwrap();
    sample(dir.path());
    let Some(registry) = Distribution::start(dir.path()) else { return };
    let remote = format!("docker://127.0.0.1:{}/acme/tools:v1", registry.port);
    let pushed = run("skopeo", dir.path(), &["copy", "--dest-tls-verify=false", "oci:layout:v1", &remote]);
    if pushed.is_none() {
        return;
    }
    let repository = format!("127.0.0.1:{}/acme/tools", registry.port).parse().unwrap();
    let source = Registry::new(repository, access()).unwrap();
    let found = resolve(&source, &Wanted::Tag("v1".into()), &Platform::host()).unwrap();
    assert_eq!(source.referrers(found.top()).unwrap(), []);
    assert_eq!(source.tag("v2").unwrap(), None);
    let bench = Bench::new();
    bench.store.pull(&source, &found, "x", &Silent).unwrap();
    assert_eq!(read(&bench.store.rootfs(&found, &Silent).unwrap(), "bin/b"), "upper");
}
