//! When a signer may have signed: from, until, and up to its revocation.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use crate::at::At;
use crate::pattern::first;

/// Why some text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a moment: expected a date such as `2027-01-31` (its first second, UTC) or a time with its offset such as `2027-01-31T12:00:00Z`"
)]
pub struct MomentError(String);

/// A second of time; written as a date (its first second, in UTC) or as a time with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// Seconds since 1970.
    pub const fn as_second(self) -> i64 {
        self.0
    }

    /// A moment, rounded down to its second.
    pub fn of(time: Timestamp) -> Self {
        Self(time.as_second())
    }
}

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, MomentError> {
        let time = if text.len() == 10 {
            let date = text.parse::<jiff::civil::Date>().ok();
            date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok()).map(|zoned| zoned.timestamp())
        } else {
            text.parse::<Timestamp>().ok().filter(|_| text.len() <= 40)
        };
        time.map(Self::of).ok_or_else(|| MomentError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => self.0.fmt(f),
        }
    }
}

crate::pattern::serialize_as_text!(Moment);

/// When a signer may have signed; without bounds: ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SigningWindow {
    /// Nothing signed before this moment counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<At<Moment>>,
    /// Nothing signed after this moment counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<At<Moment>>,
    /// Nothing signed at this moment or later counts: the key was lost, or the identity taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<At<Moment>>,
}

/// Why a signature lies outside of its signer's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutsideWindow {
    /// Signed before the window opens.
    TooEarly(Moment),
    /// Signed after the window closed.
    TooLate(Moment),
    /// Signed when the signer was revoked already.
    Revoked(Moment),
    /// Nobody vouches for when it was signed, and the window cannot be judged without that.
    Unproved,
}

impl SigningWindow {
    /// Whether there is no bound.
    pub const fn is_unbounded(&self) -> bool {
        self.not_before.is_none() && self.not_after.is_none() && self.revoked_at.is_none()
    }

    /// Whether a signature with these verified times (seconds since 1970) was made inside the window.
    ///
    /// Every time must lie inside. A signature without a verified time was made at some moment up to `now`, nobody
    /// knows which: it counts only if each of those moments lies inside, so never where the window has a beginning,
    /// and only as long as it has not ended.
    ///
    /// # Errors
    /// The bound that is not kept.
    pub fn admits(&self, times: impl IntoIterator<Item = i64>, now: i64) -> Result<(), OutsideWindow> {
        let mut any = false;
        for time in times {
            any = true;
            self.holds(time)?;
        }
        if any {
            return Ok(());
        }
        if self.not_before.is_some() || self.holds(now).is_err() {
            return Err(OutsideWindow::Unproved);
        }
        Ok(())
    }

    fn holds(&self, time: i64) -> Result<(), OutsideWindow> {
        let bound = |at: Option<At<Moment>>| at.map(|at| at.value);
        match (bound(self.not_before), bound(self.not_after), bound(self.revoked_at)) {
            (Some(from), _, _) if time < from.0 => Err(OutsideWindow::TooEarly(from)),
            (_, _, Some(revoked)) if time >= revoked.0 => Err(OutsideWindow::Revoked(revoked)),
            (_, Some(until), _) if time > until.0 => Err(OutsideWindow::TooLate(until)),
            _ => Ok(()),
        }
    }

    /// The last second (since 1970) at which a signature without a verified time counts; nothing where that never ends.
    pub fn untimed_until(&self) -> Option<i64> {
        let last = self.not_after.map(|at| at.value.0);
        let revoked = self.revoked_at.map(|at| at.value.0.saturating_sub(1));
        match (last, revoked) {
            (Some(last), Some(revoked)) => Some(last.min(revoked)),
            (one, other) => one.or(other),
        }
    }

    /// What both admit.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            not_before: latest(self.not_before, other.not_before),
            not_after: earliest(self.not_after, other.not_after),
            revoked_at: earliest(self.revoked_at, other.revoked_at),
        }
    }
}

/// The earlier of two moments, where absence is no bound.
pub(crate) fn earliest(a: Option<At<Moment>>, b: Option<At<Moment>>) -> Option<At<Moment>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.least(&b)),
        (one, other) => one.or(other),
    }
}

/// The later of two moments, where absence is no bound.
pub(crate) fn latest(a: Option<At<Moment>>, b: Option<At<Moment>>) -> Option<At<Moment>> {
    match (a, b) {
        (Some(a), Some(b)) if a.value == b.value => Some(At { value: a.value, span: first(a.span, b.span) }),
        (Some(a), Some(b)) => Some(if a.value > b.value { a } else { b }),
        (one, other) => one.or(other),
    }
}

impl fmt::Display for OutsideWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooEarly(from) => write!(f, "before {from}, from when on this signer counts"),
            Self::TooLate(until) => write!(f, "after {until}, up to when this signer counts"),
            Self::Revoked(at) => write!(f, "when this signer was revoked, from {at} on"),
            Self::Unproved => f.write_str("at a time that nobody vouches for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(not_before: Option<i64>, not_after: Option<i64>, revoked_at: Option<i64>) -> SigningWindow {
        let at = |second: Option<i64>| second.map(|second| At::nowhere(Moment(second)));
        SigningWindow { not_before: at(not_before), not_after: at(not_after), revoked_at: at(revoked_at) }
    }

    #[test]
    fn a_date_is_its_first_second_and_a_time_needs_an_offset() {
        let moment = |text: &str| text.parse::<Moment>();
        assert_eq!(moment("1970-01-02").unwrap().as_second(), 86_400);
        assert_eq!(moment("1970-01-01T01:00:01+01:00").unwrap().as_second(), 1);
        assert_eq!(moment("2027-01-31").unwrap().to_string(), "2027-01-31T00:00:00Z");
        for bad in ["", "2027-02-30", "2027-01-31T12:00:00", "yesterday", "20270131"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_time_must_lie_inside() {
        let window = window(Some(10), Some(30), Some(25));
        assert_eq!(window.admits([10, 24], 100), Ok(()));
        assert_eq!(window.admits([9, 24], 100), Err(OutsideWindow::TooEarly(Moment(10))));
        assert_eq!(window.admits([25], 100), Err(OutsideWindow::Revoked(Moment(25))));
        assert_eq!(
            self::window(None, Some(30), None).admits([31], 100),
            Err(OutsideWindow::TooLate(Moment(30)))
        );
    }

    #[test]
    fn without_a_time_every_moment_up_to_now_must_lie_inside() {
        let unproved = Err(OutsideWindow::Unproved);
        assert_eq!(window(None, None, None).admits([], 100), Ok(()));
        assert_eq!(window(Some(1), None, None).admits([], 100), unproved);
        assert_eq!(window(None, Some(100), Some(101)).admits([], 100), Ok(()));
        assert_eq!(window(None, Some(100), Some(101)).untimed_until(), Some(100));
        assert_eq!(window(None, Some(100), Some(100)).untimed_until(), Some(99));
        assert_eq!(window(None, Some(99), None).admits([], 100), unproved);
        assert_eq!(window(None, None, Some(100)).admits([], 100), unproved);
    }

    #[test]
    fn the_meet_keeps_the_tighter_bounds() {
        let met = window(Some(1), None, Some(9)).meet(&window(Some(3), Some(7), Some(8)));
        assert_eq!(met, window(Some(3), Some(7), Some(8)));
        assert_eq!(met.meet(&met), met);
    }
}
