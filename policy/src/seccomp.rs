//! Seccomp profiles that many tiers and plans share.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use perry_sandbox_profiles::SeccompProfile;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// A seccomp profile: a built-in one, one of a file, or one that was computed from two.
#[derive(Clone)]
pub struct SharedProfile(Inner);

#[derive(Clone)]
enum Inner {
    Builtin(&'static SeccompProfile),
    Shared(Arc<SeccompProfile>),
}

impl SharedProfile {
    /// The built-in profile of that name.
    pub fn builtin(name: &str) -> Option<Self> {
        SeccompProfile::builtin(name).map(|profile| Self(Inner::Builtin(profile)))
    }

    /// The names of all built-in profiles.
    pub fn names() -> &'static [&'static str] {
        SeccompProfile::builtin_names()
    }

    fn profile(&self) -> &SeccompProfile {
        match &self.0 {
            Inner::Builtin(profile) => profile,
            Inner::Shared(profile) => profile,
        }
    }

    /// Whether both are one and the same object; a fast yes, never a wrong one.
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.profile(), other.profile())
    }

    /// Whether everything that this profile admits is admitted by `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        self.is_same(other) || self.admits_no_more_than(other)
    }

    /// Whether this stands before one that admits the same.
    pub(crate) fn comes_first(&self, other: &Self) -> bool {
        match self.name().cmp(other.name()) {
            Ordering::Less => true,
            Ordering::Equal => self.is_same(other) || self.digest_text() <= other.digest_text(),
            Ordering::Greater => false,
        }
    }

    /// The digest of the profile; those of built-in profiles are computed once.
    pub(crate) fn digest_text(&self) -> String {
        static BUILTIN: LazyLock<BTreeMap<&'static str, String>> = LazyLock::new(|| {
            let digest =
                |name: &'static str| Some((name, SeccompProfile::builtin(name)?.digest().to_string()));
            SeccompProfile::builtin_names().iter().filter_map(|name| digest(name)).collect()
        });
        match &self.0 {
            Inner::Builtin(profile) => BUILTIN.get(profile.name().as_str()).cloned(),
            Inner::Shared(_) => None,
        }
        .unwrap_or_else(|| self.digest().to_string())
    }

    /// The profile that is a subset of the other, or their computed intersection.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        if self.is_within(other) {
            self.clone()
        } else if other.is_within(self) {
            other.clone()
        } else {
            Self::from(SeccompProfile::meet(self, other))
        }
    }
}

impl From<SeccompProfile> for SharedProfile {
    fn from(profile: SeccompProfile) -> Self {
        Self(Inner::Shared(Arc::new(profile)))
    }
}

impl Deref for SharedProfile {
    type Target = SeccompProfile;

    fn deref(&self) -> &SeccompProfile {
        self.profile()
    }
}

impl fmt::Debug for SharedProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedProfile({})", self.name())
    }
}

impl PartialEq for SharedProfile {
    /// Whether both admit the same; names do not count.
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || (self.admits_no_more_than(other) && other.admits_no_more_than(self))
    }
}

impl Eq for SharedProfile {}

impl Serialize for SharedProfile {
    /// By name and digest: the digest is over all that the profile means, and writing that out whole would cost more
    /// than the rest of a launch's decisions together.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("SharedProfile", 2)?;
        fields.serialize_field("name", self.name())?;
        fields.serialize_field("digest", &self.digest_text())?;
        fields.end()
    }
}
