//! What asking costs a library caller, warm: policy kept, image in a layout folder; nothing runs.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::ffi::OsString;
use std::path::Path;

use divan::Bencher;
use perry_sandbox_image::{Layout, Wanted, resolve};
use perry_sandbox_pipeline::{
    AccessChoice, Environment, HostTools, Pipeline, PolicyChoice, PolicyInput, TargetChoice, Wish, backends,
};
use perry_sandbox_reference::Platform;

fn main() {
    divan::main();
}

/// The example, in a folder of the bench's own whose files are old enough to be kept.
struct Example {
    folder: tempfile::TempDir,
}

impl Example {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
        let copied =
            std::process::Command::new("cp").arg("-R").arg(from).arg(folder.path()).status().unwrap();
        assert!(copied.success());
        std::thread::sleep(std::time::Duration::from_millis(2100));
        Self { folder }
    }

    fn pipeline(&self) -> Pipeline {
        let lookup = |name: &str| (name == "HOME").then(|| OsString::from(self.folder.path()));
        let data = self.folder.path().join("data");
        Pipeline::open(Environment::new(&lookup, Some(&data)).unwrap()).unwrap()
    }

    fn wish(&self) -> Wish {
        let hello = self.folder.path().join("hello");
        let policy = PolicyInput::File(hello.join("policy.toml"));
        Wish {
            policy: PolicyChoice { inputs: vec![policy], require: None },
            image: Some(format!("oci:{}", hello.join("image").display())),
            ..Wish::of(TargetChoice::Capability("hello".to_owned()))
        }
    }
}

#[divan::bench]
fn ask(bencher: Bencher<'_, '_>) {
    let example = Example::new();
    let (pipeline, wish) = (example.pipeline(), example.wish());
    bencher.bench_local(|| pipeline.ask(&wish, None).unwrap());
}

#[divan::bench]
fn find_policy(bencher: Bencher<'_, '_>) {
    let example = Example::new();
    let (pipeline, wish) = (example.pipeline(), example.wish());
    bencher.bench_local(|| pipeline.policy(&wish.policy).unwrap());
}

#[divan::bench]
fn open_source(bencher: Bencher<'_, '_>) {
    let example = Example::new();
    let (pipeline, wish) = (example.pipeline(), example.wish());
    let name = wish.image.unwrap().parse().unwrap();
    bencher.bench_local(|| pipeline.source(&name, &AccessChoice::default()).map(drop).unwrap());
}

#[divan::bench]
fn resolve_layout(bencher: Bencher<'_, '_>) {
    let example = Example::new();
    let layout = Layout::open(&example.folder.path().join("hello/image")).unwrap();
    bencher.bench_local(|| resolve(&layout, &Wanted::Only, &Platform::host()).unwrap());
}

#[divan::bench]
fn host_facts() -> usize {
    backends(&HostTools::default()).len()
}
