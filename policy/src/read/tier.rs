//! A tier as written: what it says, before inheritance.

use perry_sandbox_profiles::LinuxCap;

use super::reader::Reader;
use super::tree::Node;
use crate::at::At;
use crate::ceiling::UserRule;
use crate::isolation::IsolationLevel;
use crate::limits::EntryLimits;
use crate::names::{SecretName, TierName};
use crate::pattern::{DevicePath, EgressPattern, EnvPattern, HostPath, PatternSet};
use crate::plan::{MemoryEnforcement, RootfsMode};
use crate::source::Span;

/// One tier of one file; what is absent is inherited or has its default.
#[derive(Debug)]
pub(crate) struct TierDoc {
    pub(crate) span: Span,
    pub(crate) extends: Vec<At<TierName>>,
    pub(crate) accept: Option<At<Vec<At<IsolationLevel>>>>,
    pub(crate) prefer: Option<At<Vec<At<IsolationLevel>>>>,
    pub(crate) rootfs: Option<At<RootfsMode>>,
    pub(crate) user: Option<At<UserRule>>,
    /// The profile's name; looked up among the file's own and the built-in ones.
    pub(crate) seccomp: Option<At<String>>,
    pub(crate) memory_enforcement: Option<At<MemoryEnforcement>>,
    pub(crate) egress: Option<PatternSet<EgressPattern>>,
    pub(crate) mounts_read: Option<PatternSet<HostPath>>,
    pub(crate) mounts_write: Option<PatternSet<HostPath>>,
    pub(crate) mounts_exec: Option<PatternSet<HostPath>>,
    pub(crate) env: Option<PatternSet<EnvPattern>>,
    pub(crate) secrets: Option<PatternSet<SecretName>>,
    pub(crate) devices: Option<PatternSet<DevicePath>>,
    pub(crate) linux_caps: Option<PatternSet<LinuxCap>>,
    pub(crate) limits: EntryLimits,
}

impl Reader<'_> {
    #[expect(clippy::unnecessary_wraps, reason = "all readers of named tables have one signature")]
    pub(super) fn tier(&mut self, node: &Node) -> Option<TierDoc> {
        let [mounts_read, mounts_write, mounts_exec] = self.mounts(node);
        let isolation = node.entry("isolation").map(|entry| &entry.node);
        Some(TierDoc {
            span: node.span,
            extends: node.entry("extends").map(|entry| self.parsed_list(&entry.node)).unwrap_or_default(),
            accept: isolation.and_then(|node| self.levels(node, "accept")),
            prefer: isolation.and_then(|node| self.levels(node, "prefer")),
            rootfs: self.choice(
                node,
                "rootfs",
                [("read-only", RootfsMode::ReadOnly), ("ephemeral", RootfsMode::Ephemeral)],
            ),
            user: self.choice(node, "user", [("non-root", UserRule::NonRoot), ("any", UserRule::Any)]),
            seccomp: self.optional(node, "seccomp", |reader, node| {
                let name = reader.text(node)?.to_owned();
                Some(At::new(name, node.span))
            }),
            memory_enforcement: self.choice(
                node,
                "memory-enforcement",
                [("exact", MemoryEnforcement::Exact), ("watched", MemoryEnforcement::Watched)],
            ),
            egress: self.set(node, "egress"),
            mounts_read,
            mounts_write,
            mounts_exec,
            env: self.set(node, "env"),
            secrets: self.set(node, "secrets"),
            devices: self.set(node, "devices"),
            linux_caps: self.set(node, "linux-caps"),
            limits: self.limits(node),
        })
    }

    pub(super) fn levels(&mut self, node: &Node, key: &str) -> Option<At<Vec<At<IsolationLevel>>>> {
        let entry = node.entry(key)?;
        let levels = self.parsed_list::<IsolationLevel>(&entry.node);
        if levels.is_empty() {
            self.bad(&entry.node, "list at least one isolation level");
        }
        Some(At::new(levels, entry.node.span))
    }
}
