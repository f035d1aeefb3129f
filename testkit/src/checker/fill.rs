//! Fills what can be written: bytes and names, in /tmp and /dev/shm.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::report::Report;

/// What counts as bounded where nobody says more.
const BOUNDED: u64 = 1 << 30;
/// One file is never longer: a limit of file size is another wall.
const FILE: u64 = 4 << 20;

/// Tries more than is allowed.
pub fn check(report: &mut Report, allowed: Option<u64>) {
    for (name, folder) in [("tmp", "/tmp"), ("shm", "/dev/shm")] {
        let most = allowed.unwrap_or(BOUNDED);
        let bytes = bytes_into(Path::new(folder), most + (16 << 20));
        report.held(&format!("{name}-bounded"), bytes <= most, format_args!("{bytes} bytes"));
        // One name for each four kibibytes and some to spare.
        let Some(most) = allowed.map(|bytes| bytes / 4096 + 128) else {
            report.skip(&format!("{name}-names-bounded"), "no tmp= given");
            continue;
        };
        let names = names_into(Path::new(folder), most * 2);
        report.held(&format!("{name}-names-bounded"), names <= most, format_args!("{names} files"));
    }
}

fn bytes_into(folder: &Path, most: u64) -> u64 {
    let folder = folder.join("checker-bytes");
    let _ = fs::create_dir(&folder);
    let chunk = vec![1_u8; 1 << 20];
    let (mut total, mut number) = (0, 0);
    'all: while total < most {
        let Ok(mut file) = OpenOptions::new().create(true).append(true).open(folder.join(number.to_string()))
        else {
            break;
        };
        number += 1;
        for _ in 0..FILE >> 20 {
            if file.write_all(&chunk).is_err() {
                break 'all;
            }
            total += 1 << 20;
        }
    }
    let _ = fs::remove_dir_all(&folder);
    total
}

fn names_into(folder: &Path, most: u64) -> u64 {
    let folder = folder.join("checker-names");
    let _ = fs::create_dir(&folder);
    let made = (0..most).take_while(|name| File::create(folder.join(name.to_string())).is_ok()).count();
    let _ = fs::remove_dir_all(&folder);
    made as u64
}
