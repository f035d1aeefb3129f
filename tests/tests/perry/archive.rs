//! The archive and the manifest: what is visible, and that both say the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use perry_sandbox_testkit::crate_root;

use crate::compilers::{compilers, nm, told};
use crate::project::{copy, package, scratch};

fn manifest() -> serde_json::Value {
    let text = std::fs::read(crate_root().join("perry/package.json")).expect("package.json is there");
    serde_json::from_slice(&text).expect("package.json is JSON")
}

/// The functions that the manifest declares.
fn declared() -> BTreeSet<String> {
    let functions = &manifest()["perry"]["nativeLibrary"]["functions"];
    let functions = functions.as_array().expect("the manifest has functions");
    functions.iter().map(|function| function["name"].as_str().expect("a name").to_owned()).collect()
}

/// The global symbols that an archive defines.
fn defined(nm: &Path, archive: &Path) -> BTreeSet<String> {
    let output = Command::new(nm).args(["-gP", "--defined-only"]).arg(archive).output().expect("nm starts");
    assert!(output.status.success(), "nm: {}", told(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn package_and_crate_have_the_same_version() {
    assert_eq!(manifest()["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn nothing_but_the_declared_functions_is_visible() {
    // The archive is built for the compilers' tests; without them nobody needs it.
    let Some(nm) = nm().filter(|_| !compilers().is_empty()) else { return };
    let ours = defined(&nm, &package().join("native/libperry_sandbox_perry.a"));
    assert_eq!(ours, declared());
    for compiler in compilers() {
        for archive in compiler.archives() {
            let theirs = defined(&nm, &archive);
            assert!(theirs.contains("js_string_from_bytes") || theirs.len() > 100, "{}", archive.display());
            let both: Vec<_> = ours.intersection(&theirs).collect();
            assert!(both.is_empty(), "{} defines {both:?} too, and its own would win", archive.display());
        }
    }
}

#[test]
fn perry_native_validate_passes() {
    for compiler in compilers() {
        let folder = scratch().join(compiler.version).join("validate");
        copy(package(), &folder);
        let folder = folder.join("package");
        // It looks for the crate and for the archive where cargo puts it.
        copy(&crate_root().join("perry/Cargo.toml"), &folder);
        copy(&package().join("native/libperry_sandbox_perry.a"), &folder.join("target/release"));
        let output = compiler
            .command(&folder)
            .args(["native", "validate", "--no-build"])
            .output()
            .expect("perry starts");
        assert!(output.status.success(), "Perry {}: {}", compiler.version, told(&output));
        assert!(told(&output).contains("manifest matches the staticlib"), "{}", told(&output));
    }
}
