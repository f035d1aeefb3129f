//! Images in a loopback registry, for the real cosign and for us.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_image::{Access, Insecure, Layout, Registry, Source, Wanted, resolve};
use perry_sandbox_policy::{Requirement, Signer, SubjectPattern};
use perry_sandbox_reference::{Digest, Platform};
use perry_sandbox_testkit::layout::{Compression, Content, digest_of};
use perry_sandbox_testkit::registry::{Options, TestRegistry};
use perry_sandbox_testkit::sigstore::{Cosign, IDENTITY, ISSUER, Sigstore};
use perry_sandbox_testkit::skip;
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_verifier::{Clock, Denial, VerifiedImage, verify};
use serde_json::json;

use crate::kit::{keyless, root_of};

/// The repository that images are in.
pub(crate) const PATH: &str = "acme/app";

/// An index over one image for each of two platforms, tagged `v1`.
pub(crate) fn sample() -> (Content, Digest) {
    let mut content = Content::new();
    let children: Vec<_> = ["linux/amd64", "linux/arm64"]
        .iter()
        .map(|name| {
            let platform: Platform = name.parse().unwrap();
            let layer = Tarball::new().file("hello", name.as_bytes()).build();
            let mut child =
                content.image(&[(layer, Compression::Gzip)], &platform, &json!({"Cmd": ["/hello"]}));
            child["platform"] = json!({"os": platform.os(), "architecture": platform.architecture()});
            child
        })
        .collect();
    let index = content.index(&children);
    content.tag("v1", &index);
    let digest = digest_of(&index);
    (content, digest)
}

/// A registry with that image, its digest, and the name by which cosign finds it.
pub(crate) fn serving(referrers: bool) -> (TestRegistry, Digest, String) {
    let (content, digest) = sample();
    let registry = TestRegistry::serving(PATH, &content, Options { referrers, ..Options::default() });
    let name = format!("{}/{PATH}@{digest}", registry.host());
    (registry, digest, name)
}

/// How registries on this machine are asked.
pub(crate) fn access() -> Access {
    Access {
        insecure: Insecure::Loopback,
        patience: Duration::from_secs(20),
        attempts: 1,
        ..Access::default()
    }
}

/// The image's repository, as our client sees it.
pub(crate) fn client(registry: &TestRegistry) -> Registry {
    Registry::new(registry.repository(PATH), access()).unwrap()
}

/// Whoever holds the instance's certificates.
pub(crate) fn holder(instance: &Sigstore) -> Signer {
    let root = root_of(instance.trusted_root().to_string());
    keyless("acme", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root)
}

/// Our verdict on the image, at this moment.
pub(crate) fn judge(
    source: &dyn Source,
    digest: &Digest,
    requirement: &Requirement,
) -> Result<VerifiedImage, Denial> {
    let platform = "linux/amd64".parse().unwrap();
    let image = resolve(source, &Wanted::Digest(digest.clone()), &platform).unwrap();
    verify(source, &image, requirement, Clock::at(Timestamp::now()))
}

/// Our verdict on the image in a layout.
pub(crate) fn judge_layout(
    folder: &Path,
    digest: &Digest,
    requirement: &Requirement,
) -> Result<VerifiedImage, Denial> {
    judge(&Layout::open(folder).unwrap(), digest, requirement)
}

/// The real cosign, or a reason why the test does not run.
pub(crate) fn cosign(version: u32) -> Option<Cosign> {
    let found = Cosign::find(version);
    if found.is_none() {
        skip(&format!("no cosign {version}: name the folder of cosign{version} in PERRY_SANDBOX_PEERS"));
    }
    found
}
