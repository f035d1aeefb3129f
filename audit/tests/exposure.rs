//! The exposure number.

use perry_sandbox_audit::{CONTROLS, Report};

use crate::support::report;

fn number(report: &Report) -> f64 {
    report.exposures[0].exposure.parse().expect("it is a number")
}

fn of(fields: &str) -> f64 {
    number(&report("compose.yaml", &format!("services:\n  web:\n    image: nginx\n{fields}")))
}

#[test]
fn the_weights_make_a_hundred() {
    assert_eq!(CONTROLS.iter().map(|control| control.weight).sum::<u32>(), 100);
}

#[test]
fn an_untouched_service_is_where_systemd_puts_an_untouched_unit() {
    assert!((9.4..=9.8).contains(&of("")), "{}", of(""));
}

#[test]
fn our_tier_for_hostile_code_is_where_systemd_puts_a_hardened_unit() {
    let report = report("policy.toml", "schema = \"perry-sandbox/policy/v1\"\nname = \"a\"\n");
    let tier = |name: &str| {
        let found = report.exposures.iter().find(|one| one.target.name == name).expect("the tier is there");
        found.exposure.parse::<f64>().expect("it is a number")
    };
    assert!(tier("untrusted") <= 0.7, "{}", tier("untrusted"));
    assert!(tier("untrusted") < tier("default"));
}

/// Fields from loose to tight, each alone.
const TIGHTER: &[&[&str]] = &[
    &["    privileged: true\n", ""],
    &["    cap_add: [ALL]\n", "    cap_add: [SYS_ADMIN, NET_ADMIN]\n", "    cap_add: [NET_ADMIN]\n", ""],
    &["", "    cap_drop: [ALL]\n"],
    &["    security_opt: [seccomp:unconfined]\n", "", "    security_opt: [seccomp=./a.json]\n"],
    &["", "    security_opt: [no-new-privileges]\n"],
    &["    volumes: [\"/:/h\"]\n", "    volumes: [\"/etc:/h:ro\"]\n", "    volumes: [\"./a:/h:ro\"]\n", ""],
    &["    volumes: [\"/run/docker.sock:/s\"]\n", "    volumes: [\"./a:/h\"]\n", ""],
    &[
        "    configs: [c]\nconfigs: {c: {file: /run/docker.sock}}\n",
        "    configs: [c]\nconfigs: {c: {file: ./a}}\n",
    ],
    &["    network_mode: host\n", "", "    network_mode: none\n"],
    &["    ports: [\"80:80\"]\n", "    ports: [\"127.0.0.1:80:80\"]\n", ""],
    &["    pid: host\n", ""],
    &["    ipc: host\n", ""],
    &["    uts: host\n", ""],
    &["", "    userns_mode: private\n"],
    &["    user: root\n", "    user: \"1000\"\n"],
    &["", "    read_only: true\n"],
    &["    mem_limit: -1\n", "    mem_limit: 1g\n"],
    &["", "    pids_limit: 10\n"],
    &["", "    cpus: 1\n"],
    &["", "    ulimits: {nofile: 100}\n"],
    &["", "    storage_opt: {size: 1g}\n"],
    &["", "    logging: {driver: local, options: {max-size: 1m}}\n"],
    &["    devices: [/dev/sda, /dev/fuse]\n", "    devices: [/dev/fuse]\n", ""],
    &["    environment: {A_PASSWORD: x1}\n", "    environment: {A: x1}\n"],
    &["", "    runtime: runsc\n", "    runtime: kata\n"],
];

#[test]
fn it_never_rises_when_a_field_is_tightened() {
    for steps in TIGHTER {
        for pair in steps.windows(2) {
            let (loose, tight) = (of(pair[0]), of(pair[1]));
            assert!(tight <= loose, "{:?} is {loose}, and {:?} {tight}", pair[0], pair[1]);
        }
        let (first, last) = (of(steps[0]), of(steps[steps.len() - 1]));
        assert!(last <= first, "{steps:?}");
    }
}

#[test]
fn anything_critical_keeps_it_high() {
    let hardened = "    user: \"1000\"\n    read_only: true\n    cap_drop: [ALL]\n    runtime: kata\n    network_mode: none\n    \
                    security_opt: [no-new-privileges, seccomp=./a.json]\n    mem_limit: 1g\n    pids_limit: 9\n    cpus: 1\n";
    assert!(of(hardened) < 5.0, "{}", of(hardened));
    assert!(of(&format!("{hardened}    volumes: [\"/run/docker.sock:/s\"]\n")) >= 7.0);
}
