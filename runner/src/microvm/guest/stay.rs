//! While the program runs: its streams, its signals, and its end.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use crate::confine::Child;
use crate::frame::{Ended, MOST, Message, WINDOW, met};
use crate::kernel::{self, READABLE, WRITABLE};
use crate::place::{GROUP, SCRATCH};
use crate::port::Port;
use crate::task::Task;
use crate::{Outcome, std_step, step};

/// What the program shall read.
struct Input {
    to: Option<File>,
    pending: VecDeque<u8>,
    ended: bool,
    /// Bytes that went to the program since the helper was told of room.
    taken: u32,
}

impl Input {
    /// Takes what the helper sent. More than it was given room for is not from our helper.
    fn push(&mut self, bytes: &[u8]) -> Outcome<()> {
        if self.pending.len().saturating_add(bytes.len()) > WINDOW as usize {
            return Err("more input than there is room for".into());
        }
        self.pending.extend(bytes);
        Ok(())
    }

    fn is_waiting(&self) -> Option<RawFd> {
        self.to.as_ref().filter(|_| !self.pending.is_empty()).map(|to| to.as_raw_fd())
    }

    /// Gives the program what it takes now.
    fn turn(&mut self) {
        if let Some(to) = &mut self.to {
            match to.write(self.pending.as_slices().0) {
                Ok(length) => {
                    self.pending.drain(..length);
                    self.taken = self.taken.saturating_add(u32::try_from(length).unwrap_or(WINDOW));
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                // It reads no more.
                Err(_) => self.to = None,
            }
        }
        if self.to.is_none() {
            let rest = u32::try_from(self.pending.len()).unwrap_or(WINDOW);
            self.taken = self.taken.saturating_add(rest);
            self.pending.clear();
        }
        if self.ended && self.pending.is_empty() {
            self.to = None;
        }
    }

    /// Room that the helper is to be told of: not for every byte a frame.
    fn room(&mut self) -> Option<Message> {
        let worth = self.taken > 0 && (self.pending.is_empty() || self.taken >= WINDOW / 4);
        worth.then(|| Message::Room(std::mem::take(&mut self.taken)))
    }
}

/// Stays until the program and all that it started are gone and everything that they wrote is passed on.
pub(crate) fn stay(port: &mut Port, child: Child, task: &Task) -> Outcome<Ended> {
    let Child { pid, pidfd, stdin, stdout, stderr } = child;
    step("make the input not wait", kernel::never_block(&stdin))?;
    let mut input = Input { to: Some(stdin.into()), pending: VecDeque::new(), ended: false, taken: 0 };
    let mut outputs: [Option<File>; 2] = [Some(stdout.into()), Some(stderr.into())];
    let mut as_if = None;
    loop {
        let ready = look(port, &pidfd, &input, &outputs)?;
        for (output, kind) in
            outputs.iter_mut().zip([Message::Stdout as fn(Vec<u8>) -> Message, Message::Stderr])
        {
            if output.as_ref().is_some_and(|output| ready.contains(&output.as_raw_fd())) {
                pass_on(port, output, kind)?;
            }
        }
        if input.is_waiting().is_some_and(|to| ready.contains(&to)) {
            input.turn();
        }
        if ready.contains(&port.descriptor()) {
            for message in port.receive()? {
                match message {
                    Message::Stdin(bytes) => input.push(&bytes)?,
                    Message::StdinEnd => input.ended = true,
                    Message::Signal(number) => as_if = as_if.or(deliver(pid, number)),
                    // The program is told by its next write.
                    Message::Closed(1) => outputs[0] = None,
                    Message::Closed(_) => outputs[1] = None,
                    _ => return Err("a frame that is not for the guest".into()),
                }
            }
            input.turn();
        }
        if let Some(room) = input.room() {
            std_step("tell of room", port.send(&room))?;
        }
        // Everything that could still write is gone with the program.
        if ready.contains(&pidfd.as_raw_fd()) {
            let (status, user, system) = step("collect the program", kernel::collect(pid))?;
            for (output, kind) in
                outputs.iter_mut().zip([Message::Stdout as fn(Vec<u8>) -> Message, Message::Stderr])
            {
                while output.is_some() {
                    pass_on(port, output, kind)?;
                }
            }
            return Ok(conclude(task, (status, user, system), as_if));
        }
    }
}

/// Waits until something can be done, and answers what.
fn look(port: &Port, pidfd: &OwnedFd, input: &Input, outputs: &[Option<File>; 2]) -> Outcome<Vec<RawFd>> {
    let mut wanted = vec![(port.descriptor(), READABLE), (pidfd.as_raw_fd(), READABLE)];
    wanted.extend(input.is_waiting().map(|to| (to, WRITABLE)));
    wanted.extend(outputs.iter().flatten().map(|output| (output.as_raw_fd(), READABLE)));
    let found = step("wait", kernel::wait(&wanted))?;
    Ok(wanted.iter().zip(found).filter(|(_, found)| *found).map(|((descriptor, _), _)| *descriptor).collect())
}

/// Sends what one read gives; at its end the output is gone.
fn pass_on(port: &mut Port, output: &mut Option<File>, kind: fn(Vec<u8>) -> Message) -> Outcome<()> {
    let mut bytes = vec![0; MOST];
    let length = match output.as_mut().map(|output| output.read(&mut bytes)) {
        Some(Ok(length)) => length,
        Some(Err(error)) if error.kind() == ErrorKind::Interrupted => return Ok(()),
        Some(Err(_)) | None => 0,
    };
    if length == 0 {
        *output = None;
        return Ok(());
    }
    bytes.truncate(length);
    std_step("pass on output", port.send(&kind(bytes)))
}

/// Sends a signal to the program, or does what its default action would be: the kernel shields process 1 of a namespace
/// from signals that it does not catch. Answers the signal when it ended the program in its place.
fn deliver(pid: i32, number: u8) -> Option<u8> {
    /// CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG, WINCH.
    const HARMLESS: [u8; 8] = [17, 18, 19, 20, 21, 22, 23, 28];
    const KILL: u8 = 9;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let handled = ["SigBlk:", "SigIgn:", "SigCgt:"].into_iter().any(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask.checked_shr(u32::from(number.saturating_sub(1))).unwrap_or(0) & 1 == 1
    });
    let ends = !handled && !HARMLESS.contains(&number);
    kernel::kill(pid, if ends { KILL } else { number });
    ends.then_some(number)
}

/// One number of a file of the cgroup, by its name there.
fn counted(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("{GROUP}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
}

fn is_full(path: &std::ffi::CStr) -> bool {
    kernel::room(path).is_ok_and(|[_, blocks, free, files, free_files]| {
        (blocks > 0 && free == 0) || (files > 0 && free_files == 0)
    })
}

fn conclude(task: &Task, (status, user, system): (i32, u64, u64), as_if: Option<u8>) -> Ended {
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    const SIGXFSZ: i32 = 25;
    let signal = status & 0x7f;
    let killed = signal != 0;
    let used = user.saturating_add(system) / 1_000_000;
    let numbers = &task.numbers;
    let scratch = std::ffi::CString::new(SCRATCH).unwrap_or_default();
    let full = is_full(&scratch) || (numbers.ephemeral == 1 && is_full(c"/"));
    let mut found = 0;
    for (bit, is_met) in [
        (met::MEMORY, counted("memory.events", "oom_kill ") > 0),
        (met::PIDS, counted("pids.events", "max ") > 0),
        (met::DISK, signal == SIGXFSZ || full),
        (met::CPU, signal == SIGXCPU || (signal == SIGKILL && used >= numbers.cpu_seconds)),
    ] {
        found |= if is_met { bit } else { 0 };
    }
    let number = match (killed, as_if) {
        (true, Some(number)) if signal == SIGKILL && found & met::MEMORY == 0 => i32::from(number),
        (true, _) => signal,
        (false, _) => (status >> 8) & 0xff,
    };
    Ended { killed, number, met: found, user, system, peak: counted("memory.peak", "") }
}
