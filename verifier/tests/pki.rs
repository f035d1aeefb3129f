//! The test kit's Sigstore, with the signers that a requirement names.

use std::ops::{Deref, DerefMut};

use perry_sandbox_policy::{Signer, SubjectPattern};
use perry_sandbox_testkit::sigstore::{Extension, leaf_extensions as leaf};
pub(crate) use perry_sandbox_testkit::sigstore::{
    IDENTITY, ISSUER, SIGN, SIGNED_AT, Sigstore, basic_constraints, claim, email, key_usage, names, oid,
    subject, uri,
};

use crate::kit::{keyless, root_of};

/// An instance of Sigstore whose every part a test may make wrong.
pub(crate) struct Pki(Sigstore);

impl Pki {
    pub(crate) fn new() -> Self {
        Self(Sigstore::default())
    }

    /// The signer who holds this instance's certificates.
    pub(crate) fn signer(&self) -> Signer {
        keyless(
            "acme",
            ISSUER,
            SubjectPattern::Exact(IDENTITY.to_owned()),
            root_of(self.trusted_root().to_string()),
        )
    }
}

impl Deref for Pki {
    type Target = Sigstore;

    fn deref(&self) -> &Sigstore {
        &self.0
    }
}

impl DerefMut for Pki {
    fn deref_mut(&mut self) -> &mut Sigstore {
        &mut self.0
    }
}

/// What an instance writes into a leaf, but for the SCT.
pub(crate) fn leaf_extensions() -> Vec<Extension> {
    leaf(uri(IDENTITY), ISSUER)
}
