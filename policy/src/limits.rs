//! Limits of tiers and entries, with the places that set them.

use std::num::NonZeroU32;

use serde::Serialize;

use crate::at::At;
use crate::quantity::{ByteSize, Limits, MilliCpu, WallTime};
use crate::request::WantedLimits;
use crate::source::Span;

macro_rules! limits {
    ($($(#[$doc:meta])+ $field:ident: $kind:ty, $name:literal;)+) => {
        /// The greatest limits of a tier; every one is there.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct LimitCeiling {
            $($(#[$doc])+ pub $field: At<$kind>,)+
        }

        /// The limits that an entry sets.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct EntryLimits {
            $(
                $(#[$doc])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<At<$kind>>,
            )+
        }

        impl LimitCeiling {
            /// The smaller of each.
            #[must_use]
            pub fn meet(&self, other: &Self) -> Self {
                Self { $($field: self.$field.least(&other.$field),)+ }
            }

            /// Whether no limit is above the other's.
            pub fn is_within(&self, other: &Self) -> bool {
                true $(&& self.$field.value <= other.$field.value)+
            }

            /// The limits of `child`, where it sets them, else these.
            pub(crate) fn under(&self, child: &EntryLimits) -> Self {
                Self { $($field: child.$field.unwrap_or(self.$field),)+ }
            }

            /// These limits, lowered where `entry` sets lower ones.
            pub(crate) fn lowered(&self, entry: &EntryLimits) -> Self {
                Self { $($field: entry.$field.map_or(self.$field, |own| own.least(&self.$field)),)+ }
            }

            /// The same limits, as an entry would set them.
            pub(crate) const fn as_entry(&self) -> EntryLimits {
                EntryLimits { $($field: Some(self.$field),)+ }
            }

            /// The values alone.
            pub fn values(&self) -> Limits {
                Limits { $($field: self.$field.value,)+ }
            }

            /// Everything in `child` that is above this ceiling.
            pub(crate) fn exceeded(&self, child: &EntryLimits) -> Vec<ExceededLimit> {
                let mut exceeded = Vec::new();
                $(
                    if let Some(limit) = child.$field.filter(|limit| limit.value > self.$field.value) {
                        exceeded.push(ExceededLimit {
                            name: $name,
                            wanted: limit.value.to_string(),
                            ceiling: self.$field.value.to_string(),
                            wanted_at: limit.span,
                            ceiling_at: self.$field.span,
                        });
                    }
                )+
                exceeded
            }
        }

        impl EntryLimits {
            /// The smaller of each.
            #[must_use]
            pub fn meet(&self, other: &Self) -> Self {
                Self {
                    $($field: match (&self.$field, &other.$field) {
                        (Some(a), Some(b)) => Some(a.least(b)),
                        (Some(one), None) | (None, Some(one)) => Some(*one),
                        (None, None) => None,
                    },)+
                }
            }

            /// All of them, if all are set; else the names of those that are missing.
            pub(crate) fn complete(&self) -> Result<LimitCeiling, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(if self.$field.is_none() { missing.push($name); })+
                match ($(self.$field,)+) {
                    ($(Some($field),)+) => Ok(LimitCeiling { $($field,)+ }),
                    _ => Err(missing),
                }
            }

            /// What a caller wants this time, which no file says.
            pub(crate) fn wanted(wanted: &WantedLimits) -> Self {
                Self { $($field: wanted.$field.map(At::nowhere),)+ }
            }
        }
    };
}

limits! {
    /// Memory of the whole sandbox.
    memory: ByteSize, "memory";
    /// Processor time per time.
    cpu: MilliCpu, "cpu";
    /// Processes and threads.
    pids: NonZeroU32, "pids";
    /// From start to kill.
    wall: WallTime, "wall";
    /// Standard output and error together.
    output: ByteSize, "output";
    /// Writable bytes.
    disk: ByteSize, "disk";
    /// Open files per process.
    open_files: NonZeroU32, "open-files";
}

/// A limit above its ceiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExceededLimit {
    pub(crate) name: &'static str,
    pub(crate) wanted: String,
    pub(crate) ceiling: String,
    pub(crate) wanted_at: Option<Span>,
    pub(crate) ceiling_at: Option<Span>,
}
