//! The policy's text.

use std::fmt::Write as _;

use super::signers::Signer;

/// An image rule of a policy.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) repository: String,
    pub(super) digest: Option<String>,
    /// Signers who must all have signed.
    pub(super) all: Vec<String>,
    /// Signers of whom one must have signed.
    pub(super) any: Vec<String>,
    /// The predicate that one of these signers must have attested.
    pub(super) predicate: Option<String>,
    pub(super) needs_log: bool,
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "))
}

/// Writes the policy.
pub(super) fn policy(from: &str, signers: &[(String, Signer)], images: &[Image]) -> String {
    let origin: String = from.chars().filter(|char| !char.is_control()).collect();
    let mut text = format!(
        "# Imported from {origin}. It says whose images may run; write capabilities that name the image rules.\nschema = \"perry-sandbox/policy/v1\"\n"
    );
    if signers.iter().any(|(_, signer)| !matches!(signer, Signer::Key { root: None, .. })) {
        text.push_str("\n[trust-root.public]\nkind = \"sigstore-public\"\nmax-age = \"24h\"\n");
    }
    for (name, signer) in signers {
        let keys = match signer {
            Signer::Key { path, root } => {
                let root = root.map(|root| format!("root = {}\n", quoted(root))).unwrap_or_default();
                format!("{root}public-key = {}\n", quoted(path))
            }
            Signer::Keyless { issuer, subject } => format!(
                "root = \"public\"\n{} = {}\n{} = {}\n",
                issuer.0,
                quoted(&issuer.1),
                subject.0,
                quoted(&subject.1)
            ),
        };
        let _ = write!(text, "\n[signer.{name}]\n{keys}");
    }
    for image in images {
        text.push_str(&image.text());
    }
    text
}

impl Image {
    fn text(&self) -> String {
        let mut quorum = Vec::new();
        if !self.all.is_empty() {
            quorum.push(format!("all = {}", list(&self.all)));
        }
        if !self.any.is_empty() {
            quorum.push(format!("at-least = 1, of = {}", list(&self.any)));
        }
        let mut text = format!(
            "\n[image.{}]\nrepository = {}\nsigned-by = {{ {} }}\n",
            self.name,
            quoted(&self.repository),
            quorum.join(", ")
        );
        if let Some(digest) = &self.digest {
            let _ = writeln!(text, "digests = {}", list(std::slice::from_ref(digest)));
        }
        if let Some(predicate) = &self.predicate {
            let by: Vec<String> = self.all.iter().chain(&self.any).cloned().collect();
            let _ =
                writeln!(text, "provenance = {{ predicate = {}, by = {} }}", quoted(predicate), list(&by));
        }
        if self.needs_log {
            text.push_str("log = \"required\"\n");
        }
        text
    }
}
