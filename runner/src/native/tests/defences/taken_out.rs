//! The tests over the table, each in a copy of this program with a host around it that has something to lose: mounts that
//! others follow, a session keyring, supplementary groups.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use perry_sandbox_testkit::{Verdicts, checker, is_root};

use super::assault::assault;
use super::table::{DEFENCES, Defence, HELD_OTHERWISE, Who};

/// What the copies of this program are told: a filter of test names that fits none.
const COPY: &str = "taker-out-of-defences";

#[test]
fn every_defence_taken_out_is_seen_as_root() {
    if is_root() && checker().is_some() {
        in_a_copy(&["--groups", "0,4,27"]);
    }
}

#[test]
fn every_defence_taken_out_is_seen_as_an_ordinary_user() {
    if checker().is_some() {
        in_a_copy(&["--reuid", "1000", "--regid", "1000", "--clear-groups"]);
    }
}

fn in_a_copy(identity: &[&str]) {
    let mut command = if is_root() {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "shared", "setpriv"])
            .args(identity)
            .arg(checker().unwrap());
        command
    } else {
        Command::new(checker().unwrap())
    };
    let output = command
        .arg("session")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "native::tests::defences::taken_out::taker_out", COPY, "--nocapture"])
        .current_dir("/")
        .output()
        .unwrap();
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("joined Ok"), "{text}");
    eprintln!("{}", text.lines().find(|line| line.contains("defences taken out")).unwrap());
}

/// Not a test of its own: what the copies do.
#[test]
fn taker_out() {
    if !std::env::args().any(|argument| argument == COPY) {
        return;
    }
    let whole = assault(&[]).unwrap();
    assert!(whole.open.is_empty(), "with every defence in place: {:#?}", whole.open);
    let rows: Vec<_> = DEFENCES.iter().filter(|row| row.is_for(is_root())).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = thread::Builder::new()
                        .spawn_scoped(scope, || row.differs(&assault(&row.cuts.concat()).unwrap()))
                        .unwrap()
                        .join();
                    match found {
                        Ok(None) => {}
                        Ok(Some(difference)) => wrong.lock().unwrap().push(difference),
                        Err(_) => wrong.lock().unwrap().push(format!("without {}: it did not run", row.wall)),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if is_root() {
        every_check_is_named(&whole);
    }
    eprintln!("{} checks; {} defences taken out, as root: {}", whole.names().len(), rows.len(), is_root());
}

/// Whoever adds a check says what holds it.
fn every_check_is_named(whole: &Verdicts) {
    let rows = DEFENCES.iter().flat_map(|row| row.opens.iter().chain([&row.as_root, &row.as_user]));
    let named: BTreeSet<&str> = rows.flat_map(|names| names.iter().copied()).collect();
    let otherwise: BTreeSet<&str> = HELD_OTHERWISE.iter().map(|(name, _)| *name).collect();
    let checks = whole.names();
    let unnamed: Vec<_> =
        checks.iter().filter(|name| !named.contains(*name) && !otherwise.contains(*name)).collect();
    assert!(unnamed.is_empty(), "no row says what holds {unnamed:?}");
    let unknown: Vec<_> = named.union(&otherwise).filter(|name| !checks.contains(*name)).collect();
    assert!(unknown.is_empty(), "no check has the name {unknown:?}");
    let both: Vec<_> = named.intersection(&otherwise).collect();
    assert!(both.is_empty(), "{both:?} stand in the table and are excused");
}

impl Defence {
    fn is_for(&self, root: bool) -> bool {
        match self.who {
            Who::Everybody => true,
            Who::Root => root,
            Who::User => !root,
        }
    }

    /// What is not as the row says.
    fn differs(&self, verdicts: &Verdicts) -> Option<String> {
        let more = if is_root() { self.as_root } else { self.as_user };
        let wanted = self.opens.iter().chain([&more]).flat_map(|names| names.iter().copied());
        let wanted: BTreeSet<&str> = wanted.filter(|name| !is_absent(name, verdicts)).collect();
        let open = verdicts.open_names();
        let green: Vec<_> = wanted.difference(&open).collect();
        let red: Vec<_> = open.difference(&wanted).filter(|_| self.alone).collect();
        if green.is_empty() && red.is_empty() {
            return None;
        }
        let mut text = format!("without {}:\n  stayed green: {green:?}\n  open as well: {red:?}", self.wall);
        let lines = verdicts.open.iter().chain(&verdicts.held);
        let of = |line: &&String| green.iter().any(|name| line.split(' ').nth(1) == Some(**name));
        text.extend(lines.filter(of).map(|line| format!("\n    {line}")));
        Some(text)
    }
}

/// Whether this machine does not have what the check is about: a path, a call, a family of sockets.
fn is_absent(name: &str, verdicts: &Verdicts) -> bool {
    /// `ENOSYS`, `EAFNOSUPPORT`, `ESOCKTNOSUPPORT`.
    const LACKS: [&str; 3] = ["Code(38)", "Code(97)", "Code(94)"];
    let (kind, about) = name.split_once('-').unwrap_or((name, ""));
    match kind {
        "hidden" => std::fs::File::open(about).map_or(true, |mut file| reads_nothing(&mut file)),
        "write" => !Path::new(about).exists(),
        // There are machines on which not even root may look at the first process.
        "proc" if matches!(name, "proc-1-exe-in-image" | "proc-1-root") => {
            std::fs::read_link("/proc/1/exe").is_err()
        }
        "empty" => std::fs::read_dir(about).map_or(true, |entries| entries.count() == 0),
        "mount" => about.strip_suffix("-ro").is_some_and(|path| !Path::new(path).exists()),
        "call" | "socket" => verdicts.held.iter().any(|line| {
            let mut words = line.splitn(3, ' ').skip(1);
            words.next() == Some(name) && words.next().is_some_and(|detail| LACKS.contains(&detail))
        }),
        _ => false,
    }
}

fn reads_nothing(file: &mut std::fs::File) -> bool {
    use std::io::Read as _;
    // Some files are read by words of eight bytes only.
    matches!(file.read(&mut [0; 8]), Ok(0) | Err(_))
}
