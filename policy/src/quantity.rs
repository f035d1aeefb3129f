//! Numbers with units, and the limits made of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why some text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// Not a byte size.
    #[error(
        "`{0}` is not a size: expected a whole number above 0 and a unit, such as `64MiB` or `2GiB` (units: B, KiB, MiB, GiB, TiB)"
    )]
    Size(String),
    /// Not a number of cores.
    #[error(
        "`{0}` is not a number of cores: expected 0.001 to 4096, with up to three decimals, such as `1.5`"
    )]
    Cores(String),
    /// Not a duration.
    #[error(
        "`{0}` is not a duration: expected a whole number above 0 and a unit, such as `500ms`, `30s`, `15m`, `24h` or `180d`"
    )]
    Duration(String),
}

/// A number of bytes, above zero; written `512MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

impl ByteSize {
    /// From one health check to the next, and how long one may take, where nobody says.
    pub const HEALTH_CHECK: Self = Self(30_000);
    const UNITS: [(&'static str, u64); 5] =
        [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

    /// A size of that many bytes; nothing for zero.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        if bytes == 0 { None } else { Some(Self(bytes)) }
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let refuse = || QuantityError::Size(text.chars().take(80).collect());
        let (number, unit) = split_unit(text).ok_or_else(refuse)?;
        let (_, factor) = Self::UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        number.checked_mul(factor).and_then(Self::from_bytes).ok_or_else(refuse)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = Self::UNITS
            .into_iter()
            .find(|(_, factor)| self.0.checked_rem(*factor) == Some(0))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0.checked_div(factor).unwrap_or(self.0))
    }
}

/// A length of time in whole milliseconds, above zero; written `15m` or `250ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WallTime(u64);

impl WallTime {
    /// How long a verification may take where a policy does not say.
    pub const VERIFY_TIMEOUT: Self = Self(10_000);
    /// The longest that a policy may allow for one.
    pub const MAX_VERIFY_TIMEOUT: Self = Self(60_000);
    /// From one health check to the next, and how long one may take, where nobody says.
    pub const HEALTH_CHECK: Self = Self(30_000);
    const UNITS: [(&'static str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

    /// A time of that many seconds; nothing for zero, or for more than can be counted.
    pub const fn from_secs(seconds: u64) -> Option<Self> {
        match seconds.checked_mul(1000) {
            Some(milliseconds) => Self::from_millis(milliseconds),
            None => None,
        }
    }

    /// A time of that many milliseconds; nothing for zero.
    pub const fn from_millis(milliseconds: u64) -> Option<Self> {
        if milliseconds == 0 { None } else { Some(Self(milliseconds)) }
    }

    /// As the standard library's type.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for WallTime {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let refuse = || QuantityError::Duration(text.chars().take(80).collect());
        let (number, unit) = split_unit(text).ok_or_else(refuse)?;
        let (_, factor) = Self::UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        number.checked_mul(factor).and_then(Self::from_millis).ok_or_else(refuse)
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = Self::UNITS
            .into_iter()
            .find(|(_, factor)| self.0.checked_rem(*factor) == Some(0))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", self.0.checked_div(factor).unwrap_or(self.0))
    }
}

macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl TryFrom<String> for $name {
            type Error = QuantityError;

            fn try_from(text: String) -> Result<Self, QuantityError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(quantity: $name) -> Self {
                quantity.to_string()
            }
        }
    )+};
}
as_text!(ByteSize, WallTime);

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit))
}

/// Processor time as thousandths of one core, above zero; written `1.5` in policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MilliCpu(pub std::num::NonZeroU32);

impl MilliCpu {
    /// More cores than any machine has.
    const MOST: u32 = 4_096_000;
}

impl FromStr for MilliCpu {
    type Err = QuantityError;

    /// Reads a plain decimal; no float is involved, so `0.1` is exactly 100 thousandths.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let refuse = || QuantityError::Cores(text.chars().take(80).collect());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let significant = decimals.trim_end_matches('0');
        if !plain(whole) || !plain(decimals) || significant.len() > 3 {
            return Err(refuse());
        }
        let thousandths: u32 = format!("{significant:0<3}").parse().map_err(|_| refuse())?;
        whole
            .parse::<u32>()
            .ok()
            .and_then(|whole| whole.checked_mul(1000)?.checked_add(thousandths))
            .filter(|total| *total <= Self::MOST)
            .and_then(std::num::NonZeroU32::new)
            .map(Self)
            .ok_or_else(refuse)
    }
}

impl fmt::Display for MilliCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0.get()) / 1000.0)
    }
}

/// All limits of one run. Every one is there: nothing is unbounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    /// Memory of the whole sandbox.
    pub memory: ByteSize,
    /// Processor time per time.
    pub cpu: MilliCpu,
    /// Processes and threads.
    pub pids: std::num::NonZeroU32,
    /// From start to kill.
    pub wall: WallTime,
    /// Bytes of standard output and error together.
    pub output: ByteSize,
    /// Bytes writable: `/tmp`, and the upper layer of an ephemeral root.
    pub disk: ByteSize,
    /// Open files per process.
    pub open_files: std::num::NonZeroU32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_back_as_written() {
        for text in ["1B", "64MiB", "2GiB", "3TiB", "1536KiB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        for text in ["250ms", "1500ms", "30s", "15m", "36h", "180d"] {
            assert_eq!(text.parse::<WallTime>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn zero_overflow_and_other_units_are_refused() {
        for text in [
            "0B",
            "",
            "MiB",
            "1",
            "1MB",
            "-1MiB",
            "1.5GiB",
            "99999999999999999999B",
            "18446744073709551615TiB",
        ] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for text in ["0s", "0ms", "1w", "18446744073709551615s"] {
            assert!(text.parse::<WallTime>().is_err(), "{text}");
        }
        for text in ["0", "0.0", "1.0005", ".5", "5.", "-1", "1e3", "5000", "inf", "nan", ""] {
            assert!(text.parse::<MilliCpu>().is_err(), "{text}");
        }
    }

    #[test]
    fn cores_are_exact_decimals() {
        for (text, thousandths) in [("2", 2000), ("2.0", 2000), ("0.1", 100), ("1.525", 1525), ("0.001", 1)] {
            assert_eq!(text.parse::<MilliCpu>().unwrap().0.get(), thousandths, "{text}");
        }
    }
}
