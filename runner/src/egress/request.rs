//! The head of an HTTP request to the proxy: CONNECT, or an absolute `http://` target.

use super::host::{Destination, Host};

/// The longest head.
pub(super) const LONGEST_HEAD: usize = 8 << 10;
/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Bytes in both directions.
    Tunnel(Destination),
    /// One plain request; the head as the server gets it.
    Forward(Destination, Vec<u8>),
}

/// Where the head ends in these bytes, if it does.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(END.len()).position(|window| window == END)?;
    at.checked_add(END.len())
}

/// Reads a whole head, with its empty line.
///
/// SECURITY: one reading only. Whatever a server could read in another way (bare line feeds, folded lines, two lengths) is
/// refused, and the head that a server gets is written anew, with the host that was judged.
pub(super) fn read(head: &[u8]) -> Option<Asked> {
    let head = head.strip_suffix(END)?;
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let text = std::str::from_utf8(head).ok().filter(|_| head.iter().all(plain))?;
    let mut lines = text.split("\r\n");
    let start = lines.next()?;
    let headers: Vec<(&str, &str)> = lines.map(header).collect::<Option<_>>()?;
    if start.contains(['\r', '\n', '\t']) {
        return None;
    }
    let mut words = start.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    if !matches!(version, "HTTP/1.1" | "HTTP/1.0") || !is_token(method) {
        return None;
    }
    let lengths = headers.iter().filter(|(name, _)| is_length(name)).count();
    if method == "CONNECT" {
        return if lengths == 0 { Destination::parse(target).map(Asked::Tunnel) } else { None };
    }
    if lengths > 1 {
        return None;
    }
    forward((method, target, version), &headers)
}

fn header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    (is_token(name) && !value.contains(['\r', '\n'])).then_some((name, value.trim()))
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_length(name: &str) -> bool {
    ["content-length", "transfer-encoding"].iter().any(|length| name.eq_ignore_ascii_case(length))
}

/// What is between a client and this proxy, and is not passed on.
fn is_hop(name: &str) -> bool {
    let hops = ["host", "connection", "keep-alive", "te", "trailer", "upgrade"];
    let proxy = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("proxy-"));
    proxy || hops.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}

/// One request to one server: the connection says so, and is closed after it.
fn forward((method, target, version): (&str, &str, &str), headers: &[(&str, &str)]) -> Option<Asked> {
    let rest =
        target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).and(target.get(7..))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    if path.contains('#') {
        return None;
    }
    let to = match Destination::parse(authority) {
        Some(to) => to,
        None => Destination { host: Host::parse(authority)?, port: 80 },
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let port = if to.port == 80 { String::new() } else { format!(":{}", to.port) };
    let mut head = format!("{method} {slash}{path} {version}\r\nHost: {}{port}\r\n", to.host);
    for (name, value) in headers.iter().filter(|(name, _)| !is_hop(name)) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("Connection: close\r\n\r\n");
    Some(Asked::Forward(to, head.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(head: &str) -> Option<String> {
        match read(head.as_bytes())? {
            Asked::Tunnel(to) => Some(format!("{}:{}", to.host, to.port)),
            Asked::Forward(..) => None,
        }
    }

    #[test]
    fn connect_names_a_host_and_a_port() {
        let head = "CONNECT Api.OSV.dev:443 HTTP/1.1\r\nHost: other.example\r\nUser-Agent: x\r\n\r\n";
        assert_eq!(tunnel(head).as_deref(), Some("api.osv.dev:443"));
    }

    #[test]
    fn a_plain_request_is_written_anew_for_its_server() {
        let head = "GET http://A.example/p?q=1 HTTP/1.1\r\nHost: b.example\r\nProxy-Authorization: x\r\nConnection: \
                    keep-alive\r\nAccept: */*\r\n\r\n";
        let Some(Asked::Forward(to, head)) = read(head.as_bytes()) else { panic!("not read") };
        assert_eq!(to, Destination::parse("a.example:80").unwrap());
        let wanted = "GET /p?q=1 HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        assert_eq!(String::from_utf8(head).unwrap(), wanted);
        let Some(Asked::Forward(to, head)) = read(b"GET http://a.example:8080?x HTTP/1.0\r\n\r\n") else {
            panic!("not read")
        };
        assert_eq!(to.port, 8080);
        assert!(head.starts_with(b"GET /?x HTTP/1.0\r\nHost: a.example:8080\r\n"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for head in [
            "CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\nHost: x\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\n folded\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\nA : b\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\nA\r\n\r\n",
            "CONNECT a.example:443\r\n\r\n",
            "CONNECT a.example:443  HTTP/1.1\r\n\r\n",
            "CONNECT a.example:443 HTTP/2\r\n\r\n",
            "CONNECT a.example HTTP/1.1\r\n\r\n",
            "CONNECT http://a.example:443 HTTP/1.1\r\n\r\n",
            "CONNECT u@a.example:443 HTTP/1.1\r\n\r\n",
            "CONNECT 127.1:443 HTTP/1.1\r\n\r\n",
            "CONNECT [::ffff:10.0.0.1]:443 HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET https://a.example/ HTTP/1.1\r\n\r\n",
            "GET http://u:p@a.example/ HTTP/1.1\r\n\r\n",
            "GET http://a.example\\@b.example/ HTTP/1.1\r\n\r\n",
            "GET http:///x HTTP/1.1\r\n\r\n",
            "GET http://a.example/#x HTTP/1.1\r\n\r\n",
            "POST http://a.example/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST http://a.example/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://a.example/ HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
            "GET http://a.example/ HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
            "GET http://a.example/\u{e9} HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
            "\r\nGET http://a.example/ HTTP/1.1\r\n\r\n",
            "CONNECT a.example:443 HTTP/1.1\r\n",
        ] {
            assert_eq!(read(head.as_bytes()), None, "{head:?}");
        }
    }
}
