//! `verify`, and the signer flags that `run` shares.

use std::path::PathBuf;

use clap::Args;
use perry_sandbox_pipeline::{KeyChoice, SignerChoice};
use perry_sandbox_reference::{Digest, Platform, Repository};

use super::{AccessArgs, PolicyFileArgs};

const EXAMPLES: &str = "\
Examples:
  perry-sandbox verify --key cosign.pub registry.example/acme/tools:v1
  perry-sandbox verify --key cosign.pub oci:image
  perry-sandbox verify --trusted-root trusted_root.json \\
      --certificate-identity https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1 \\
      --certificate-oidc-issuer https://token.actions.githubusercontent.com registry.example/acme/tools:v1
  perry-sandbox verify --bundle app.sigstore.json --digest sha256:… --key cosign.pub
  perry-sandbox verify --bundle image.sigstore.json --key cosign.pub docker-archive:image.tar";

/// Arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFileArgs,

    #[command(flatten)]
    pub(crate) signer: SignerArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Check this signature bundle: over a digest or file, or as one more candidate over the image of a docker archive,
    /// which has no place for signatures of its own
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// Digest of what the bundle signs
    #[arg(long, value_name = "DIGEST", group = "artifact", requires = "bundle", conflicts_with = "policy")]
    pub(crate) digest: Option<Digest>,

    /// File that the bundle signs
    #[arg(long, value_name = "FILE", group = "artifact", requires = "bundle", conflicts_with = "policy")]
    pub(crate) artifact_file: Option<PathBuf>,

    /// Repository that the signature of a layout or archive must name
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<Repository>,

    /// Platform whose manifest is looked up [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,

    /// Verify anew, even where an earlier proof of the same digest still holds
    #[arg(long, conflicts_with = "artifact")]
    pub(crate) no_cache: bool,

    /// Print the evidence or the denial as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Print the meaning and the remedy of a denial's code, such as V-SIG-01
    #[arg(long, value_name = "CODE", exclusive = true)]
    pub(crate) explain_code: Option<String>,

    /// Registry reference, oci:DIR[:TAG|@DIGEST], or docker-archive:FILE
    #[arg(value_name = "IMAGE", required_unless_present_any = ["artifact", "explain_code"], conflicts_with = "artifact")]
    pub(crate) image: Option<String>,
}

/// Who must have signed: a key, or an identity with its issuer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Signer")]
pub(crate) struct SignerArgs {
    /// Public key, PEM
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub(crate) key: Option<PathBuf>,

    /// Refuse signatures of a key that have no transparency log entry
    #[arg(long, requires = "key")]
    pub(crate) require_log: bool,

    /// Trust root: certificate authorities, logs and time stamp authorities (`trusted_root.json`), or a folder of such
    /// files, of which one must vouch for all of a signature [default: the public instance's, fetched through TUF]
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,

    /// Subject of the signer's certificate, exact
    #[arg(long, value_name = "IDENTITY", group = "identity", requires = "issuer")]
    pub(crate) certificate_identity: Option<String>,

    /// Regular expression that the whole subject must match
    #[arg(long, value_name = "REGEXP", group = "identity", requires = "issuer")]
    pub(crate) certificate_identity_regexp: Option<String>,

    /// Issuer that vouched for the signer, exact
    #[arg(long, value_name = "ISSUER", group = "issuer", requires = "identity")]
    pub(crate) certificate_oidc_issuer: Option<String>,

    /// Regular expression that the whole issuer must match
    #[arg(long, value_name = "REGEXP", group = "issuer", requires = "identity")]
    pub(crate) certificate_oidc_issuer_regexp: Option<String>,
}

impl SignerArgs {
    /// In the pipeline's words.
    pub(crate) fn choice(&self) -> SignerChoice {
        SignerChoice {
            key: self.key.clone().map(KeyChoice::File),
            require_log: self.require_log,
            trusted_root: self.trusted_root.clone(),
            identity: self.certificate_identity.clone(),
            identity_regexp: self.certificate_identity_regexp.clone(),
            issuer: self.certificate_oidc_issuer.clone(),
            issuer_regexp: self.certificate_oidc_issuer_regexp.clone(),
        }
    }
}
