//! Who must have signed: `signed-by = { all = […], at-least = 1, of = […] }`.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use super::reader::Reader;
use super::tree::Node;
use crate::at::At;
use crate::names::SignerName;
use crate::quorum::Quorum;
use crate::refusal::{Refusal, RefusalCode, shown};

/// More signers than any quorum needs.
const MOST_SIGNERS: u32 = 1000;

impl Reader<'_> {
    /// A quorum: everybody of `all`, and beside them `at-least` as many `of` others.
    pub(super) fn quorum(&mut self, node: &Node) -> Option<Quorum> {
        let has = |key| node.entry(key).is_some();
        let only_all = has("all") && !has("at-least") && !has("of");
        if !only_all {
            let kind = if has("all") { "a quorum beside `all`" } else { "a quorum without `all`" };
            self.needs(node, kind, "at-least");
            self.needs(node, kind, "of");
        }
        let all = self.optional(node, "all", Self::names_of_signers);
        let at_least = self.optional(node, "at-least", |reader, node| reader.whole(node, MOST_SIGNERS));
        let of = self.optional(node, "of", Self::names_of_signers);
        if let (Some(at_least), Some(of)) = (&at_least, &of) {
            self.at_most_all(node, at_least, of);
        }
        if let (Some(all), Some(of)) = (&all, &of) {
            self.apart(all, of);
        }
        if !only_all && (at_least.is_none() || of.is_none()) || has("all") && all.is_none() {
            return None;
        }
        let required = all.as_ref().map_or_else(At::default, names);
        let others = of.as_ref().map_or_else(At::default, names);
        let needed = u32::try_from(required.value.len())
            .ok()?
            .checked_add(at_least.map_or(0, |at_least| at_least.value.get()))?;
        Some(Quorum {
            signers: At { value: &required.value | &others.value, span: others.span.or(required.span) },
            at_least: At {
                value: NonZeroU32::new(needed)?,
                span: at_least.and_then(|at_least| at_least.span).or(required.span),
            },
            required,
        })
    }

    fn at_most_all(&mut self, node: &Node, at_least: &At<NonZeroU32>, of: &At<Vec<At<SignerName>>>) {
        let listed = u32::try_from(of.value.len()).unwrap_or(u32::MAX);
        if at_least.value.get() <= listed {
            return;
        }
        let mut refusal = Refusal::new(
            RefusalCode::Unsatisfiable,
            at_least.span.unwrap_or(node.span),
            format!("{} signatures are asked of {listed} signers", at_least.value),
        );
        if let Some(span) = of.span {
            refusal = refusal.related(span, "the signers");
        }
        self.refusals.push(refusal);
    }

    /// Refuses a signer that stands in both lists: whether it counts twice should not have to be guessed.
    fn apart(&mut self, all: &At<Vec<At<SignerName>>>, of: &At<Vec<At<SignerName>>>) {
        for name in &of.value {
            let Some(twice) = all.value.iter().find(|known| known.value == name.value) else { continue };
            let Some(span) = name.span else { continue };
            let message = format!("the signer `{}` stands in `all` and in `of`", shown(name.value.as_str()));
            let mut refusal = Refusal::new(RefusalCode::BadValue, span, message)
                .help("a signer of `all` must sign anyway, and `of` counts others: list it in one of them");
            if let Some(span) = twice.span {
                refusal = refusal.related(span, "it must sign");
            }
            self.refusals.push(refusal);
        }
    }

    fn names_of_signers(&mut self, node: &Node) -> Option<At<Vec<At<SignerName>>>> {
        let names = self.parsed_list::<SignerName>(node);
        if names.is_empty() {
            self.bad(node, "list at least one signer");
            return None;
        }
        Some(At::new(names, node.span))
    }

    /// A list of signers.
    pub(super) fn signers(&mut self, node: &Node) -> Option<At<BTreeSet<SignerName>>> {
        self.names_of_signers(node).map(|list| names(&list))
    }
}

fn names(list: &At<Vec<At<SignerName>>>) -> At<BTreeSet<SignerName>> {
    At { value: list.value.iter().map(|name| name.value.clone()).collect(), span: list.span }
}
