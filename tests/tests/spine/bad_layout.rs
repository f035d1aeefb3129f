//! Layouts whose documents are larger than anything useful: refused before they are read whole.

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::layout::digest_of;
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{As, Home};
use serde_json::{Value, json};

use crate::bad_input::refused;
use perry_sandbox_testkit::made::{MADE, MADE_KEY, content, write, write_signed};

/// One byte more than a manifest or an index may have.
const TOO_LARGE: usize = (4 << 20) + 1;

fn hello() -> Value {
    json!({"Entrypoint": ["/bin/busybox", "echo", "hello"]})
}

#[test]
fn an_index_over_the_limit_is_refused() {
    let home = Home::new(As::Ordinary);
    let (content, digest) = content(&home, Tarball::new(), &hello());
    write_signed(&home, content, &digest);
    let run = || home.run(&["run", "--key", MADE_KEY, MADE]);
    assert_eq!(run().stdout, "hello\n", "it runs as it is");
    let file = home.path().join("made/index.json");
    let mut index = std::fs::read(&file).expect("the layout has an index");
    // White space changes nothing but the size.
    index.resize(TOO_LARGE - 1, b' ');
    write(&file, &index);
    assert_eq!(run().stdout, "hello\n", "it runs at the limit");
    index.push(b' ');
    write(&file, &index);
    refused(&run(), 121, &["index.json", "4194304"]);
}

#[test]
fn a_signed_manifest_over_the_limit_is_refused() {
    let home = Home::new(As::Ordinary);
    let (mut content, small) = content(&home, Tarball::new(), &hello());
    let mut bytes = content.blobs[&small].clone();
    bytes.resize(TOO_LARGE, b' ');
    let kind = content.manifests[&small].clone();
    content.entries.clear();
    let descriptor = content.described(&kind, bytes);
    content.tag("v1", &descriptor);
    let digest: Digest = digest_of(&descriptor);
    write_signed(&home, content, &digest);
    for image in [MADE.to_owned(), format!("{MADE}:v1"), format!("{MADE}@{digest}")] {
        refused(&home.run(&["run", "--key", MADE_KEY, &image]), 121, &["4194304"]);
    }
}
