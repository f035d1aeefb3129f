//! Grants and limits, of tiers and of entries.

use std::fmt::Display;
use std::str::FromStr;

use super::reader::Reader;
use super::tree::Node;
use crate::at::At;
use crate::grants::{Grants, ProjectGrants};
use crate::limits::EntryLimits;
use crate::names::SecretName;
use crate::pattern::{HostPath, Pattern, PatternSet, PublishAddress, PublishOn};
use crate::refusal::{Refusal, RefusalCode};

/// The kernel's own bound on processes (`PID_MAX_LIMIT`).
const MOST_PIDS: u32 = 4_194_304;
/// Patterns of one list.
const MOST_PATTERNS: usize = 256;
/// Ports of one list of published addresses.
const MOST_PORTS: usize = 1024;
/// The kernel's default `fs.nr_open`.
const MOST_FILES: u32 = 1_048_576;

impl Reader<'_> {
    /// A set of patterns, where the key is there.
    pub(super) fn set<T>(&mut self, node: &Node, key: &str) -> Option<PatternSet<T>>
    where
        T: Pattern + FromStr<Err: Display>,
    {
        let entry = node.entry(key)?;
        let items = self.parsed_list::<T>(&entry.node);
        if items.len() > MOST_PATTERNS {
            // SECURITY: the meet of two lists takes every pair.
            let message = format!("the list has {} items, and {MOST_PATTERNS} are the most", items.len());
            self.refusals.push(Refusal::new(RefusalCode::TooComplex, entry.node.span, message));
            return None;
        }
        Some(PatternSet::new(items.into_iter().map(|item| (item.value, item.span))))
    }

    /// Addresses to publish on: of a range each port is granted.
    fn publish(&mut self, node: &Node) -> Option<PatternSet<PublishAddress>> {
        let entry = node.entry("publish")?;
        let ranges = self.parsed_list::<PublishOn>(&entry.node);
        let ports: usize = ranges.iter().map(|range| range.value.each().count()).sum();
        if ports > MOST_PORTS {
            let message = format!("the list has {ports} ports, and {MOST_PORTS} are the most");
            self.refusals.push(Refusal::new(RefusalCode::TooComplex, entry.node.span, message));
            return None;
        }
        let each = |range: At<PublishOn>| range.value.each().map(move |port| (port, range.span));
        Some(PatternSet::new(ranges.into_iter().flat_map(each)))
    }

    /// Folders to read, to write and to execute, where the keys are there.
    pub(super) fn mounts(&mut self, node: &Node) -> [Option<PatternSet<HostPath>>; 3] {
        let Some(entry) = node.entry("mounts") else { return [None, None, None] };
        ["read", "write", "exec"].map(|key| self.set(&entry.node, key))
    }

    /// The grants of an entry.
    pub(super) fn grants(&mut self, node: &Node) -> (Grants, ProjectGrants) {
        let [mounts_read, mounts_write, mounts_exec] = self.mounts(node);
        let grants = Grants {
            egress: self.set(node, "egress").unwrap_or_default(),
            mounts_read: mounts_read.unwrap_or_default(),
            mounts_write: mounts_write.unwrap_or_default(),
            mounts_exec: mounts_exec.unwrap_or_default(),
            env: self.set(node, "env").unwrap_or_default(),
            secrets: self.secrets(node),
            devices: self.set(node, "devices").unwrap_or_default(),
            linux_caps: self.set(node, "linux-caps").unwrap_or_default(),
        };
        let project = ProjectGrants {
            networks: self.set(node, "networks").unwrap_or_default(),
            publish: self.publish(node).unwrap_or_default(),
            volumes: self.set(node, "volumes").unwrap_or_default(),
        };
        (grants.all_implies_reading(), project)
    }

    fn secrets(&mut self, node: &Node) -> PatternSet<SecretName> {
        let Some(entry) = node.entry("secrets") else { return PatternSet::default() };
        let mut secrets = PatternSet::default();
        for item in self.list(&entry.node) {
            if let Some(name) = self.optional(item, "name", Self::parsed::<SecretName>) {
                if secrets.includes(&name.value) {
                    self.bad(item, format!("the secret `{}` is granted twice", name.value));
                }
                secrets.insert(name.value, name.span);
            }
        }
        secrets
    }

    /// Limits, where the keys are there.
    pub(super) fn limits(&mut self, node: &Node) -> EntryLimits {
        let Some(entry) = node.entry("limits") else { return EntryLimits::default() };
        let node = &entry.node;
        EntryLimits {
            memory: self.optional(node, "memory", Self::parsed),
            cpu: self.optional(node, "cpu", Self::cores),
            pids: self.optional(node, "pids", |reader, node| reader.whole(node, MOST_PIDS)),
            wall: self.optional(node, "wall", Self::parsed),
            output: self.optional(node, "output", Self::parsed),
            disk: self.optional(node, "disk", Self::parsed),
            open_files: self.optional(node, "open-files", |reader, node| reader.whole(node, MOST_FILES)),
        }
    }

    /// A word of a list, as a value of an order.
    pub(super) fn choice<T: Copy, const N: usize>(
        &mut self,
        node: &Node,
        key: &str,
        choices: [(&str, T); N],
    ) -> Option<At<T>> {
        let entry = node.entry(key)?;
        let text = self.text(&entry.node)?;
        // An unknown word was refused with the list of the known ones when the keys were checked.
        let (_, value) = choices.into_iter().find(|(word, _)| *word == text)?;
        Some(At::new(value, entry.node.span))
    }
}
