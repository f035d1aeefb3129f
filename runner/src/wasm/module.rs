//! Finds the module in the image, and compiles it.

use std::ffi::CString;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::BorrowedFd;

use wasmtime::{Config, Engine, Module};

use super::answer::{Failure, FailureKind};
use crate::native::open_inside;

/// The largest module. An interpreter of a whole language has some 30 MiB.
const LARGEST: u64 = 64 << 20;

/// What a module starts with: magic number, version 1, layer 0.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// The engine for untrusted modules: nothing but the core language.
pub(super) fn engine() -> Result<Engine, Failure> {
    let mut config = Config::new();
    config
        .wasm_component_model(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        // An image of the memory would be shared by instances, and there is one.
        .memory_init_cow(false)
        .native_unwind_info(false);
    Engine::new(&config).map_err(Failure::setup("cannot start wasmtime"))
}

/// Reads the first candidate that is there. Links are followed, inside the image only.
pub(super) fn read(image: BorrowedFd<'_>, candidates: &[String]) -> Result<Vec<u8>, Failure> {
    for path in candidates {
        let unreadable = |error: &dyn std::fmt::Display| {
            let text = format_args!("cannot read {path} of the image: {error}");
            Failure::new(FailureKind::ModuleUnreadable, text)
        };
        let name = CString::new(path.as_str()).map_err(|error| unreadable(&error))?;
        match open_inside(image, &name) {
            Ok(file) => return read_file(path, File::from(file)),
            Err(errno) if matches!(errno.0, libc::ENOENT | libc::ENOTDIR) => {}
            Err(errno) => return Err(unreadable(&errno)),
        }
    }
    let names = candidates.join(", ");
    Err(Failure::new(FailureKind::ModuleNotFound, format_args!("the image has no module at {names}")))
}

fn read_file(path: &str, file: File) -> Result<Vec<u8>, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::new(FailureKind::ModuleUnreadable, format_args!("cannot read {path} of the image: {why}"))
    };
    let status = file.metadata().map_err(|error| unreadable(&error))?;
    if !status.is_file() {
        return Err(unreadable(&"it is no regular file"));
    }
    let too_large = || {
        let text = format_args!("{path} of the image has more than {} MiB", LARGEST.div_euclid(1 << 20));
        Failure::new(FailureKind::ModuleTooLarge, text)
    };
    if status.len() > LARGEST {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(status.len()).unwrap_or(0).saturating_add(1));
    let read = file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes);
    let length = read.map_err(|error| unreadable(&error))?;
    if u64::try_from(length).unwrap_or(u64::MAX) > LARGEST {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Compiles a binary module.
///
/// SECURITY: nothing that is compiled already is loaded, whoever made it: that is native code, and the wall would be its
/// author's word.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Module, Failure> {
    let refused = |why: &str| Failure::new(FailureKind::NotAModule, why);
    if !bytes.starts_with(&MODULE) {
        return Err(refused(kind_of(bytes)));
    }
    Module::from_binary(engine, bytes).map_err(|error| {
        Failure::new(FailureKind::NotAModule, format_args!("the module is not valid: {error:#}"))
    })
}

fn kind_of(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"\x7fELF") {
        "the file is native code (ELF), perhaps a module that was compiled in advance: give the module itself"
    } else if bytes.starts_with(b"\0asm\x0d\0\x01\0") {
        "the file is a component, and only modules with WASI preview 1 are run: build for wasm32-wasip1"
    } else if bytes.starts_with(b"\0asm") {
        "the file is WebAssembly of a version that is not known: build a module of version 1"
    } else if bytes.trim_ascii_start().starts_with(b"(") {
        "the file is WebAssembly as text: give the binary form"
    } else {
        "the file is no WebAssembly module"
    }
}
