//! The same questions, asked inside a sandbox of every backend: a table of controls that lies fails here.
//!
//! Nothing of the machine's own engines is touched: podman has a store and docker a daemon of this process alone.

mod bad_input;
mod checks;
mod dry_run;
mod engines;
mod environment;
mod example;
mod fakes;
mod inside;
mod joined;
mod life;
mod program;
mod project;
mod publish;
mod refusals;
mod screen;
mod secrets;
mod stack;
mod stock;
mod wall;

/// The example image, as the README names it.
const IMAGE: &str = "oci:examples/hello/image";
/// The key that signed it.
const KEY: &str = "examples/hello/cosign.pub";

/// A policy for the example image, with one tier: what else the tier says, and what follows.
fn policy(tier: &str, rest: &str) -> String {
    format!(
        r#"schema = "perry-sandbox/policy/v1"
name = "conformance"

[signer.example]
public-key = "examples/hello/cosign.pub"

[image.hello]
repository = "registry.example/perry-sandbox/hello"
signed-by = {{ at-least = 1, of = ["example"] }}

[tier.asked]
memory-enforcement = "watched"
limits = {{ memory = "64MiB", cpu = 1, pids = 64, wall = "5m", output = "1MiB", disk = "8MiB", open-files = 256 }}
isolation = {{ accept = ["oci", "gvisor"] }}
{tier}

{rest}

[ad-hoc]
tier = "asked"
image = ["hello"]
"#
    )
}
