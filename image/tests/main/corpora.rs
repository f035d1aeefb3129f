//! The fuzz targets' seeds, through the same readers: each is understood, and none of its beginnings makes one panic.

use perry_sandbox_image::{ImageConfig, ImageName, Manifest, fuzzing};
use perry_sandbox_testkit::corpus;

/// How many seeds a target has, and how many a reader understands.
fn seeds(target: &str, read: impl Fn(&[u8]) -> bool) -> (usize, usize) {
    (corpus::seeds(target).len(), corpus::understood(target, read))
}

#[track_caller]
fn all_understood(target: &str, read: impl Fn(&[u8]) -> bool) {
    let (count, understood) = seeds(target, read);
    assert!(count > 0 && understood == count, "{target}: {understood} of {count}");
}

fn text(read: impl Fn(&str) -> bool) -> impl Fn(&[u8]) -> bool {
    move |bytes| std::str::from_utf8(bytes).is_ok_and(&read)
}

#[test]
fn every_seed_of_a_target_is_understood_by_its_reader() {
    all_understood("archive", |bytes| fuzzing::archive(bytes) > 0);
    all_understood("challenge", text(fuzzing::challenge));
    // The other two are of signatures, which name no platform.
    assert_eq!(seeds("config", |bytes| ImageConfig::parse(bytes).is_ok()), (4, 2));
    all_understood("layout_index", |bytes| fuzzing::layout_index(bytes).is_some_and(|entries| entries > 0));
    all_understood("link", text(fuzzing::link));
    all_understood("listing", fuzzing::listing);
    all_understood("token", fuzzing::token);
    all_understood("zstd", fuzzing::zstd);
    all_understood("reference", text(|text| text.parse::<ImageName>().is_ok()));
    // The configs of signatures are among these too.
    let manifest = |bytes: &[u8]| Manifest::parse(bytes, None).is_ok() || ImageConfig::parse(bytes).is_ok();
    assert_eq!(seeds("manifest", manifest), (9, 7));
}

#[test]
fn a_link_that_leads_elsewhere_is_not_followed() {
    let here = "/v2/acme/app/referrers/sha256:0";
    assert!(fuzzing::link(&format!("<{here}?n=1>; rel=next")));
    for target in [
        "https://other.example/v2/acme/app/referrers/sha256:0",
        "http://registry.example/v2/acme/app/referrers/sha256:0",
        "https://me:pw@registry.example/v2/acme/app/referrers/sha256:0",
        "//other.example/v2/acme/app/referrers/sha256:0",
        "/v2/acme/other/referrers/sha256:0",
        "",
    ] {
        assert!(!fuzzing::link(&format!("<{target}>; rel=next")), "{target}");
    }
}
