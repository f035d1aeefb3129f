//! The filter of a run that is recorded: it lets next to nothing through by itself.

use super::compiler::{CompileError, compile};
use super::instruction::{
    ARCH_OFFSET, ARGS_OFFSET, BpfProgram, IF_EQUAL, LOAD, MOST_INSTRUCTIONS, NUMBER_OFFSET, RETURN,
    SockFilter,
};
use crate::arch::Arch;
use crate::seccomp::{Action, Admission, Refusal, SeccompProfile};
use crate::syscall::Syscall;

/// `SECCOMP_RET_USER_NOTIF` (`linux/seccomp.h`): the call waits for an answer of whoever holds the listener, and is
/// not made when nobody does.
pub const NOTIFY: u32 = 0x7fc0_0000;

/// The argument of `sendmsg` that carries the key: the kernel does not read it, a filter sees it.
const KEY_ARG: u32 = 3;

/// Compiles the filter for recording under a profile.
///
/// What the profile kills for is killed for. Every other call waits for an answer, which must be the one that
/// [`compile`]'s program gives: see [`answer`]. One call goes through unseen, because nobody could answer it yet: a
/// `sendmsg` whose fourth argument is `key`, by which the listener leaves the process. Nobody inside can know the key. So
/// does [`RETURN_FROM_SIGNAL`], where the profile admits it whatever its arguments are.
///
/// # Errors
///
/// As [`compile`].
pub fn compile_recording(profile: &SeccompProfile, arch: Arch, key: u64) -> Result<BpfProgram, CompileError> {
    let kill = Action::Refuse(Refusal::Kill).return_value();
    let in_force = compile(profile, arch)?;
    let rewritten = in_force.instructions().iter().map(|one| match one.code {
        RETURN if one.k != kill => SockFilter::statement(RETURN, NOTIFY),
        _ => *one,
    });
    let unasked = goes_unasked(profile, arch).into_iter().flat_map(|call| passage(arch, call));
    let instructions: Vec<SockFilter> =
        doorway(arch, key).into_iter().chain(unasked).chain(rewritten).collect();
    if instructions.len() > MOST_INSTRUCTIONS {
        return Err(CompileError::TooLong { length: instructions.len() });
    }
    Ok(BpfProgram::new(arch, instructions))
}

/// Whoever has the key may send the listener out. Everything else falls through to what follows.
fn doorway(arch: Arch, key: u64) -> Vec<SockFilter> {
    let [low, high] = [key, key >> 32].map(|half| u32::try_from(half & u64::from(u32::MAX)).unwrap_or(0));
    let place = ARGS_OFFSET.saturating_add(KEY_ARG.saturating_mul(8));
    let number = Syscall::known("sendmsg").number(arch).unwrap_or(u32::MAX);
    let tests = [
        (ARCH_OFFSET, arch.audit_value()),
        (NUMBER_OFFSET, number),
        (place, low),
        (place.saturating_add(4), high),
    ];
    let mut program = Vec::new();
    for ((offset, value), left) in tests.into_iter().zip([7, 5, 3, 1]) {
        program.push(SockFilter::statement(LOAD, offset));
        program.push(SockFilter { code: IF_EQUAL, jt: 0, jf: left, k: value });
    }
    program.push(SockFilter::statement(RETURN, Action::Allow.return_value()));
    program
}

/// The call by which a handler returns. A signal that comes while it waited would make it return to where no program has
/// anything to do (seccomp(2): a call that waits is interrupted), and the program would crash.
pub const RETURN_FROM_SIGNAL: &str = "rt_sigreturn";

/// The call that is not asked about under this profile.
pub fn goes_unasked(profile: &SeccompProfile, arch: Arch) -> Option<Syscall> {
    let call = Syscall::known(RETURN_FROM_SIGNAL);
    profile.admission(arch, call).is_some_and(Admission::is_always).then_some(call)
}

/// Lets one call through, whatever its arguments are. Everything else falls through to what follows.
fn passage(arch: Arch, call: Syscall) -> Vec<SockFilter> {
    let Some(number) = call.number(arch) else { return Vec::new() };
    vec![
        SockFilter::statement(LOAD, ARCH_OFFSET),
        SockFilter { code: IF_EQUAL, jt: 0, jf: 3, k: arch.audit_value() },
        SockFilter::statement(LOAD, NUMBER_OFFSET),
        SockFilter { code: IF_EQUAL, jt: 0, jf: 1, k: number },
        SockFilter::statement(RETURN, Action::Allow.return_value()),
    ]
}

/// What a call that waits is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is made, as the profile in force admits it.
    Continue,
    /// It fails with this error number, as in force.
    Fail(u16),
}

/// Reads an answer off the value that the filter in force returns for the same attempt. What is neither admitted nor
/// an error is never made.
pub fn answer(verdict: u32) -> Answer {
    const ERROR: u32 = 0x0005_0000;
    if verdict == Action::Allow.return_value() {
        return Answer::Continue;
    }
    let errno = (verdict & 0xffff_0000 == ERROR).then(|| u16::try_from(verdict & 0xffff).ok()).flatten();
    Answer::Fail(errno.filter(|errno| *errno != 0).unwrap_or(1))
}
