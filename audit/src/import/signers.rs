//! Demands of other tools as signers of ours.

use std::collections::BTreeSet;

use super::outcome::{ImportLoss, KeyFile, LossKind};
use crate::place::{Place, Placed};
use crate::trust::{Demand, DemandKind, Identity, IdentityPart, KeySource};

/// A signer of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signer {
    /// A key in a file.
    Key { path: String, root: Option<&'static str> },
    /// A certificate of the public instance: key and text for issuer and subject.
    Keyless { issuer: (&'static str, String), subject: (&'static str, String) },
}

/// The signers of one import, with their names.
#[derive(Debug, Default)]
pub(super) struct Signers {
    pub(super) named: Vec<(String, Signer)>,
    pub(super) keys: Vec<KeyFile>,
    taken: BTreeSet<String>,
}

/// A name that a policy takes, made of any text.
pub(super) fn name_of(text: &str) -> String {
    let mut name: String = text
        .chars()
        .map(|char| char.to_ascii_lowercase())
        .map(|char| if char.is_ascii_lowercase() || char.is_ascii_digit() { char } else { '-' })
        .collect();
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    let name: String = name.trim_matches('-').chars().take(48).collect();
    if name.is_empty() { "imported".to_owned() } else { name }
}

/// The name, with a number behind it where it is taken.
pub(super) fn unused(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut unused = name.to_owned();
    let mut number = 2_u32;
    while !taken.insert(unused.clone()) {
        unused = format!("{name}-{number}");
        number = number.saturating_add(1);
    }
    unused
}

impl Signers {
    /// The names of the signers of whom any one satisfies a demand; what of it cannot be said is added to the losses.
    pub(super) fn of_demand(
        &mut self,
        rule: &str,
        demand: &Demand,
        losses: &mut Vec<ImportLoss>,
    ) -> Option<Vec<String>> {
        let signers = match &demand.kind {
            DemandKind::Keys(keys) => self.keys(rule, demand, keys, losses),
            DemandKind::Keyless { identities, is_public } => {
                certificates(demand.place, identities, *is_public, losses)
            }
            DemandKind::Other(what) => {
                losses.push(left_out(demand.place, format!("{what}: it is not verified here")));
                Vec::new()
            }
            DemandKind::Accept => {
                losses.push(left_out(demand.place, "everything is accepted: that cannot be said here"));
                Vec::new()
            }
            DemandKind::Reject => Vec::new(),
        };
        let names: Vec<String> = signers.into_iter().map(|signer| self.name(rule, signer)).collect();
        (!names.is_empty()).then_some(names)
    }

    fn keys(
        &mut self,
        rule: &str,
        demand: &Demand,
        keys: &[Placed<KeySource>],
        losses: &mut Vec<ImportLoss>,
    ) -> Vec<Signer> {
        let root = (demand.log_waived.is_none() && demand.log_is_public).then_some("public");
        let mut signers = Vec::new();
        for key in keys {
            let path = match &key.value {
                KeySource::File(path) => path.clone(),
                KeySource::Text(pem) => self.key_file(rule, pem),
                KeySource::Elsewhere(what) => {
                    let message = format!("a key in `{what}`: a policy takes keys from files beside it");
                    losses.push(left_out(key.place, message));
                    continue;
                }
            };
            signers.push(Signer::Key { path, root });
        }
        signers
    }

    fn key_file(&mut self, rule: &str, pem: &str) -> String {
        if let Some(known) = self.keys.iter().find(|known| known.pem == pem) {
            return known.name.clone();
        }
        let number = self.keys.len().saturating_add(1);
        let name = format!("{}-{number}.pub", name_of(rule));
        self.keys.push(KeyFile { name: name.clone(), pem: pem.to_owned() });
        name
    }

    fn name(&mut self, rule: &str, signer: Signer) -> String {
        if let Some((name, _)) = self.named.iter().find(|(_, known)| *known == signer) {
            return name.clone();
        }
        let name = unused(&mut self.taken, &name_of(rule));
        self.named.push((name.clone(), signer));
        name
    }
}

fn left_out(place: Place, message: impl Into<String>) -> ImportLoss {
    ImportLoss { kind: LossKind::LeftOut, place, message: message.into() }
}

/// Identities as signers. Whoever vouches for half an identity, or for anybody, is left out.
fn certificates(
    place: Place,
    identities: &[Identity],
    is_public: bool,
    losses: &mut Vec<ImportLoss>,
) -> Vec<Signer> {
    if !is_public {
        let message = "certificates of one's own authority: write a trust root of kind `file` with its `trusted_root.json`";
        losses.push(left_out(place, message));
        return Vec::new();
    }
    if identities.is_empty() {
        losses.push(left_out(place, "no identity: everybody may sign"));
    }
    let mut signers = Vec::new();
    for identity in identities {
        match keyless(identity) {
            Some(signer) => signers.push(signer),
            None => losses.push(left_out(identity.place, "half an identity: it lets others sign")),
        }
    }
    signers
}

fn keyless(identity: &Identity) -> Option<Signer> {
    let part = |part: &IdentityPart, exact, expression| {
        let text = &part.text.value;
        // Here the whole is compared, whatever the expression says.
        let key = if part.is_expression { expression } else { exact };
        (key, text.clone())
    };
    Some(Signer::Keyless {
        issuer: part(identity.issuer.as_ref()?, "issuer", "issuer-regexp"),
        subject: part(identity.subject.as_ref()?, "subject", "subject-regexp"),
    })
}
