//! From a layout folder's name to manifest and config, and what is attached to them.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::path::Path;

use divan::Bencher;
use perry_sandbox_image::reference::Platform;
use perry_sandbox_image::{ImageConfig, Layout, ResolvedImage, Source as _, Wanted, resolve};

fn main() {
    divan::main();
}

fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello/image")
}

fn read(layout: &Layout) -> (ResolvedImage, ImageConfig) {
    let found = resolve(layout, &Wanted::Only, &"linux/amd64".parse::<Platform>().unwrap()).unwrap();
    let config = found.config(layout).unwrap();
    (found, config)
}

#[divan::bench]
fn anew(bencher: Bencher<'_, '_>) {
    bencher.bench(|| read(&Layout::open(&example()).unwrap()));
}

#[divan::bench]
fn open_only(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Layout::open(&example()).unwrap());
}

/// What a search for signatures asks of a layout.
#[divan::bench]
fn referrers(bencher: Bencher<'_, '_>) {
    let layout = Layout::open(&example()).unwrap();
    let (found, _) = read(&layout);
    bencher.bench(|| layout.referrers(found.top()).unwrap());
}
