//! Every reason for which a signature does not count, in one table: a permanent code, what it means, what to do.

use std::fmt;

use serde::{Serialize, Serializer};

/// What a code stands for, as `verify --explain-code` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The permanent code, e.g. `V-TIME-01`.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub title: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

macro_rules! codes {
    ($($name:ident $code:literal $title:literal, $remedy:literal;)+) => {
        /// A permanent code for one reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// All codes, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Meaning and remedy.
            pub const fn explanation(self) -> Explanation {
                match self {
                    $(Self::$name => Explanation { code: $code, title: $title, remedy: $remedy },)+
                }
            }
        }
    };
}

codes! {
    FindNone "V-FIND-01" "no signature was found",
        "sign the image (`cosign sign REPOSITORY@DIGEST`), or copy its signatures along with it (`cosign copy`, `oras cp -r`); a docker archive has no place for one: hand a bundle over this digest over beside it (`--bundle FILE`)";
    FindTooMany "V-FIND-02" "there are more candidates than are examined",
        "remove signatures that are no longer needed; only the first 64 by digest are examined";
    FindTooLarge "V-FIND-03" "the signatures together are larger than is read",
        "remove signatures or attestations that are no longer needed; 16 MiB are read at most";
    FindTimeRanOut "V-FIND-04" "the time for verifying ran out",
        "try again; a registry that answers this slowly may be overloaded; the policy's image rule may allow more (`verify-timeout`)";
    FindRefused "V-FIND-05" "what should carry a signature cannot be used",
        "the content is not what its digest names, or not a signature manifest; push the signature again";
    FindUnreadable "V-FIND-06" "a place where signatures may be could not be read",
        "this is a failure to reach or read the source, not a verdict about the signature; fix the access and try again";
    FindOtherSubject "V-FIND-07" "the signature manifest is about another image",
        "sign this image; a signature of another one does not count";
    FindOnlyAttestations "V-FIND-08" "only attestations were found, and an attestation is not a signature",
        "sign the image with `cosign sign`; an attestation says something about an image, not that it may run";

    ParseJson "V-PARSE-01" "the bundle is not strict JSON",
        "sign again with a current cosign; repeated keys, trailing bytes and deep nesting are refused";
    ParseField "V-PARSE-02" "the bundle has a field that is unknown, missing or of the wrong type",
        "sign again with a current cosign; a field that is not understood could change the meaning";
    ParseVersion "V-PARSE-03" "the bundle's media type or a log entry's kind is not known",
        "bundles 0.1 to 0.3 and entries of hashedrekord, dsse and intoto are read; sign again with a current cosign";
    ParseLimit "V-PARSE-04" "the bundle has more of something than is read",
        "sign again; limits are 32 log entries, 32 time stamps, 8 certificates, 1024 subjects, 32 digests each, 4 MiB";
    ParseSignatures "V-PARSE-05" "the envelope does not have exactly one signature",
        "make one envelope for each signer";
    ParseAnnotation "V-PARSE-06" "an annotation of the signature is missing or malformed",
        "sign again with `cosign sign`";

    BindType "V-BIND-01" "the payload says that it is something else than a cosign image signature",
        "sign with `cosign sign`; payloads of other tools are not image signatures";
    BindDigest "V-BIND-02" "what was signed is another image",
        "sign this digest";
    BindRepository "V-BIND-03" "the signature was made for another repository",
        "sign the image under its present name, or name the repository it was signed for (`--repository`, or the policy's image rule)";
    BindStatement "V-BIND-04" "the statement's type is not known",
        "only in-toto statements v0.1 and v1 are read";
    BindPredicate "V-BIND-05" "the statement is an attestation, not an image signature",
        "sign the image with `cosign sign`; an attestation counts only for a `provenance` rule that names its predicate";
    BindSubject "V-BIND-06" "the statement names no such subject",
        "sign this digest";
    BindForm "V-BIND-07" "a digest in the statement is not lower-case hex of the right length",
        "sign again with a tool that writes digests as the specification says";
    BindMessage "V-BIND-08" "a signature over bare bytes is not an image signature",
        "sign the image with `cosign sign`, not its manifest with `cosign sign-blob`";
    BindPayload "V-BIND-09" "the payload is malformed",
        "sign again with `cosign sign`";
    BindNeedsBytes "V-BIND-10" "this signature can only be checked with the file itself",
        "give the file instead of its digest; Ed25519 signs bytes, not digests";
    BindAnnotation "V-BIND-11" "the signature lacks an annotation that is asked for, or has another value in it",
        "sign again with `cosign sign -a NAME=VALUE`, or ask for another signature of this image";

    SigInvalid "V-SIG-01" "the signature does not verify",
        "either the content was changed or another key signed it: check that the right key or identity is asked for";
    SigKeyUnusable "V-SIG-02" "the signer's public key cannot be used",
        "use one PEM `PUBLIC KEY` of ECDSA P-256 or P-384, Ed25519, or RSA with 2048 to 8192 bits";
    SigNeedsKey "V-SIG-03" "it was signed with a key, but the signer is an identity",
        "give the public key (`--key`, or `public-key` in the policy)";
    SigNeedsIdentity "V-SIG-04" "it was signed with a certificate, but the signer is a key",
        "give the identity and its issuer instead of a key";
    SigAlgorithm "V-SIG-05" "the message names a hash that does not go with the key",
        "sign again; the algorithm follows from the key and is never taken from the message";

    TimeNone "V-TIME-01" "no verified time",
        "sign with a transparency log or a time stamp authority that the trust root knows";
    TimeStamp "V-TIME-02" "a time stamp does not verify",
        "check that the trust root has the time stamp authority that was used";
    TimeOutside "V-TIME-03" "a verified time is outside the validity of the certificate, the authority or the log",
        "sign again; if the authority was rotated, take a newer trust root";
    TimeFuture "V-TIME-04" "a verified time lies in the future",
        "check this machine's clock";
    TimeTooOld "V-TIME-05" "the signature is older than is allowed, or its age is not proved",
        "sign the image again, with a log or a time stamp";
    TimeWindow "V-TIME-06" "it was signed outside of the time in which the signer counts, or when it was signed is not proved",
        "sign the image again with a key that is valid; a signer with `not-before` or a past `revoked-at` needs a log entry or time stamp and a trust root to check it";
    TimeBeforeStart "V-TIME-07" "it was signed before the moment from which signatures count, or when it was signed is not proved",
        "sign the image again, with a log or a time stamp";

    CertMalformed "V-CERT-01" "the certificate is malformed",
        "sign again";
    CertChain "V-CERT-02" "the certificate does not lead to an authority of the trust root",
        "check that the trust root is the one of the instance that issued the certificate";
    CertUsage "V-CERT-03" "the certificate is not one for signing code",
        "the leaf needs digitalSignature and codeSigning and must not be an authority";
    CertName "V-CERT-04" "the certificate does not name exactly one subject of one kind",
        "sign with a certificate that has one subject alternative name, a URI or an email address";
    CertSct "V-CERT-05" "the certificate has no valid proof of its own logging (SCT)",
        "check that the trust root has the certificate log of the instance that issued the certificate";

    LogNone "V-LOG-01" "there is no transparency log entry, and one is required",
        "sign without `--tlog-upload=false`, or drop `--require-log`";
    LogForeign "V-LOG-02" "the log entry belongs to another signature",
        "the bundle was put together from parts; sign again";
    LogProof "V-LOG-03" "the proof that the entry is in the log is missing or wrong",
        "sign again; the bundle must carry the proof";
    LogCheckpoint "V-LOG-04" "the log's checkpoint is missing, malformed or not signed by that log",
        "check that the trust root has the log that was used";
    LogPromise "V-LOG-05" "the log's promise (SET) is missing or does not verify",
        "check that the trust root has the log that was used, and that its key was valid then";
    LogUnknown "V-LOG-06" "the entry is of a log that the trust root does not know",
        "take a trust root that has this log";
    LogTwice "V-LOG-07" "one log entry is there twice",
        "sign again";
    LogTime "V-LOG-08" "the entry carries a time that nobody vouches for",
        "sign again; entries of Rekor v2 have no time of their own";
    LogBody "V-LOG-09" "the log entry's body is malformed",
        "sign again";

    IdIssuer "V-ID-01" "another issuer vouches for the signer",
        "if this issuer is right, name it (`--certificate-oidc-issuer`, or `issuer` in the policy)";
    IdSubject "V-ID-02" "another identity signed",
        "if this identity is right, name it (`--certificate-identity`, or `subject` in the policy); a pattern or regular expression must match the whole of it";
    IdClaim "V-ID-03" "a claim of the certificate is missing or another one than is asked for",
        "check how and where the image was built; change the policy only if the claim is right";
    IdClaimName "V-ID-04" "the policy asks for a claim that is not known",
        "use a name of the table in the manual, such as `source-repository`, `source-ref`, `build-config` or `runner`";
    IdTwoIssuers "V-ID-06" "the certificate names no issuer, or two different ones",
        "sign again with a certificate of a Fulcio that writes one issuer";

    RootMissing "V-ROOT-01" "there is no trust root to check with",
        "name a trust root of kind `file` in the policy (`path` and `sha256`), or `--trusted-root FILE` beside a signer on the command line; the public one is fetched when it is needed and kept for its `max-age`: let this machine reach its mirror once, or take a longer `max-age`";
    RootMalformed "V-ROOT-02" "the trust root cannot be used",
        "take a fresh `trusted_root.json`";
    RootDigest "V-ROOT-03" "the trust root is not the one that was pinned",
        "check who changed the file; pin the new digest only if the change is right";

    QuorumUnmet "V-QUORUM-01" "not enough of the required signers have signed",
        "have the missing signers sign this digest";
    QuorumEmpty "V-QUORUM-02" "nobody is named who may sign",
        "name a signer (`--key`, `--certificate-identity`, or `signed-by` in the policy)";
    QuorumDigest "V-QUORUM-03" "the digest is not one of those that may run",
        "use a listed digest, or add this one to the image rule";
    QuorumRequired "V-QUORUM-04" "a signer who must sign has not",
        "have this signer sign this digest; no other signer counts in its place";
    ProvenanceMissing "V-PROV-01" "the required attestation is missing",
        "attach it with `cosign attest --type …`, signed by a signer that the rule names";
    ProvenanceSays "V-PROV-02" "the attestation does not say what is asked for",
        "look at how the image was built; change the rule only if what the attestation says is right";

    DenyImage "V-DENY-01" "the image is on the deny list",
        "use another image; the entry's reason says why this one is denied";
    DenySignature "V-DENY-02" "the signature's key, identity, certificate or log entry is on the deny list",
        "have the image signed again by a signer that is not denied; the entry's reason says why this one is";

    CoreBroke "V-CORE-01" "the check broke off inside the verifier",
        "this is a fault of the verifier; the signature does not count. Please report it with the bundle";
}

impl Code {
    /// The code as text, e.g. `V-TIME-01`.
    pub const fn as_str(self) -> &'static str {
        self.explanation().code
    }

    /// The step that it belongs to: the middle of the code, e.g. `TIME`.
    pub fn step(self) -> &'static str {
        self.as_str().split('-').nth(1).unwrap_or_default()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The explanation of a code as a user types it, in upper or lower case.
pub fn explain(code: &str) -> Option<Explanation> {
    let wanted = code.trim().to_ascii_uppercase();
    Code::ALL.iter().map(|code| code.explanation()).find(|it| it.code == wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_follow_one_form() {
        let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(all.len(), Code::ALL.len());
        for code in Code::ALL {
            let parts: Vec<_> = code.as_str().split('-').collect();
            assert!(
                matches!(parts.as_slice(), ["V", step, number]
                if step.bytes().all(|b| b.is_ascii_uppercase()) && number.len() == 2),
                "{code}"
            );
            let text = code.explanation();
            assert!(!text.title.ends_with('.') && !text.remedy.ends_with('.'), "{code}");
        }
    }

    #[test]
    fn a_code_is_explained_however_it_is_typed() {
        assert_eq!(explain(" v-time-01 ").map(|it| it.title), Some("no verified time"));
        assert_eq!(explain("V-TIME-99"), None);
        assert_eq!(Code::LogTwice.step(), "LOG");
    }
}
