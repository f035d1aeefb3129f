//! From a plan to an order.

use perry_sandbox_policy::{Control, LaunchPlan, Network, Terminal};

use crate::demands::PlanError;
use crate::spine::{Spine, request, spine};
use crate::wasm::{NAME, WasmOrder, facts, order};

/// A plan as the policy would make it for an image with a module.
fn planned() -> Spine {
    let mut spine = spine(&request(&["app.wasm", "argument"]));
    spine.plan.backend = NAME.parse().unwrap();
    spine.plan.process.cwd = "/".to_owned();
    spine
}

fn ordered(spine: &Spine) -> Result<WasmOrder, PlanError> {
    order(&spine.plan, &facts().unwrap().controls, &spine.rootfs)
}

#[test]
fn every_line_of_a_plan_is_in_the_order() {
    let mut spine = planned();
    spine.plan.process.env.insert("NAME".to_owned(), "value".to_owned());
    let made = ordered(&spine).unwrap();
    assert_eq!(made.argv, ["app.wasm", "argument"]);
    assert_eq!(made.candidates.last().unwrap(), "/app.wasm");
    assert_eq!(made.env, spine.plan.process.env);
    assert_eq!((made.uid, made.gid), (spine.plan.process.user.uid, spine.plan.process.user.gid));
    assert_eq!(made.limits.memory, spine.plan.limits.memory.bytes());
    assert!(!made.compiling.is_empty() && !made.running.is_empty() && made.compiling != made.running);
    let text = serde_json::to_vec(&made).unwrap();
    assert_eq!(serde_json::from_slice::<WasmOrder>(&text).unwrap(), made);
}

#[test]
fn what_a_module_cannot_have_is_refused_before_anything_starts() {
    let changes: [fn(&mut LaunchPlan); 5] = [
        |plan| plan.network = Network::Egress(vec!["example.org:443".to_owned()]),
        |plan| plan.devices = vec!["/dev/fuse".to_owned()],
        |plan| plan.process.terminal = Terminal::Own,
        |plan| plan.lines.iter_mut().for_each(|line| line.control = Control::Volumes),
        |plan| plan.rootfs = perry_sandbox_policy::RootfsMode::Ephemeral,
    ];
    for change in changes {
        let mut spine = planned();
        change(&mut spine.plan);
        let error = ordered(&spine).unwrap_err();
        assert!(matches!(error, PlanError::NotEnforceable { backend: "wasm", .. }), "{error}");
    }
    let mut spine = planned();
    spine.plan.backend = "native".parse().unwrap();
    assert!(matches!(ordered(&spine), Err(PlanError::Backend { .. })));
    let mut spine = planned();
    spine.plan.process.cwd = "/srv".to_owned();
    assert!(ordered(&spine).unwrap_err().to_string().contains("`/srv`"));
}
