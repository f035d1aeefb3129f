//! The example of the README.

use crate::wall::walls;

#[test]
fn the_example_says_the_same_everywhere() {
    let mut first = None;
    for wall in walls() {
        let home = wall.home();
        let ran = wall.run(&home, &[], &["/usr/bin/look"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{wall:?}: {ran:?}");
        // gVisor's /proc does not say so; that nothing can be gained is asked elsewhere.
        let said = ran.stdout.replace("no new privileges ,", "no new privileges 1,");
        assert!(
            said.starts_with("Hello, from a signed image.\n") && said.lines().count() > 8,
            "{wall:?}: {said}"
        );
        assert_eq!(&said, first.get_or_insert_with(|| said.clone()), "{wall:?}");
    }
}
