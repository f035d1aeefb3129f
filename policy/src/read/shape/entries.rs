//! What may run, and within which ceiling: tiers, capabilities, services, ad-hoc runs.

use super::table::Kind::{Decimal, List, Table, Text, Whole, Word};
use super::table::{Grammar, NAMES, Shape, key, required};

/// Names of isolation levels.
pub(super) const LEVELS: &[&str] = &["oci", "gvisor", "microvm", "wasm"];

/// A ceiling.
pub(super) static TIER: Shape = Shape {
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

pub(super) static CAPABILITY: Shape = Shape {
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
        key(
            "networks",
            List(&Text(Grammar::Free)),
            "Networks of the project, `KEY=NAME` for one that is called otherwise outside of it, `external:NAME` for one of another project, and `service:NAME` for all that another service has of them; services only.",
        ),
        key(
            "publish",
            List(&Text(Grammar::Publish)),
            "Addresses to publish on, with a port, a range of ports or `free`; services only.",
        ),
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

pub(super) static SERVICE: Shape = Shape {
    called: "a service",
    keys: &[
        required("tier", Text(Grammar::Name), "Its ceiling."),
        required("image", NAMES, "Image rules that may be used."),
        key("grants", Table(&GRANTS), "What it may touch."),
        key("limits", Table(&LIMITS), "Limits below the tier's."),
        key("build", Table(&BUILD), "What may be built for it on this machine; without it nothing."),
    ],
};

static BUILD: Shape = Shape {
    called: "a build",
    keys: &[
        required("context", Text(Grammar::Path), "The folder that a build reads, with all below it."),
        required("repository", Text(Grammar::Repository), "The repository that the result is signed as."),
        required("signer", Text(Grammar::Name), "Whose key signs: one of this machine."),
        key(
            "network",
            Word(&["none", "builder"]),
            "`builder`: its steps reach what the builder lets them, and images that nobody verifies are pulled.",
        ),
    ],
};

pub(super) static AD_HOC: Shape = Shape {
    called: "ad-hoc runs",
    keys: &[
        required("tier", Text(Grammar::Name), "The widest tier of an ad-hoc run."),
        required("image", NAMES, "Image rules that may be used."),
    ],
};

pub(super) static PROFILE: Shape = Shape {
    called: "a seccomp profile",
    keys: &[
        required("path", Text(Grammar::Free), "The profile, beside the policy; it is named as the table is."),
        required("sha256", Text(Grammar::Sha256), "The file's digest."),
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
