//! The deny list.

use super::reader::Reader;
use super::tree::Node;
use crate::deny_list::{Denied, DenyEntry, DenyList, serial_text};
use crate::identity::SubjectPattern;

/// The kinds of things that an entry may deny.
const KINDS: [&str; 5] = ["digest", "key", "identity", "serial", "log-entry"];

impl Reader<'_> {
    pub(super) fn deny_list(&mut self, tree: &Node) -> DenyList {
        let Some(entry) = tree.entry("deny") else { return DenyList::default() };
        let mut entries = Vec::new();
        for node in self.list(&entry.node) {
            entries.extend(self.deny_entry(node));
        }
        DenyList::new(entries)
    }

    fn deny_entry(&mut self, node: &Node) -> Option<DenyEntry> {
        let reason = self.optional(node, "reason", Self::line);
        let given: Vec<&str> = KINDS.into_iter().filter(|kind| node.entry(kind).is_some()).collect();
        let [kind] = given.as_slice() else {
            self.bad(node, format!("a denial names exactly one of {}", KINDS.join(", ")));
            return None;
        };
        let what = self.optional(node, kind, |reader, node| match *kind {
            "digest" => Some(Denied::Digest(reader.parsed(node)?.value)),
            "key" => Some(Denied::Key(reader.parsed(node)?.value)),
            "identity" => reader.denied_identity(node),
            "serial" => reader.serial(node),
            _ => {
                let log = reader.optional(node, "log", Self::sha256);
                let index = reader.optional(node, "index", Self::count)?;
                Some(Denied::LogEntry { log: log.map(|log| log.value), index: index.value })
            }
        });
        Some(DenyEntry { what: what?, reason: reason?.value })
    }

    fn denied_identity(&mut self, node: &Node) -> Option<Denied> {
        let issuer = self.optional(node, "issuer", Self::issuer);
        // A wider pattern only denies more, so any subject may be written here.
        let subject =
            self.one_of(node, ("subject", "subject-regexp"), "an identity", |reader, key, node| match key {
                "subject" => Some(SubjectPattern::from_policy(&reader.line(node)?.value)),
                _ => Some(SubjectPattern::WholeRegexp(reader.expression(node)?)),
            });
        Some(Denied::Identity { issuer: issuer.map(|issuer| issuer.value), subject: subject? })
    }

    fn serial(&mut self, node: &Node) -> Option<Denied> {
        let serial = serial_text(self.text(node)?);
        if serial.is_none() {
            self.bad(node, "expected a serial number in hex, such as `0a:1b:2c`");
        }
        serial.map(Denied::Serial)
    }
}
