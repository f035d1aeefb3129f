//! Answers questions for names: granted ones lead to the loopback, others do not exist. No question leaves the sandbox.

use super::host::Host;
use super::judge::Grants;

/// The longest question that is read.
pub(super) const LONGEST_QUESTION: usize = 512;

const NO_ERROR: u8 = 0;
const FORMAT_ERROR: u8 = 1;
const NO_SUCH_NAME: u8 = 3;
const NOT_IMPLEMENTED: u8 = 4;
const REFUSED: u8 = 5;

const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;

/// An answer, and the name that was not granted if that is why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) refused: Option<String>,
}

/// One question.
struct Question<'a> {
    /// As it came, to be repeated.
    bytes: &'a [u8],
    name: Option<Host>,
    kind: u16,
    class: u16,
}

/// Answers a datagram; nothing where it is not a question at all.
///
/// SECURITY: an address other than the loopback would tell what the host's resolver knows, and a question that leaves would
/// carry what the program likes to whoever answers for the name.
pub(super) fn answer(datagram: &[u8], grants: &Grants) -> Option<Answer> {
    let (head, rest) = datagram.split_first_chunk::<12>()?;
    let [a, b, flags, _, q1, q0, an1, an0, ns1, ns0, ar1, ar0] = *head;
    if flags & 0x80 != 0 {
        return None;
    }
    let plain = |code| Answer { bytes: reply([a, b], flags, code, None, false), refused: None };
    if datagram.len() > LONGEST_QUESTION {
        return Some(plain(FORMAT_ERROR));
    }
    if flags & 0x78 != 0 {
        return Some(plain(NOT_IMPLEMENTED));
    }
    // One more record may follow the question: what the client can do (EDNS). Nothing of it is needed.
    let counts =
        [u16::from_be_bytes([q1, q0]), u16::from_be_bytes([an1, an0]), u16::from_be_bytes([ns1, ns0])];
    if counts != [1, 0, 0] || u16::from_be_bytes([ar1, ar0]) > 1 {
        return Some(plain(FORMAT_ERROR));
    }
    let Some(question) = question(rest) else { return Some(plain(FORMAT_ERROR)) };
    let mut refused = None;
    let (code, found) = match &question.name {
        _ if question.class != CLASS_IN => (REFUSED, false),
        Some(Host::Name(name)) if grants.covers_name(name) => (NO_ERROR, question.kind == TYPE_A),
        Some(Host::Name(name)) => {
            refused = Some(name.clone());
            (NO_SUCH_NAME, false)
        }
        Some(Host::Address(_)) | None => (NO_SUCH_NAME, false),
    };
    Some(Answer { bytes: reply([a, b], flags, code, Some(question.bytes), found), refused })
}

/// Reads one question. No pointers: there is nothing before it that it could point to.
fn question(bytes: &[u8]) -> Option<Question<'_>> {
    let mut name = String::new();
    let mut at = 0_usize;
    let mut readable = true;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at = at.checked_add(1)?;
        if length == 0 {
            break;
        }
        let end = at.checked_add(length).filter(|_| length < 64)?;
        let label = bytes.get(at..end)?;
        at = end;
        if at > 255 {
            return None;
        }
        readable &= label.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'.');
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label));
    }
    let end = at.checked_add(4)?;
    let &[k1, k0, c1, c0] = bytes.get(at..end)? else { return None };
    Some(Question {
        bytes: bytes.get(..end)?,
        name: readable.then(|| Host::parse(&name)).flatten(),
        kind: u16::from_be_bytes([k1, k0]),
        class: u16::from_be_bytes([c1, c0]),
    })
}

fn reply(id: [u8; 2], flags: u8, code: u8, question: Option<&[u8]>, found: bool) -> Vec<u8> {
    /// The name of the question, an address, for one second, four bytes: the loopback.
    const LOOPBACK: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1];
    let counts = [0, u8::from(question.is_some()), 0, u8::from(found), 0, 0, 0, 0];
    // An answer, of the kind of question that it was; recursion as wished, and available.
    let flags = [0x80 | flags & 0x79, 0x80 | code];
    let mut bytes = [&id[..], &flags, &counts, question.unwrap_or_default()].concat();
    if found {
        bytes.extend(LOOPBACK);
    }
    bytes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A question as resolvers ask it.
    pub(in super::super) fn asked(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend([0, u8::try_from(kind).unwrap(), 0, 1]);
        bytes
    }

    fn grants() -> Grants {
        Grants::try_from(vec!["a.example:443".to_owned(), "*.b.example:1".to_owned()]).unwrap()
    }

    fn code(datagram: &[u8]) -> u8 {
        answer(datagram, &grants()).unwrap().bytes[3] & 15
    }

    #[test]
    fn a_granted_name_is_the_loopback_and_any_other_does_not_exist() {
        let found = answer(&asked("A.Example", 1), &grants()).unwrap();
        assert!(found.bytes.ends_with(&[127, 0, 0, 1]) && found.bytes[..4] == [7, 9, 0x81, 0x80]);
        assert_eq!(&found.bytes[12..12 + 15], &asked("A.Example", 1)[12..]);
        assert!(answer(&asked("x.b.example", 1), &grants()).unwrap().bytes.ends_with(&[127, 0, 0, 1]));
        let six = answer(&asked("a.example", 28), &grants()).unwrap();
        assert_eq!((six.bytes[3] & 15, six.bytes[7]), (NO_ERROR, 0));
        let other = answer(&asked("secret.evil.example", 1), &grants()).unwrap();
        assert_eq!((other.bytes[3] & 15, other.bytes[7]), (NO_SUCH_NAME, 0));
        assert_eq!(other.refused.as_deref(), Some("secret.evil.example"));
    }

    #[test]
    fn what_is_no_plain_question_gets_no_address() {
        let question = asked("a.example", 1);
        let with = |at: usize, byte: u8| {
            let mut bytes = question.clone();
            bytes[at] = byte;
            bytes
        };
        assert_eq!(answer(&question[..11], &grants()), None);
        assert_eq!(answer(&with(2, 0x81), &grants()), None);
        assert_eq!(code(&with(2, 0x28)), NOT_IMPLEMENTED);
        assert_eq!(code(&with(5, 2)), FORMAT_ERROR);
        assert_eq!(code(&with(7, 1)), FORMAT_ERROR);
        assert_eq!(code(&with(11, 2)), FORMAT_ERROR);
        assert_eq!(code(&with(12, 0xc0)), FORMAT_ERROR);
        assert_eq!(code(&with(12, 200)), FORMAT_ERROR);
        assert_eq!(code(&with(question.len() - 1, 3)), REFUSED);
        assert_eq!(code(&with(13, b'.')), NO_SUCH_NAME);
        assert_eq!(code(&asked("", 1)), NO_SUCH_NAME);
        for end in 12..question.len() {
            assert_eq!(code(&question[..end]), FORMAT_ERROR, "{end}");
        }
        assert_eq!(code(&[question.clone(), vec![0; 600]].concat()), FORMAT_ERROR);
        assert_eq!(code(&asked(&"a.".repeat(130), 1)), FORMAT_ERROR);
        let long = [&question[..12], &[100], &[b'a'; 100][..], &[0, 0, 1, 0, 1]].concat();
        assert_eq!(code(&long), FORMAT_ERROR, "a label longer than there are");
        let pointer = [&question[..12], &[0xc0], &[b'a'; 0xc0][..], &[0, 0, 1, 0, 1]].concat();
        assert_eq!(code(&pointer), FORMAT_ERROR, "a pointer is no length");
    }
}
