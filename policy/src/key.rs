//! Fingerprints of public keys, as the verifier gives them: to tell whether two signers are one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_reference::Digest;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// The SHA-256 digest of the first public key's `SubjectPublicKeyInfo`; nothing if the text has none.
pub(crate) fn fingerprint(pem: &str) -> Option<Digest> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let digits: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(digits).ok().filter(|der| !der.is_empty())?;
    Some(Digest::of(&der))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_do_not_change_a_key() {
        let one = fingerprint("-----BEGIN PUBLIC KEY-----\naGVsbG8=\n-----END PUBLIC KEY-----\n");
        let two = fingerprint("text\n-----BEGIN PUBLIC KEY-----\r\naGVs\r\nbG8=\r\n-----END PUBLIC KEY-----");
        assert_eq!(one, Some(Digest::of(b"hello")));
        assert_eq!(one, two);
    }

    #[test]
    fn other_text_has_no_fingerprint() {
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----!-----END PUBLIC KEY-----",
        ] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
    }
}
