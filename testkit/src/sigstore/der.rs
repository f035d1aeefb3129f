//! The encodings that everything here is made of.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::ObjectIdentifier;

/// An object identifier from its dotted form.
pub fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new(text).expect("an object identifier")
}

pub(crate) fn oid_der(text: &str) -> Vec<u8> {
    oid(text).to_der().expect("an object identifier is encoded")
}

/// One element of DER: tag, length, parts.
pub(crate) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=127 => out.push(u8::try_from(short).expect("below 128")),
        long => {
            let bytes = u32::try_from(long).expect("below 4 GiB").to_be_bytes();
            let significant = &bytes[bytes.iter().take_while(|it| **it == 0).count()..];
            out.push(0x80 | u8::try_from(significant.len()).expect("at most 4"));
            out.extend_from_slice(significant);
        }
    }
    out.extend(content);
    out
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("32 bytes")
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64, with padding.
pub fn b64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

/// What base64 stands for.
///
/// # Panics
/// It is not base64.
pub fn unb64(text: &str) -> Vec<u8> {
    STANDARD.decode(text.trim()).expect("base64")
}

/// A PEM block.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = b64(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The content of the first PEM block, or the bytes themselves where they are none.
pub(crate) fn from_pem(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains("-----BEGIN") {
        return bytes.to_vec();
    }
    let body: String = text
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    unb64(&body)
}

/// DSSE's pre-authentication encoding: what an envelope's signature is over.
pub fn pae(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}
