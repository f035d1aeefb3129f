//! What a sandbox has of a system of its own.

use perry_sandbox_policy::System;

use super::super::settings::Settings;
use super::rootfs::settings;
use super::sandbox;

/// What a line of shell says.
fn said(system: System, line: &str) -> String {
    let settings = Settings { system, ..settings(&["/bin/sh", "-c", line]) };
    String::from_utf8(sandbox(&settings).unwrap().stdout).unwrap()
}

#[test]
fn a_sandbox_is_called_what_it_is_to_be_called() {
    let line = "hostname; cat /proc/sys/kernel/domainname";
    let (host_name, domain_name) = ("edge".parse().ok(), "shop.example".parse().ok());
    assert_eq!(said(System { host_name, domain_name, ..System::default() }, line), "edge\nshop.example\n");
    assert_eq!(said(System::default(), "hostname"), "sandbox\n");
}
