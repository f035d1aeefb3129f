//! A project and policies for it.

use perry_sandbox_testkit::example::BARE_POLICY;
use perry_sandbox_testkit::{As, Home, Ran, compose_program};

/// Two services of the example image; one publishes a port, the other has a volume.
pub(crate) const SHOP: &str = "\
name: shop
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, httpd, -f]
    environment: {MODE: quick}
    ports: ['8080:80']
    depends_on: {db: {condition: service_healthy}}
  db:
    image: oci:examples/hello/image
    volumes: ['data:/data']
    healthcheck: {test: [CMD, /bin/busybox, 'true'], interval: 5s}
    mem_limit: 64m
volumes: {data: }
";

/// One service that needs nothing that this machine could lack.
pub(crate) const ALONE: &str = "\
name: alone
services:
  job:
    image: oci:examples/hello/image
    command: [/bin/busybox, id]
    environment: {MODE: quick}
    network_mode: none
    user: '1000:1000'
    working_dir: /usr
";

/// A home with this project and the bare policy.
pub(crate) fn home(project: &str) -> Home {
    let home = Home::new(As::Ordinary);
    home.give("compose.yaml", project.as_bytes());
    home.give("bare.toml", BARE_POLICY.as_bytes());
    home
}

/// Runs `perry-compose`.
pub(crate) fn compose(home: &Home, args: &[&str]) -> Ran {
    let mut command = home.other_command(&compose_program());
    Ran::from(command.args(args).stdin(std::process::Stdio::null()).output().expect("the program starts"))
}

/// Writes the policy with what is suggested.
pub(crate) fn extend_policy(home: &Home) {
    let suggested = compose(home, &["plan", "--policy", "bare.toml", "--suggest-policy"]);
    assert!(suggested.code == 3 && suggested.stderr.is_empty(), "{suggested:?}");
    home.give("good.toml", format!("{BARE_POLICY}\n{}", suggested.stdout).as_bytes());
}
