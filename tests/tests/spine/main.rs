//! The spine, end to end: the real program, a really signed image, the real kernel.

mod archive;
mod audit;
mod bad_input;
mod bad_layout;
mod cosign;
mod detached;
mod doctor;
mod egress;
mod gates;
mod grants;
mod hostile_config;
mod inside;
mod json_schema;
mod leftovers;
mod process;
mod profiles;
mod readme;
mod recording;
mod registry;
mod runtimes;
mod secrets;
mod surface;
mod trials;
mod trust_folder;

use perry_sandbox_testkit::{As, Home, Ran};

/// The example image, as the README names it.
const IMAGE: &str = "oci:examples/hello/image";
/// The key that signed it.
const KEY: &str = "examples/hello/cosign.pub";
/// The policy of the example.
const POLICY: &str = "examples/hello/policy.toml";

/// A policy for the example image, with one tier: what else the tier says, and what follows.
fn roomy(wall: &str, tier: &str, rest: &str) -> String {
    format!(
        r#"schema = "perry-sandbox/policy/v1"
name = "roomy"

[signer.example]
public-key = "examples/hello/cosign.pub"

[image.hello]
repository = "registry.example/perry-sandbox/hello"
signed-by = {{ at-least = 1, of = ["example"] }}

[tier.roomy]
memory-enforcement = "watched"
limits = {{ memory = "64MiB", cpu = 1, pids = 64, wall = "{wall}", output = "1MiB", disk = "8MiB", open-files = 256 }}
isolation = {{ accept = ["oci"] }}
{tier}

{rest}

[ad-hoc]
tier = "roomy"
image = ["hello"]
"#
    )
}

/// Runs a command of the example image, in a home of its own, by its key alone.
fn run(user: As, command: &[&str]) -> Ran {
    run_in(&Home::new(user), &[], command)
}

/// Runs a command of the example image with further flags.
fn run_in(home: &Home, flags: &[&str], command: &[&str]) -> Ran {
    home.run(&[&["run", "--key", KEY], flags, &[IMAGE, "--"], command].concat())
}

/// Both kinds of user, where the tests run as root; else the one that runs them.
fn users() -> Vec<As> {
    if perry_sandbox_testkit::is_root() { vec![As::Me, As::Ordinary] } else { vec![As::Ordinary] }
}
