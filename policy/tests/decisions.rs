//! What may run, and every reason why something may not.

use std::num::NonZeroU16;

use perry_sandbox_policy::{
    Attachment, BackendFacts, CommandLineSigner, Control, DenyCode, DenyKind, Evidence, HostFacts,
    ImageDefaults, ImageSubject, IsolationLevel, LaunchPlan, LogRule, MemoryEnforcement, Network, Policy,
    Protocol, Publication, RepositoryRule, Request, RootfsMode, Signer, SignerIdentity, Target, Verdict,
    VolumeAccess, VolumeMount, WantedMount, WantedProject, decide, decide_requirement, explain,
};

use crate::support::{
    ACME, able_host, acme, acme_signature, backend, capability, evidence, host, image, key_signature, loaded,
    now, pem, request, shell_tools, try_load,
};

pub(crate) fn codes(verdict: &Verdict) -> Vec<DenyCode> {
    match verdict {
        Verdict::Allow(_) => Vec::new(),
        Verdict::Deny(denial) => denial.iter().map(|reason| reason.code).collect(),
    }
}

pub(crate) fn run(policy: &Policy, request: &Request, evidence: &Evidence, host: &HostFacts) -> Verdict {
    decide(policy, request, evidence, &image(), host, now())
}

pub(crate) fn allowed(verdict: Verdict) -> LaunchPlan {
    match verdict {
        Verdict::Allow(plan) => *plan,
        Verdict::Deny(denial) => {
            panic!("denied: {:?}", denial.iter().map(ToString::to_string).collect::<Vec<_>>())
        }
    }
}

pub(crate) fn subject(repository: &str) -> ImageSubject {
    ImageSubject { repository: Some(repository.parse().unwrap()) }
}

pub(crate) fn ad_hoc() -> Request {
    request(Target::AdHoc)
}

fn command_line(log: LogRule) -> CommandLineSigner {
    let identity = SignerIdentity::Key { pem: pem("keyX.pub"), root: None };
    CommandLineSigner { signer: Signer::new("command-line".parse().unwrap(), identity), log }
}

#[test]
fn a_capability_runs_with_what_it_was_granted_and_nothing_more() {
    let mut request = capability("fetch-advisories");
    request.env.insert("ACME_REGION".into(), "eu".into());
    let plan = allowed(run(&acme(), &request, &shell_tools(), &able_host()));
    assert_eq!(plan.process.argv, ["/usr/bin/fetch-advisories"]);
    assert_eq!(plan.network, Network::Egress(vec!["api.osv.dev:443".into()]));
    assert_eq!(plan.secrets, ["registry-token".parse().unwrap()]);
    assert_eq!(plan.isolation, IsolationLevel::Gvisor);
    assert_eq!(plan.rootfs, RootfsMode::ReadOnly);
    assert_eq!(plan.memory_enforcement, MemoryEnforcement::Exact);
    assert_eq!(plan.limits.memory.to_string(), "128MiB");
    assert_eq!(plan.limits.wall.to_string(), "45s");
    assert_eq!(plan.limits.pids.get(), 128);
    assert_eq!((plan.process.user.uid, plan.process.user.gid), (65_534, 65_534));
    assert_eq!(plan.process.env["ACME_REGION"], "eu");
    assert!(plan.mounts.is_empty() && plan.linux_caps.is_empty() && plan.devices.is_empty());
    assert!(plan.lines.iter().all(|line| !line.enforcer.is_empty()));
    assert!(plan.lines.is_sorted_by_key(|line| line.control));
}

#[test]
fn a_line_that_nobody_holds_denies_the_run_and_says_so() {
    let host = host(vec![backend("runsc", &[IsolationLevel::Gvisor], &[Control::Egress])]);
    let request = capability("fetch-advisories");
    let policy = acme();
    let (verdict, explanation) = explain(&policy, &request, &shell_tools(), &image(), &host, now());
    assert_eq!(codes(&verdict), [DenyCode::NotEnforced]);
    let text = explanation.to_text(false);
    assert!(text.starts_with("DENIED"), "{text}");
    assert!(text.contains("egress       DENIED  api.osv.dev:443"), "{text}");
    assert!(text.contains("policy.toml:"), "{text}");
    assert!(text.contains("hardened = default ∧ hardened"), "{text}");
    assert!(text.contains("enforced by enforcer of seccomp"), "{text}");
    assert!(text.contains("To allow it: ask somebody."), "{text}");
    let place = &explanation.to_json()["reasons"][0]["places"][0];
    let (start, end) = (place["start"].as_u64().unwrap(), place["end"].as_u64().unwrap());
    assert_eq!(&ACME[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()], "\"api.osv.dev:443\"");
}

#[test]
fn a_stronger_level_is_never_replaced_by_one_that_is_not_accepted() {
    let host = host(vec![backend("native", &[IsolationLevel::Oci], &[])]);
    let verdict = run(&acme(), &capability("format-markdown"), &shell_tools(), &host);
    assert_eq!(codes(&verdict), [DenyCode::IsolationUnavailable]);
    assert_eq!(DenyCode::IsolationUnavailable.kind(), DenyKind::NotAvailable);
}

#[test]
fn an_exception_widens_one_tier_on_one_host_until_its_last_day() {
    let policy = acme();
    let gvisor = host(vec![backend("runsc", &[IsolationLevel::Gvisor], &[])]);
    let mut evidence = evidence(
        Some("pdf-render"),
        Some("registry.example/acme/pdf-render"),
        vec![acme_signature(1), key_signature("plant-key", crate::support::PLANT_KEY)],
    );
    evidence.provenance = None;
    let request = capability("eval-snippet");
    let at = |host: &HostFacts, text: &str| {
        codes(&decide(&policy, &request, &evidence, &image(), host, text.parse().unwrap()))
    };
    let plan = allowed(run(&policy, &request, &evidence, &gvisor));
    assert_eq!(plan.exception.as_ref().unwrap().id, "no-kvm-on-the-old-runner");
    assert!(plan.exception.as_ref().unwrap().reason.contains("January swap"));
    assert!(at(&gvisor, "2027-01-31T23:59:59Z").is_empty());
    assert_eq!(at(&gvisor, "2027-02-01T00:00:00Z"), [DenyCode::IsolationUnavailable]);
    let elsewhere = HostFacts { hostname: "ci-08".into(), ..gvisor.clone() };
    assert_eq!(at(&elsewhere, "2026-12-01T00:00:00Z"), [DenyCode::IsolationUnavailable]);
    let both = host(vec![
        backend("runsc", &[IsolationLevel::Gvisor], &[]),
        backend("vm", &[IsolationLevel::Microvm], &[]),
    ]);
    let plan = allowed(run(&policy, &request, &evidence, &both));
    assert_eq!((plan.isolation, plan.exception), (IsolationLevel::Microvm, None));
}

#[test]
fn what_is_emulated_needs_an_exception_for_every_tier_that_applies() {
    let policy = acme();
    let mut evidence = evidence(
        Some("pdf-render"),
        Some("registry.example/acme/pdf-render"),
        vec![acme_signature(1), key_signature("plant-key", crate::support::PLANT_KEY)],
    );
    evidence.provenance = None;
    let emulated = |name: &str, level| {
        let emulation = perry_sandbox_policy::Emulation::Software;
        host(vec![BackendFacts { emulation, ..backend(name, &[level], &[]) }])
    };
    let request = capability("eval-snippet");
    let machine = run(&policy, &request, &evidence, &emulated("vm", IsolationLevel::Microvm));
    assert_eq!(
        codes(&machine),
        [DenyCode::IsolationUnavailable],
        "the tier accepts it, and no exception does"
    );
    let excepted = emulated("runsc", IsolationLevel::Gvisor);
    let plan = allowed(run(&policy, &request, &evidence, &excepted));
    assert_eq!(plan.exception.unwrap().id, "no-kvm-on-the-old-runner");
    // A caller who names another tier can only tighten: the exception is not for that one.
    let asked = Request { tier: Some("hardened".parse().unwrap()), ..request };
    assert_eq!(codes(&run(&policy, &asked, &evidence, &excepted)), [DenyCode::IsolationUnavailable]);
}

#[test]
fn evidence_is_held_against_the_policy_again() {
    let policy = acme();
    let request = capability("format-markdown");
    let repository = Some("registry.example/acme/shell-tools");
    let deny = |evidence: Evidence| codes(&run(&policy, &request, &evidence, &able_host()));
    assert_eq!(deny(shell_tools()), []);
    // Too old by now.
    assert_eq!(
        deny(evidence(Some("shell-tools"), repository, vec![acme_signature(181)])),
        [DenyCode::Quorum]
    );
    // Nobody has signed.
    let none = deny(evidence(Some("shell-tools"), repository, Vec::new()));
    assert_eq!(none, [DenyCode::Quorum, DenyCode::Provenance]);
    // The right name, another subject.
    let mut forged = acme_signature(1);
    forged.by = perry_sandbox_policy::VerifiedIdentity::Keyless {
        issuer: "https://token.actions.githubusercontent.com".into(),
        subject: "https://github.com/acme/tools/.github/workflows/release.yml@refs/heads/v1".into(),
    };
    let found = deny(evidence(Some("shell-tools"), repository, vec![forged]));
    assert_eq!(found, [DenyCode::Quorum, DenyCode::Provenance]);
    // Over another digest.
    let mut other = acme_signature(1);
    other.signed = perry_sandbox_reference::Digest::of(b"other");
    let found = deny(evidence(Some("shell-tools"), repository, vec![other]));
    assert_eq!(found, [DenyCode::Quorum, DenyCode::Provenance]);
    // Asked by another rule.
    assert_eq!(
        deny(evidence(Some("pdf-render"), repository, vec![acme_signature(1)])),
        [DenyCode::OtherEvidence]
    );
    // Another repository.
    let found = deny(evidence(
        Some("shell-tools"),
        Some("registry.example/acme/shell-toolsx"),
        vec![acme_signature(1)],
    ));
    assert_eq!(found, [DenyCode::NoImageRule]);
}

#[test]
fn what_is_outside_of_the_ceiling_is_denied_each_with_its_code() {
    let policy = acme();
    let mut request = capability("format-markdown");
    request.grants.egress = vec!["evil.example:22".into(), "not a pattern".into()];
    request.grants.mounts_read = vec![WantedMount::in_place("/etc")];
    request.grants.mounts_write = vec![WantedMount::in_place("/srv/acme")];
    request.grants.secrets = vec!["other".parse().unwrap()];
    request.grants.devices = vec!["/dev/kvm".into()];
    request.grants.linux_caps = [perry_sandbox_profiles::LinuxCap::SysAdmin].into_iter().collect();
    request.env.insert("LD_PRELOAD".into(), "x".into());
    request.env.insert("A=B".into(), "x".into());
    request.limits.memory = Some("1GiB".parse().unwrap());
    request.args = vec!["x".into(); 17];
    request.entrypoint = Some("/bin/sh".into());
    let found = codes(&run(&policy, &request, &shell_tools(), &able_host()));
    let expected = [
        DenyCode::Arguments,
        DenyCode::Entrypoint,
        DenyCode::Egress,
        DenyCode::Egress,
        DenyCode::Mounts,
        DenyCode::Mounts,
        DenyCode::Env,
        DenyCode::Env,
        DenyCode::Secrets,
        DenyCode::Devices,
        DenyCode::LinuxCaps,
        DenyCode::Limits,
    ];
    assert_eq!(found, expected);
}

#[test]
fn memory_is_watched_only_where_the_tier_says_so() {
    let policy = acme();
    let host = host(vec![backend("all", &IsolationLevel::ALL, &[Control::MemoryExact])]);
    let found = codes(&run(&policy, &capability("format-markdown"), &shell_tools(), &host));
    assert_eq!(found, [DenyCode::NotEnforced]);
    let plan = allowed(run(&policy, &ad_hoc(), &shell_tools(), &host));
    assert_eq!(plan.memory_enforcement, MemoryEnforcement::Watched);
    assert_eq!(plan.tier.as_str(), "isolated");
    let relaxed = loaded(&ACME.replacen(
        "seccomp    = \"perry-minimal\"",
        "seccomp    = \"perry-minimal\"\nmemory-enforcement = \"watched\"",
        1,
    ));
    let plan = allowed(run(&relaxed, &capability("format-markdown"), &shell_tools(), &host));
    assert_eq!(plan.memory_enforcement, MemoryEnforcement::Watched);
}

#[test]
fn a_requested_tier_only_tightens() {
    let policy = acme();
    let tier = |name: &str| Request { tier: Some(name.parse().unwrap()), ..capability("format-markdown") };
    let plan = allowed(run(&policy, &tier("default"), &shell_tools(), &able_host()));
    assert_eq!((plan.tier.as_str(), plan.isolation), ("hardened", IsolationLevel::Gvisor));
    // `untrusted` allows no mounts, and the capability has one.
    let found = codes(&run(&policy, &tier("untrusted"), &shell_tools(), &able_host()));
    assert_eq!(found, [DenyCode::Mounts]);
    assert_eq!(codes(&run(&policy, &tier("nowhere"), &shell_tools(), &able_host())), [DenyCode::UnknownTier]);
    let unknown = codes(&run(&policy, &capability("format-markdwon"), &shell_tools(), &able_host()));
    assert_eq!(unknown, [DenyCode::UnknownCapability]);
}

#[test]
fn without_an_entry_an_image_needs_a_signer_on_the_command_line() {
    let bare = loaded("schema = \"perry-sandbox/policy/v1\"\n");
    let denial = decide_requirement(&bare, &ad_hoc(), &ImageSubject::default()).unwrap_err();
    assert_eq!(denial.first().code, DenyCode::NoEntry);

    let alone = Policy::command_line(command_line(LogRule::Optional));
    let required = decide_requirement(&alone, &ad_hoc(), &ImageSubject::default()).unwrap();
    assert_eq!(required.requirement.repository, RepositoryRule::Unknown);
    assert_eq!((required.rule, required.tier.as_str()), (None, "isolated"));
    let mut evidence = evidence(None, None, vec![key_signature("command-line", &pem("keyX.pub"))]);
    evidence.provenance = None;
    let plan = allowed(run(&alone, &ad_hoc(), &evidence, &able_host()));
    assert_eq!((plan.network, plan.isolation), (Network::None, IsolationLevel::Oci));
    evidence.signatures = vec![key_signature("command-line", &pem("keyY.pub"))];
    assert_eq!(codes(&run(&alone, &ad_hoc(), &evidence, &able_host())), [DenyCode::Quorum]);
    let logged = Policy::command_line(command_line(LogRule::Required));
    evidence.signatures = vec![key_signature("command-line", &pem("keyX.pub"))];
    assert_eq!(codes(&run(&logged, &ad_hoc(), &evidence, &able_host())), [DenyCode::Quorum]);
}

#[test]
fn beside_a_policy_the_command_line_signer_narrows_and_never_replaces() {
    let with = |policy: Policy| policy.with_command_line_signer(command_line(LogRule::Optional));
    let shell = subject("registry.example/acme/shell-tools");
    let denial = decide_requirement(&with(acme()), &capability("format-markdown"), &shell).unwrap_err();
    assert_eq!(denial.first().code, DenyCode::ForeignSigner);
    let keyed = ACME.replacen("public-key = \"trust/plant.pub\"", "public-key = \"keyX.pub\"", 1).replacen(
        "{ at-least = 1, of = [\"acme-release\"] }",
        "{ at-least = 1, of = [\"acme-release\", \"plant-key\"] }",
        1,
    );
    let required = decide_requirement(&with(loaded(&keyed)), &capability("format-markdown"), &shell).unwrap();
    let names: Vec<_> = required.requirement.signers.iter().map(|signer| signer.name.as_str()).collect();
    assert_eq!(names, ["plant-key"]);
    // Two are needed, and only one of them is the command line's.
    let render = subject("registry.example/acme/pdf-render");
    let denial = decide_requirement(&with(loaded(&keyed)), &capability("eval-snippet"), &render).unwrap_err();
    assert_eq!(denial.first().code, DenyCode::UnsatisfiableRule);
}

#[test]
fn the_most_specific_image_rule_applies_by_whole_components() {
    let text = format!("{ACME}\n[image.all]\nrepository = \"registry.example/acme\"\nsigned-by = {{ at-least = 1, of = [\"plant-key\"] }}\n")
        .replacen("image = [\"shell-tools\"]", "image = [\"shell-tools\", \"all\"]", 1);
    let policy = loaded(&text);
    let rule = |repository: &str| {
        decide_requirement(&policy, &ad_hoc(), &subject(repository))
            .map(|required| required.rule.unwrap().to_string())
    };
    assert_eq!(rule("registry.example/acme/shell-tools").unwrap(), "shell-tools");
    assert_eq!(rule("registry.example/acme/shell-tools/sub").unwrap(), "shell-tools");
    assert_eq!(rule("registry.example/acme/shell-toolsx").unwrap(), "all");
    assert_eq!(rule("registry.example/acmex/a").unwrap_err().first().code, DenyCode::NoImageRule);
    // A layout has no repository: a list of two rules cannot tell, a capability can.
    let layout = ImageSubject::default();
    let denial = decide_requirement(&policy, &ad_hoc(), &layout).unwrap_err();
    assert_eq!(denial.first().code, DenyCode::AmbiguousRule);
    let required = decide_requirement(&policy, &capability("format-markdown"), &layout).unwrap();
    assert_eq!(
        required.requirement.repository,
        RepositoryRule::Exact("registry.example/acme/shell-tools".parse().unwrap())
    );
}

#[test]
fn a_service_gets_its_entry_and_an_unknown_one_the_baseline() {
    let policy = acme();
    let service = |name: &str| request(Target::Service(name.parse().unwrap()));
    let joining = |name: &str, networks: &[&str], publish: &str, volume: &str| {
        let attachment = |name: &&str| Attachment::to(name.parse().unwrap());
        let mut asked = service(name);
        asked.project = WantedProject {
            networks: networks.iter().map(attachment).collect(),
            publish: vec![Publication {
                on: publish.parse().unwrap(),
                port: NonZeroU16::new(80).unwrap(),
                protocol: Protocol::Tcp,
            }],
            volumes: vec![VolumeMount {
                volume: volume.parse().unwrap(),
                path: "/data".parse().unwrap(),
                access: VolumeAccess::Write,
            }],
            ..WantedProject::default()
        };
        asked
    };
    let plan = allowed(run(&policy, &service("shop/web"), &shell_tools(), &able_host()));
    assert!(plan.networks.is_empty() && plan.publish.is_empty(), "nothing is given that is not wanted");
    let asked = joining("shop/web", &["front"], "8080", "data");
    let plan = allowed(run(&policy, &asked, &shell_tools(), &able_host()));
    assert_eq!(
        (&plan.networks, &plan.publish, &plan.volumes),
        (&asked.project.networks, &asked.project.publish, &asked.project.volumes)
    );
    assert_eq!(plan.service.as_ref().unwrap().to_string(), "shop/web");
    let asked = joining("shop/web", &["front", "other"], "0.0.0.0:8080", "others");
    let found = codes(&run(&policy, &asked, &shell_tools(), &able_host()));
    assert_eq!(found, [DenyCode::Networks, DenyCode::Publish, DenyCode::Volumes]);
    // The entry grants 8080 of the loopback, which is no other address, no range and no choice.
    for publish in ["8080-8081", "free", "[::1]:8080", "0.0.0.0:8080"] {
        let asked = joining("shop/web", &["front"], publish, "data");
        assert_eq!(
            codes(&run(&policy, &asked, &shell_tools(), &able_host())),
            [DenyCode::Publish],
            "{publish}"
        );
    }
    // One that is not the project's own has another name in a policy.
    let asked = joining("shop/web", &["front"], "8080", "external:data");
    assert_eq!(codes(&run(&policy, &asked, &shell_tools(), &able_host())), [DenyCode::Volumes]);
    let mut stranger = joining("shop/web", &["front"], "8080", "data");
    stranger.target = Target::AdHoc;
    let found = codes(&run(&policy, &stranger, &shell_tools(), &able_host()));
    assert!(found.ends_with(&[DenyCode::Networks, DenyCode::Publish, DenyCode::Volumes]), "{found:?}");
    assert_eq!((plan.tier.as_str(), plan.limits.memory.to_string().as_str()), ("default", "512MiB"));
    let plan = allowed(run(&policy, &service("other/web"), &shell_tools(), &able_host()));
    assert_eq!((plan.tier.as_str(), plan.networks.len()), ("isolated", 0));
    let lacking =
        host(vec![backend("native", &[IsolationLevel::Oci], &[Control::ProjectNetworks, Control::Volumes])]);
    let found =
        codes(&run(&policy, &joining("shop/web", &["front"], "8080", "data"), &shell_tools(), &lacking));
    assert_eq!(found, [DenyCode::NotEnforced, DenyCode::NotEnforced]);
}

#[test]
fn what_the_image_wants_is_filtered() {
    let image = ImageDefaults {
        entrypoint: vec!["/bin/a".into()],
        cmd: vec!["b".into()],
        env: vec![
            "LD_PRELOAD=/x".into(),
            "PATH=/app:/bin".into(),
            "LANG=C".into(),
            "1X=y".into(),
            "HOME=../x".into(),
        ],
        working_dir: Some("/work/".into()),
        user: Some("1000:100".into()),
    };
    let policy = acme();
    let verdict = |request: &Request, image: &ImageDefaults| {
        decide(&policy, request, &shell_tools(), image, &able_host(), now())
    };
    let plan = allowed(verdict(&ad_hoc(), &image));
    assert_eq!(plan.process.argv, ["/bin/a", "b"]);
    assert_eq!(plan.process.cwd, "/work");
    assert_eq!((plan.process.user.uid, plan.process.user.gid), (1000, 100));
    let env: Vec<_> = plan.process.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["HOME=/tmp", "LANG=C", "PATH=/app:/bin"]);
    assert_eq!(plan.notes.len(), 3, "{:?}", plan.notes);
    let request = Request { args: vec!["c".into()], ..ad_hoc() };
    assert_eq!(allowed(verdict(&request, &image)).process.argv, ["/bin/a", "c"]);
    let request = Request { entrypoint: Some("/bin/z".into()), ..request };
    assert_eq!(allowed(verdict(&request, &image)).process.argv, ["/bin/z", "c"]);
    let proc = ImageDefaults { working_dir: Some("/proc/self".into()), ..image.clone() };
    assert_eq!(codes(&verdict(&ad_hoc(), &proc)), [DenyCode::WorkingDirectory]);
    assert_eq!(codes(&verdict(&ad_hoc(), &ImageDefaults::default())), [DenyCode::NoCommand]);
}

#[test]
fn wasm_modules_run_at_the_level_wasm_and_nothing_else_does() {
    let policy = acme();
    let mut module = shell_tools();
    module.platform = perry_sandbox_reference::Platform::new("wasip1", "wasm", None).unwrap();
    let plan = allowed(run(&policy, &capability("format-markdown"), &module, &able_host()));
    assert_eq!(plan.isolation, IsolationLevel::Wasm);
    let host = host(vec![backend("wasm", &[IsolationLevel::Wasm], &[])]);
    let found = codes(&run(&policy, &capability("format-markdown"), &shell_tools(), &host));
    assert_eq!(found, [DenyCode::IsolationUnavailable]);
}

#[test]
fn a_layout_that_is_said_to_be_of_a_repository_falls_under_its_rule() {
    let keyed = ACME
        .replacen("public-key = \"trust/plant.pub\"", "public-key = \"keyX.pub\"", 1)
        .replacen("of = [\"acme-release\"] }\nprovenance", "of = [\"plant-key\"] }\nprovenance", 1)
        .replacen("by = [\"acme-release\"]", "by = [\"plant-key\"]", 1)
        .replacen("max-age    = \"180d\"", "log = \"optional\"", 1);
    let keyed = &keyed[..keyed.find("[ad-hoc]").unwrap()];
    let policy = loaded(keyed).with_command_line_signer(command_line(LogRule::Optional));
    let required =
        decide_requirement(&policy, &ad_hoc(), &subject("registry.example/acme/shell-tools")).unwrap();
    assert_eq!(required.rule.unwrap().as_str(), "shell-tools");
    // The layout itself has no repository; what it was verified for is in the evidence.
    let layout = evidence(Some("shell-tools"), None, vec![key_signature("plant-key", &pem("keyX.pub"))]);
    assert_eq!(allowed(run(&policy, &ad_hoc(), &layout, &able_host())).tier.as_str(), "isolated");
    // Nobody covers another repository, and the command line's signer is enough.
    let required = decide_requirement(&policy, &ad_hoc(), &subject("registry.example/other")).unwrap();
    assert_eq!((required.rule, required.requirement.signers.len()), (None, 1));
}

#[test]
fn what_if_answers_for_another_tier_under_another_digest() {
    let policy = acme();
    let target = Target::Capability("format-markdown".parse().unwrap());
    let what_if = policy.what_if(&target, &"default".parse().unwrap());
    let host = host(vec![backend("native", &[IsolationLevel::Oci], &[])]);
    assert_eq!(
        codes(&run(&policy, &request(target.clone()), &shell_tools(), &host)),
        [DenyCode::IsolationUnavailable]
    );
    assert_eq!(
        allowed(run(&what_if, &request(target), &shell_tools(), &host)).isolation,
        IsolationLevel::Oci
    );
    assert_ne!(policy.digest(), what_if.digest());
}

#[test]
fn a_plan_says_how_many_sandboxes_the_capability_keeps_ready() {
    let with = |warm: &str| {
        let line = "args    = { max = 16, each-max = 256 }";
        assert!(ACME.contains(line));
        try_load(&[("acme.toml", &ACME.replace(line, &format!("{line}\n{warm}")))])
    };
    let plan =
        |policy: &Policy| allowed(run(policy, &capability("format-markdown"), &shell_tools(), &able_host()));
    assert_eq!(plan(&with("").unwrap()).warm, None);
    let three = plan(&with("warm = 3").unwrap());
    assert_eq!(three.warm.unwrap().get(), 3);
    assert!(
        three.notes.iter().any(|note| note.contains("none of these sandboxes is kept ready")),
        "{:?}",
        three.notes
    );
    for wrong in ["warm = 0", "warm = 65", "warm = true"] {
        let text = format!("{:?}", with(wrong).unwrap_err());
        assert!(text.contains("1 to 64") || text.contains("whole number"), "{text}");
    }
    let text = perry_sandbox_policy::diff(&with("").unwrap(), &with("warm = 3").unwrap()).to_text();
    assert!(text.contains("sandboxes that are kept ready: 3, before 0"), "{text}");
}

#[test]
fn a_plan_has_one_digest_and_another_plan_another() {
    let plan = |args: &[&str]| {
        let args = args.iter().map(ToString::to_string).collect();
        let request = Request { args, ..capability("format-markdown") };
        allowed(run(&acme(), &request, &shell_tools(), &able_host())).digest().to_string()
    };
    assert_eq!(plan(&["a"]), plan(&["a"]));
    assert_ne!(plan(&["a"]), plan(&["b"]));
}

#[test]
fn a_granted_range_is_each_of_its_ports_and_no_choice_of_the_kernel() {
    let publishing = |granted: &str, wanted: &str| {
        let text = ACME.replace("[\"127.0.0.1:8080\"]", granted);
        assert_ne!(text, ACME);
        let mut asked = request(Target::Service("shop/web".parse().unwrap()));
        let (on, port) = (wanted.parse().unwrap(), NonZeroU16::new(80).unwrap());
        asked.project.publish = vec![Publication { on, port, protocol: Protocol::Udp }];
        run(&loaded(&text), &asked, &shell_tools(), &able_host())
    };
    for wanted in ["8000", "8001-8003", "8000-8003", "9000"] {
        allowed(publishing("[\"8000-8002\", \"8003\", \"9000\"]", wanted));
    }
    for wanted in ["7999-8000", "8003-8004", "8000-9000", "free", "0.0.0.0:8000"] {
        let verdict = publishing("[\"8000-8002\", \"8003\", \"9000\"]", wanted);
        assert_eq!(codes(&verdict), [DenyCode::Publish], "{wanted}");
        let Verdict::Deny(denial) = verdict else { panic!("{wanted}") };
        let told = denial.iter().any(|reason| reason.found.contains("127.0.0.1:8000-8003, 127.0.0.1:9000"));
        assert!(told, "{denial:?}");
    }
    allowed(publishing("[\"free\"]", "free"));
    assert_eq!(codes(&publishing("[\"free\"]", "40000")), [DenyCode::Publish]);
    let many = ACME.replace("\"127.0.0.1:8080\"", "\"1-1024\", \"[::1]:1\"");
    assert_eq!(crate::support::codes(&many), ["PSR104"]);
}
