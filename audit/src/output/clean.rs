//! Text of files in messages.

/// A text without control characters, so that a hostile file cannot steer a terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
