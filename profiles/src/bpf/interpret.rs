//! Runs a filter as the kernel would, without the kernel.

use thiserror::Error;

use super::instruction::{
    AND, ARCH_OFFSET, ARGS_OFFSET, IF_ABOVE, IF_ANY_BIT, IF_AT_LEAST, IF_EQUAL, JUMP, LOAD, NUMBER_OFFSET,
    RETURN, SockFilter,
};
use crate::seccomp::SyscallAttempt;

/// A program that the kernel would not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BrokenProgram {
    /// An opcode that filters of ours are not made of.
    #[error("instruction {at} has the opcode {code:#x}, which is not interpreted")]
    Opcode {
        /// Which instruction, from 0.
        at: usize,
        /// Its opcode.
        code: u16,
    },
    /// A load from outside of `seccomp_data`, or not of a whole word.
    #[error("instruction {at} loads from byte {offset}, where no word of the call stands")]
    Offset {
        /// Which instruction, from 0.
        at: usize,
        /// Where it loads from.
        offset: u32,
    },
    /// A jump beyond the end, or an end without a verdict.
    #[error("the program runs off its end")]
    End,
}

/// Runs the program on one attempt and gives the value that it returns (`SECCOMP_RET_*`).
///
/// # Errors
///
/// When the program is one that the kernel would not load, or uses more than comparisons and masks.
pub fn interpret(program: &[SockFilter], attempt: &SyscallAttempt) -> Result<u32, BrokenProgram> {
    let mut accumulator = 0_u32;
    let mut at = 0_usize;
    loop {
        let one = program.get(at).ok_or(BrokenProgram::End)?;
        let branch = |holds: bool| usize::from(if holds { one.jt } else { one.jf });
        let skip = match one.code {
            RETURN => return Ok(one.k),
            LOAD => {
                accumulator = word(attempt, one.k).ok_or(BrokenProgram::Offset { at, offset: one.k })?;
                0
            }
            AND => {
                accumulator &= one.k;
                0
            }
            JUMP => usize::try_from(one.k).map_err(|_| BrokenProgram::End)?,
            IF_EQUAL => branch(accumulator == one.k),
            IF_ABOVE => branch(accumulator > one.k),
            IF_AT_LEAST => branch(accumulator >= one.k),
            IF_ANY_BIT => branch(accumulator & one.k != 0),
            code => return Err(BrokenProgram::Opcode { at, code }),
        };
        at = at.checked_add(skip).and_then(|at| at.checked_add(1)).ok_or(BrokenProgram::End)?;
    }
}

/// Reads one word of the call, on a little-endian machine.
fn word(attempt: &SyscallAttempt, offset: u32) -> Option<u32> {
    match offset {
        NUMBER_OFFSET => return Some(attempt.number),
        ARCH_OFFSET => return Some(attempt.audit_arch),
        _ => {}
    }
    let into_args = offset.checked_sub(ARGS_OFFSET)?;
    let arg = attempt.args.get(usize::try_from(into_args / 8).ok()?)?;
    match into_args % 8 {
        0 => u32::try_from(arg & u64::from(u32::MAX)).ok(),
        4 => u32::try_from(arg >> 32).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPT: SyscallAttempt =
        SyscallAttempt { number: 7, audit_arch: 0xc000_003e, args: [0, 0x1_0000_5412, 0, 0, 0, 0] };

    #[test]
    fn the_words_of_an_argument_are_read_apart() {
        let load_and_return = |offset| {
            let yes = SockFilter { code: IF_EQUAL, jt: 0, jf: 1, k: 1 };
            let program = [
                SockFilter::statement(LOAD, offset),
                yes,
                SockFilter::statement(RETURN, 10),
                SockFilter::statement(RETURN, 20),
            ];
            interpret(&program, &ATTEMPT)
        };
        assert_eq!(load_and_return(28), Ok(10));
        assert_eq!(load_and_return(24), Ok(20));
        assert_eq!(load_and_return(26), Err(BrokenProgram::Offset { at: 0, offset: 26 }));
        assert_eq!(load_and_return(64), Err(BrokenProgram::Offset { at: 0, offset: 64 }));
    }

    #[test]
    fn a_program_without_an_end_is_broken() {
        assert_eq!(interpret(&[SockFilter::statement(JUMP, u32::MAX)], &ATTEMPT), Err(BrokenProgram::End));
        assert_eq!(interpret(&[], &ATTEMPT), Err(BrokenProgram::End));
    }
}
