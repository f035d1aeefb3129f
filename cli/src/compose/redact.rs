//! Values that a screen should not show.

use perry_sandbox_compose::Project;

const WORDS: [&str; 8] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "APIKEY"];

/// Puts stars for the values of variables whose names look secret.
pub(crate) fn redact(project: &mut Project) {
    project.hide_variables(|name| {
        let name = name.to_uppercase();
        WORDS.iter().any(|word| name.contains(word))
    });
}
