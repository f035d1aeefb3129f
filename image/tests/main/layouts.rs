//! Layouts as real programs wrote them, and as nobody should.

use std::path::{Path, PathBuf};

use perry_sandbox_image::reference::{Digest, Platform};
use perry_sandbox_image::{
    ImageName, Layout, ReadError, ResolveError, Silent, Source, Wanted, read_blob, resolve,
};
use perry_sandbox_testkit::layout::{Compression, Content, digest_of, image};
use perry_sandbox_testkit::tarball::Tarball;
use serde_json::json;

use crate::bench::Bench;

const INDEX: &str = "sha256:b95c9630cd7cb679d1382a7107a5c86cfc62cf9814f4c31008d4ce957081206f";
const CASES: [&str; 6] =
    ["cosign2-key2", "cosign2-key2ed", "cosign2-kl2ts", "cosign3-key3", "cosign3-kl3v1", "cosign3-kl3v2"];

/// A layout that the real cosign signed.
fn signed(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier/tests/data/signed").join(case)
}

#[test]
fn images_signed_by_the_real_cosign_resolve_by_tag_digest_and_alone() {
    for case in CASES {
        let layout = Layout::open(&signed(case)).unwrap();
        let top: Digest = INDEX.parse().unwrap();
        for wanted in [Wanted::Tag("v1".to_owned()), Wanted::Digest(top.clone()), Wanted::Only] {
            let found = resolve(&layout, &wanted, &"linux/arm64".parse().unwrap()).unwrap();
            assert_eq!((found.top(), found.path().len()), (&top, 2), "{case}");
            assert_eq!(found.config(&layout).unwrap().cmd, ["/bin/true"]);
            assert!(
                top.matches(found.top_bytes()) && found.manifest_digest().matches(found.manifest_bytes())
            );
        }
    }
}

#[test]
fn signatures_are_found_where_each_program_puts_them() {
    let top: Digest = INDEX.parse().unwrap();
    for case in CASES {
        let layout = Layout::open(&signed(case)).unwrap();
        let tag = layout.tag(&format!("sha256-{}.sig", top.hex())).unwrap();
        let referrers = layout.referrers(&top).unwrap();
        if case.starts_with("cosign2") {
            let manifest = layout.manifest(&tag.unwrap()).unwrap().unwrap();
            assert!(String::from_utf8_lossy(&manifest.bytes).contains("simplesigning"), "{case}");
            assert!(referrers.is_empty());
        } else {
            assert_eq!((tag, referrers.len()), (None, 1), "{case}");
            let kind = referrers[0].artifact_type.as_deref();
            assert_eq!(
                kind,
                Some("application/vnd.dev.sigstore.bundle.v0.3+json"),
                "not the one in index.json"
            );
        }
    }
}

#[test]
fn a_platform_that_is_not_there_is_named_with_those_that_are() {
    let layout = Layout::open(&signed("cosign2-key2")).unwrap();
    let error = resolve(&layout, &Wanted::Only, &"linux/riscv64".parse().unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("no image for linux/riscv64") && text.contains("linux/amd64, linux/arm64"),
        "{text}"
    );
}

fn written(content: &Content) -> (tempfile::TempDir, Layout) {
    let dir = tempfile::tempdir().unwrap();
    content.write_layout(dir.path());
    let layout = Layout::open(dir.path()).unwrap();
    (dir, layout)
}

fn small() -> Content {
    image(&[(Tarball::new().file("a", b"a").build(), Compression::Gzip)]).0
}

#[test]
fn a_folder_that_is_no_layout_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = Layout::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("not an OCI image layout"), "{error}");
    assert!(Layout::open(Path::new("/nonexistent")).is_err());
    std::fs::write(dir.path().join("oci-layout"), br#"{"imageLayoutVersion":"9.0.0"}"#).unwrap();
    std::fs::write(dir.path().join("index.json"), b"{}").unwrap();
    assert!(Layout::open(dir.path()).unwrap_err().to_string().contains("version 1"));
}

#[test]
fn two_images_without_a_selection_are_listed_and_none_is_chosen() {
    let mut content = small();
    let other = content.image(&[(Tarball::new().build(), Compression::None)], &Platform::host(), &json!({}));
    content.tag("v2", &other);
    let (_dir, layout) = written(&content);
    let error = layout.only().unwrap_err().to_string();
    assert!(error.contains("there are 2") && error.contains(digest_of(&other).as_str()), "{error}");
    content.tag("v1", &other);
    let (_dir, layout) = written(&content);
    assert!(layout.tag("v1").unwrap_err().to_string().contains("2 different entries"));
}

#[test]
fn a_blob_that_is_a_link_out_or_a_pipe_is_not_read() {
    let content = small();
    let (dir, layout) = written(&content);
    let digest = content.tags["v1"].clone();
    let blob = dir.path().join("blobs/sha256").join(digest.hex());
    std::fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &blob).unwrap();
    assert!(matches!(layout.manifest(&digest), Err(ReadError::Io { .. })));
    std::fs::remove_file(&blob).unwrap();
    nix::unistd::mkfifo(&blob, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(layout.manifest(&digest), Err(ReadError::Io { .. })));
}

#[test]
fn a_flipped_byte_in_any_blob_is_seen() {
    let content = small();
    for digest in content.blobs.keys() {
        let mut flipped = content.clone();
        flipped.blobs.get_mut(digest).unwrap()[3] ^= 1;
        let (_dir, layout) = written(&flipped);
        let read = read_blob(&layout, digest, None, 1 << 20);
        assert!(matches!(read, Err(ReadError::Digest { .. })), "{digest}");
    }
}

#[test]
fn a_child_must_be_what_its_index_says() {
    let mut content = small();
    let child = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": content.tags["v1"].as_str(), "size": content.blobs[&content.tags["v1"]].len(),
        "platform": {"os": "linux", "architecture": "amd64"}});
    let amd: Platform = "linux/amd64".parse().unwrap();
    let mut try_with = |key: &str, value: serde_json::Value| {
        let mut child = child.clone();
        child[key] = value;
        let index = content.index(&[child]);
        resolve(&content.memory(None), &Wanted::Digest(digest_of(&index)), &amd)
    };
    assert!(try_with("size", child["size"].clone()).is_ok());
    assert!(matches!(try_with("size", json!(7)), Err(ResolveError::ChildSize { .. })));
    let kind = json!("application/vnd.oci.image.index.v1+json");
    assert!(matches!(try_with("mediaType", kind), Err(ResolveError::Manifest(_))));
    assert!(matches!(try_with("mediaType", json!("application/json")), Err(ResolveError::Manifest(_))));
    assert!(try_with("urls", json!(["https://elsewhere.example"])).is_err());
}

#[test]
fn indexes_nest_twice_and_no_deeper() {
    let mut content = small();
    let platform = json!({"os": "linux", "architecture": "amd64"});
    let mut child = json!({"mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": content.tags["v1"].as_str(), "size": content.blobs[&content.tags["v1"]].len()});
    let amd: Platform = "linux/amd64".parse().unwrap();
    let mut results = Vec::new();
    for _ in 0..3 {
        child["platform"] = platform.clone();
        child = content.index(&[child]);
        let wanted = Wanted::Digest(digest_of(&child));
        results.push(resolve(&content.memory(None), &wanted, &amd));
    }
    assert!(results[0].is_ok() && results[1].is_ok());
    assert!(matches!(results[2], Err(ResolveError::Nested { .. })));
}

#[test]
fn an_image_for_another_platform_is_refused_by_its_config() {
    let mut content = Content::new();
    let other: Platform = "linux/s390x".parse().unwrap();
    let descriptor = content.image(&[(Tarball::new().build(), Compression::None)], &other, &json!({}));
    content.tag("v1", &descriptor);
    let memory = content.memory(None);
    let found = resolve(&memory, &Wanted::Tag("v1".into()), &"linux/amd64".parse().unwrap()).unwrap();
    assert!(matches!(found.config(&memory), Err(ResolveError::Platform { .. })));
}

#[test]
fn an_index_whose_list_is_null_is_empty() {
    let body =
        br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null}"#;
    let Ok(perry_sandbox_image::Manifest::Index(index)) = perry_sandbox_image::Manifest::parse(body, None)
    else {
        unreachable!("an index")
    };
    assert_eq!(index.manifests, []);
}

#[test]
fn a_name_opens_the_layout_that_it_names() {
    let (dir, _layout) = written(&small());
    let name: ImageName = format!("oci:{}:v1", dir.path().display()).parse().unwrap();
    let ImageName::Layout { dir, select } = &name else { panic!("{name}") };
    assert!(resolve(&Layout::open(dir).unwrap(), select, &Platform::host()).is_ok());
}

#[test]
fn signatures_are_stored_with_the_image_and_found_again() {
    for case in ["cosign2-key2", "cosign3-key3"] {
        let layout = Layout::open(&signed(case)).unwrap();
        let bench = Bench::new();
        let resolved = resolve(&layout, &Wanted::Only, &"linux/amd64".parse().unwrap()).unwrap();
        let pulled = bench.store.pull(&layout, &resolved, case, &Silent).unwrap();
        let stored = bench.store.source(pulled.image);
        let tag = format!("sha256-{}.sig", resolved.top().hex());
        assert_eq!(stored.tag(&tag).unwrap(), layout.tag(&tag).unwrap());
        let digests = |source: &dyn Source| -> Vec<Digest> {
            source.referrers(resolved.top()).unwrap().into_iter().map(|it| it.digest).collect()
        };
        assert_eq!(digests(&stored), digests(&layout));
        for digest in digests(&stored).into_iter().chain(stored.tag(&tag).unwrap()) {
            let manifest = stored.manifest(&digest).unwrap().unwrap();
            assert_eq!(Some(manifest.bytes), layout.manifest(&digest).unwrap().map(|it| it.bytes));
        }
        assert_eq!(bench.store.prune().unwrap().blobs, []);
        assert!(bench.store.check().unwrap().is_sound());
    }
}
