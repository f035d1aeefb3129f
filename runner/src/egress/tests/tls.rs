//! Real programs on both ends: curl asks, OpenSSL answers, and the proxy between them sees what both really write.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_testkit::skip;
use tempfile::TempDir;

use super::{EgressReason, near, nearby, only, yard};

/// A server for `a.example` that tells every client about its connection.
struct Server {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// Nothing where there is no OpenSSL or curl.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = openssl(folder.path())
            .args(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out certificate"
                    .split(' '),
            )
            .args("-days 2 -subj /CN=a.example -addext subjectAltName=DNS:a.example,DNS:b.example".split(' '))
            .output();
        if !made.is_ok_and(|made| made.status.success())
            || Command::new("curl").arg("--version").output().is_err()
        {
            skip("no openssl or no curl");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = format!("s_server -quiet -www -cert certificate -key key -accept 127.0.0.1:{port}");
        let child = openssl(folder.path()).args(at.split(' ')).stdout(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20));
            thread::sleep(Duration::from_millis(10));
        }
        Some(Self { folder, port, child })
    }

    fn curl(&self, arguments: &[&str], host: &str) -> Output {
        let mut command = Command::new("curl");
        command.args(["-q", "-sS", "--noproxy", "", "--max-time", "20", "--cacert"]);
        command.arg(self.folder.path().join("certificate")).args(arguments);
        command.arg(format!("https://{host}:{}/", self.port)).env_clear().output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn openssl(folder: &Path) -> Command {
    let mut command = Command::new("openssl");
    command.current_dir(folder).stderr(Stdio::null());
    command
}

#[test]
fn curl_reaches_a_tls_server_through_either_door_with_either_version() {
    let Some(server) = Server::start() else { return };
    let yard = yard(&near(server.port), nearby);
    for proxy in [format!("http://{}", yard.at), format!("socks5h://{}", yard.at)] {
        for (most, spoken) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
            let answer = server.curl(&["--proxy", &proxy, "--tls-max", most], "a.example");
            let text = String::from_utf8_lossy(&answer.stdout).into_owned();
            assert!(answer.status.success() && text.contains(spoken), "{proxy} {spoken} {answer:?}");
        }
    }
    let used = yard.end();
    assert_eq!((used.allowed, used.refused), (4, 0), "{used:?}");
}

#[test]
fn curl_does_not_reach_the_same_server_by_a_name_that_is_not_granted() {
    let Some(server) = Server::start() else { return };
    // It asks the proxy for the granted name, and greets the server by another.
    let detour = format!("b.example:{0}:a.example:{0}", server.port);
    for scheme in ["http", "socks5h"] {
        let yard = yard(&near(server.port), nearby);
        let proxy = format!("{scheme}://{}", yard.at);
        let answer = server.curl(&["--proxy", &proxy, "--connect-to", &detour], "b.example");
        assert!(!answer.status.success() && answer.stdout.is_empty(), "{answer:?}");
        assert_eq!(only(&yard.end()), EgressReason::OtherServerName);
    }
    let direct = server.curl(&["--resolve", &format!("b.example:{}:127.0.0.1", server.port)], "b.example");
    assert!(direct.status.success(), "without the proxy it does: {direct:?}");
}
