//! Unpacking beside plain decompression of the same layers, and the way to an image that is unpacked already.
#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use divan::counter::BytesCount;
use perry_sandbox_image::reference::Platform;
use perry_sandbox_image::{Layout, ResolvedImage, Silent, Store, Wanted, resolve};
use perry_sandbox_testkit::layout::{Compression, Content, image};
use perry_sandbox_testkit::tarball::Tarball;
use tempfile::TempDir;

const FILES: usize = 500;
const FILE: usize = 32 * 1024;
const LAYERS: usize = 4;
const PACKINGS: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

fn main() {
    divan::main();
}

/// Layers of files whose content packs to about a third, as programs do.
fn layers(how: Compression) -> Vec<(Vec<u8>, Compression)> {
    let mut seed = 1_u32;
    let mut content = || -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FILE);
        while bytes.len() < FILE {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.extend_from_slice(&seed.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
        }
        bytes
    };
    let mut layer = |at: usize| {
        let files = (0..FILES).fold(Tarball::new(), |tar, file| {
            tar.file(&format!("l{at}/d{}/f{file}", file.div_euclid(50)), &content())
        });
        (files.build(), how)
    };
    (0..LAYERS).map(&mut layer).collect()
}

struct Pulled {
    dir: TempDir,
    store: Store,
    found: ResolvedImage,
}

fn pulled(content: &Content) -> Pulled {
    let dir = tempfile::tempdir().unwrap();
    content.write_layout(&dir.path().join("layout"));
    let layout = Layout::open(&dir.path().join("layout")).unwrap();
    let found = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    store.pull(&layout, &found, "bench", &Silent).unwrap();
    Pulled { dir, store, found }
}

#[divan::bench(args = PACKINGS, sample_count = 10)]
fn decompress_only(bencher: divan::Bencher<'_, '_>, how: Compression) {
    let packed: Vec<_> = layers(how).iter().map(|(tar, how)| how.pack(tar)).collect();
    bencher.counter(BytesCount::new(LAYERS.saturating_mul(FILES).saturating_mul(FILE))).bench(|| {
        for layer in &packed {
            let mut out = std::io::sink();
            match how {
                Compression::None => std::io::copy(&mut layer.as_slice(), &mut out),
                Compression::Gzip => {
                    std::io::copy(&mut flate2::read::MultiGzDecoder::new(layer.as_slice()), &mut out)
                }
                Compression::Zstd => {
                    let mut decoder = zstd::stream::read::Decoder::new(layer.as_slice()).unwrap();
                    std::io::copy(&mut decoder, &mut out)
                }
            }
            .unwrap();
        }
    });
}

#[divan::bench(args = PACKINGS, sample_count = 10)]
fn unpack(bencher: divan::Bencher<'_, '_>, how: Compression) {
    let content = image(&layers(how)).0;
    bencher
        .counter(BytesCount::new(LAYERS.saturating_mul(FILES).saturating_mul(FILE)))
        .with_inputs(|| pulled(&content))
        .bench_refs(|pulled| pulled.store.rootfs(&pulled.found, &Silent).unwrap());
}

#[divan::bench]
fn resolve_and_open_what_is_unpacked(bencher: divan::Bencher<'_, '_>) {
    let pulled = pulled(&image(&layers(Compression::Gzip)).0);
    drop(pulled.store.rootfs(&pulled.found, &Silent).unwrap());
    bencher.bench(|| {
        let layout = Layout::open(&pulled.dir.path().join("layout")).unwrap();
        let found = resolve(&layout, &Wanted::Only, &Platform::host()).unwrap();
        let ids = found.config(&layout).unwrap().diff_ids;
        pulled.store.ready(&layout, &found, "bench", &ids).unwrap().unwrap()
    });
}
