//! Bytes of a program as text, or as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How bytes of a program stand in a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Encoding {
    /// As text; what is not UTF-8 becomes U+FFFD.
    #[default]
    Utf8,
    /// Every byte, as base64.
    Base64,
}

impl Encoding {
    /// All bytes of something.
    pub(crate) fn whole(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }

    /// A part of something that goes on: what could be the beginning of a character stays in `bytes`.
    pub(crate) fn part(self, bytes: &mut Vec<u8>) -> String {
        match self {
            Self::Base64 => {
                let text = STANDARD.encode(&*bytes);
                bytes.clear();
                text
            }
            Self::Utf8 => {
                let (text, rest) = decode(bytes);
                *bytes = rest;
                text
            }
        }
    }
}

/// As [`String::from_utf8_lossy`] does, but for a character that is cut off at the end.
fn decode(bytes: &[u8]) -> (String, Vec<u8>) {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return (text, Vec::new());
            }
            Err(error) => error,
        };
        let (valid, broken) = rest.split_at_checked(error.valid_up_to()).unwrap_or((rest, &[]));
        text.push_str(std::str::from_utf8(valid).unwrap_or_default());
        let Some(length) = error.error_len() else { return (text, broken.to_vec()) };
        text.push(char::REPLACEMENT_CHARACTER);
        rest = broken.get(length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_give_the_text_of_the_whole() {
        let whole = "aä€😀\u{0}z".bytes().chain([0xff, b'x', 0xe2, 0x82]).collect::<Vec<_>>();
        for size in 1..=whole.len() {
            let (mut held, mut text) = (Vec::new(), String::new());
            for piece in whole.chunks(size) {
                held.extend_from_slice(piece);
                text.push_str(&Encoding::Utf8.part(&mut held));
            }
            text.push_str(&Encoding::Utf8.whole(&held));
            assert_eq!(text, String::from_utf8_lossy(&whole), "pieces of {size}");
        }
    }

    #[test]
    fn base64_keeps_every_byte() {
        let mut bytes = vec![0, 255, 128];
        assert_eq!(Encoding::Base64.part(&mut bytes), "AP+A");
        assert!(bytes.is_empty());
    }
}
