//! Real sandboxes that are reached by datagrams.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::num::NonZeroU16;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use perry_sandbox_policy::{Protocol, Publication};
use perry_sandbox_testkit::again_as_ordinary;
use tempfile::TempDir;

use super::super::failure::RunError;
use super::super::run::Finished;
use super::super::settings::Settings;
use super::attacks::root_with_checker;
use super::publish::{becomes_free, free};
use super::rootfs::settings;
use super::sandbox_in;
use crate::io::{Remote, Streams, remote};
use crate::publish::CALLERS;

/// Where the server listens inside.
const INSIDE: NonZeroU16 = NonZeroU16::new(5353).unwrap();

fn published(on: &str, protocol: Protocol) -> Publication {
    Publication { on: on.parse().unwrap(), port: INSIDE, protocol }
}

fn echoing(publish: Vec<Publication>) -> Settings {
    Settings { publish, ..settings(&["/bin/checker", &format!("echo=0.0.0.0:{INSIDE}")]) }
}

/// A server that runs beside the test, until it is dropped.
struct Echo {
    remote: Remote,
    thread: Option<JoinHandle<Result<Finished, RunError>>>,
    port: u16,
    _root: TempDir,
}

impl Echo {
    fn start() -> Option<Self> {
        let (root, port) = (root_with_checker()?, free());
        let (remote, commands) = remote().unwrap();
        let settings = echoing(vec![published(&port.to_string(), Protocol::Udp)]);
        let path = root.path().to_owned();
        let run = move || sandbox_in(&path, &settings, Streams::captured(), Some(&commands));
        let echo = Self { remote, thread: Some(thread::spawn(run)), port, _root: root };
        let (begun, client) = (Instant::now(), echo.client());
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        while ask(&client, "x").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody answers");
        }
        Some(echo)
    }

    fn client(&self) -> UdpSocket {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.remote.kill());
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn hear(client: &UdpSocket) -> Option<String> {
    let mut bytes = vec![0; 65_535];
    let length = client.recv(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

fn ask(client: &UdpSocket, text: &str) -> Option<String> {
    client.send(text.as_bytes()).ok()?;
    hear(client)
}

#[test]
fn each_caller_hears_what_is_for_it_and_comes_from_elsewhere_than_the_sandbox() {
    let Some(echo) = Echo::start() else { return };
    let clients: Vec<UdpSocket> = (0..20).map(|_| echo.client()).collect();
    for (client, number) in clients.iter().zip(0_u32..) {
        client.send(format!("twice {number}").as_bytes()).unwrap();
    }
    for (client, number) in clients.iter().zip(0_u32..) {
        let wanted = Some(format!("127.0.0.2 twice {number}"));
        assert_eq!((hear(client), hear(client)), (wanted.clone(), wanted));
    }
    let long = "l".repeat(40_000);
    assert_eq!(ask(&clients[0], &long), Some(format!("127.0.0.2 {long}")));
    assert_eq!(ask(&clients[0], ""), Some("127.0.0.2 ".to_owned()), "an empty one is one as well");
}

#[test]
fn who_has_been_silent_the_longest_makes_room_and_nobody_hears_its_answers() {
    let Some(echo) = Echo::start() else { return };
    let first = echo.client();
    first.send(b"later secret").unwrap();
    let others: Vec<UdpSocket> = (0..usize::from(CALLERS) * 2).map(|_| echo.client()).collect();
    for (other, number) in others.iter().zip(0_u32..) {
        assert_eq!(ask(other, &number.to_string()), Some(format!("127.0.0.2 {number}")));
    }
    first.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    assert_eq!(hear(&first), None, "it is not known any more");
    for other in &others {
        other.set_nonblocking(true).unwrap();
        assert_eq!(hear(other), None);
    }
    first.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(ask(&first, "again"), Some("127.0.0.2 again".to_owned()));
}

#[test]
fn where_nobody_listens_nothing_is_heard_and_the_next_is_served() {
    let Some(root) = root_with_checker() else { return };
    let port = free();
    let line = format!("sleep 1; exec /bin/checker echo=127.0.0.1:{INSIDE}");
    let publish = vec![published(&port.to_string(), Protocol::Udp)];
    let settings = Settings { publish, ..settings(&["/bin/sh", "-c", &line]) };
    let (remote, commands) = remote().unwrap();
    let run = thread::spawn(move || sandbox_in(root.path(), &settings, Streams::captured(), Some(&commands)));
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let begun = Instant::now();
    while ask(&client, "x").is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody answers");
    }
    remote.kill().unwrap();
    run.join().unwrap().unwrap();
    becomes_free(port);
}

#[test]
fn one_port_is_published_for_connections_and_for_datagrams() {
    let Some(root) = root_with_checker() else { return };
    let port = free();
    becomes_free(port);
    let port = port.to_string();
    let publish = vec![published(&port, Protocol::Udp), published(&port, Protocol::Tcp)];
    let settings = Settings { publish, ..settings(&["/bin/true"]) };
    sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
}

#[test]
fn of_a_range_the_first_that_is_free_is_taken_and_a_range_that_clashes_leaves_nothing() {
    let Some(root) = root_with_checker() else { return };
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        // Three ports in a row, the second of which somebody has.
        let (first, _held): (u16, Box<dyn std::any::Any>) = loop {
            let first = free();
            let free = |port| {
                TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok()
            };
            if first < 65_000 && (0..3).all(|more| free(first + more)) {
                let taken = ("127.0.0.1", first + 1);
                break (
                    first,
                    match protocol {
                        Protocol::Tcp => Box::new(TcpListener::bind(taken).unwrap()),
                        Protocol::Udp => Box::new(UdpSocket::bind(taken).unwrap()),
                    },
                );
            }
        };
        let run = |ons: &[String]| {
            let publish = ons.iter().map(|on| published(on, protocol)).collect();
            let settings = Settings { publish, ..settings(&["/bin/true"]) };
            sandbox_in(root.path(), &settings, Streams::captured(), None)
        };
        let range = format!("{first}-{}", first + 2);
        run(&[range.clone(), range.clone()]).unwrap();
        let error = run(&[range.clone(), range.clone(), range.clone()]).unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{range}")) && error.contains("another port"), "{error}");
        becomes_free(first);
        let each = [first, first + 1, first + 2].map(|port| port.to_string());
        let error = run(&each).unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{}", first + 1)), "{error}");
        becomes_free(first);
        becomes_free(first + 2);
    }
}

#[test]
fn an_ordinary_user_hears_datagrams_as_root_does() {
    again_as_ordinary(
        "native::tests::datagrams::each_caller_hears_what_is_for_it_and_comes_from_elsewhere_than_the_sandbox",
    );
}
