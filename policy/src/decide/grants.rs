//! Grants and limits of one request, held against the ceiling.

use std::fmt::Display;
use std::str::FromStr;

use perry_sandbox_profiles::LinuxCap;

use super::mounts::placed;
use crate::ceiling::Ceiling;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::file::FileSource;
use crate::grants::Grants;
use crate::limits::{EntryLimits, ExceededLimit};
use crate::pattern::{EnvPattern, Pattern, PatternSet};
use crate::plan::Mount;
use crate::quantity::Limits;
use crate::request::Request;
use crate::require::Entry;

/// What the entry gives by itself and what the caller wants besides, with the places of host folders; reasons where that is
/// outside of the ceiling.
pub(crate) fn granted(
    request: &Request,
    entry: &Entry<'_>,
    ceiling: &Ceiling,
    reasons: &mut Reasons,
) -> (Grants, Vec<Mount>) {
    let mut grants = entry.grants.cloned().unwrap_or_default();
    let wanted = &request.grants;
    let mut asker = Asker { reasons };
    asker.add(&mut grants.egress, &wanted.egress, DenyCode::Egress, "egress");
    let mounts = placed(entry.grants, request, &mut grants, &mut asker);
    asker.add(&mut grants.devices, &wanted.devices, DenyCode::Devices, "devices");
    let placed = request.project.files.iter().filter_map(|file| match &file.source {
        FileSource::Secret(name) => Some(name),
        FileSource::Config { .. } => None,
    });
    for secret in wanted.secrets.iter().chain(placed) {
        grants.secrets.insert(secret.clone(), None);
    }
    for cap in wanted.linux_caps.iter() {
        grants.linux_caps.insert(cap, None);
    }
    let grants = grants.all_implies_reading();
    let most = &ceiling.grants;
    asker.inside(&grants.egress, &most.egress, DenyCode::Egress, "egress");
    asker.inside(&grants.mounts_write, &most.mounts_write, DenyCode::Mounts, "mounts");
    asker.inside(&grants.mounts_exec, &most.mounts_exec, DenyCode::Mounts, "mounts");
    // What may be written or executed was judged above; reading it is part of that.
    asker.inside(&grants.mounts_only_read(), &most.mounts_read, DenyCode::Mounts, "mounts");
    asker.inside(&grants.env, &most.env, DenyCode::Env, "env");
    asker.inside(&grants.secrets, &most.secrets, DenyCode::Secrets, "secrets");
    asker.inside(&grants.devices, &most.devices, DenyCode::Devices, "devices");
    asker.inside::<LinuxCap>(&grants.linux_caps, &most.linux_caps, DenyCode::LinuxCaps, "linux-caps");
    for name in request.env.keys() {
        asker.variable(name, &most.env);
    }
    (grants, mounts)
}

/// Collects reasons.
pub(crate) struct Asker<'a> {
    pub(super) reasons: &'a mut Reasons,
}

impl Asker<'_> {
    /// Adds what the caller wants, read by the policy's own grammar.
    fn add<T: Pattern + FromStr<Err: Display>>(
        &mut self,
        set: &mut PatternSet<T>,
        wanted: &[String],
        code: DenyCode,
        row: &'static str,
    ) {
        for text in wanted {
            match text.parse() {
                Ok(pattern) => set.insert(pattern, None),
                Err(problem) => {
                    let wish = crate::refusal::shown(text);
                    self.reasons.add(DenyReason::new(code, row, wish, problem.to_string(), []));
                }
            }
        }
    }

    fn inside<T: Pattern + Display>(
        &mut self,
        wanted: &PatternSet<T>,
        ceiling: &PatternSet<T>,
        code: DenyCode,
        row: &'static str,
    ) {
        for (item, span) in wanted.iter().filter(|(item, _)| !ceiling.includes(item)) {
            let places = [span, ceiling.iter().find_map(|(_, span)| span)];
            let found = format!("the tier allows {}", listed(ceiling));
            let reason = DenyReason::new(code, row, item.to_string(), found, places);
            self.reasons.add(reason.remedy("ask for less, or let the tier allow it"));
        }
    }

    fn variable(&mut self, name: &str, ceiling: &PatternSet<EnvPattern>) {
        let found = match name.parse::<EnvPattern>() {
            Ok(pattern @ EnvPattern::Exact(_)) if ceiling.includes(&pattern) => return,
            Ok(EnvPattern::Exact(_)) if crate::pattern::is_loader_variable(name) => {
                "it makes loaders or interpreters run other code, so only its exact name in the tier grants it".to_owned()
            }
            Ok(EnvPattern::Exact(_)) => format!("the tier allows {}", listed(ceiling)),
            Ok(EnvPattern::Prefix(_)) | Err(_) => "it is not the name of a variable".to_owned(),
        };
        let places = [ceiling.iter().find_map(|(_, span)| span)];
        let reason = DenyReason::new(DenyCode::Env, "env", crate::refusal::shown(name), found, places);
        self.reasons.add(reason.remedy("leave the variable out, or list it in the tier's `env`"));
    }
}

/// The patterns of a set, for people.
pub(crate) fn listed<T: Pattern + Display>(set: &PatternSet<T>) -> String {
    let items: Vec<String> = set.iter().map(|(item, _)| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// The limits of the plan: what the caller wants, else the entry, else the tier says; reasons for what is above.
pub(crate) fn limited(
    request: &Request,
    entry: &Entry<'_>,
    ceiling: &Ceiling,
    reasons: &mut Reasons,
) -> Limits {
    let mut above = |limit: ExceededLimit, bound: &str| {
        let wish = format!("{} = {}", limit.name, limit.wanted);
        let found = format!("{bound} allows at most {}", limit.ceiling);
        let places = [limit.wanted_at, limit.ceiling_at];
        let reason = DenyReason::new(DenyCode::Limits, "limits", wish, found, places);
        reasons.add(reason.remedy("ask for less, or raise the limit in the policy"));
    };
    let own = entry.limits.cloned().unwrap_or_default();
    for limit in ceiling.limits.exceeded(&own) {
        above(limit, "the tier");
    }
    let bound = ceiling.limits.lowered(&own);
    let wanted = EntryLimits::wanted(&request.limits);
    for limit in bound.exceeded(&wanted) {
        above(limit, "the policy");
    }
    bound.under(&wanted).values()
}
