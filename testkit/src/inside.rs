//! The program that tries, inside of a sandbox, what a hostile program would try: `src/checker`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The checker as one static file, built once. Nothing where it cannot be built; that is said as a skip.
pub fn checker() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checker");
    let output = std::env::current_exe().ok()?.with_file_name("perry-sandbox-checker");
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let newest = fs::read_dir(&source).ok()?.flatten().filter_map(|entry| time(&entry.path())).max()?;
    if time(&output).is_some_and(|built| built > newest) {
        return Some(output);
    }
    // Under another name first: tests of another program may want it at the same moment.
    let early = output.with_extension(std::process::id().to_string());
    let built = Command::new("rustc")
        .args(["--edition", "2024", "-O", "-C", "strip=symbols", "-C", "target-feature=+crt-static", "-o"])
        .arg(&early)
        .arg(source.join("main.rs"))
        .status();
    if !built.is_ok_and(|status| status.success()) {
        crate::skip("no static checker (rustc, and a static C library)");
        return None;
    }
    fs::rename(early, &output).ok()?;
    Some(output)
}

/// What the checker said.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Lines of checks that found a precondition of an attack.
    pub open: Vec<String>,
    /// Lines of checks that held.
    pub held: Vec<String>,
    /// Names of checks that could not tell.
    pub skipped: Vec<String>,
}

impl Verdicts {
    /// Reads its output.
    pub fn read(output: &[u8]) -> Self {
        let mut verdicts = Self::default();
        for line in String::from_utf8_lossy(output).lines() {
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next()) {
                (Some("open"), Some(_)) => verdicts.open.push(line.to_owned()),
                (Some("ok"), Some(_)) => verdicts.held.push(line.to_owned()),
                (Some("skip"), Some(name)) => verdicts.skipped.push(name.to_owned()),
                _ => {}
            }
        }
        verdicts
    }

    /// Names of open checks.
    pub fn open_names(&self) -> BTreeSet<&str> {
        self.open.iter().filter_map(|line| line.split(' ').nth(1)).collect()
    }

    /// Names of all checks that could tell.
    pub fn names(&self) -> BTreeSet<&str> {
        self.open.iter().chain(&self.held).filter_map(|line| line.split(' ').nth(1)).collect()
    }
}
