//! The first bytes of a TLS client: which server it names.

/// The longest greeting, with the heads of its records.
pub(super) const LONGEST_HELLO: usize = 16 << 10;

/// The content type of a TLS record that carries a handshake.
const HANDSHAKE: u8 = 22;
/// The message that greets.
const CLIENT_HELLO: u8 = 1;
/// The extension that names the server.
const SERVER_NAME: u16 = 0;

/// What the first bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hello {
    /// A greeting that is not complete yet.
    Partial,
    /// A greeting that names this server, or none.
    Greets(Option<String>),
    /// It starts like TLS, and is none.
    Malformed,
    /// Something else.
    Other,
}

/// Reads the greeting, over as many records as it takes. The name is the outer one: what Encrypted Client Hello hides is not
/// seen here.
pub(super) fn read(bytes: &[u8]) -> Hello {
    match bytes.first() {
        None => return Hello::Partial,
        Some(&HANDSHAKE) => {}
        Some(_) => return Hello::Other,
    }
    let message = match message(bytes) {
        Ok(message) => message,
        Err(hello) => return hello,
    };
    let Some((&[kind, a, b, c], body)) = message.split_first_chunk::<4>() else { return Hello::Partial };
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    if kind != CLIENT_HELLO || length > LONGEST_HELLO {
        return Hello::Malformed;
    }
    match body.get(..length) {
        None if bytes.len() >= LONGEST_HELLO => Hello::Malformed,
        None => Hello::Partial,
        Some(body) => server_name(body).unwrap_or(Hello::Malformed),
    }
}

/// The handshake bytes of all records that are there, the last of which may be incomplete.
fn message(mut bytes: &[u8]) -> Result<Vec<u8>, Hello> {
    let mut message = Vec::new();
    while let Some((&[kind, major, _, high, low], rest)) = bytes.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != HANDSHAKE || major != 3 || length == 0 || length > LONGEST_HELLO {
            // What follows a whole greeting is nobody's business.
            return if message.is_empty() { Err(Hello::Malformed) } else { Ok(message) };
        }
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        message.extend_from_slice(part);
        bytes = after;
    }
    Ok(message)
}

/// Bytes that are taken from the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    /// A field that says its length in one byte.
    fn small(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(usize::from(length))
    }

    /// A field that says its length in two bytes.
    fn large(&mut self) -> Option<&'a [u8]> {
        let length = self.short()?;
        self.take(usize::from(length))
    }
}

/// What a greeting's body says; nothing where it cannot be read.
///
/// SECURITY: two names, or a second extension with one, could be read in another way by the server.
fn server_name(body: &[u8]) -> Option<Hello> {
    let mut body = Cursor(body);
    body.take(34)?;
    body.small()?;
    body.large()?;
    body.small()?;
    if body.0.is_empty() {
        return Some(Hello::Greets(None));
    }
    let mut extensions = Cursor(body.large()?);
    let mut found = None;
    while !extensions.0.is_empty() {
        let (kind, content) = (extensions.short()?, extensions.large()?);
        if kind != SERVER_NAME {
            continue;
        }
        let mut content = Cursor(content);
        let mut list = Cursor(content.large()?);
        let (kind, name) = (*list.take(1)?.first()?, list.large()?);
        if kind != 0 || !list.0.is_empty() || !content.0.is_empty() || found.is_some() {
            return None;
        }
        found = Some(std::str::from_utf8(name).ok()?.to_ascii_lowercase());
    }
    body.0.is_empty().then_some(Hello::Greets(found))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn sized(content: &[u8]) -> Vec<u8> {
        [&u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
    }

    fn body(extensions: &[u8]) -> Vec<u8> {
        let start = [&[3, 3][..], &[7; 32], &[0], &sized(&[0x13, 1]), &[1, 0]].concat();
        [start, sized(extensions)].concat()
    }

    fn extension(name: &str) -> Vec<u8> {
        let entry = [&[0][..], &sized(name.as_bytes())].concat();
        [&[0, 0][..], &sized(&sized(&entry))].concat()
    }

    fn records(body: &[u8], each: usize) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let message = [&[1, length[1], length[2], length[3]], body].concat();
        message.chunks(each).flat_map(|part| [&[22, 3, 1][..], &sized(part)].concat()).collect()
    }

    /// A greeting that names a server, or none.
    pub(in super::super) fn greeting(name: Option<&str>) -> Vec<u8> {
        let other = [&[0, 43][..], &sized(&[2, 3, 4])].concat();
        let name = name.map(extension).unwrap_or_default();
        records(&body(&[other, name].concat()), 1 << 14)
    }

    #[test]
    fn the_name_is_found_over_any_cut_into_records_and_any_beginning_waits() {
        for each in [1, 2, 3, 7, 50, 1000] {
            let whole = records(&body(&extension("A.Example")), each);
            for end in 0..whole.len() {
                assert_eq!(read(&whole[..end]), Hello::Partial, "{each} {end}");
            }
            assert_eq!(read(&whole), Hello::Greets(Some("a.example".to_owned())), "{each}");
        }
        assert_eq!(read(&greeting(None)), Hello::Greets(None));
    }

    #[test]
    fn what_is_not_tls_is_told_apart() {
        assert_eq!(read(b"SSH-2.0-x\r\n"), Hello::Other);
        assert_eq!(read(&[0x80, 0x2e, 1, 0, 2]), Hello::Other);
        assert_eq!(read(&[22, 2, 0, 0, 5]), Hello::Malformed);
        assert_eq!(read(&[22, 3, 1, 0, 0]), Hello::Malformed);
        assert_eq!(read(&[22, 3, 1, 0x80, 0]), Hello::Malformed);
    }

    #[test]
    fn two_names_and_lengths_that_lie_are_malformed() {
        let twice = [extension("a.example"), extension("b.example")].concat();
        assert_eq!(read(&records(&body(&twice), 100)), Hello::Malformed);
        let entry = |name: &str| [&[0][..], &sized(name.as_bytes())].concat();
        let two = sized(&[entry("a.example"), entry("b.example")].concat());
        let two = [&[0, 0][..], &sized(&two)].concat();
        assert_eq!(read(&records(&body(&two), 100)), Hello::Malformed);
        let mut long = body(&extension("a.example"));
        long.push(0);
        assert_eq!(read(&records(&long, 1000)), Hello::Malformed);
        let mut server = greeting(Some("a.example"));
        server[5] = 2;
        assert_eq!(read(&server), Hello::Malformed);
    }

    #[test]
    fn a_greeting_without_end_is_malformed_at_the_bound() {
        let mut endless = vec![22, 3, 1, 0x40, 0, 1, 0, 0x40, 0];
        endless.resize(LONGEST_HELLO, 0);
        assert_eq!(read(&endless[..LONGEST_HELLO - 1]), Hello::Partial);
        assert_eq!(read(&endless), Hello::Malformed);
    }
}
