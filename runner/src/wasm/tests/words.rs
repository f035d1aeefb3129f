//! What the modules of the tests have in common.

/// A module with these data and functions. `_start` is among them.
pub(super) fn module(rest: &str) -> Vec<u8> {
    wat::parse_str(text(rest)).unwrap()
}

fn text(rest: &str) -> String {
    let import = |name: &str, kind: &str| {
        format!("(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {kind}))\n")
    };
    let four = "(param i32 i32 i32 i32) (result i32)";
    let two = "(param i32 i32) (result i32)";
    let imports = [
        import("fd_write", four),
        import("fd_read", four),
        import("poll_oneoff", four),
        import("fd_pread", "(param i32 i32 i32 i64 i32) (result i32)"),
        import("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)"),
        import("path_create_directory", "(param i32 i32 i32) (result i32)"),
        import("path_symlink", "(param i32 i32 i32 i32 i32) (result i32)"),
        import("args_get", two),
        import("args_sizes_get", two),
        import("environ_get", two),
        import("environ_sizes_get", two),
        import("proc_exit", "(param i32)"),
    ]
    .concat();
    // At 0: a vector of one buffer; at 16: how many bytes; at 20: a new descriptor; from 4096 on there is room.
    let own = r#"
    (memory (export "memory") 2)
    (func $say (param $place i32) (param $length i32)
      (i32.store (i32.const 0) (local.get $place))
      (i32.store (i32.const 4) (local.get $length))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
    ;; rights: 2 reads, 64 writes
    (func $open (param $folder i32) (param $place i32) (param $length i32) (param $how i32) (param $rights i64)
      (result i32)
      (call $path_open (local.get $folder) (i32.const 1) (local.get $place) (local.get $length)
        (local.get $how) (local.get $rights) (i64.const 0) (i32.const 0) (i32.const 20)))
    (func $show_file (param $folder i32) (param $place i32) (param $length i32)
      (local $error i32)
      (local.set $error
        (call $open (local.get $folder) (local.get $place) (local.get $length) (i32.const 0) (i64.const 2)))
      (if (local.get $error) (then (call $proc_exit (local.get $error))))
      (i32.store (i32.const 0) (i32.const 4096))
      (i32.store (i32.const 4) (i32.const 1000))
      (local.set $error
        (call $fd_read (i32.load (i32.const 20)) (i32.const 0) (i32.const 1) (i32.const 16)))
      (if (local.get $error) (then (call $proc_exit (local.get $error))))
      (call $say (i32.const 4096) (i32.load (i32.const 16))))
    "#;
    format!("(module {imports} {own} {rest})")
}

/// Opens a path below a folder for writing, makes it where asked, and exits with the error.
pub(super) fn opens_to_write(folder: u32, path: &str, make: bool) -> Vec<u8> {
    let (length, how) = (path.len(), u8::from(make));
    module(&format!(
        r#"(data (i32.const 64) "{path}")
        (func (export "_start")
          (call $proc_exit (call $open (i32.const {folder}) (i32.const 64) (i32.const {length})
            (i32.const {how}) (i64.const 66))))"#
    ))
}

/// Prints a file, or exits with the error.
pub(super) fn shows(folder: u32, path: &str) -> Vec<u8> {
    let length = path.len();
    module(&format!(
        r#"(data (i32.const 64) "{path}")
        (func (export "_start") (call $show_file (i32.const {folder}) (i32.const 64) (i32.const {length})))"#
    ))
}

/// Never ends by itself.
pub(super) fn loops() -> Vec<u8> {
    module(r#"(func (export "_start") (loop $again (br $again)))"#)
}

/// Waits for input that never comes.
pub(super) fn waits() -> Vec<u8> {
    module(
        r#"(func (export "_start")
          (call $say (i32.const 4096) (i32.const 1))
          (i32.store (i32.const 0) (i32.const 4096))
          (i32.store (i32.const 4) (i32.const 10))
          (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16))))"#,
    )
}
