//! What a round trip through the envelope costs, warm.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use perry_sandbox_ffi::Engine;
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// An engine with a store of its own, and a wish of the example.
fn ready() -> (Arc<Engine>, Value, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_owned();
    let engine = Engine::new(move |name| (name == "HOME").then(|| folder.clone().into_os_string()));
    let engine = Arc::new(engine.with_data_dir(&home.path().join("data")));
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/hello");
    let wish = json!({
        "name": "count-words", "policy": hello.join("policy.toml"), "image": format!("oci:{}", hello.join("image").display()),
    });
    (engine, wish, home)
}

fn request(op: &str, args: &Value) -> Vec<u8> {
    json!({ "v": 1, "id": "7", "op": op, "args": args }).to_string().into_bytes()
}

fn ask(engine: &Engine, request: &[u8]) -> usize {
    let reply = engine.call_sync(request);
    assert!(reply.contains("\"ok\":true"), "{reply}");
    reply.len()
}

#[divan::bench]
fn version(bencher: divan::Bencher<'_, '_>) {
    let (engine, _, _home) = ready();
    let request = request("version", &json!({}));
    bencher.bench_local(|| ask(&engine, &request));
}

#[divan::bench]
fn explain(bencher: divan::Bencher<'_, '_>) {
    let (engine, wish, _home) = ready();
    let request = request("explain", &json!({ "capability": wish }));
    ask(&engine, &request);
    bencher.bench_local(|| ask(&engine, &request));
}

#[divan::bench]
fn check_request(bencher: divan::Bencher<'_, '_>) {
    let (_engine, wish, _home) = ready();
    let request = request("explain", &json!({ "capability": wish }));
    bencher.bench_local(|| perry_sandbox_ffi::check_request(&request));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn run_capability(bencher: divan::Bencher<'_, '_>) {
    let (engine, wish, _home) = ready();
    let request = request("runCapability", &wish);
    ask(&engine, &request);
    bencher.bench_local(|| ask(&engine, &request));
}
