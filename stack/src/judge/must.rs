use perry_sandbox_compose::Span;
use perry_sandbox_policy::{LaunchPlan, RootfsMode};

use crate::demand::{Demand, RefusedField, Refusing};

/// What a plan says otherwise than the file demands. A policy may give less than is asked for only where the service says
/// nothing of it.
pub(super) fn unlike(service: &str, demand: &Demand, plan: &LaunchPlan) -> Vec<RefusedField> {
    let mut unlike = Vec::new();
    let mut add = |span: Span, attribute: &str, why: String, instead: &str| {
        unlike.push(RefusedField {
            span,
            subject: format!("service `{service}`"),
            attribute: attribute.to_owned(),
            refusing: Refusing::Never,
            why,
            instead: instead.to_owned(),
        });
    };
    let tier = &plan.tier;
    if let Some(span) = demand.must.read_only.filter(|_| plan.rootfs != RootfsMode::ReadOnly) {
        let why = format!("the tier `{tier}` has a root that can be written");
        add(span, "read_only", why, "give the service a tier with `rootfs = \"read-only\"`");
    }
    if let Some(user) = &demand.must.user {
        let (uid, gid) = user.value;
        let found = plan.process.user;
        if found.uid != uid || gid.is_some_and(|gid| gid != found.gid) {
            let why = format!("the tier `{tier}` makes it {}:{}", found.uid, found.gid);
            add(user.span, "user", why, "give the service a tier with `user = \"any\"`, or another user");
        }
    }
    if let Some(level) = demand.must.isolation.as_ref().filter(|level| plan.isolation < level.value) {
        let why = format!("the tier `{tier}` is held by {}, and it asks for {}", plan.isolation, level.value);
        add(level.span, "runtime", why, "give the service a tier that is held by that: `x-perry-tier`");
    }
    for cap in demand.must.without.iter().filter(|cap| plan.linux_caps.contains(cap.value)) {
        let why = format!("the policy's entry gives the service {}", cap.value);
        add(cap.span, "cap_drop", why, "take it from the entry's `linux-caps`");
    }
    unlike
}
