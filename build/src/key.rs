use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::unistd::geteuid;
use perry_sandbox_policy::SignerName;
use perry_sandbox_reference::Digest;

use crate::BuildsError;

/// Far above any key.
const MOST: u64 = 16 * 1024;
/// What files of keys on P-256 say before and behind.
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Where the keys of this machine are: a folder of its user alone.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
}

/// A private key of this machine.
pub struct LocalKey {
    pair: EcdsaKeyPair,
    digest: Digest,
}

impl std::fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalKey({})", self.digest)
    }
}

impl Keys {
    /// Those below the data folder.
    pub fn below(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("keys") }
    }

    /// The public half of a key, for a policy.
    pub fn public(&self, name: &SignerName) -> PathBuf {
        self.folder.join(format!("{name}.pub"))
    }

    fn private(&self, name: &SignerName) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// Makes a key, which nobody else may read.
    ///
    /// # Errors
    /// There is one of the name, or it cannot be written.
    pub fn generate(&self, name: &SignerName) -> Result<PathBuf, BuildsError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| BuildsError::Crypto)?;
        let der = pair.to_pkcs8v1().map_err(|_| BuildsError::Crypto)?;
        let (private, public) = (self.private(name), self.public(name));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(BuildsError::io(&self.folder))?;
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&private) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Err(BuildsError::KeyIsThere { name: name.clone(), file: private });
            }
            Err(error) => return Err(BuildsError::io(&private)(error)),
        };
        let written = file.write_all(pem(PRIVATE, der.as_ref()).as_bytes()).and_then(|()| file.sync_all());
        written.map_err(BuildsError::io(&private))?;
        fs::write(&public, pem(PUBLIC, &spki(&pair)?)).map_err(BuildsError::io(&public))?;
        Ok(public)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// There is none, it is none, or others could have read it.
    pub fn read(&self, name: &SignerName) -> Result<LocalKey, BuildsError> {
        let path = self.private(name);
        let file = File::open(&path).map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                BuildsError::NoKey { name: name.clone(), folder: self.folder.clone() }
            } else {
                BuildsError::io(&path)(error)
            }
        })?;
        let metadata = file.metadata().map_err(BuildsError::io(&path))?;
        if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
            return Err(BuildsError::KeyShared(path));
        }
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text).map_err(BuildsError::io(&path))?;
        let pair = der(&text)
            .and_then(|der| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).ok())
            .ok_or_else(|| BuildsError::NotAKey(path.clone()))?;
        Ok(LocalKey { digest: Digest::of(&spki(&pair)?), pair })
    }

    /// Reads the key that the policy means.
    ///
    /// # Errors
    /// As [`Keys::read`], or the policy has another key of that name.
    pub fn read_meant(&self, name: &SignerName, meant: &Digest) -> Result<LocalKey, BuildsError> {
        let key = self.read(name)?;
        if key.digest == *meant {
            return Ok(key);
        }
        Err(BuildsError::OtherKey {
            name: name.clone(),
            private: self.private(name),
            public: self.public(name),
        })
    }
}

impl LocalKey {
    /// A signature in DER.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BuildsError> {
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| BuildsError::Crypto)?;
        Ok(signature.as_ref().to_vec())
    }
}

fn spki(pair: &EcdsaKeyPair) -> Result<Vec<u8>, BuildsError> {
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| BuildsError::Crypto)?;
    Ok(der.as_ref().to_vec())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at_checked(64).unwrap_or((rest, ""));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines + &format!("-----END {label}-----\n")
}

fn der(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {PRIVATE}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {PRIVATE}-----"))?;
    let digits: String = body.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_its_users_alone_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, name) = (Keys::below(dir.path()), "local".parse::<SignerName>().unwrap());
        assert!(matches!(keys.read(&name), Err(BuildsError::NoKey { .. })));
        let public = keys.generate(&name).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&keys.private(&name)), mode(&keys.folder)), (0o600, 0o700));
        assert!(fs::read_to_string(public).unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
        let key = keys.read(&name).unwrap();
        assert!(matches!(keys.generate(&name), Err(BuildsError::KeyIsThere { .. })));
        assert_eq!(keys.read_meant(&name, &key.digest).unwrap().digest, key.digest);
        let other = Digest::of(b"another");
        assert!(matches!(keys.read_meant(&name, &other), Err(BuildsError::OtherKey { .. })));
    }

    #[test]
    fn a_key_that_others_can_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (keys, name) = (Keys::below(dir.path()), "local".parse::<SignerName>().unwrap());
        keys.generate(&name).unwrap();
        let file = keys.private(&name);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(keys.read(&name), Err(BuildsError::KeyShared(_))));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
        assert!(matches!(keys.read(&name), Err(BuildsError::NotAKey(_))));
    }
}
