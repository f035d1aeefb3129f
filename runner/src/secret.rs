//! Values that one sandbox gets as files, and that are seen nowhere else.
//!
//! A value lies in sealed memory of the kernel (a memfd) from the moment that it is read until the sandbox has it: it is
//! mapped into no process, so no core dump has it, and it travels by descriptor, never as text.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use perry_sandbox_policy::SecretName;
use thiserror::Error;
use zeroize::Zeroizing;

/// The longest value.
const MOST_BYTES: u64 = 1 << 20;
/// How much of a value is in this process at one time.
const PIECE: usize = 4096;

/// Why values and plan do not fit. Names no value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It is longer than a secret may be.
    #[error("the secret `{0}` has more than {MOST_BYTES} bytes: give a smaller one, or mount a folder")]
    TooLong(SecretName),
    /// It cannot be read or kept.
    #[error("the secret `{name}` cannot be read: {source}; check the file that it is in")]
    Unreadable {
        /// Which.
        name: SecretName,
        /// What the system said.
        source: io::Error,
    },
    /// The same name again.
    #[error("the secret `{0}` is given twice: give it once")]
    Twice(SecretName),
    /// The plan gives secrets whose values nobody has supplied.
    #[error("the plan gives {}, but there is no value for it: supply one", names(.0))]
    Missing(Vec<SecretName>),
    /// There are values that the plan does not give.
    #[error(
        "denied: there is a value for {}, which the plan does not give: leave it out, or let the policy grant it",
        names(.0)
    )]
    NotGranted(Vec<SecretName>),
}

fn names(names: &[SecretName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("the secret{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

/// A value. It cannot be printed or copied, and is gone when it is dropped.
///
/// ```compile_fail,E0277
/// fn print<T: std::fmt::Debug>() {}
/// print::<perry_sandbox_runner::Secret>();
/// ```
///
/// ```compile_fail,E0277
/// fn copy<T: Clone>() {}
/// copy::<perry_sandbox_runner::Secret>();
/// ```
#[expect(missing_debug_implementations, reason = "nobody prints a secret, not even by mistake")]
pub struct Secret(OwnedFd);

impl Secret {
    /// Reads a value to its end.
    ///
    /// # Errors
    /// [`SecretError::TooLong`], [`SecretError::Unreadable`].
    pub fn read(name: &SecretName, mut source: impl Read) -> Result<Self, SecretError> {
        let unreadable = |source: io::Error| SecretError::Unreadable { name: name.clone(), source };
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let kept = memfd_create(c"secret", flags).map_err(|errno| unreadable(errno.into()))?;
        let mut kept = File::from(kept);
        let mut piece = Zeroizing::new([0; PIECE]);
        let mut length = 0_u64;
        loop {
            let read = match source.read(piece.as_mut_slice()) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            length = length.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            if length > MOST_BYTES {
                return Err(SecretError::TooLong(name.clone()));
            }
            kept.write_all(piece.get(..read).unwrap_or_default()).map_err(unreadable)?;
        }
        let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK;
        fcntl(&kept, FcntlArg::F_ADD_SEALS(seals | SealFlag::F_SEAL_SEAL))
            .map_err(|errno| unreadable(errno.into()))?;
        Ok(Self(kept.into()))
    }

    /// Takes a value that is in memory, and clears that.
    ///
    /// # Errors
    /// As [`Secret::read`].
    pub fn of_bytes(name: &SecretName, bytes: Vec<u8>) -> Result<Self, SecretError> {
        Self::read(name, Zeroizing::new(bytes).as_slice())
    }
}

/// The values that a caller supplies, by the policy's names. Printing them prints the names.
#[derive(Default)]
pub struct Secrets(BTreeMap<SecretName, Secret>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// Adds one.
    ///
    /// # Errors
    /// [`SecretError::Twice`].
    pub fn insert(&mut self, name: SecretName, value: Secret) -> Result<(), SecretError> {
        match self.0.insert(name.clone(), value) {
            None => Ok(()),
            Some(_) => Err(SecretError::Twice(name)),
        }
    }

    /// The values of these names, to be given again: each is a copy of its own, which is read from its begin.
    ///
    /// # Errors
    /// [`SecretError::Missing`], or a copy cannot be made.
    pub fn picked<'n>(&self, names: impl IntoIterator<Item = &'n SecretName>) -> Result<Self, SecretError> {
        let (mut picked, mut missing) = (Self::default(), Vec::new());
        for name in names {
            let Some(Secret(kept)) = self.0.get(name) else {
                missing.push(name.clone());
                continue;
            };
            let file = File::open(format!("/proc/self/fd/{}", kept.as_raw_fd()));
            let file = file.map_err(|source| SecretError::Unreadable { name: name.clone(), source })?;
            picked.insert(name.clone(), Secret::read(name, file)?)?;
        }
        if missing.is_empty() { Ok(picked) } else { Err(SecretError::Missing(missing)) }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.0.keys()
    }

    /// Whether they are exactly those that a plan gives.
    ///
    /// # Errors
    /// [`SecretError::Missing`], [`SecretError::NotGranted`].
    pub fn check(&self, granted: &[SecretName]) -> Result<(), SecretError> {
        let missing: Vec<_> = granted.iter().filter(|name| !self.0.contains_key(*name)).cloned().collect();
        if !missing.is_empty() {
            return Err(SecretError::Missing(missing));
        }
        let more: Vec<_> = self.0.keys().filter(|name| !granted.contains(name)).cloned().collect();
        if more.is_empty() { Ok(()) } else { Err(SecretError::NotGranted(more)) }
    }

    /// The value as a descriptor.
    pub(crate) fn descriptor(&self, name: &SecretName) -> Option<BorrowedFd<'_>> {
        self.0.get(name).map(|value| value.0.as_fd())
    }

    /// What another process of ours has sent, in the order of the names.
    pub(crate) fn received(received: impl IntoIterator<Item = (SecretName, OwnedFd)>) -> Self {
        Self(received.into_iter().map(|(name, value)| (name, Secret(value))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    fn of(names: &[&str]) -> Secrets {
        let mut secrets = Secrets::default();
        for text in names {
            let value = Secret::of_bytes(&name(text), b"hush".to_vec()).unwrap();
            secrets.insert(name(text), value).unwrap();
        }
        secrets
    }

    #[test]
    fn what_is_picked_is_a_copy_that_is_read_from_its_begin() {
        let given = of(&["a", "b", "c"]);
        for _ in 0..2 {
            let picked = given.picked(&[name("a"), name("c")]).unwrap();
            assert_eq!(picked.names().map(ToString::to_string).collect::<Vec<_>>(), ["a", "c"]);
            let mut text = String::new();
            let value = picked.0.get(&name("a")).unwrap();
            File::from(value.0.try_clone().unwrap()).rewind().unwrap();
            File::from(value.0.try_clone().unwrap()).read_to_string(&mut text).unwrap();
            assert_eq!(text, "hush");
        }
        assert!(matches!(given.picked(&[name("x")]), Err(SecretError::Missing(_))));
    }

    #[test]
    fn values_are_bounded_and_sealed() {
        let most = usize::try_from(MOST_BYTES).unwrap();
        let whole = Secret::of_bytes(&name("a"), vec![7; most]).unwrap();
        let mut kept = File::from(whole.0.try_clone().unwrap());
        assert!(kept.write_all(b"x").is_err(), "nobody changes it");
        let long = Secret::of_bytes(&name("a"), vec![7; most + 1]);
        assert!(matches!(long, Err(SecretError::TooLong(_))));
        let endless = Secret::read(&name("a"), io::repeat(7));
        assert!(matches!(endless, Err(SecretError::TooLong(_))));
    }

    #[test]
    fn what_is_supplied_is_what_is_granted() {
        let granted = [name("a"), name("b")];
        assert!(of(&["a", "b"]).check(&granted).is_ok());
        let missing = of(&["a"]).check(&granted).unwrap_err().to_string();
        assert!(missing.contains("the secret `b`") && !missing.contains("`a`"), "{missing}");
        let more = of(&["a", "b", "c"]).check(&granted).unwrap_err().to_string();
        assert!(more.contains("the secret `c`") && more.starts_with("denied"), "{more}");
        let twice = of(&["a"]).insert(name("a"), Secret::of_bytes(&name("a"), Vec::new()).unwrap());
        assert!(matches!(twice, Err(SecretError::Twice(_))));
    }

    #[test]
    fn printing_prints_names() {
        assert_eq!(format!("{:?}", of(&["a", "b"])), r#"{SecretName("a"), SecretName("b")}"#);
    }
}
