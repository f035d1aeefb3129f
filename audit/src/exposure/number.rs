use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::controls::CONTROLS;
use crate::finding::{Finding, Target};
use crate::grade::Severity;
use crate::input::Subject;
use crate::launch::Launch;
use crate::place::FileId;

/// Weighted shares of a service of which nothing but the image is said, out of a hundred weights of a thousand: what such
/// a service leaves open is drawn out to what systemd gives an untouched unit, 9.6.
const UNTOUCHED: u32 = 59_500;
/// 9.6, in thousandths of ten.
const UNTOUCHED_IS: u32 = 9_600;
/// 10.0.
const MOST: u32 = 10_000;
/// 7.0: with anything critical it is never less.
const CRITICAL: u32 = 7_000;

/// A number from 0.0 to 10.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposure(u32);

impl Exposure {
    /// What a launch leaves open.
    pub fn of(launch: &Launch, has_critical: bool) -> Self {
        let shares = CONTROLS.iter().map(|control| control.weight.saturating_mul(control.open(launch)));
        let sum: u32 = shares.sum();
        // Two straight lines, both rising.
        let drawn = if sum <= UNTOUCHED {
            sum.saturating_mul(UNTOUCHED_IS).div_euclid(UNTOUCHED)
        } else {
            let above = sum.saturating_sub(UNTOUCHED).saturating_mul(MOST.saturating_sub(UNTOUCHED_IS));
            UNTOUCHED_IS.saturating_add(above.div_euclid(100_000_u32.saturating_sub(UNTOUCHED)))
        };
        Self(if has_critical { drawn.max(CRITICAL) } else { drawn }.min(MOST))
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.saturating_add(50).div_euclid(100);
        write!(f, "{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
    }
}

impl Serialize for Exposure {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a target leaves open.
#[derive(Debug, Clone)]
pub struct TargetExposure {
    /// The target.
    pub target: Target,
    /// Its file.
    pub file: FileId,
    /// The number; of a tier it is the policy's own.
    pub exposure: String,
    /// The controls that are open, the heaviest first.
    pub open: Vec<&'static str>,
}

/// The numbers of a subject's targets; `findings` are those of the subject.
pub(crate) fn exposures(subject: &Subject, findings: &[Finding]) -> Vec<TargetExposure> {
    let critical = findings.iter().filter(|finding| finding.grade.severity() == Some(Severity::Critical));
    let critical: BTreeSet<_> = critical.map(|finding| (finding.place.file, &finding.target)).collect();
    match subject {
        Subject::Stack(stack) => stack
            .launches
            .iter()
            .filter(|launch| launch.is_container())
            .map(|launch| {
                let critical = critical.contains(&(launch.place.file, &launch.target));
                let mut open: Vec<_> = CONTROLS.iter().filter(|control| control.open(launch) > 0).collect();
                open.sort_by_key(|control| std::cmp::Reverse(control.weight));
                TargetExposure {
                    target: launch.target.clone(),
                    file: launch.place.file,
                    exposure: Exposure::of(launch, critical).to_string(),
                    open: open.into_iter().map(|control| control.name).collect(),
                }
            })
            .collect(),
        Subject::Policy(policy) => policy
            .policy
            .tiers()
            .map(|(name, tier)| TargetExposure {
                target: Target::new(crate::finding::TargetKind::Tier, name.to_string()),
                file: policy.file,
                exposure: tier.exposure().to_string(),
                open: Vec::new(),
            })
            .collect(),
        Subject::Profile(_) | Subject::Trust(_) => Vec::new(),
    }
}
