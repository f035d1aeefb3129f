//! What two plans must have in common for a program to join a sandbox.

use perry_sandbox_policy::{Control, LaunchPlan, Terminal};
use perry_sandbox_reference::Digest;

/// The digest of a plan without what a program that joins may have of its own: arguments, variables, working folder,
/// streams, wall time and output. Nor does it count what no backend applies to it: the sentences of the plan, what is kept
/// ready for other calls, and the policy's digest, as the policy has just been asked for the second plan.
pub(super) fn shape(plan: &LaunchPlan) -> Digest {
    let mut plan = plan.clone();
    plan.process.argv.clear();
    plan.process.env.clear();
    plan.process.cwd.clear();
    plan.process.terminal = Terminal::None;
    plan.policy = Digest::of(b"any");
    plan.notes.clear();
    plan.warm = None;
    let own = [Control::Env, Control::Wall, Control::Output, Control::Terminal];
    plan.lines.retain(|line| !own.contains(&line.control));
    if let (Ok(wall), Some(output)) = ("1s".parse(), perry_sandbox_policy::ByteSize::from_bytes(1)) {
        plan.limits.wall = wall;
        plan.limits.output = output;
    }
    plan.digest().as_digest().clone()
}
