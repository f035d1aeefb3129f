//! One verification in a process of its own, whose memory is measured and which may be sealed off the network.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::libc;
use perry_sandbox_image::{Access, Credentials, Insecure, Layout, Registry, Secret, Source, Wanted};
use perry_sandbox_policy::SubjectPattern;
use perry_sandbox_testkit::sigstore::{IDENTITY, ISSUER};
use perry_sandbox_verifier::{CacheLimits, Clock, DenialClass, Named, Unverified, Verifier};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde::{Deserialize, Serialize};

use crate::kit::{keyless, require, root_of};

/// Where the job stands in the child's environment.
const JOB: &str = "PERRY_SANDBOX_TEST_JOB";
/// What the child's report begins with.
const REPORT: &str = "report: ";

/// What to verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// A folder, or `HOST:PORT/PATH`.
    pub(crate) place: String,
    pub(crate) digest: String,
    /// The trusted root's file.
    pub(crate) root: PathBuf,
    /// How long it may take, in milliseconds.
    pub(crate) deadline: u64,
    /// The name and password for the registry.
    pub(crate) account: Option<(String, String)>,
    /// Whether the process is killed when it uses the network.
    pub(crate) sealed: bool,
}

/// How it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) accepted: bool,
    /// Whether the world broke rather than the signature.
    pub(crate) failure: bool,
    pub(crate) words: String,
    /// The most memory that the process ever had, in KiB.
    pub(crate) peak: u64,
    /// How long verification took, in milliseconds.
    pub(crate) took: u64,
}

impl Job {
    /// Does the job in a process of its own; gives the report, or the signal that killed the process.
    pub(crate) fn run(&self) -> Result<Report, i32> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "keyless_child::a_job_is_done", "--nocapture", "--test-threads=1"]);
        let output = command.env(JOB, serde_json::to_string(self).unwrap()).output().unwrap();
        if let Some(signal) = output.status.signal() {
            return Err(signal);
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let report = said.lines().find_map(|line| line.split_once(REPORT));
        let (_, report) = report.unwrap_or_else(|| {
            panic!("no report: {said}{}", String::from_utf8_lossy(&output.stderr));
        });
        Ok(serde_json::from_str(report).unwrap())
    }

    fn source(&self) -> Box<dyn Source> {
        if self.place.starts_with('/') {
            return Box::new(Layout::open(self.place.as_ref()).unwrap());
        }
        let credentials = match &self.account {
            Some((user, password)) => {
                Credentials::Basic { user: user.clone(), password: Secret::new(password.as_str()) }
            }
            None => Credentials::None,
        };
        // The patience is the default, far longer than any deadline here.
        let access = Access { insecure: Insecure::Loopback, credentials, attempts: 3, ..Access::default() };
        Box::new(Registry::new(self.place.parse().unwrap(), access).unwrap())
    }

    fn work(&self) -> Report {
        if self.sealed {
            seal();
        }
        let source = self.source();
        let platform = "linux/amd64".parse().unwrap();
        let root = root_of(fs::read_to_string(&self.root).unwrap());
        let signer = keyless("acme", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root);
        let started = Instant::now();
        let deadline = started.checked_add(Duration::from_millis(self.deadline));
        let named = Named {
            source: &*source,
            wanted: &Wanted::Digest(self.digest.parse().unwrap()),
            platform: &platform,
            requirement: &require(vec![signer]),
            clock: Clock { now: Timestamp::now(), deadline },
        };
        let (accepted, failure, words) = match Verifier::new(CacheLimits::none()).verify_named(named) {
            Ok(_) => (true, false, String::new()),
            Err(Unverified::Resolve(error)) => (false, false, format!("not resolved: {error}")),
            Err(Unverified::Denied(denial)) => {
                (false, denial.class == DenialClass::Failure, denial.to_string())
            }
        };
        let took = u64::try_from(started.elapsed().as_millis()).unwrap();
        Report { accepted, failure, words, peak: peak(), took }
    }
}

/// The most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// From here on, whatever thread of this process touches the network is the end of it.
fn seal() {
    let calls = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_sendmmsg,
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_recvmmsg,
        libc::SYS_shutdown,
        libc::SYS_io_uring_setup,
    ];
    let rules: BTreeMap<_, _> = calls.into_iter().map(|call| (call, Vec::new())).collect();
    let machine = std::env::consts::ARCH.try_into().unwrap();
    let filter =
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, machine).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter_all_threads(&program).unwrap();
}

/// In the child, the job; elsewhere, that a job survives being handed over.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child is told its job by the environment")]
fn a_job_is_done() {
    let Ok(text) = std::env::var(JOB) else {
        let job = Job {
            place: "127.0.0.1:5000/a".to_owned(),
            digest: "sha256:00".to_owned(),
            root: "root.json".into(),
            deadline: 1,
            account: Some(("me".to_owned(), "pw".to_owned())),
            sealed: true,
        };
        let text = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
        return;
    };
    let job: Job = serde_json::from_str(&text).unwrap();
    println!("{REPORT}{}", serde_json::to_string(&job.work()).unwrap());
}
