//! Whose images may run: trust roots, signers, image rules, the deny list.

use super::table::Kind::{Count, List, Moment, Named, Table, Text, Whole, Word};
use super::table::{Grammar, Key, NAMES, Shape, key, required};

pub(super) static DENY: Shape = Shape {
    called: "a denial",
    keys: &[
        key("digest", Text(Grammar::Free), "An image: an index, a manifest, or a config."),
        key("key", Text(Grammar::Free), "A key, by the SHA-256 digest of its DER form."),
        key("identity", Table(&IDENTITY), "A certificate's subject."),
        key("serial", Text(Grammar::Serial), "A certificate's serial number, in hex."),
        key("log-entry", Table(&LOG_ENTRY), "An entry of a transparency log."),
        required("reason", Text(Grammar::Free), "Why."),
    ],
};

static IDENTITY: Shape = Shape {
    called: "an identity",
    keys: &[
        key("issuer", Text(Grammar::Free), "The OIDC issuer, exact; without it every issuer."),
        key("subject", Text(Grammar::Free), "The subject, anchored at both ends; `*` stops at `/`."),
        key("subject-regexp", Text(Grammar::Free), "Instead of it: a regular expression for all of it."),
    ],
};

static LOG_ENTRY: Shape = Shape {
    called: "a log entry",
    keys: &[
        key("log", Text(Grammar::Sha256), "The log's key id in hex; without it every log."),
        required("index", Count, "The entry's index."),
    ],
};

pub(super) static TRUST_ROOT: Shape = Shape {
    called: "a trust root",
    keys: &[
        required(
            "kind",
            Word(&["sigstore-public", "file", "folder"]),
            "The public-good instance, a pinned file, or a pinned folder of such files.",
        ),
        key("max-age", Text(Grammar::Duration), "The greatest age of the public instance's trust material."),
        key("path", Text(Grammar::Free), "The trusted-root document, or the folder, beside the policy."),
        key("sha256", Text(Grammar::Sha256), "The document's digest, or that of the folder's list."),
    ],
};

pub(super) static SIGNER: Shape = Shape {
    called: "a signer",
    keys: &[
        key("root", Text(Grammar::Name), "The trust root that vouches for it."),
        key("issuer", Text(Grammar::Free), "The OIDC issuer, exact."),
        key("issuer-regexp", Text(Grammar::Free), "Instead of it: a regular expression for all of it."),
        key(
            "subject",
            Text(Grammar::Free),
            "The certificate's subject, anchored at both ends; `*` stops at `/`.",
        ),
        key("subject-regexp", Text(Grammar::Free), "Instead of it: a regular expression for all of it."),
        key("claims", Table(&CLAIM), "Further claims of the certificate, each exact."),
        key("public-key", Text(Grammar::Free), "A public key in PEM, beside the policy."),
        key("not-before", Moment, "Nothing signed before counts; needs a verified time."),
        key("not-after", Moment, "Nothing signed after counts."),
        key("revoked-at", Moment, "Nothing signed then or later counts."),
    ],
};

/// The names are those of the verifier's table of certificate extensions.
static CLAIM: Shape = Shape {
    called: "claims",
    keys: &[
        key("build-config", Text(Grammar::Free), "URI of the top-level build definition."),
        key("build-config-digest", Text(Grammar::Free), "Its digest."),
        key("build-signer", Text(Grammar::Free), "URI of the definition that asked for the signature."),
        key("build-signer-digest", Text(Grammar::Free), "Its digest."),
        key("build-trigger", Text(Grammar::Free), "The event that started the build."),
        key("deployment-environment", Text(Grammar::Free), "The deployment environment."),
        key("github-ref", Text(Grammar::Free), "The ref, of the older extension 6."),
        key("github-repository", Text(Grammar::Free), "`owner/name`, of the older extension 5."),
        key("github-sha", Text(Grammar::Free), "The commit, of the older extension 3."),
        key("github-trigger", Text(Grammar::Free), "The event, of the older extension 2."),
        key("github-workflow-name", Text(Grammar::Free), "The workflow's name, of the older extension 4."),
        key("run", Text(Grammar::Free), "URI of the run."),
        key("runner", Text(Grammar::Free), "`github-hosted` or `self-hosted`."),
        key("source-digest", Text(Grammar::Free), "The source's commit."),
        key("source-owner", Text(Grammar::Free), "URI of the owner of the source repository."),
        key("source-owner-id", Text(Grammar::Free), "The owner's unchanging id."),
        key("source-ref", Text(Grammar::Free), "The source's branch or tag."),
        key("source-repository", Text(Grammar::Free), "URI of the source repository."),
        key("source-repository-id", Text(Grammar::Free), "The repository's unchanging id."),
        key("token-subject", Text(Grammar::Free), "The subject of the token that the issuer gave."),
        key("visibility", Text(Grammar::Free), "Whether the source was public when it was signed."),
    ],
};

pub(super) static IMAGE: Shape = Shape {
    called: "an image rule",
    keys: &[
        required(
            "repository",
            Text(Grammar::Repository),
            "A registry and path; what lies below it by whole components matches too.",
        ),
        Key { required: true, ..SIGNED_BY },
        DIGESTS,
        PROVENANCE_RULE,
        MAX_AGE,
        LOG,
        SIGNED_AFTER,
        ANNOTATIONS,
        SIGNED_AS,
        key(
            "mirror-of",
            Text(Grammar::Repository),
            "The repository that the rule's own one mirrors: signatures name that one.",
        ),
        key(
            "verify-timeout",
            Text(Grammar::Duration),
            "How long a verification may take, from the image's name to the verdict: 10s if left out, at most 60s.",
        ),
        key("trial", Table(&TRIAL), "What else would be asked: checked too, told, and decides nothing."),
    ],
};

/// What is left out is as in the rule itself.
static TRIAL: Shape = Shape {
    called: "a trial",
    keys: &[SIGNED_BY, DIGESTS, PROVENANCE_RULE, MAX_AGE, LOG, SIGNED_AFTER, ANNOTATIONS, SIGNED_AS],
};

const SIGNED_BY: Key = key("signed-by", Table(&QUORUM), "How many of which signers.");
const DIGESTS: Key = key("digests", List(&Text(Grammar::Free)), "Only these digests may run.");
const PROVENANCE_RULE: Key =
    key("provenance", Table(&PROVENANCE), "An attestation that must be there as well.");
const MAX_AGE: Key =
    key("max-age", Text(Grammar::Duration), "The oldest signature that counts, by its logged time.");
const LOG: Key =
    key("log", Word(&["optional", "required"]), "Whether a key's signature needs a transparency log entry.");
const SIGNED_AFTER: Key = key("signed-after", Moment, "Nothing signed before counts; needs a verified time.");
const ANNOTATIONS: Key = key(
    "annotations",
    Named(Grammar::Free, &Text(Grammar::Free)),
    "Annotations that a signature itself must carry, each exact.",
);
const SIGNED_AS: Key = key(
    "signed-as",
    Word(&["exact", "prefix", "ignore"]),
    "Which repository a signature must name: the image's own, the rule's or one below it, or any.",
);

static QUORUM: Shape = Shape {
    called: "a quorum",
    keys: &[
        key("all", NAMES, "Signers who must all have signed."),
        key("at-least", Whole, "How many different signers of `of`, beside those of `all`."),
        key("of", NAMES, "Further signers, none of whom is in `all`."),
    ],
};

static PROVENANCE: Shape = Shape {
    called: "a provenance rule",
    keys: &[
        required("predicate", Text(Grammar::Free), "The in-toto predicate type, exact."),
        required("by", NAMES, "Signers, any one of them."),
        key("builder", Text(Grammar::Free), "The builder's id, of SLSA provenance; `*` stops at `/`."),
        key("source", Text(Grammar::Free), "The source repository, of SLSA provenance, exact."),
        key("ref", Text(Grammar::Free), "The source's ref, of SLSA provenance; `*` stops at `/`."),
        key("build-type", Text(Grammar::Free), "The build type, of SLSA provenance, exact."),
        key("conditions", List(&Table(&CONDITION)), "Further conditions on the predicate; all must hold."),
    ],
};

static CONDITION: Shape = Shape {
    called: "a condition",
    keys: &[
        required("at", Text(Grammar::Pointer), "A JSON pointer into the predicate."),
        required("one-of", List(&Text(Grammar::Free)), "The values that it may have; all of them text."),
    ],
};
