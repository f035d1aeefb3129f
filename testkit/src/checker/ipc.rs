//! What the host shares by key, name or number: System V objects, message queues, keyrings, processes.

use std::ffi::CString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::raw::call;
use crate::report::Report;

/// `IPC_CREAT`, for everybody.
const CREATE: i64 = 0o1666;
/// No such process.
const ESRCH: i32 = 3;

/// The name of the message queue that [`plant`] makes; the call takes it without a slash.
fn queue(key: i64) -> CString {
    CString::new(format!("perry-sandbox-checker-{key}")).unwrap_or_default()
}

/// Tries to find what [`plant`] has made on the host, and a process of it.
pub fn check(report: &mut Report, key: Option<i64>, keyring: Option<i64>, process: Option<i64>) {
    if let Some(key) = key {
        for (name, number) in
            [("host-shared-memory", 29), ("host-semaphores", 64), ("host-message-queue", 68)]
        {
            let found = call(number, &[key, 0, 0]);
            report.held(name, found.is_err(), format_args!("{found:?}"));
        }
        let found = call(240, &[queue(key).as_ptr() as i64, 0, 0, 0]);
        report.held("host-posix-queue", found.is_err(), format_args!("{found:?}"));
    }
    if let Some(keyring) = keyring {
        let own = session_keyring();
        report.held("host-session-keyring", own != Ok(keyring), format_args!("{own:?}"));
    }
    if let Some(process) = process {
        let found = call(62, &[process, 0]);
        report.held("host-process", found == Err(ESRCH), format_args!("{found:?}"));
    }
}

/// On the host: makes what a sandbox must not find, and says which session keyring is ours.
pub fn plant(key: i64) {
    for (number, arguments) in [(29, [key, 4096, CREATE]), (64, [key, 1, CREATE]), (68, [key, CREATE, 0])] {
        println!("planted {number} {:?}", call(number, &arguments));
    }
    // O_CREAT | O_RDWR
    println!("planted queue {:?}", call(240, &[queue(key).as_ptr() as i64, 0o102, 0o666, 0]));
    println!("keyring {}", session_keyring().unwrap_or(0));
}

/// Removes it again.
pub fn uproot(key: i64) {
    // shmctl, semctl and msgctl with IPC_RMID, which is 0.
    for (find, remove) in [(29, 31), (64, 66), (68, 71)] {
        if let Ok(id) = call(find, &[key, 0, 0]) {
            let _ = call(remove, &[id, 0, 0]);
        }
    }
    let _ = call(241, &[queue(key).as_ptr() as i64]);
}

/// On the host: as a login does it, so that there is a keyring to be kept from a sandbox.
pub fn in_a_session_of_its_own(program: &[String]) {
    // KEYCTL_JOIN_SESSION_KEYRING, without a name.
    println!("joined {:?}", call(250, &[1, 0, 0]));
    if let Some((program, arguments)) = program.split_first() {
        println!("cannot run it: {}", Command::new(program).args(arguments).exec());
    }
    std::process::exit(1);
}

/// keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING) without making one.
fn session_keyring() -> Result<i64, i32> {
    call(250, &[0, -3, 0])
}
