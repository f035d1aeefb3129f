//! Entry points of the fuzz targets: every reader of what a sandbox sends to the proxy, of what a guest sends, and of what an
//! engine answers.

use super::judge::Grants;
use super::{dns, hello, request, socks};
pub use crate::backends::engine;
pub use crate::microvm::microvm;

/// Reads some bytes in each way, and looks at what must hold whatever they are.
///
/// # Panics
/// Where a promise is broken, which is what the fuzzer looks for.
pub fn egress(bytes: &[u8]) {
    let grants = Grants::try_from(vec!["a.example:443".to_owned(), "*.b.example:80".to_owned()]);
    let Ok(grants) = grants else { return };
    drop(request::read(bytes));
    if let Some(end) = request::end_of_head(bytes) {
        drop(bytes.get(..end).and_then(request::read));
    }
    drop((socks::greeting(bytes), socks::request(bytes)));
    drop(hello::read(bytes));
    let Some(answer) = dns::answer(bytes, &grants) else { return };
    let addressed = answer.bytes.get(7).is_some_and(|count| *count != 0);
    assert!(answer.refused.is_none() || !addressed, "a name that is not granted got an address");
    assert!(!addressed || answer.bytes.ends_with(&[127, 0, 0, 1]), "an address that is not the loopback");
}
