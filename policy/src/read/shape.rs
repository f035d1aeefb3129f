//! The one table of keys: what a policy may contain. The reader refuses by it, the JSON Schema and the canonical
//! form are made from it, so none of them can know a key that another does not.

/// A table of a policy.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What the table is called in messages.
    pub(crate) called: &'static str,
    /// Its keys, in canonical order.
    pub(crate) keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// What it means, for the schema.
    pub(crate) about: &'static str,
}

/// What a key holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text of a grammar.
    Text(Grammar),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from 1.
    Whole,
    /// A whole number from 0.
    Count,
    /// A decimal number above 0.
    Decimal,
    /// A calendar date.
    Date,
    /// A calendar date, or a time with its offset.
    Moment,
    /// A list of such items.
    List(&'static Kind),
    /// A table with known keys.
    Table(&'static Shape),
    /// Tables by names that the author chooses.
    Named(Grammar, &'static Kind),
}

/// The grammar of some text; the patterns are for the JSON Schema, the reader's own parsers are stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    Free,
    Schema,
    Name,
    ServicePattern,
    Duration,
    Size,
    Sha256,
    Serial,
    Pointer,
    Repository,
    Egress,
    Path,
    Env,
    LinuxCap,
    Publish,
}

impl Grammar {
    /// A regular expression (ECMA-262) for the schema; nothing where any text will do.
    pub(crate) const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Free => None,
            Self::Schema => Some("^perry-sandbox/policy/v1$"),
            Self::Name => Some("^[a-z0-9][a-z0-9._-]{0,63}$"),
            Self::ServicePattern => Some("^[a-z0-9][a-z0-9._-]*/(\\*|[a-z0-9][a-z0-9._-]*)$"),
            Self::Duration => Some("^[0-9]+(ms|s|m|h|d)$"),
            Self::Size => Some("^[0-9]+(B|KiB|MiB|GiB|TiB)$"),
            Self::Sha256 => Some("^[0-9a-f]{64}$"),
            Self::Serial => Some("^(0x)?[0-9A-Fa-f:]+$"),
            Self::Pointer => Some("^(/|$)"),
            Self::Repository => Some("^[^@]+$"),
            Self::Egress => Some("^[^A-Z/]+:(\\*|[1-9][0-9]*)$"),
            Self::Path => Some("^/"),
            Self::Env => Some("^[A-Za-z_][A-Za-z0-9_]*\\*?$"),
            Self::LinuxCap => Some("^[A-Z_]+$"),
            Self::Publish => Some("[0-9]+$"),
        }
    }
}

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: false, about }
}

const fn required(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, required: true, about }
}

use Kind::{Count, Date, Decimal, List, Moment, Named, Table, Text, Whole, Word};

/// Names of isolation levels.
pub(crate) const LEVELS: &[&str] = &["oci", "gvisor", "microvm", "wasm"];
/// Kinds of entries that a file may leave open.
pub(crate) const KINDS: &[&str] =
    &["trust-root", "signer", "image", "tier", "capability", "service", "ad-hoc", "exception"];
const NAMES: Kind = List(&Text(Grammar::Name));

/// The whole file.
pub(crate) static POLICY: Shape = Shape {
    called: "a policy",
    keys: &[
        required("schema", Text(Grammar::Schema), "The format; always `perry-sandbox/policy/v1`."),
        key("name", Text(Grammar::Name), "What the policy is called in verdicts."),
        key("description", Text(Grammar::Free), "For people."),
        key(
            "open",
            List(&Word(KINDS)),
            "Kinds of entries that another file may add to; others it can only take away.",
        ),
        key("trust-root", Named(Grammar::Name, &Table(&TRUST_ROOT)), "Where trust hangs from."),
        key(
            "seccomp",
            Named(Grammar::Name, &Table(&PROFILE)),
            "Seccomp profiles that tiers of this file may name, beside the built-in ones.",
        ),
        key(
            "signer",
            Named(Grammar::Name, &Table(&SIGNER)),
            "Who may sign: a key, or an issuer and a subject.",
        ),
        key("image", Named(Grammar::Name, &Table(&IMAGE)), "Which images, and whose signature each needs."),
        key(
            "tier",
            Named(Grammar::Name, &Table(&TIER)),
            "Ceilings; a tier can only take away from what it extends.",
        ),
        key(
            "capability",
            Named(Grammar::Name, &Table(&CAPABILITY)),
            "What may be run, and the least it needs.",
        ),
        key(
            "service",
            Named(Grammar::ServicePattern, &Table(&SERVICE)),
            "Compose services and workload nodes, as `project/name`; the last part may be `*`.",
        ),
        key("ad-hoc", Table(&AD_HOC), "Images that may be run without a capability."),
        key(
            "exception",
            List(&Table(&EXCEPTION)),
            "Named, owned, expiring ways out; each shows up in every report.",
        ),
        key(
            "deny",
            List(&Table(&DENY)),
            "What counts no more, whoever signed it; of several files, what any of them denies.",
        ),
        key("audit", Table(&AUDIT), "What is written down about every decision."),
    ],
};

static DENY: Shape = Shape {
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

static TRUST_ROOT: Shape = Shape {
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

static PROFILE: Shape = Shape {
    called: "a seccomp profile",
    keys: &[
        required("path", Text(Grammar::Free), "The profile, beside the policy; it is named as the table is."),
        required("sha256", Text(Grammar::Sha256), "The file's digest."),
    ],
};

static SIGNER: Shape = Shape {
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

static IMAGE: Shape = Shape {
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

/// A ceiling.
pub(crate) static TIER: Shape = Shape {
    called: "a tier",
    keys: &[
        key("extends", NAMES, "Tiers of this file, or built-in ones; the meet of all."),
        key("isolation", Table(&ISOLATION), "Which walls are accepted and preferred."),
        key("rootfs", Word(&["read-only", "ephemeral"]), "How the root file system is mounted."),
        key("user", Word(&["non-root", "any"]), "Whether the program may be root inside."),
        key("seccomp", Text(Grammar::Name), "The seccomp profile: a built-in one, or one of `[seccomp]`."),
        key("linux-caps", List(&Text(Grammar::LinuxCap)), "Linux caps that may be granted."),
        key("egress", List(&Text(Grammar::Egress)), "Hosts and ports that may be granted."),
        key("mounts", Table(&MOUNTS), "Host folders that may be granted."),
        key("env", List(&Text(Grammar::Env)), "Variables that may be granted."),
        key("secrets", NAMES, "Secrets that may be granted."),
        key("devices", List(&Text(Grammar::Path)), "Devices that may be granted."),
        key("memory-enforcement", Word(&["exact", "watched"]), "How the memory limit must be held at least."),
        key("limits", Table(&LIMITS), "The greatest limits."),
    ],
};

static ISOLATION: Shape = Shape {
    called: "isolation",
    keys: &[
        key("accept", List(&Word(LEVELS)), "Every level that may be used."),
        key("prefer", List(&Word(LEVELS)), "The order in which they are tried."),
    ],
};

static MOUNTS: Shape = Shape {
    called: "mounts",
    keys: &[
        key("read", List(&Text(Grammar::Path)), "Folders to read."),
        key("write", List(&Text(Grammar::Path)), "Folders to write, which includes reading."),
        key("exec", List(&Text(Grammar::Path)), "Folders with programs to execute, never to write."),
    ],
};

static LIMITS: Shape = Shape {
    called: "limits",
    keys: &[
        key("memory", Text(Grammar::Size), "Memory of the whole sandbox."),
        key("cpu", Decimal, "Cores."),
        key("pids", Whole, "Processes and threads."),
        key("wall", Text(Grammar::Duration), "From start to kill."),
        key("output", Text(Grammar::Size), "Standard output and error together."),
        key("disk", Text(Grammar::Size), "Writable bytes."),
        key("open-files", Whole, "Open files per process."),
    ],
};

static CAPABILITY: Shape = Shape {
    called: "a capability",
    keys: &[
        required("tier", Text(Grammar::Name), "Its ceiling."),
        required("image", Text(Grammar::Name), "The image rule."),
        required("command", List(&Text(Grammar::Free)), "Program and fixed arguments."),
        key("args", Table(&ARGS), "Arguments that a caller may add; without it none."),
        key("warm", Whole, "How many sandboxes of it a program that uses the library keeps ready."),
        key("grants", Table(&GRANTS), "What it may touch."),
        key("limits", Table(&LIMITS), "Limits below the tier's."),
    ],
};

static ARGS: Shape = Shape {
    called: "args",
    keys: &[
        required("max", Whole, "The greatest number of arguments."),
        required("each-max", Whole, "The greatest length of each, in bytes."),
    ],
};

static GRANTS: Shape = Shape {
    called: "grants",
    keys: &[
        key("egress", List(&Text(Grammar::Egress)), "Hosts and ports."),
        key("mounts", Table(&MOUNTS), "Host folders."),
        key("env", List(&Text(Grammar::Env)), "Variables of the caller that are passed on."),
        key("secrets", List(&Table(&SECRET)), "Secrets."),
        key("devices", List(&Text(Grammar::Path)), "Devices."),
        key("linux-caps", List(&Text(Grammar::LinuxCap)), "Linux caps."),
        key("networks", List(&Text(Grammar::Free)), "Networks of the project; services only."),
        key("publish", List(&Text(Grammar::Publish)), "Addresses to publish on; services only."),
        key("volumes", List(&Text(Grammar::Free)), "Named volumes of the project; services only."),
    ],
};

static SECRET: Shape = Shape {
    called: "a secret",
    keys: &[
        required("name", Text(Grammar::Name), "Its name."),
        required("as", Word(&["file"]), "How it is given: always as a file under `/run/secrets`."),
    ],
};

static SERVICE: Shape = Shape {
    called: "a service",
    keys: &[
        required("tier", Text(Grammar::Name), "Its ceiling."),
        required("image", NAMES, "Image rules that may be used."),
        key("grants", Table(&GRANTS), "What it may touch."),
        key("limits", Table(&LIMITS), "Limits below the tier's."),
    ],
};

static AD_HOC: Shape = Shape {
    called: "ad-hoc runs",
    keys: &[
        required("tier", Text(Grammar::Name), "The widest tier of an ad-hoc run."),
        required("image", NAMES, "Image rules that may be used."),
    ],
};

static EXCEPTION: Shape = Shape {
    called: "an exception",
    keys: &[
        required("id", Text(Grammar::Name), "Its name in reports."),
        required("allows", Table(&ALLOWS), "What it allows."),
        required("host", Text(Grammar::Free), "The one host that it is for."),
        required("reason", Text(Grammar::Free), "Why."),
        required("owner", Text(Grammar::Free), "Whom to ask."),
        required("until", Date, "The last day on which it holds, in UTC."),
    ],
};

static ALLOWS: Shape = Shape {
    called: "what an exception allows",
    keys: &[
        required("tier", Text(Grammar::Name), "The tier."),
        required("isolation", List(&Word(LEVELS)), "Levels that this tier accepts besides its own."),
    ],
};

static AUDIT: Shape = Shape {
    called: "audit",
    keys: &[
        key("log", Word(&["chained", "off"]), "`chained`: hash-chained JSON lines, and no run without them."),
        key(
            "include",
            List(&Word(&["decision", "explain", "resource-use", "arguments"])),
            "What each line holds.",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_are_those_of_the_type() {
        let names: Vec<_> =
            crate::isolation::IsolationLevel::ALL.iter().map(|level| level.as_str()).collect();
        assert_eq!(names, LEVELS);
    }
}
