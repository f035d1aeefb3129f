//! The arrows between our crates, as ARCHITECTURE.md draws them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const PREFIX: &str = "perry-sandbox-";

/// Crate → what it may depend on. A new crate or arrow is added here and in ARCHITECTURE.md, or not at all.
const ALLOWED: &[(&str, &[&str])] = &[
    ("reference", &[]),
    ("profiles", &[]),
    ("policy", &["reference", "profiles"]),
    ("image", &["reference"]),
    ("verifier", &["reference", "image", "policy"]),
    ("runner", &["reference", "profiles", "policy", "image", "verifier"]),
    ("build", &["reference", "policy", "image", "verifier", "runner"]),
    ("pipeline", &["reference", "profiles", "policy", "image", "verifier", "runner"]),
    (
        "ffi",
        &[
            "reference",
            "profiles",
            "policy",
            "image",
            "verifier",
            "runner",
            "pipeline",
            "compose",
            "audit",
            "engine",
            "stack",
            "workloads",
            "build",
        ],
    ),
    ("perry", &["ffi"]),
    ("compose", &[]),
    ("audit", &["policy", "profiles", "compose"]),
    ("engine", &["policy", "image", "runner", "pipeline"]),
    (
        "stack",
        &[
            "reference",
            "profiles",
            "policy",
            "image",
            "verifier",
            "runner",
            "build",
            "pipeline",
            "compose",
            "engine",
        ],
    ),
    ("workloads", &["reference", "policy", "runner", "pipeline", "compose", "engine", "stack"]),
    (
        "cli",
        &[
            "reference",
            "profiles",
            "policy",
            "image",
            "verifier",
            "runner",
            "pipeline",
            "compose",
            "audit",
            "engine",
            "stack",
            "build",
        ],
    ),
];

/// Crates that only tests may use.
const DEV_ONLY: &[&str] = &["testkit", "tests"];

/// Crates that decide and must therefore build without network, runtime or TLS.
const PURE: &[&str] = &["reference", "profiles", "policy", "compose", "audit"];
const IMPURE_LIBRARIES: &[&str] =
    &["tokio", "ureq", "rustls", "hyper", "reqwest", "nix", "libc", "aws-lc-rs"];

#[derive(Debug)]
struct Package {
    normal: BTreeSet<String>,
    dev: BTreeSet<String>,
}

fn cargo(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(args)
        .arg("--locked")
        .current_dir(crate::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes text")
}

fn packages() -> BTreeMap<String, Package> {
    let metadata = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    packages
        .iter()
        .map(|package| {
            let mut found = Package { normal: BTreeSet::new(), dev: BTreeSet::new() };
            for dependency in package["dependencies"].as_array().expect("a package lists dependencies") {
                let name = dependency["name"].as_str().expect("a dependency has a name").to_owned();
                let kind = if dependency["kind"] == "dev" { &mut found.dev } else { &mut found.normal };
                kind.insert(name);
            }
            let name = package["name"].as_str().expect("a package has a name");
            (name.strip_prefix(PREFIX).unwrap_or(name).to_owned(), found)
        })
        .collect()
}

fn ours(names: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    names.iter().filter_map(|name| name.strip_prefix(PREFIX))
}

#[test]
fn arrows_go_only_where_the_design_allows() {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for (name, package) in packages() {
        if DEV_ONLY.contains(&name.as_str()) {
            continue;
        }
        let may = allowed.get(name.as_str()).unwrap_or_else(|| panic!("`{name}` is not in the table"));
        for dependency in ours(&package.normal) {
            assert!(may.contains(&dependency), "`{name}` may not depend on `{dependency}`");
        }
        for dependency in ours(&package.dev) {
            assert!(
                may.contains(&dependency) || DEV_ONLY.contains(&dependency),
                "`{name}` may not depend on `{dependency}`, not even in tests"
            );
        }
    }
}

#[test]
fn every_crate_of_the_table_exists() {
    let packages = packages();
    for (name, _) in ALLOWED {
        assert!(packages.contains_key(*name), "`{name}` is in the table but not in the workspace");
    }
}

#[test]
fn deciding_crates_have_no_network_and_no_system_library() {
    let packages = packages();
    for name in PURE {
        for library in IMPURE_LIBRARIES {
            assert!(!packages[*name].normal.contains(*library), "`{name}` must not use `{library}`");
        }
    }
}

/// Foreign libraries in what is shipped, by the name that they declare to cargo. A program that links our archive may
/// bring its own copy of a C library, and the linker then silently takes one of the two: every name here must prefix
/// its symbols, as aws-lc does with its version.
const FOREIGN: &[&str] = &["aws_lc_"];

#[test]
fn what_is_shipped_has_no_foreign_library_whose_symbols_could_clash() {
    // `cargo metadata` also draws arrows to packages that no feature turns on, so the walk is `cargo tree`'s.
    let mut tree = vec![
        "tree",
        "--workspace",
        "--all-features",
        "--edges=normal",
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ];
    let dev_only: Vec<_> = DEV_ONLY.iter().map(|name| format!("--exclude={PREFIX}{name}")).collect();
    tree.extend(dev_only.iter().map(String::as_str));
    let shipped = cargo(&tree);
    let shipped: BTreeSet<_> = shipped.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(shipped.len() > 50, "the walk found only {} packages", shipped.len());
    let metadata = cargo(&["metadata", "--format-version=1"]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("cargo metadata is JSON");
    for package in metadata["packages"].as_array().expect("cargo metadata lists packages") {
        let name = package["name"].as_str().expect("a package has a name");
        if let Some(library) = package["links"].as_str().filter(|_| shipped.contains(name)) {
            let known = FOREIGN.iter().any(|prefix| library.starts_with(prefix));
            assert!(known, "{name} brings the foreign library `{library}`");
        }
    }
}
