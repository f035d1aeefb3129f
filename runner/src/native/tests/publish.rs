//! Real sandboxes that are reached from outside by what they publish, and by nothing else.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use perry_sandbox_policy::{Protocol, Publication};
use perry_sandbox_testkit::again_as_ordinary;

use super::super::failure::RunError;
use super::super::run::Finished;
use super::super::settings::Settings;
use super::super::steps::Step;
use super::attacks::spec_of;
use super::changed;
use super::rootfs::{busybox, settings};
use super::{sandbox, sandbox_with};
use crate::io::{Remote, Streams, remote};
use crate::publish::{CONNECTIONS, PublishError};

/// Where the programs of these tests listen inside.
const INSIDE: u16 = 8080;

/// A port that nobody listens on, as far as can be said.
pub(super) fn free() -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    becomes_free(port);
    port
}

/// Waits until nobody has it: a child of another test may have a copy of a socket until it executes its program.
pub(super) fn becomes_free(port: u16) {
    let begun = Instant::now();
    while TcpListener::bind(("127.0.0.1", port)).is_err() || UdpSocket::bind(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{port} is not let go");
        thread::sleep(Duration::from_millis(5));
    }
}

fn publication(on: &str) -> Publication {
    let port = INSIDE.try_into().unwrap();
    Publication { on: on.parse().unwrap(), port, protocol: Protocol::Tcp }
}

fn published(on: &str, line: &str) -> Settings {
    Settings { publish: vec![publication(on)], ..settings(&["/bin/sh", "-c", line]) }
}

/// A sandbox that runs beside the test, until it is dropped.
struct Running {
    remote: Remote,
    thread: Option<JoinHandle<Result<Finished, RunError>>>,
    port: u16,
}

impl Running {
    fn start(line: &str) -> Self {
        let port = free();
        let mut settings = published(&port.to_string(), line);
        settings.limits.pids = 256;
        let (remote, commands) = remote().unwrap();
        let thread = thread::spawn(move || sandbox_with(&settings, Streams::captured(), Some(&commands)));
        Self { remote, thread: Some(thread), port }
    }

    fn connect(&self) -> TcpStream {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let client = TcpStream::connect(to).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    }

    /// What comes back for these bytes, when no more are to come.
    fn ask(&self, bytes: &[u8]) -> Vec<u8> {
        let mut client = self.connect();
        // Whoever does not answer does not read either.
        drop(client.write_all(bytes).and_then(|()| client.shutdown(Shutdown::Write)));
        let mut answer = Vec::new();
        drop(client.read_to_end(&mut answer));
        answer
    }

    /// Asks until somebody answers: the program may not listen yet, and the supervisor neither.
    fn until_it_answers(self, bytes: &[u8], is_answer: impl Fn(&[u8]) -> bool) -> Self {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody answers");
            let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            if listens && is_answer(&self.ask(bytes)) {
                return self;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(mut self) -> Finished {
        self.remote.kill().unwrap();
        self.thread.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.remote.kill());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

const GET: &[u8] = b"GET /hello HTTP/1.0\r\n\r\n";

fn greets(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.") && answer.ends_with(b"\r\n\r\nhello\n")
}

fn server(address: &str) -> Running {
    let line = format!("echo hello >/tmp/hello; exec busybox httpd -f -p {address}:{INSIDE} -h /tmp");
    Running::start(&line).until_it_answers(GET, greets)
}

/// A program that says what it hears.
fn echo() -> Running {
    let line = format!("exec busybox nc -ll -p {INSIDE} -e cat");
    Running::start(&line).until_it_answers(b"x", |answer| answer == b"x")
}

#[test]
fn a_server_inside_is_fetched_from_wherever_it_listens_and_its_port_is_free_afterwards() {
    for address in ["0.0.0.0", "127.0.0.1"] {
        let server = server(address);
        let taken = TcpListener::bind(("127.0.0.1", server.port));
        assert!(taken.is_err(), "it is ours");
        // Nobody listens at what is not published, also where the program does.
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, INSIDE)).is_err());
        let port = server.port;
        server.end();
        becomes_free(port);
    }
}

#[test]
fn who_comes_from_outside_is_not_taken_for_the_sandbox_itself() {
    let line = format!("exec busybox nc -ll -p {INSIDE} -e busybox cat /proc/net/tcp");
    let listing = Running::start(&line).until_it_answers(b"", |answer| !answer.is_empty());
    // The second time by a socket that has served before.
    for _ in 0..3 {
        let answer = String::from_utf8(listing.ask(b"")).unwrap();
        let served = format!(" 0100007F:{INSIDE:04X} ");
        let ours = answer.lines().filter_map(|line| line.split_once(&served)?.0.rsplit(' ').next());
        let ours: Vec<&str> = ours.collect();
        assert!(!ours.is_empty() && ours.iter().all(|from| from.starts_with("0200007F:")), "{answer}");
    }
}

#[test]
fn it_is_fetched_more_often_and_by_more_at_once_than_there_are_sockets() {
    let server = server("127.0.0.1");
    for _ in 0..usize::from(CONNECTIONS) * 3 {
        assert!(greets(&server.ask(GET)));
    }
    thread::scope(|scope| {
        // No more at once than the server's own queue holds.
        let ask = || (0..usize::from(CONNECTIONS)).all(|_| greets(&server.ask(GET)));
        let many: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        assert!(many.into_iter().all(|one| one.join().unwrap()));
    });
}

#[test]
fn those_who_are_too_many_wait_and_are_not_lost() {
    let echo = echo();
    let mut held: Vec<TcpStream> = (0..CONNECTIONS).map(|_| echo.connect()).collect();
    for one in &mut held {
        one.write_all(b"a").unwrap();
        one.read_exact(&mut [0; 1]).unwrap();
    }
    let mut late = echo.connect();
    late.write_all(b"b").unwrap();
    late.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(late.read(&mut [0; 1]).is_err(), "there is no socket for it");
    drop(held);
    late.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 1];
    late.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"b");
}

#[test]
fn each_side_learns_when_the_other_has_said_all_and_nothing_is_lost() {
    let echo = echo();
    let much: Vec<u8> = (0..4 << 20).map(|at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
    let mut client = echo.connect();
    let mut other = client.try_clone().unwrap();
    let text = much.clone();
    let writer = thread::spawn(move || {
        other.write_all(&text).unwrap();
        other.shutdown(Shutdown::Write).unwrap();
    });
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    writer.join().unwrap();
    assert!(answer == much, "{} of {}", answer.len(), much.len());
}

#[test]
fn a_program_that_reads_late_loses_nothing() {
    let line = format!(
        "busybox nc -l -p {INSIDE} -e /bin/sh -c 'exec >/dev/null 2>&1; sleep 1; busybox wc -c >/tmp/count'; cat /tmp/count"
    );
    let port = free();
    let settings = published(&port.to_string(), &line);
    let thread = thread::spawn(move || sandbox(&settings));
    let much = vec![7; 2 << 20];
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) && !thread.is_finished() {
        let Ok(mut client) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { continue };
        if client.write_all(&much).and_then(|()| client.shutdown(Shutdown::Write)).is_ok() {
            drop(client.read_to_end(&mut Vec::new()));
        }
    }
    let said = thread.join().unwrap().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&said).trim(), much.len().to_string());
}

#[test]
fn where_nobody_listens_the_connection_is_closed_each_time() {
    let echo = echo();
    // It ends with its only client.
    let idle = Running::start("sleep 60").until_it_answers(b"x", <[u8]>::is_empty);
    for _ in 0..usize::from(CONNECTIONS) * 2 {
        assert_eq!(idle.ask(b"x"), b"");
    }
    assert_eq!(echo.ask(b"x"), b"x");
}

#[test]
fn what_breaks_off_inside_breaks_off_outside() {
    let line =
        format!("while :; do busybox nc -l -p {INSIDE} -e /bin/sh -c 'echo half; kill -9 $PPID $$'; done");
    let server = Running::start(&line).until_it_answers(b"x", <[u8]>::is_empty);
    let begun = Instant::now();
    loop {
        let mut client = server.connect();
        // Not read there, so that the kernel breaks the connection off.
        drop(client.write_all(&vec![7; 1 << 16]));
        let mut answer = Vec::new();
        let ended = client.read_to_end(&mut answer);
        if answer == b"half\n" {
            assert!(ended.is_err(), "it looks whole");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody answers");
    }
}

#[test]
fn a_connection_ends_with_the_sandbox() {
    let echo = echo();
    let mut client = echo.connect();
    client.write_all(b"a").unwrap();
    client.read_exact(&mut [0; 1]).unwrap();
    echo.end();
    assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
}

#[test]
fn a_taken_port_is_named_and_nothing_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let on = taken.local_addr().unwrap().to_string();
    let error = sandbox(&published(&on, "echo ran")).unwrap_err();
    assert!(matches!(error, RunError::Publish(PublishError::Listen { .. })), "{error}");
    let text = error.to_string();
    assert!(text.contains(&on) && text.contains("another port") && error.kind() == "publish", "{text}");
    let error = sandbox(&published("192.0.2.1:18080", "echo ran")).unwrap_err().to_string();
    assert!(error.contains("no such address"), "{error}");
}

#[test]
fn a_wildcard_of_one_family_is_none_of_the_other() {
    let port = free();
    let settings = published(&format!("[::]:{port}"), "sleep 2");
    let thread = thread::spawn(move || sandbox(&settings));
    let begun = Instant::now();
    while TcpStream::connect((IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), port)).is_err() {
        if begun.elapsed() > Duration::from_secs(2) {
            // This machine has no IPv6.
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    drop(thread.join().unwrap());
}

#[test]
fn nothing_of_ours_is_open_inside_and_nobody_gets_out() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = outside.local_addr().unwrap().port();
    let port = free();
    let line = format!(
        "ls /proc/self/fd; cat /proc/net/tcp | wc -l; for port in {port} {other}; do busybox nc -w 2 127.0.0.1 $port </dev/null && echo reached; done"
    );
    let finished = sandbox(&published(&port.to_string(), &line)).unwrap();
    // The fourth is the folder that is listed; of the table there is the head.
    assert_eq!(String::from_utf8_lossy(&finished.stdout), "0\n1\n2\n3\n1\n");
}

#[test]
fn sockets_are_made_where_something_is_published_and_taken_by_nobody_else() {
    let makes = |settings: &Settings| {
        spec_of(settings).steps.iter().position(|step| matches!(step, Step::MakeSockets { .. }))
    };
    let (with, without) = (published("18080", "true"), settings(&["/bin/sh", "-c", "true"]));
    assert!(makes(&with).is_some() && makes(&without).is_none());
    let root = busybox();
    let at = makes(&with).unwrap();
    let refused = std::panic::catch_unwind(|| {
        let step = Step::MakeSockets { protocol: Protocol::Tcp, count: 1 };
        changed::ended(root.path(), &without, None, |steps| steps.insert(at, step))
    });
    assert!(refused.is_err(), "the supervision says that it lost touch");
}

#[test]
fn a_low_port_is_roots() {
    if nix::unistd::geteuid().is_root() {
        return;
    }
    let error = sandbox(&published("127.0.0.1:81", "echo ran")).unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:81") && error.contains("only root"), "{error}");
}

#[test]
fn an_ordinary_user_publishes_as_root_does() {
    for test in [
        "a_server_inside_is_fetched_from_wherever_it_listens_and_its_port_is_free_afterwards",
        "it_is_fetched_more_often_and_by_more_at_once_than_there_are_sockets",
        "each_side_learns_when_the_other_has_said_all_and_nothing_is_lost",
        "nothing_of_ours_is_open_inside_and_nobody_gets_out",
        "a_taken_port_is_named_and_nothing_starts",
        "a_low_port_is_roots",
    ] {
        again_as_ordinary(&format!("native::tests::publish::{test}"));
    }
}
