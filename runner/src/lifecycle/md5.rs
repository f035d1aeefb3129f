//! MD5 (RFC 1321), for the names that other tools give: eight digits of it tell images apart for people. Nothing relies
//! on it; a crate for one use that must not grow is not worth its place in the tree.

use super::id::hexadecimal;

const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// The 64 constants of the RFC: the whole part of 2^32 times |sin(n)|, n from 1.
const TABLE: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// The first eight hexadecimal digits of the sum.
pub(super) fn eight_digits(text: &[u8]) -> String {
    let [first, ..] = sum(text);
    hexadecimal(&first.to_le_bytes())
}

fn sum(text: &[u8]) -> [u32; 4] {
    let mut padded = text.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    let bits = u64::try_from(text.len()).unwrap_or(u64::MAX).wrapping_mul(8);
    padded.extend_from_slice(&bits.to_le_bytes());
    padded.as_chunks::<64>().0.iter().fold([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476], round)
}

fn round(before: [u32; 4], block: &[u8; 64]) -> [u32; 4] {
    let words: Vec<u32> = block.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let [mut a, mut b, mut c, mut d] = before;
    for (step, constant) in (0_usize..).zip(TABLE) {
        let (mix, at) = match step.div_euclid(16) {
            0 => ((b & c) | (!b & d), step),
            1 => ((d & b) | (!d & c), step.wrapping_mul(5).wrapping_add(1)),
            2 => (b ^ c ^ d, step.wrapping_mul(3).wrapping_add(5)),
            _ => (c ^ (b | !d), step.wrapping_mul(7)),
        };
        let word = words.get(at.rem_euclid(16)).copied().unwrap_or(0);
        let row = SHIFTS.get(step.div_euclid(16)).copied().unwrap_or_default();
        let shift = row.get(step.rem_euclid(4)).copied().unwrap_or(0);
        let turned = a.wrapping_add(mix).wrapping_add(constant).wrapping_add(word).rotate_left(shift);
        (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
    }
    let [first, second, third, fourth] = before;
    [first.wrapping_add(a), second.wrapping_add(b), third.wrapping_add(c), fourth.wrapping_add(d)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc() {
        for (text, digits) in [
            ("", "d41d8cd9"),
            ("a", "0cc175b9"),
            ("abc", "90015098"),
            ("message digest", "f96b697d"),
            ("12345678901234567890123456789012345678901234567890123456789012345678901234567890", "57edf4a2"),
        ] {
            assert_eq!(eight_digits(text.as_bytes()), digits, "{text}");
        }
    }
}
