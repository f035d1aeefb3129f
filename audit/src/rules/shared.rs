//! What several rules ask: names of Linux caps and addresses, as engines take them.

/// A cap's name: upper case, without `CAP_`.
pub(crate) fn cap_name(text: &str) -> String {
    let upper = text.trim().to_uppercase();
    upper.strip_prefix("CAP_").map_or(upper.clone(), str::to_owned)
}

/// Whether a name stands for all of them.
pub(crate) fn is_all(text: &str) -> bool {
    cap_name(text) == "ALL"
}

/// Whether only this machine reaches an address.
pub(crate) fn is_loopback(address: &str) -> bool {
    address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a user, with or without a group, is root.
pub(super) fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name == "root" || name.parse::<u64>() == Ok(0)
}
