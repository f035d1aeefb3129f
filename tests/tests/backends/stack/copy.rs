//! Files into services and out of them, of images that have no program for that.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::shop::shops;

const SERVICE: &str = "\
services:
  web:
    image: oci:examples/hello/image
    command: [/bin/busybox, sleep, '300']
    network_mode: none
";

#[test]
fn files_go_in_and_come_out_and_lead_nowhere_else() {
    let _turn = crate::life::turn();
    for shop in shops("copy") {
        shop.write(SERVICE);
        assert_eq!(shop.up(&[]).code, 0, "{}", shop.backend);
        let copy = |from: &str, to: &str| shop.compose(&["cp", from, to]);
        fs::create_dir_all(shop.file("given/below")).expect("a folder of ours");
        shop.give("given/below/file", "from the host");
        // It becomes the owner's of the folder, who need not be the program's user.
        let all = fs::Permissions::from_mode(0o666);
        fs::set_permissions(shop.file("given/below/file"), all).expect("it is ours");
        let gone = copy("given", "web:/tmp");
        assert_eq!(gone.code, 0, "{}: {gone:?}", shop.backend);
        let read = shop.exec("web", "cat /tmp/given/below/file; echo changed >/tmp/given/below/file");
        assert_eq!((read.code, read.stdout.as_str()), (0, "from the host"), "{}: {read:?}", shop.backend);
        let come = copy("web:/tmp/given/.", "got");
        assert_eq!(come.code, 0, "{}: {come:?}", shop.backend);
        assert_eq!(fs::read_to_string(shop.file("got/below/file")).expect("it came"), "changed\n");
        // Whatever a program inside makes, the host's files are not in reach.
        let hostile = "ln -s / /tmp/up; ln -s /proc/1/root /tmp/magic; ln -s ../../../../../etc/hostname /tmp/name; mkfifo /tmp/pipe";
        assert_eq!(shop.exec("web", hostile).code, 0);
        assert!(copy("web:/tmp/magic/etc/passwd", "got2").code == 1, "{}", shop.backend);
        let up = copy("web:/tmp/up/../../etc/hostname", "got3");
        let own = fs::read_to_string("/etc/hostname").unwrap_or_default();
        let found = fs::read_to_string(shop.file("got3")).unwrap_or_default();
        assert!(up.code != 0 || found != own, "{}: {found}", shop.backend);
        assert_eq!(copy("web:/tmp/name", "got4").code, 0);
        assert!(shop.file("got4").is_symlink(), "{}", shop.backend);
        let pipe = copy("web:/tmp/pipe", "got5");
        assert!(pipe.code == 1 && pipe.stderr.contains("neither a file"), "{pipe:?}");
        let into = copy("given", "web:/usr/given");
        assert!(into.code == 1 && into.stderr.contains("ead-only"), "{}: {into:?}", shop.backend);
        for [from, to] in [["given", "got"], ["web:/a", "web:/b"], ["-", "web:/a"]] {
            assert_eq!(copy(from, to).code, 2, "{from} {to}");
        }
        assert_eq!(shop.compose(&["down", "-t", "0"]).code, 0, "{}", shop.backend);
        assert_eq!(copy("web:/tmp/given", "got").code, 1, "nothing runs");
    }
}
