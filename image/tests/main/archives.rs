//! Files that `docker save` writes, in its older and newer forms, and files that it does not.

use std::path::PathBuf;

use perry_sandbox_image::reference::{Digest, Platform};
use perry_sandbox_image::{Archive, ImageName, Silent, Source as _, Wanted, resolve};
use perry_sandbox_testkit::layout::{Compression, docker_archive};
use perry_sandbox_testkit::tarball::Tarball;

use crate::bench::{Bench, read};

fn layers() -> Vec<Vec<u8>> {
    vec![Tarball::new().file("a", b"one").build(), Tarball::new().file("b", b"two").build()]
}

fn write(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.tar");
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[track_caller]
fn refused(bytes: &[u8], words: &str) {
    let (_dir, path) = write(bytes);
    let error = Archive::open(&path).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_saved_image_is_pulled_and_unpacked() {
    let (_dir, path) = write(&docker_archive(&layers(), "acme/tools:v1"));
    let archive = Archive::open(&path).unwrap();
    assert_eq!(archive.tags(), ["acme/tools:v1"]);
    assert_eq!(archive.repository(), None);
    let found = resolve(&archive, &Wanted::Only, &Platform::host()).unwrap();
    let bench = Bench::new();
    bench.store.pull(&archive, &found, "x", &Silent).unwrap();
    let rootfs = bench.store.rootfs(&found, &Silent).unwrap();
    assert_eq!((read(&rootfs, "a"), read(&rootfs, "b")), ("one".to_owned(), "two".to_owned()));
    let again = resolve(&Archive::open(&path).unwrap(), &Wanted::Only, &Platform::host()).unwrap();
    assert_eq!(again.top(), found.top());
    let name: ImageName = format!("docker-archive:{}", path.display()).parse().unwrap();
    assert_eq!(name.wanted(), Wanted::Only);
}

/// The form of older versions: a layer that is there already is a link; and of newer ones: compressed.
#[test]
fn linked_and_compressed_layers_are_read() {
    let layer = Tarball::new().file("a", b"one").build();
    let id = Digest::of(&layer);
    let config =
        serde_json::json!({"os": Platform::host().os(), "architecture": Platform::host().architecture(),
        "rootfs": {"type": "layers", "diff_ids": [id.as_str(), id.as_str()]}})
        .to_string();
    let listing = r#"[{"Config":"c.json","RepoTags":null,"Layers":["x/layer.tar","y/layer.tar"]}]"#;
    let bytes = Tarball::new()
        .file("c.json", config.as_bytes())
        .dir("x/")
        .file("x/layer.tar", &Compression::Gzip.pack(&layer))
        .symlink("y/layer.tar", "../x/layer.tar")
        .file("manifest.json", listing.as_bytes())
        .build();
    let (_dir, path) = write(&bytes);
    let archive = Archive::open(&path).unwrap();
    let found = resolve(&archive, &Wanted::Only, &Platform::host()).unwrap();
    assert_eq!(found.layers()[0], found.layers()[1]);
    let bench = Bench::new();
    bench.store.pull(&archive, &found, "x", &Silent).unwrap();
    assert_eq!(read(&bench.store.rootfs(&found, &Silent).unwrap(), "a"), "one");
}

#[test]
fn what_docker_does_not_write_is_refused() {
    let listing = |text: &str| Tarball::new().file("manifest.json", text.as_bytes()).build();
    refused(b"nonsense", "cut off");
    refused(&Compression::Gzip.pack(&docker_archive(&layers(), "a:b")), "it is compressed");
    refused(&Tarball::new().file("a", b"").build(), "no \"manifest.json\"");
    refused(&listing("[]"), "0 images");
    refused(&listing("[{},{}]"), "2 images");
    refused(&listing("[{\"Config\":1,\"Layers\":[]}]"), "not a string");
    refused(&listing(r#"[{"Config":"../../etc/passwd","Layers":[]}]"#), "it has no");
    refused(&listing(r#"[{"Config":"/etc/passwd","Layers":[]}]"#), "it has no");
    refused(&Tarball::new().file("../x", b"").build(), "a `..`");
    refused(&Tarball::new().entry(b'3', "null", "", 0o666, b"").build(), "does not write");
    let link = Tarball::new()
        .symlink("c.json", "../../../etc/passwd")
        .file("manifest.json", br#"[{"Config":"c.json","Layers":[]}]"#)
        .build();
    refused(&link, "it has no");
    let dir = tempfile::tempdir().unwrap();
    assert!(Archive::open(dir.path()).unwrap_err().to_string().contains("not a regular file"));
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_noticed() {
    let bytes = docker_archive(&layers(), "a:b");
    let (_dir, path) = write(&bytes);
    let archive = Archive::open(&path).unwrap();
    let found = resolve(&archive, &Wanted::Only, &Platform::host()).unwrap();
    let at = bytes.windows(3).position(|it| it == b"two").unwrap();
    let mut changed = bytes;
    changed[at] = b'T';
    std::fs::write(&path, changed).unwrap();
    let error = Bench::new().store.pull(&archive, &found, "x", &Silent).unwrap_err();
    assert!(error.to_string().contains("not what its digest names"), "{error}");
}
