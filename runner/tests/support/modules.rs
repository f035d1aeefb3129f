//! An image of one WebAssembly module, the whole way: signed, verified, decided, and run by the backend that takes it.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use perry_sandbox_image::{Layout, Silent, Store, Wanted, resolve};
use perry_sandbox_policy::{
    CommandLineSigner, HostFacts, ImageDefaults, ImageSubject, IsolationLevel, LogRule, Policy, Signer,
    SignerIdentity, Verdict, decide, decide_requirement,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{
    Backends, End, Engines, HostTools, LaunchError, Outcome, Streams, Surroundings, dry_run, launch,
};
use perry_sandbox_testkit::layout::{Content, digest_of};
use perry_sandbox_testkit::sigstore::{Found, Key, SIMPLE_LAYER, attach_layers, b64, simple_payload};
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_verifier::{Clock, verify};
use serde_json::json;

use crate::spine::request;

/// Says something on its standard output, and ends with 7.
const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hello from a module\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 8))
    (i32.store (i32.const 4) (i32.const 20))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
    (call $exit (i32.const 7))))"#;

fn layout(folder: &Path, key: &Key, module: &[u8]) {
    let mut content = Content::new();
    let layer = Tarball::new().file("app.wasm", module).build();
    let config = json!({
        "architecture": "wasm", "os": "wasip1", "config": { "Entrypoint": ["/app.wasm"] },
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer).as_str()] },
    });
    let layer = content.described("application/vnd.oci.image.layer.v1.tar", layer);
    let config = content.described("application/vnd.oci.image.config.v1+json", config.to_string());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let body = json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer] });
    let descriptor = content.manifest(kind, &body);
    content.tag("v1", &descriptor);
    let digest = digest_of(&descriptor);
    let payload = simple_payload("registry.example/acme/module", &digest);
    let annotations = json!({ "dev.cosignproject.cosign/signature": b64(key.sign(&payload)) });
    attach_layers(&mut content, &[(SIMPLE_LAYER, &payload, &annotations)], Found::ByTag(&digest, "sig"));
    content.write_layout(folder);
}

/// Runs a module under the tier that anything gets, and says what a dry run says.
fn run(wat: &str) -> (Result<Outcome, LaunchError>, String) {
    let scratch = tempfile::tempdir().unwrap();
    let key = Key::p256();
    layout(&scratch.path().join("image"), &key, &wat::parse_str(wat).unwrap());
    let identity = SignerIdentity::Key { pem: key.pem(), root: None };
    let signer = Signer::new("command-line".parse().unwrap(), identity);
    let policy = Policy::command_line(CommandLineSigner { signer, log: LogRule::Optional });
    let request = request(&[]);
    let required = decide_requirement(&policy, &request, &ImageSubject::default()).unwrap();
    let source = Layout::open(&scratch.path().join("image")).unwrap();
    let wanted = Wanted::Tag("v1".to_owned());
    let resolved = resolve(&source, &wanted, &"wasip1/wasm".parse().unwrap()).unwrap();
    let now = Timestamp::now();
    let image = verify(&source, &resolved, &required.requirement, Clock::at(now)).unwrap();
    let backends = Backends::survey(&HostTools::default(), Some("wasm"));
    let host = HostFacts { hostname: "test".to_owned(), uid: 0, backends: backends.facts() };
    let defaults = ImageDefaults { entrypoint: vec!["/app.wasm".to_owned()], ..ImageDefaults::default() };
    let verdict = decide(&policy, &request, image.evidence(), &defaults, &host, now);
    let Verdict::Allow(plan) = verdict else { panic!("{verdict:?}") };
    assert_eq!((plan.backend.as_str(), plan.isolation), ("wasm", IsolationLevel::Wasm));
    let store = Store::open(&scratch.path().join("store")).unwrap();
    store.pull(&source, image.image(), "module", &Silent).unwrap();
    let rootfs = store.rootfs(image.image(), &Silent).unwrap();
    let engines = Engines { backends: &backends, store: &store };
    let live = scratch.path().join("live");
    let steps = dry_run(&plan, &image, &rootfs, Some((engines, &live))).unwrap().to_string();
    let surroundings = Surroundings {
        runtime: &live,
        trail: None,
        commands: None,
        secrets: None,
        window: (24, 80),
        clock: Timestamp::now,
        engines: Some(engines),
    };
    let outcome = launch(&plan, &image, &rootfs, Streams::captured(), &surroundings);
    let left: Vec<_> =
        fs::read_dir(&live).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    (outcome, steps)
}

#[test]
fn a_signed_module_runs_at_its_own_level() {
    let (outcome, steps) = run(HELLO);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.end, outcome.stdout.as_slice()), (End::Exited(7), &b"hello from a module\n"[..]));
    assert!(steps.contains("compile and run /app.wasm"), "{steps}");
}

#[test]
fn a_module_that_takes_all_memory_is_ended_and_the_limit_is_named() {
    let greedy = r#"(module (memory (export "memory") 1) (func (export "_start")
        (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1000)) (i32.const -1)))) (unreachable)))"#;
    let (outcome, _) = run(greedy);
    let outcome = outcome.unwrap();
    assert!(matches!(outcome.end, End::Killed(_)), "{outcome:?}");
}

#[test]
fn what_is_no_module_is_not_started() {
    let (outcome, _) = run(r#"(module (import "env" "nothing" (func)) (func (export "_start")))"#);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("/app.wasm") && error.contains("cannot be executed"), "{error}");
}
