//! The public conformance suite's cases that are at hand byte for byte, each with the file and with its digest.
//!
//! Of the suite (sigstore/sigstore-conformance, `test/assets/bundle-verify`, 70 cases at a73de497) 33 came with this
//! project's data. `managed-key-happy-path` is put together from files of the crate `sigstore-verify`, whose bundle is the
//! same as that of the suite's other two cases with this key. The others are in no registry and no package from which
//! they could be had byte for byte.
//!
//! What the descriptions ask for is tested with the test kit's own signatures in `conformance_rules`.

use std::fs;

use jiff::Timestamp;
use perry_sandbox_policy::{Signer, SubjectPattern};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{Clock, Signed, verify_bundle};
use sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

use crate::kit::{data, key, keyless, require, root_of};

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

struct Case {
    name: String,
    bundle: Vec<u8>,
    artifact: Vec<u8>,
    signer: Signer,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(data("conformance")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let optional = |name: &str| fs::read_to_string(path.join(name)).ok();
        let root =
            optional("trusted_root.json").unwrap_or_else(|| SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned());
        let trimmed =
            |name: &str, default: &str| optional(name).map_or(default.to_owned(), |it| it.trim().to_owned());
        let subject = SubjectPattern::Exact(trimmed("identity", IDENTITY));
        let signer = optional("key.pub").map_or_else(
            || keyless("conformance", &trimmed("issuer", ISSUER), subject, root_of(root.clone())),
            |pem| key("conformance", pem, Some(root_of(root.clone()))),
        );
        cases.push(Case {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            bundle: fs::read(path.join("bundle.sigstore.json")).unwrap(),
            artifact: fs::read(path.join("artifact"))
                .unwrap_or_else(|_| fs::read(data("conformance/a.txt")).unwrap()),
            signer,
        });
    }
    cases
}

#[test]
fn all_cases_agree_both_ways() {
    let cases = cases();
    assert_eq!(cases.len(), 34, "see the list of cases above");
    let mut wrong = Vec::new();
    for case in cases {
        let expected = !case.name.ends_with("_fail");
        let requirement = require(vec![case.signer]);
        let digest = Digest::of(&case.artifact);
        for signed in [Signed::Bytes(&case.artifact), Signed::Digest(&digest)] {
            let outcome = verify_bundle(&case.bundle, signed, &requirement, Clock::at(Timestamp::now()));
            if outcome.is_ok() != expected {
                wrong.push(format!("{}: {outcome:#?}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
