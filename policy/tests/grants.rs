//! What a program may touch, as it was granted and as it was asked for.

use perry_sandbox_policy::{Control, DenyCode, MountAccess, Request, Target, WantedMount, decide};

use crate::decisions::{allowed, codes, run};
use crate::support::{ACME, able_host, acme, capability, image, loaded, now, request, shell_tools, try_load};

#[test]
fn a_program_with_egress_is_told_of_the_proxy_unless_the_caller_says_otherwise() {
    let mut request = capability("fetch-advisories");
    let mut image = image();
    image.env.push("http_proxy=http://build.example:8080".into());
    image.env.push("NO_PROXY=*".into());
    let decided = |request: &Request, image: &_| {
        allowed(decide(&acme(), request, &shell_tools(), image, &able_host(), now()))
    };
    let plan = decided(&request, &image);
    for name in ["HTTP_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"] {
        assert_eq!(plan.process.env[name], "http://127.0.0.1:3128", "{name}");
    }
    assert_eq!((plan.process.env["NO_PROXY"].as_str(), plan.process.env["no_proxy"].as_str()), ("", ""));
    let note = "the seccomp profile perry-minimal admits no TCP sockets: the program cannot use its egress";
    assert!(plan.notes.iter().any(|said| said == note), "{:?}", plan.notes);
    // A variable that the policy grants is the caller's.
    let text = ACME.replace("\"ACME_*\"", "\"ACME_*\", \"HTTP_PROXY\"");
    let policy = loaded(&text.replace("env = [\"ACME_REGION\"]", "env = [\"ACME_REGION\", \"HTTP_PROXY\"]"));
    request.env.insert("HTTP_PROXY".into(), "http://127.0.0.1:1".into());
    let plan = allowed(run(&policy, &request, &shell_tools(), &able_host()));
    assert_eq!(plan.process.env["HTTP_PROXY"], "http://127.0.0.1:1");
    assert_eq!(plan.process.env["HTTPS_PROXY"], "http://127.0.0.1:3128");
    let plan = allowed(run(&acme(), &capability("format-markdown"), &shell_tools(), &able_host()));
    assert!(!plan.process.env.contains_key("HTTP_PROXY"));
}

#[test]
fn arguments_are_counted_and_measured() {
    let policy = acme();
    let verdict = |args: Vec<String>| {
        let request = Request { args, ..capability("format-markdown") };
        run(&policy, &request, &shell_tools(), &able_host())
    };
    let plan = allowed(verdict(vec!["x".repeat(256); 16]));
    assert_eq!(plan.process.argv.len(), 18);
    assert_eq!(codes(&verdict(vec!["x".repeat(257)])), [DenyCode::Arguments]);
    assert_eq!(codes(&verdict(vec!["a\0b".into()])), [DenyCode::Arguments]);
    // A capability without `args` takes none.
    let request = Request { args: vec!["x".into()], ..capability("fetch-advisories") };
    assert_eq!(codes(&run(&policy, &request, &shell_tools(), &able_host())), [DenyCode::Arguments]);
}

#[test]
fn mounts_are_as_granted_and_writing_implies_reading() {
    let mut request = capability("format-markdown");
    request.grants.mounts_write = vec![WantedMount::in_place("/srv/acme/out/today")];
    let plan = allowed(run(&acme(), &request, &shell_tools(), &able_host()));
    let mounts: Vec<_> = plan.mounts.iter().map(|mount| (mount.source.as_str(), mount.access)).collect();
    assert_eq!(mounts, [("/srv/acme/docs", MountAccess::Read), ("/srv/acme/out/today", MountAccess::Write)]);
}

/// The acme policy, where programs of one folder of the host may be executed.
fn with_exec(folder: &str) -> String {
    ACME.replace(
        "write = [\"/srv/acme/out\"] }",
        &format!("write = [\"/srv/acme/out\"], exec = [\"{folder}\"] }}"),
    )
}

#[test]
fn executing_is_asked_for_by_name_and_implies_reading() {
    let policy = try_load(&[("policy.toml", &with_exec("/srv/tools"))]).unwrap();
    // What a tier may give is given to nobody by itself.
    let mut request = capability("format-markdown");
    request.grants.mounts_exec = vec!["/srv/tools/bin".into()];
    let plan = allowed(run(&policy, &request, &shell_tools(), &able_host()));
    let mounts: Vec<_> = plan.mounts.iter().map(|mount| (mount.source.as_str(), mount.access)).collect();
    assert_eq!(mounts, [("/srv/acme/docs", MountAccess::Read), ("/srv/tools/bin", MountAccess::Execute)]);
    assert!(
        plan.notes.iter().any(|note| note.contains("nobody has verified the programs in /srv/tools/bin"))
    );
    let line = plan.lines.iter().find(|line| line.control == Control::MountsExec).unwrap();
    assert_eq!(line.value, "/srv/tools/bin (execute)");
    // Reading or writing it is another thing, and so is another folder.
    request.grants.mounts_exec = vec!["/srv/acme/docs".into()];
    assert_eq!(codes(&run(&policy, &request, &shell_tools(), &able_host())), [DenyCode::Mounts]);
    assert_eq!(codes(&run(&acme(), &request, &shell_tools(), &able_host())), [DenyCode::Mounts]);
    request.grants.mounts_exec = Vec::new();
    request.grants.mounts_write = vec![WantedMount::in_place("/srv/tools")];
    assert_eq!(codes(&run(&policy, &request, &shell_tools(), &able_host())), [DenyCode::Mounts]);
}

#[test]
fn no_tier_lets_what_can_be_written_be_executed() {
    for folder in ["/srv/acme/out", "/srv/acme/out/bin", "/srv/acme", "/srv"] {
        let error = try_load(&[("policy.toml", &with_exec(folder))]).unwrap_err();
        let refusal = &error.refusals()[0];
        assert_eq!(refusal.code.as_str(), "PSR110", "{folder}");
        assert!(
            refusal.message.contains(folder) && refusal.message.contains("be written"),
            "{}",
            refusal.message
        );
    }
    assert!(try_load(&[("policy.toml", &with_exec("/srv/acme/outer"))]).is_ok());
}

#[test]
fn a_policy_that_lets_nothing_be_executed_has_the_digest_that_it_had() {
    assert!(!acme().to_canonical_json().contains("mounts-exec"));
    let policy = try_load(&[("policy.toml", &with_exec("/srv/tools"))]).unwrap();
    assert!(policy.to_canonical_json().contains("mounts-exec"));
}

#[test]
fn a_capability_passes_on_the_variables_that_it_was_granted() {
    let policy = acme();
    let target = Target::Capability("fetch-advisories".parse().unwrap());
    assert!(policy.passes_variable(&target, "ACME_REGION"));
    assert!(
        !policy.passes_variable(&target, "ACME_OTHER") && !policy.passes_variable(&Target::AdHoc, "LANG")
    );
}

#[test]
fn what_is_no_capability_has_folders_where_it_wants_them_and_not_over_its_program() {
    let place = |text: &str| vec![text.parse::<WantedMount>().unwrap()];
    let mut request = request(Target::Service("shop/web".parse().unwrap()));
    request.grants.mounts_write = place("/srv/acme/out:/out");
    request.grants.mounts_read = place("/srv/acme/docs/a.conf:/etc/a.conf");
    let plan = allowed(run(&acme(), &request, &shell_tools(), &able_host()));
    let mounts: Vec<_> = plan.mounts.iter().map(|mount| (mount.to_string(), mount.access)).collect();
    let (read, write) = ("/srv/acme/docs/a.conf at /etc/a.conf", "/srv/acme/out at /out");
    assert_eq!(mounts, [(read.to_owned(), MountAccess::Read), (write.to_owned(), MountAccess::Write)]);
    let line = |control| plan.lines.iter().find(|line| line.control == control).unwrap().value.as_str();
    assert_eq!((line(Control::MountsRead), line(Control::MountsWrite)), (read, write));
    // What the tier does not grant is no nearer by another name inside.
    request.grants.mounts_read = place("/srv/other:/srv/acme/docs");
    assert_eq!(codes(&run(&acme(), &request, &shell_tools(), &able_host())), [DenyCode::Mounts]);
    // Nor is the program's own place, or one that another has.
    let program = plan.process.argv[0].clone();
    let folder = program.rsplit_once('/').unwrap().0;
    for taken in [&program, folder, "/out"] {
        request.grants.mounts_read = place(&format!("/srv/acme/docs:{taken}"));
        assert_eq!(
            codes(&run(&acme(), &request, &shell_tools(), &able_host())),
            [DenyCode::Mounts],
            "{taken}"
        );
    }
}

#[test]
fn folders_of_a_capability_are_where_they_are_on_the_host() {
    let mut request = capability("format-markdown");
    request.grants.mounts_write = vec!["/srv/acme/out/today:/out".parse().unwrap()];
    assert_eq!(codes(&run(&acme(), &request, &shell_tools(), &able_host())), [DenyCode::Mounts]);
    request.grants.mounts_write = vec!["/srv/acme/out/today:/srv/acme/out/today".parse().unwrap()];
    allowed(run(&acme(), &request, &shell_tools(), &able_host()));
    for text in [
        "/srv/a:",
        "/srv/a:b",
        "/srv/a:/",
        "/srv/a:/b/../c",
        "/srv/a:/proc",
        "/srv/a:/sys/x",
        "/srv/a:/dev",
        "/srv/a:/b:/c",
    ] {
        assert!(text.parse::<WantedMount>().is_err() || text.ends_with("/b:/c"), "{text}");
    }
}
