//! Reads a task. It comes from our own helper, and yet nothing is believed: no length is larger than what is there.

use super::task::{MAGIC, Numbers, Task};

/// The task in these bytes; nothing when they are not one from the first to the last.
pub(crate) fn task(bytes: &[u8]) -> Option<Task> {
    let mut rest = Rest(bytes.strip_prefix(MAGIC)?);
    let mut numbers = [0; Numbers::COUNT];
    for number in &mut numbers {
        *number = rest.word()?;
    }
    let task = Task {
        numbers: from_array(numbers),
        argv: rest.texts()?,
        env: rest.texts()?,
        candidates: rest.texts()?,
        masked: rest.texts()?,
        read_only: rest.texts()?,
        cwd: rest.text()?,
        filter: rest.words()?,
    };
    rest.0.is_empty().then_some(task)
}

fn from_array(numbers: [u64; Numbers::COUNT]) -> Numbers {
    let [
        uid,
        gid,
        linux_caps,
        ephemeral,
        root_room,
        tmp,
        memory,
        milli_cpu,
        pids,
        file_size,
        open_files,
        cpu_seconds,
    ] = numbers;
    Numbers {
        uid,
        gid,
        linux_caps,
        ephemeral,
        root_room,
        tmp,
        memory,
        milli_cpu,
        pids,
        file_size,
        open_files,
        cpu_seconds,
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// How many things follow, each of them at least so many bytes long.
    fn count(&mut self, each: usize) -> Option<usize> {
        let (count, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        (count.checked_mul(each)? <= rest.len()).then_some(count)
    }

    fn text(&mut self) -> Option<Vec<u8>> {
        let length = self.count(1)?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text.to_vec())
    }

    fn texts(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.count(4)?;
        (0..count).map(|_| self.text()).collect()
    }

    fn words(&mut self) -> Option<Vec<u64>> {
        let count = self.count(8)?;
        (0..count).map(|_| self.word()).collect()
    }
}
