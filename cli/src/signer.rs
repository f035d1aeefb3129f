//! The signer that flags name, as a requirement.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::Context as _;
use perry_sandbox_policy::{
    IssuerPattern, LogRule, RepositoryRule, Requirement, Signer, SignerIdentity, SubjectPattern, TrustRoot,
    TrustRootSource,
};
use perry_sandbox_reference::{Digest, Repository};

use crate::args::SignerArgs;
use crate::files;
use crate::stop::Stop;

/// What signer, key and trust root are called when flags name them.
const COMMAND_LINE: &str = "command-line";
/// Far above any key.
const MAX_KEY: u64 = 64 * 1024;
/// Far above the public instance's trust root.
const MAX_TRUST_ROOT: u64 = 4 * 1024 * 1024;

/// The signer of the flags, or nothing if they name none.
///
/// # Errors
/// A file cannot be read, a key is no public key, or keyless flags come without a trust root.
pub(crate) fn signer(args: &SignerArgs) -> anyhow::Result<Option<Signer>> {
    let root = args.trusted_root.as_deref().map(trust_root).transpose()?;
    let name = COMMAND_LINE.parse()?;
    if let Some(key) = &args.key {
        let pem = public_key(key)?;
        return Ok(Some(Signer { name, identity: SignerIdentity::Key { pem, root } }));
    }
    let (Some(subject), Some(issuer)) = (subject(args), issuer(args)) else {
        return match root {
            Some(_) => Err(Stop::usage(
                "--trusted-root says nothing about who must have signed: add --key, or --certificate-identity and --certificate-oidc-issuer",
            )),
            None => Ok(None),
        };
    };
    let root = root.ok_or_else(|| {
        Stop::usage("a certificate identity needs a trust root: name the instance's trusted_root.json with --trusted-root (this version does not fetch the public one)")
    })?;
    Ok(Some(Signer {
        name,
        identity: SignerIdentity::Keyless { issuer, subject, claims: BTreeMap::new(), root },
    }))
}

/// The question that one signer's flags ask, of an image that claims to be from `repository`.
pub(crate) fn requirement(signer: Signer, require_log: bool, repository: Option<Repository>) -> Requirement {
    Requirement {
        rule: None,
        repository: repository.map_or(RepositoryRule::Unknown, RepositoryRule::Exact),
        digests: None,
        signers: vec![signer],
        at_least: NonZeroU32::MIN,
        provenance: None,
        max_age: None,
        log: if require_log { LogRule::Required } else { LogRule::Optional },
    }
}

fn subject(args: &SignerArgs) -> Option<SubjectPattern> {
    let exact = args.certificate_identity.clone().map(SubjectPattern::Exact);
    exact.or_else(|| args.certificate_identity_regexp.clone().map(SubjectPattern::WholeRegexp))
}

fn issuer(args: &SignerArgs) -> Option<IssuerPattern> {
    let exact = args.certificate_oidc_issuer.clone().map(IssuerPattern::Exact);
    exact.or_else(|| args.certificate_oidc_issuer_regexp.clone().map(IssuerPattern::WholeRegexp))
}

fn public_key(path: &Path) -> anyhow::Result<String> {
    let bytes = files::read_unshared(path, MAX_KEY).map_err(Stop::usage)?;
    let pem = files::into_text(bytes, path).map_err(Stop::usage)?;
    if pem.contains("PRIVATE KEY-----") {
        return Err(Stop::usage(format!(
            "`{}` is a private key: verifying needs its public key",
            path.display()
        )));
    }
    if !pem.contains("-----BEGIN PUBLIC KEY-----") {
        return Err(Stop::usage(format!(
            "`{}` is not a public key: expected PEM that begins with `-----BEGIN PUBLIC KEY-----`",
            path.display()
        )));
    }
    Ok(pem)
}

fn trust_root(path: &Path) -> anyhow::Result<TrustRoot> {
    let bytes = files::read_unshared(path, MAX_TRUST_ROOT).map_err(Stop::usage)?;
    let json = files::into_text(bytes, path).map_err(Stop::usage)?;
    let digest = Digest::of(json.as_bytes());
    let name = COMMAND_LINE.parse().context("the name of the command line's trust root")?;
    Ok(TrustRoot { name, json, digest, source: TrustRootSource::File })
}
