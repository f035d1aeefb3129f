//! The proxy with real sockets, a server of the test as the outside, and a resolver of the test where a name is needed.

mod tls;

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::Times;
use super::dns::tests::asked;
use super::hello::tests::greeting;
use super::judge::Grants;
use super::proxy::Proxy;
use super::resolver::Lookup;
use super::tally::{EgressReason, EgressUse};

/// Who answers with what it hears, until its client says no more.
fn outside() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &client, &mut &client));
        }
    });
    port
}

fn nearby(_: &str, _: u16) -> Vec<IpAddr> {
    vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]
}

/// A name that leads to a metadata service, and to it in the clothes of IPv6.
fn metadata(_: &str, _: u16) -> Vec<IpAddr> {
    ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"].map(|text| text.parse().unwrap()).to_vec()
}

fn nobody(_: &str, _: u16) -> Vec<IpAddr> {
    Vec::new()
}

fn never(_: &str, _: u16) -> Vec<IpAddr> {
    thread::sleep(Duration::from_secs(60));
    Vec::new()
}

const SHORT: Times = Times {
    head: Duration::from_millis(300),
    connect: Duration::from_millis(300),
    idle: Duration::from_secs(20),
};

struct Yard {
    proxy: Proxy,
    at: SocketAddr,
    names: SocketAddr,
}

fn yard(grants: &[String], lookup: Lookup) -> Yard {
    yard_with(grants, lookup, Times::USUAL)
}

fn yard_with(grants: &[String], lookup: Lookup, times: Times) -> Yard {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let names = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (at, of_names) = (listener.local_addr().unwrap(), names.local_addr().unwrap());
    let grants = Grants::try_from(grants.to_vec()).unwrap();
    let proxy = Proxy::start((listener.into(), names.into()), grants, (lookup, times)).unwrap();
    Yard { proxy, at, names: of_names }
}

impl Yard {
    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.at).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    }

    /// Sends all, says that it was all, and answers what comes back.
    fn ask(&self, bytes: &[u8]) -> Vec<u8> {
        let mut client = self.connect();
        // Whoever refuses does not read on.
        drop(client.write_all(bytes));
        drop(client.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        drop(client.read_to_end(&mut answer));
        answer
    }

    fn tunnel(&self, to: &str, bytes: &[u8]) -> Vec<u8> {
        self.ask(&[format!("CONNECT {to} HTTP/1.1\r\n\r\n").as_bytes(), bytes].concat())
    }

    fn end(self) -> EgressUse {
        self.proxy.finish()
    }
}

const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

fn opened(answer: &[u8], echo: &[u8]) -> bool {
    answer.strip_prefix(OPEN) == Some(echo)
}

/// What a yard refuses, and that it is the only thing.
fn only(used: &EgressUse) -> EgressReason {
    assert!(used.allowed == 0 && used.refusals.len() == 1, "{used:?}");
    used.refusals[0].reason
}

fn near(port: u16) -> Vec<String> {
    vec![format!("127.0.0.1:{port}"), format!("a.example:{port}")]
}

#[test]
fn a_granted_address_and_a_granted_name_are_reached_both_ways() {
    let port = outside();
    let yard = yard(&near(port), nearby);
    assert!(opened(&yard.tunnel(&format!("127.0.0.1:{port}"), b"hello"), b"hello"));
    assert!(opened(&yard.tunnel(&format!("A.example.:{port}"), b"hello"), b"hello"));
    let [high, low] = port.to_be_bytes();
    let by_name = [&[5, 1, 0, 5, 1, 0, 3, 9][..], b"a.example", &[high, low], b"hello"].concat();
    let wanted = [&[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"hello"].concat();
    assert_eq!(yard.ask(&by_name), wanted);
    let by_address = [&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, high, low][..], b"hello"].concat();
    assert_eq!(yard.ask(&by_address), wanted);
    let used = yard.end();
    assert!(used.allowed == 4 && used.refused == 0, "{used:?}");
}

#[test]
fn a_plain_request_is_passed_on_with_the_host_that_was_judged() {
    let port = outside();
    let yard = yard(&near(port), nearby);
    let head = format!("GET http://a.example:{port}/x HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    let answer = String::from_utf8(yard.ask(head.as_bytes())).unwrap();
    assert_eq!(answer, format!("GET /x HTTP/1.1\r\nHost: a.example:{port}\r\nConnection: close\r\n\r\n"));
}

#[test]
fn what_is_not_granted_is_refused_and_named() {
    let (port, other) = (outside(), outside());
    for to in [
        format!("127.0.0.1:{other}"),
        format!("b.example:{port}"),
        format!("x.a.example:{port}"),
        format!("127.0.0.2:{port}"),
        format!("[::1]:{port}"),
    ] {
        let yard = yard(&near(port), nearby);
        assert!(yard.tunnel(&to, b"hello").starts_with(b"HTTP/1.1 403 "), "{to}");
        let used = yard.end();
        assert_eq!(only(&used), EgressReason::NotGranted, "{to}");
        assert_eq!(used.refusals[0].to.as_deref(), Some(&*to));
    }
    let yard = yard(&near(port), nearby);
    assert_eq!(
        yard.ask(&[5, 1, 0, 5, 1, 0, 3, 9, b'b', b'.', b'e', b'x', b'a', b'm', b'p', b'l', b'e', 0, 80])[3],
        2
    );
    assert_eq!(only(&yard.end()), EgressReason::NotGranted);
}

#[test]
fn an_address_in_disguise_is_a_bad_request() {
    let port = outside();
    for host in
        ["127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
    {
        let yard = yard(&[format!("*:{port}"), format!("127.0.0.1:{port}")], nearby);
        let answer = yard.tunnel(&format!("{host}:{port}"), b"hello");
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{host}");
        assert_eq!(only(&yard.end()), EgressReason::BadRequest, "{host}");
    }
}

#[test]
fn a_name_that_leads_to_a_barred_or_near_address_is_refused_whatever_is_granted() {
    let grants = |more: &str| vec!["*:80".to_owned(), more.to_owned()];
    let tried: [(Lookup, &str); 4] = [
        (metadata, "169.254.169.254:80"),
        (metadata, "[fd00:ec2::254]:*"),
        (nearby, "127.0.0.1:81"),
        (nearby, "10.0.0.1:80"),
    ];
    for (lookup, more) in tried {
        let yard = yard(&grants(more), lookup);
        assert!(yard.tunnel("a.example:80", b"x").starts_with(b"HTTP/1.1 403 "), "{more}");
        assert_eq!(only(&yard.end()), EgressReason::AddressBarred, "{more}");
    }
    let yard = yard(&grants("169.254.169.254:80"), nobody);
    assert!(yard.tunnel("169.254.169.254:80", b"x").starts_with(b"HTTP/1.1 403 "));
    assert_eq!(only(&yard.end()), EgressReason::AddressBarred);
}

#[test]
fn an_address_that_a_resolver_dresses_up_is_the_one_that_was_granted() {
    fn mapped(_: &str, _: u16) -> Vec<IpAddr> {
        vec!["::ffff:127.0.0.1".parse().unwrap()]
    }
    let port = outside();
    let yard = yard(&near(port), mapped);
    assert!(opened(&yard.tunnel(&format!("a.example:{port}"), b"hello"), b"hello"));
    yard.end();
}

#[test]
fn a_name_without_an_address_and_an_address_without_a_server_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let first = yard(&near(closed), nobody);
    assert!(first.tunnel(&format!("a.example:{closed}"), b"").starts_with(b"HTTP/1.1 502 "));
    assert_eq!(only(&first.end()), EgressReason::NoAddress);
    let second = yard(&near(closed), nearby);
    assert!(second.tunnel(&format!("a.example:{closed}"), b"").starts_with(b"HTTP/1.1 502 "));
    assert_eq!(only(&second.end()), EgressReason::Unreachable);
}

#[test]
fn the_server_that_a_tls_greeting_names_is_the_one_that_was_asked_for() {
    let port = outside();
    let to = format!("a.example:{port}");
    let fits = yard(&near(port), nearby);
    let hello = greeting(Some("a.example"));
    assert!(opened(&fits.tunnel(&to, &hello), &hello));
    assert_eq!(fits.end().allowed, 1);
    for other in [Some("b.example"), Some("x.a.example"), Some("a.example."), None] {
        let yard = yard(&near(port), nearby);
        assert!(opened(&yard.tunnel(&to, &greeting(other)), b""), "{other:?}");
        assert_eq!(only(&yard.end()), EgressReason::OtherServerName, "{other:?}");
    }
    let cut = yard(&near(port), nearby);
    assert!(opened(&cut.tunnel(&to, &hello[..20]), b""), "a greeting that never ends is not passed on");
    assert_eq!(only(&cut.end()), EgressReason::OtherServerName);
    // An address names no server; one that is named has to be granted.
    let address = format!("127.0.0.1:{port}");
    let plain = yard(&near(port), nearby);
    assert!(opened(&plain.tunnel(&address, &greeting(None)), &greeting(None)));
    assert!(opened(&plain.tunnel(&address, &hello), &hello));
    assert!(opened(&plain.tunnel(&address, &greeting(Some("b.example"))), b""));
    plain.end();
}

#[test]
fn bytes_behind_a_connect_head_are_looked_at_as_any_others() {
    let port = outside();
    let yard = yard(&near(port), nearby);
    // Smuggled: a second request, for another host, in the same packet. It goes to the judged address, as bytes.
    let second = b"CONNECT b.example:1 HTTP/1.1\r\n\r\n";
    assert!(opened(&yard.tunnel(&format!("a.example:{port}"), second), second));
    let head = format!("CONNECT a.example:{port} HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
    assert!(yard.ask(head.as_bytes()).starts_with(b"HTTP/1.1 400 "));
    assert!(yard.tunnel(&format!("a.example:{port} HTTP/1.1\r\n x"), b"").starts_with(b"HTTP/1.1 400 "));
    let used = yard.end();
    assert_eq!((used.allowed, used.refused), (1, 2));
}

#[test]
fn a_head_that_is_too_long_or_too_slow_is_refused() {
    let port = outside();
    let long = yard(&near(port), nearby);
    let head = format!("CONNECT a.example:{port} HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(20_000));
    drop(long.ask(head.as_bytes()));
    assert_eq!(only(&long.end()), EgressReason::TooSlowOrLong);
    let slow = yard_with(&near(port), nearby, SHORT);
    let mut client = slow.connect();
    let mut answer = String::new();
    // Who is paused before it writes is too slow as well, and may hear nothing.
    let is_answered = client.write_all(b"CONNECT a.ex").and_then(|()| client.read_to_string(&mut answer));
    assert!(is_answered.is_err() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(only(&slow.end()), EgressReason::TooSlowOrLong);
}

#[test]
fn a_resolver_that_never_answers_keeps_nobody() {
    let yard = yard_with(&near(80), never, Times { head: Duration::from_secs(20), ..SHORT });
    assert!(yard.tunnel("a.example:80", b"").starts_with(b"HTTP/1.1 502 "));
    let waiting = yard.connect();
    (&waiting).write_all(b"CONNECT a.example:80 HTTP/1.1\r\n\r\n").unwrap();
    let begun = Instant::now();
    yard.end();
    assert!(begun.elapsed() < Duration::from_secs(30), "the end does not wait for the resolver");
}

#[test]
fn a_flood_of_connections_is_bounded_and_others_get_their_turn_after_it() {
    let port = outside();
    let yard = yard(&near(port), nearby);
    let flood: Vec<TcpStream> = (0..1000)
        .map_while(|_| TcpStream::connect_timeout(&yard.at, Duration::from_millis(50)).ok())
        .collect();
    assert!(flood.len() >= 64, "{}", flood.len());
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten().filter(|task| {
        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("egress-connect"))
    });
    // Other tests of this process have some as well.
    assert!(threads.count() <= 64 + 32);
    drop(flood);
    assert!(opened(&yard.tunnel(&format!("127.0.0.1:{port}"), b"hello"), b"hello"));
    yard.end();
}

#[test]
fn names_are_answered_with_the_loopback_and_asked_of_nobody() {
    fn fails(_: &str, _: u16) -> Vec<IpAddr> {
        panic!("a question has left")
    }
    let yard = yard(&["a.example:443".to_owned()], fails);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let ask = |datagram: &[u8]| {
        client.send_to(datagram, yard.names).unwrap();
        let mut bytes = [0; 600];
        let count = client.recv(&mut bytes).unwrap();
        bytes[..count].to_vec()
    };
    assert!(ask(&asked("a.example", 1)).ends_with(&[127, 0, 0, 1]));
    assert_eq!(ask(&asked("c2vjcmv0.evil.example", 1))[3] & 15, 3);
    client.send_to(&[1, 2, 3], yard.names).unwrap();
    client.send_to(&[0xff; 500], yard.names).unwrap();
    assert!(ask(&asked("a.example", 1)).ends_with(&[127, 0, 0, 1]), "malformed ones are survived");
    let used = yard.end();
    assert_eq!((used.refused, used.refusals[0].to.as_deref()), (1, Some("c2vjcmv0.evil.example")));
}

#[test]
fn the_end_closes_what_is_open() {
    let port = outside();
    let yard = yard(&near(port), nearby);
    let mut client = yard.connect();
    write!(client, "CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = [0; OPEN.len()];
    client.read_exact(&mut answer).unwrap();
    let at = yard.at;
    assert_eq!(yard.end().allowed, 1);
    assert!(matches!(client.read(&mut answer), Ok(0) | Err(_)));
    // A child of another test may have a copy of the socket until it executes its program.
    let begun = Instant::now();
    while TcpStream::connect(at).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(60), "somebody listens still");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn every_seed_of_the_fuzz_target_keeps_its_promises() {
    let read = |bytes: &[u8]| {
        super::fuzzing::egress(bytes);
        true
    };
    assert!(perry_sandbox_testkit::corpus::understood("egress", read) > 0);
}
