//! Plain files stand in for the kernel's: what is found, what is written, and who is killed.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::native::tests::bounds;

/// A folder with those files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), files);
    folder
}

fn fill(folder: &Path, files: &[(&str, &str)]) {
    fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

const HANDED_DOWN: [(&str, &str); 2] =
    [("cgroup.subtree_control", "cpu io memory pids\n"), ("cgroup.procs", "")];
/// What a v2 group of today's kernels has.
const GROUP: [(&str, &str); 7] = [
    ("memory.max", "max"),
    ("memory.swap.max", "max"),
    ("memory.oom.group", "0"),
    ("pids.max", "max"),
    ("cpu.max", "max"),
    ("cgroup.procs", ""),
    ("cgroup.kill", ""),
];

/// The one group of a sandbox in this folder, which has these files already.
fn group_of(parent: &TempDir, files: &[(&str, &str)]) -> Group {
    let group = Room::V2(parent.path().to_owned()).plan("test").unwrap();
    fill(&group.folders[0], files);
    group
}

fn read(group: &Group, file: &str) -> String {
    fs::read_to_string(group.folders[0].join(file)).unwrap()
}

fn sleeper() -> Child {
    Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap()
}

#[test]
fn v1_wins_in_a_hybrid_and_needs_its_folders_to_be_writable() {
    let own = "4:memory:/none\n3:cpu,cpuacct:/none\n2:pids:/none\n0::/\n";
    let mounts = "30 1 0:1 / /nowhere/m rw - cgroup cgroup rw,memory\n\
                  31 1 0:2 / /nowhere/p rw - cgroup cgroup rw,pids\n\
                  32 1 0:3 / /nowhere/c rw - cgroup cgroup rw,cpu,cpuacct\n\
                  33 1 0:4 / /nowhere/u rw - cgroup2 cgroup2 rw\n";
    assert!(matches!(find_in(own, mounts), Room::Nowhere { why, .. } if why.contains("v1")));
}

#[test]
fn nothing_mounted_is_said() {
    assert!(matches!(find_in("", ""), Room::Nowhere { why, .. } if why.contains("no cgroup")));
}

#[test]
fn on_v2_the_nearest_delegated_group_above_is_taken() {
    let root = folder(&HANDED_DOWN);
    let unit = root.path().join("user.slice/unit");
    fill(&unit, &HANDED_DOWN);
    fill(&unit.join("own"), &HANDED_DOWN);
    fill(&unit.join("bare/own"), &HANDED_DOWN);
    let mounts = format!("33 1 0:4 / {} rw - cgroup2 cgroup2 rw\n", root.path().display());
    let find = |own: &str| find_in(&format!("0::{own}\n"), &mounts);
    // Our own group holds this process, so its children could not be limited.
    assert_eq!(find("/user.slice/unit/own"), Room::V2(unit.clone()));
    assert_eq!(find("/user.slice/unit/bare/own"), Room::V2(unit), "what lies between is not delegated");
    assert_eq!(find("/user.slice/other"), Room::V2(root.path().join("")));
    assert!(matches!(find("/"), Room::Nowhere { remedy, .. } if remedy.contains("Delegate=yes")));
}

#[test]
fn delegated_is_what_hands_down_every_controller_and_takes_processes() {
    assert!(is_delegated(folder(&HANDED_DOWN).path()));
    for handed in ["", "memory pids", "cpu memory", "cpuset memory pids", "cpu memory pids.max"] {
        let folder = folder(&[("cgroup.subtree_control", handed), ("cgroup.procs", "")]);
        assert!(!is_delegated(folder.path()), "{handed}");
    }
    assert!(!is_delegated(folder(&HANDED_DOWN[..1]).path()), "no process could be put there");
    assert!(!is_delegated(folder(&[]).path()));
}

#[test]
fn a_group_stands_in_its_room_under_our_name() {
    let group = Room::V2("/room".into()).plan("name").unwrap();
    assert_eq!(group, Group { v2: true, folders: vec!["/room/perry-sandbox-name".into()] });
    let nowhere = Room::Nowhere { why: String::new(), remedy: String::new() };
    assert_eq!(nowhere.plan("name"), None);
}

#[test]
fn limits_are_written_in_the_words_of_v2() {
    let parent = folder(&[]);
    let group = group_of(&parent, &GROUP);
    group.limit(&Bounds { memory: 1 << 20, pids: 7, milli_cpu: 1500, ..bounds() }).unwrap();
    let written = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max"];
    let written = written.map(|file| read(&group, file));
    assert_eq!(written, ["1048576", "0", "1", "7", "150000 100000"]);
}

#[test]
fn only_what_some_kernels_lack_may_be_missing() {
    for (missing, is_optional) in [
        ("memory.swap.max", true),
        ("memory.oom.group", true),
        ("memory.max", false),
        ("pids.max", false),
        ("cpu.max", false),
    ] {
        let parent = folder(&[]);
        let group = group_of(&parent, &GROUP);
        fs::remove_file(group.folders[0].join(missing)).unwrap();
        assert_eq!(group.limit(&bounds()).is_ok(), is_optional, "{missing}");
        assert!(!group.folders[0].join(missing).exists(), "{missing} is not created");
    }
}

#[test]
fn a_group_that_cannot_be_limited_is_removed_again() {
    let parent = folder(&[]);
    let group = Room::V2(parent.path().to_owned()).plan("test").unwrap();
    // A plain folder gets no files of the kernel.
    assert_eq!(group.make(&bounds()).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!group.folders[0].exists());
}

#[test]
fn all_are_killed_by_one_write_where_the_kernel_can() {
    let parent = folder(&[]);
    let group = group_of(&parent, &GROUP);
    let mut child = sleeper();
    fs::write(group.folders[0].join("cgroup.procs"), child.id().to_string()).unwrap();
    assert!(group.is_populated());
    kill_all(&group.folders[0]);
    assert_eq!(read(&group, "cgroup.kill"), "1");
    assert!(child.try_wait().unwrap().is_none(), "nobody is killed one by one as well");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn without_that_file_each_member_is_killed() {
    use std::os::unix::process::ExitStatusExt as _;
    let parent = folder(&[]);
    let mut child = sleeper();
    let members = format!("0\n{}\n", child.id());
    let group = group_of(&parent, &[("cgroup.procs", &members)]);
    kill_all(&group.folders[0]);
    assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    assert!(!group.folders[0].join("cgroup.kill").exists(), "the file is not created");
}

#[test]
fn a_process_without_groups_that_hold_limits_is_in_none_to_join() {
    let mounts = "1 2 0:1 / /c/memory rw - cgroup cgroup rw,memory\n\
        2 2 0:2 / /c/pids rw - cgroup cgroup rw,pids\n\
        3 2 0:3 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
        4 2 0:4 / /c/unified rw - cgroup2 cgroup2 rw\n";
    let own = "5:memory:/docker/a\n4:pids:/docker/a\n3:cpu,cpuacct:/docker/a\n0::/docker/b\n";
    let found = groups_in(own, mounts).unwrap();
    let names = ["/c/memory/docker/a", "/c/pids/docker/a", "/c/cpu/docker/a", "/c/unified/docker/b"];
    assert_eq!((found.v2, found.folders), (false, names.map(PathBuf::from).to_vec()));
    for lacking in ["4:pids:/docker/a\n", "5:memory:/docker/a\n"] {
        let (root, gone) = (lacking.replace("docker/a", ""), String::new());
        for instead in [root, gone] {
            let own = own.replace(lacking, &instead);
            assert_eq!(
                groups_in(&own, mounts),
                None,
                "the unified hierarchy beside it holds no limit: {own}"
            );
        }
    }
    let unified = "4 2 0:4 / /c rw - cgroup2 cgroup2 rw\n";
    let found = groups_in("0::/system.slice/docker-a.scope\n", unified).unwrap();
    assert_eq!((found.v2, found.folders), (true, vec![PathBuf::from("/c/system.slice/docker-a.scope")]));
    assert_eq!(groups_in("0::/../x\n", unified), None);
    assert_eq!(groups_in("0::/\n", unified), None);
}
