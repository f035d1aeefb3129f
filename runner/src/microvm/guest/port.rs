//! The serial port: whole frames out, bytes in.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};

use crate::frame::{GREETING, Message, Reader};
use crate::{Outcome, kernel, std_step, step};

/// The device, as the memory disk has it.
const PATH: &str = "/dev/ttyS0";

pub(crate) struct Port {
    file: File,
    reader: Reader,
}

impl Port {
    pub(crate) fn open() -> Outcome<Self> {
        let file = std_step("open the serial port", OpenOptions::new().read(true).write(true).open(PATH))?;
        step("make the serial port raw", kernel::make_raw(&file))?;
        let mut port = Self { file, reader: Reader::default() };
        std_step("greet", port.file.write_all(GREETING))?;
        Ok(port)
    }

    /// Waits until the helper takes it.
    pub(crate) fn send(&mut self, message: &Message) -> io::Result<()> {
        self.file.write_all(&message.to_bytes())
    }

    /// What has come.
    pub(crate) fn receive(&mut self) -> Outcome<Vec<Message>> {
        let mut bytes = [0; 4096];
        let length = std_step("read from the serial port", self.file.read(&mut bytes))?;
        std_step("understand the helper", self.reader.read(bytes.get(..length).unwrap_or_default()))
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Waits for the helper, which ends the machine when it has read all.
    pub(crate) fn rest(&self) {
        std::thread::sleep(std::time::Duration::from_secs(5));
    }
}
