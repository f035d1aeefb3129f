//! Values of secrets, from the fields that all operations that start something share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_pipeline::Wish;
use perry_sandbox_policy::SecretName;
use perry_sandbox_runner::{Secret, Secrets};

use crate::envelope::Fields;
use crate::fault::Fault;

/// `secrets` and `secretsBase64`: objects of names and values. No message has a value.
pub(super) fn secrets(fields: &mut Fields) -> Result<Secrets, Fault> {
    let mut secrets = Secrets::default();
    for (name, text) in fields.map("secrets")?.unwrap_or_default() {
        put(fields, "secrets", &mut secrets, &name, text.into_bytes())?;
    }
    for (name, text) in fields.map("secretsBase64")?.unwrap_or_default() {
        let bytes = STANDARD.decode(text);
        let bytes = bytes
            .map_err(|_| fields.refuse("secretsBase64", "has a value that is not base64 (with padding)"))?;
        put(fields, "secretsBase64", &mut secrets, &name, bytes)?;
    }
    Ok(secrets)
}

/// As [`secrets`], for a run that asks for what it supplies.
pub(super) fn wanted(fields: &mut Fields, wish: &mut Wish) -> Result<Secrets, Fault> {
    let secrets = secrets(fields)?;
    for name in
        secrets.names().filter(|name| !wish.grants.secrets.contains(name)).cloned().collect::<Vec<_>>()
    {
        wish.grants.secrets.push(name);
    }
    Ok(secrets)
}

fn put(fields: &Fields, field: &str, secrets: &mut Secrets, name: &str, bytes: Vec<u8>) -> Result<(), Fault> {
    let refuse =
        |error: &dyn std::fmt::Display| fields.refuse(field, format_args!("cannot be used: {error}"));
    let name: SecretName = name.parse().map_err(|error| refuse(&error))?;
    let value = Secret::of_bytes(&name, bytes).map_err(|error| refuse(&error))?;
    secrets.insert(name, value).map_err(|error| refuse(&error))
}
