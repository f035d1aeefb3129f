//! What comes out of the guest's serial port: whatever its kernel says, then a greeting, then frames.

use super::frame::{Broken, GREETING, Message, Reader};

/// How much may come before the greeting.
const MOST_NOISE: usize = 65_536;
/// How much of it is kept for a message.
const TAIL: usize = 600;

/// The ear at the port.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    greeted: bool,
    /// Before the greeting: all that came. Later: the last bytes.
    noise: Vec<u8>,
    reader: Reader,
}

impl Channel {
    /// The frames that these bytes complete.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Message>, Broken> {
        self.noise.extend_from_slice(bytes);
        if self.greeted {
            self.forget();
            return self.reader.read(bytes);
        }
        let found = self.noise.windows(GREETING.len()).position(|window| window == GREETING);
        let Some(place) = found else {
            return if self.noise.len() > MOST_NOISE { Err(Broken) } else { Ok(Vec::new()) };
        };
        self.greeted = true;
        let frames = self.noise.get(place.saturating_add(GREETING.len())..).unwrap_or_default().to_vec();
        self.forget();
        self.reader.read(&frames)
    }

    fn forget(&mut self) {
        self.noise.drain(..self.noise.len().saturating_sub(TAIL));
    }

    /// The last that was heard, as text that is safe to print.
    pub(crate) fn tail(&self) -> String {
        printable(self.noise.get(self.noise.len().saturating_sub(TAIL)..).unwrap_or_default())
    }

    /// How many bytes are held.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.noise.len().saturating_add(self.reader.held())
    }
}

/// Text of a guest without what a terminal would act on.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { ' ' });
    text.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(1000).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::microvm::frame::{Cause, Ended, MOST, WINDOW};

    fn any_message() -> impl Strategy<Value = Message> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..=MOST);
        let ended = (any::<bool>(), any::<[u8; 2]>(), any::<[u64; 3]>());
        prop_oneof![
            Just(Message::Started),
            bytes().prop_map(Message::Stdout),
            bytes().prop_map(Message::Stderr),
            any::<u32>().prop_map(Message::Room),
            "[ -~]{0,100}".prop_map(|why| Message::Failed(Cause::NotFound, why)),
            ended.prop_map(|(killed, [number, met], [user, system, peak])| {
                let number = if killed { i32::from(number % 64).max(1) } else { i32::from(number) };
                Message::Ended(Ended { killed, number, met, user, system, peak })
            }),
            bytes().prop_map(Message::Stdin),
            Just(Message::StdinEnd),
            (1..=64_u8).prop_map(Message::Signal),
            (1..=2_u8).prop_map(Message::Closed),
        ]
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_are_never_held(chunks in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..9000), 0..12
        ), greeted in any::<bool>()) {
            let mut channel = Channel::default();
            if greeted {
                channel.hear(GREETING).unwrap();
            }
            let most = if greeted { TAIL + MOST + 3 } else { MOST_NOISE + 9000 };
            for chunk in chunks {
                let mut broken = false;
                if let Err(Broken) = channel.hear(&chunk) {
                    broken = true;
                }
                prop_assert!(channel.held() <= most, "{} bytes are held", channel.held());
                prop_assert!(channel.tail().len() <= TAIL);
                if broken {
                    break;
                }
            }
        }

        #[test]
        fn what_is_sent_is_what_is_heard_however_it_is_cut(
            messages in proptest::collection::vec(any_message(), 0..8), noise in "[a-z\n]{0,50}", piece in 1_usize..5000
        ) {
            let mut bytes = noise.into_bytes();
            bytes.extend_from_slice(GREETING);
            for message in &messages {
                bytes.extend(message.to_bytes());
            }
            let mut channel = Channel::default();
            let mut heard = Vec::new();
            for chunk in bytes.chunks(piece) {
                heard.extend(channel.hear(chunk).unwrap());
            }
            prop_assert_eq!(heard, messages);
        }
    }

    #[test]
    fn a_frame_that_is_too_long_or_of_no_kind_is_the_end() {
        let refused = |bytes: &[u8]| {
            let mut reader = Reader::default();
            let first = reader.read(bytes);
            first.is_err() && reader.read(&Message::Started.to_bytes()).is_err()
        };
        let most = u16::try_from(MOST).unwrap();
        let [low, high] = (most + 1).to_le_bytes();
        assert!(refused(&[2, low, high]), "one byte too long");
        assert!(refused(&[0, 0, 0]) && refused(&[11, 0, 0]), "no such kind");
        assert!(refused(&[1, 1, 0, 0]), "a start with a payload");
        assert!(refused(&[9, 1, 0, 0]) && refused(&[9, 1, 0, 65]), "no such signal");
        assert!(refused(&[5, 1, 0, 3]), "no such cause");
        assert!(refused(&[6, 2, 0, 0, 0]), "an end that is cut off");
        let [low, high] = most.to_le_bytes();
        assert!(!refused(&[2, low, high]), "the longest");
    }

    #[test]
    fn an_end_out_of_range_is_none() {
        let ended = |killed, number| {
            let ended = Ended { killed, number, met: 0, user: 0, system: 0, peak: 0 };
            Reader::default().read(&Message::Ended(ended).to_bytes())
        };
        assert!(ended(false, 255).is_ok() && ended(true, 64).is_ok() && ended(false, 0).is_ok());
        assert!(ended(false, 256).is_err() && ended(false, -1).is_err());
        assert!(ended(true, 0).is_err() && ended(true, 65).is_err());
    }

    #[test]
    fn a_guest_that_never_greets_is_not_listened_to_for_ever() {
        let mut channel = Channel::default();
        let noise = vec![b'x'; 60_000];
        assert_eq!(channel.hear(&noise), Ok(Vec::new()));
        assert_eq!(channel.hear(&noise), Err(Broken));
        assert!(usize::try_from(WINDOW).unwrap() < MOST_NOISE);
    }

    #[test]
    fn what_a_guest_says_is_printed_without_control_characters() {
        assert_eq!(printable(b"Kernel\n\x1b[31mpanic\0\xff"), "Kernel [31mpanic");
    }
}
