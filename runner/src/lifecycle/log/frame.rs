//! One chunk on disk: a header of 16 bytes, and what was written.

use jiff::Timestamp;
use serde::Serialize;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogStream {
    /// Standard output; with a terminal, the screen.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What was written at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// When the supervisor read it.
    pub time: Timestamp,
    /// Where to.
    pub stream: LogStream,
    /// What: not always whole lines, nor whole characters.
    pub bytes: Vec<u8>,
}

/// What each header begins with.
const MAGIC: [u8; 2] = *b"L1";
/// Length of a header.
pub(super) const HEADER: usize = 16;
/// The longest chunk.
pub(super) const LONGEST: usize = 64 << 10;

/// The chunk as bytes: magic, stream, zero, length (u32), microseconds since 1970 (i64), little endian; then the text.
pub(super) fn encode(time: Timestamp, stream: LogStream, bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER.saturating_add(bytes.len()));
    frame.extend(MAGIC);
    frame.push(if stream == LogStream::Stdout { b'o' } else { b'e' });
    frame.push(0);
    frame.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend(time.as_microsecond().to_le_bytes());
    frame.extend(bytes);
    frame
}

/// What the beginning of some bytes is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// A chunk, and how many bytes it took.
    Chunk(LogChunk, usize),
    /// The rest of it is not there yet, or never will be.
    Short,
    /// No chunk.
    Broken,
}

pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Decoded::Short };
    let [m0, m1, stream, zero, l0, l1, l2, l3, time @ ..] = *header;
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    let stream = match stream {
        b'o' => LogStream::Stdout,
        b'e' => LogStream::Stderr,
        _ => return Decoded::Broken,
    };
    let time = Timestamp::from_microsecond(i64::from_le_bytes(time));
    let (Ok(time), true) = (time, [m0, m1] == MAGIC && zero == 0 && length <= LONGEST) else {
        return Decoded::Broken;
    };
    match rest.get(..length) {
        Some(bytes) => {
            Decoded::Chunk(LogChunk { time, stream, bytes: bytes.to_vec() }, HEADER.saturating_add(length))
        }
        None => Decoded::Short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_read_as_it_was_written() {
        let time = Timestamp::from_microsecond(1_700_000_000_123_456).unwrap();
        let bytes = encode(time, LogStream::Stderr, b"hello\n");
        let chunk = LogChunk { time, stream: LogStream::Stderr, bytes: b"hello\n".to_vec() };
        assert_eq!(decode(&bytes), Decoded::Chunk(chunk, 22));
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Decoded::Short, "{length}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let good = encode(Timestamp::UNIX_EPOCH, LogStream::Stdout, b"x");
        for (place, byte) in [(0, b'X'), (1, b'2'), (2, b'i'), (3, 1), (6, 0xff), (15, 0x7f)] {
            let mut bad = good.clone();
            bad[place] = byte;
            assert_eq!(decode(&bad), Decoded::Broken, "{place}");
        }
    }
}
