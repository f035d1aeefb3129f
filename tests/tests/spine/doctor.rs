//! `doctor PROJECT`, on projects as people have them, and on hostile ones.

use std::path::{Path, PathBuf};

use perry_sandbox_testkit::{As, Home, Ran};
use serde_json::Value;

const HOST: &str = r#"{ "name": "app", "dependencies": { "@perry-sandbox/perry": "^0.1.0" },
  "perry": { "allow": { "nativeLibrary": ["@perry-sandbox/perry"] } } }"#;

/// A project in a home of its own.
struct Project {
    home: Home,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let project = Self { home: Home::new(As::Me) };
        std::fs::create_dir(project.path("")).expect("the home can be written");
        for (name, text) in files {
            project.write(name, text.as_bytes());
        }
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("app").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is below the project"))
            .expect("folders can be made");
        std::fs::write(path, bytes).expect("the project can be written");
    }

    fn doctor(&self) -> Ran {
        self.home.run(&["doctor", "app"])
    }

    /// What was found, as `code file:line:column`, and the exit code.
    fn found(&self) -> (Vec<String>, i32) {
        let (report, code) = self.report();
        let findings = report["findings"].as_array().expect("there is a list");
        let line = |it: &Value| {
            let text = |name: &str| it[name].as_str().expect("a finding has it").to_owned();
            format!("{} {}:{}:{}", text("code"), text("file"), it["line"], it["column"])
        };
        (findings.iter().map(line).collect(), code)
    }

    fn report(&self) -> (Value, i32) {
        let ran = self.home.run(&["doctor", "--json", "app"]);
        let report: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        assert_eq!(report["schema"], "perry-sandbox/doctor-project/v1");
        assert_eq!(report["exit"], ran.code, "{ran:?}");
        (report, ran.code)
    }
}

#[test]
fn every_way_to_name_a_dead_module_is_found_at_its_place() {
    let project = Project::new(&[
        ("package.json", HOST),
        ("src/a.ts", "import { run } from \"perry/container\";\n"),
        ("src/b.tsx", "const x = <p>don't</p>;\nexport * from 'perry/compose';\n"),
        ("src/c.mts", "/* no */ const w = await import(`perry/workloads`);\n"),
        ("src/d.cts", "import type {\n  Spec,\n} from 'perry/container-compose';\n"),
        ("lib/e.js", "const { run } = require('perry/container')\n"),
        ("lib/f.mjs", "import 'perry/container'\n"),
    ]);
    let (found, code) = project.found();
    assert_eq!(code, 1);
    assert_eq!(
        found,
        [
            "dead-import lib/e.js:1:25",
            "dead-import lib/f.mjs:1:8",
            "dead-import src/a.ts:1:21",
            "dead-import src/b.tsx:2:15",
            "dead-import src/c.mts:1:33",
            "dead-import src/d.cts:3:8",
        ]
    );
}

#[test]
fn the_text_says_line_for_line_what_to_write_instead() {
    let source = "import { exec, list as all } from \"perry/container\";\n";
    let ran = Project::new(&[("package.json", HOST), ("main.ts", source)]).doctor();
    assert_eq!(ran.code, 1, "{ran:?}");
    for piece in [
        "error[dead-import]: `perry/container` compiles and does nothing",
        " --> app/main.ts:1:35",
        "write instead: import { container } from \"@perry-sandbox/perry\";",
        "exec: `container.exec(id, command)`",
        "list: `container.list(all)` gives an array",
        "1 problem found",
    ] {
        assert!(ran.stdout.contains(piece), "`{piece}` is not in:\n{}", ran.stdout);
    }
}

#[test]
fn a_clean_project_is_clean() {
    let project = Project::new(&[
        ("package.json", HOST),
        (
            "main.ts",
            "import { container } from '@perry-sandbox/perry';\n// import { run } from 'perry/container'\n",
        ),
        ("text.ts", "export const s = \"import { run } from 'perry/container'\";\n"),
        ("ui.ts", "import { Window } from 'perry/ui';\n"),
        ("README.md", "import { run } from 'perry/container'\n"),
        ("node_modules/other/index.js", "require('perry/container')\n"),
        (".git/hook.js", "require('perry/container')\n"),
    ]);
    let ran = project.doctor();
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "4 files read, nothing dead found\n"), "{ran:?}");
}

#[test]
fn variables_that_change_nothing_are_found_in_code_and_scripts() {
    let project = Project::new(&[
        ("package.json", r#"{ "scripts": { "start": "PERRY_ALLOW_UNTRUSTED_SHARED_KERNEL=1 ./app" } }"#),
        ("main.ts", "if (process.env.PERRY_CONTAINER_VERIFY_IMAGES) {}\n// PERRY_CONTAINER_VERIFY_IMAGES\n"),
        (".env", "A=1\nPERRY_CONTAINER_VERIFY_IMAGES=on\n"),
        ("run.sh", "# PERRY_CONTAINER_VERIFY_IMAGES=1\nexport PERRY_ALLOW_UNTRUSTED_SHARED_KERNEL=0\n"),
    ]);
    let (found, code) = project.found();
    assert_eq!(code, 1);
    assert_eq!(
        found,
        [
            "variable-without-effect .env:2:1",
            "variable-without-effect main.ts:1:17",
            "variable-without-effect package.json:1:26",
            "variable-without-effect run.sh:2:8",
        ]
    );
    let ran = project.doctor();
    assert!(ran.stdout.contains("changes nothing here: every image is verified"), "{ran:?}");
}

#[test]
fn a_package_json_says_what_it_lacks() {
    let uses = "import { runCapability } from '@perry-sandbox/perry';\n";
    for (package, wanted) in [
        (r#"{}"#, &["dependency-missing main.ts:1:31", "native-library-not-allowed package.json:1:1"][..]),
        (
            r#"{ "dependencies": { "@perry-sandbox/perry": "1" }, "perry": { "allow": {} } }"#,
            &["native-library-not-allowed package.json:1:63"],
        ),
        (
            r#"{ "dependencies": { "@perry-sandbox/perry": "1" }, "perry": { "lockdown": true, "allow": { "nativeLibrary": ["@perry-sandbox/*"] } } }"#,
            &["lockdown package.json:1:63"],
        ),
        (HOST, &[]),
    ] {
        let (found, _) = Project::new(&[("package.json", package), ("main.ts", uses)]).found();
        assert_eq!(found, wanted, "{package}");
    }
    let (found, _) = Project::new(&[("main.ts", "import { run } from 'perry/container'")]).found();
    assert_eq!(
        found,
        ["dead-import main.ts:1:21", "dependency-missing main.ts:1:21"],
        "there is no package.json"
    );
    let subpath = "import { run } from '@perry-sandbox/perry/container';\n";
    let (found, _) = Project::new(&[("package.json", HOST), ("main.ts", subpath)]).found();
    assert_eq!(found, ["subpath main.ts:1:21"]);
}

#[test]
fn each_file_belongs_to_the_nearest_package() {
    let (found, _) = Project::new(&[
        ("package.json", "{ \"workspaces\": [\"a\", \"b\"] }"),
        ("a/package.json", HOST),
        ("a/src/main.ts", "import { container } from '@perry-sandbox/perry';"),
        ("b/package.json", "{}"),
        ("b/main.ts", "import { container } from '@perry-sandbox/perry';"),
    ])
    .found();
    assert_eq!(found, ["dependency-missing b/main.ts:1:27", "native-library-not-allowed b/package.json:1:1"]);
}

#[test]
fn the_migration_shim_mends_what_it_exports_once_it_is_set_up() {
    let shim = r#"{ "name": "perry", "exports": { "./container": "./container.ts" } }"#;
    let source = "import { run } from 'perry/container';\nimport { up } from 'perry/compose';\n";
    let active = r#"{ "dependencies": { "@perry-sandbox/perry": "^0.1.0" }, "perry": { "compilePackages": ["perry"],
        "allow": { "compilePackages": ["perry"], "nativeLibrary": ["@perry-sandbox/perry"] } } }"#;
    for (host, wanted) in [
        (active, &["dead-import main.ts:2:20"][..]),
        (HOST, &["shim-not-active main.ts:1:21", "dead-import main.ts:2:20"]),
    ] {
        let files = [("package.json", host), ("main.ts", source), ("node_modules/perry/package.json", shim)];
        let mut found = Project::new(&files).found().0;
        found.sort_by_key(|line| line.rsplit_once("ts:").map(|(_, place)| place.to_owned()));
        assert_eq!(found, wanted);
    }
}

#[test]
fn what_cannot_be_read_is_no_success() {
    let project = Project::new(&[("package.json", HOST)]);
    assert_eq!(project.home.run(&["doctor", "nowhere"]).code, 2);
    assert_eq!(project.home.run(&["doctor", "app/package.json"]).code, 2, "a file is no project");
    project.write("huge.ts", &vec![b'a'; 5 << 20]);
    project.write("package/package.json", b"{ \"a\": ");
    let (report, code) = project.report();
    assert_eq!(code, 2, "{report}");
    let unread = report["not-looked-at"].as_array().expect("there is a list");
    assert_eq!(unread.len(), 2, "{report}");
    assert!(
        unread.iter().any(|it| it["file"] == "huge.ts" && it["why"] == "it is larger than 4 MiB"),
        "{report}"
    );
    project.write("main.ts", b"import 'perry/container'");
    assert_eq!(project.doctor().code, 1, "what is found counts more");
}

#[test]
fn a_video_that_ends_in_ts_is_no_source() {
    let project = Project::new(&[("package.json", HOST)]);
    project.write("film.ts", &[0x47, 0, 1, 2, 0].repeat(2 << 20));
    project.write("latin.ts", b"// caf\xe9\nimport 'perry/container'\n");
    assert_eq!(project.found(), (vec!["dead-import latin.ts:2:8".to_owned()], 1));
}

#[test]
fn hostile_projects_are_read_in_bounds() {
    let project = Project::new(&[("package.json", HOST)]);
    let deep: PathBuf = std::iter::repeat_n("d", 100).collect();
    project.write(&deep.join("main.ts").to_string_lossy(), b"import 'perry/container'");
    for (name, piece) in
        [("a.ts", "=/["), ("b.ts", "`${"), ("c.ts", "'\\"), ("d.tsx", "import {"), ("e.ts", "{`")]
    {
        project.write(name, piece.repeat(300_000).as_bytes());
    }
    project.write("f/package.json", "{\"a\":".repeat(200_000).as_bytes());
    project.write("g.ts", "import 'perry/container';".repeat(20_000).as_bytes());
    let (report, code) = project.report();
    assert_eq!(code, 1);
    let unread = report["not-looked-at"].to_string();
    for why in ["folders deep", "recursion limit", "more than 10000 findings"] {
        assert!(unread.contains(why), "`{why}` is not in {unread}");
    }
    let text = project.doctor().stdout;
    assert!(text.len() < 1 << 20 && text.contains("and 9800 more"), "{} bytes", text.len());
}

#[test]
fn links_are_never_followed_and_pipes_never_waited_for() {
    let project = Project::new(&[("package.json", HOST), ("src/ok.ts", "export {};\n")]);
    let outside = project.home.path().join("outside");
    std::fs::create_dir(&outside).expect("the home can be written");
    std::fs::write(outside.join("secret.ts"), "import 'perry/container'").expect("it can be written");
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, project.path(name)).expect("links can be made");
    };
    link(&outside, "src/out");
    link(&outside.join("secret.ts"), "src/secret.ts");
    link(Path::new("."), "src/loop");
    link(Path::new("itself.ts"), "itself.ts");
    let made = std::process::Command::new("mkfifo").arg(project.path("pipe.ts")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo is everywhere");
    let ran = project.doctor();
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "2 files read, nothing dead found\n"), "{ran:?}");
}

#[test]
fn a_projects_text_cannot_drive_the_terminal() {
    let source = "import { \"\x1b]0;owned\x07\" as x } from 'perry/container' // \x1b[2J\n";
    let ran = Project::new(&[("package.json", HOST), ("main.ts", source)]).doctor();
    assert_eq!(ran.code, 1);
    assert!(!ran.stdout.contains(['\x1b', '\x07']), "{ran:?}");
}

#[test]
fn the_example_shows_both_and_without_a_project_the_machine_is_looked_at() {
    let home = Home::new(As::Ordinary);
    let ran = home.run(&["doctor", "examples/migrate"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("2 problems found"), "{ran:?}");
    assert!(home.run(&["doctor"]).stdout.contains("user namespaces"));
}
