//! Places on the net: which may be asked at all, and which are the same.

use ureq::http::Uri;
use ureq::http::uri::Authority;

/// An absolute http or https address without user, password, or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    uri: Uri,
    plain: bool,
}

impl Place {
    /// Takes an absolute address; `plain` says whether http is allowed for hosts of this machine.
    fn check(uri: Uri, plain: bool) -> Result<Self, &'static str> {
        let authority = uri.authority().ok_or("an address without a host")?;
        if authority.as_str().contains('@') {
            return Err("an address with a user name in it");
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self { uri, plain: false }),
            Some("http") if plain && is_loopback(authority) => Ok(Self { uri, plain: true }),
            Some("http") => Err("an address without encryption (http)"),
            _ => Err("an address that is neither https nor http"),
        }
    }

    /// The registry's own address, which may be any plain one that the caller allowed.
    pub(super) fn registry(host: &str, path: &str, plain: bool) -> Result<Self, &'static str> {
        let scheme = if plain { "http" } else { "https" };
        let text = format!("{scheme}://{host}{path}");
        let uri: Uri = text.parse().map_err(|_| "something that is not an address")?;
        Ok(Self { uri, plain })
    }

    /// A folder's address: `plain` says whether http is allowed for hosts of this machine.
    pub(super) fn folder(address: &str, plain: bool) -> Result<Self, &'static str> {
        let uri: Uri = address.parse().map_err(|_| "something that is not an address")?;
        if uri.query().is_some() {
            return Err("an address with a query");
        }
        Self::check(uri, plain)
    }

    /// Whether it is on this machine.
    pub(super) fn is_here(&self) -> bool {
        self.uri.authority().is_some_and(is_loopback)
    }

    /// Whether it is asked without encryption.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// The place that a redirect or a link from here names.
    // SECURITY: https never becomes http, and plain http stays on the host that was allowed or on this machine.
    pub(super) fn follow(&self, target: &str) -> Result<Self, &'static str> {
        const BAD: &str = "something that is not an address";
        if target.len() > 8192 {
            return Err("an address that is too long");
        }
        if target.starts_with("//") {
            return Err("a relative address");
        }
        if target.starts_with('/') {
            let authority = self.uri.authority().map_or("", Authority::as_str);
            let scheme = if self.plain { "http" } else { "https" };
            let uri = format!("{scheme}://{authority}{target}").parse().map_err(|_| BAD)?;
            return Ok(Self { uri, plain: self.plain });
        }
        let next: Uri = target.parse().map_err(|_| BAD)?;
        if self.plain && next.scheme_str() == Some("http") && self.is_host_of(&next) {
            return Ok(Self { uri: next, plain: true });
        }
        Self::check(next, self.plain)
    }

    fn is_host_of(&self, other: &Uri) -> bool {
        other.authority().is_some_and(|it| !it.as_str().contains('@'))
            && (self.uri.host(), port(&self.uri)) == (other.host(), port(other))
    }

    /// Whether both are the same server: scheme, host, and port.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        self.plain == other.plain && self.is_host_of(&other.uri)
    }

    pub(super) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The same place with more in its query.
    pub(super) fn with_query(&self, pairs: &[(&str, &str)]) -> String {
        let mut text = self.uri.to_string();
        for (key, value) in pairs {
            let mark = if text.contains('?') { '&' } else { '?' };
            text.push(mark);
            text.push_str(key);
            text.push('=');
            text.push_str(&escape(value));
        }
        text
    }
}

fn port(uri: &Uri) -> u16 {
    let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    uri.port_u16().unwrap_or(default)
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Percent-encodes what is not plain in a query's value.
fn escape(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                text.push(char::from(byte));
            }
            other => {
                text.push('%');
                for nibble in [other >> 4, other & 0xf] {
                    text.extend(char::from_digit(u32::from(nibble), 16).map(|c| c.to_ascii_uppercase()));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, plain: bool) -> Result<Place, &'static str> {
        Place::check(text.parse().unwrap(), plain)
    }

    #[test]
    fn https_never_becomes_http() {
        let here = parse("https://r.example/v2/a", true).unwrap();
        assert!(here.follow("http://r.example/x").is_err());
        assert!(here.follow("http://127.0.0.1/x").is_err());
        assert!(here.follow("//other.example/x").is_err());
        assert!(here.follow("x").is_err());
        assert!(here.follow("ftp://r.example/x").is_err());
        assert!(here.follow("https://me:pw@r.example/x").is_err());
        assert!(here.follow("https://cdn.example/x").is_ok());
        assert_eq!(here.follow("/x?y=1").unwrap().uri().to_string(), "https://r.example/x?y=1");
    }

    #[test]
    fn plain_http_stays_where_it_was_allowed() {
        let here = Place::registry("10.0.0.1:5000", "/v2/", true).unwrap();
        assert!(here.follow("http://10.0.0.1:5000/x").is_ok());
        assert!(here.follow("http://10.0.0.1:5001/x").is_err());
        assert!(here.follow("http://10.0.0.2:5000/x").is_err());
        assert!(here.follow("http://me@10.0.0.1:5000/x").is_err());
        assert!(here.follow("https://cdn.example/x").is_ok());
        assert!(parse("http://localhost:5000/token", true).is_ok());
        assert!(parse("http://localhost:5000/token", false).is_err());
        assert!(parse("http://localhost.example/token", true).is_err());
    }

    #[test]
    fn servers_are_compared_by_scheme_host_and_port() {
        let place = |text| parse(text, true).unwrap();
        assert!(place("https://a.example/x").is_same_server(&place("https://a.example:443/y")));
        assert!(!place("https://a.example/x").is_same_server(&place("https://a.example:8443/x")));
        assert!(!place("https://localhost/x").is_same_server(&place("http://localhost/x")));
    }

    #[test]
    fn query_values_are_escaped() {
        let text =
            place_with("https://a.example/token?x=1", &[("service", "a b&c"), ("scope", "r:a/b:pull")]);
        assert_eq!(text, "https://a.example/token?x=1&service=a%20b%26c&scope=r:a/b:pull");
    }

    fn place_with(text: &str, pairs: &[(&str, &str)]) -> String {
        parse(text, false).unwrap().with_query(pairs)
    }
}
