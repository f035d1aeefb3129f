//! Who vouched: the authorities that evidence names are those of the trust root under which the signature holds.

use perry_sandbox_policy::{Authority, SubjectPattern, TimeSource, VerifiedSignature};
use perry_sandbox_testkit::sigstore::{Proofs, Sigstore};
use serde_json::{Value, json};

use crate::kit::{
    INDEX, KEYLESS, acme, attach, bare, check, key, keyless, layout, require, root_of, signer_of,
};
use crate::pki::{IDENTITY, ISSUER, subject};

const CAS: &str = "certificateAuthorities";
const TSAS: &str = "timestampAuthorities";

/// An authority that a trust root calls this.
fn name(organization: &str) -> Authority {
    let text = |text: &str| Some(text.to_owned());
    Authority { organization: text(organization), common_name: text("x"), uri: text("https://x.test") }
}

/// An entry of a trust root under a name.
fn called(mut entry: Value, organization: &str) -> Value {
    entry["subject"] = json!({"organization": organization, "commonName": "x"});
    entry["uri"] = json!("https://x.test");
    entry
}

/// What is proved of an image that the instance signed, with its trust root changed.
fn signature(proofs: Proofs, change: impl FnOnce(&mut Value)) -> VerifiedSignature {
    let it = Sigstore { proofs, ..Sigstore::default() };
    let mut root = it.trusted_root();
    for kind in [CAS, TSAS] {
        root[kind][0] = called(root[kind][0].clone(), "right");
    }
    change(&mut root);
    let signer =
        keyless("acme", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root_of(root.to_string()));
    let mut source = bare("cosign3-kl3v1");
    attach(&mut source, &it.image_signature(&INDEX.parse().unwrap()), &INDEX.parse().unwrap());
    let verified = check(&source, &require(vec![signer])).unwrap();
    verified.evidence().signatures[0].clone()
}

/// Who vouched for each time: nothing for a log.
fn stamped_by(signature: &VerifiedSignature) -> Vec<(TimeSource, Option<Authority>)> {
    signature.times.iter().map(|time| (time.source, time.authority.clone())).collect()
}

/// Another instance's authority, whose certificates have the same names.
fn decoy(kind: &str) -> Value {
    called(Sigstore::default().trusted_root()[kind][0].clone(), "decoy")
}

fn with_decoys(root: &mut Value) {
    for kind in [CAS, TSAS] {
        let right = root[kind][0].clone();
        root[kind] = json!([decoy(kind), right, decoy(kind)]);
    }
}

#[test]
fn evidence_names_the_authorities_that_vouched() {
    let own = Some(Authority {
        organization: Some("sigstore.mock".into()),
        common_name: Some("sigstore".into()),
        uri: Some("http://127.0.0.1:8800".into()),
    });
    for name in KEYLESS {
        let image = check(&layout(name), &require(vec![acme()])).unwrap();
        let signature = &image.evidence().signatures[0];
        assert_eq!(signature.authority, own, "{name}");
        for (source, by) in stamped_by(signature) {
            assert_eq!(by, own.clone().filter(|_| source == TimeSource::TimestampAuthority), "{name}");
        }
    }
    let stamped = check(&layout("cosign3-kl3v2"), &require(vec![acme()])).unwrap();
    assert_eq!(
        stamped_by(&stamped.evidence().signatures[0]),
        [(TimeSource::TimestampAuthority, own)],
        "a log of the second version has no time"
    );
    // Nobody vouches for a key but the policy.
    let keyed = check(&layout("cosign3-key3"), &require(vec![signer_of("cosign3-key3")])).unwrap();
    assert_eq!(keyed.evidence().signatures[0].authority, None);
}

#[test]
fn of_several_authorities_the_one_is_named_under_which_the_signature_holds() {
    let stamp = (TimeSource::TimestampAuthority, Some(name("right")));
    let log = (TimeSource::Log, None);
    for (proofs, times) in [
        (Proofs::V1, vec![log.clone()]),
        (Proofs::V1Stamped, vec![stamp.clone(), log]),
        (Proofs::V2, vec![stamp]),
    ] {
        let found = signature(proofs, with_decoys);
        assert_eq!(found.authority, Some(name("right")));
        assert_eq!(stamped_by(&found), times);
    }
}

#[test]
fn an_authority_that_was_not_trusted_at_the_time_is_not_named() {
    // The same certificates under an entry that had ended before anything was signed.
    let ended = |root: &mut Value| {
        for kind in [CAS, TSAS] {
            let mut old = called(root[kind][0].clone(), "ended");
            old["validFor"]["end"] = json!("2021-01-01T00:00:00Z");
            let right = root[kind][0].clone();
            root[kind] = json!([old, right]);
        }
    };
    let found = signature(Proofs::V1Stamped, ended);
    assert_eq!(found.authority, Some(name("right")));
    assert_eq!(stamped_by(&found)[0].1, Some(name("right")));
}

#[test]
fn a_time_stamp_on_a_keys_signature_is_named_too() {
    // The core gives a key's times in another order than a certificate's.
    for (proofs, sources) in [
        (Proofs::V1Stamped, vec![TimeSource::Log, TimeSource::TimestampAuthority]),
        (Proofs::V2, vec![TimeSource::TimestampAuthority]),
    ] {
        let it = Sigstore { proofs, ..Sigstore::default() };
        let mut root = it.trusted_root();
        root[TSAS] = json!([decoy(TSAS), called(root[TSAS][0].clone(), "right")]);
        let signer = key("plant", it.leaf_pem(), Some(root_of(root.to_string())));
        let mut source = bare("cosign3-kl3v1");
        let digest = INDEX.parse().unwrap();
        attach(&mut source, &it.key_bundle(&subject(&digest)), &digest);
        let verified = check(&source, &require(vec![signer])).unwrap();
        let found = &verified.evidence().signatures[0];
        assert_eq!(found.authority, None);
        let expected = sources.into_iter().map(|source| {
            let is_stamp = source == TimeSource::TimestampAuthority;
            (source, is_stamp.then(|| name("right")))
        });
        assert_eq!(stamped_by(found), expected.collect::<Vec<_>>(), "{proofs:?}");
    }
}

#[test]
fn an_authority_without_a_name_in_the_trust_root_has_none_in_the_evidence() {
    // What the certificates of chain and message call themselves is not asked.
    let nameless = |root: &mut Value| {
        for kind in [CAS, TSAS] {
            root[kind][0]["subject"] = json!({});
            root[kind][0]["uri"] = json!("");
        }
    };
    let found = signature(Proofs::V1Stamped, nameless);
    assert_eq!(found.authority, None);
    assert!(found.times.iter().all(|time| time.authority.is_none()));
    let json = serde_json::to_value(&found).unwrap();
    assert!(json.get("authority").is_none() && json["times"][0].get("authority").is_none());
    let named = serde_json::to_value(signature(Proofs::V1Stamped, |_| ())).unwrap();
    let right = json!({"organization": "right", "common-name": "x", "uri": "https://x.test"});
    assert_eq!((&named["authority"], &named["times"][0]["authority"]), (&right, &right));
    assert_eq!(serde_json::from_value::<VerifiedSignature>(named).unwrap().authority, Some(name("right")));
}
