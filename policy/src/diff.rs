//! What a change of policy means, by capability: what becomes possible, and what becomes impossible.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use serde::Serialize;

use crate::build::BuildGrant;
use crate::ceiling::Ceiling;
use crate::entries::{ImageRule, Tiers};
use crate::grants::Grants;
use crate::limits::EntryLimits;
use crate::names::ImageRuleName;
use crate::pattern::{Pattern, PatternSet};
use crate::policy::Policy;
use crate::quorum::Quorum;

/// The difference between two policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Every change, in the order of its subject.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// `capability fetch`, `service shop/*`, `ad-hoc`, `exception …`.
    pub subject: String,
    /// Whether something became possible or impossible.
    pub effect: Effect,
    /// What.
    pub what: String,
}

/// Which way a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// The new policy allows what the old one did not.
    Possible,
    /// The new policy does not allow what the old one did.
    Impossible,
    /// Neither contains the other.
    Different,
    /// What is told is another, and what is allowed is the same.
    Told,
}

/// Compares two policies by what can be run under them, not by their text.
pub fn diff(old: &Policy, new: &Policy) -> Diff {
    let mut changes = Changes(Vec::new());
    let names: BTreeSet<_> = old.capabilities().chain(new.capabilities()).map(|(name, _)| name).collect();
    for name in names {
        let subject = format!("capability {name}");
        let side = |policy: &Policy| {
            policy.capability(name).map(|found| Side {
                ceiling: ceiling(policy, &found.tiers),
                grants: found.grants.clone(),
                limits: found.limits.clone(),
                build: None,
                images: Some(BTreeSet::from([found.image.value.clone()])),
                command: Some((found.command.value.join(" "), found.args.map(|args| args.value))),
                warm: found.warm.map_or(0, |warm| warm.value.get()),
            })
        };
        changes.sides(&subject, (old, side(old)), (new, side(new)));
    }
    let patterns: BTreeSet<_> = old.services().chain(new.services()).map(|(pattern, _)| pattern).collect();
    for pattern in patterns {
        let side = |policy: &Policy| {
            let found = policy.services().find(|(known, _)| *known == pattern)?.1;
            Some(Side {
                ceiling: ceiling(policy, &found.tiers),
                grants: found.grants.clone(),
                limits: found.limits.clone(),
                build: found.build.clone(),
                images: found.images.as_ref().map(|images| images.value.clone()),
                command: None,
                warm: 0,
            })
        };
        changes.sides(&format!("service {pattern}"), (old, side(old)), (new, side(new)));
    }
    let side = |policy: &Policy| {
        policy.ad_hoc().map(|found| Side {
            ceiling: ceiling(policy, &found.tiers),
            grants: Grants::default(),
            limits: EntryLimits::default(),
            build: None,
            images: Some(found.images.value.clone()),
            command: None,
            warm: 0,
        })
    };
    changes.sides("ad-hoc", (old, side(old)), (new, side(new)));
    changes.exceptions(old, new);
    changes.denied(old, new);
    changes.0.sort();
    changes.0.dedup();
    Diff { changes: changes.0 }
}

/// What one policy says about one subject.
struct Side {
    ceiling: Option<Ceiling>,
    grants: Grants,
    limits: EntryLimits,
    build: Option<BuildGrant>,
    images: Option<BTreeSet<ImageRuleName>>,
    command: Option<(String, Option<crate::entries::ArgLimits>)>,
    /// How many are kept ready.
    warm: u32,
}

fn ceiling(policy: &Policy, tiers: &Tiers) -> Option<Ceiling> {
    let mut met: Option<Ceiling> = None;
    for name in &tiers.value {
        let ceiling = policy.ceiling(name)?;
        met = Some(met.map_or_else(|| ceiling.clone(), |known| known.meet(ceiling)));
    }
    met
}

struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, subject: &str, effect: Effect, what: impl Into<String>) {
        self.0.push(Change { subject: subject.to_owned(), effect, what: what.into() });
    }

    fn sides(
        &mut self,
        subject: &str,
        (old, before): (&Policy, Option<Side>),
        (new, after): (&Policy, Option<Side>),
    ) {
        let (before, after) = match (before, after) {
            (None, Some(_)) => return self.add(subject, Effect::Possible, "running it at all"),
            (Some(_), None) => return self.add(subject, Effect::Impossible, "running it at all"),
            (None, None) => return,
            (Some(before), Some(after)) => (before, after),
        };
        if before.command != after.command {
            let text = |side: &Side| {
                side.command.as_ref().map_or_else(String::new, |(command, args)| {
                    let args = args.map_or_else(
                        || "no arguments".to_owned(),
                        |args| format!("{} arguments of {} bytes", args.max, args.each_max),
                    );
                    format!("{command} with {args}")
                })
            };
            self.add(
                subject,
                Effect::Different,
                format!("it runs {}, before {}", text(&after), text(&before)),
            );
        }
        if before.warm != after.warm {
            let what = format!("sandboxes that are kept ready: {}, before {}", after.warm, before.warm);
            self.add(subject, Effect::Different, what);
        }
        self.builds(subject, before.build.as_ref(), after.build.as_ref());
        self.images(subject, (old, &before), (new, &after));
        self.grants(subject, "is granted", &before.grants, &after.grants);
        match (&before.ceiling, &after.ceiling) {
            (Some(a), Some(b)) => self.ceilings(subject, (a, &before.limits), (b, &after.limits)),
            (None, Some(_)) => self.add(subject, Effect::Possible, "its tier is there"),
            (Some(_), None) => self.add(subject, Effect::Impossible, "its tier is gone"),
            (None, None) => {}
        }
    }

    fn builds(&mut self, subject: &str, before: Option<&BuildGrant>, after: Option<&BuildGrant>) {
        let text = |grant: &BuildGrant| {
            let BuildGrant { context, repository, signer, network } = grant;
            let (context, repository, signer) = (&context.value, &repository.value, &signer.value);
            format!("{context} as {repository}, signed by {signer}, with the network `{}`", network.as_str())
        };
        match (before, after) {
            (None, Some(grant)) => {
                self.add(subject, Effect::Possible, format!("building {}", text(grant)));
            }
            (Some(grant), None) => {
                self.add(subject, Effect::Impossible, format!("building {}", text(grant)));
            }
            (Some(a), Some(b)) if a != b => {
                let what = format!("it is built from {}, before {}", text(b), text(a));
                self.add(subject, Effect::Different, what);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn images(&mut self, subject: &str, (old, before): (&Policy, &Side), (new, after): (&Policy, &Side)) {
        let rules = |policy: &Policy, side: &Side| -> BTreeSet<ImageRuleName> {
            let known = policy.images().map(|(name, _)| name.clone());
            known.filter(|name| side.images.as_ref().is_none_or(|images| images.contains(name))).collect()
        };
        let (a, b) = (rules(old, before), rules(new, after));
        for name in b.difference(&a) {
            self.add(subject, Effect::Possible, format!("images of the rule {name}"));
        }
        for name in a.difference(&b) {
            self.add(subject, Effect::Impossible, format!("images of the rule {name}"));
        }
        for name in a.intersection(&b) {
            let find = |policy: &Policy| {
                policy.images().find(|(known, _)| *known == name).map(|(_, rule)| rule.clone())
            };
            if let (Some(a), Some(b)) = (find(old), find(new)) {
                self.rule(subject, name, &a, &b);
            }
            for signer in find(old).into_iter().flat_map(|rule| rule.quorum.signers.value) {
                if old.signers.get(&signer) != new.signers.get(&signer) {
                    self.add(subject, Effect::Different, format!("the signer {signer} is somebody else"));
                }
            }
        }
    }

    fn rule(&mut self, subject: &str, name: &ImageRuleName, a: &ImageRule, b: &ImageRule) {
        self.quorum(subject, name, &a.quorum, &b.quorum);
        if a.repository != b.repository || a.digests != b.digests || a.provenance != b.provenance {
            self.add(
                subject,
                Effect::Different,
                format!("the rule {name} asks for another repository, digest, or provenance"),
            );
        }
        if (&a.signed_as, &a.mirror_of, &a.annotations) != (&b.signed_as, &b.mirror_of, &b.annotations) {
            let what = format!("the rule {name} asks for signatures of other repositories or annotations");
            self.add(subject, Effect::Different, what);
        }
        let what = format!("a longer verification for {name}");
        self.ordered(subject, &what, &a.verify_timeout.value, &b.verify_timeout.value);
        if a.trial != b.trial {
            self.add(subject, Effect::Told, format!("the rule {name} tries something else"));
        }
        if a.max_age != b.max_age || a.log != b.log || a.signed_after != b.signed_after {
            self.add(
                subject,
                Effect::Different,
                format!("the rule {name} asks for another age or log entry"),
            );
        }
    }

    fn quorum(&mut self, subject: &str, name: &ImageRuleName, a: &Quorum, b: &Quorum) {
        let needed = (a.at_least.value.get(), b.at_least.value.get());
        let added: BTreeSet<_> = b.signers.value.difference(&a.signers.value).collect();
        // Who must sign on top of as many others as before makes nothing possible.
        let on_top = usize::try_from(needed.1.saturating_sub(needed.0)).is_ok_and(|more| added.len() <= more);
        for signer in added.iter().filter(|signer| !(on_top && b.required.value.contains(**signer))) {
            self.add(subject, Effect::Possible, format!("a signature of {signer} counts for {name}"));
        }
        for signer in a.signers.value.difference(&b.signers.value) {
            self.add(subject, Effect::Impossible, format!("a signature of {signer} counts for {name}"));
        }
        for signer in a.required.value.difference(&b.required.value) {
            let what = format!("images of {name} without a signature of {signer}");
            self.add(subject, Effect::Possible, what);
        }
        for signer in b.required.value.difference(&a.required.value) {
            let what = format!("images of {name} without a signature of {signer}");
            self.add(subject, Effect::Impossible, what);
        }
        if needed.0 != needed.1 {
            let effect = if needed.1 < needed.0 { Effect::Possible } else { Effect::Impossible };
            self.add(subject, effect, format!("{} signatures for {name}, before {}", needed.1, needed.0));
        }
    }

    fn set<T: Pattern + Display>(&mut self, subject: &str, what: &str, a: &PatternSet<T>, b: &PatternSet<T>) {
        for (item, _) in b.iter().filter(|(item, _)| !a.includes(item)) {
            self.add(subject, Effect::Possible, format!("{what} {item}"));
        }
        for (item, _) in a.iter().filter(|(item, _)| !b.includes(item)) {
            self.add(subject, Effect::Impossible, format!("{what} {item}"));
        }
    }

    fn grants(&mut self, subject: &str, verb: &str, a: &Grants, b: &Grants) {
        self.set(subject, &format!("{verb} egress to"), &a.egress, &b.egress);
        self.set(subject, &format!("{verb} reading"), &a.mounts_read, &b.mounts_read);
        self.set(subject, &format!("{verb} writing"), &a.mounts_write, &b.mounts_write);
        self.set(subject, &format!("{verb} executing"), &a.mounts_exec, &b.mounts_exec);
        self.set(subject, &format!("{verb} the variable"), &a.env, &b.env);
        self.set(subject, &format!("{verb} the secret"), &a.secrets, &b.secrets);
        self.set(subject, &format!("{verb} the device"), &a.devices, &b.devices);
        self.set(subject, &format!("{verb} the Linux cap"), &a.linux_caps, &b.linux_caps);
    }

    fn ceilings(
        &mut self,
        subject: &str,
        (a, own_a): (&Ceiling, &EntryLimits),
        (b, own_b): (&Ceiling, &EntryLimits),
    ) {
        for level in b.isolation.accept.value.difference(&a.isolation.accept.value) {
            self.add(subject, Effect::Possible, format!("the isolation level {level}"));
        }
        for level in a.isolation.accept.value.difference(&b.isolation.accept.value) {
            self.add(subject, Effect::Impossible, format!("the isolation level {level}"));
        }
        self.ordered(subject, "a writable root file system", &a.rootfs.value, &b.rootfs.value);
        self.ordered(subject, "being root inside", &a.user.value, &b.user.value);
        self.ordered(
            subject,
            "a memory limit that is only watched",
            &a.memory_enforcement.value,
            &b.memory_enforcement.value,
        );
        let (narrower, wider) =
            (b.seccomp.value.is_within(&a.seccomp.value), a.seccomp.value.is_within(&b.seccomp.value));
        match (narrower, wider) {
            (true, true) => {}
            (true, false) => self.add(subject, Effect::Impossible, "calls that its seccomp profile admitted"),
            (false, true) => {
                self.add(subject, Effect::Possible, "calls that its seccomp profile did not admit");
            }
            (false, false) => self.add(subject, Effect::Different, "its seccomp profile admits other calls"),
        }
        self.grants(subject, "may ask for", &a.grants, &b.grants);
        let (a, b) = (a.limits.lowered(own_a), b.limits.lowered(own_b));
        for limit in a.exceeded(&b.as_entry()) {
            let what = format!("{} up to {}, before {}", limit.name, limit.wanted, limit.ceiling);
            self.add(subject, Effect::Possible, what);
        }
        for limit in b.exceeded(&a.as_entry()) {
            let what = format!("{} above {}, before {}", limit.name, limit.ceiling, limit.wanted);
            self.add(subject, Effect::Impossible, what);
        }
    }

    fn ordered<T: Ord>(&mut self, subject: &str, what: &str, a: &T, b: &T) {
        match b.cmp(a) {
            std::cmp::Ordering::Greater => self.add(subject, Effect::Possible, what),
            std::cmp::Ordering::Less => self.add(subject, Effect::Impossible, what),
            std::cmp::Ordering::Equal => {}
        }
    }

    fn exceptions(&mut self, old: &Policy, new: &Policy) {
        let text = |id: &str, exception: &crate::entries::Exception| {
            let levels: Vec<&str> = exception.isolation.iter().map(|level| level.as_str()).collect();
            let (tier, host, until) = (&exception.tier, &exception.host, exception.until);
            (format!("exception {id}"), format!("{} for {tier} on {host} until {until}", levels.join(", ")))
        };
        let side = |policy: &Policy| policy.exceptions().map(|(id, e)| text(id, e)).collect::<BTreeSet<_>>();
        let (a, b) = (side(old), side(new));
        for (subject, what) in b.difference(&a) {
            self.add(subject, Effect::Possible, what.as_str());
        }
        for (subject, what) in a.difference(&b) {
            self.add(subject, Effect::Impossible, what.as_str());
        }
    }
}

impl Changes {
    fn denied(&mut self, old: &Policy, new: &Policy) {
        let side = |policy: &Policy| {
            let list = policy.denied().entries();
            list.map(|entry| entry.what.to_string()).collect::<BTreeSet<_>>()
        };
        let (a, b) = (side(old), side(new));
        for what in b.difference(&a) {
            self.add("deny list", Effect::Impossible, format!("{what} counts"));
        }
        for what in a.difference(&b) {
            self.add("deny list", Effect::Possible, format!("{what} counts"));
        }
    }
}

impl Diff {
    /// Whether nothing changes.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether something becomes possible that was not.
    pub fn widens(&self) -> bool {
        self.changes.iter().any(|change| matches!(change.effect, Effect::Possible | Effect::Different))
    }

    /// The changes as text: `+` became possible, `-` became impossible, `~` is different, `.` is told differently.
    pub fn to_text(&self) -> String {
        if self.is_empty() {
            return "the policies allow the same\n".to_owned();
        }
        let mut text = String::new();
        let mut subject = None;
        for change in &self.changes {
            if subject != Some(&change.subject) {
                let _ = writeln!(text, "{}", change.subject);
                subject = Some(&change.subject);
            }
            let sign = match change.effect {
                Effect::Possible => '+',
                Effect::Impossible => '-',
                Effect::Different => '~',
                Effect::Told => '.',
            };
            let _ = writeln!(text, "  {sign} {}", change.what);
        }
        text
    }

    /// The changes as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "schema": "perry-sandbox/policy-diff/v1", "changes": self.changes })
    }
}
