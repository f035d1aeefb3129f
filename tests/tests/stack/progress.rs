//! What happens, on a real terminal: rows that are drawn over, and never more of them than there is room for.

use std::path::Path;
use std::process::Stdio;

use perry_sandbox_testkit::{Ran, compose_program};

use crate::lives::Up;

/// Runs `perry-compose` on a terminal of this size; what the terminal was sent is its output.
fn on_a_terminal(up: &Up, rows: u16, args: &str) -> Ran {
    let program = up.home.other_command(&compose_program());
    let line = format!("stty rows {rows} cols 60; exec '{}' {args}", program.get_program().to_string_lossy());
    let mut user = up.home.plain_command(Path::new("script"));
    user.args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .stdin(Stdio::null())
        .env("TERM", "xterm");
    Ran::from(user.output().expect("script starts"))
}

/// What a terminal shows in the end of what it was sent, as far as rows are drawn over.
fn shown(sent: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in sent.replace('\r', "").split('\n') {
        let mut part = part.to_owned();
        while let Some((before, after)) = part.split_once("A\u{1b}[J") {
            let count = before.rsplit('[').next().and_then(|count| count.parse::<usize>().ok());
            lines.truncate(lines.len().saturating_sub(count.expect("so many lines back")));
            part = after.to_owned();
        }
        lines.push(part);
    }
    lines
}

#[test]
fn rows_are_drawn_over_and_stay_in_the_end() {
    let up = Up::new();
    assert_eq!(up.run(&["-p", "shop", "down", "-t", "0"]).code, 0);
    let ran = on_a_terminal(&up, 24, "up -d --policy good.toml");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("\u{1b}[J"), "it is drawn again: {ran:?}");
    let lines = shown(&ran.stdout);
    assert_eq!(lines.iter().filter(|line| line.contains("start shop-web-1")).count(), 1, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("[+] 2/2")).count(), 1, "{lines:?}");
    let plain = on_a_terminal(&up, 24, "--progress plain restart -t 0");
    assert!(plain.code == 0 && !plain.stdout.contains("\u{1b}[J"), "{plain:?}");
    let never = on_a_terminal(&up, 24, "--ansi never restart -t 0");
    assert!(never.code == 0 && !never.stdout.contains('\u{1b}'), "{never:?}");
}

#[test]
fn more_rows_than_there_is_room_for_are_counted() {
    let up = Up::new();
    let ran = on_a_terminal(&up, 6, "scale --policy good.toml db=9");
    assert_eq!(ran.code, 0, "{ran:?}");
    // Up to the last frame, which has all of them.
    let highest = ran
        .stdout
        .split("\u{1b}[J")
        .filter_map(|frame| {
            frame
                .rsplit_once('\u{1b}')?
                .1
                .strip_prefix('[')?
                .strip_suffix('A')
                .or(Some("0"))?
                .parse::<u16>()
                .ok()
        })
        .max();
    assert!(highest.is_some_and(|highest| highest < 6), "{highest:?}: {ran:?}");
    assert_eq!(
        shown(&ran.stdout).iter().filter(|line| line.contains("start shop-db-")).count(),
        8,
        "{ran:?}"
    );
}
