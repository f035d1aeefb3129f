//! Entry point of the fuzz target: what a guest says.

use super::channel::Channel;
use super::frame::{GREETING, MOST};

/// Reads some bytes as a guest's, in pieces, and looks at what must hold whatever they are.
///
/// # Panics
/// Where a promise is broken, which is what the fuzzer looks for.
pub fn microvm(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let (mut whole, mut cut) = (Channel::default(), Channel::default());
    drop((whole.hear(GREETING), cut.hear(GREETING)));
    let all = whole.hear(bytes);
    let mut heard = Vec::new();
    for piece in bytes.chunks(usize::from(*piece).saturating_add(1)) {
        let Ok(messages) = cut.hear(piece) else {
            assert!(all.is_err(), "broken only when it is cut");
            return;
        };
        heard.extend(messages);
    }
    assert!(all.as_ref() == Ok(&heard), "other frames when it is cut");
    for message in heard {
        assert!(message.to_bytes().len() <= MOST.saturating_add(3), "a frame that is too long");
        drop(message);
    }
}
