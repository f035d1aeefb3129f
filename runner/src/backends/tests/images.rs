//! The verified image on its way into engines that know it by its manifest.

use perry_sandbox_image::{Layout, Wanted, resolve};
use perry_sandbox_reference::Platform;

use super::super::apple::Apple;
use super::super::images::{into_apple, into_nerdctl};
use super::super::nerdctl::Nerdctl;
use super::super::order::System;
use super::fake::{Expected, Stage, nerdctl_info};
use super::plan::planned;

const OURS: &str = "--namespace=perry-sandbox";
const STATUS: &[u8] = include_bytes!("../recorded/apple-status-1.4.1.json");

#[test]
fn containerd_gets_the_verified_manifest_once() {
    let planned = planned();
    let hex = planned.plan.manifest.hex();
    let look = [OURS, "image", "inspect", "--format={{json .RepoDigests}}", hex];
    let there = format!("[\"localhost/perry-sandbox/verified@sha256:{hex}\"]\n");
    let stage = Stage::new();
    let calls = [
        Expected::call(&[OURS, "info", "--format={{json .}}"], nerdctl_info()),
        Expected::failing(&look, "no such image"),
        Expected::call(&[OURS, "load"], "Loaded image").reading(),
        Expected::call(&look, there.clone()),
        Expected::call(&look, there),
    ];
    stage.program("nerdctl", &calls);
    let nerdctl = Nerdctl::probe(&stage.tools(System::Other)).unwrap();
    let content = (&planned.store, &planned.image);
    into_nerdctl(&nerdctl, content, hex).unwrap();
    into_nerdctl(&nerdctl, content, hex).unwrap();
    assert_eq!(stage.calls("nerdctl"), calls.len());
    let out = stage.home().join("layout");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("archive"), stage.read("nerdctl", 2)).unwrap();
    let tar = std::process::Command::new("tar").args(["-xf", "archive"]).current_dir(&out).status().unwrap();
    assert!(tar.success());
    let layout = Layout::open(&out).unwrap();
    let found = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
    assert_eq!(found.manifest_digest(), &planned.plan.manifest);
}

#[test]
fn an_engine_that_has_loaded_something_else_runs_nothing() {
    let planned = planned();
    let hex = planned.plan.manifest.hex();
    let look = [OURS, "image", "inspect", "--format={{json .RepoDigests}}", hex];
    let other = format!("[\"localhost/perry-sandbox/verified@sha256:{}\"]", "0".repeat(64));
    for answer in [other, "garbage \u{1b}[2J".to_owned(), format!("{{\"x\": \"@sha256:{hex}\"}}")] {
        let stage = Stage::new();
        let calls = [
            Expected::call(&[OURS, "info", "--format={{json .}}"], nerdctl_info()),
            Expected::call(&look, answer.clone()),
            Expected::call(&[OURS, "load"], "").reading(),
            Expected::call(&look, answer),
        ];
        stage.program("nerdctl", &calls);
        let nerdctl = Nerdctl::probe(&stage.tools(System::Other)).unwrap();
        let error = into_nerdctl(&nerdctl, (&planned.store, &planned.image), hex).unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
    }
}

#[test]
fn a_name_of_apples_counts_only_with_the_verified_digest() {
    let planned = planned();
    let hex = planned.plan.manifest.hex();
    let name = format!("localhost/perry-sandbox/verified:sha256-{hex}");
    let look = ["image", "inspect", name.as_str()];
    let status = Expected::call(&["system", "status", "--format", "json"], STATUS);
    let tried = |answer: String| {
        let stage = Stage::new();
        let calls = [
            status.clone(),
            Expected::failing(&look, "Error: notFound"),
            Expected::call(&["image", "load"], "").reading(),
            Expected::call(&look, answer),
        ];
        stage.program("container", &calls);
        let apple = Apple::probe(&stage.tools(System::MacOs)).unwrap();
        into_apple(&apple, (&planned.store, &planned.image), hex)
    };
    let digest = format!("sha256:{hex}");
    assert!(tried(serde_json::json!([{ "index": { "digest": digest } }]).to_string()).is_ok());
    assert!(tried(serde_json::json!([{ "variants": [{ "digest": digest }] }]).to_string()).is_ok());
    let label = serde_json::json!([{ "variants": [{ "digest": "sha256:0", "config": { "labels": { "digest": digest } } }] }]);
    assert!(tried(label.to_string()).is_err(), "what an image says of itself does not count");
}
