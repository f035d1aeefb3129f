//! The example of a forge as a Perry program, as it is but for its ports: brought up, asked, and ended by a signal.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use perry_sandbox_testkit::made::{content, sign, write};
use perry_sandbox_testkit::sigstore::Key;
use perry_sandbox_testkit::tarball::Tarball;
use perry_sandbox_testkit::{As, Home, crate_root};
use serde_json::{Value, json};

use crate::compilers::told;
use crate::programs::{process_with, reliable};
use crate::project::{Kind, compile, scratch};

/// Where the example says that it is published.
const PORTS: [&str; 2] = ["127.0.0.1:3000", "127.0.0.1:2222"];

/// What stands for Forgejo: says at its front page what the database has answered. `MARK` tells it from others.
const FORGE: &str = r#"#!/bin/busybox sh
for secret in db-password secret-key internal-token; do
  [ "$(/bin/busybox cat "/run/secrets/$secret")" = "hush" ] || exit 1
done
/bin/busybox touch /etc/gitea/app.ini /var/lib/gitea/kept || exit 1
/bin/busybox mkdir -p /tmp/MARK/api && echo ok >/tmp/MARK/api/healthz
/bin/busybox nc "${FORGEJO__database__HOST%:*}" "${FORGEJO__database__HOST#*:}" </dev/null >/tmp/MARK/index.html
exec /bin/busybox httpd -f -p 3000 -h /tmp/MARK
"#;

/// What stands for PostgreSQL.
const POSTGRES: &str = r#"#!/bin/busybox sh
[ "$1 $(/bin/busybox cat "$POSTGRES_PASSWORD_FILE")" = "postgres hush" ] || exit 1
/bin/busybox mkdir -p "$PGDATA" && echo "rows of $POSTGRES_DB" >"$PGDATA/answer" || exit 1
exec /bin/busybox nc -ll -p 5432 -e /bin/busybox cat "$PGDATA/answer"
"#;

const IS_READY: &str = "#!/bin/busybox sh\nexec /bin/busybox test -s \"$PGDATA/answer\"\n";

/// A signed image of the example's mirror, by digest.
fn image(home: &Home, name: &str, key: &Key, top: Tarball, run: &Value) -> String {
    let (mut content, digest) = content(home, top, run);
    sign(&mut content, &format!("registry.example/mirror/{name}"), &digest, key);
    content.write_layout(&home.path().join(name));
    format!("oci:{name}@{digest}")
}

/// Both images, by the variables that the example wants.
fn images(home: &Home, key: &Key, mark: &str) -> [(&'static str, String); 2] {
    let forge = FORGE.replace("MARK", mark);
    let top = Tarball::new()
        .file_mode("usr/local/bin/docker-entrypoint.sh", forge.as_bytes(), 0o755)
        .symlink("bin/wget", "busybox");
    let run = json!({
        "User": "1000:1000", "Entrypoint": ["/usr/local/bin/docker-entrypoint.sh"], "Env": ["PATH=/bin"],
        "Volumes": { "/etc/gitea": {}, "/var/lib/gitea": {} },
    });
    let forgejo = image(home, "forgejo", key, top, &run);
    let top = Tarball::new().file_mode("bin/docker-entrypoint.sh", POSTGRES.as_bytes(), 0o755).file_mode(
        "bin/pg_isready",
        IS_READY.as_bytes(),
        0o755,
    );
    let run = json!({ "Entrypoint": ["docker-entrypoint.sh"], "Cmd": ["postgres"], "Env": ["PATH=/bin"] });
    let postgres = image(home, "postgres", key, top, &run);
    [("FORGEJO_IMAGE", forgejo), ("POSTGRES_IMAGE", postgres)]
}

fn example(name: &str, ports: &[String; 2]) -> String {
    let text =
        std::fs::read_to_string(crate_root().join("examples/forgejo").join(name)).expect("it is there");
    PORTS.iter().zip(ports).fold(text, |text, (its, ours)| text.replace(its, ours))
}

/// Two that nobody has, found at the same time: else both might be one.
fn free_ports() -> [String; 2] {
    let listeners = [(), ()].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it has an address").to_string())
}

fn front_page(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

#[test]
fn the_forge_of_the_example_comes_up_is_used_and_goes_with_its_program() {
    for compiler in reliable() {
        let ports = free_ports();
        let sources = scratch().join("forgejo-sources");
        std::fs::create_dir_all(&sources).expect("a folder");
        write(&sources.join("main.ts"), example("main.ts", &ports).as_bytes());
        let program = compile(&compiler, "forgejo", Kind::Plain, &sources, "main.ts");

        let home = Home::new(As::Ordinary);
        let (key, mark) = (Key::p256(), format!("forge{}", std::process::id()));
        let images = images(&home, &key, &mark);
        home.give("cosign.pub", key.pem().as_bytes());
        home.give("graph.toml", example("graph.toml", &ports).as_bytes());
        std::fs::create_dir(home.path().join("secrets")).expect("a folder");
        for secret in ["db-password", "secret-key", "internal-token"] {
            home.give(&format!("secrets/{secret}"), b"hush\n");
        }
        let run = |command: &mut Command| {
            command.envs(images.iter().map(|(name, image)| (*name, image))).stdin(Stdio::null());
        };

        let mut check = home.bounded_command(&program);
        run(check.env("ONLY_CHECK", "1"));
        let checked = check.output().expect("the program starts");
        assert_eq!(told(&checked).trim(), "db: allowed\nforgejo: allowed");

        let mut command = home.bounded_command(&program);
        run(command.stdout(Stdio::piped()));
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
        let said: Vec<String> = lines.by_ref().map_while(Result::ok).take(3).collect();
        assert!(said.len() == 3 && said[2].starts_with("Forgejo is at"), "{said:?}");
        assert_eq!(said[..2], ["db: running", "forgejo: running"]);
        // It runs, and what it starts with goes on.
        let (begun, mut page) = (Instant::now(), String::new());
        while !page.contains("rows of forgejo") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{page}");
            std::thread::sleep(Duration::from_millis(100));
            page = front_page(&ports[0]).unwrap_or_default();
        }

        // Whoever bounds its time passes signals on.
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        assert_eq!(child.wait().expect("it ends").code(), Some(143));
        assert_eq!((process_with(&mark), front_page(&ports[0])), (None, None), "nothing is left");
    }
}
