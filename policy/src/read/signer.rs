//! Signers: a key, or an identity with its issuer.

use std::collections::BTreeMap;

use super::document::{SignerBy, SignerDoc};
use super::reader::Reader;
use super::tree::Node;
use crate::at::At;
use crate::expression::Expression;
use crate::identity::{IssuerPattern, SubjectPattern};
use crate::refusal::{Refusal, RefusalCode};
use crate::window::SigningWindow;

const KEYLESS: &str = "a signer without a `public-key`";
/// Each takes some milliseconds to compile at most, and a file may have thousands of signers.
const MOST_EXPRESSIONS: usize = 64;

impl Reader<'_> {
    pub(super) fn signer(&mut self, node: &Node) -> Option<SignerDoc> {
        let root = self.optional(node, "root", Self::parsed);
        let window = self.window(node);
        if node.entry("public-key").is_some() {
            let known = ["root", "public-key", "not-before", "not-after", "revoked-at"];
            self.only(node, "a signer with a key", &known);
            let path = self.optional(node, "public-key", Self::line)?;
            return Some(SignerDoc { by: SignerBy::Key { path, root }, window });
        }
        self.needs(node, KEYLESS, "root");
        // SECURITY: a subject without an issuer, or an issuer without a subject, lets others sign (VERIFIER.md).
        let issuer = self.one_of(node, ("issuer", "issuer-regexp"), KEYLESS, |reader, key, node| match key {
            "issuer" => Some(IssuerPattern::Exact(reader.issuer(node)?.value)),
            _ => Some(IssuerPattern::WholeRegexp(reader.somebody(node)?)),
        });
        let subject =
            self.one_of(node, ("subject", "subject-regexp"), KEYLESS, |reader, key, node| match key {
                "subject" => Some(SubjectPattern::from_policy(&reader.subject(node)?.value)),
                _ => Some(SubjectPattern::WholeRegexp(reader.somebody(node)?)),
            });
        let claims = self.claims(node);
        let by = SignerBy::Keyless { root: root?, issuer: issuer?, subject: subject?, claims };
        Some(SignerDoc { by, window })
    }

    /// Of a key and its form with an expression exactly one.
    pub(super) fn one_of<T>(
        &mut self,
        node: &Node,
        (plain, regexp): (&'static str, &'static str),
        kind: &str,
        read: impl FnOnce(&mut Self, &'static str, &Node) -> Option<T>,
    ) -> Option<T> {
        match (node.entry(plain), node.entry(regexp)) {
            (Some(entry), None) => read(self, plain, &entry.node),
            (None, Some(entry)) => read(self, regexp, &entry.node),
            (Some(one), Some(other)) => {
                let message = format!("`{plain}` and `{regexp}` are two ways to say one thing");
                self.refusals.push(
                    Refusal::new(RefusalCode::BadValue, other.key_span, message)
                        .related(one.key_span, "the other one")
                        .help("leave one of them out"),
                );
                None
            }
            (None, None) => {
                self.needs(node, kind, plain);
                None
            }
        }
    }

    /// An expression for an identity that not just anybody has.
    fn somebody(&mut self, node: &Node) -> Option<Expression> {
        let expression = self.expression(node)?;
        if expression.is_for_anybody() {
            self.bad(node, "this expression accepts anybody: write out at least who vouches, or for whom");
            return None;
        }
        Some(expression)
    }

    /// A regular expression, compiled.
    pub(super) fn expression(&mut self, node: &Node) -> Option<Expression> {
        let text = self.line(node)?;
        self.expressions = self.expressions.saturating_add(1);
        if self.expressions > MOST_EXPRESSIONS {
            let message = format!("a policy has at most {MOST_EXPRESSIONS} regular expressions");
            self.refusals.push(Refusal::new(RefusalCode::TooComplex, node.span, message));
            return None;
        }
        match Expression::new(text.value) {
            Ok(expression) => Some(expression),
            Err(error) => {
                self.bad(node, error);
                None
            }
        }
    }

    fn window(&mut self, node: &Node) -> SigningWindow {
        let window = SigningWindow {
            not_before: self.optional(node, "not-before", Self::moment),
            not_after: self.optional(node, "not-after", Self::moment),
            revoked_at: self.optional(node, "revoked-at", Self::moment),
        };
        let ends = [window.not_after, window.revoked_at].into_iter().flatten();
        let from = window.not_before.map(|at| at.value);
        if let Some(end) = ends.into_iter().find(|end| from.is_some_and(|from| end.value < from)) {
            let message = "the signer's window ends before it begins, so nothing it signs ever counts";
            self.refusals.push(Refusal::new(
                RefusalCode::Unsatisfiable,
                end.span.unwrap_or(node.span),
                message,
            ));
        }
        window
    }

    pub(super) fn issuer(&mut self, node: &Node) -> Option<At<String>> {
        let issuer = self.line(node)?;
        if issuer.value.contains('*') {
            self.bad(
                node,
                "an issuer is exact: `*` has no meaning in it; `issuer-regexp` takes an expression",
            );
            return None;
        }
        Some(issuer)
    }

    pub(super) fn subject(&mut self, node: &Node) -> Option<At<String>> {
        let subject = self.line(node)?;
        if subject.value.chars().all(|c| matches!(c, '*' | '/' | ':' | '.' | '@')) {
            self.bad(node, "this subject is any subject: write out at least the repository and the workflow");
            return None;
        }
        Some(subject)
    }

    fn claims(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut claims = BTreeMap::new();
        let Some(entry) = node.entry("claims") else { return claims };
        for claim in self.table(&entry.node).unwrap_or_default() {
            if let Some(value) = self.line(&claim.node) {
                claims.insert(claim.key.clone(), value.value);
            }
        }
        claims
    }
}
