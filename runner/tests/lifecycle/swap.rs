//! A program that is swapped between the look at it and its execution.

use perry_sandbox_policy::RootfsMode;
use perry_sandbox_runner::{End, LaunchError, LifecycleError, RunError};

use super::yard::{until, yard};

/// Lets `/bin/x` be, in turns, a program of the image and a way to the program of the host that executes it. A loader of
/// its own would then run as that program.
const SWAP: &str = "cd /bin; mkdir -p /lib64; cp busybox /lib64/ld-linux-x86-64.so.2; cp busybox own; \
                    printf '#!/proc/self/exe\\n' > host; chmod 755 host; cp own x; echo ready; \
                    while :; do ln own next; mv next x; ln host next; mv next x; done";

#[test]
fn cve_2019_5736_a_program_that_is_swapped_while_it_joins_never_is_one_of_the_host() {
    let mut yard = yard(SWAP);
    yard.spine.plan.rootfs = RootfsMode::Ephemeral;
    (yard.spine.plan.process.user.uid, yard.spine.plan.process.user.gid) = (0, 0);
    let id = yard.run();
    until(|| yard.log(&id).contains("ready").then_some(()));
    let plan = yard.plan(&["/bin/x"]);
    let (mut own, mut refused) = (0, 0);
    for _ in 0..150 {
        match yard.exec(&id, &plan) {
            Ok(outcome) => {
                let text = String::from_utf8_lossy(&outcome.stderr).into_owned();
                assert_eq!((outcome.end, text.as_str()), (End::Exited(127), "x: applet not found\n"));
                own += 1;
            }
            Err(LifecycleError::Launch(LaunchError::Run(RunError::ProgramNotExecutable { .. }))) => {
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(own > 0 && refused > 0, "it was swapped: {own} of the image, {refused} refused");
}
