//! Which users of the host the users of a sandbox are.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

/// First id of the range that root maps sandboxes to. 1879048192 and up is left free by systemd's list of uid ranges
/// (`UIDS-GIDS.md`) and by the ranges that distributions hand out in `/etc/subuid`.
pub(crate) const RANGE_BASE: u32 = 1_879_048_192;
/// How many ids that range has.
pub(crate) const RANGE_LENGTH: u32 = 65_536;

/// How the ids of the sandbox are mapped to those of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ids {
    /// Root: a whole range that nobody else uses. No file of the host belongs to the sandbox.
    Range,
    /// Anyone else: the sandbox's user is the caller, and no other id exists. Needs no set-id helper.
    Single {
        /// The caller's user id.
        uid: u32,
        /// The caller's group id.
        gid: u32,
    },
}

/// Whose the users of a sandbox are that a program joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Users {
    /// Its own: it has a user namespace.
    Own,
    /// The host's: an engine has made none for it. What the kernel counts for a user, it counts over all such sandboxes.
    Hosts,
}

impl Ids {
    /// Root of the host maps a range; root of a container, who does not own that range, is like anyone else.
    pub(crate) fn of_this_process() -> Self {
        let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let whole = fs::read_to_string("/proc/self/uid_map")
            .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
        if uid == 0 && whole { Self::Range } else { Self::Single { uid, gid } }
    }

    /// Which id of the host an id inside is, in [`Ids::Range`].
    pub(crate) const fn outside(inside: u32) -> u32 {
        // An id above the range has the one place behind it.
        RANGE_BASE.saturating_add(if inside < RANGE_LENGTH { inside } else { RANGE_LENGTH })
    }

    /// Writes the maps of a process that waits in a new user namespace; `inside` is the sandbox's user and group.
    pub(crate) fn write(self, pid: i32, inside: (u32, u32)) -> io::Result<()> {
        let write = |file: &str, text: String| fs::write(format!("/proc/{pid}/{file}"), text);
        match self {
            Self::Range => {
                write("uid_map", range(inside.0))?;
                write("gid_map", range(inside.1))
            }
            Self::Single { uid, gid } => {
                // The kernel asks for this before an ordinary user may map a group.
                write("setgroups", "deny".to_owned())?;
                write("uid_map", format!("{} {uid} 1\n", inside.0))?;
                write("gid_map", format!("{} {gid} 1\n", inside.1))
            }
        }
    }
}

fn range(inside: u32) -> String {
    let map = format!("0 {RANGE_BASE} {RANGE_LENGTH}\n");
    if inside < RANGE_LENGTH {
        return map;
    }
    format!("{map}{inside} {} 1\n", Ids::outside(inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_high_user_id_gets_one_more_line() {
        assert_eq!(range(65_534), "0 1879048192 65536\n");
        assert_eq!(range(100_000), "0 1879048192 65536\n100000 1879113728 1\n");
    }
}
