//! Figures of the benches: interleaved rounds, medians, ratios to the first row, and a file that plots are drawn from.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What is measured beside others.
pub struct Row<'a> {
    /// Its name in the table.
    pub name: String,
    /// What stands around the program, for people.
    pub walls: &'static str,
    /// One round.
    pub work: Box<dyn FnMut() + 'a>,
    /// What is done after each round, and not measured.
    pub after: Option<Box<dyn FnMut() + 'a>>,
    /// It takes part in each n-th round only: some take seconds.
    pub every: usize,
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Row<'a> {
    /// A row that takes part in every round.
    pub fn new(name: impl Into<String>, walls: &'static str, work: impl FnMut() + 'a) -> Self {
        Self { name: name.into(), walls, work: Box::new(work), after: None, every: 1 }
    }

    /// Does something after each round that is not measured.
    #[must_use]
    pub fn and_then(self, after: impl FnMut() + 'a) -> Self {
        Self { after: Some(Box::new(after)), ..self }
    }

    /// Takes part in each n-th round only.
    #[must_use]
    pub fn every(self, every: usize) -> Self {
        Self { every, ..self }
    }
}

/// All tables of one bench.
#[derive(Debug)]
pub struct Report {
    bench: &'static str,
    tables: Vec<Value>,
    /// Whether this is a measurement, or only a proof that the bench works.
    pub real: bool,
    file: Option<PathBuf>,
}

impl Report {
    /// Reads the arguments: `--bench` (cargo's own) for a real measurement, and `--json FILE`.
    ///
    /// # Panics
    /// `--json` without a file.
    pub fn from_arguments(bench: &'static str) -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let place = arguments.iter().position(|argument| argument == "--json");
        let file = place.map(|place| PathBuf::from(arguments.get(place + 1).expect("--json FILE")));
        let real = arguments.iter().any(|argument| argument == "--bench");
        Self { bench, tables: Vec::new(), real, file }
    }

    /// So many rounds in a real measurement, else one.
    pub fn rounds(&self, rounds: usize) -> usize {
        if self.real { rounds } else { 1 }
    }

    /// Measures rows in interleaved rounds. A ratio is that of a row to the first one in the same round: a machine that
    /// slows down slows both.
    pub fn compare(&mut self, name: &str, rounds: usize, mut rows: Vec<Row<'_>>) {
        let rounds = self.rounds(rounds);
        let mut times: Vec<Vec<(f64, f64)>> = rows.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            let mut base = f64::NAN;
            for (number, (row, times)) in rows.iter_mut().zip(&mut times).enumerate() {
                if round % row.every != 0 {
                    continue;
                }
                let start = Instant::now();
                (row.work)();
                let took = milliseconds(start.elapsed());
                if let Some(after) = &mut row.after {
                    after();
                }
                if number == 0 {
                    base = took;
                }
                times.push((took, took / base));
            }
        }
        let measured: Vec<Value> = rows
            .iter()
            .zip(&times)
            .map(|(row, times)| {
                let took: Vec<f64> = times.iter().map(|(took, _)| *took).collect();
                let ratios = times.iter().map(|(_, ratio)| *ratio).collect();
                json!({
                    "name": row.name, "walls": row.walls, "rounds": times.len(),
                    "p50": part(took.clone(), 50), "p90": part(took, 90), "ratio": part(ratios, 50),
                })
            })
            .collect();
        self.add(name, "ms", measured);
    }

    /// Adds a table of figures that are no times of rows.
    pub fn add(&mut self, name: &str, unit: &str, rows: Vec<Value>) {
        print(name, unit, &rows);
        self.tables.push(json!({ "name": name, "unit": unit, "rows": rows }));
    }

    /// Writes the file, if one was asked for.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn finish(self) {
        let Some(file) = self.file else { return };
        let text = json!({
            "schema": "perry-sandbox/bench/v1", "bench": self.bench, "machine": machine(), "tables": self.tables,
        });
        let text = serde_json::to_string_pretty(&text).expect("plain data");
        fs::write(&file, text + "\n").expect("the file can be written");
        println!("written: {}", file.display());
    }
}

fn print(name: &str, unit: &str, rows: &[Value]) {
    println!("\n{name} ({unit})");
    for row in rows {
        let mut line = format!("  {:<34}", row["name"].as_str().unwrap_or_default());
        for (key, value) in row.as_object().into_iter().flatten() {
            if let (true, Some(number)) = (key != "rounds", value.as_f64()) {
                line += &format!(" {key} {number:>9.3}");
            }
        }
        println!("{line}   {}", row["walls"].as_str().unwrap_or_default());
    }
}

/// What the figures were measured on.
fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    json!({
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "processor": model.map(|(_, name)| name.trim()),
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "load": read("/proc/loadavg").split(' ').next(),
        "root": crate::is_root(),
    })
}

/// Milliseconds with their fractions.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value that so many per cent are below.
pub fn part(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = values.len().saturating_sub(1) * percent / 100;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Proportional set size of these processes together, in KiB: memory that several share is divided among them.
pub fn proportional_memory(processes: &[u32]) -> u64 {
    let of = |process: &u32| {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0)
    };
    processes.iter().map(of).sum()
}

/// A process and all that descend from it.
pub fn with_descendants(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut next = 0;
    while let Some(parent) = all.get(next).copied() {
        let text = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        all.extend(text.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    all
}
