//! Transparency logs: Rekor of both versions, over a true tree.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::der::{b64, hex, sha256};
use super::key::Key;
use super::merkle::{self, Hash};

/// How a log behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Gives promises and times.
    V1,
    /// Gives checkpoints only; times come from elsewhere.
    V2,
}

/// A log. What its checkpoints say may be made wrong.
#[derive(Debug)]
pub struct Log {
    /// Its key.
    pub key: Key,
    /// Its version.
    pub version: Version,
    /// The checkpoints' first line.
    pub origin: String,
    /// The name on the checkpoints' signature.
    pub name: String,
    leaves: Mutex<Vec<Hash>>,
}

/// An entry, in the log.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What was entered.
    pub body: Vec<u8>,
    /// Its place.
    pub index: usize,
    /// The tree's size then.
    pub size: usize,
    /// The tree's root then.
    pub root: Hash,
    /// The way to the root.
    pub path: Vec<Hash>,
    /// When, by this log's own word.
    pub at: i64,
}

impl Log {
    /// An empty log of version 1.
    pub fn v1(host: &str) -> Self {
        Self {
            key: Key::p256(),
            version: Version::V1,
            origin: format!("{host} - 1"),
            name: host.to_owned(),
            leaves: Mutex::default(),
        }
    }

    /// An empty log of version 2.
    pub fn v2(host: &str) -> Self {
        Self {
            key: Key::ed25519(),
            version: Version::V2,
            origin: host.to_owned(),
            name: host.to_owned(),
            leaves: Mutex::default(),
        }
    }

    /// Its identifier: the key's hash, or that of origin and key.
    pub fn id(&self) -> Hash {
        match self.version {
            Version::V1 => sha256(&self.key.spki()),
            Version::V2 => sha256(&[self.origin.as_bytes(), b"\n\x01", &self.key.public_bytes()].concat()),
        }
    }

    /// Enters something.
    pub fn append(&self, body: &Value, at: i64) -> Entry {
        let body = body.to_string().into_bytes();
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        let index = leaves.len();
        leaves.push(merkle::leaf(&body));
        let (root, path) = (merkle::root(&leaves), merkle::path(index, &leaves));
        Entry { body, index, size: leaves.len(), root, path, at }
    }

    /// The signed head of a tree.
    pub fn checkpoint(&self, size: usize, root: &Hash) -> String {
        let note = format!("{}\n{size}\n{}\n", self.origin, b64(root));
        let line = b64([&self.id()[..4], &self.key.sign(note.as_bytes())].concat());
        format!("{note}\n\u{2014} {} {line}\n", self.name)
    }

    /// The promise (SET) over an entry.
    pub fn promise(&self, entry: &Entry) -> String {
        // serde_json's maps are sorted, and this has no numbers that RFC 8785 writes in another way.
        let payload = json!({
            "body": b64(&entry.body), "integratedTime": entry.at, "logID": hex(&self.id()),
            "logIndex": entry.index,
        });
        b64(self.key.sign(payload.to_string().as_bytes()))
    }

    /// The entry as it stands in a bundle.
    pub fn in_bundle(&self, entry: &Entry) -> Value {
        let body: Value = serde_json::from_slice(&entry.body).expect("bodies are JSON");
        let mut value = json!({
            "logIndex": entry.index.to_string(), "logId": {"keyId": b64(self.id())},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "inclusionProof": {
                "logIndex": entry.index.to_string(), "rootHash": b64(entry.root),
                "treeSize": entry.size.to_string(), "hashes": entry.path.iter().map(b64).collect::<Vec<_>>(),
                "checkpoint": {"envelope": self.checkpoint(entry.size, &entry.root)},
            },
            "canonicalizedBody": b64(&entry.body),
        });
        if self.version == Version::V1 {
            value["integratedTime"] = json!(entry.at.to_string());
            value["inclusionPromise"] = json!({"signedEntryTimestamp": self.promise(entry)});
        }
        value
    }

    /// The entry as cosign 2 keeps it beside a signature.
    pub fn in_annotation(&self, entry: &Entry) -> Value {
        json!({
            "SignedEntryTimestamp": self.promise(entry),
            "Payload": {
                "body": b64(&entry.body), "integratedTime": entry.at, "logIndex": entry.index,
                "logID": hex(&self.id()),
            },
        })
    }

    /// The entry as Rekor's first interface answers it, under its identifier.
    pub(crate) fn in_answer(&self, entry: &Entry) -> (String, Value) {
        let id = format!("{:016x}{}", 1, hex(&merkle::leaf(&entry.body)));
        let value = json!({
            "body": b64(&entry.body), "integratedTime": entry.at, "logID": hex(&self.id()),
            "logIndex": entry.index,
            "verification": {
                "inclusionProof": {
                    "checkpoint": self.checkpoint(entry.size, &entry.root),
                    "hashes": entry.path.iter().map(|hash| hex(hash)).collect::<Vec<_>>(),
                    "logIndex": entry.index, "rootHash": hex(&entry.root), "treeSize": entry.size,
                },
                "signedEntryTimestamp": self.promise(entry),
            },
        });
        (id, value)
    }

    /// The log in a trusted root.
    pub(crate) fn in_root(&self, url: &str, window: &Value) -> Value {
        json!({
            "baseUrl": url, "hashAlgorithm": "SHA2_256", "logId": {"keyId": b64(self.id())},
            "publicKey": {
                "rawBytes": b64(self.key.spki()), "keyDetails": self.key.details(), "validFor": window,
            },
        })
    }
}
