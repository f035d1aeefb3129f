//! A unified diff of edits.

use std::fmt::Write as _;
use std::ops::Range;

use super::apply::with;
use crate::finding::Edit;
use crate::place::Place;

/// Lines around a change.
const AROUND: usize = 3;

/// Where each line begins, and the end of the text.
fn starts(text: &str) -> Vec<usize> {
    let mut starts = vec![0];
    starts.extend(
        text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at.saturating_add(1)),
    );
    if starts.last() != Some(&text.len()) {
        starts.push(text.len());
    }
    starts
}

/// Lines that change together, and the edits in them.
struct Region {
    lines: Range<usize>,
    edits: Vec<Edit>,
}

fn regions(edits: &[Edit], starts: &[usize]) -> Vec<Region> {
    let line = |offset: usize| starts.partition_point(|start| *start <= offset).saturating_sub(1);
    let last = starts.len().saturating_sub(1);
    let mut ordered: Vec<&Edit> = edits.iter().collect();
    ordered.sort_by_key(|edit| (edit.place.start, edit.place.end));
    let mut regions: Vec<Region> = Vec::new();
    for edit in ordered {
        let first = line(edit.place.start);
        let begins = starts.get(first) == Some(&edit.place.start);
        let ends = starts.get(line(edit.place.end)) == Some(&edit.place.end);
        // Whole lines that go or come leave the line behind them alone.
        let end = if begins && ends { line(edit.place.end) } else { line(edit.place.end).saturating_add(1) };
        let lines = first.min(last)..end.min(last);
        match regions.last_mut().filter(|known| {
            lines.start < known.lines.end || lines.start == known.lines.end && known.lines.is_empty()
        }) {
            Some(known) => {
                known.lines.end = known.lines.end.max(lines.end);
                known.edits.push(edit.clone());
            }
            None => regions.push(Region { lines, edits: vec![edit.clone()] }),
        }
    }
    regions
}

/// The edits of a file as a diff; `text` is what may be shown of it.
pub(super) fn unified(name: &str, text: &str, edits: &[Edit]) -> String {
    let starts = starts(text);
    let regions = regions(edits, &starts);
    let count = starts.len().saturating_sub(1);
    let slice = |lines: Range<usize>| {
        let (from, to) = (starts.get(lines.start).copied(), starts.get(lines.end).copied());
        from.zip(to).and_then(|(from, to)| text.get(from..to)).unwrap_or_default()
    };
    let mut diff = format!("--- a/{name}\n+++ b/{name}\n");
    let mut shift: isize = 0;
    for hunk in hunks(&regions) {
        let lines = hunk.first().map_or(0, |first| first.lines.start.saturating_sub(AROUND))
            ..hunk.last().map_or(0, |last| last.lines.end.saturating_add(AROUND).min(count));
        let (mut body, mut new_lines, mut at) = (String::new(), 0_usize, lines.start);
        for region in hunk {
            new_lines = new_lines.saturating_add(prefixed(&mut body, ' ', slice(at..region.lines.start)));
            let old = slice(region.lines.clone());
            prefixed(&mut body, '-', old);
            let base = starts.get(region.lines.start).copied().unwrap_or_default();
            let new = with(old, &moved(&region.edits, base)).unwrap_or_default();
            new_lines = new_lines.saturating_add(prefixed(&mut body, '+', &new));
            at = region.lines.end;
        }
        new_lines = new_lines.saturating_add(prefixed(&mut body, ' ', slice(at..lines.end)));
        let old_start = lines.start.saturating_add(1);
        let new_start = old_start.saturating_add_signed(shift);
        let _ = writeln!(diff, "@@ -{old_start},{} +{new_start},{new_lines} @@", lines.len());
        diff.push_str(&body);
        shift = shift.saturating_add_unsigned(new_lines).saturating_sub_unsigned(lines.len());
    }
    diff
}

/// Regions that share the lines around them.
fn hunks(regions: &[Region]) -> impl Iterator<Item = &[Region]> {
    let near = |a: &Region, b: &Region| b.lines.start.saturating_sub(a.lines.end) <= AROUND.saturating_mul(2);
    regions.chunk_by(near)
}

fn moved(edits: &[Edit], base: usize) -> Vec<Edit> {
    let place = |place: Place| Place {
        start: place.start.saturating_sub(base),
        end: place.end.saturating_sub(base),
        ..place
    };
    edits.iter().map(|edit| Edit { place: place(edit.place), text: edit.text.clone() }).collect()
}

/// Adds lines with a sign; gives their number.
fn prefixed(body: &mut String, sign: char, text: &str) -> usize {
    let mut count: usize = 0;
    for line in text.lines() {
        body.push(sign);
        body.push_str(line);
        body.push('\n');
        count = count.saturating_add(1);
    }
    count
}
