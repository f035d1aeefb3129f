//! The file as a whole, and what concerns all of it.

use super::entries::{AD_HOC, CAPABILITY, LEVELS, PROFILE, SERVICE, TIER};
use super::table::Kind::{Date, List, Named, Table, Text, Word};
use super::table::{Grammar, Shape, key, required};
use super::trust::{DENY, IMAGE, SIGNER, TRUST_ROOT};

/// Kinds of entries that a file may leave open.
pub(crate) const KINDS: &[&str] =
    &["trust-root", "signer", "image", "tier", "capability", "service", "ad-hoc", "exception"];

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
