//! Tiers: `extends` flattened by meet, and a child that is wider than its parent refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::LazyLock;

use super::parts::Tier;
use super::profiles::{Profiles, lookup};
use crate::at::At;
use crate::ceiling::{Ceiling, Isolation, UserRule};
use crate::grants::Grants;
use crate::isolation::IsolationLevel;
use crate::names::TierName;
use crate::pattern::{Pattern, PatternSet};
use crate::plan::{MemoryEnforcement, RootfsMode};
use crate::read::TierDoc;
use crate::refusal::{Refusal, RefusalCode, Refusals, suggestion};
use crate::seccomp::SharedProfile;
use crate::source::{Format, Span};

/// The built-in tiers as written.
pub(crate) const BUILTIN_TIERS: &str = include_str!("../../builtin/tiers.toml");

/// The place of the built-in tiers among a policy's files.
pub(crate) const BUILTIN_SOURCE: u32 = 0;

/// The built-in tiers, read once. If they were ever wrong, no policy at all would load.
pub(crate) fn builtin_tiers(refusals: &mut Refusals) -> &'static BTreeMap<TierName, Tier> {
    static READ: LazyLock<(BTreeMap<TierName, Tier>, Vec<Refusal>)> = LazyLock::new(|| {
        let mut refusals = Refusals::default();
        let document =
            crate::read::read(BUILTIN_TIERS.as_bytes(), Format::Toml, BUILTIN_SOURCE, &mut refusals);
        let none = (&BTreeMap::new(), &Profiles::new());
        let tiers = document.map(|document| resolve_tiers(&document.tiers, none, &mut refusals));
        (tiers.unwrap_or_default(), refusals.into_vec())
    });
    let (tiers, wrong) = &*READ;
    for refusal in wrong {
        refusals.push(refusal.clone());
    }
    tiers
}

/// Resolves the tiers of one file. Names that it does not define are looked up among the built-in tiers.
pub(crate) fn resolve_tiers(
    written: &BTreeMap<TierName, TierDoc>,
    (builtin, profiles): (&BTreeMap<TierName, Tier>, &Profiles),
    refusals: &mut Refusals,
) -> BTreeMap<TierName, Tier> {
    let mut resolver = Resolver {
        written,
        builtin,
        profiles,
        refusals,
        done: BTreeMap::new(),
        path: Vec::new(),
        cyclic: BTreeSet::new(),
    };
    for name in written.keys() {
        resolver.resolve(name);
    }
    resolver.done.into_iter().filter_map(|(name, tier)| tier.map(|tier| (name, tier))).collect()
}

struct Resolver<'a> {
    written: &'a BTreeMap<TierName, TierDoc>,
    builtin: &'a BTreeMap<TierName, Tier>,
    profiles: &'a Profiles,
    refusals: &'a mut Refusals,
    /// Tiers that were looked at; nothing for those that were refused.
    done: BTreeMap<TierName, Option<Tier>>,
    /// The tiers that are being resolved now, from the child to the parent.
    path: Vec<TierName>,
    cyclic: BTreeSet<TierName>,
}

/// Longer chains of `extends` are refused, so that resolution needs little stack.
const LONGEST_CHAIN: usize = 64;

impl Resolver<'_> {
    fn resolve(&mut self, name: &TierName) -> Option<Tier> {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let written = self.written;
        let Some(tier) = written.get(name) else { return self.builtin.get(name).cloned() };
        self.path.push(name.clone());
        let resolved = self.resolve_written(name, tier);
        self.path.pop();
        self.done.insert(name.clone(), resolved.clone());
        resolved
    }

    fn resolve_written(&mut self, name: &TierName, tier: &TierDoc) -> Option<Tier> {
        let mut inherited: Option<Ceiling> = None;
        let mut chain = BTreeSet::new();
        for parent in &tier.extends {
            let ceiling = self.parent(parent)?.ceiling;
            chain.insert(parent.value.clone());
            let met = inherited.map_or_else(|| ceiling.clone(), |known| known.meet(&ceiling));
            if met.is_too_large() {
                let message =
                    format!("the hosts and ports that the tiers of `{name}` have in common are too many");
                let span = parent.span.unwrap_or(tier.span);
                self.refusals.push(
                    Refusal::new(RefusalCode::TooComplex, span, message)
                        .help("do not combine a tier that lists many ports for `*` with one that lists many hosts with `:*`"),
                );
                return None;
            }
            inherited = Some(met);
        }
        let seccomp = match &tier.seccomp {
            Some(name) => Some(lookup(name, self.profiles, self.refusals)?),
            None => None,
        };
        let ceiling = match &inherited {
            Some(inherited) => Some(Child { name, tier, refusals: self.refusals }.under(inherited, seccomp)),
            None => self.root(name, tier, seccomp),
        }?;
        self.never_both(name, tier, &ceiling);
        chain.insert(name.clone());
        Some(Tier { ceiling, chain: At::new(chain, tier.span) })
    }

    /// SECURITY: what could be written and executed would be code that nobody has seen. Refused where a ceiling is made, so
    /// that no request can combine the two.
    fn never_both(&mut self, name: &TierName, tier: &TierDoc, ceiling: &Ceiling) {
        let Some((exec, write)) = ceiling.grants.writable_and_executable() else { return };
        let message = format!("the tier `{name}` lets {exec} be executed and {write} be written");
        self.refusals.push(
            Refusal::new(RefusalCode::BadValue, tier.span, message)
                .help("name folders for `exec` that are neither inside nor around one for `write`"),
        );
    }

    fn parent(&mut self, parent: &At<TierName>) -> Option<Tier> {
        let name = &parent.value;
        let span = parent.span?;
        if !self.written.contains_key(name) && !self.builtin.contains_key(name) {
            let known = self.written.keys().chain(self.builtin.keys()).map(TierName::as_str);
            let known: BTreeSet<&str> = known.collect();
            self.refusals.push(
                Refusal::new(
                    RefusalCode::UnknownName,
                    span,
                    format!("there is no tier `{name}` in this file"),
                )
                .help(suggestion(name.as_str(), known)),
            );
            return None;
        }
        if let Some(from) = self.path.iter().position(|known| known == name) {
            let members: Vec<&str> = self.path.iter().skip(from).map(TierName::as_str).collect();
            // Each cycle is reported once, however many of its members are resolved first.
            if members.iter().all(|member| !self.cyclic.iter().any(|known| known.as_str() == *member)) {
                let message = format!("tiers extend each other: {} → {name}", members.join(" → "));
                self.refusals
                    .push(Refusal::new(RefusalCode::Cycle, span, message).label("this closes the cycle"));
            }
            self.cyclic.extend(self.path.iter().skip(from).cloned());
            return None;
        }
        if self.path.len() > LONGEST_CHAIN {
            let message = format!("tiers extend each other through more than {LONGEST_CHAIN} steps");
            self.refusals.push(Refusal::new(RefusalCode::TooComplex, span, message));
            return None;
        }
        self.resolve(name)
    }

    /// A tier without parents: isolation and limits must be there, everything else has the tightest default.
    fn root(
        &mut self,
        name: &TierName,
        tier: &TierDoc,
        seccomp: Option<At<SharedProfile>>,
    ) -> Option<Ceiling> {
        let mut missing: Vec<String> = Vec::new();
        let limits = tier.limits.complete();
        if let Err(names) = &limits {
            missing.extend(names.iter().map(|limit| format!("limits.{limit}")));
        }
        if tier.accept.is_none() {
            missing.push("isolation.accept".to_owned());
        }
        if !missing.is_empty() {
            self.refusals.push(
                Refusal::new(
                    RefusalCode::MissingKey,
                    tier.span,
                    format!("the tier `{name}` extends no other, and does not say {}", missing.join(", ")),
                )
                .help("set them, or extend a tier that has them, such as the built-in `default`"),
            );
        }
        let profile = seccomp.or_else(|| SharedProfile::builtin("perry-minimal").map(At::nowhere));
        if profile.is_none() {
            let message = "the built-in seccomp profile `perry-minimal` is missing";
            self.refusals.push(Refusal::new(RefusalCode::UnknownName, tier.span, message));
        }
        let accept = tier.accept.as_ref()?;
        let accept = At { value: level_set(accept), span: accept.span };
        let isolation = Child { name, tier, refusals: self.refusals }.preferring(accept, &BTreeSet::new());
        Some(Ceiling {
            isolation,
            rootfs: tier.rootfs.unwrap_or(At::nowhere(RootfsMode::ReadOnly)),
            user: tier.user.unwrap_or(At::nowhere(UserRule::NonRoot)),
            seccomp: profile?,
            memory_enforcement: tier.memory_enforcement.unwrap_or(At::nowhere(match name.as_str() {
                "default" | "isolated" => MemoryEnforcement::Watched,
                _ => MemoryEnforcement::Exact,
            })),
            grants: Grants {
                egress: tier.egress.clone().unwrap_or_default(),
                mounts_read: tier.mounts_read.clone().unwrap_or_default(),
                mounts_write: tier.mounts_write.clone().unwrap_or_default(),
                mounts_exec: tier.mounts_exec.clone().unwrap_or_default(),
                env: tier.env.clone().unwrap_or_default(),
                secrets: tier.secrets.clone().unwrap_or_default(),
                devices: tier.devices.clone().unwrap_or_default(),
                linux_caps: tier.linux_caps.clone().unwrap_or_default(),
            }
            .all_implies_reading(),
            limits: limits.ok()?,
        })
    }
}

fn level_set(levels: &At<Vec<At<IsolationLevel>>>) -> BTreeSet<IsolationLevel> {
    levels.value.iter().map(|level| level.value).collect()
}

/// A tier that is held against what it inherits.
struct Child<'a> {
    name: &'a TierName,
    tier: &'a TierDoc,
    refusals: &'a mut Refusals,
}

impl Child<'_> {
    fn under(&mut self, parent: &Ceiling, seccomp: Option<At<SharedProfile>>) -> Ceiling {
        let tier = self.tier;
        let mounts_write = self.set("mounts.write", tier.mounts_write.as_ref(), &parent.grants.mounts_write);
        let mounts_exec = self.set("mounts.exec", tier.mounts_exec.as_ref(), &parent.grants.mounts_exec);
        for limit in parent.limits.exceeded(&tier.limits) {
            let (wanted, ceiling) = (limit.wanted, limit.ceiling);
            self.wider(
                limit.wanted_at,
                limit.ceiling_at,
                format!("limits.{} = {wanted}", limit.name),
                ceiling,
            );
        }
        Ceiling {
            isolation: self.isolation(parent),
            rootfs: self.ordered(tier.rootfs, parent.rootfs, "rootfs", |mode| match mode {
                RootfsMode::ReadOnly => "read-only",
                RootfsMode::Ephemeral => "ephemeral",
            }),
            user: self.ordered(tier.user, parent.user, "user", |user| match user {
                UserRule::NonRoot => "non-root",
                UserRule::Any => "any",
            }),
            seccomp: self.seccomp(seccomp, parent),
            memory_enforcement: self.memory_enforcement(parent),
            grants: Grants {
                egress: self.set("egress", tier.egress.as_ref(), &parent.grants.egress),
                mounts_read: self.set("mounts.read", tier.mounts_read.as_ref(), &parent.grants.mounts_read),
                mounts_write,
                mounts_exec,
                env: self.set("env", tier.env.as_ref(), &parent.grants.env),
                secrets: self.set("secrets", tier.secrets.as_ref(), &parent.grants.secrets),
                devices: self.set("devices", tier.devices.as_ref(), &parent.grants.devices),
                linux_caps: self.set("linux-caps", tier.linux_caps.as_ref(), &parent.grants.linux_caps),
            }
            .all_implies_reading(),
            limits: parent.limits.under(&tier.limits),
        }
    }

    fn wider(
        &mut self,
        child: Option<Span>,
        parent: Option<Span>,
        what: impl Display,
        allowed: impl Display,
    ) {
        let name = self.name;
        let message = format!(
            "the tier `{name}` is wider than what it extends: {what}, where at most {allowed} is allowed"
        );
        let mut refusal = Refusal::new(RefusalCode::Wider, child.unwrap_or(self.tier.span), message)
            .label("wider than the parent")
            .help("a tier can only take away from what it extends: tighten it here, or widen the parent");
        if let Some(span) = parent {
            refusal = refusal.related(span, "what the parent allows");
        }
        self.refusals.push(refusal);
    }

    fn ordered<T: Ord + Copy>(
        &mut self,
        own: Option<At<T>>,
        parent: At<T>,
        field: &str,
        word: impl Fn(T) -> &'static str,
    ) -> At<T> {
        let Some(own) = own else { return parent };
        if own.value > parent.value {
            self.wider(own.span, parent.span, format!("{field} = {}", word(own.value)), word(parent.value));
        }
        own
    }

    /// Two tiers demand exact memory by their names, and any other inherits.
    fn memory_enforcement(&mut self, parent: &Ceiling) -> At<MemoryEnforcement> {
        let by_name = match self.name.as_str() {
            "hardened" | "untrusted" => Some(At::nowhere(MemoryEnforcement::Exact)),
            _ => None,
        };
        let own = self.tier.memory_enforcement.or(by_name);
        self.ordered(own, parent.memory_enforcement, "memory-enforcement", |memory| match memory {
            MemoryEnforcement::Exact => "exact",
            MemoryEnforcement::Watched => "watched",
        })
    }

    fn seccomp(&mut self, own: Option<At<SharedProfile>>, parent: &Ceiling) -> At<SharedProfile> {
        let Some(own) = own else { return parent.seccomp.clone() };
        if !own.value.is_within(&parent.seccomp.value) {
            let (what, allowed) = (format!("seccomp = {}", own.value.name()), parent.seccomp.value.name());
            self.wider(own.span, parent.seccomp.span, what, allowed);
        }
        own
    }

    fn set<T: Pattern + Display>(
        &mut self,
        field: &str,
        own: Option<&PatternSet<T>>,
        parent: &PatternSet<T>,
    ) -> PatternSet<T> {
        let Some(own) = own else { return parent.clone() };
        for (item, span) in own.iter().filter(|(item, _)| !parent.includes(item)) {
            let allowed: Vec<String> = parent.iter().take(8).map(|(item, _)| item.to_string()).collect();
            let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            let place = parent.iter().find_map(|(_, span)| span);
            self.wider(span, place, format!("{field} has {item}"), allowed);
        }
        own.clone()
    }

    fn isolation(&mut self, parent: &Ceiling) -> Isolation {
        let inherited = &parent.isolation;
        let accept = match &self.tier.accept {
            None => inherited.accept.clone(),
            Some(own) => {
                for level in own.value.iter().filter(|level| !inherited.accept.value.contains(&level.value)) {
                    let allowed: Vec<_> = inherited.accept.value.iter().map(|level| level.as_str()).collect();
                    let what = format!("isolation.accept has {}", level.value);
                    self.wider(level.span, inherited.accept.span, what, allowed.join(", "));
                }
                At { value: level_set(own), span: own.span }
            }
        };
        if accept.value.is_empty() {
            let message =
                format!("the tiers that `{}` extends accept no isolation level in common", self.name);
            self.refusals.push(Refusal::new(RefusalCode::Unsatisfiable, self.tier.span, message));
        }
        self.preferring(accept, &inherited.prefer)
    }

    /// The accepted levels with this tier's own preference, or the inherited ones.
    fn preferring(
        &mut self,
        accept: At<BTreeSet<IsolationLevel>>,
        inherited: &BTreeSet<Vec<IsolationLevel>>,
    ) -> Isolation {
        let Some(prefer) = &self.tier.prefer else { return Isolation { accept, prefer: inherited.clone() } };
        for level in prefer.value.iter().filter(|level| !accept.value.contains(&level.value)) {
            let message = format!("`{}` is preferred and not accepted", level.value);
            let span = level.span.unwrap_or(self.tier.span);
            self.refusals.push(
                Refusal::new(RefusalCode::UnknownName, span, message)
                    .help("add it to `accept`, or drop it here"),
            );
        }
        // SECURITY: what is accepted may be used, so a level weaker than all preferred ones would be a silent way down.
        let weakest_preferred = prefer.value.iter().map(|level| level.value).min();
        let way_down = accept.value.iter().find(|level| Some(**level) < weakest_preferred);
        if let (Some(level), Some(span)) = (way_down, prefer.span) {
            let message = format!("`{level}` is accepted, and weaker than every level that is preferred");
            self.refusals.push(Refusal::new(RefusalCode::BadValue, span, message).help(format!(
                "drop `{level}` from `accept`, or list it in `prefer` to say that it may be used"
            )));
        }
        let own: Vec<_> = prefer.value.iter().map(|level| level.value).collect();
        Isolation { accept, prefer: if own.is_empty() { inherited.clone() } else { BTreeSet::from([own]) } }
    }
}
