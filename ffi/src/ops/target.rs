//! What a caller asks for, from the fields that all run-like operations share.

use std::num::NonZeroU32;
use std::path::PathBuf;

use perry_sandbox_pipeline::{
    AccessChoice, KeyChoice, PolicyChoice, PolicyInput, Pull, SignerChoice, TargetChoice, Wish,
};
use perry_sandbox_policy::{
    ByteSize, MilliCpu, SecretName, WallTime, WantedGrants, WantedLimits, WantedMount,
};
use perry_sandbox_profiles::{LinuxCap, LinuxCapSet};

use crate::envelope::{Fields, Tree};
use crate::fault::Fault;

/// The services of a project that are meant; nothing: all. An empty list must not come to mean all of them.
pub(super) fn services(fields: &mut Fields) -> Result<Option<Vec<String>>, Fault> {
    let named = fields.texts("services")?;
    if named.as_ref().is_some_and(Vec::is_empty) {
        return Err(fields.refuse("services", "is empty: leave it out for all services"));
    }
    Ok(named)
}

/// A capability: `{name, args?, …}`.
pub(super) fn capability(fields: &mut Fields) -> Result<Wish, Fault> {
    let name = fields.required_text("name")?;
    let mut wish = Wish::of(TargetChoice::Capability(name));
    wish.image = fields.text("image")?;
    common(fields, &mut wish)?;
    Ok(wish)
}

/// An image by itself: `{image, entrypoint?, args?, signer?, …}`.
pub(super) fn spec(fields: &mut Fields) -> Result<Wish, Fault> {
    let image = fields.required_text("image")?;
    let mut wish = Wish::of(TargetChoice::Image(image));
    wish.entrypoint = fields.text("entrypoint")?;
    wish.signer = signer(fields)?;
    common(fields, &mut wish)?;
    Ok(wish)
}

/// `{capability: {…}}` or `{spec: {…}}`, and nothing besides in the inner object.
pub(super) fn either(fields: &mut Fields) -> Result<Wish, Fault> {
    match (fields.object("capability")?, fields.object("spec")?) {
        (Some(mut inner), None) => {
            let wish = capability(&mut inner)?;
            inner.finish()?;
            Ok(wish)
        }
        (None, Some(inner)) => whole_spec(inner),
        (Some(_), Some(_)) => Err(fields.refuse("spec", "is there beside `capability`: give one of the two")),
        (None, None) => Err(Fault::bad_request("`args.capability` or `args.spec` is missing")),
    }
}

/// The `spec` that must be there.
pub(super) fn required_spec(fields: &mut Fields) -> Result<Wish, Fault> {
    whole_spec(fields.object("spec")?.ok_or_else(|| fields.missing("spec"))?)
}

fn whole_spec(mut inner: Fields) -> Result<Wish, Fault> {
    let wish = spec(&mut inner)?;
    inner.finish()?;
    Ok(wish)
}

fn common(fields: &mut Fields, wish: &mut Wish) -> Result<(), Fault> {
    wish.policy = policy(fields)?;
    wish.access = access(fields)?;
    wish.tier = fields.parsed("tier")?;
    wish.backend = fields.text("backend")?;
    wish.repository = fields.parsed("repository")?;
    wish.platform = fields.parsed("platform")?;
    wish.args = fields.texts("args")?.unwrap_or_default();
    wish.env = variables(fields)?;
    wish.grants = grants(fields)?;
    wish.limits = limits(fields)?;
    Ok(())
}

/// `env`: names without `=`, values as they are.
pub(super) fn variables(fields: &mut Fields) -> Result<std::collections::BTreeMap<String, String>, Fault> {
    let variables = fields.map("env")?.unwrap_or_default();
    if variables.keys().any(|name| name.is_empty() || name.contains('=')) {
        return Err(fields.refuse("env", "has a name that is empty or has a `=` in it"));
    }
    Ok(variables)
}

/// `policy`: a path, several, or `{text, name?}`.
pub(super) fn policy(fields: &mut Fields) -> Result<PolicyChoice, Fault> {
    let file = |path: String| PolicyInput::File(PathBuf::from(path));
    let at = fields.at("policy");
    let inputs = match fields.take("policy") {
        None => return Ok(PolicyChoice::default()),
        Some(Tree::Text(path)) => {
            fields.all_texts("policy", vec![Tree::Text(path)])?.into_iter().map(file).collect()
        }
        Some(Tree::List(items)) => {
            fields.all_texts("policy", items)?.into_iter().map(file).collect::<Vec<_>>()
        }
        Some(tree @ Tree::Object(_)) => {
            let mut inner = Fields::of(tree, &at)?;
            let text = inner.any_text("text")?.ok_or_else(|| inner.missing("text"))?;
            let name = inner.text("name")?.unwrap_or_else(|| "policy.toml".to_owned());
            inner.finish()?;
            vec![PolicyInput::Text { name, text }]
        }
        Some(other) => {
            let why = format!("is {}, expected a path, a list of paths, or {{text, name}}", other.kind());
            return Err(fields.refuse("policy", why));
        }
    };
    // An empty list must not come to mean the default policy.
    if inputs.is_empty() || inputs.contains(&PolicyInput::File(PathBuf::new())) {
        return Err(fields.refuse("policy", "names no policy: leave it out for the default policy"));
    }
    Ok(PolicyChoice { inputs, require: None })
}

/// `pull`, `insecureRegistries`, `registryCa`.
pub(super) fn access(fields: &mut Fields) -> Result<AccessChoice, Fault> {
    let words = [("missing", Pull::Missing), ("always", Pull::Always), ("never", Pull::Never)];
    Ok(AccessChoice {
        pull: fields.word("pull", &words)?.unwrap_or_default(),
        insecure_registries: fields.texts("insecureRegistries")?.unwrap_or_default().into_iter().collect(),
        registry_ca: fields.text("registryCa")?.map(PathBuf::from),
        ..AccessChoice::default()
    })
}

/// `signer`.
pub(super) fn signer(fields: &mut Fields) -> Result<SignerChoice, Fault> {
    let Some(mut inner) = fields.object("signer")? else { return Ok(SignerChoice::default()) };
    let key = inner.text("key")?;
    let text = inner.text("keyText")?;
    let key = match (key, text) {
        (Some(_), Some(_)) => {
            return Err(inner.refuse("keyText", "is there beside `key`: give one of the two"));
        }
        (Some(key), None) if key.trim_start().starts_with("-----BEGIN") => Some(KeyChoice::Pem(key)),
        (Some(path), None) => Some(KeyChoice::File(PathBuf::from(path))),
        (None, text) => text.map(KeyChoice::Pem),
    };
    let choice = SignerChoice {
        key,
        require_log: inner.flag("requireLog")?,
        trusted_root: inner.text("trustedRoot")?.map(PathBuf::from),
        identity: inner.text("identity")?,
        identity_regexp: inner.text("identityRegexp")?,
        issuer: inner.text("issuer")?,
        issuer_regexp: inner.text("issuerRegexp")?,
    };
    inner.finish()?;
    if choice == SignerChoice::default() {
        return Err(fields.refuse("signer", "names nobody: give a key, or an identity with its issuer"));
    }
    Ok(choice)
}

fn grants(fields: &mut Fields) -> Result<WantedGrants, Fault> {
    let Some(mut inner) = fields.object("grants")? else { return Ok(WantedGrants::default()) };
    let texts = |inner: &mut Fields, name| inner.texts(name).map(Option::unwrap_or_default);
    let secrets = texts(&mut inner, "secrets")?;
    let secrets = secrets.iter().map(|name| name.parse::<SecretName>());
    let secrets =
        secrets.collect::<Result<_, _>>().map_err(|error| inner.refuse("secrets", unusable(&error)))?;
    let caps = texts(&mut inner, "linuxCaps")?;
    let caps = caps.iter().map(|name| name.parse::<LinuxCap>());
    let caps: LinuxCapSet =
        caps.collect::<Result<_, _>>().map_err(|error| inner.refuse("linuxCaps", unusable(&error)))?;
    let grants = WantedGrants {
        egress: texts(&mut inner, "egress")?,
        mounts_read: mounts(&mut inner, "read")?,
        mounts_write: mounts(&mut inner, "write")?,
        mounts_exec: texts(&mut inner, "exec")?,
        secrets,
        devices: texts(&mut inner, "devices")?,
        linux_caps: caps,
    };
    inner.finish()?;
    Ok(grants)
}

/// Folders and files of the host, each as `SOURCE` or `SOURCE:TARGET`.
fn mounts(fields: &mut Fields, name: &'static str) -> Result<Vec<WantedMount>, Fault> {
    let texts = fields.texts(name)?.unwrap_or_default();
    let mounts = texts.iter().map(|text| text.parse::<WantedMount>());
    mounts.collect::<Result<_, _>>().map_err(|error| fields.refuse(name, unusable(&error)))
}

fn unusable(error: &impl std::fmt::Display) -> String {
    format!("cannot be used: {error}")
}

fn limits(fields: &mut Fields) -> Result<WantedLimits, Fault> {
    let timeout = milliseconds(fields, "timeoutMs")?;
    let Some(mut inner) = fields.object("limits")? else {
        return Ok(WantedLimits { wall: timeout, ..WantedLimits::default() });
    };
    let wall = milliseconds(&mut inner, "wallMs")?;
    if wall.is_some() && timeout.is_some() {
        return Err(
            inner.refuse("wallMs", "is there beside `timeoutMs`, which means the same: give one of the two")
        );
    }
    let limits = WantedLimits {
        memory: size(&mut inner, "memory")?,
        cpu: cores(&mut inner)?,
        pids: count(&mut inner, "pids")?,
        wall: wall.or(timeout),
        output: size(&mut inner, "output")?,
        disk: size(&mut inner, "disk")?,
        open_files: count(&mut inner, "openFiles")?,
    };
    inner.finish()?;
    Ok(limits)
}

/// A time in whole milliseconds, above 0.
pub(super) fn milliseconds(fields: &mut Fields, name: &'static str) -> Result<Option<WallTime>, Fault> {
    let Some(number) = fields.whole(name)? else { return Ok(None) };
    let time = WallTime::from_millis(number);
    time.map(Some).ok_or_else(|| fields.refuse(name, "is 0: expected a number of milliseconds above 0"))
}

/// A number of bytes, or text such as `64MiB`.
fn size(fields: &mut Fields, name: &'static str) -> Result<Option<ByteSize>, Fault> {
    let expected = "is expected to be a whole number of bytes above 0, or text such as `64MiB`";
    match fields.take(name) {
        None => Ok(None),
        Some(Tree::Number(number)) => {
            let bytes = number.as_u64().and_then(ByteSize::from_bytes);
            bytes.map(Some).ok_or_else(|| fields.refuse(name, expected))
        }
        Some(Tree::Text(text)) => {
            text.parse().map(Some).map_err(|error| fields.refuse(name, unusable(&error)))
        }
        Some(_) => Err(fields.refuse(name, expected)),
    }
}

fn count(fields: &mut Fields, name: &'static str) -> Result<Option<NonZeroU32>, Fault> {
    let Some(number) = fields.whole(name)? else { return Ok(None) };
    let number = u32::try_from(number).ok().and_then(NonZeroU32::new);
    number.map(Some).ok_or_else(|| fields.refuse(name, "is expected to be between 1 and 4294967295"))
}

/// The number is read as it was written, so that 0.1 is exactly 100 thousandths.
fn cores(fields: &mut Fields) -> Result<Option<MilliCpu>, Fault> {
    let Some(number) = fields.number("cpus")? else { return Ok(None) };
    let cores = number.to_string().parse();
    cores.map(Some).map_err(|error| fields.refuse("cpus", unusable(&error)))
}
