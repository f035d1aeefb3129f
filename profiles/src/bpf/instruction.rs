//! Instructions, and the few opcodes that filters are made of (`linux/bpf_common.h`).

use crate::arch::Arch;

/// Loads the 32-bit word at byte `k` of `seccomp_data` into the accumulator.
pub(super) const LOAD: u16 = 0x20;
/// Ands the accumulator with `k`.
pub(super) const AND: u16 = 0x54;
/// Jumps forward by `k`.
pub(super) const JUMP: u16 = 0x05;
/// Jumps by `jt` when the accumulator equals `k`, else by `jf`.
pub(super) const IF_EQUAL: u16 = 0x15;
/// Jumps by `jt` when the accumulator is above `k`, else by `jf`.
pub(super) const IF_ABOVE: u16 = 0x25;
/// Jumps by `jt` when the accumulator is `k` or above, else by `jf`.
pub(super) const IF_AT_LEAST: u16 = 0x35;
/// Jumps by `jt` when the accumulator has a bit of `k`, else by `jf`.
pub(super) const IF_ANY_BIT: u16 = 0x45;
/// Ends the filter with the value `k`.
pub(super) const RETURN: u16 = 0x06;

/// Where the number of the call stands in `seccomp_data`.
pub(super) const NUMBER_OFFSET: u32 = 0;
/// Where the audit value of the ABI stands.
pub(super) const ARCH_OFFSET: u32 = 4;
/// Where the arguments begin, each of 8 bytes, the low word first.
pub(super) const ARGS_OFFSET: u32 = 16;

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct SockFilter {
    /// The opcode.
    pub code: u16,
    /// How many instructions to skip when a condition holds.
    pub jt: u8,
    /// How many instructions to skip when it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

impl SockFilter {
    pub(super) const fn statement(code: u16, k: u32) -> Self {
        Self { code, jt: 0, jf: 0, k }
    }
}

/// A filter for one architecture, of 1 to 4096 instructions, ready to be given to the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BpfProgram {
    arch: Arch,
    instructions: Vec<SockFilter>,
}

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
pub(super) const MOST_INSTRUCTIONS: usize = 4096;

impl BpfProgram {
    pub(super) const fn new(arch: Arch, instructions: Vec<SockFilter>) -> Self {
        Self { arch, instructions }
    }

    /// Gives the architecture that the filter admits calls of; it kills on any other.
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// Gives the instructions.
    pub fn instructions(&self) -> &[SockFilter] {
        &self.instructions
    }

    /// Gives the instructions as bytes of this machine's order, as `bwrap --seccomp` and the kernel read them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = |one: &SockFilter| {
            let [code_a, code_b] = one.code.to_ne_bytes();
            let [k_a, k_b, k_c, k_d] = one.k.to_ne_bytes();
            [code_a, code_b, one.jt, one.jf, k_a, k_b, k_c, k_d]
        };
        self.instructions.iter().flat_map(bytes).collect()
    }
}
