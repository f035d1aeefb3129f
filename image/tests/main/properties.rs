//! Properties over random and mutated input: never a panic, never a byte outside the root.

use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_image::{ImageConfig, ImageName, Manifest};
use perry_sandbox_testkit::layout::{Compression, image};
use perry_sandbox_testkit::tarball::Tarball;
use proptest::prelude::*;

use crate::bench::{Bench, CANARY};

fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        Just(".wh.a".to_owned()),
        Just(".wh..wh..opq".to_owned()),
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("canary".to_owned()),
        "[a-z.]{1,3}",
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

fn tarball() -> impl Strategy<Value = Tarball> {
    let kind = prop_oneof![Just(b'0'), Just(b'1'), Just(b'2'), Just(b'5'), Just(b'3'), any::<u8>()];
    let entry = (kind, name(), name(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40));
    prop::collection::vec(entry, 0..12).prop_map(|entries| {
        entries.into_iter().fold(Tarball::new(), |tar, (kind, name, link, mode, content)| {
            let content = if kind == b'0' { content } else { Vec::new() };
            tar.entry(kind, &name, &link, mode, &content)
        })
    })
}

fn unharmed(bench: &Bench) {
    assert_eq!(std::fs::read_to_string(bench.canary()).unwrap(), CANARY);
    assert_eq!(std::fs::read_dir(bench.dir.path()).unwrap().count(), 2);
    assert_eq!(std::fs::read_dir(bench.store.root().join("tmp")).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_entries_nothing_outside_the_root_is_touched(
        layers in prop::collection::vec(tarball(), 1..4),
    ) {
        let bench = Bench::new();
        if let Ok(rootfs) = bench.unpack(&layers) {
            for point in perry_sandbox_image::MOUNT_POINTS {
                prop_assert!(rootfs.path().join(point).symlink_metadata().unwrap().is_dir());
            }
        }
        unharmed(&bench);
    }

    #[test]
    fn arbitrary_bytes_as_a_layer_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..3000),
        how in prop_oneof![Just(Compression::None), Just(Compression::Gzip)],
    ) {
        let bench = Bench::new();
        let _ = bench.unpack_content(&image(&[(bytes, how)]).0).is_ok();
        unharmed(&bench);
    }

    #[test]
    fn a_mutated_archive_never_panics(
        tar in tarball(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let bench = Bench::new();
        let mut bytes = tar.build();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = bench.unpack_content(&image(&[(bytes, Compression::None)]).0).is_ok();
        unharmed(&bench);
    }
}

proptest! {
    #[test]
    fn readers_of_json_never_panic(text in r#"[\[\]{}",:a-z0-9.\\ -]{0,200}"#) {
        let _ = parse_strict(text.as_bytes(), MAX_DEPTH).is_ok();
        let _ = Manifest::parse(text.as_bytes(), None).is_ok();
        let _ = ImageConfig::parse(text.as_bytes()).is_ok();
    }

    #[test]
    fn a_mutated_manifest_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (content, _) = image(&[(Tarball::new().build(), Compression::None)]);
        for bytes in content.blobs.values() {
            let mut bytes = bytes.clone();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Manifest::parse(&bytes, None).is_ok();
            let _ = ImageConfig::parse(&bytes).is_ok();
        }
    }

    #[test]
    fn readers_of_archives_and_demands_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2000), header in "\\PC{0,80}",
    ) {
        perry_sandbox_image::fuzzing::archive(&bytes);
        perry_sandbox_image::fuzzing::challenge(&header);
        perry_sandbox_image::fuzzing::challenge(&format!("Bearer {header}"));
    }

    #[test]
    fn a_name_that_parses_reads_back_as_itself(text in "(oci:|docker-archive:)?[a-z0-9./:@-]{0,40}") {
        if let Ok(name) = text.parse::<ImageName>() {
            prop_assert_eq!(name.to_string().parse::<ImageName>().ok(), Some(name));
        }
    }
}
