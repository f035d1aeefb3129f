//! kill -9 of the runner at a thousand random moments: after the next start nothing of any of them is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use perry_sandbox_testkit::{As, Home, is_root};

use crate::{IMAGE, KEY};

/// How often, over both kinds of user.
const KILLS: usize = 1000;
/// A machine on which a launch takes longer is too busy to be waited for.
const LONGEST: Duration = Duration::from_millis(400);
/// After so many kills comes a start that is not killed.
const BETWEEN: usize = 20;

/// Random numbers that a seed gives again (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Uniform up to this, in microseconds.
    fn time(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).expect("a short time").max(1);
        Duration::from_micros(self.roll() % most)
    }
}

#[test]
fn a_thousand_kills_of_the_runner_leave_nothing_after_the_next_start() {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos();
    let given = std::env::var("PERRY_SANDBOX_CHAOS_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or(u64::try_from(clock % (1 << 62)).expect("bounded") | 1);
    eprintln!("seed: PERRY_SANDBOX_CHAOS_SEED={seed}");
    let users = if is_root() { [As::Me, As::Ordinary] } else { [As::Ordinary; 2] };
    thread::scope(|scope| {
        for (number, user) in (1..).zip(users) {
            scope.spawn(move || {
                let mut yard = Yard::new(user, number);
                yard.shake(&mut Dice(seed.wrapping_mul(number).max(1)), KILLS / 2);
            });
        }
    });
}

/// One user's home, and who was killed in it.
struct Yard {
    home: Home,
    user: As,
    marker: String,
    /// What the names of their records and groups begin with: number and start, as numbers are used again.
    killed: Vec<String>,
}

impl Yard {
    fn new(user: As, number: u64) -> Self {
        let marker = format!("chaos-marker-{}-{number}", std::process::id());
        Self { home: Home::new(user), user, marker, killed: Vec::new() }
    }

    fn shake(&mut self, dice: &mut Dice, kills: usize) {
        self.start_to_the_end();
        // On a busy machine one start can take long; the quickest says what a launch takes.
        let starts = (0..5).map(|_| {
            let begun = Instant::now();
            self.start_to_the_end();
            begun.elapsed()
        });
        let launch = starts.min().expect("some starts").min(LONGEST);
        let mut ran = 0;
        for number in 1..=kills {
            // Every other one while it is set up, the others as long as a whole launch takes and half as long again.
            let most = if number % 2 == 0 { launch / 2 } else { launch + launch / 2 };
            ran += usize::from(self.kill_after(dice.time(most)));
            if number % BETWEEN == 0 {
                self.start_to_the_end();
                self.nothing_is_left();
            }
        }
        for command in [&["log", "verify"][..], &["store", "check"]] {
            let ran = self.home.run(command);
            assert_eq!(ran.code, 0, "{:?} {command:?}: {ran:?}", self.user);
        }
        eprintln!(
            "{:?}: {kills} kills within {:?} each; {ran} programs ran already",
            self.user,
            launch * 3 / 2
        );
        assert!(ran > 0 && ran < kills, "{:?}: the kills did not spread: {ran} of {kills} ran", self.user);
    }

    fn start_to_the_end(&self) {
        let ran = self.home.run(&["run", "--quiet", "--key", KEY, IMAGE, "--", "true"]);
        assert_eq!(ran.code, 0, "{:?}: {ran:?}", self.user);
    }

    /// Whether its program had begun.
    fn kill_after(&mut self, time: Duration) -> bool {
        let script = format!("echo begun; sleep 600; : {}", self.marker);
        let args = ["run", "--quiet", "--key", KEY, IMAGE, "--", "/bin/busybox", "sh", "-c", &script];
        let mut command = self.home.command(&args);
        // Files, not pipes: whoever is left behind with a pipe would hold this test as well.
        let [out, error] = [(); 2].map(|()| tempfile::NamedTempFile::new().expect("a temporary file"));
        let writer = |file: &tempfile::NamedTempFile| file.reopen().expect("it is there");
        command.stdin(Stdio::null()).stdout(writer(&out)).stderr(writer(&error));
        let mut runner = command.spawn().expect("it starts");
        let id = runner.id();
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it is not collected yet");
        let after_name = stat.rsplit(") ").next().expect("the name ends");
        let start = after_name.split(' ').nth(19).expect("the start is the 22nd field");
        self.killed.push(format!("{id}-{start}-"));
        thread::sleep(time);
        runner.kill().expect("it is ours");
        let status = runner.wait().expect("it is dead");
        let told = fs::read_to_string(error.path()).expect("text");
        assert!(status.code().is_none(), "{:?}: it ended by itself: {status:?} {told}", self.user);
        !fs::read(out.path()).expect("it is there").is_empty()
    }

    fn nothing_is_left(&self) {
        let left = || {
            let mut left = processes_with(&self.marker);
            let ours = |name: &str| self.killed.iter().any(|begin| name.starts_with(begin.as_str()));
            left.extend(files(&self.runtime(), &ours));
            for folder in cgroups() {
                left.extend(files(&folder, &|name| name.strip_prefix("perry-sandbox-").is_some_and(ours)));
            }
            left
        };
        // A process that is killed takes a moment to be gone, and its supervisor's pipes with it.
        let begun = Instant::now();
        while !left().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}: left behind: {:#?}", self.user, left());
            thread::sleep(Duration::from_millis(20));
            self.start_to_the_end();
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts can be read");
        let home = self.home.path().display().to_string();
        assert!(!mounts.contains(&home), "{:?}: {mounts}", self.user);
    }

    fn runtime(&self) -> PathBuf {
        match self.user {
            As::Me => PathBuf::from("/run/perry-sandbox"),
            As::Ordinary => self.home.path().join("run/perry-sandbox"),
        }
    }
}

fn files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.file_name().to_str().is_some_and(wanted));
    names.map(|entry| entry.path().display().to_string()).collect()
}

/// Every folder of a cgroup hierarchy that groups of ours can stand in: that of this process, and those above.
fn cgroups() -> BTreeSet<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let paths = own.lines().filter_map(|line| line.splitn(3, ':').nth(2)).collect::<BTreeSet<_>>();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        kind.starts_with("cgroup").then(|| PathBuf::from(place))
    });
    let mut found = BTreeSet::new();
    for mount in mounted {
        for path in &paths {
            let steps = Path::new(path.trim_start_matches('/')).ancestors();
            found.extend(steps.map(|step| mount.join(step)));
        }
    }
    found
}

fn processes_with(marker: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc is there").flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(marker) {
            found.push(format!("process {} {command}", entry.file_name().display()));
        }
    }
    found
}
