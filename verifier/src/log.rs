//! What the core leaves open about log entries: one entry twice, an entry that names another log than the one
//! whose checkpoint proves it, times that nobody vouches for, missing proofs.

use jiff::Timestamp;
use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_policy::LogEntry;
use serde_json::Value;
use sigstore_verify::crypto::{VerificationKey, sha256};
use sigstore_verify::trust_root::TransparencyLog;
use sigstore_verify::types::{
    Bundle, Checkpoint, CheckpointSignature, KindVersion, MediaType, TransparencyLogEntry,
};

use crate::codes::Code;
use crate::finding::Finding;
use crate::root::PreparedRoot;

/// Length of an Ed25519 key in its DER form, and of the key itself.
const ED25519_DER: usize = 44;
const ED25519_PREFIX: usize = 12;

/// Checks before the core's: every entry is of a log that is known, and proved in the way of its kind, once.
pub(crate) fn form(bundle: &Bundle, root: &PreparedRoot) -> Result<(), Finding> {
    let entries = &bundle.verification_material.tlog_entries;
    for (at, entry) in entries.iter().enumerate() {
        let twice = entries.iter().take(at).any(|before| {
            before.canonicalized_body == entry.canonicalized_body
                || (before.log_id == entry.log_id && before.log_index == entry.log_index)
        });
        // SECURITY: a log that counts twice meets a threshold of two alone (CVE-2026-49834).
        if twice {
            return Err(Finding::new(
                Code::LogTwice,
                format!("entry {} twice", entry.log_index.get()),
                "each entry once",
            ));
        }
        log_of(entry, root)?;
        named_by_body(entry)?;
        sized(entry)?;
        if is_v2(entry) && entry.integrated_time.is_some() {
            return Err(Finding::new(Code::LogTime, "a time in an entry of Rekor v2", "no time"));
        }
        // SECURITY: only the promise vouches for the index that an entry of Rekor v1 names; a signer who leaves the
        // promise out could name any other, and pass a list of entries that are refused.
        let proved = entry.inclusion_proof.as_ref().map(|proof| proof.log_index);
        if !is_v2(entry)
            && entry.inclusion_promise.is_none()
            && proved.is_some_and(|it| it != entry.log_index)
        {
            let found = format!("the index {} without promise", entry.log_index.get());
            return Err(Finding::new(Code::LogProof, found, "the index that the proof is for"));
        }
        // The core asks whether *any* entry has its proof.
        if bundle.media_type == MediaType::Bundle0_1 {
            if entry.inclusion_promise.is_none() {
                return Err(Finding::new(Code::LogPromise, "an entry without promise", "a promise (SET)"));
            }
        } else if entry.inclusion_proof.is_none() {
            return Err(Finding::new(
                Code::LogProof,
                "an entry without inclusion proof",
                "an inclusion proof",
            ));
        }
    }
    Ok(())
}

/// The body, which the log proves, must be of the kind that the bundle says, and say everything once.
fn named_by_body(entry: &TransparencyLogEntry) -> Result<(), Finding> {
    let wrong = |found: String| Finding::new(Code::LogBody, found, "a body of the kind that the entry names");
    let body = parse_strict(entry.canonicalized_body.as_bytes(), MAX_DEPTH)
        .map_err(|error| wrong(error.to_string()))?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or("none");
    let (kind, version) = (text("kind"), text("apiVersion"));
    if kind == entry.kind_version.kind() && version == entry.kind_version.version() {
        return Ok(());
    }
    Err(wrong(format!("{kind} {version}")))
}

/// The tree that a proof of the first version is for must be the checkpoint's.
// SECURITY: the core compares the roots alone, and takes the size from the copy beside the checkpoint. The same path leads
// to the same root from the sixth entry of six as from the seventh of seven, so a signer could move an entry to another
// index, past a list of entries that are refused.
fn sized(entry: &TransparencyLogEntry) -> Result<(), Finding> {
    let Some(proof) = entry.inclusion_proof.as_ref().filter(|_| !is_v2(entry)) else { return Ok(()) };
    match proof.checkpoint.checkpoint().map(Checkpoint::tree_size) {
        Some(size) if size != proof.tree_size => {
            let found = format!("a proof for a tree of {} entries", proof.tree_size);
            Err(Finding::new(Code::LogProof, found, format!("the checkpoint's tree of {size}")))
        }
        _ => Ok(()),
    }
}

/// The log that an entry names.
fn log_of<'a>(entry: &TransparencyLogEntry, root: &'a PreparedRoot) -> Result<&'a TransparencyLog, Finding> {
    root.material.tlogs.iter().find(|log| log.log_id == entry.log_id).ok_or_else(|| {
        Finding::new(Code::LogUnknown, hex(entry), format!("a log of the trust root `{}`", root.identity.0))
    })
}

/// Checks after the core's: each entry is of the log that it names, at a time when that log was trusted.
pub(crate) fn provenance(bundle: &Bundle, root: &PreparedRoot, times: &[Timestamp]) -> Result<(), Finding> {
    for entry in &bundle.verification_material.tlog_entries {
        let log = log_of(entry, root)?;
        if let Some(range) = log.public_key.valid_for
            && let Some(time) = times.iter().find(|time| !range.contains(**time))
        {
            let found = format!("a signature of {time} in a log");
            return Err(Finding::new(
                Code::TimeOutside,
                found,
                format!("a time from {} on, while the log was trusted", range.start),
            ));
        }
        if let Some(checkpoint) = entry.inclusion_proof.as_ref().and_then(|it| it.checkpoint.checkpoint()) {
            signed_by(checkpoint, log, is_v2(entry))?;
        }
    }
    Ok(())
}

/// The first entry, for the evidence, with its log's address in the trust root.
pub(crate) fn recorded(bundle: &Bundle, root: &PreparedRoot) -> Option<LogEntry> {
    let entry = bundle.verification_material.tlog_entries.first()?;
    let url = log_of(entry, root).ok().map(|log| log.base_url.clone()).filter(|url| !url.is_empty());
    Some(LogEntry { log_id: hex(entry), index: entry.log_index.get(), url })
}

/// Every entry, verified or not, for the deny list.
pub(crate) fn all(bundle: &Bundle) -> Vec<LogEntry> {
    let entries = bundle.verification_material.tlog_entries.iter();
    entries.map(|entry| LogEntry { log_id: hex(entry), index: entry.log_index.get(), url: None }).collect()
}

/// Whether some text is a checkpoint that a log of the trust root signed.
pub(crate) fn vouches(text: &str, root: &PreparedRoot) -> bool {
    let Ok(checkpoint) = Checkpoint::from_text(text) else { return false };
    root.material
        .tlogs
        .iter()
        .any(|log| [false, true].iter().any(|v2| signed_by(&checkpoint, log, *v2).is_ok()))
}

/// Whether this very log signed the checkpoint.
// SECURITY: the core accepts a checkpoint of any log of the trust root, whichever log the entry names.
fn signed_by(checkpoint: &Checkpoint, log: &TransparencyLog, v2: bool) -> Result<(), Finding> {
    let wrong = |found: &str| {
        Finding::new(Code::LogCheckpoint, found, format!("a checkpoint signed by {}", log.base_url))
    };
    let key = VerificationKey::from_spki(&log.public_key.raw_bytes)
        .map_err(|_| wrong("a log key of a kind that is not known"))?;
    let id = log.log_id.key_id.as_bytes();
    if v2 && origin_id(checkpoint.origin(), log).is_some_and(|expected| expected != id) {
        return Err(wrong(&format!("a checkpoint of the origin {}", checkpoint.origin())));
    }
    if !v2 && !is_of_host(checkpoint.origin(), &log.base_url) {
        return Err(wrong(&format!("a checkpoint of the origin {}", checkpoint.origin())));
    }
    let by_log = |it: &&CheckpointSignature| {
        id.starts_with(it.key_id.as_slice()) && (!v2 || it.name == checkpoint.origin())
    };
    let signed = checkpoint
        .signatures()
        .iter()
        .filter(by_log)
        .any(|it| key.verify(checkpoint.signed_data(), &it.signature).is_ok());
    if signed { Ok(()) } else { Err(wrong("a checkpoint that this log did not sign")) }
}

/// Whether a log of the first version, whose origins are `HOST - TREE` (or `HOST`, where there is one tree for ever), is
/// the one at this address.
fn is_of_host(origin: &str, address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let with_port = rest.split('/').next().unwrap_or_default();
    let host = with_port.rsplit_once(':').map_or(with_port, |(host, _)| host);
    let name = origin.split_once(" - ").map_or(origin, |(name, _)| name);
    name == with_port || name == host
}

/// A tiled log's id binds its origin to its key: SHA-256 over origin, line feed, 1, and the Ed25519 key.
fn origin_id(origin: &str, log: &TransparencyLog) -> Option<Vec<u8>> {
    let der = log.public_key.raw_bytes.as_bytes();
    let key = der.get(ED25519_PREFIX..).filter(|_| der.len() == ED25519_DER)?;
    let bytes = [origin.as_bytes(), b"\n\x01", key].concat();
    Some(sha256(&bytes).as_bytes().to_vec())
}

fn is_v2(entry: &TransparencyLogEntry) -> bool {
    entry.kind_version == KindVersion::HashedRekordV002
}

fn hex(entry: &TransparencyLogEntry) -> String {
    let mut text = String::new();
    for byte in entry.log_id.key_id.as_bytes() {
        for nibble in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text
}
