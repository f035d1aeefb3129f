//! Which C library a program of an image is linked to: recordings of system calls hold for one.

use std::ffi::CString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::LaunchPlan;
use perry_sandbox_reference::Digest;

use crate::native::{candidates_of, open_inside};

/// Larger than any loader; of a program only the beginning is read.
const MOST_BYTES: u64 = 8 << 20;
/// Scripts whose interpreters are scripts are followed so far.
const DEEPEST: usize = 4;
/// What stands before the version in glibc's loader.
const VERSION: &[u8] = b" release version ";

/// Names the C library of the plan's program: `static`, `glibc VERSION`, the loader's path and digest, or `unknown`.
///
/// Files of the image are read inside its root, never executed, and nothing in them is trusted: the answer is for people.
pub fn c_library(rootfs: &Rootfs, plan: &LaunchPlan) -> String {
    let path = plan.process.env.get("PATH").map(String::as_str);
    let program = plan.process.argv.first().map(String::as_str).unwrap_or_default();
    let found = candidates_of(program, path).into_iter().find_map(|path| linked_to(rootfs, path));
    found.unwrap_or_else(|| "unknown".to_owned())
}

fn linked_to(rootfs: &Rootfs, mut path: String) -> Option<String> {
    for _ in 0..DEEPEST {
        let bytes = read(rootfs, &path)?;
        match interpreter(&bytes) {
            Interpreter::OfScript(program) => path = program,
            Interpreter::Loader(loader) => return Some(library(rootfs, &loader)),
            Interpreter::None => return Some("static".to_owned()),
            Interpreter::Unknown => return None,
        }
    }
    None
}

fn read(rootfs: &Rootfs, path: &str) -> Option<Vec<u8>> {
    let path = CString::new(path).ok()?;
    let file = File::from(open_inside(rootfs.dir().as_fd(), &path).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn library(rootfs: &Rootfs, loader: &str) -> String {
    let Some(bytes) = read(rootfs, loader) else { return loader.to_owned() };
    let version = bytes.windows(VERSION.len()).position(|window| window == VERSION).and_then(|at| {
        let rest = bytes.get(at.checked_add(VERSION.len())?..)?;
        let digits = rest.iter().take(16).take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
        let version: String = digits.map(|byte| char::from(*byte)).collect();
        Some(version.trim_end_matches('.').to_owned()).filter(|version| !version.is_empty())
    });
    match version {
        Some(version) => format!("glibc {version}"),
        None => format!("{loader} {}", Digest::of(&bytes)),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Interpreter {
    OfScript(String),
    Loader(String),
    None,
    Unknown,
}

/// What the kernel would start the file with (`elf(5)`, `execve(2)`).
fn interpreter(file: &[u8]) -> Interpreter {
    if let Some(line) = file.strip_prefix(b"#!") {
        let line = line.iter().take(256).take_while(|byte| **byte != b'\n').copied().collect();
        let line = String::from_utf8(line).unwrap_or_default();
        let program = line.split_whitespace().next().map(str::to_owned);
        return program.map_or(Interpreter::Unknown, Interpreter::OfScript);
    }
    // 64-bit, little-endian: the only programs that our filters let start.
    if !file.starts_with(b"\x7fELF\x02\x01") {
        return Interpreter::Unknown;
    }
    loader(file).unwrap_or(Interpreter::Unknown)
}

fn loader(file: &[u8]) -> Option<Interpreter> {
    /// `PT_INTERP`.
    const INTERP: u64 = 3;
    let (table, size, count) = (number(file, 32, 8)?, number(file, 54, 2)?, number(file, 56, 2)?);
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(size)?)?;
        if number(file, header, 4)? != INTERP {
            continue;
        }
        let (start, length) =
            (number(file, header.checked_add(8)?, 8)?, number(file, header.checked_add(32)?, 8)?);
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(usize::try_from(length.min(4096)).ok()?)?;
        let path = file.get(start..end)?.split(|byte| *byte == 0).next()?;
        return Some(Interpreter::Loader(String::from_utf8(path.to_vec()).ok()?));
    }
    Some(Interpreter::None)
}

/// A little-endian number of so many bytes.
fn number(file: &[u8], at: u64, size: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let mut bytes = [0; 8];
    bytes.get_mut(..size)?.copy_from_slice(file.get(at..at.checked_add(size)?)?);
    Some(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_has_a_loader_and_a_script_an_interpreter() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        assert!(matches!(interpreter(&own), Interpreter::Loader(loader) if loader.starts_with('/')));
        assert_eq!(interpreter(b"#! /bin/sh -e\n"), Interpreter::OfScript("/bin/sh".to_owned()));
        assert_eq!(interpreter(b"#!\n"), Interpreter::Unknown);
    }

    #[test]
    fn a_broken_program_is_unknown() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        for length in [0, 6, 20, 33, 60, 64, 100] {
            assert_eq!(interpreter(&own[..length]), Interpreter::Unknown, "{length}");
        }
        let mut wild = own[..4096].to_vec();
        wild[32..40].copy_from_slice(&[0xff; 8]);
        assert_eq!(interpreter(&wild), Interpreter::Unknown);
    }
}
