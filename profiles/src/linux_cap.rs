//! Linux caps: the kernel's privileges, and sets of them.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

macro_rules! linux_caps {
    ($($number:literal $variant:ident $name:literal $doc:literal,)*) => {
        /// A Linux cap, by its number in `linux/capability.h`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LinuxCap {
            $(#[doc = $doc] $variant,)*
        }

        impl LinuxCap {
            /// Every Linux cap, by number.
            pub const ALL: [Self; 41] = [$(Self::$variant,)*];

            /// Gives the kernel's number, from 0 to 40.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// Gives the name without `CAP_`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

linux_caps! {
    0 Chown "CHOWN" "Changes the owner of any file.",
    1 DacOverride "DAC_OVERRIDE" "Passes by permissions of files.",
    2 DacReadSearch "DAC_READ_SEARCH" "Reads any file, and opens files by handle.",
    3 Fowner "FOWNER" "Acts as the owner of any file.",
    4 Fsetid "FSETID" "Keeps set-id bits on a change of a file.",
    5 Kill "KILL" "Signals any process.",
    6 Setgid "SETGID" "Takes any group.",
    7 Setuid "SETUID" "Takes any user.",
    8 Setpcap "SETPCAP" "Changes Linux caps of its own thread.",
    9 LinuxImmutable "LINUX_IMMUTABLE" "Sets files append-only or immutable.",
    10 NetBindService "NET_BIND_SERVICE" "Binds ports below 1024.",
    11 NetBroadcast "NET_BROADCAST" "Sends broadcasts (unused by the kernel).",
    12 NetAdmin "NET_ADMIN" "Configures the network.",
    13 NetRaw "NET_RAW" "Opens raw and packet sockets.",
    14 IpcLock "IPC_LOCK" "Locks memory beyond its limit.",
    15 IpcOwner "IPC_OWNER" "Passes by permissions of System V IPC.",
    16 SysModule "SYS_MODULE" "Loads kernel modules.",
    17 SysRawio "SYS_RAWIO" "Reaches ports and memory of devices.",
    18 SysChroot "SYS_CHROOT" "Changes the root folder.",
    19 SysPtrace "SYS_PTRACE" "Traces any process.",
    20 SysPacct "SYS_PACCT" "Switches process accounting.",
    21 SysAdmin "SYS_ADMIN" "Mounts, and does most of what an administrator does.",
    22 SysBoot "SYS_BOOT" "Reboots, and loads another kernel.",
    23 SysNice "SYS_NICE" "Raises priorities.",
    24 SysResource "SYS_RESOURCE" "Passes by limits.",
    25 SysTime "SYS_TIME" "Sets the clock.",
    26 SysTtyConfig "SYS_TTY_CONFIG" "Configures terminals.",
    27 Mknod "MKNOD" "Makes device nodes.",
    28 Lease "LEASE" "Takes leases on any file.",
    29 AuditWrite "AUDIT_WRITE" "Writes to the kernel's audit log.",
    30 AuditControl "AUDIT_CONTROL" "Configures the kernel's audit.",
    31 Setfcap "SETFCAP" "Sets Linux caps on files.",
    32 MacOverride "MAC_OVERRIDE" "Passes by mandatory access control.",
    33 MacAdmin "MAC_ADMIN" "Configures mandatory access control.",
    34 Syslog "SYSLOG" "Reads the kernel's log and addresses.",
    35 WakeAlarm "WAKE_ALARM" "Wakes the machine by a timer.",
    36 BlockSuspend "BLOCK_SUSPEND" "Keeps the machine awake.",
    37 AuditRead "AUDIT_READ" "Reads the kernel's audit log.",
    38 Perfmon "PERFMON" "Observes performance of the system.",
    39 Bpf "BPF" "Loads BPF programs.",
    40 CheckpointRestore "CHECKPOINT_RESTORE" "Checkpoints and restores processes.",
}

/// A name that is no Linux cap.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown Linux cap `{name}`{}", suggestion_text(*.suggestion))]
pub struct UnknownLinuxCap {
    name: String,
    suggestion: Option<LinuxCap>,
}

fn suggestion_text(suggestion: Option<LinuxCap>) -> String {
    suggestion.map_or_else(String::new, |cap| format!("; did you mean `{cap}`?"))
}

impl UnknownLinuxCap {
    /// Gives the Linux cap that was probably meant, if any looks alike.
    pub const fn suggestion(&self) -> Option<LinuxCap> {
        self.suggestion
    }
}

/// Names longer than this are cut in messages.
const LONGEST_NAME: usize = 64;

impl FromStr for LinuxCap {
    type Err = UnknownLinuxCap;

    /// Reads `NET_BIND_SERVICE` or `CAP_NET_BIND_SERVICE`, in upper case.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let bare = name.strip_prefix("CAP_").unwrap_or(name);
        if let Some(cap) = Self::ALL.into_iter().find(|cap| cap.name() == bare) {
            return Ok(cap);
        }
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let upper = name.to_ascii_uppercase().replace('-', "_");
        let upper = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let suggestion = Self::ALL
            .into_iter()
            .map(|cap| (strsim::jaro_winkler(cap.name(), upper), cap))
            .filter(|(likeness, _)| *likeness > 0.85)
            .max_by(|(left, _), (right, _)| left.total_cmp(right))
            .map(|(_, cap)| cap);
        Err(UnknownLinuxCap { name, suggestion })
    }
}

impl std::fmt::Display for LinuxCap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for LinuxCap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for LinuxCap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A set of Linux caps, ordered by number; the empty set is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinuxCapSet(u64);

impl LinuxCapSet {
    /// The set without a member.
    pub const EMPTY: Self = Self(0);

    /// Gives the set as the kernel's mask: bit `n` is the Linux cap with number `n`.
    pub const fn mask(self) -> u64 {
        self.0
    }

    /// Says whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Counts the members.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Says whether the set has this member.
    pub fn contains(self, cap: LinuxCap) -> bool {
        self.0 & bit(cap) != 0
    }

    /// Adds a member; says whether it was missing.
    pub fn insert(&mut self, cap: LinuxCap) -> bool {
        let missing = !self.contains(cap);
        self.0 |= bit(cap);
        missing
    }

    /// Says whether every member stands in `other` too.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Gives what stands in both.
    #[must_use]
    pub const fn meet(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Gives the members that `other` lacks.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Lists the members by number.
    pub fn iter(self) -> impl Iterator<Item = LinuxCap> {
        LinuxCap::ALL.into_iter().filter(move |cap| self.contains(*cap))
    }
}

fn bit(cap: LinuxCap) -> u64 {
    // INVARIANT: numbers are below 41, so the shift keeps the bit.
    1_u64.checked_shl(u32::from(cap.number())).unwrap_or(0)
}

impl FromIterator<LinuxCap> for LinuxCapSet {
    fn from_iter<I: IntoIterator<Item = LinuxCap>>(caps: I) -> Self {
        let mut set = Self::EMPTY;
        for cap in caps {
            set.insert(cap);
        }
        set
    }
}

impl std::fmt::Display for LinuxCapSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (at, cap) in self.iter().enumerate() {
            write!(f, "{}{cap}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl Serialize for LinuxCapSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for LinuxCapSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut set = Self::EMPTY;
        for cap in Vec::<LinuxCap>::deserialize(deserializer)? {
            if !set.insert(cap) {
                return Err(de::Error::custom(format_args!("Linux cap `{cap}` stands twice")));
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_stand_in_the_order_of_their_numbers() {
        for (number, cap) in (0..).zip(LinuxCap::ALL) {
            assert_eq!(cap.number(), number);
        }
        assert_eq!(LinuxCap::CheckpointRestore.number(), 40);
    }

    #[test]
    fn both_spellings_are_read_and_one_is_written() {
        for cap in LinuxCap::ALL {
            assert_eq!(cap.to_string().parse(), Ok(cap));
            assert_eq!(format!("CAP_{cap}").parse(), Ok(cap));
        }
        assert_eq!("NET_BIND_SERVICE".parse(), Ok(LinuxCap::NetBindService));
    }

    #[test]
    fn another_spelling_is_refused_with_the_right_one() {
        for wrong in ["net_bind_service", "cap_net_bind_service", "NET-BIND-SERVICE", "NET_BIND_SERVIC"] {
            let error = wrong.parse::<LinuxCap>().unwrap_err();
            assert_eq!(error.suggestion(), Some(LinuxCap::NetBindService), "{wrong}");
        }
        assert_eq!("ALL".parse::<LinuxCap>().unwrap_err().to_string(), "unknown Linux cap `ALL`");
    }

    #[test]
    fn the_order_of_sets_is_inclusion() {
        let set = |caps: &[LinuxCap]| caps.iter().copied().collect::<LinuxCapSet>();
        let one = set(&[LinuxCap::Chown]);
        let two = set(&[LinuxCap::NetRaw, LinuxCap::Chown]);
        assert!(one.is_subset(two) && !two.is_subset(one) && LinuxCapSet::EMPTY.is_subset(one));
        assert_eq!(two.meet(one), one);
        assert_eq!(two.without(one), set(&[LinuxCap::NetRaw]));
        assert_eq!(two.mask(), 0x2001);
        assert_eq!(two.to_string(), "CHOWN, NET_RAW");
        assert_eq!(LinuxCapSet::EMPTY.to_string(), "none");
    }

    #[test]
    fn a_set_is_a_list_of_names_without_repetition() {
        let set: LinuxCapSet = serde_json::from_str(r#"["NET_RAW","CAP_CHOWN"]"#).unwrap();
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["CHOWN","NET_RAW"]"#);
        assert!(serde_json::from_str::<LinuxCapSet>(r#"["NET_RAW","CAP_NET_RAW"]"#).is_err());
    }
}
