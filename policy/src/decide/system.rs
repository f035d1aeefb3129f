//! What a service wants of a system of its own.

use crate::control::Control;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::request::{Request, Target};
use crate::system::System;

/// The row of all that is said about it.
const ROW: &str = "system";

/// What is wanted, with a reason for each part that nobody is given.
pub(crate) fn system(request: &Request, reasons: &mut Reasons) -> System {
    let wanted = &request.project.system;
    // SECURITY: what a capability finds around it is the policy's word.
    if !wanted.is_default() && !matches!(request.target, Target::Service(_)) {
        let found = "only services have them";
        let reason = DenyReason::new(DenyCode::System, ROW, "names and settings of its own", found, []);
        reasons.add(reason.remedy("leave them out"));
    }
    wanted.clone()
}

/// A line for each part that is there.
pub(crate) fn lines(system: &System) -> Vec<(Control, String)> {
    let System { host_name, domain_name } = system;
    let host = host_name.iter().map(|name| (Control::HostName, format!("host name {name}")));
    let domain = domain_name.iter().map(|name| (Control::DomainName, format!("domain name {name}")));
    host.chain(domain).collect()
}
