//! The profiles that come with the program.

use std::sync::LazyLock;

use super::error::ProfileError;
use super::profile::SeccompProfile;
use super::reader;

/// The names of the profiles below, the widest first.
pub(super) const NAMES: [&str; 2] = ["perry-default", "perry-minimal"];

type Parsed = Result<SeccompProfile, ProfileError>;

static DEFAULT: LazyLock<Parsed> =
    LazyLock::new(|| reader::read(include_str!("../../builtin/perry-default.toml")));
static MINIMAL: LazyLock<Parsed> =
    LazyLock::new(|| reader::read(include_str!("../../builtin/perry-minimal.toml")));

/// Finds a profile by name. Each is read once, when it is first asked for.
pub(super) fn find(name: &str) -> Option<&'static SeccompProfile> {
    let parsed = match name {
        "perry-default" => &DEFAULT,
        "perry-minimal" => &MINIMAL,
        _ => return None,
    };
    // A text that cannot be read would be no profile, which callers refuse to run with; a test reads them all.
    LazyLock::force(parsed).as_ref().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_builtin_profile_is_read_and_has_its_name() {
        for parsed in [&DEFAULT, &MINIMAL] {
            if let Err(error) = LazyLock::force(parsed) {
                panic!("{error}");
            }
        }
        for name in NAMES {
            assert_eq!(find(name).unwrap().name().as_str(), name);
        }
        assert!(find("none").is_none());
    }
}
