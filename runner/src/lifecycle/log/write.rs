//! The supervisor's side: two pipes into one row of files.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

use super::bounds::LogBounds;
use super::frame::{HEADER, LONGEST, LogStream, encode};

/// Writes chunks.
#[derive(Debug)]
pub(in crate::lifecycle) struct LogWriter {
    folder: PathBuf,
    file: File,
    number: u64,
    size: u64,
    bounds: LogBounds,
}

/// The folder of a sandbox's logs.
pub(super) fn folder_of(sandbox: &Path) -> PathBuf {
    sandbox.join("logs")
}

/// Numbers of the files, in order.
pub(super) fn numbers(folder: &Path) -> Vec<u64> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut numbers: Vec<u64> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// The name of a file: ten digits.
pub(super) fn name(number: u64) -> String {
    format!("{number:010}")
}

impl LogWriter {
    /// Begins a new file behind those that are there.
    pub(in crate::lifecycle) fn open(sandbox: &Path, bounds: LogBounds) -> io::Result<Self> {
        let folder = folder_of(sandbox);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let number = numbers(&folder).last().map_or(0, |last| last.saturating_add(1));
        let file = begin(&folder, number)?;
        let writer = Self { folder, file, number, size: 0, bounds };
        writer.forget_old();
        Ok(writer)
    }

    fn forget_old(&self) {
        let numbers = numbers(&self.folder);
        let most = usize::try_from(self.bounds.files()).unwrap_or(usize::MAX);
        let old = numbers.len().saturating_sub(most);
        for number in numbers.into_iter().take(old) {
            // Tried again with the next file.
            fs::remove_file(self.folder.join(name(number))).ok();
        }
    }

    fn write(&mut self, time: Timestamp, stream: LogStream, bytes: &[u8]) -> io::Result<()> {
        let frame = encode(time, stream, bytes);
        let length = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        if self.size > 0 && self.size.saturating_add(length) > self.bounds.size() {
            let next = self.number.saturating_add(1);
            self.file = begin(&self.folder, next)?;
            (self.number, self.size) = (next, 0);
            self.forget_old();
        }
        self.file.write_all(&frame)?;
        self.size = self.size.saturating_add(length);
        Ok(())
    }

    /// Writes down what comes out of both pipes until both are closed. When nothing more can be written, what comes is
    /// thrown away, so that the program does not wait, and the answer says so.
    pub(in crate::lifecycle) fn copy(
        mut self,
        pipes: [(LogStream, OwnedFd); 2],
        clock: fn() -> Timestamp,
    ) -> io::Result<()> {
        let mut open: Vec<(LogStream, OwnedFd)> = pipes.into();
        let mut answer = Ok(());
        // One that fills a file is no longer than that.
        let most = usize::try_from(self.bounds.size()).unwrap_or(usize::MAX).min(LONGEST);
        let mut chunk = vec![0; most.saturating_sub(HEADER)];
        while !open.is_empty() {
            let ready: Vec<bool> = {
                let mut entries: Vec<_> =
                    open.iter().map(|(_, pipe)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)).collect();
                match poll(&mut entries, PollTimeout::NONE) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
                entries.iter().map(|entry| entry.any().unwrap_or(false)).collect()
            };
            let mut ready = ready.into_iter();
            open.retain(|(stream, pipe)| {
                if !ready.next().unwrap_or(false) {
                    return true;
                }
                match read(pipe, &mut chunk) {
                    Ok(0) => false,
                    Ok(length) => {
                        if answer.is_ok() {
                            answer = self.write(clock(), *stream, chunk.get(..length).unwrap_or_default());
                        }
                        true
                    }
                    Err(Errno::EAGAIN | Errno::EINTR) => true,
                    Err(_) => false,
                }
            });
        }
        answer
    }
}

fn begin(folder: &Path, number: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true).mode(0o600).open(folder.join(name(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_files_are_kept() {
        let sandbox = tempfile::tempdir().unwrap();
        let kept = || numbers(&folder_of(sandbox.path()));
        let mut writer = LogWriter::open(sandbox.path(), LogBounds::new(1024, 4).unwrap()).unwrap();
        for _ in 0..30 {
            writer.write(Timestamp::UNIX_EPOCH, LogStream::Stdout, &[b'x'; 600]).unwrap();
        }
        assert_eq!(kept(), [26, 27, 28, 29]);
        LogWriter::open(sandbox.path(), LogBounds::default()).unwrap();
        assert_eq!(kept(), [27, 28, 29, 30], "the next run goes on");
        LogWriter::open(sandbox.path(), LogBounds::new(1024, 1).unwrap()).unwrap();
        assert_eq!(kept(), [31], "fewer from now on");
    }

    #[test]
    fn no_file_is_longer_than_it_may_be() {
        let sandbox = tempfile::tempdir().unwrap();
        let writer = LogWriter::open(sandbox.path(), LogBounds::new(2048, 3).unwrap()).unwrap();
        let (out, to_out) = nix::unistd::pipe().unwrap();
        let (err, _) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&to_out, &[b'x'; 10_000]).unwrap();
        drop(to_out);
        writer.copy([(LogStream::Stdout, out), (LogStream::Stderr, err)], || Timestamp::UNIX_EPOCH).unwrap();
        let folder = folder_of(sandbox.path());
        let lengths =
            numbers(&folder).into_iter().map(|number| fs::metadata(folder.join(name(number))).unwrap().len());
        let lengths: Vec<u64> = lengths.collect();
        assert!(lengths.len() == 3 && lengths.iter().all(|length| *length <= 2048), "{lengths:?}");
    }

    #[test]
    fn both_pipes_are_written_until_both_are_closed() {
        let sandbox = tempfile::tempdir().unwrap();
        let writer = LogWriter::open(sandbox.path(), LogBounds::default()).unwrap();
        let (out, to_out) = nix::unistd::pipe().unwrap();
        let (err, to_err) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&to_out, b"one").unwrap();
        nix::unistd::write(&to_err, b"two").unwrap();
        drop((to_out, to_err));
        let pipes = [(LogStream::Stdout, out), (LogStream::Stderr, err)];
        writer.copy(pipes, || Timestamp::UNIX_EPOCH).unwrap();
        let bytes = fs::read(folder_of(sandbox.path()).join(name(0))).unwrap();
        assert_eq!(bytes.len(), 2 * HEADER + 6);
    }
}
