//! Programs, ports and volumes of a project with a network, of an ordinary user.

use perry_sandbox_testkit::{As, Home, Ran, skip};
use serde_json::Value;

use perry_sandbox_testkit::example::BARE_POLICY;

use crate::shop::{compose, extend_policy};

/// A name that nobody else uses.
fn project() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("shared-{}-{number}", std::process::id())
}

/// What asks there until it is answered: who has been started may not listen yet.
fn asks(host: &str) -> String {
    let once = format!("/bin/busybox nc {host} 8080 2>/dev/null && exit");
    format!("for n in $(/bin/busybox seq 200); do {once}; /bin/busybox sleep 0.1; done; exit 1")
}

/// A project that is ended with its test.
struct Shared(Home, String);

impl Shared {
    /// With these further lines of its service.
    fn new(more: &str) -> Self {
        let (home, name) = (Home::new(As::Ordinary), project());
        let text = format!(
            "\
name: {name}
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, nc, -ll, -p, '8080', -e, /bin/busybox, echo, from-web]
    volumes: ['data:/data']
{more}volumes: {{data: }}
"
        );
        home.give("compose.yaml", text.as_bytes());
        home.give("bare.toml", BARE_POLICY.as_bytes());
        extend_policy(&home);
        Self(home, name)
    }

    /// With a data folder of its own, which stands behind the command's name.
    fn run(&self, args: &[&str]) -> Ran {
        let data = self.0.data_dir();
        let mut all = vec![args[0], "--data-dir", data.to_str().expect("text")];
        all.extend_from_slice(&args[1..]);
        compose(&self.0, &all)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.run(&["down", "-v", "-t", "0"]);
    }
}

#[test]
fn a_program_that_is_run_once_reaches_its_project() {
    let shared = Shared::new("");
    let up = shared.run(&["up", "-d", "--policy", "good.toml"]);
    assert_eq!(up.code, 0, "{up:?}");
    let volumes = shared.run(&["volumes", "--format", "json", "web"]);
    let one: Value = serde_json::from_str(&volumes.stdout).expect("one object");
    assert_eq!((&one["volume"], &one["name"]), (&"data".into(), &format!("{}_data", shared.1).into()));
    let ask = asks("web");
    let args = ["run", "--policy", "good.toml", "--rm", "web", "/bin/busybox", "sh", "-c", &ask];
    let reached = shared.run(&args);
    assert_eq!((reached.code, reached.stdout.as_str()), (0, "from-web\n"), "{reached:?}");
}

#[test]
fn a_service_has_the_network_of_another() {
    let shared = Shared::new(
        "  probe:\n    image: oci:examples/hello/image\n    command: [/bin/busybox, sleep, '300']\n    network_mode: 'service:web'\n",
    );
    let up = shared.run(&["up", "-d", "--policy", "good.toml"]);
    assert_eq!(up.code, 0, "{up:?}");
    let reached = shared.run(&["exec", "-T", "probe", "/bin/busybox", "sh", "-c", &asks("127.0.0.1")]);
    assert_eq!((reached.code, reached.stdout.as_str()), (0, "from-web\n"), "{reached:?}");
    let down = ["exec", "-T", "probe", "/bin/busybox", "ifconfig", "eth0", "down"];
    let down = shared.run(&down);
    assert!(down.code != 0 && down.stderr.contains("not permitted"), "{down:?}");
}

#[test]
fn a_program_that_is_run_once_takes_no_port_of_its_service() {
    let shared = Shared::new("    ports: ['18099:8080']\n");
    let up = shared.run(&["up", "-d", "--policy", "good.toml"]);
    if up.stderr.contains("PSD260 publish") {
        return skip("no backend here publishes ports");
    }
    assert_eq!(up.code, 0, "{up:?}");
    let port = shared.run(&["port", "web", "8080"]);
    assert_eq!((port.code, port.stdout.as_str()), (0, "127.0.0.1:18099\n"), "{port:?}");
    let without = ["run", "--policy", "good.toml", "--rm", "web", "/bin/busybox", "true"];
    assert_eq!(shared.run(&without).code, 0);
    let taken = ["run", "--policy", "good.toml", "--rm", "-P", "web", "/bin/busybox", "true"];
    assert_eq!(shared.run(&taken).code, 5, "the port is the service's");
}

#[test]
fn what_a_program_needs_of_its_project_is_made_for_it() {
    let shared = Shared::new("");
    let args = ["run", "--policy", "good.toml", "--rm", "web", "/bin/busybox", "touch", "/data/x"];
    let ran = shared.run(&args);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(shared.run(&["volumes", "-q"]).stdout, format!("{}_data\n", shared.1));
}

#[test]
fn a_volume_is_made_anew_only_by_its_own_command_and_while_nobody_sees_it() {
    let shared = Shared::new("");
    assert_eq!(shared.run(&["up", "-d", "--policy", "good.toml"]).code, 0);
    let exec = |line: &str| shared.run(&["exec", "web", "/bin/busybox", "sh", "-c", line]);
    assert_eq!(exec("echo kept >/data/file").code, 0);
    let recreate = |more: &[&str]| {
        let data = shared.0.data_dir();
        let words = ["volume", "recreate", "--data-dir", data.to_str().expect("text")];
        compose(&shared.0, &[&words, more].concat())
    };
    assert_eq!(recreate(&["data"]).code, 2, "that data is lost must be said");
    let running = recreate(&["data", "--delete-data"]);
    assert!(running.code == 1 && running.stderr.contains("may use the volume"), "{running:?}");
    assert_eq!(exec("cat /data/file").stdout, "kept\n");
    assert_eq!(shared.run(&["stop", "-t", "0"]).code, 0);
    let none = recreate(&["other", "--delete-data"]);
    assert!(none.code == 1 && none.stderr.contains("has no volume `other`"), "{none:?}");
    let done = recreate(&["data", "--delete-data"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(shared.run(&["start"]).code, 0);
    assert_ne!(exec("cat /data/file").code, 0, "it is empty");
}
