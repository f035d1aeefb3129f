//! Values that a screen should not show.

use perry_sandbox_compose::Project;

const WORDS: [&str; 8] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "APIKEY"];

/// Whether a variable of this name looks secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Puts stars for the values of variables whose names look secret.
pub(crate) fn redact(project: &mut Project) {
    project.hide_variables(is_secret);
}
