//! What can be done before a call is known, and the call itself.

use std::path::PathBuf;

use nix::sys::stat::fstat;

use crate::native::settings::{Bounds, RootFolder};
use crate::native::spec::Spec;
use crate::native::steps::Step;
use crate::native::sys::{LONGEST_CALL, MOST_WORDS};
use crate::native::text::Text;

/// What a ready sandbox is. A call that differs in one of these is none for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Every step that is done ahead, and those that follow the call; no argument and no variable.
    pub(super) shape: Spec,
    /// Limits that its cgroups hold.
    pub(super) bounds: Bounds,
    /// The image's tree.
    pub(super) tree: Tree,
    /// The folder of live sandboxes.
    pub(super) live: PathBuf,
}

/// Which folder a tree is. As long as a sandbox is made of it, no other has its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tree {
    device: u64,
    inode: u64,
}

impl Tree {
    pub(super) fn of(root: &RootFolder) -> nix::Result<Self> {
        let found = fstat(&root.folder)?;
        Ok(Self { device: found.st_dev, inode: found.st_ino })
    }
}

/// Arguments and environment, as a ready sandbox reads them.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) bytes: Vec<u8>,
    /// To name the program where it cannot be executed.
    pub(super) argv: Vec<Text>,
}

/// Takes arguments and environment out of the steps: the sandbox waits for them before its filter is loaded, so that no
/// profile has to allow the waiting. Nothing where they are longer than a waiting sandbox has room for.
pub(crate) fn split(mut spec: Spec) -> Option<(Spec, Call)> {
    let filter = spec.steps.iter().position(|step| matches!(step, Step::Filter { .. }))?;
    spec.steps.insert(filter, Step::AwaitCall);
    let (argv, env) = (std::mem::take(&mut spec.argv), std::mem::take(&mut spec.env));
    let words = argv.len().saturating_add(env.len());
    let mut bytes = u16::try_from(argv.len()).ok()?.to_ne_bytes().to_vec();
    for word in argv.iter().chain(&env) {
        bytes.extend_from_slice(word.as_c().to_bytes_with_nul());
    }
    (words <= MOST_WORDS && bytes.len() <= LONGEST_CALL).then_some((spec, Call { bytes, argv }))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::spec_of;
    use super::*;

    #[test]
    fn all_but_the_filter_and_exec_is_done_before_the_call() {
        let whole = spec_of(&["/bin/busybox", "echo", "x"]);
        let (shape, call) = split(whole.clone()).unwrap();
        let waits = shape.steps.iter().position(|step| *step == Step::AwaitCall).unwrap();
        assert_eq!((&shape.steps[..waits], shape.steps.len() - waits), (&whole.steps[..waits], 3));
        let last = shape.steps[..waits]
            .iter()
            .rfind(|step| matches!(step, Step::DieWithParent | Step::Become { .. } | Step::Caps { .. }));
        assert_eq!(last, Some(&Step::DieWithParent), "or it would wait for ever for a runner that is dead");
        assert!(shape.argv.is_empty() && shape.env.is_empty());
        assert!(call.bytes.starts_with(b"\x03\x00/bin/busybox\0echo\0x\0"), "{call:?}");
    }

    #[test]
    fn two_calls_of_one_program_have_one_shape_and_another_program_has_another() {
        let shape = |argv: &[&str]| split(spec_of(argv)).unwrap().0;
        assert_eq!(shape(&["/bin/busybox", "true"]), shape(&["/bin/busybox", "echo", "x"]));
        assert_ne!(shape(&["/bin/busybox", "true"]), shape(&["/bin/true", "true"]));
    }

    #[test]
    fn what_is_too_long_does_not_wait() {
        let long = "x".repeat(LONGEST_CALL);
        assert!(split(spec_of(&["/bin/busybox", &long])).is_none());
        let many = ["x"].repeat(MOST_WORDS + 1);
        assert!(split(spec_of(&many)).is_none());
    }
}
