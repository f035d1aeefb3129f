//! What the reader refuses, and what it says.

use perry_sandbox_profiles::{Arch, SeccompProfile};
use proptest::prelude::*;

const HEAD: &str = "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"mine\"\ndescription = \"d\"\nunknown = \"ENOSYS\"\n";

fn refusal(body: &str) -> String {
    SeccompProfile::parse(&format!("{HEAD}{body}")).unwrap_err().to_string()
}

fn accepted(body: &str) -> SeccompProfile {
    SeccompProfile::parse(&format!("{HEAD}{body}")).unwrap()
}

#[test]
fn a_small_profile_is_read() {
    let profile = accepted("[[allow]]\nreason = \"pipes\"\ncalls = [\"read\", \"open\"]\n");
    assert_eq!((profile.call_count(Arch::X86_64), profile.call_count(Arch::Aarch64)), (2, 1));
    assert_eq!(profile.reason("read".parse().unwrap()), Some("pipes"));
    assert_eq!(profile.reason("write".parse().unwrap()), None);
}

#[test]
fn refusals_name_the_line_and_the_way_out() {
    for (body, message) in [
        (
            "[[allow]]\nreason = \"r\"\ncalls = [\"mout\"]\n",
            "line 7: unknown system call `mout`; did you mean `mount`?",
        ),
        (
            "[[allow]]\nreason = \"\"\ncalls = [\"read\"]\n",
            "line 7: the reason must have 1 to 1000 bytes, and has 0",
        ),
        ("[[allow]]\nreason = \"r\"\ncalls = []\n", "line 7: an entry must have 1 to 512 calls, and has 0"),
        (
            "[[allow]]\nreason = \"r\"\ncalls = [\"read\", \"read\"]\n",
            "line 7: `read` stands twice in one entry",
        ),
        (
            "[[allow]]\nreason = \"r\"\narch = [\"aarch64\"]\ncalls = [\"open\"]\n",
            "line 8: `open` is no call of the architectures that the entry names",
        ),
        (
            "[[allow]]\nreason = \"r\"\ncalls = [\"read\"]\n[[refuse]]\nreason = \"r\"\nanswer = \"EPERM\"\ncalls = [\"read\"]\n",
            "line 11: `read` is admitted by another entry, whatever its arguments, and refused here",
        ),
        (
            "[[refuse]]\nreason = \"r\"\nanswer = \"ELSE\"\ncalls = [\"read\"]\n",
            "line 8: unknown answer `ELSE`; use one of EPERM, EACCES, EINVAL, ENOTTY, ENOSYS, EOPNOTSUPP, \
             EAFNOSUPPORT, or kill",
        ),
    ] {
        assert_eq!(refusal(body), message);
    }
}

#[test]
fn conditions_must_be_able_to_hold() {
    let entry = |when: &str| format!("[[allow]]\nreason = \"r\"\ncalls = [\"ioctl\"]\nwhen = [{when}]\n");
    for (when, message) in [
        ("{ arg = 6, bits = 32, equals = 1 }", "line 7: there is no argument 6: they count from 0 to 5"),
        (
            "{ arg = 1, bits = 16, equals = 1 }",
            "line 7: a condition compares 32 or 64 bits, not 16; most arguments are `int` or `unsigned int` in the \
             kernel: 32",
        ),
        (
            "{ arg = 1, bits = 32 }",
            "line 7: a condition has either `one-of` with at least one value, or `equals`",
        ),
        (
            "{ arg = 1, bits = 32, equals = 0x1_0000_5412 }",
            "line 7: a condition can never hold: 0x100005412 has bits outside of 0xffffffff",
        ),
        (
            "{ arg = 1, bits = 32, mask = 0x1_0000_0000, equals = 0 }",
            "line 7: the mask 0x100000000 looks at nothing, or beyond the 32 bits that are compared",
        ),
        (
            "{ arg = 1, bits = 32, equals = 1 }, { arg = 1, bits = 32, equals = 2 }",
            "line 7: these conditions can never hold together",
        ),
    ] {
        assert_eq!(refusal(&entry(when)), message);
    }
}

#[test]
fn unknown_keys_schemas_and_names_are_refused() {
    assert!(
        refusal("[[allow]]\nreason = \"r\"\ncalls = [\"read\"]\nerrno = 1\n")
            .contains("unknown field `errno`")
    );
    assert!(refusal("[[deny]]\ncalls = [\"read\"]\n").contains("unknown field `deny`"));
    assert!(refusal("name = \"again\"\n").contains("line 5"));
    let other = HEAD.replace("/v1", "/v2");
    assert!(
        SeccompProfile::parse(&other)
            .unwrap_err()
            .to_string()
            .contains("only `perry-sandbox/seccomp-profile/v1`")
    );
    for name in ["Mine", "../x", "meet-1", ""] {
        let text = format!("{}[[allow]]\nreason = \"r\"\ncalls = [\"read\"]\n", HEAD.replace("mine", name));
        assert!(SeccompProfile::parse(&text).unwrap_err().to_string().contains("cannot be named"), "{name}");
    }
}

#[test]
fn large_texts_and_many_combinations_are_refused_before_work_is_done() {
    let long = format!("{HEAD}#{}", "x".repeat(300_000));
    assert!(SeccompProfile::parse(&long).unwrap_err().to_string().contains("at most 262144 are read"));
    let values: Vec<String> = (0..20).map(|value| format!("V{value} = {value}")).collect();
    let test = |arg| format!("{{ arg = {arg}, bits = 32, one-of = {{ {} }} }}", values.join(", "));
    let body = format!("[[allow]]\nreason = \"r\"\ncalls = [\"ioctl\"]\nwhen = [{}, {}]\n", test(0), test(1));
    assert_eq!(refusal(&body), "line 7: these conditions have more than 256 combinations");
}

#[test]
fn the_order_of_entries_and_calls_changes_no_byte() {
    let [one, two, three] = [
        "[[allow]]\nreason = \"a\"\ncalls = [\"read\", \"write\"]\n",
        "[[allow]]\nreason = \"b\"\ncalls = [\"ioctl\"]\nwhen = [{ arg = 1, bits = 32, equals = 1 }]\n",
        "[[allow]]\nreason = \"c\"\ncalls = [\"ioctl\"]\nwhen = [{ arg = 1, bits = 32, equals = 2 }]\n",
    ];
    let forward = accepted(&format!("{one}{two}{three}"));
    let swapped = one.replace("\"read\", \"write\"", "\"write\", \"read\"");
    let backward = accepted(&format!("{three}{two}{swapped}"));
    assert_eq!(forward.canonical_json(), backward.canonical_json());
    assert_eq!(forward.digest(), backward.digest());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_damage_to_a_profile_makes_the_reader_panic(at in 0_usize..17_000, with in "[\\PC\n]{0,3}", cut in 0_usize..4) {
        let text = include_str!("../builtin/perry-minimal.toml");
        let damaged: String = text.chars().take(at).chain(with.chars()).chain(text.chars().skip(at).skip(cut)).collect();
        // Only that an answer comes back matters here.
        drop(SeccompProfile::parse(&damaged));
    }
}

#[test]
fn evidence_is_read_and_an_unknown_word_of_it_refused() {
    let evidence = "[recorded]\nrecorder = \"r\"\nkernel = \"6.1\"\nlibc = \"static\"\nimage = \"sha256:0\"\n\
                    command = [\"/bin/true\"]\ntier = \"isolated\"\nunder = \"perry-default\"\nruns = 3\nsettled = true\n\
                    proved = true\nnot-exercised = [\"threads\"]\n";
    let entry = "[[allow]]\nreason = \"seen\"\nseen = 3\nruntime = \"native\"\ncalls = [\"read\"]\n";
    let profile = accepted(&format!("{evidence}{entry}"));
    assert_eq!(profile.recorded().map(|recorded| recorded.runs), Some(3));
    let entry = profile.entries().first().unwrap();
    assert_eq!((entry.seen(), entry.runtime()), (Some(3), Some("native")));
    assert_eq!(profile.digest(), accepted("[[allow]]\nreason = \"other\"\ncalls = [\"read\"]\n").digest());
    assert!(refusal(&format!("{evidence}color = \"red\"\n")).contains("unknown field `color`"));
    let hostile = evidence.replace("\"6.1\"", "\"\\u001b[2J\"");
    assert_eq!(
        refusal(&hostile),
        "line 5: a word of `recorded` has more than 1000 bytes, or a control character"
    );
}
