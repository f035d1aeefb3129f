//! Writes a task as the guest reads it.

use super::task::{MAGIC, Numbers, Task};

impl Task {
    /// The bytes of the file: lists and texts with their lengths before them.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for number in to_array(self.numbers) {
            bytes.extend(number.to_le_bytes());
        }
        for list in [&self.argv, &self.env, &self.candidates, &self.masked, &self.read_only] {
            put_length(&mut bytes, list.len());
            for text in list {
                put_length(&mut bytes, text.len());
                bytes.extend_from_slice(text);
            }
        }
        put_length(&mut bytes, self.cwd.len());
        bytes.extend_from_slice(&self.cwd);
        put_length(&mut bytes, self.filter.len());
        for word in &self.filter {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }
}

/// A length that does not fit is one that the reader refuses.
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// In the order in which they are read.
const fn to_array(numbers: Numbers) -> [u64; Numbers::COUNT] {
    [
        numbers.uid,
        numbers.gid,
        numbers.linux_caps,
        numbers.ephemeral,
        numbers.root_room,
        numbers.tmp,
        numbers.memory,
        numbers.milli_cpu,
        numbers.pids,
        numbers.file_size,
        numbers.open_files,
        numbers.cpu_seconds,
    ]
}
