//! A zstd layer's frames, one after the other: a bounded window, no dictionaries, and every checksum compared.

use std::io::{self, BufRead as _, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use thiserror::Error;

/// Largest window of a frame, in bytes. RFC 8878 §3.1.1.1.2 asks for 8 MiB; the encoders that build images go up
/// to 32 MiB (`zstd --ultra -20`, klauspost's best level). The decoder allocates the window before it knows whether
/// the frame fills it, so the window is what a hostile layer can make this process hold.
pub(super) const MAX_WINDOW: u64 = 32 * 1024 * 1024;
/// How many layers with such a window are unpacked at once: bounds the windows of one image to 256 MiB.
pub(super) const MAX_AT_ONCE: usize = 8;

/// What is wrong with a zstd layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum Fault {
    #[error(
        "its zstd frame asks for a window of {0} bytes, and {MAX_WINDOW} are allowed: compress it with a level up to 20 and without `--long`"
    )]
    Window(u64),
    #[error("its zstd frame needs the dictionary {0}, and layers have none")]
    Dictionary(u32),
    #[error("its zstd frame ends with a checksum that is not its content's")]
    Checksum,
    #[error("its zstd frame has another length than its header says")]
    Length,
    #[error("a skippable frame says that it is longer than the rest of the layer")]
    Skipped,
    #[error("its zstd stream ends in the middle of a frame")]
    Cut,
    #[error("its zstd stream is malformed")]
    Malformed,
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

/// The packed bytes, with the error that stopped them: the decoder would bury it in its own.
struct Packed<R> {
    reader: BufReader<R>,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buf).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure = Some(error);
            }
            kind.into()
        })
    }
}

/// Where the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a frame, or at the end.
    Between,
    /// Inside a frame that has given this many bytes so far.
    Inside(u64),
    /// Something was wrong; the decoder is not asked again.
    Failed(Fault),
}

/// Decompresses frames until the packed bytes end. Skippable frames are passed over.
pub(crate) struct Frames<R> {
    packed: Packed<R>,
    decoder: FrameDecoder,
    state: State,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(reader: BufReader<R>) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW);
        Self { packed: Packed { reader, failure: None }, decoder, state: State::Between }
    }

    /// What lies after the bytes that were decoded.
    pub(super) fn packed(&mut self) -> &mut BufReader<R> {
        &mut self.packed.reader
    }

    /// Reads a frame's header. `false`: there is no further frame.
    fn start(&mut self) -> io::Result<bool> {
        loop {
            if self.packed.reader.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => {
                    self.state = State::Inside(0);
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut (&mut self.packed.reader).take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(self.fail(Fault::Skipped));
                    }
                }
                Err(error) => return Err(self.stopped(&error)),
            }
        }
    }

    /// Decodes one block. SECURITY: the decoder asserts some of what it computes from hostile bytes; a panic of it is
    /// an error here, and the decoder is not used after it.
    fn block(&mut self) -> io::Result<()> {
        let Self { packed, decoder, .. } = self;
        let one = BlockDecodingStrategy::UptoBlocks(1);
        match catch_unwind(AssertUnwindSafe(|| decoder.decode_blocks(packed, one))) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.stopped(&error)),
            Err(_) => Err(self.fail(Fault::Malformed)),
        }
    }

    /// Compares what the frame says of itself with what came out of it.
    fn end(&mut self, given: u64) -> io::Result<()> {
        self.state = State::Between;
        let stated = self.decoder.content_size();
        if stated != 0 && stated != given {
            return Err(self.fail(Fault::Length));
        }
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(self.fail(Fault::Checksum));
        }
        Ok(())
    }

    fn stopped(&mut self, error: &FrameDecoderError) -> io::Error {
        let fault = if let FrameDecoderError::WindowSizeTooBig { requested: size, .. }
        | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { got: size }) =
            error
        {
            Fault::Window(*size)
        } else if let FrameDecoderError::DictNotProvided { dict_id } = error {
            Fault::Dictionary(*dict_id)
        } else if ended(error) {
            Fault::Cut
        } else {
            Fault::Malformed
        };
        let own = self.fail(fault);
        self.packed.failure.take().unwrap_or(own)
    }

    fn fail(&mut self, fault: Fault) -> io::Error {
        self.state = State::Failed(fault);
        fault.into()
    }
}

/// Whether the decoder stopped because the packed bytes ended.
fn ended(error: &FrameDecoderError) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::UnexpectedEof;
        }
        next = error.source();
    }
    false
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Failed(fault) => return Err(fault.into()),
                State::Between => {
                    if !self.start()? {
                        return Ok(0);
                    }
                }
                State::Inside(given) => {
                    if self.decoder.can_collect() > 0 {
                        let count = self.decoder.read(buf)?;
                        let given = given.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
                        self.state = State::Inside(given);
                        return Ok(count);
                    }
                    if self.decoder.is_finished() {
                        self.end(given)?;
                    } else {
                        self.block()?;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Frames::new(BufReader::with_capacity(64, packed)).read_to_end(&mut out).map(|_| out)
    }

    fn fault(packed: &[u8]) -> Fault {
        let error = decode(packed).unwrap_err();
        *error.get_ref().and_then(|error| error.downcast_ref::<Fault>()).unwrap_or_else(|| panic!("{error}"))
    }

    /// A frame of raw blocks: header, then the content in blocks of at most 1,000 bytes.
    fn raw_frame(descriptor: u8, header: &[u8], content: &[u8]) -> Vec<u8> {
        let mut frame = [&[0x28, 0xB5, 0x2F, 0xFD, descriptor], header].concat();
        let mut blocks = content.chunks(1000).peekable();
        while let Some(block) = blocks.next() {
            let last = usize::from(blocks.peek().is_none());
            frame.extend_from_slice(&(block.len() << 3 | last).to_le_bytes()[..3]);
            frame.extend_from_slice(block);
        }
        frame
    }

    const SKIPPABLE: [u8; 11] = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];

    #[test]
    fn several_frames_and_skippable_ones_are_one_stream() {
        let frame = |text: &[u8]| zstd::stream::encode_all(text, 3).unwrap();
        let packed = [
            &SKIPPABLE[..],
            &frame(b"one "),
            &SKIPPABLE,
            &SKIPPABLE,
            &frame(b""),
            &frame(b"two"),
            &SKIPPABLE,
        ]
        .concat();
        assert_eq!(decode(&packed).unwrap(), b"one two");
        assert_eq!(decode(b"").unwrap(), b"");
    }

    #[test]
    fn what_another_encoder_packs_comes_out_at_every_level() {
        let content: Vec<u8> = (0..400_000_u32).flat_map(|at| (at / 7 % 1000).to_le_bytes()).collect();
        for level in [-5, 1, 3, 9, 19] {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), level).unwrap();
            encoder.include_checksum(level > 3).unwrap();
            io::copy(&mut content.as_slice(), &mut encoder).unwrap();
            assert!(decode(&encoder.finish().unwrap()).unwrap() == content, "level {level}");
        }
    }

    #[test]
    fn a_window_over_the_bound_is_refused_before_it_is_allocated() {
        // 10 + 31 bits and seven eighths: 3.75 TiB, the most that the format can ask for.
        assert_eq!(fault(&raw_frame(0, &[0xFF], b"x")), Fault::Window(15 << 38));
        assert_eq!(fault(&raw_frame(0, &[16 << 3], b"x")), Fault::Window(64 << 20));
        assert_eq!(decode(&raw_frame(0, &[15 << 3], b"x")).unwrap(), b"x");
        // A single segment is its own window: eight bytes of content size.
        let size = (1_u64 << 40).to_le_bytes();
        assert_eq!(fault(&raw_frame(0b1110_0000, &size, b"x")), Fault::Window(1 << 40));
    }

    #[test]
    fn a_frame_with_a_dictionary_is_refused() {
        assert_eq!(fault(&raw_frame(0b0000_0001, &[0, 7], b"x")), Fault::Dictionary(7));
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        io::copy(&mut &b"content"[..], &mut encoder).unwrap();
        let mut packed = encoder.finish().unwrap();
        assert_eq!(decode(&packed).unwrap(), b"content");
        *packed.last_mut().unwrap() ^= 1;
        assert_eq!(fault(&packed), Fault::Checksum);
    }

    #[test]
    fn a_frame_shorter_than_its_header_says_is_refused() {
        assert_eq!(decode(&raw_frame(0b0010_0000, &[4], b"four")).unwrap(), b"four");
        assert_eq!(fault(&raw_frame(0b0010_0000, &[5], b"four")), Fault::Length);
    }

    #[test]
    fn a_stream_that_ends_early_is_refused_wherever_it_is_cut() {
        let whole = raw_frame(0, &[0], &[9; 2500]);
        for length in 1..whole.len() {
            assert_eq!(fault(&whole[..length]), Fault::Cut, "cut at {length}");
        }
        assert_eq!(fault(&SKIPPABLE[..10]), Fault::Skipped);
        assert_eq!(fault(&[&whole[..], b"not a frame"].concat()), Fault::Malformed);
    }

    #[test]
    fn a_stream_that_failed_goes_on_failing() {
        let mut frames = Frames::new(BufReader::new(&b"not zstd"[..]));
        let mut buf = [0; 8];
        assert!(frames.read(&mut buf).is_err());
        assert!(frames.read(&mut buf).is_err());
    }

    #[test]
    fn the_source_s_own_error_comes_through() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(io::ErrorKind::InvalidData, "another digest"))
            }
        }
        let start = raw_frame(0, &[0], &[9; 2500]);
        for length in [0, 3, 8, 500] {
            let source = start[..length].chain(Broken);
            let error = io::copy(&mut Frames::new(BufReader::new(source)), &mut io::sink()).unwrap_err();
            assert_eq!(error.to_string(), "another digest", "after {length}");
        }
    }

    #[test]
    fn damaged_streams_give_an_error_or_other_bytes_but_never_a_panic() {
        let content: Vec<u8> = (0..3000_u32).flat_map(|at| (at / 7 % 100).to_le_bytes()).collect();
        let packed = zstd::stream::encode_all(content.as_slice(), 19).unwrap();
        for at in 0..packed.len() {
            for bit in 0..8 {
                let mut damaged = packed.clone();
                damaged[at] ^= 1 << bit;
                drop(decode(&damaged));
            }
        }
    }
}
