//! Names of Linux caps, as engines take them.

/// A cap's name: upper case, without `CAP_`.
pub(super) fn cap_name(text: &str) -> String {
    let upper = text.trim().to_uppercase();
    upper.strip_prefix("CAP_").map_or(upper.clone(), str::to_owned)
}

/// Whether a name stands for all of them.
pub(super) fn is_all(text: &str) -> bool {
    cap_name(text) == "ALL"
}
