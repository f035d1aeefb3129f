//! The few replies that are made here, because they tell of trouble below the operations.

/// The version of the envelope that the TypeScript half must speak.
pub(crate) const PROTOCOL: u32 = 1;

/// A reply that no operation gave: the archive and the runtime do not fit, or code of ours panicked.
///
/// It has the empty id, since the request could not be read or its id is lost. `message` must need no escapes in JSON.
pub(crate) fn internal(message: &str) -> String {
    format!(
        r#"{{"v":1,"id":"","ok":false,"error":{{"code":"INTERNAL","status":500,"message":"{}"}}}}"#,
        plain(message)
    )
}

/// What `js_psb_abi` says when the layout is as expected.
pub(crate) fn agreed() -> String {
    format!(
        r#"{{"v":1,"id":"abi","ok":true,"value":{{"version":"{}","protocol":{PROTOCOL},"strings":"agreed"}}}}"#,
        env!("CARGO_PKG_VERSION")
    )
}

/// Leaves out what would have to be escaped.
fn plain(message: &str) -> String {
    message.chars().filter(|c| !c.is_control() && *c != '"' && *c != '\\').collect()
}
