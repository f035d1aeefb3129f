//! The network: a loopback of our own, and nothing else.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::time::Duration;

use crate::report::Report;

/// All of it.
pub fn check(report: &mut Report, port: Option<u16>, name: Option<&str>, path: Option<&str>) {
    let devices = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let names: Vec<_> =
        devices.lines().skip(2).filter_map(|line| line.split(':').next()).map(str::trim).collect();
    // tunl0 and kin appear in every network namespace when their module is loaded, down and without an address.
    let others = names
        .iter()
        .filter(|name| {
            !matches!(
                **name,
                "lo" | "tunl0"
                    | "sit0"
                    | "ip6tnl0"
                    | "gre0"
                    | "gretap0"
                    | "erspan0"
                    | "ip_vti0"
                    | "ip6_vti0"
                    | "ip6gre0"
            )
        })
        .count();
    report.held("interfaces", others == 0 && !names.is_empty(), format_args!("{names:?}"));
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    report.held("routes", routes.lines().count() <= 1, routes.lines().count());
    for address in ["198.51.100.1:80", "169.254.169.254:80", "[2001:db8::1]:80"] {
        let to: SocketAddr = address.parse().unwrap_or_else(|_| ([127, 0, 0, 1], 1).into());
        let answer = TcpStream::connect_timeout(&to, Duration::from_millis(300));
        let at_once = answer.as_ref().err().and_then(std::io::Error::raw_os_error);
        // ENETUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, or refused by the filter: no packet left.
        let held = matches!(at_once, Some(101 | 99 | 97 | 1 | 13));
        report.held(&format!("connect-{address}"), held, format_args!("{:?}", answer.err()));
    }
    if let Some(port) = port {
        let answer = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_millis(300));
        report.held("host-loopback", answer.is_err(), format_args!("port {port}"));
    }
    if let Some(name) = name {
        let answer =
            UnixAddr::from_abstract_name(name).and_then(|address| UnixStream::connect_addr(&address));
        report.held("host-abstract-socket", answer.is_err(), name);
    }
    if let Some(path) = path {
        report.held("host-socket", UnixStream::connect(path).is_err(), path);
    }
    let own =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| TcpStream::connect(listener.local_addr()?));
    match own.map_err(|error| error.raw_os_error()) {
        Err(Some(97)) => report.skip("own-loopback-works", "the filter has no internet sockets"),
        answer => report.held("own-loopback-works", answer.is_ok(), format_args!("{answer:?}")),
    }
    for path in [
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
    ] {
        report.held(&format!("control-socket-{path}"), UnixStream::connect(path).is_err(), path);
    }
}
