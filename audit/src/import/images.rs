//! Rules of other tools as image rules of ours.

use std::collections::BTreeSet;

use super::outcome::{ImportLoss, Imported, LossKind};
use super::scope::{Scope, lies_within, scope};
use super::signers::{Signers, name_of, unused};
use super::write::{Image, policy};
use crate::input::TrustForm;
use crate::place::{Place, Texts};
use crate::trust::{DemandKind, TrustRule};

/// Writes all rules that can be said.
pub(super) fn images(form: TrustForm, rules: &[TrustRule], name: &str, texts: Texts) -> Imported {
    let mut import = Import { form, signers: Signers::default(), losses: Vec::new(), taken: BTreeSet::new() };
    let mut found: Vec<(Image, Place)> = Vec::new();
    let mut closed: Vec<(String, Place)> = Vec::new();
    for rule in rules {
        let Some(written) = &rule.scope else {
            import.default(rule);
            continue;
        };
        match scope(form, &written.value) {
            Err(why) => import.lose(LossKind::LeftOut, written.place, why.to_owned()),
            Ok(scope) => match import.image(rule, &scope) {
                Some(image) => found.push((image, written.place)),
                None => closed.push((scope.repository, written.place)),
            },
        }
    }
    import.overlapping(&mut found);
    import.opened(&mut found, &closed);
    let images: Vec<Image> = found.into_iter().map(|(image, _)| image).collect();
    let used: BTreeSet<&String> =
        images.iter().flat_map(|image| image.all.iter().chain(&image.any)).collect();
    import.signers.named.retain(|(name, _)| used.contains(name));
    let mut losses = import.losses;
    losses.sort_by_key(|loss| (loss.kind, loss.place));
    losses.dedup();
    let policy = policy(name, &import.signers.named, &images);
    Imported { policy, keys: import.signers.keys, losses, texts }
}

struct Import {
    form: TrustForm,
    signers: Signers,
    losses: Vec<ImportLoss>,
    taken: BTreeSet<String>,
}

impl Import {
    fn lose(&mut self, kind: LossKind, place: Place, message: String) {
        self.losses.push(ImportLoss { kind, place, message });
    }

    /// What no rule is for is denied here.
    fn default(&mut self, rule: &TrustRule) {
        if rule.demands.iter().any(|demand| !matches!(demand.kind, DemandKind::Reject)) {
            let message = "images that no rule names: here they are denied";
            self.lose(LossKind::Changed, rule.place, message.to_owned());
        }
    }

    /// One rule; nothing where its images must stay denied.
    fn image(&mut self, rule: &TrustRule, scope: &Scope) -> Option<Image> {
        for beyond in &rule.beyond {
            self.lose(
                LossKind::LeftOut,
                beyond.place,
                format!("{}: it cannot be said here, so the rule is left out", beyond.value),
            );
        }
        if !rule.beyond.is_empty() {
            return None;
        }
        let (all, any) = if rule.all { self.every(rule)? } else { (Vec::new(), self.one(rule)?) };
        if let Some(place) = rule.warns_only {
            self.lose(LossKind::Changed, place, "a rule that only warns: here it refuses".to_owned());
        }
        if scope.is_alone {
            let message = format!(
                "the rule is for `{}` alone: here it is for what lies below it as well",
                scope.repository
            );
            self.lose(LossKind::Changed, rule.place, message);
        }
        let keys = rule.demands.iter().filter(|demand| matches!(demand.kind, DemandKind::Keys(_)));
        for demand in keys.filter(|demand| demand.log_waived.is_none() && !demand.log_is_public) {
            let message =
                "the log's own key: nothing verifies until the signer has a `root` that knows the log";
            self.lose(LossKind::Changed, demand.place, message.to_owned());
        }
        if rule.predicate.is_some() {
            let message = "an attestation instead of a signature: here both are asked for";
            self.lose(LossKind::Changed, rule.place, message.to_owned());
        }
        let last = scope.repository.rsplit('/').next().unwrap_or_default();
        Some(Image {
            name: unused(&mut self.taken, &name_of(last)),
            repository: scope.repository.clone(),
            digest: scope.digest.clone(),
            all,
            any,
            predicate: rule.predicate.as_ref().map(|predicate| predicate.value.clone()),
            needs_log: rule.demands.iter().all(|demand| demand.log_waived.is_none()),
        })
    }

    /// All demands must hold: those of one signer are in `all`, and one more may be of several.
    fn every(&mut self, rule: &TrustRule) -> Option<(Vec<String>, Vec<String>)> {
        let (mut all, mut any) = (Vec::new(), Vec::new());
        for demand in &rule.demands {
            let before = self.losses.len();
            let mut names = self.signers.of_demand(&rule.name, demand, &mut self.losses)?;
            if self.losses.len() > before {
                return None;
            }
            names.dedup();
            match (names.len(), any.is_empty()) {
                (1, _) => all.extend(names),
                (_, true) => any = names,
                (_, false) => {
                    let message = "two demands of several keys each: a quorum here has one such list";
                    self.lose(LossKind::LeftOut, demand.place, message.to_owned());
                    return None;
                }
            }
        }
        all.dedup();
        any.retain(|name| !all.contains(name));
        if all.len() == 1 && any.is_empty() {
            std::mem::swap(&mut all, &mut any);
        }
        (!all.is_empty() || !any.is_empty()).then_some((all, any))
    }

    /// Any one demand may hold: what cannot be said of one leaves the others.
    fn one(&mut self, rule: &TrustRule) -> Option<Vec<String>> {
        let mut any = Vec::new();
        for demand in &rule.demands {
            any.extend(self.signers.of_demand(&rule.name, demand, &mut self.losses).unwrap_or_default());
        }
        let mut seen = BTreeSet::new();
        any.retain(|name| seen.insert(name.clone()));
        (!any.is_empty()).then_some(any)
    }

    /// In a cluster all rules hold that fit an image; here the nearest one does. Where that differs, neither is written.
    fn overlapping(&mut self, found: &mut Vec<(Image, Place)>) {
        let mut wrong = BTreeSet::new();
        for (at, (one, place)) in found.iter().enumerate() {
            for (other_at, (other, _)) in found.iter().enumerate() {
                let is_same = one.repository == other.repository;
                let meets = lies_within(&one.repository, &other.repository);
                let differs = self.form == TrustForm::ClusterImagePolicy || is_same;
                if at != other_at && meets && differs {
                    wrong.insert(at);
                    wrong.insert(other_at);
                    let message = format!(
                        "two rules hold for `{}`: here one does, so neither is written",
                        one.repository
                    );
                    self.losses.push(ImportLoss { kind: LossKind::LeftOut, place: *place, message });
                }
            }
        }
        let mut at = 0_usize;
        found.retain(|_| {
            let keep = !wrong.contains(&at);
            at = at.saturating_add(1);
            keep
        });
    }

    /// SECURITY: a rule that is left out, or refuses, would be answered for by a wider one that is written.
    fn opened(&mut self, found: &mut Vec<(Image, Place)>, closed: &[(String, Place)]) {
        let losses = &mut self.losses;
        found.retain(|(image, place)| {
            let hole = closed.iter().find(|(inner, _)| lies_within(inner, &image.repository));
            if let Some((inner, _)) = hole {
                let message =
                    format!("the rule would let `{inner}` run, which must stay denied: it is left out");
                losses.push(ImportLoss { kind: LossKind::LeftOut, place: *place, message });
            }
            hole.is_none()
        });
    }
}
