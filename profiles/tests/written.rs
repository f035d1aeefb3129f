//! Profiles that are written, compared, narrowed, and made of recordings.

use perry_sandbox_profiles::{
    Action, Arch, Draft, Outside, ProfileName, Recorded, Recording, Run, SeccompProfile, Syscall,
    SyscallAttempt, bpf,
};
use proptest::prelude::*;
use proptest::sample;

use super::random_profiles::{all_args, draft, few_calls};

const ARCH: Arch = Arch::X86_64;

fn builtin(name: &str) -> &'static SeccompProfile {
    SeccompProfile::builtin(name).unwrap()
}

fn call(name: &str) -> Syscall {
    name.parse().unwrap()
}

fn attempt(name: &str, args: [u64; 6]) -> SyscallAttempt {
    SyscallAttempt { number: call(name).number(ARCH).unwrap(), audit_arch: ARCH.audit_value(), args }
}

/// What a launcher and a small program do.
fn run(under: &SeccompProfile, attempts: &[SyscallAttempt]) -> Run {
    let mut run = Run::new(under, ARCH);
    let launcher = [attempt("rt_sigprocmask", [0; 6]), attempt("execve", [0; 6])];
    launcher.iter().chain(attempts).for_each(|attempt| run.note(attempt));
    run
}

fn recorded() -> Recorded {
    Recorded {
        recorder: "test 1".to_owned(),
        kernel: "6.1".to_owned(),
        libc: "static".to_owned(),
        image: "sha256:0".to_owned(),
        command: vec!["/bin/true".to_owned()],
        tier: "isolated".to_owned(),
        under: "perry-default".to_owned(),
        runs: 1,
        settled: true,
        proved: false,
        not_exercised: Vec::new(),
    }
}

fn profile_of(recording: &Recording, outside: Outside) -> SeccompProfile {
    let runtime = [call("execve"), call("rt_sigprocmask")];
    let name: ProfileName = "mine".parse().unwrap();
    let recorded = Recorded { runs: recording.runs(), ..recorded() };
    let draft = Draft { name, recorded, runtime: ("native", &runtime), outside, without: None };
    recording.profile(&draft).unwrap()
}

fn recording(under: &SeccompProfile, runs: &[&[SyscallAttempt]]) -> Recording {
    let mut recording = Recording::new(under, ARCH);
    for attempts in runs {
        recording.add(&run(under, attempts));
    }
    recording
}

#[test]
fn the_builtin_profiles_come_back_from_what_is_written() {
    for name in SeccompProfile::builtin_names() {
        let text = builtin(name).to_toml();
        let back = SeccompProfile::parse(&text).unwrap();
        assert_eq!(&back, builtin(name));
        assert_eq!(back.entries(), builtin(name).entries());
        assert_eq!(back.to_toml(), text);
    }
}

#[test]
fn the_difference_names_calls_and_conditions() {
    let (wide, tight) = (builtin("perry-default"), builtin("perry-minimal"));
    assert!(tight.beyond(wide).is_empty());
    let beyond = wide.beyond(tight);
    let socket = beyond.iter().find(|one| one.arch == ARCH && one.call == call("socket")).unwrap();
    assert!(socket.other.is_some() && !socket.clauses.is_empty());
    let memfd = beyond.iter().find(|one| one.arch == ARCH && one.call == call("memfd_create")).unwrap();
    assert!(memfd.other.is_none());
}

#[test]
fn a_recording_admits_what_was_seen_and_nothing_else() {
    let under = builtin("perry-default");
    let seen = [
        attempt("read", [0; 6]),
        attempt("ioctl", [0, 0x5413, 0, 0, 0, 0]),
        attempt("mmap", [0, 0, 3, 0, 0, 0]),
        attempt("socket", [1, 0x8_0001, 0, 0, 0, 0]),
        attempt("socket", [2, 2, 0, 0, 0, 0]),
        attempt("mount", [0; 6]),
    ];
    let profile = profile_of(&recording(under, &[&seen, &seen]), Outside::AsInForce);
    assert!(profile.admits_no_more_than(under));
    let verdict = |attempt: SyscallAttempt| profile.verdict(ARCH, &attempt);
    for one in seen.iter().take(5) {
        assert_eq!(profile.verdict(ARCH, one), Action::Allow, "{one:?}");
    }
    for (name, args) in [
        ("write", [0; 6]),
        ("ioctl", [0, 0x5401, 0, 0, 0, 0]),
        ("mmap", [0, 0, 4, 0, 0, 0]),
        ("socket", [1, 2, 0, 0, 0, 0]),
        ("socket", [2, 1, 0, 0, 0, 0]),
    ] {
        assert_ne!(verdict(attempt(name, args)), Action::Allow, "{name}");
    }
    assert_eq!(verdict(attempt("mount", [0; 6])), under.verdict(ARCH, &attempt("mount", [0; 6])));
    assert_eq!(verdict(attempt("execve", [0; 6])), Action::Allow, "the runtime needs it");
    assert_eq!(profile.call_count(Arch::Aarch64), 0, "nothing was seen there");
}

#[test]
fn what_was_seen_once_is_fragile_and_two_clean_runs_settle() {
    let under = builtin("perry-minimal");
    let plain = [attempt("read", [0; 6])];
    let more = [attempt("read", [0; 6]), attempt("write", [0; 6])];
    let mut recording = recording(under, &[&plain, &more]);
    assert!(!recording.is_settled());
    assert_eq!(recording.add(&run(under, &plain)), 0);
    assert!(!recording.is_settled());
    recording.add(&run(under, &more));
    assert!(recording.is_settled() && recording.fragile().is_empty());
    recording.add(&run(under, &[attempt("close", [0; 6])]));
    let fragile: Vec<&str> = recording.fragile().iter().map(|sight| sight.call.name()).collect();
    assert_eq!(fragile, ["close"]);
    assert!(!recording.is_settled());
    let text = profile_of(&recording, Outside::AsInForce).to_toml();
    assert!(text.contains("reason = \"seen in 1 of 5 runs: fragile\""), "{text}");
}

#[test]
fn to_prove_a_recording_everything_else_kills_but_what_was_denied_before() {
    let under = builtin("perry-default");
    let seen = [attempt("read", [0; 6]), attempt("ioctl", [0, 0x5413, 0, 0, 0, 0]), attempt("mount", [0; 6])];
    let profile = profile_of(&recording(under, &[&seen]), Outside::Kill);
    let kill = |name: &str, args| profile.verdict(ARCH, &attempt(name, args)).return_value() == 0x8000_0000;
    assert!(kill("write", [0; 6]) && kill("ioctl", [0, 1, 0, 0, 0, 0]) && !kill("mount", [0; 6]));
}

#[test]
fn a_program_with_countless_requests_is_cut_off() {
    let under = SeccompProfile::parse(
        "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"wide\"\ndescription = \"d\"\nunknown = \"ENOSYS\"\n\
         [[allow]]\nreason = \"r\"\ncalls = [\"ioctl\", \"execve\", \"rt_sigprocmask\"]\n",
    );
    let under = under.unwrap();
    let many: Vec<_> = (0..10_000).map(|request| attempt("ioctl", [0, request, 0, 0, 0, 0])).collect();
    let recording = recording(&under, &[&many]);
    assert_eq!(recording.crowded().collect::<Vec<_>>(), [call("ioctl")]);
    let profile = profile_of(&recording, Outside::AsInForce);
    assert!(profile.entries().len() < 10 && profile.admits_no_more_than(&under));
    assert_eq!(profile.verdict(ARCH, many.last().unwrap()), Action::Allow);
}

#[test]
fn an_older_recording_counts_and_a_wider_one_is_refused() {
    let (wide, tight) = (builtin("perry-default"), builtin("perry-minimal"));
    let old = profile_of(&recording(tight, &[&[attempt("read", [0; 6])]]), Outside::AsInForce);
    let mut next = Recording::new(tight, ARCH);
    next.go_on_with(&old).unwrap();
    next.add(&run(tight, &[attempt("write", [0; 6])]));
    let both = profile_of(&next, Outside::AsInForce);
    assert_eq!(next.runs(), 2);
    assert!(old.admits_no_more_than(&both));
    assert_eq!(both.recorded().unwrap().runs, 2);
    let wider = profile_of(&recording(wide, &[&[attempt("memfd_create", [0; 6])]]), Outside::AsInForce);
    let error = Recording::new(tight, ARCH).go_on_with(&wider).unwrap_err().to_string();
    assert!(error.contains("`memfd_create`"), "{error}");
    assert!(Recording::new(wide, ARCH).go_on_with(tight).is_err(), "it was not recorded");
}

#[test]
fn a_return_from_a_signal_is_not_asked_about_where_it_is_admitted() {
    let number = |filter: &bpf::BpfProgram| {
        bpf::interpret(filter.instructions(), &attempt(bpf::RETURN_FROM_SIGNAL, [0; 6])).unwrap()
    };
    let under = builtin("perry-minimal");
    let filter = bpf::compile_recording(under, ARCH, 1).unwrap();
    assert_eq!(number(&filter), Action::Allow.return_value());
    let foreign = SyscallAttempt { audit_arch: 0x4000_0003, ..attempt(bpf::RETURN_FROM_SIGNAL, [0; 6]) };
    assert_eq!(bpf::interpret(filter.instructions(), &foreign).unwrap(), 0x8000_0000);
    // Where it is refused, it is asked about as any other.
    let none = profile_of(&recording(under, &[&[attempt("read", [0; 6])]]), Outside::AsInForce);
    assert!(bpf::goes_unasked(&none, ARCH).is_none());
    assert_eq!(number(&bpf::compile_recording(&none, ARCH, 1).unwrap()), bpf::NOTIFY);
}

#[test]
fn the_recording_filter_has_one_door() {
    let (under, key) = (builtin("perry-minimal"), 0x1234_5678_9abc_def0);
    let filter = bpf::compile_recording(under, ARCH, key).unwrap();
    let value = |attempt: &SyscallAttempt| bpf::interpret(filter.instructions(), attempt).unwrap();
    assert_eq!(value(&attempt("sendmsg", [3, 0, 0, key, 0, 0])), Action::Allow.return_value());
    for other in [0, key & 0xffff_ffff, key ^ 1, key ^ (1 << 63)] {
        assert_eq!(value(&attempt("sendmsg", [3, 0, 0, other, 0, 0])), bpf::NOTIFY);
    }
    assert_eq!(value(&attempt("sendto", [3, 0, 0, key, 0, 0])), bpf::NOTIFY);
    let foreign = SyscallAttempt { audit_arch: 0x4000_0003, ..attempt("read", [0; 6]) };
    assert_eq!(value(&foreign), 0x8000_0000);
}

fn calls() -> Vec<Syscall> {
    let mut calls = few_calls();
    calls.extend(["execve", "rt_sigprocmask", "sendmsg", "socket", "mmap", "fcntl"].map(call));
    calls
}

fn attempts() -> impl Strategy<Value = Vec<SyscallAttempt>> {
    let args = sample::select(all_args());
    let one = (sample::select(calls()), args).prop_map(|(call, args)| attempt(call.name(), args));
    prop::collection::vec(one, 0..40)
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(draft in draft(few_calls(), 8)) {
        let profile = draft.profile("mine");
        let text = profile.to_toml();
        let back = SeccompProfile::parse(&text).unwrap();
        prop_assert_eq!(&back, &profile);
        prop_assert_eq!(back.digest(), profile.digest());
        prop_assert_eq!(back.to_toml(), text);
    }

    #[test]
    fn nothing_is_beyond_exactly_where_one_is_within(a in draft(few_calls(), 6), b in draft(few_calls(), 6)) {
        let (a, b) = (a.profile("a"), b.profile("b"));
        prop_assert_eq!(a.beyond(&b).is_empty(), a.admits_no_more_than(&b));
        prop_assert!(a.meet(&b).beyond(&a).is_empty());
    }

    #[test]
    fn narrowing_only_takes_away(a in draft(few_calls(), 6), b in draft(few_calls(), 6)) {
        let (a, b) = (a.profile("a"), b.profile("b"));
        let narrow = a.narrowed_to(&b).unwrap();
        prop_assert!(narrow.admits_no_more_than(&a));
        prop_assert!(a.meet(&b).admits_no_more_than(&narrow), "what was seen stays");
        prop_assert_eq!(narrow.narrowed_to(&b).unwrap().to_toml(), narrow.to_toml());
    }

    #[test]
    fn a_recording_is_within_what_was_in_force_and_has_all_that_was_admitted(
        under in draft(calls(), 12), attempts in attempts(),
    ) {
        let under = under.profile("under");
        let recording = recording(&under, &[&attempts, &attempts]);
        let profile = profile_of(&recording, Outside::AsInForce);
        prop_assert!(profile.admits_no_more_than(&under));
        let begun = under.verdict(ARCH, &attempt("execve", [0; 6])) == Action::Allow;
        for one in attempts.iter().filter(|_| begun) {
            prop_assert_eq!(profile.verdict(ARCH, one), under.verdict(ARCH, one), "{:?}", one);
        }
        prop_assert_eq!(profile.to_toml(), profile_of(&recording, Outside::AsInForce).to_toml());
    }

    #[test]
    fn going_on_with_a_recording_only_adds(under in draft(calls(), 12), a in attempts(), b in attempts()) {
        let under = under.profile("under");
        let old = profile_of(&recording(&under, &[&a]), Outside::AsInForce);
        let mut both = Recording::new(&under, ARCH);
        both.go_on_with(&old).unwrap();
        both.add(&run(&under, &b));
        let both = profile_of(&both, Outside::AsInForce);
        prop_assert!(old.admits_no_more_than(&both));
        prop_assert!(profile_of(&recording(&under, &[&b]), Outside::AsInForce).admits_no_more_than(&both));
        prop_assert!(both.admits_no_more_than(&under));
    }

    #[test]
    fn a_call_goes_on_while_it_is_recorded_exactly_where_it_would(
        under in draft(calls(), 12), attempts in attempts(),
    ) {
        let under = under.profile("under");
        let key = 0xfeed_beef_0000_0001;
        let [filter, in_force] = [bpf::compile_recording(&under, ARCH, key), bpf::compile(&under, ARCH)].map(Result::unwrap);
        for one in &attempts {
            let recording = bpf::interpret(filter.instructions(), one).unwrap();
            let verdict = bpf::interpret(in_force.instructions(), one).unwrap();
            let goes_on = bpf::answer(verdict) == bpf::Answer::Continue;
            prop_assert_ne!(recording, Action::Allow.return_value(), "nothing goes through by itself");
            prop_assert_eq!(goes_on, under.verdict(ARCH, one) == Action::Allow);
            prop_assert_eq!(recording == 0x8000_0000, verdict == 0x8000_0000);
        }
    }
}
